%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_connector_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The worker that connects and disconnects through a transport, and its prompt end.

-include_lib("eunit/include/eunit.hrl").

-define(LONG_MS, 60000).
-define(SHORT_MS, 200).

pending_is_done_when_the_list_has_it_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, peers => #{a@p => {up, 30}, b@p => {up, 0}}}),
    ?assertEqual({done, []}, run(connect, [a@p, b@p], Cluster, #{})),
    ?assertEqual(#{members => [a@p, b@p, own@p], connected => [a@p, b@p, own@p]}, seen(Cluster)),
    ok = bed_partisan:stop(Cluster).

pending_fails_at_the_time_limit_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, peers => #{a@p => {up, 0}, b@p => dead}}),
    ?assertEqual(
        {done, [{b@p, timeout}]}, run(connect, [a@p, b@p], Cluster, #{connect_timeout => ?SHORT_MS})
    ),
    ok = bed_partisan:stop(Cluster).

a_node_that_hangs_delays_no_other_test() ->
    Cluster = bed_partisan:start_link(#{
        own => own@p,
        peers => #{a@p => hangs, b@p => {error, refused}, c@p => {slow, 20}, d@p => {up, 0}}
    }),
    Worker = start(connect, [a@p, b@p, c@p, d@p], Cluster, #{connect_timeout => ?LONG_MS}),
    ok = bed_wait:until(connected, fun() ->
        Seen = maps:get(connected, seen(Cluster)),
        Seen =:= [c@p, d@p, own@p] orelse Seen
    end),
    ok = barnacle_connector:stop(Worker),
    ?assertEqual({done, [{a@p, timeout}, {b@p, refused}]}, begin
        Short = #{connect_timeout => ?SHORT_MS},
        {done, Failed} = run(connect, [a@p, b@p, c@p, d@p], Cluster, Short),
        {done, lists:sort(Failed)}
    end),
    ok = bed_partisan:stop(Cluster).

no_more_at_a_time_than_max_connects_test() ->
    Nodes = [list_to_atom("n" ++ integer_to_list(N) ++ "@p") || N <- lists:seq(1, 20)],
    Most = counters:new(2, []),
    Connect = fun([_]) ->
        counters:add(Most, 1, 1),
        Now = counters:get(Most, 1),
        Now > counters:get(Most, 2) andalso counters:put(Most, 2, Now),
        receive after 5 -> ok end,
        counters:sub(Most, 1, 1),
        {ok, Nodes}
    end,
    {ok, Transport} = barnacle_transport:custom(#{connect => Connect}),
    ?assertEqual({done, []}, done(start_with(connect, Nodes, Transport, #{max_connects => 3}))),
    ?assertEqual(3, counters:get(Most, 2)).

data_reach_connect_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, peers => #{a@p => {up, 0}, b@p => {up, 0}}}),
    {ok, Transport} = barnacle_transport:new({bed_partisan, Cluster}),
    Work = (work(connect, [a@p, b@p], Transport, #{}))#{data => #{<<"a@p">> => {"h", 1}}},
    ?assertEqual({done, []}, done(barnacle_connector:start(Work))),
    ?assertMatch([{_, connect, _, {"h", 1}}], bed_partisan:attempts(a@p, Cluster)),
    ?assertMatch([{_, connect, _, undefined}], bed_partisan:attempts(b@p, Cluster)),
    ok = bed_partisan:stop(Cluster).

%% The others go on, and the crash is what is reported.
a_crash_is_reported_after_the_others_test_() ->
    Died = fun() -> exit(self(), kill), receive never -> ok end end,
    [
        ?_test(begin
            Self = self(),
            Connect = fun
                ([a@p]) -> Crash();
                ([Node]) -> receive after 50 -> Self ! {connected, Node}, {ok, [Node]} end
            end,
            {ok, Transport} = barnacle_transport:custom(#{connect => Connect}),
            {crashed, Reason, Stacktrace} =
                done(start_with(connect, [a@p, b@p], Transport, #{})),
            ?assertEqual(Expected, without_stacktrace(Reason)),
            ?assert(is_list(Stacktrace)),
            receive {connected, b@p} -> ok after 0 -> error(not_connected) end
        end)
     || {Crash, Expected} <- [
            {fun() -> throw(ball) end, {nocatch, ball}},
            {fun() -> exit(hard) end, hard},
            {fun() -> error(broken) end, broken},
            {Died, killed},
            {fun() -> rubbish end, {bad_return, {barnacle_strategy_custom, connect, rubbish}}}
        ]
    ].

without_stacktrace({Reason, [_ | _]}) -> Reason;
without_stacktrace(Reason) -> Reason.

%% A function that links a process leaves it alive.
a_process_that_connect_starts_lives_on_test() ->
    Self = self(),
    Connect = fun(Nodes) ->
        Self ! {started, spawn_link(fun() -> receive never -> ok end end)},
        {ok, Nodes}
    end,
    {ok, Transport} = barnacle_transport:custom(#{connect => Connect}),
    Worker = start_with(connect, [a@p], Transport, #{}),
    ?assertEqual({done, []}, done(Worker)),
    Monitor = monitor(process, maps:get(pid, Worker)),
    receive {'DOWN', Monitor, process, _, _} -> ok end,
    Started = receive {started, Pid} -> Pid end,
    ?assert(is_process_alive(Started)),
    exit(Started, kill).

disconnected_is_who_is_no_member_test() ->
    Peers = #{a@p => {up, 0}, b@p => stays},
    Cluster = bed_partisan:start_link(#{own => own@p, peers => Peers, connected => [a@p, b@p]}),
    ?assertEqual(
        {done, [{b@p, timeout}]},
        run(disconnect, [a@p, b@p, own@p], Cluster, #{connect_timeout => ?SHORT_MS})
    ),
    ?assertEqual(#{members => [b@p, own@p], connected => [b@p, own@p]}, seen(Cluster)),
    ok = bed_partisan:stop(Cluster).

this_node_leaves_by_the_transports_own_way_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, connected => [a@p, b@p]}),
    ?assertEqual({done, []}, run(leave, [a@p, b@p], Cluster, #{})),
    ?assertMatch([{_, leave, own@p, none}], bed_partisan:attempts(Cluster)),
    ok = bed_partisan:stop(Cluster).

without_a_leave_each_node_is_disconnected_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, connected => [a@p, b@p]}),
    {ok, Transport} = barnacle_transport:custom(bed_partisan:functions(Cluster)),
    ?assertEqual({done, []}, done(start_with(leave, [a@p, b@p, own@p], Transport, #{}))),
    ?assertEqual(
        [{disconnect, a@p}, {disconnect, b@p}],
        lists:sort([{Verb, Node} || {_, Verb, Node, _} <- bed_partisan:attempts(Cluster)])
    ),
    ok = bed_partisan:stop(Cluster).

%% Ok without the node is pending if there is a list.
custom_functions_are_called_with_one_node_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, peers => #{a@p => {up, 20}, b@p => dead}}),
    {ok, Transport} = barnacle_transport:custom(bed_partisan:functions(Cluster)),
    ?assertEqual(
        {done, [{b@p, timeout}]},
        done(start_with(connect, [a@p, b@p], Transport, #{connect_timeout => ?SHORT_MS}))
    ),
    ok = bed_partisan:stop(Cluster).

%% The list is read seldom where events tell; up/2 makes it be read now.
an_event_checks_what_is_pending_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p, peers => #{a@p => dead}}),
    Worker = start(connect, [a@p], Cluster, #{connect_timeout => ?LONG_MS}),
    ok = bed_partisan:await_attempt({connect, a@p}, 1, Cluster),
    ok = bed_partisan:come(a@p, Cluster),
    ok = barnacle_connector:up(Worker, a@p),
    ?assertEqual({done, []}, done(Worker)),
    ok = bed_partisan:stop(Cluster).

%% Nothing begins after stop/1 returned; no message of the worker arrives either.
nothing_begins_after_stop_test_() ->
    {timeout, 120, fun() ->
        Traps = process_flag(trap_exit, true),
        Begun = counters:new(1, [atomics]),
        Nodes = [list_to_atom("n" ++ integer_to_list(N) ++ "@p") || N <- lists:seq(1, 8)],
        Connect = fun(Ok) ->
            counters:add(Begun, 1, 1),
            process_flag(trap_exit, true),
            _ = erlang:yield(),
            {ok, Ok}
        end,
        {ok, Transport} = barnacle_transport:custom(#{connect => Connect}),
        lists:foreach(
            fun(N) ->
                Worker = start_with(connect, Nodes, Transport, #{max_connects => 1 + N rem 4}),
                _ = [erlang:yield() || _ <- lists:seq(1, N rem 50)],
                ok = barnacle_connector:stop(Worker),
                Stopped = counters:get(Begun, 1),
                _ = [erlang:yield() || _ <- lists:seq(1, 10)],
                ?assertEqual(Stopped, counters:get(Begun, 1)),
                #{pid := Pid, ref := Ref} = Worker,
                receive
                    {barnacle_connector, Ref, _} = Late -> error(Late);
                    {'EXIT', Pid, _} = Late -> error(Late);
                    {'DOWN', _, process, Pid, _} = Late -> error(Late)
                after 0 -> ok
                end
            end,
            lists:seq(1, 10000)
        ),
        process_flag(trap_exit, Traps)
    end}.

%% A function that traps exits does not outlive the owner, however the owner ends.
an_owner_that_ends_takes_all_with_it_test_() ->
    [
        ?_test(begin
            Self = self(),
            Connect = fun([_]) ->
                process_flag(trap_exit, true),
                Self ! {begun, self()},
                receive never -> ok end
            end,
            {ok, Transport} = barnacle_transport:custom(#{connect => Connect}),
            {Owner, _} = spawn_monitor(fun() ->
                _ = start_with(connect, [a@p], Transport, #{}),
                receive Why -> exit(Why) end
            end),
            Pid = receive {begun, Begun} -> Begun end,
            Monitor = monitor(process, Pid),
            case How of
                kill -> exit(Owner, kill);
                _ -> Owner ! How
            end,
            receive {'DOWN', Monitor, process, _, _} -> ok end
        end)
     || How <- [normal, shutdown, kill]
    ].

%% A VM without distribution.
the_default_transport_needs_distribution_test() ->
    ?assertEqual(
        {done, [{a@h, local_node_is_not_alive}]},
        done(start_with(connect, [a@h], barnacle_transport:default(), #{}))
    ).

seen(Cluster) -> bed_partisan:seen(Cluster).

run(Do, Nodes, Cluster, Options) -> done(start(Do, Nodes, Cluster, Options)).

start(Do, Nodes, Cluster, Options) ->
    {ok, Transport} = barnacle_transport:new({bed_partisan, Cluster}),
    start_with(Do, Nodes, Transport, Options).

start_with(Do, Nodes, Transport, Options) ->
    barnacle_connector:start(work(Do, Nodes, Transport, Options)).

work(Do, Nodes, Transport, Options) ->
    Defaults = #{
        connect_timeout => ?LONG_MS, max_connects => 64, probe => true, probe_timeout => 1000
    },
    #{
        do => Do,
        nodes => Nodes,
        transport => Transport,
        own => own@p,
        options => maps:merge(Defaults, Options)
    }.

done(#{ref := Ref, monitor := Monitor}) ->
    receive
        {barnacle_connector, Ref, Event} ->
            demonitor(Monitor, [flush]),
            Event;
        {'DOWN', Monitor, process, _, Reason} ->
            error({worker_ended, Reason})
    end.

-endif.
