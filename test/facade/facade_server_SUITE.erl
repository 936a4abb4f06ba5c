%% SPDX-License-Identifier: Apache-2.0
-module(facade_server_SUITE).

%% A running barnacle as a Gleam program uses it, with strategies that the test holds.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([
    first_round_begins_at_once/1,
    polls_go_on/1,
    refresh_gives_the_result_and_resets_the_timer/1,
    pause_stops_polling_and_refresh_resumes/1,
    nothing_is_linked_after_pause/1,
    nothing_is_unlinked_after_pause/1,
    goals_are_waited_for/1,
    leave_pauses_and_gives_the_nodes_left/1,
    shutdown_ends_the_barnacle_normally/1,
    listener_hears_of_everything/1,
    listener_that_is_not_there_is_ignored/1,
    with_name_registers_and_keeps_the_subject_of_the_process/1,
    named_subject_survives_restarts/1,
    supervised_with_a_name_needs_no_parent/1,
    child_spec_sends_the_subject_at_every_start/1,
    child_spec_is_transient/1,
    start_that_fails_leaves_the_caller_alive/1,
    start_says_all_that_is_wrong/1,
    calls_past_their_timeout_exit/1,
    calls_of_an_ended_barnacle_exit/1
]).

-import(facade_support, [held/0, held/1, discovery/0, answer/1, answer/2, subject/0, next/1]).
-import(facade_support, [nothing/1, ask/1, result/1, down/1, supervise/1]).

-define(NEVER_MS, 3600000).
-define(LIMIT_MS, 60000).

suite() ->
    [{timetrap, {minutes, 3}}].

all() ->
    facade_support:cases(?MODULE, []).

init_per_suite(Config) ->
    facade_support:started(Config).

end_per_suite(_Config) ->
    ok.

