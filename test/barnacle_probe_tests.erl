%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_probe_tests).

%% barnacle_native:probe/2,3, and what barnacle_dial makes of verdicts. What EPMDs can do wrong is
%% tested in the core (c_src/test/probe_test.cpp), nodes that are dialled in barnacle_epmd_SUITE.

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(TIMEOUT_MS, 60000).
%% For what is meant to time out.
-define(SHORT_MS, 300).
-define(HERE, <<"127.0.0.1">>).

%% barnacle_native:probe

epmd_test_() ->
    {setup, fun bed_epmd:start/0, fun bed_epmd:stop/1, fun(Epmd) ->
        [{"nodes of a real EPMD", fun() -> nodes_of(bed_epmd:port(Epmd)) end}]
    end}.

nodes_of(EpmdPort) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listener),
    Live = bed_epmd_entry:register("live", Port, EpmdPort),
    Stale = bed_epmd_entry:register("stale", bed_ports:port({127, 0, 0, 1}), EpmdPort),
    Targets = [{Name, ?HERE} || Name <- [<<"live">>, <<"stale">>, <<"none">>, <<"live">>]],
    {ok, Probed} = barnacle_native:probe(Targets, options(EpmdPort)),
    ?assertEqual(Targets, [Target || {Target, _} <- Probed]),
    [Ok, Refused, {error, {not_registered, Known}}, Ok] = [Outcome || {_, Outcome} <- Probed],
    ?assertEqual({ok, {error, port_refused}}, {Ok, Refused}),
    ?assertEqual([<<"live">>, <<"stale">>], lists:sort(Known)),
    One = (options(EpmdPort))#{max_names => 1},
    {ok, [{_, {error, {not_registered, [_]}}}]} =
        barnacle_native:probe([{<<"none">>, ?HERE}], One),
    [ok = gen_tcp:close(Socket) || Socket <- [Live, Stale, Listener]].

