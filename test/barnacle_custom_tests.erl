%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_custom_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Functions of one's own in the place of discovery, connect, disconnect and list: what they decide,
%% and what becomes of a round in which one fails.

-include_lib("eunit/include/eunit.hrl").

-import(bed_held, [start_with_caller/1, start_with_caller/2, answer/1, stop/1, flush/0]).

custom_functions_that_fail_fail_their_round_only_test_() ->
    Failures = [
        {fun() -> throw(ball) end, {nocatch, ball}},
        {fun() -> exit(hard) end, hard},
        {fun() -> exit(self(), kill), receive after infinity -> ok end end, killed}
    ],
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(#{discover => Fun}, #{listener => self()}),
            ?assertEqual({'EXIT', Reason}, answer(Caller)),
            %% The listener receives an error, too.
            ?assertEqual({refresh, {error, {crashed, Reason}}}, bed_held:next_event(Server)),
            ?assertMatch(
                #{last_error := #{reason := Reason}, state := running},
                barnacle_cluster:status(Server)
            ),
            stop(Server)
        end)
     || {Fun, Reason} <- Failures
    ] ++
        [
            ?_test(begin
                {Server, Caller} = start_with_caller(#{discover => fun() -> Rubbish end}),
                ?assertMatch({'EXIT', {{bad_return, _}, [_ | _]}}, answer(Caller)),
                stop(Server)
            end)
         || Rubbish <- [ok, {ok, node}, {ok, [1]}, {ok, [a | b]}, {partial, [a]}, undefined]
        ].

hanging_function_is_ended_at_its_deadline_test() ->
    {Server, Caller} = start_with_caller(
        #{discover => fun() -> receive after infinity -> ok end end},
        #{strategy_timeout => 20, listener => self()}
    ),
    ?assertEqual({'EXIT', {strategy_timeout, discover}}, answer(Caller)),
    ?assertEqual(
        {refresh, {error, {crashed, {strategy_timeout, discover}}}}, bed_held:next_event(Server)
    ),
    stop(Server).

%% What the server learns of its listener in a refresh that crashes.
listener_that_is_not_there_is_known_after_a_crash_test() ->
    {Server, Caller} = start_with_caller(
        #{discover => fun() -> exit(why) end}, #{listener => no_such_listener}
    ),
    ?assertEqual({'EXIT', why}, answer(Caller)),
    ?assertMatch(
        #{listener := {no_process, no_such_listener}}, barnacle_cluster:status(Server)
    ),
    stop(Server).

%% The error has what the function returned, not what barnacle made of it.
rubbish_is_told_as_it_was_returned_test_() ->
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(#{discover => fun() -> Returned end}),
            {'EXIT', {{bad_return, {_, discover, Told}}, _}} = answer(Caller),
            ?assertEqual(Returned, Told),
            stop(Server)
        end)
     || Returned <- [{ok, ["a@b"]}, {ok, nodes}, {partial, ["a@b"], why}, nodes]
    ].

rubbish_of_other_functions_fails_the_round_test_() ->
    Discover = fun() -> {ok, [x@h]} end,
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(Functions#{discover => Discover}),
            ?assertMatch({'EXIT', {{bad_return, _}, _}}, answer(Caller)),
            stop(Server)
        end)
     || Functions <- [
            #{list => fun() -> nodes end},
            #{list => fun() -> {ok, [1]} end},
            #{connect => fun(_) -> ok end},
            #{connect => fun(_) -> {error, why} end},
            #{list => fun() -> {ok, [y@h]} end, connect => fun(N) -> {ok, N} end,
                disconnect => fun(_) -> {error, [y@h]} end}
        ]
    ].