first_round_begins_at_once(_) ->
    Listener = subject(),
    B = barnacle:with_poll_interval(held(), ?NEVER_MS),
    {ok, Subject} = barnacle:start(barnacle:with_listener(B, Listener)),
    answer({ok, []}),
    ?assertEqual({refresh_response, {ok, [node()]}}, next(Listener)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

polls_go_on(_) ->
    {ok, Subject} = barnacle:start(barnacle:with_poll_interval(held(), 10)),
    [answer({ok, []}) || _ <- lists:seq(1, 5)],
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

refresh_gives_the_result_and_resets_the_timer(_) ->
    {Subject, _Listener} = idle(barnacle:with_poll_interval(held(), ?NEVER_MS)),
    ?assertMatch({some, _}, next_poll_in(Subject)),
    Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
    Discovery = discovery(),
    ?assertEqual(none, next_poll_in(Subject)),
    answer(Discovery, {error, <<"why">>}),
    ?assertEqual({ok, {error, {strategy_error, <<"why">>}}}, result(Refresh)),
    ?assertMatch({some, _}, next_poll_in(Subject)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

pause_stops_polling_and_refresh_resumes(_) ->
    {Subject, Listener} = idle(barnacle:with_poll_interval(held(), ?NEVER_MS)),
    nil = barnacle:pause(Subject, ?LIMIT_MS),
    ?assertEqual({pause_response, nil}, next(Listener)),
    ?assertEqual(none, next_poll_in(Subject)),
    ?assertMatch({true, false, _, _}, facade@beyond:status_flags(barnacle:status(Subject))),
    Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
    answer({ok, []}),
    ?assertEqual({ok, {ok, [node()]}}, result(Refresh)),
    ?assertMatch({some, _}, next_poll_in(Subject)),
    ?assertMatch({false, false, _, _}, facade@beyond:status_flags(barnacle:status(Subject))),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

nothing_is_linked_after_pause(_) ->
    Failed = {error, {connect_error, [{'a@h', failed_to_connect}]}},
    nothing_after_pause(fun barnacle:with_connect_nodes_function/2, Failed).

nothing_is_unlinked_after_pause(_) ->
    Failed = {error, {disconnect_error, [{'b@h', failed_to_disconnect}]}},
    Add = fun(Strategy, Disconnect) ->
        S1 = barnacle:with_list_nodes_function(Strategy, fun() -> {ok, ['a@h', 'b@h']} end),
        barnacle:with_disconnect_nodes_function(S1, Disconnect)
    end,
    nothing_after_pause(Add, Failed).

nothing_after_pause(Add, Failed) ->
    Test = self(),
    Function = fun(Nodes) ->
        Test ! {called, Nodes},
        {ok, Nodes}
    end,
    Listener = subject(),
    B = held(fun(Strategy) -> Add(Strategy, Function) end),
    {ok, Subject} = barnacle:start(barnacle:with_listener(B, Listener)),
    Discovery = discovery(),
    nil = barnacle:pause(Subject, ?LIMIT_MS),
    ?assertEqual({pause_response, nil}, next(Listener)),
    answer(Discovery, {ok, ['a@h']}),
    ?assertEqual({refresh_response, Failed}, next(Listener)),
    receive
        {called, _} -> error(called_after_pause)
    after 0 -> ok
    end,
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

goals_are_waited_for(_) ->
    [FirstRound, TwoNodes, All] = facade@beyond:goals(),
    {ok, Subject} = barnacle:start(barnacle:with_poll_interval(held(), 10)),
    Discovery = discovery(),
    ?assertEqual({error, nil}, facade@beyond:await(Subject, FirstRound, 10)),
    [?assertNot(facade@beyond:ready(Subject, Goal)) || Goal <- [FirstRound, TwoNodes, All]],
    Waiting = ask(fun() -> facade@beyond:await(Subject, All, ?LIMIT_MS) end),
    answer(Discovery, {error, <<"why">>}),
    answer({ok, [node()]}),
    ?assertEqual({ok, {ok, nil}}, result(Waiting)),
    [?assert(facade@beyond:ready(Subject, Goal)) || Goal <- [FirstRound, All]],
    ?assertNot(facade@beyond:ready(Subject, {nodes, 1000})),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS),
    ?assertNot(facade@beyond:ready(Subject, FirstRound)).

leave_pauses_and_gives_the_nodes_left(_) ->
    {Subject, Listener} = idle(barnacle:with_poll_interval(held(), ?NEVER_MS)),
    ?assertEqual([], facade@beyond:leave(Subject, ?LIMIT_MS)),
    ?assertEqual({pause_response, nil}, next(Listener)),
    ?assertEqual(none, next_poll_in(Subject)),
    Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
    answer({ok, []}),
    ?assertEqual({ok, {ok, [node()]}}, result(Refresh)),
    ?assertMatch({some, _}, next_poll_in(Subject)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

shutdown_ends_the_barnacle_normally(_) ->
    {{subject, Pid, _} = Subject, Listener} = idle(held()),
    Monitor = monitor(process, Pid),
    ?assertEqual(nil, barnacle:shutdown(Subject, ?LIMIT_MS)),
    ?assertEqual(normal, down(Monitor)),
    ?assertEqual({shutdown_response, nil}, next(Listener)).

listener_hears_of_everything(_) ->
    Plain = subject(),
    register(facade_listener, self()),
    Named = gleam@erlang@process:named_subject(facade_listener),
    [
        begin
            {ok, Subject} = barnacle:start(
                barnacle:with_listener(barnacle:with_poll_interval(held(), ?NEVER_MS), Listener)
            ),
            answer({error, <<"first">>}),
            Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
            answer({ok, []}),
            {ok, {ok, _}} = result(Refresh),
            nil = barnacle:pause(Subject, ?LIMIT_MS),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS),
            Heard = [
                receive
                    {Tag, Message} -> Message
                after ?LIMIT_MS -> error(not_told)
                end
             || _ <- lists:seq(1, 4)
            ],
            ?assertEqual(
                [
                    facade@page:refresh_response({error, facade@page:strategy_error(<<"first">>)}),
                    facade@page:refresh_response({ok, [node()]}),
                    facade@page:pause_response(),
                    facade@page:shutdown_response()
                ],
                Heard
            )
        end
     || {Listener, Tag} <- [{Plain, element(3, Plain)}, {Named, facade_listener}]
    ],
    unregister(facade_listener).

listener_that_is_not_there_is_ignored(_) ->
    {Dead, Monitor} = spawn_monitor(fun() -> ok end),
    normal = down(Monitor),
    [
        begin
            {ok, Subject} = barnacle:start(barnacle:with_listener(held(), Listener)),
            answer({ok, []}),
            Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
            answer({ok, []}),
            ?assertEqual({ok, {ok, [node()]}}, result(Refresh)),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS)
        end
     || Listener <- [{subject, Dead, make_ref()}, {named_subject, facade_nobody}]
    ].

