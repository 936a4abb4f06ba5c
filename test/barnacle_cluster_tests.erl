%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_cluster_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% What the server promises, without a network: strategies whose functions the test holds.

-include_lib("eunit/include/eunit.hrl").

-export([notify/2]).

-define(LIMIT_MS, 10000).
-define(NEVER_MS, 3600000).

%% A listener module, as the Gleam face has one.
notify(Test, Event) ->
    Test ! {notified, self(), Event}.

first_round_begins_at_once_test() ->
    {ok, Server} = start(#{}),
    answer_discovery({ok, []}),
    ?assertEqual({ok, [node()]}, next_refresh(Server)),
    stop(Server).

polls_go_on_test() ->
    {ok, Server} = start(#{poll_interval => 10}),
    [
        begin
            answer_discovery({ok, []}),
            ?assertEqual({ok, [node()]}, next_refresh(Server))
        end
     || _ <- lists:seq(1, 5)
    ],
    stop(Server).

refreshes_before_discovery_share_the_round_test() ->
    {ok, Server} = start(#{}),
    %% The server takes the calls before it hears that the worker of the first round is ready.
    erlang:suspend_process(Server),
    Callers = [ask(fun() -> barnacle_cluster:refresh(Server) end) || _ <- lists:seq(1, 10)],
    erlang:resume_process(Server),
    Rounds = answer_until_answered(Callers, 0),
    ?assert(Rounds =< 2),
    stop(Server).

refreshes_during_discovery_share_the_next_round_test() ->
    {ok, Server} = start(#{}),
    Discovery = await_discovery(),
    Callers = [ask(fun() -> barnacle_cluster:refresh(Server) end) || _ <- lists:seq(1, 10)],
    %% status is answered after the refreshes of processes that had asked before it.
    ok = await_messages(Callers),
    #{} = barnacle_cluster:status(Server),
    reply(Discovery, {error, first}),
    answer_discovery({error, second}),
    [?assertEqual({error, {strategy_error, second}}, answer(C)) || C <- Callers],
    ?assertEqual({error, {strategy_error, first}}, next_refresh(Server)),
    ?assertEqual({error, {strategy_error, second}}, next_refresh(Server)),
    ?assertMatch(#{rounds := 2}, barnacle_cluster:status(Server)),
    stop(Server).

refresh_resets_the_timer_test() ->
    {ok, Server} = start(#{poll_interval => ?NEVER_MS}),
    answer_discovery({ok, []}),
    {ok, _} = next_refresh(Server),
    State = fun() -> maps:get(next_poll_in, barnacle_cluster:status(Server)) end,
    Before = State(),
    ?assert(is_integer(Before)),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    Discovery = await_discovery(),
    ?assertEqual(none, State()),
    reply(Discovery, {ok, []}),
    ?assertEqual({ok, [node()]}, answer(Caller)),
    ?assert(is_integer(State())),
    stop(Server).

server_answers_during_a_round_test() ->
    {ok, Server} = start(#{}),
    Discovery = await_discovery(),
    ?assertMatch(#{round := running, state := running}, barnacle_cluster:status(Server)),
    ?assertEqual(ok, barnacle_cluster:pause(Server)),
    ?assertMatch(#{round := running, state := paused}, barnacle_cluster:status(Server)),
    reply(Discovery, {ok, []}),
    stop(Server).

pause_stops_polling_and_refresh_resumes_test() ->
    {ok, Server} = start(#{poll_interval => 1}),
    answer_discovery({ok, []}),
    {ok, _} = next_refresh(Server),
    Discovery = await_discovery(),
    ok = barnacle_cluster:pause(Server),
    pause = next_event(Server),
    reply(Discovery, {ok, []}),
    {ok, _} = next_refresh(Server),
    ?assertMatch(
        #{next_poll_in := none, round := idle, state := paused}, barnacle_cluster:status(Server)
    ),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    answer_discovery({ok, []}),
    ?assertEqual({ok, [node()]}, answer(Caller)),
    %% It polls again.
    answer_discovery({ok, []}),
    stop(Server).

nothing_begins_after_pause_test() ->
    Test = self(),
    Connect = fun(Nodes) -> Test ! {connecting, Nodes}, {ok, Nodes} end,
    {ok, Server} = start(#{}, #{connect => Connect}),
    Discovery = await_discovery(),
    ok = barnacle_cluster:pause(Server),
    pause = next_event(Server),
    reply(Discovery, {ok, [x@h]}),
    ?assertEqual({error, {connect_error, [{x@h, paused}]}}, next_refresh(Server)),
    receive
        {connecting, _} -> error(connected_after_pause)
    after 0 -> ok
    end,
    stop(Server).

refresh_that_waits_at_pause_is_answered_test() ->
    {ok, Server} = start(#{}),
    First = await_discovery(),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    ok = await_messages([Caller]),
    ok = barnacle_cluster:pause(Server),
    reply(First, {ok, []}),
    answer_discovery({ok, []}),
    ?assertEqual({ok, [node()]}, answer(Caller)),
    ?assertMatch(#{next_poll_in := none}, barnacle_cluster:status(Server)),
    stop(Server).

shutdown_ends_everything_test() ->
    {ok, Server} = start(#{}),
    {Worker, _} = await_discovery(),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    ok = await_messages([Caller]),
    Monitors = [{P, monitor(process, P)} || P <- [Server, Worker]],
    unlink(Server),
    ?assertEqual(ok, barnacle_cluster:shutdown(Server)),
    ?assertEqual(shutdown, next_event(Server)),
    ?assertNot(is_process_alive(Server)),
    Reasons = [
        receive
            {'DOWN', Monitor, process, _, Reason} -> Reason
        after ?LIMIT_MS -> error(no_down)
        end
     || {_, Monitor} <- Monitors
    ],
    ?assertEqual([normal, killed], Reasons),
    ?assertMatch({'EXIT', {normal, _}}, answer(Caller)).

name_is_free_after_shutdown_test() ->
    [
        begin
            {ok, Server} = start(#{name => barnacle_test_name}),
            ?assertEqual(Server, whereis(barnacle_test_name)),
            _ = await_discovery(),
            ok = barnacle_cluster:shutdown(barnacle_test_name)
        end
     || _ <- lists:seq(1, 20)
    ],
    flush().

taken_name_leaves_the_caller_alive_test() ->
    {ok, Server} = start(#{name => barnacle_test_name}),
    Child = ask(fun() -> start(#{name => barnacle_test_name}) end),
    {error, {already_started, Server} = Reason} = answer(Child),
    ?assertNotEqual(
        nomatch, string:find(barnacle_cluster:format_error(Reason), "barnacle_test_name")
    ),
    stop(Server).

bad_options_leave_the_caller_alive_test() ->
    Child = ask(fun() -> barnacle_cluster:start_link(#{strategy => nonsense}) end),
    ?assertMatch({error, {bad_options, [_]}}, answer(Child)).

custom_functions_that_fail_fail_their_round_only_test_() ->
    Failures = [
        {fun() -> throw(ball) end, {nocatch, ball}},
        {fun() -> exit(hard) end, hard},
        {fun() -> exit(self(), kill), receive after infinity -> ok end end, killed}
    ],
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(#{discover => Fun}),
            ?assertEqual({'EXIT', Reason}, answer(Caller)),
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
        #{discover => fun() -> receive after infinity -> ok end end}, #{strategy_timeout => 20}
    ),
    ?assertEqual({'EXIT', {strategy_timeout, discover}}, answer(Caller)),
    stop(Server).

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
    ?assertEqual([{connect, [a@h]}, {disconnect, [c@h]}], flush()).

wanted_by_another_barnacle_is_not_cut_test() ->
    Test = self(),
    {ok, Server} = start(#{}, #{connect => fun(Nodes) -> {ok, Nodes} end}),
    answer_discovery({ok, [c@h]}),
    {ok, _} = next_refresh(Server),
    {ok, _} = barnacle_cluster:run_once(#{
        strategy =>
            {custom, #{
                discover => fun() -> {ok, []} end,
                list => fun() -> {ok, [c@h, d@h]} end,
                disconnect => fun(Nodes) -> Test ! {disconnect, Nodes}, {ok, Nodes} end
            }}
    }),
    ?assertEqual([{disconnect, [d@h]}], flush()),
    stop(Server).

error_keeps_what_was_known_test() ->
    {ok, Server} = start(#{poll_interval => 1}, #{connect => fun(Nodes) -> {ok, Nodes} end}),
    answer_discovery({ok, [x@h]}),
    {ok, _} = next_refresh(Server),
    answer_discovery({error, down}),
    {error, _} = next_refresh(Server),
    ?assertMatch(
        #{wanted := #{<<"x@h">> := _}, last_error := #{reason := {strategy_error, down}}},
        barnacle_cluster:status(Server)
    ),
    stop(Server).

listener_test_() ->
    Names = [self, name, module, dead, unregistered],
    [{atom_to_list(Name), fun() -> listener(Name) end} || Name <- Names].

listener(Kind) ->
    Dead = spawn(fun() -> ok end),
    register(barnacle_test_listener, self()),
    Listener = maps:get(Kind, #{
        self => self(),
        name => barnacle_test_listener,
        module => {?MODULE, self()},
        dead => Dead,
        unregistered => nobody_has_this_name
    }),
    {ok, Server} = start(#{listener => Listener}),
    answer_discovery({ok, []}),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    answer_discovery({ok, []}),
    {ok, _} = answer(Caller),
    ok = barnacle_cluster:pause(Server),
    unlink(Server),
    ok = barnacle_cluster:shutdown(Server),
    unregister(barnacle_test_listener),
    Result = {refresh, {ok, [node()]}},
    Heard = [E || {T, S, E} <- flush(), S =:= Server, T =:= barnacle orelse T =:= notified],
    case Kind of
        dead -> ?assertEqual([], Heard);
        unregistered -> ?assertEqual([], Heard);
        _ -> ?assertEqual([Result, Result, pause, shutdown], Heard)
    end.

call_past_its_timeout_exits_test() ->
    {ok, Server} = start(#{}),
    ?assertExit({timeout, _}, barnacle_cluster:refresh(Server, 1)),
    _ = await_discovery(),
    stop(Server).

dead_server_exits_the_caller_test() ->
    {Dead, Monitor} = spawn_monitor(fun() -> ok end),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    end,
    [
        ?assertExit({noproc, _}, F(Dead))
     || F <- [
            fun barnacle_cluster:refresh/1,
            fun barnacle_cluster:pause/1,
            fun barnacle_cluster:shutdown/1,
            fun barnacle_cluster:status/1
        ]
    ],
    ?assertEqual([], flush()).

supervisor_does_not_bring_back_what_was_shut_down_test() ->
    {ok, Sup} = supervise(#{name => barnacle_test_name, strategy => {epmd, []}}),
    Server = whereis(barnacle_test_name),
    ok = barnacle_cluster:shutdown(barnacle_test_name),
    %% The supervisor has handled the exit of its child before it answers.
    ?assertMatch([{barnacle_test_name, undefined, worker, _}], supervisor:which_children(Sup)),
    ?assertNot(is_process_alive(Server)),
    ok = gen_server:stop(Sup).

supervisor_brings_back_what_was_killed_test() ->
    {ok, Sup} = supervise(#{name => barnacle_test_name, strategy => {epmd, []}}),
    Server = whereis(barnacle_test_name),
    Monitor = monitor(process, Server),
    exit(Server, kill),
    receive
        {'DOWN', Monitor, process, _, killed} -> ok
    end,
    [{barnacle_test_name, Server1, worker, _}] = supervisor:which_children(Sup),
    ?assert(is_pid(Server1) andalso Server1 =/= Server),
    ?assertEqual({ok, [node()]}, barnacle_cluster:refresh(barnacle_test_name)),
    ok = gen_server:stop(Sup).

supervise(Options) ->
    {ok, Sup} = supervisor:start_link({local, barnacle_test_sup}, barnacle_test_sup, []),
    {ok, _} = supervisor:start_child(Sup, barnacle_cluster:child_spec(Options)),
    {ok, Sup}.

%% ---- strategies that the test holds ----

start(Options) ->
    start(Options, #{}).

start(Options, Functions) ->
    Test = self(),
    Discover = fun() ->
        Test ! {discover, self(), Ref = make_ref()},
        receive
            {Ref, Answer} -> Answer
        end
    end,
    barnacle_cluster:start_link(
        maps:merge(
            #{
                strategy => {custom, Functions#{discover => Discover}},
                listener => self(),
                poll_interval => ?NEVER_MS
            },
            Options
        )
    ).

start_with_caller(Functions) ->
    start_with_caller(Functions, #{}).

%% The server is given no time to begin its first round before the refresh is there.
start_with_caller(#{discover := Discover} = Functions, Options) ->
    Test = self(),
    Held = fun() ->
        Test ! {discover, self(), Ref = make_ref()},
        receive
            {Ref, go} -> Discover()
        end
    end,
    {ok, Server} = barnacle_cluster:start_link(
        Options#{strategy => {custom, Functions#{discover => Held}}, poll_interval => ?NEVER_MS}
    ),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    ok = await_messages([Caller]),
    release(Caller),
    {Server, Caller}.

%% Lets every discovery go on until the caller has its answer.
release({Pid, _} = _Caller) ->
    Monitor = monitor(process, Pid),
    release_until(Monitor).

release_until(Monitor) ->
    receive
        {discover, Worker, Ref} ->
            Worker ! {Ref, go},
            release_until(Monitor);
        {'DOWN', Monitor, process, _, _} ->
            ok
    after ?LIMIT_MS -> error(caller_not_answered)
    end.

await_discovery() ->
    receive
        {discover, Worker, Ref} -> {Worker, Ref}
    after ?LIMIT_MS -> error(no_discovery)
    end.

reply({Worker, Ref}, Answer) ->
    Worker ! {Ref, Answer}.

answer_discovery(Answer) ->
    reply(await_discovery(), Answer).

next_event(Server) ->
    receive
        {barnacle, Server, Event} -> Event
    after ?LIMIT_MS -> error(no_event)
    end.

next_refresh(Server) ->
    {refresh, Result} = next_event(Server),
    Result.

%% A process that asks, and keeps the answer or the reason it exited with.
ask(Fun) ->
    Test = self(),
    spawn_monitor(fun() ->
        Test ! {asking, self()},
        Answer =
            try
                Fun()
            catch
                exit:Reason -> {'EXIT', Reason}
            end,
        Test ! {answer, self(), Answer}
    end).

answer({Pid, _}) ->
    receive
        {answer, Pid, Answer} -> Answer
    after ?LIMIT_MS -> error(no_answer)
    end.

%% The callers wait in their calls: what they sent is in the server's queue.
await_messages(Callers) ->
    lists:foreach(
        fun({Pid, _}) ->
            receive
                {asking, Pid} -> ok
            after ?LIMIT_MS -> error(not_asking)
            end,
            await_waiting(Pid)
        end,
        Callers
    ).

await_waiting(Pid) ->
    case process_info(Pid, [status, current_function]) of
        [{status, waiting}, {current_function, {gen, do_call, _}}] -> ok;
        undefined -> ok;
        _ -> erlang:yield(), await_waiting(Pid)
    end.

answer_until_answered([], Rounds) ->
    Rounds;
answer_until_answered([{Pid, _} | Rest] = Callers, Rounds) ->
    receive
        {discover, Worker, Ref} ->
            Worker ! {Ref, {ok, []}},
            answer_until_answered(Callers, Rounds + 1);
        {answer, Pid, Answer} ->
            ?assertEqual({ok, [node()]}, Answer),
            answer_until_answered(Rest, Rounds)
    after ?LIMIT_MS -> error(not_answered)
    end.

stop(Server) ->
    unlink(Server),
    ok = barnacle_cluster:shutdown(Server),
    _ = flush(),
    ok.

flush() ->
    receive
        Message -> [Message | flush()]
    after 0 -> []
    end.

-endif.
