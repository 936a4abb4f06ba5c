%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

%% What no EPMD and no name server says.
-define(SILENT, [hold]).
-define(TIMEOUT_MS, 60000).
%% For what is meant to time out.
-define(SHORT_MS, 200).
-define(EUNIT_LIMIT_S, 120).


available_test() ->
    ?assertEqual(ok, barnacle_native:available()).

info_test() ->
    Info = barnacle_native:info(),
    ?assertMatch(#{available := true, operations := _, cares := _, libuv := _}, Info),
    #{operations := Operations} = Info,
    ?assert(is_integer(Operations)).

%% EPMD

epmd_test_() ->
    {setup, fun bed_epmd:start/0, fun bed_epmd:stop/1, fun(Epmd) ->
        [
            {"knows no nodes", fun() -> knows_no_nodes(bed_epmd:port(Epmd)) end},
            {"knows its nodes", fun() -> knows_nodes(bed_epmd:port(Epmd)) end},
            {"many at once", {timeout, ?EUNIT_LIMIT_S, fun() -> many(bed_epmd:port(Epmd)) end}}
        ]
    end}.

knows_no_nodes(Port) ->
    ?assertEqual(
        {ok, [{<<"127.0.0.1">>, {ok, []}}]},
        barnacle_native:epmd_names([<<"127.0.0.1">>], epmd_options(Port))
    ).

knows_nodes(Port) ->
    One = bed_epmd_entry:register("one", 40001, Port),
    Two = bed_epmd_entry:register("two", 40002, Port),
    Hosts = [<<"127.0.0.1">>, <<"localhost">>, unused_host(), <<"no host">>, <<"127.0.0.1">>],
    {ok, Results} = barnacle_native:epmd_names(Hosts, epmd_options(Port)),
    ?assertEqual(Hosts, [Host || {Host, _} <- Results]),
    [{_, {ok, Names}}, ByName, Refused, NoHost, Again] = Results,
    ?assertEqual([{<<"one">>, 40001}, {<<"two">>, 40002}], lists:sort(Names)),
    ?assertEqual({<<"localhost">>, {ok, Names}}, ByName),
    ?assertMatch({_, {error, econnrefused}}, Refused),
    ?assertEqual({<<"no host">>, {error, qfmterror}}, NoHost),
    ?assertEqual({<<"127.0.0.1">>, {ok, Names}}, Again),
    ok = gen_tcp:close(One),
    ok = gen_tcp:close(Two).

many(Port) ->
    Ask = fun() -> barnacle_native:epmd_names([<<"127.0.0.1">>], epmd_options(Port)) end,
    Workers = [spawn_monitor(fun() -> exit({answer, Ask()}) end) || _ <- lists:seq(1, 200)],
    Answers = [
        receive
            {'DOWN', Monitor, process, Pid, Reason} -> Reason
        end
     || {Pid, Monitor} <- Workers
    ],
    ?assertEqual([{answer, {ok, [{<<"127.0.0.1">>, {ok, []}}]}}], lists:usort(Answers)).

%% What other than a reply comes from a host is that host's error.
epmd_errors_test() ->
    Port = bed_ports:port(),
    Scripts = [
        {bed_epmd_script:names([{"a", 4000}]), {ok, [{<<"a">>, 4000}]}},
        {?SILENT, {error, timeout}},
        {[{send, "garbage, and no more than that"}], {error, bad_reply}},
        {bed_epmd_script:names([{"a", 0}]), {error, bad_reply}},
        {bed_epmd_script:names([{[$a + I], 4000} || I <- lists:seq(0, 4)]), {error, too_long}},
        {[], {error, bad_reply}}
    ],
    Hosts = [{bed_ports:address(), Script, Result} || {Script, Result} <- Scripts],
    Servers = [
        bed_epmd_script:start_link({Address, Port}, Script)
     || {Address, Script, _} <- Hosts
    ],
    Options = (epmd_options(Port))#{timeout := 10 * ?SHORT_MS, max_names => 4},
    ?assertEqual(
        {ok, [{to_text(Address), Result} || {Address, _, Result} <- Hosts]},
        barnacle_native:epmd_names([to_text(Address) || {Address, _, _} <- Hosts], Options)
    ),
    [ok = bed_epmd_script:stop(Server) || Server <- Servers],
    ok.

no_hosts_test() ->
    ?assertEqual({ok, []}, barnacle_native:epmd_names([], #{timeout => 1})),
    ?assertEqual({ok, []}, barnacle_native:resolve([], #{timeout => 1})).

%% The operation and its caller

killed_caller_leaves_no_operation_test() ->
    {Server, Host, Port} = silent(),
    Before = operations(),
    Callers = [
        spawn(fun() -> barnacle_native:epmd_names([Host], epmd_options(Port)) end)
     || _ <- lists:seq(1, 20)
    ],
    ok = bed_wait:until(begun, fun() -> operations() =:= Before + 20 end),
    [exit(Caller, kill) || Caller <- Callers],
    ok = bed_wait:until(ended, fun() -> operations() =:= Before end),
    ok = bed_epmd_script:stop(Server).

finished_operations_are_gone_test() ->
    Before = operations(),
    Resolve = fun() -> barnacle_native:resolve([<<"127.0.0.1">>], #{timeout => ?TIMEOUT_MS}) end,
    [{ok, [{_, {ok, [_]}}]} = Resolve() || _ <- lists:seq(1, 200)],
    ok = bed_wait:until(ended, fun() -> operations() =< Before end).

%% A caller that traps exits, with other messages before, while and after.
mailbox_is_left_alone_test() ->
    Self = self(),
    {Server, Host, Port} = silent(),
    {Caller, Monitor} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        [self() ! {before, N} || N <- lists:seq(1, 10000)],
        Self ! ready,
        Result = barnacle_native:epmd_names([Host], (epmd_options(Port))#{timeout := ?SHORT_MS}),
        {messages, Messages} = process_info(self(), messages),
        exit({Result, Messages})
    end),
    receive
        ready -> ok
    end,
    Caller ! {select, make_ref(), make_ref(), ready_input},
    exit(Caller, a_reason),
    {Result, Messages} =
        receive
            {'DOWN', Monitor, process, Caller, Reason} -> Reason
        end,
    ?assertEqual({ok, [{Host, {error, timeout}}]}, Result),
    {Before, During} = lists:split(10000, Messages),
    ?assertEqual([{before, N} || N <- lists:seq(1, 10000)], Before),
    ?assertMatch([{select, _, _, ready_input}, {'EXIT', Self, a_reason}], During),
    ok = bed_epmd_script:stop(Server).

no_message_is_left_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        Port = bed_ports:port(),
        Address = bed_ports:address(),
        Server = bed_epmd_script:start_link({Address, Port}, bed_epmd_script:names([{"a", 1}])),
        Host = to_text(Address),
        {Caller, Monitor} = spawn_monitor(fun() ->
            [
                {ok, [{Host, {ok, [{<<"a">>, 1}]}}]} =
                    barnacle_native:epmd_names([Host], epmd_options(Port))
             || _ <- lists:seq(1, 1000)
            ],
            exit(process_info(self(), messages))
        end),
        receive
            {'DOWN', Monitor, process, Caller, Left} -> ?assertEqual({messages, []}, Left)
        end,
        ok = bed_epmd_script:stop(Server)
    end}.

%% Host names and the DNS

resolve_test() ->
    Hosts = [<<"127.0.0.1">>, <<"localhost">>, <<"a..b">>, <<"::1">>],
    ?assertEqual(
        {ok, [
            {<<"127.0.0.1">>, {ok, [{127, 0, 0, 1}]}},
            {<<"localhost">>, {ok, [{127, 0, 0, 1}]}},
            {<<"a..b">>, {error, qfmterror}},
            {<<"::1">>, {error, {posix, eafnosupport}}}
        ]},
        barnacle_native:resolve(Hosts, #{timeout => ?TIMEOUT_MS})
    ),
    ?assertEqual(
        {ok, [{<<"::1">>, {ok, [{0, 0, 0, 0, 0, 0, 0, 1}]}}]},
        barnacle_native:resolve([<<"::1">>], #{timeout => ?TIMEOUT_MS, family => inet6})
    ).

dns_silent_name_server_test() ->
    {ok, Socket} = gen_udp:open(0, [binary, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Socket),
    Server = iolist_to_binary(io_lib:format("127.0.0.1:~b", [Port])),
    ?assertEqual(
        {ok, #{
            candidate => <<"host.example">>,
            a => {error, timeout},
            aaaa => {error, timeout},
            queried => [{<<"host.example">>, Server, timeout}],
            doubts => [],
            truncated => []
        }},
        barnacle_native:dns(<<"host.example.">>, #{timeout => ?SHORT_MS, nameservers => [Server]})
    ),
    %% It was that one that was asked.
    receive
        {udp, Socket, _, _, Query} -> ?assertNotEqual(nomatch, binary:match(Query, <<4, "host">>))
    after 0 -> ?assert(false)
    end,
    ok = gen_udp:close(Socket),
    flush_udp(Socket).

bad_names_and_name_servers_test() ->
    Options = #{timeout => ?TIMEOUT_MS},
    [
        ?assertMatch({Name, {error, {bad_name, _}}}, {Name, barnacle_native:dns(Name, Options)})
     || Name <- [<<>>, <<"a b">>, <<"a@b">>, <<0>>, <<"a..b">>, binary:copy(<<"a">>, 64)]
    ],
    [
        ?assertMatch(
            {Server, {error, {bad_nameserver, _}}},
            {Server, barnacle_native:dns(<<"a.example">>, Options#{nameservers => [Server]})}
        )
     || Server <- [<<>>, <<"dns.example">>, <<"10.0.0.2:0">>, <<"10.0.0.2:65536">>, <<"::1:53x">>]
    ].

%% Options

refused_by_the_core_test_() ->
    Good = #{timeout => 1000},
    Epmd = fun barnacle_native:epmd_names/2,
    Dns = fun barnacle_native:dns/2,
    Resolve = fun barnacle_native:resolve/2,
    [
        {atom_to_list(Key), fun() ->
            {error, {bad_request, Text}} = Operation(Subject, Options),
            [
                ?assertNotEqual({Part, Text, nomatch}, {Part, Text, string:find(Text, Part)})
             || Part <- [atom_to_list(Key) | Parts]
            ]
        end}
     || {Operation, Key, Subject, Options, Parts} <- [
            {Epmd, timeout_ms, [], #{}, ["is missing"]},
            {Epmd, timeout_ms, [], #{timeout => 0}, ["from 1 to 86400000", "not 0"]},
            {Epmd, timeout_ms, [], #{timeout => -1}, ["not -1"]},
            {Epmd, timeout_ms, [], #{timeout => 86400001}, ["not 86400001"]},
            {Epmd, timeout_ms, [], #{timeout => 1 bsl 70}, ["from 1 to"]},
            {Epmd, request, [], #{timeout => 1.5}, ["can't be decoded"]},
            {Epmd, timeout_ms, [], #{timeout => infinity}, ["infinity"]},
            {Epmd, port, [], Good#{port => 0}, ["from 1 to 65535", "not 0"]},
            {Epmd, port, [], Good#{port => 65536}, ["not 65536"]},
            {Epmd, concurrency, [], Good#{concurrency => 0}, ["not 0"]},
            {Epmd, max_names, [], Good#{max_names => 0}, ["not 0"]},
            {Epmd, max_bytes, [], Good#{max_bytes => 1 bsl 31}, ["not 2147483648"]},
            {Epmd, nameservers, [], Good#{nameservers => <<"10.0.0.2">>}, ["a list of binaries"]},
            {Epmd, nameservers, [], Good#{nameservers => ["10.0.0.2"]}, ["a list of binaries"]},
            {Epmd, grace_ms, [], Good#{grace => 1}, ["a key must be one of hosts", "not"]},
            {Epmd, hosts, <<"127.0.0.1">>, Good, ["a list of binaries"]},
            {Epmd, hosts, ["127.0.0.1"], Good, ["a list of binaries"]},
            {Epmd, hosts, [<<"a">> | <<"b">>], Good, ["a proper list"]},
            {Dns, name, "a", Good, ["a binary"]},
            {Dns, grace_ms, <<"a">>, Good#{grace => -1}, ["from 0 to 86400000", "not -1"]},
            {Resolve, family, [], Good#{family => both}, ["inet or inet6", "\"both\""]}
        ]
    ].

%% The documented functions name the value and the fix.
lookup_with_a_bad_timeout_test() ->
    [
        begin
            {bad_argument, Text} =
                try
                    Lookup(TimeoutMs)
                catch
                    exit:Reason -> Reason
                end,
            [
                ?assertNotEqual({Part, Text, nomatch}, {Part, Text, string:find(Text, Part)})
             || Part <- [Named, "a whole number of ms from 1 to 86400000"]
            ]
        end
     || {TimeoutMs, Named} <- [
            {0, "timeout 0:"},
            {-1, "timeout -1:"},
            {1.5, "timeout 1.5:"},
            {infinity, "timeout infinity:"}
        ],
        Lookup <- [
            fun(Ms) -> barnacle_dns:lookup(<<"127.0.0.1">>, Ms) end,
            fun(Ms) -> barnacle_dns:discover_nodes(<<"app">>, <<"127.0.0.1">>, Ms) end
        ]
    ].

%% Diff

diff_test() ->
    Wanted = [<<"a@h">>, 'b@h', <<"c@h">>, 'self@h', <<"a@h">>, <<"d@h">>],
    Listed = ['c@h', 'x@h', <<"b@h">>, 'self@h', <<"x@h">>],
    ?assertEqual(
        {[<<"a@h">>, <<"d@h">>], ['x@h']}, barnacle_native:diff(Wanted, Listed, <<"self@h">>)
    ),
    ?assertEqual({[], []}, barnacle_native:diff([], [], 'self@h')),
    ?assertEqual({[], []}, barnacle_native:diff(['b@h'], [<<"b@h">>], 'self@h')).

diff_is_that_of_the_lists_test() ->
    [
        begin
            Wanted = [name(N) || N <- random_numbers(Size)],
            Listed = [name(N) || N <- random_numbers(Size)],
            ?assertEqual(
                {first(Wanted) -- [name(0) | Listed], first(Listed) -- [name(0) | Wanted]},
                barnacle_native:diff(Wanted, Listed, name(0))
            )
        end
     || Size <- [0, 1, 2, 5, 50, 400, 600, 3000]
    ].

diff_of_other_terms_test() ->
    [
        ?assertError(badarg, barnacle_native:diff(Wanted, Listed, Self))
     || {Wanted, Listed, Self} <- [
            {[1], [], a},
            {[], ["a"], a},
            {[], [], 1},
            {[], [a | b], a},
            {a, [], a},
            {[<<1:3>>], [], a}
        ]
    ].

%% Help

epmd_options(Port) ->
    #{timeout => ?TIMEOUT_MS, port => Port}.

operations() ->
    maps:get(operations, barnacle_native:info()).

to_text(Address) ->
    list_to_binary(inet:ntoa(Address)).

%% An address of this machine's where nobody listens.
unused_host() ->
    to_text(bed_ports:address()).

silent() ->
    Port = bed_ports:port(),
    Address = bed_ports:address(),
    {bed_epmd_script:start_link({Address, Port}, ?SILENT), to_text(Address), Port}.

flush_udp(Socket) ->
    receive
        {udp, Socket, _, _, _} -> flush_udp(Socket)
    after 0 -> ok
    end.

name(N) when N rem 3 =:= 0 -> list_to_atom("n" ++ integer_to_list(N) ++ "@h");
name(N) -> list_to_binary(["n", integer_to_list(N), "@h"]).

random_numbers(Size) ->
    [rand:uniform(2 * Size) || _ <- lists:seq(1, Size)].

first([Name | Rest]) -> [Name | first([Other || Other <- Rest, Other =/= Name])];
first([]) -> [].

-endif.