with_name_registers_and_keeps_the_subject_of_the_process(_) ->
    B = barnacle:with_name(held(), <<"facade_name">>),
    {ok, {subject, Pid, _} = Subject} = barnacle:start(B),
    ?assertEqual(Pid, whereis(facade_name)),
    ?assertMatch(
        {_, _, {some, <<"facade_name">>}, _}, facade@beyond:status_names(barnacle:status(Subject))
    ),
    {ok, {error, {init_failed, Text}}} = result(ask(fun() -> barnacle:start(B) end)),
    ?assertNotEqual(nomatch, string:find(Text, "facade_name")),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS),
    {ok, {error, {init_failed, TooLong}}} = result(
        ask(fun() -> barnacle:start(barnacle:with_name(held(), binary:copy(<<"n">>, 256))) end)
    ),
    ?assertNotEqual(nomatch, string:find(TooLong, "nnnn")).

named_subject_survives_restarts(_) ->
    Parent = subject(),
    B = facade@beyond:named(barnacle:epmd([]), facade_named),
    {Supervisor, Pid} = supervise(barnacle:child_spec(B, Parent)),
    Subject = gleam@erlang@process:named_subject(facade_named),
    ?assertEqual(Subject, next(Parent)),
    ?assertEqual({ok, [node()]}, barnacle:refresh(Subject, ?LIMIT_MS)),
    kill(Pid),
    ?assertEqual(Subject, next(Parent)),
    ?assertEqual({ok, [node()]}, barnacle:refresh(Subject, ?LIMIT_MS)),
    ?assert(whereis(facade_named) =/= Pid),
    %% The last one says how it is called.
    ?assertMatch({error, {init_failed, _}}, barnacle:start(B)),
    ok = gen_server:stop(Supervisor).

supervised_with_a_name_needs_no_parent(_) ->
    B = facade@beyond:named(barnacle:epmd([]), facade_supervised),
    Spec = facade@beyond:supervised(B),
    ?assertMatch({child_specification, _, transient, false, {worker, _}}, Spec),
    {Supervisor, Pid} = supervise(Spec),
    Subject = gleam@erlang@process:named_subject(facade_supervised),
    ?assertEqual({ok, [node()]}, barnacle:refresh(Subject, ?LIMIT_MS)),
    Monitor = monitor(process, Supervisor),
    kill(Pid),
    [{_, Restarted, _, _}] = supervisor:which_children(Supervisor),
    ?assert(is_pid(Restarted) andalso Restarted =/= Pid),
    ?assertEqual({ok, [node()]}, barnacle:refresh(Subject, ?LIMIT_MS)),
    ok = gen_server:stop(Supervisor),
    ?assertEqual(normal, down(Monitor)),
    {child_specification, Start, _, _, _} = facade@beyond:supervised(
        barnacle:with_poll_interval(B, 0)
    ),
    ?assertMatch({error, {init_failed, _}}, Start()).

child_spec_sends_the_subject_at_every_start(_) ->
    Parent = subject(),
    {Supervisor, Pid0} = supervise(barnacle:child_spec(barnacle:epmd([]), Parent)),
    Last = lists:foldl(
        fun(_, Pid) ->
            {subject, Pid, _} = Subject = next(Parent),
            ?assertEqual({ok, [node()]}, barnacle:refresh(Subject, ?LIMIT_MS)),
            kill(Pid),
            [{_, Restarted, _, _}] = supervisor:which_children(Supervisor),
            ?assert(is_pid(Restarted)),
            Restarted
        end,
        Pid0,
        [1, 2]
    ),
    {subject, Last, _} = next(Parent),
    nothing(Parent),
    ok = gen_server:stop(Supervisor),
    %% Nobody to be told is no reason not to start.
    [
        begin
            {Supervisor1, Pid1} = supervise(barnacle:child_spec(barnacle:epmd([]), Nobody)),
            ?assert(is_process_alive(Pid1)),
            ok = gen_server:stop(Supervisor1)
        end
     || Nobody <- [{subject, Last, make_ref()}, {named_subject, facade_nobody}]
    ].

