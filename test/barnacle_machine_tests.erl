%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_machine_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

%% A machine is driven with events alone, and its effects are compared.

first_refresh_connects_what_is_absent_test() ->
    {S1, Asked} = start(#{}, #{connected => [{b@h, visible}, {c@h, hidden}]}),
    ?assertEqual([begin_soon], Asked),
    {S2, [{discover, 1, poll}]} = step('begin', 1, S1),
    {S3, Effects} = step(found([a@h, b@h, c@h, d@h]), 2, S2),
    ?assertMatch([{want, _}, {name, 1, [<<"d@h">>]}], Effects),
    {S4, [{connect, 1, [d@h]}]} = step({named, 1, [d@h], []}, 2, S3),
    {S5, _} = step({up, d@h, visible}, 3, S4),
    {_, Ended} = step({connected, 1, []}, 4, S5),
    ?assertMatch({notify, {refresh, {ok, [a@h, b@h, d@h]}}}, lists:keyfind(notify, 1, Ended)),
    ?assertMatch({timer, poll, _, Ms} when Ms =< 5000 andalso Ms >= 4500, hd(Ended)).

steady_poll_is_one_worker_and_one_event_test() ->
    {S1, _} = start(#{}, #{connected => [{b@h, visible}]}),
    {S2, _} = step('begin', 1, S1),
    {_, Effects} = step(found([a@h, b@h]), 2, S2),
    ?assertEqual([want, timer, notify, log], kinds(Effects)).

poll_leaves_failing_nodes_alone_and_a_call_does_not_test() ->
    S1 = refreshed([a@h, b@h], [{b@h, timeout}]),
    {S2, [{discover, 2, poll}]} = step('begin', 20, poll(20, S1)),
    ?assertEqual([{b@h, timeout}], maps:get(failed, barnacle_machine:known(S2))),
    {S3, _} = step(found(2, [a@h, b@h]), 21, S2),
    {S4, Poll} = step({named, 2, [b@h], []}, 21, S3),
    ?assertNot(lists:keymember(connect, 1, Poll)),
    {S5, _} = step({call, refresh, tag}, 30, S4),
    {S6, Rest} = step('begin', 31, S5),
    ?assert(lists:member({cancel_timer, retry}, Rest)),
    {S7, _} = step(found(3, [a@h, b@h]), 32, S6),
    ?assertMatch({_, [{connect, 3, [b@h]}]}, step({named, 3, [b@h], []}, 32, S7)).

retry_is_due_test() ->
    S1 = refreshed([a@h, b@h], [{b@h, timeout}]),
    {timeout, retry, G} = Due = timeout_of(retry, S1),
    {S2, [{connect, retry, [b@h]}]} = step(Due, 2000, S1),
    {S3, [{timer, retry, _, _}]} = step({connected, retry, [{b@h, timeout}]}, 2001, S2),
    %% A timer of before changes nothing.
    ?assertEqual({S3, []}, step({timeout, retry, G}, 2002, S3)).

retry_that_crashes_is_logged_test() ->
    S1 = refreshed([a@h, b@h], [{b@h, timeout}]),
    {S2, _} = step(timeout_of(retry, S1), 2000, S1),
    {_, Effects} = step({crashed, retry, why, []}, 2001, S2),
    ?assertMatch([{timer, retry, _, _}, {log, {retry_crashed, why, []}}], Effects).

pause_in_each_phase_begins_nothing_test_() ->
    {S1, _} = start(#{disconnect => undiscovered}, #{connected => [{x@h, visible}]}),
    {S2, _} = step('begin', 1, S1),
    {S3, _} = step(found([a@h, b@h]), 2, S2),
    {S4, _} = step({named, 1, [b@h], []}, 2, S3),
    {S5, Cut} = step({connected, 1, []}, 3, S4),
    ?assertMatch({disconnect, 1, [x@h]}, hd(Cut)),
    Paused = fun(S) -> step({call, pause, tag}, 5, S) end,
    [
        ?_assertMatch({_, [{keep, paused} | _]}, Paused(S1)),
        fun() ->
            {P, _} = Paused(S2),
            {P1, E1} = step(found([a@h, b@h]), 6, P),
            ?assertMatch([{want, _}, {name, 1, _}], E1),
            {_, E2} = step({named, 1, [b@h], []}, 6, P1),
            ?assertEqual([notify, log], kinds(E2)),
            ?assertMatch({notify, {refresh, {error, {connect_error, [{b@h, paused}]}}}}, hd(E2))
        end,
        [
            fun() ->
                {P, [Stop | Effects]} = Paused(S),
                ?assertEqual({stop_work, connect}, Stop),
                ?assertEqual([], begun(Effects)),
                %% What was on its way changes nothing.
                ?assertEqual({P, []}, step({Did, 1, []}, 6, P))
            end
         || {S, Did} <- [{S4, connected}, {S5, disconnected}]
        ]
    ].

custom_result_is_never_suspect_test() ->
    Others = [b@h, c@h, d@h],
    {S1, _} = start(#{custom => true}, #{connected => [{Node, visible} || Node <- Others]}),
    {S2, _} = step('begin', 1, S1),
    {S3, _} = step(found([a@h | Others]), 2, S2),
    {S4, _} = step('begin', 5002, poll(5001, S3)),
    {S5, _} = step(found(2, [a@h]), 5003, S4),
    #{suspect := IsSuspect, departed := Departed} = barnacle_machine:status(5003, S5),
    ?assertEqual({false, 3}, {IsSuspect, map_size(Departed)}).

begun(Effects) -> [E || E <- Effects, lists:member(element(1, E), [discover, connect, disconnect])].

calls_share_a_refresh_that_has_not_begun_test() ->
    {S1, _} = start(#{}, #{}),
    {S2, []} = step({call, refresh, one}, 1, S1),
    {S3, [{discover, 1, refresh}]} = step('begin', 1, S2),
    {S4, []} = step({call, refresh, two}, 2, S3),
    {S5, First} = step(found([a@h]), 3, S4),
    ?assertMatch([{reply, one, {result, {ok, [a@h]}}}], replies(First)),
    ?assert(lists:member(begin_soon, First)),
    {S6, _} = step('begin', 3, S5),
    {_, Second} = step(found(2, [a@h]), 4, S6),
    ?assertMatch([{reply, two, _}], replies(Second)).

crash_fails_the_refresh_and_polls_go_on_test() ->
    {S1, _} = start(#{}, #{}),
    {S2, []} = step({call, refresh, one}, 1, S1),
    {S3, _} = step('begin', 1, S2),
    {_, Effects} = step({crashed, 1, why, []}, 2, S3),
    ?assertEqual([{reply, one, {crashed, why}}], replies(Effects)),
    ?assertMatch({_, _, _, Ms} when Ms >= 9000, lists:keyfind(timer, 1, Effects)).

interval_test_() ->
    Ms = fun(Settings, Events) ->
        {S, _} = start(Settings, #{}),
        {_, Effects} = lists:foldl(fun({E, At}, {Acc, _}) -> step(E, At, Acc) end, {S, []}, Events),
        element(4, lists:keyfind(timer, 1, Effects))
    end,
    Good = fun(At) -> [{'begin', At}, {found([a@h]), At}] end,
    Bad = fun(At) -> [{'begin', At}, {found(1, {error, why}), At}] end,
    Eager = #{eager_poll_interval => 500},
    [
        ?_assert(is_about(5000, Ms(#{}, Good(1)))),
        ?_assert(is_about(500, Ms(Eager, Good(59999)))),
        ?_assert(is_about(5000, Ms(Eager, Good(60001)))),
        ?_assert(is_about(500, Ms(Eager, Bad(60001)))),
        ?_assert(is_about(1, Ms(#{poll_interval => 1}, Good(1))))
    ].

is_about(Ms, Next) -> Next =< Ms andalso Next >= Ms * 0.9.

await_is_answered_or_times_out_test() ->
    {S1, _} = start(#{}, #{}),
    {S2, [{timer, {await, one}, G, 50}]} = step({call, {await, {nodes, 2}, 50}, one}, 1, S1),
    {S3, []} = step({call, {await, {nodes, 2}, infinity}, two}, 1, S2),
    {S4, [{reply, one, {error, timeout}}]} = step({timeout, {await, one}, G}, 51, S3),
    {_, Up} = step({up, b@h, visible}, 52, S4),
    ?assertEqual([{reply, two, ok}], replies(Up)).

shutdown_ends_all_work_test() ->
    {S1, _} = start(#{}, #{}),
    {_, Effects} = step({call, shutdown, tag}, 1, S1),
    ?assertEqual(stop, lists:last(Effects)),
    ?assertEqual([{reply, tag, ok}], replies(Effects)),
    ?assertEqual(3, length([1 || {stop_work, _} <- Effects])).

same_history_gives_same_effects_test() ->
    Nodes = [b@h, c@h, d@h, x@h],
    Events = [event(rand:uniform(14), Nodes) || _ <- lists:seq(1, 3000)],
    ?assertEqual(history(Events), history(Events)).

state_has_no_process_or_function_test() ->
    S = refreshed([a@h, b@h], [{b@h, timeout}]),
    ?assert(is_plain(S)).

history(Events) ->
    {S, First} = start(#{}, #{connected => [{b@h, visible}]}),
    lists:foldl(
        fun(Event, {NowMs, Acc, All}) ->
            {Next, Effects} = barnacle_machine:step(Event, NowMs, Acc),
            {NowMs + 100, Next, [Effects | All]}
        end,
        {0, S, [First]},
        Events
    ).

event(1, Nodes) -> {up, pick(Nodes), visible};
event(2, Nodes) -> {down, pick(Nodes), visible, connection_closed};
event(3, _) -> {timeout, poll, rand:uniform(40)};
event(4, _) -> {timeout, retry, rand:uniform(40)};
event(5, _) -> {call, refresh, rand:uniform(5)};
event(6, Nodes) -> {leaving, pick(Nodes)};
event(7, Nodes) -> {asked, peer, pick(Nodes)};
event(8, _) -> {call, pause, tag};
event(9, _) -> {crashed, rand:uniform(200), why, []};
event(10, Nodes) -> {declined, pick(Nodes), paused};
event(11, Nodes) -> {named, rand:uniform(200), Nodes, []};
event(N, _) when N < 13 -> 'begin';
event(_, Nodes) ->
    Found = [a@h | [N || N <- Nodes, rand:uniform(2) =:= 1]],
    found(rand:uniform(200), Found).

pick(List) -> lists:nth(rand:uniform(length(List)), List).

is_plain(Term) when is_pid(Term); is_function(Term); is_reference(Term); is_port(Term) -> false;
is_plain(Term) when is_map(Term) -> is_plain(maps:to_list(Term));
is_plain(Term) when is_tuple(Term) -> is_plain(tuple_to_list(Term));
is_plain([Head | Tail]) -> is_plain(Head) andalso is_plain(Tail);
is_plain(_) -> true.

%% ---------------------------------------------------------------------------------------------

start(Settings, Start) ->
    S = barnacle_machine:new(
        maps:merge(
            #{
                self => <<"a@h">>,
                node => a@h,
                own_list => false,
                custom => false,
                own_disconnect => false,
                own_connect => false,
                distribution => true,
                polls => true,
                seed => 1,
                disconnect => departed,
                departed_after => 60000,
                poll_interval => 5000,
                retry_min => 1000,
                retry_max => 30000,
                max_nodes => 1000,
                connect_timeout => 5000
            },
            Settings
        )
    ),
    step({start, maps:merge(#{mode => running, connected => [], others => #{}}, Start)}, 0, S).

%% A first refresh in which some nodes failed, and its poll timer.
refreshed(Nodes, Failures) ->
    {S1, _} = start(#{}, #{}),
    {S2, _} = step('begin', 1, S1),
    {S3, _} = step(found(Nodes), 2, S2),
    {S4, _} = step({named, 1, [Node || {Node, _} <- Failures], []}, 2, S3),
    {S5, _} = step({connected, 1, Failures}, 3, S4),
    S5.

poll(NowMs, S) ->
    element(1, step(timeout_of(poll, S), NowMs, S)).

%% The generation of a timer is of no importance to a test, but it has to be the present one.
timeout_of(Name, S) ->
    hd([
        Event
     || G <- lists:seq(1, 20),
        Event <- [{timeout, Name, G}],
        element(2, step(Event, 2000, S)) =/= []
    ]).

found(Names) -> found(1, Names).

found(Id, {error, _} = Answer) ->
    {discovered, Id, discovery(Answer)};
found(Id, Names) ->
    {discovered, Id, discovery({complete, [atom_to_binary(Name) || Name <- Names]})}.

discovery(Answer) ->
    #{
        result => Answer,
        filtered => [],
        own_names => [],
        queried => [],
        hints => [],
        ours => all,
        listed => none,
        node => a@h
    }.

step(Event, NowMs, S) -> barnacle_machine:step(Event, NowMs, S).

kinds(Effects) -> [element(1, Effect) || Effect <- Effects].

replies(Effects) -> [Effect || {reply, _, _} = Effect <- Effects].

-endif.