%% Who waits for all waits for the slowest; whoever wants to know sooner is told.
told_as_it_becomes_known_test() ->
    EpmdPort = bed_ports:port(),
    [Hung, Bad, Nobody] = bed_ports:addresses(3),
    %% Accepted by the kernel, and never answered.
    {ok, Listener} = gen_tcp:listen(EpmdPort, [{ip, Hung}]),
    %% Hangs up on all but NAMES_REQ.
    Server = bed_epmd_script:start_link({Bad, EpmdPort}, bed_epmd_script:names([])),
    Targets = [{<<"a">>, to_text(Address)} || Address <- [Hung, Bad, Nobody]],
    Self = self(),
    Tell = fun(Probed) -> Self ! {probed, barnacle_native:info(), Probed} end,
    {ok, Probed} =
        barnacle_native:probe(Targets, (options(EpmdPort))#{node_timeout => ?SHORT_MS}, Tell),
    Outcomes = [{error, epmd_timeout}, {error, epmd_bad_reply}, {error, epmd_refused}],
    ?assertEqual(lists:zip(Targets, Outcomes), Probed),
    %% All of it came while the operation ran, and what the timeout brought did not come before it.
    ?assertEqual(lists:sort(tl(Probed)), lists:sort(told())),
    ok = bed_epmd_script:stop(Server),
    ok = gen_tcp:close(Listener).

told() ->
    receive
        {probed, #{operations := Running}, Probed} when Running > 0 -> Probed ++ told()
    after 0 -> []
    end.

killed_caller_leaves_no_operation_test() ->
    Port = bed_ports:port(),
    Address = bed_ports:address(),
    {ok, Listener} = gen_tcp:listen(Port, [{ip, Address}]),
    #{operations := Before} = barnacle_native:info(),
    Caller = spawn(fun() ->
        barnacle_native:probe([{<<"a">>, to_text(Address)}], options(Port))
    end),
    Operations = fun(Wanted) ->
        #{operations := Now} = barnacle_native:info(),
        Now =:= Wanted orelse Now
    end,
    ok = bed_wait:until(begun, fun() -> Operations(Before + 1) end),
    exit(Caller, kill),
    ok = bed_wait:until(ended, fun() -> Operations(Before) end),
    ok = gen_tcp:close(Listener).

refused_by_the_core_test() ->
    Good = #{timeout => 1000},
    Target = {<<"a">>, <<"b">>},
    [
        begin
            {error, {bad_request, Text}} = barnacle_native:probe(Targets, Options),
            ?assertNotEqual({Text, nomatch}, {Text, string:find(Text, atom_to_list(Key))})
        end
     || {Key, Targets, Options} <- [
            {timeout, [Target], #{}},
            {node_timeout, [Target], Good#{node_timeout => 0}},
            {epmd_port, [Target], Good#{epmd_port => 0}},
            {port, [Target], Good#{port => -1}},
            {port, [Target], Good#{port => 65536}},
            {family, [Target], Good#{family => both}},
            {depth, [Target], Good#{depth => handshake}},
            {source, [Target], Good#{source => <<"a.example">>}},
            {source, [Target], Good#{source => {127, 0, 0, 1}}},
            {concurrency, [Target], Good#{concurrency => 0}},
            {max_names, [Target], Good#{max_names => 0}},
            {targets, Target, Good},
            {targets, [{a, b}], Good},
            {targets, [<<"a@b">>], Good},
            {targets, [{<<>>, <<"b">>}], Good},
            {targets, [{binary:copy(<<"a">>, 256), <<"b">>}], Good},
            {targets, [Target | Target], Good}
        ]
    ],
    ?assertEqual({ok, []}, barnacle_native:probe([], Good)),
    Longest = {binary:copy(<<"a">>, 255), <<"127.0.0.1">>},
    ?assertEqual(
        {ok, [{Longest, ok}]},
        barnacle_native:probe([Longest], Good#{depth => lookup, port => 65535, source => <<"::1">>})
    ).

%% barnacle_dial and verdicts. This VM is not alive: who is dialled is told so.

dial_test_() ->
    [
        {"who has a reason is not dialled",
            ?_assertEqual([{a@h, host_silent}], dial([], [{a@h, {error, host_silent}}]))},
        {"who may be dialled is",
            ?_assertEqual(
                [{N, local_node_is_not_alive} || N <- [a@h, b@h, c@h]],
                dial([a@h], [{b@h, ok}, {c@h, unknown}])
            )},
        {"verdicts may come twice, and from nowhere",
            ?_assertEqual(
                [{a@h, local_node_is_not_alive}],
                dial([], [{a@h, ok}, {a@h, {error, host_silent}}, {x@h, ok}])
            )},
        {"order of attempts, whatever the order of verdicts",
            %% This VM is nonode@nohost. The last failure comes first.
            ?_assertEqual(
                [o@h, z@h, a@h, m@h],
                lists:reverse([
                    Node
                 || {Node, _} <- attempts(1, [{N, ok} || N <- [z@h, m@h, o@h, a@h]])
                ])
            )},
        {"a probe that crashes", fun a_probe_that_crashes/0},
        {"a probe past the deadline", fun a_probe_past_the_deadline/0}
    ].

a_probe_that_crashes() ->
    Probe = fun(_, _, OnVerdicts) ->
        OnVerdicts([{a@h, {error, nxdomain}}]),
        exit(crash)
    end,
    ?assertEqual(
        [{a@h, nxdomain}, {b@h, not_probed}], dial([], [a@h, b@h], Probe, ?TIMEOUT_MS)
    ).

a_probe_past_the_deadline() ->
    Self = self(),
    Probe = fun(_, TimeoutMs, OnVerdicts) ->
        Self ! {given, self(), TimeoutMs},
        OnVerdicts([{a@h, {error, nxdomain}}]),
        receive
            never -> ok
        end
    end,
    ?assertEqual(
        [{a@h, nxdomain}, {b@h, not_probed}], dial([], [a@h, b@h], Probe, ?SHORT_MS)
    ),
    receive
        {given, Prober, TimeoutMs} ->
            ?assert(TimeoutMs =< ?SHORT_MS),
            ?assertNot(is_process_alive(Prober))
    end,
    {messages, Messages} = process_info(self(), messages),
    ?assertEqual([], [Message || {Ref, _} = Message <- Messages, is_reference(Ref)]).

%% A server that is killed takes the process that probes with it.
a_killed_dialler_leaves_no_prober_test() ->
    Self = self(),
    Probe = fun(_, _, _) ->
        Self ! {prober, self()},
        receive
            never -> []
        end
    end,
    Dialler = spawn(fun() -> dial([], [a@h], Probe, 10 * ?TIMEOUT_MS) end),
    Prober = receive {prober, Pid} -> Pid end,
    Monitor = monitor(process, Prober),
    exit(Dialler, kill),
    receive
        {'DOWN', Monitor, process, Prober, Reason} -> ?assertEqual(killed, Reason)
    end.

dial(AtOnce, Verdicts) ->
    Nodes = lists:usort([Node || {Node, _} <- Verdicts, Node =/= x@h]),
    dial(AtOnce, Nodes, fun(_, _, _) -> Verdicts end, ?TIMEOUT_MS).

dial(AtOnce, Probed, Probe, TimeoutMs) ->
    Nodes = #{at_once => AtOnce, probed => Probed},
    lists:sort(failed(Nodes, dial_options(2, Probe, TimeoutMs))).

attempts(Max, Verdicts) ->
    Nodes = #{at_once => [], probed => [Node || {Node, _} <- Verdicts]},
    failed(Nodes, dial_options(Max, fun(_, _, _) -> Verdicts end, ?TIMEOUT_MS)).

failed(Nodes, Options) ->
    Before = process_flag(trap_exit, true),
    {done, Failed} = barnacle_dial:all(Nodes, Options),
    process_flag(trap_exit, Before),
    Failed.

dial_options(Max, Probe, TimeoutMs) ->
    #{
        deadline_ms => erlang:monotonic_time(millisecond) + TimeoutMs,
        max => Max,
        cluster => 3,
        owner => self(),
        own => node(),
        attempt => fun(Node) -> barnacle_dist:connect(Node, undefined, []) end,
        crash => failed,
        probe => Probe
    }.

options(EpmdPort) ->
    #{timeout => ?TIMEOUT_MS, epmd_port => EpmdPort}.

to_text(Address) ->
    list_to_binary(inet:ntoa(Address)).

-endif.