child_spec_is_transient(_) ->
    Parent = subject(),
    Spec = barnacle:child_spec(barnacle:epmd([]), Parent),
    ?assertMatch({child_specification, _, transient, false, {worker, _}}, Spec),
    {Supervisor, Pid} = supervise(Spec),
    nil = barnacle:shutdown(next(Parent), ?LIMIT_MS),
    ?assertNot(is_process_alive(Pid)),
    ?assertMatch([{barnacle, undefined, _, _}], supervisor:which_children(Supervisor)),
    nothing(Parent),
    ok = gen_server:stop(Supervisor),
    %% What is wrong comes out of the child's start.
    {child_specification, Start, _, _, _} = barnacle:child_spec(
        barnacle:with_poll_interval(barnacle:epmd([]), 0), Parent
    ),
    ?assertMatch({error, {init_failed, _}}, Start()),
    nothing(Parent).

start_that_fails_leaves_the_caller_alive(_) ->
    {ok, Subject} = barnacle:start(barnacle:with_name(held(), <<"facade_taken">>)),
    [
        begin
            {ok, {Result, Linked}} = result(
                ask(fun() ->
                    Started = barnacle:start(B),
                    {links, Links} = process_info(self(), links),
                    {Started, Links}
                end)
            ),
            ?assertMatch({error, {init_failed, _}}, Result),
            ?assertEqual([], Linked)
        end
     || B <- [
            barnacle:with_poll_interval(held(), 0),
            barnacle:with_name(held(), <<"facade_taken">>),
            barnacle:epmd([nonsense])
        ]
    ],
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

start_says_all_that_is_wrong(_) ->
    B = barnacle:with_connect_timeout(barnacle:with_poll_interval(held(), -5), 0),
    {error, {init_failed, Text}} = barnacle:start(B),
    [
        ?assertNotEqual(nomatch, string:find(Text, Part))
     || Part <- ["poll_interval => -5", "connect_timeout => 0", "ms"]
    ].

calls_past_their_timeout_exit(_) ->
    {{subject, Pid, _} = Subject, _} = idle(barnacle:with_poll_interval(held(), ?NEVER_MS)),
    ?assertMatch(
        {exit, {timeout, _}}, result(ask(fun() -> barnacle:refresh(Subject, 10) end))
    ),
    true = erlang:suspend_process(Pid),
    [
        ?assertMatch({exit, {timeout, _}}, result(ask(fun() -> Call(Subject, 10) end)))
     || Call <- [fun barnacle:pause/2, fun barnacle:shutdown/2]
    ],
    true = erlang:resume_process(Pid),
    Gone = monitor(process, Pid),
    ?assertEqual(normal, down(Gone)).

calls_of_an_ended_barnacle_exit(_) ->
    {Subject, _} = idle(held()),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS),
    [
        ?assertMatch({exit, {noproc, _}}, result(ask(Call)))
     || To <- [Subject, {named_subject, facade_nobody}],
        Call <- [
            fun() -> barnacle:refresh(To, ?LIMIT_MS) end,
            fun() -> barnacle:pause(To, ?LIMIT_MS) end,
            fun() -> barnacle:shutdown(To, ?LIMIT_MS) end,
            fun() -> barnacle:status(To) end
        ]
    ].

%% A barnacle whose first round is over, with a listener that has heard of it.
idle(Barnacle) ->
    Listener = subject(),
    {ok, Subject} = barnacle:start(barnacle:with_listener(Barnacle, Listener)),
    answer({ok, []}),
    {refresh_response, {ok, _}} = next(Listener),
    {Subject, Listener}.

next_poll_in(Subject) ->
    element(4, facade@beyond:status_numbers(barnacle:status(Subject))).

kill(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    killed = down(Monitor),
    ok.
