%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_waiting_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(bed_held, [
    start/1, stop/1, await_discovery/0, reply/2, answer_discovery/1, next_refresh/1,
    ask/1, answer/1, await_messages/1
]).

-define(LONG_MS, 60000).

first_round_is_waited_for_test() ->
    {ok, Server} = start(#{}),
    Discovery = await_discovery(),
    ?assertNot(barnacle_cluster:ready(Server)),
    Callers = [ask(fun() -> barnacle_cluster:await(Server, first_round, T) end) || T <- limits()],
    ok = await_messages(Callers),
    reply(Discovery, {error, nothing_works}),
    [?assertEqual(ok, answer(Caller)) || Caller <- Callers],
    ?assert(barnacle_cluster:ready(Server)),
    ?assertEqual(ok, barnacle_cluster:await(Server, first_round, 0)),
    stop(Server).

limits() -> [?LONG_MS, infinity].

time_is_over_test() ->
    {ok, Server} = start(#{}),
    Discovery = await_discovery(),
    ?assertEqual({error, timeout}, barnacle_cluster:await(Server, first_round, 10)),
    ?assertEqual({error, timeout}, barnacle_cluster:await(Server, first_round, 0)),
    reply(Discovery, {ok, []}),
    {ok, _} = next_refresh(Server),
    ?assertEqual({error, timeout}, barnacle_cluster:await(Server, {nodes, 2}, 10)),
    ?assertEqual(ok, barnacle_cluster:await(Server, {nodes, 1}, 0)),
    stop(Server).

all_wants_a_complete_answer_test() ->
    {ok, Server} = start(#{poll_interval => 1}),
    answer_discovery({error, why}),
    {error, _} = next_refresh(Server),
    ?assertNot(barnacle_cluster:ready(Server, all)),
    Caller = ask(fun() -> barnacle_cluster:await(Server, all, ?LONG_MS) end),
    ok = await_messages([Caller]),
    answer_discovery({partial, [node()], why}),
    {ok, _} = next_refresh(Server),
    ?assertNot(barnacle_cluster:ready(Server, all)),
    answer_discovery({ok, [node()]}),
    ?assertEqual(ok, answer(Caller)),
    stop(Server).

shutdown_ends_waiting_test() ->
    {ok, Server} = start(#{}),
    _ = await_discovery(),
    Caller = ask(fun() -> barnacle_cluster:await(Server, first_round, infinity) end),
    ok = await_messages([Caller]),
    unlink(Server),
    ok = barnacle_cluster:shutdown(Server),
    ?assertMatch({'EXIT', {normal, {gen_server, call, _}}}, answer(Caller)),
    _ = bed_held:flush().

caller_that_is_gone_is_forgotten_test() ->
    {Pid, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end,
    From = {Pid, make_ref()},
    Waiting = barnacle_waiting:add(first_round, From, ?LONG_MS, barnacle_waiting:new()),
    ?assertEqual(1, barnacle_waiting:count(Waiting)),
    ?assertEqual(Waiting, barnacle_waiting:gone(make_ref(), Waiting)),
    receive
        {'DOWN', Waiter, process, Pid, noproc} ->
            ?assertEqual(barnacle_waiting:new(), barnacle_waiting:gone(Waiter, Waiting))
    after 60000 -> error(not_monitored)
    end.

no_server_is_not_ready_test() ->
    ?assertNot(barnacle_cluster:ready(no_such_server)),
    ?assertExit({noproc, _}, barnacle_cluster:await(no_such_server, first_round, 10)).

what_cannot_be_waited_for_test_() ->
    Bad = [nodes, {nodes, 0}, {nodes, two}, 3],
    [?_assertExit({bad_argument, <<"wait for", _/binary>>}, await(What, 10)) || What <- Bad] ++
        [
            ?_assertExit({bad_argument, <<"a timeout", _/binary>>}, await(all, -1)),
            ?_assertExit({bad_argument, <<"a timeout", _/binary>>}, await(all, 4294967296)),
            ?_assertExit({bad_argument, <<"a timeout", _/binary>>}, await(all, 0.5)),
            ?_assertExit({bad_argument, _}, barnacle_cluster:ready(no_such_server, soon))
        ].

await(What, TimeoutMs) ->
    barnacle_cluster:await(no_such_server, What, TimeoutMs).

-endif.