custom_functions_decide_the_result_test_() ->
    Ok = fun(Nodes) -> {ok, Nodes} end,
    Fail = fun(Nodes) -> {error, [{Node, why} || Node <- Nodes]} end,
    All = #{
        discover => fun() -> {ok, [x@h]} end,
        connect => Ok,
        disconnect => Ok,
        list => fun() -> {ok, [y@h]} end
    },
    Result = fun(Functions) ->
        barnacle_cluster:run_once(#{strategy => {custom, maps:merge(All, Functions)}})
    end,
    [
        ?_assertEqual({ok, [y@h]}, Result(#{})),
        ?_assertEqual(
            {error, {strategy_error, why}}, Result(#{discover => fun() -> {error, why} end})
        ),
        ?_assertEqual({error, {strategy_error, why}}, Result(#{list => fun() -> {error, why} end})),
        ?_assertEqual({error, {connect_error, [{x@h, why}]}}, Result(#{connect => Fail})),
        ?_assertEqual({error, {disconnect_error, [{y@h, why}]}}, Result(#{disconnect => Fail})),
        ?_assertEqual(
            {error, {connect_error, [{x@h, why}]}}, Result(#{connect => Fail, disconnect => Fail})
        ),
        %% Partial discovery is no failure, and cuts nobody.
        ?_assertEqual(
            {ok, [y@h]},
            Result(#{discover => fun() -> {partial, [x@h], why} end, disconnect => Fail})
        )
    ].

%% Options of what it does not do may have any value; one that it uses may not.
round_without_a_server_ignores_other_options_test() ->
    Options = #{
        strategy => {epmd, []}, name => undefined, listener => 1, poll_interval => 0,
        eager_poll_interval => 0, departed_after => -1, retry_min => 2, retry_max => 1,
        max_callers => 0, log => loud
    },
    ?assertEqual({ok, [node()]}, barnacle_cluster:run_once(Options)),
    ?assertEqual({ok, [node()]}, barnacle_cluster:run_once(maps:to_list(Options))),
    ?assertExit(
        {bad_options, [{max_connects, 0, _}]},
        barnacle_cluster:run_once(Options#{max_connects => 0})
    ),
    ?assertExit({bad_options, _}, barnacle_cluster:run_once([rubbish | maps:to_list(Options)])),
    ?assertExit({bad_options, _}, barnacle_cluster:run_once(rubbish)),
    {error, {bad_options, Problems}} = barnacle_cluster:start_link(Options),
    ?assertEqual(8, length(Problems)).

round_without_a_server_cannot_take_its_caller_with_it_test_() ->
    Once = fun(Discover) ->
        barnacle_cluster:run_once(#{strategy => {custom, #{discover => Discover}}})
    end,
    Linked = fun() ->
        spawn_link(fun() -> exit(hard) end),
        receive after infinity -> ok end
    end,
    Killed = fun() ->
        exit(self(), kill),
        receive after infinity -> ok end
    end,
    [
        ?_assertExit(hard, Once(Linked)),
        ?_assertExit(killed, Once(Killed)),
        ?_assertExit(hard, Once(fun() -> exit(hard) end))
    ].

round_without_a_server_ends_with_its_caller_test() ->
    Test = self(),
    {Caller, _} = spawn_monitor(fun() ->
        barnacle_cluster:run_once(#{
            strategy =>
                {custom, #{
                    discover => fun() ->
                        Test ! {worker, self()},
                        receive after infinity -> ok end
                    end
                }}
        })
    end),
    Worker =
        receive
            {worker, Pid} -> Pid
        end,
    Monitor = monitor(process, Worker),
    exit(Caller, kill),
    receive
        {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(killed, Reason)
    end.

round_without_a_server_wants_nothing_when_it_is_over_test() ->
    {error, _} = barnacle_cluster:run_once(#{strategy => {epmd, ['over@127.0.0.1']}}),
    %% The registry is told of the owner's death.
    bed_wait:until(wanted_no_more, fun() ->
        {_, Others} = barnacle_registry:back(make_ref()),
        not is_map_key(<<"over@127.0.0.1">>, Others)
    end).

worker_that_traps_exits_does_not_outlive_its_server_test() ->
    Test = self(),
    Discover = fun() ->
        process_flag(trap_exit, true),
        Test ! {worker, self()},
        receive
            {'EXIT', _, _} -> {ok, [x@h]}
        end
    end,
    Connect = fun(Nodes) ->
        Test ! connecting,
        {ok, Nodes}
    end,
    {ok, Options} = barnacle_options:new(#{
        strategy => {custom, #{discover => Discover, connect => Connect}}
    }),
    {ok, Server} = gen_server:start(barnacle_server, Options, []),
    Worker =
        receive
            {worker, Pid} -> Pid
        end,
    Monitor = monitor(process, Worker),
    exit(Server, kill),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    end,
    ?assertEqual([], [connecting || connecting <- flush()]).

functions_get_what_is_new_and_what_is_gone_test() ->
    Test = self(),
    Tell = fun(What) -> fun(Nodes) -> Test ! {What, lists:sort(Nodes)}, {ok, Nodes} end end,
    {ok, _} = barnacle_cluster:run_once(#{
        strategy =>
            {custom, #{
                discover => fun() -> {ok, [a@h, b@h, node(), b@h]} end,
                list => fun() -> {ok, [b@h, c@h, node()]} end,
                connect => Tell(connect),
                disconnect => Tell(disconnect)
            }}
    }),
    Told = [{What, Nodes} || {What, Nodes} <- flush(), is_list(Nodes)],
    ?assertEqual([{connect, [a@h]}, {disconnect, [c@h]}], Told).

-endif.
