%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_hostile_SUITE).

%% What name servers and EPMDs send that is too much, or never of use: limits of what comes from the
%% network, below them, at them and above them, and answers that name nobody.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    largest_message/1, odd_labels/1, other_port/1, addresses_of_nobody/1,
    limits_of_the_strategy/1, hosts_at_a_time/1
]).

-import(bed_lookup, [outcomes/2, outcomes/3, options/2]).

-define(LONG_MS, 30000).
-define(SHORT_MS, 1000).
-define(A1, {192, 0, 2, 1}).
-define(A2, {192, 0, 2, 2}).
-define(AAAA1, {16#2001, 16#db8, 0, 0, 0, 0, 0, 1}).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        largest_message, odd_labels, other_port, addresses_of_nobody, limits_of_the_strategy,
        hosts_at_a_time
    ].

%% ---- name servers

%% 64 kB is what a message can have at most (RFC 1035, 4.2.2), and so what an answer has in bytes.
%% The default of max_addresses is no less than what fits there.
largest_message(_Config) ->
    Server = script([{"x.test", a, {truncated, many(4090)}}, {"x.test", aaaa, []}]),
    [
        ?assertEqual({Expected, no_data}, outcomes("x.test.", Server, Options))
     || {Options, Expected} <- [
            {#{}, many(4090)}, {#{max_addresses => 4091}, many(4090)},
            {#{max_addresses => 4090}, many(4090)},
            {#{max_addresses => 4089}, {error, {posix, emsgsize}}}
        ]
    ].

%% Whatever bytes the names in an answer have, they name no node: only addresses do.
odd_labels(_Config) ->
    Labels = [
        <<"a", 0, "b">>, <<"a.b">>, <<"a b">>, <<"a\"b">>, <<"a'b@c">>, <<27, "[2J">>,
        <<255, 254>>, <<"ä"/utf8>>, <<"a\nb">>, binary:copy(<<"l">>, 63)
    ],
    Aaaa = <<"app@2001:db8::1">>,
    Both = [<<"app@192.0.2.1">>, Aaaa],
    %% Hosts may have this one: so the message is good.
    ?assertEqual({complete, Both}, discovered(<<"plain">>)),
    %% The others make an answer a bad one, or do not matter.
    [
        ?assert(lists:member(Names, [Both, [Aaaa]]), {Label, Names})
     || Label <- Labels, Names <- [element(2, discovered(Label))]
    ].

%% What discovery gives where the name that was asked for is an alias of Label.test.
discovered(Label) ->
    Server = script([
        {"x.test", a, {mangled, [?A1], fun(M) -> by_alias(Label, M) end}},
        {"x.test", aaaa, [?AAAA1]}
    ]),
    {_, [?AAAA1]} = outcomes("x.test.", Server),
    {ok, State} = barnacle_strategy_dns:init(#{
        basename => <<"app">>, query => <<"x.test.">>, families => both, grace => ?LONG_MS,
        timeout => ?LONG_MS, nameservers => [bed_dns_script:nameserver(Server)]
    }),
    element(1, barnacle_strategy_dns:discover(State)).

%% The name that was asked for is an alias of Label.test, which has the address.
by_alias(Label, <<Id:4/binary, _:8/binary, Rest/binary>>) ->
    QuestionBytes = byte_size(<<1, "x", 4, "test", 0>>) + 4,
    <<Question:QuestionBytes/binary, _:2/binary, A/binary>> = Rest,
    Target = <<(byte_size(Label)), Label/binary, 3:2, 14:14>>,
    TargetAt = 12 + QuestionBytes + 12,
    Alias = <<3:2, 12:14, 5:16, 1:16, 1:32, (byte_size(Target)):16, Target/binary>>,
    <<Id/binary, 1:16, 2:16, 0:32, Question/binary, Alias/binary, 3:2, TargetAt:14, A/binary>>.

%% Who sends from another port is not who was asked, however good the answer.
other_port(_Config) ->
    Server = script([
        {"x.test", a, {all, [{other_port, [?A2]}, {delay, 200, [?A1]}]}}, {"x.test", aaaa, []}
    ]),
    {[?A1], no_data} = outcomes("x.test.", Server),
    Liar = script([{"x.test", a, {other_port, [?A2]}}, {"x.test", aaaa, []}]),
    {{error, timeout}, no_data} = outcomes("x.test.", Liar, #{timeout => 5 * ?SHORT_MS}).

%% Addresses that no host can have name nobody, and the answer is not complete.
addresses_of_nobody(_Config) ->
    Discover = fun(A, Aaaa) ->
        Server = script([{"x.test", a, A}, {"x.test", aaaa, Aaaa}]),
        {ok, State} = barnacle_strategy_dns:init(#{
            basename => <<"app">>, query => <<"x.test.">>, grace => ?LONG_MS, timeout => ?LONG_MS,
            nameservers => [bed_dns_script:nameserver(Server)]
        }),
        element(1, barnacle_strategy_dns:discover(State))
    end,
    Unspecified = {0, 0, 0, 0, 0, 0, 0, 0},
    ?assertEqual(
        {partial, [<<"app@192.0.2.1">>], [{unusable, {0, 0, 0, 0}}]},
        Discover([{0, 0, 0, 0}, ?A1], [])
    ),
    ?assertMatch(
        {partial, [<<"app@192.0.2.1">>], [{unusable, {16#fe80, _, _, _, _, _, _, _}}]},
        Discover([?A1], [{16#fe80, 0, 0, 0, 0, 0, 0, 1}])
    ),
    ?assertEqual({error, nxdomain}, Discover([{0, 0, 0, 0}], [Unspecified])),
    Mapped = {0, 0, 0, 0, 0, 16#ffff, 16#c000, 16#0201},
    ?assertEqual({complete, [<<"app@::ffff:192.0.2.1">>]}, Discover([], [Mapped])),
    Nowhere = script([{"x.test", a, [{0, 0, 0, 0}, ?A1]}, {"x.test", aaaa, []}]),
    {{ok, _}, _} = barnacle_dns:query(<<"x.test.">>, options(Nowhere, #{})).

%% ---- EPMDs

%% The settings of `hosts`, below each limit, at it and above it: a longer reply brings nothing.
limits_of_the_strategy(_Config) ->
    Names = [{[N], 4370} || N <- "abcd"],
    [{send, Reply}] = Script = bed_epmd_script:names(Names),
    Bytes = iolist_size(Reply),
    [
        begin
            {[Host], Port} = hosts([Script]),
            Options = Limit#{hosts => [Host], port => Port, timeout => ?LONG_MS},
            {ok, State} = barnacle_strategy_hosts:init(Options),
            {Answer, _} = barnacle_strategy_hosts:discover(State),
            case Expected of
                all -> ?assertMatch({complete, [_, _, _, _]}, Answer);
                none -> ?assertEqual({error, [{Host, too_long}]}, Answer)
            end
        end
     || {Limit, Expected} <- [
            {#{max_names => 5}, all}, {#{max_names => 4}, all}, {#{max_names => 3}, none},
            {#{max_bytes => Bytes + 1}, all}, {#{max_bytes => Bytes}, all},
            {#{max_bytes => Bytes - 1}, none}
        ]
    ].

%% The first host answers once the second is asked too: with one at a time, never.
hosts_at_a_time(_Config) ->
    Both = fun(Concurrency, TimeoutMs) ->
        Port = bed_ports:port(),
        [First, Second] = bed_ports:addresses(2),
        Test = self(),
        Serve = fun(Address, Ready) ->
            {ok, Listen} = gen_tcp:listen(Port, [binary, {active, false}, {ip, Address}]),
            spawn_link(fun() ->

                {ok, Socket} = gen_tcp:accept(Listen, ?LONG_MS),
                {ok, <<1:16, $n>>} = gen_tcp:recv(Socket, 3, ?LONG_MS),
                ok = Ready(),
                _ = gen_tcp:send(Socket, [<<4369:32>>, "name app at port 4370\n"]),
                gen_tcp:close(Socket),
                Test ! {served, self()}
            end)
        end,
        Waits = Serve(First, fun() -> receive asked -> ok end end),
        Tells = Serve(Second, fun() -> Waits ! asked, ok end),
        Options = #{
            hosts => [list_to_binary(inet:ntoa(Address)) || Address <- [First, Second]],
            port => Port, timeout => TimeoutMs, concurrency => Concurrency
        },
        {ok, State} = barnacle_strategy_hosts:init(Options),
        {Answer, _} = barnacle_strategy_hosts:discover(State),
        [receive {served, Pid} -> ok end || Pid <- [Waits, Tells]],
        Answer
    end,
    {complete, [_, _]} = Both(2, ?LONG_MS),
    {partial, [_], [{_, timeout}]} = Both(1, 10 * ?SHORT_MS).

%% ---- asking

script(Rules) ->
    bed_dns_script:start_link(Rules).

many(Count) ->
    [{10, 0, N div 256, N rem 256} || N <- lists:seq(1, Count)].

%% Fake EPMDs, one a script, all on one port.
hosts(Scripts) ->
    Port = bed_ports:port(),
    Hosts = [
        begin
            Address = bed_ports:address(),
            _ = bed_epmd_script:start_link({Address, Port}, Script),
            list_to_binary(inet:ntoa(Address))
        end
     || Script <- Scripts
    ],
    {Hosts, Port}.
