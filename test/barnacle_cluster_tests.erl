%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_cluster_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% What the server promises, without a network: strategies whose functions the test holds.

-include_lib("eunit/include/eunit.hrl").

-import(bed_held, [
    start/1, start/2, stop/1,
    await_discovery/0, reply/2, answer_discovery/1,
    next_event/1, next_refresh/1,
    ask/1, answer/1, await_messages/1, answer_until_answered/2,
    flush/0
]).

-export([notify/2]).

-define(LIMIT_MS, 60000).
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
    ?assertEqual([[d@h]], [Nodes || {disconnect, Nodes} <- flush()]),
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

call_that_is_none_harms_nobody_test() ->
    {ok, Server} = start(#{}),
    ?assertEqual({error, unknown_call}, gen_server:call(Server, nonsense)),
    ok = gen_server:cast(Server, nonsense),
    Server ! nonsense,
    ?assertMatch(#{state := running}, barnacle_cluster:status(Server)),
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
    ?assertEqual([], [Left || {'DOWN', _, process, Pid, _} = Left <- flush(), Pid =:= Dead]).

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

%% As the documentation says: one is answered.
shutdown_by_two_test() ->
    {ok, Server} = bed_held:start(#{}),
    unlink(Server),
    true = erlang:suspend_process(Server),
    Two = [bed_held:ask(fun() -> barnacle_cluster:shutdown(Server) end) || _ <- "12"],
    ok = bed_held:await_messages(Two),
    true = erlang:resume_process(Server),
    ?assertMatch(
        [ok, {'EXIT', {normal, {gen_server, call, [Server, shutdown | _]}}}],
        lists:sort([bed_held:answer(Caller) || Caller <- Two])
    ),
    ?assertExit({noproc, _}, barnacle_cluster:shutdown(Server)),
    _ = bed_held:flush().

supervisor_tells_no_listener_test() ->
    Discover = fun() -> {ok, [node()]} end,
    Strategy = {custom, #{discover => Discover}},
    {ok, Sup} = supervise(#{
        name => barnacle_test_name, listener => self(), strategy => Strategy
    }),
    {ok, _} = barnacle_cluster:refresh(barnacle_test_name),
    ok = gen_server:stop(Sup),
    ?assertEqual([], [Event || {barnacle, _, Event} <- bed_held:flush(), is_atom(Event)]).

%% A crash is no reason to come back uninvited.
crashed_barnacle_is_paused_still_test_() ->
    [
        ?_test(begin
            Test = self(),
            Discover = fun() -> Test ! discovered, {ok, [node()]} end,
            Options = #{name => barnacle_test_name, strategy => {custom, #{discover => Discover}}},
            {ok, Sup} = supervise(Options),
            {ok, _} = barnacle_cluster:refresh(barnacle_test_name),
            _ = Stop(barnacle_test_name),
            _ = bed_held:flush(),
            [
                begin
                    ok = killed(barnacle_test_name),
                    ?assertMatch(
                        #{state := State, round := idle, next_poll_in := none, rounds := 0},
                        barnacle_cluster:status(barnacle_test_name)
                    )
                end
             || _ <- [once, twice]
            ],
            ?assertEqual([], bed_held:flush()),
            %% Until it is told to, and then for good.
            {ok, _} = barnacle_cluster:refresh(barnacle_test_name),
            ok = killed(barnacle_test_name),
            ?assertMatch(#{state := running}, barnacle_cluster:status(barnacle_test_name)),
            %% Who is shut down begins anew.
            _ = Stop(barnacle_test_name),
            ok = gen_server:stop(Sup),
            {ok, Next} = supervise(Options),
            ?assertMatch(#{state := running}, barnacle_cluster:status(barnacle_test_name)),
            _ = Stop(barnacle_test_name),
            ok = barnacle_cluster:shutdown(barnacle_test_name),
            {ok, _} = supervisor:restart_child(Next, barnacle_test_name),
            ?assertMatch(#{state := running}, barnacle_cluster:status(barnacle_test_name)),
            ok = gen_server:stop(Next),
            bed_held:flush()
        end)
     || {Stop, State} <- [
            {fun barnacle_cluster:pause/1, paused}, {fun barnacle_cluster:leave/1, left}
        ]
    ].

killed(Name) ->
    Pid = whereis(Name),
    exit(Pid, kill),
    bed_wait:until(restarted, fun() ->
        Now = whereis(Name),
        is_pid(Now) andalso Now =/= Pid
    end).

supervise(Options) ->
    {ok, Sup} = supervisor:start_link({local, barnacle_test_sup}, barnacle_test_sup, []),
    {ok, _} = supervisor:start_child(Sup, barnacle_cluster:child_spec(Options)),
    {ok, Sup}.

-endif.
