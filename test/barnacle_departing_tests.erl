%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departing_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% One barnacle a@h among b@h, c@h, d@h: what it does when its source omits d@h. The clock is the
%% test's.

-include_lib("eunit/include/eunit.hrl").

-define(AFTER_MS, 60000).
-define(POLL_MS, 5000).
-define(LIMIT_MS, 4000).
-define(D, <<"d@h">>).

%% ---- a node with a barnacle ----

asks_after_the_waiting_and_three_results_test() ->
    S0 = absent(world()),
    {S1, E1} = poll(0, S0),
    %% The first check.
    ?assertEqual([{inspect, d@h}], acts(E1)),
    {S2, []} = acts_of(event({inspected, d@h, there()}, 1, S1)),
    {S3, E3} = poll(59999, again_absent(30000, S2)),
    ?assertEqual([], acts(E3)),
    {S4, E4} = poll(60000, again_absent(60000, S3)),
    ?assertEqual([{ask, d@h}], acts(E4)),
    ?assertEqual(#{?D => asked}, departed(S4)),
    ?assert(lists:member({log, {asked, [d@h]}}, E4)).

few_results_are_not_enough_test() ->
    {S1, _} = poll(0, absent(world())),
    {_, E2} = poll(60000, again_absent(60000, S1)),
    ?assertNot(lists:member({ask, d@h}, E2)).

asks_again_at_growing_intervals_after_a_passing_reason_test_() ->
    [
        ?_test(begin
            S1 = asked(world()),
            {S2, []} = event({declined, d@h, Why}, 60010, S1),
            ?assertEqual(#{?D => {stays, Why}}, departed(S2)),
            %% A poll leaves it to the timer.
            {S3, E3} = poll(62000, S2),
            ?assertEqual([], acts(E3)),
            {Gaps, _} = lists:mapfoldl(
                fun(_, S) ->
                    {{_, AfterMs}, {Next, Effects}} = timeout(S),
                    ?assertMatch([{ask, d@h} | _], acts(Effects)),
                    {Declined, []} = event({declined, d@h, Why}, now_ms(Next), Next),
                    {AfterMs, Declined}
                end,
                S3,
                lists:seq(1, 10)
            ),
            Doubled = [5000 bsl N || N <- lists:seq(0, 6)],
            ?assertEqual(Doubled ++ [600000, 600000, 600000], Gaps)
        end)
     || Why <- [
            no_complete_answer, suspect, paused, {foreign_links, [z@h]}, {wanted_by_others, [b@h]}
        ]
    ].

no_reply_is_a_passing_reason_test() ->
    S1 = asked(world()),
    {_, {S2, E2}} = timeout(S1),
    %% Perhaps there is no barnacle any more.
    ?assertEqual([{ask, d@h}, {inspect, d@h}], acts(E2)),
    ?assertEqual(#{?D => no_answer}, departed(S2)),
    {S3, E3} = event({inspected, d@h, nothing()}, 65001, S2),
    ?assertEqual([], acts(E3)),
    {_, {_, E4}} = timeout(S3),
    ?assertMatch([{ask, d@h}, {inspect, d@h}], acts(E4)).

asks_at_once_when_the_reason_is_over_test() ->
    {S1, []} = event({declined, d@h, suspect}, 60010, asked(world())),
    {_, E2} = event({reason_over, d@h}, 60020, S1),
    ?assertEqual([{ask, d@h}], acts(E2)),
    %% Also when it declined for a lasting one.
    {S3, _} = event({declined, d@h, named}, 60010, asked(world())),
    {_, E4} = event({reason_over, d@h}, 60020, S3),
    ?assertEqual([{ask, d@h}], acts(E4)).

lasting_reason_is_asked_about_by_a_refresh_only_test_() ->
    [
        ?_test(begin
            {S1, E1} = event({declined, d@h, Why}, 60010, asked(world())),
            ?assertEqual([{cancel_timer, {departing, d@h}}], E1),
            {S2, E2} = poll(90000, S1),
            ?assertEqual([], acts(E2)),
            {_, E3} = refresh(91000, S2),
            ?assertEqual([{ask, d@h}], acts(E3))
        end)
     || Why <- [named, never_named, {disconnect, never}, of_a_later_version]
    ].

%% What changes meanwhile.
node_that_is_back_is_left_alone_test() ->
    S1 = asked(world()),
    Plan = barnacle_plan:observe({complete, [a@h, b@h, c@h, d@h]}, 60100, maps:get(plan, view(S1))),
    {S2, E2} = event({discovered, 2, #{}}, 60100, with(#{plan => Plan}, S1)),
    ?assertEqual({#{}, []}, {departed(S2), acts(E2)}),
    ?assert(lists:member({cancel_timer, {departing, d@h}}, E2)),
    ?assertEqual([], acts(element(2, poll(60100, S2)))),
    ignored({reason_over, d@h}, 60110, S2).

node_that_has_left_is_forgotten_test() ->
    {S1, E1} = event({down, d@h, visible, disconnect}, 60050, asked(world())),
    ?assertEqual({#{}, [{cancel_timer, {departing, d@h}}]}, {departed(S1), E1}).

other_barnacle_here_keeps_it_test() ->
    {_, E} = refresh(60000, with(#{others => #{?D => 1}}, absent(world()))),
    ?assertEqual([], acts(E)),
    ?assertMatch([{signal, {departures_done, 7, []}}], E).

results_without_evidence_move_no_node_test_() ->
    [
        ?_test(begin
            S1 = with(Bad, absent(world())),
            {_, E} = refresh(60000, S1),
            ?assertEqual([{signal, {departures_done, 7, []}}], E),
            %% Nor at the time of another look, which comes again.
            S2 = with(Bad, asked(world())),
            {_, {S3, E3}} = timeout(S2),
            ?assertEqual([], acts(E3)),
            ?assertMatch({_, _}, timeout(S3))
        end)
     || Bad <- [
            #{result => partial}, #{result => error}, #{result => empty}, #{result => none},
            #{suspect => true}
        ]
    ].

other_settings_ask_no_node_test_() ->
    [
        ?_test(begin
            {S, E} = refresh(60000, settings(More, absent(world()))),
            ?assertEqual({#{}, [{signal, {departures_done, 7, []}}]}, {departed(S), E})
        end)
     || More <- [
            #{disconnect => never}, #{disconnect => undiscovered}, #{distribution => false},
            #{own_disconnect => true, custom => true}
        ]
    ] ++
        [
            ?_test(begin
                {S, E} = refresh(60000, settings(#{disconnect => report}, absent(world()))),
                ?assertEqual({#{?D => not_asked}, []}, {departed(S), acts(E)}),
                ?assert(lists:member({signal, {departures_done, 7, []}}, E))
            end)
        ].

pause_ends_all_of_it_test() ->
    {S1, E1} = refresh(60000, absent(world())),
    ?assert(lists:member({ask, d@h}, E1)),
    {S2, E2} = event({mode, paused}, 60001, with(#{mode => paused}, S1)),
    ?assert(lists:member({signal, {departures_done, 7, [{d@h, paused}]}}, E2)),
    ?assert(lists:member({cancel_timer, departures}, E2)),
    ?assertEqual(#{}, departed(S2)),
    ?assertMatch({_, [{signal, {departures_done, 7, []}}]}, refresh(60002, S2)).

%% ---- a refresh ----

refresh_waits_until_the_node_has_left_test() ->
    {S1, E1} = refresh(60000, absent(world())),
    ?assertMatch([{ask, d@h} | _], acts(E1)),
    ?assertNot(lists:any(fun is_done/1, E1)),
    ?assertEqual([?LIMIT_MS], [Ms || {timer, departures, _, Ms} <- E1]),
    {_, E2} = event({down, d@h, visible, disconnect}, 60010, S1),
    ?assert(lists:member({signal, {departures_done, 7, []}}, E2)).

refresh_names_nodes_that_stay_test() ->
    {S1, _} = refresh(60000, absent(world())),
    {_, E2} = event({declined, d@h, named}, 60010, S1),
    ?assert(lists:member({signal, {departures_done, 7, [{d@h, failed_to_disconnect}]}}, E2)),
    %% The reply to an earlier question has no say twice.
    {S3, _} = event({declined, d@h, named}, 60010, S1),
    ?assertEqual([], [E || E <- element(2, event({declined, d@h, named}, 60011, S3)), is_done(E)]).

refresh_has_a_time_limit_test() ->
    {S1, E1} = refresh(60000, absent(world())),
    [G] = [G || {timer, departures, G, _} <- E1],
    ignored({timeout, departures, G - 1}, 64000, S1),
    {S2, E2} = event({timeout, departures, G}, 64000, S1),
    ?assert(lists:member({signal, {departures_done, 7, [{d@h, failed_to_disconnect}]}}, E2)),
    ?assertEqual(#{?D => asked}, departed(S2)).

%% ---- a node without a barnacle ----

plain_node_leaves_after_three_checks_over_the_waiting_test() ->
    {S1, E1} = poll(0, absent(world())),
    ?assertEqual([{inspect, d@h}], acts(E1)),
    {S2, []} = acts_of(event({inspected, d@h, none([b@h, c@h])}, 1, S1)),
    {S3, E3} = poll(29999, again_absent(29999, S2)),
    ?assertEqual([], acts(E3)),
    {S4, E4} = poll(30000, S3),
    ?assertEqual([{inspect, d@h}], acts(E4)),
    {S5, []} = acts_of(event({inspected, d@h, none([b@h, c@h])}, 30001, S4)),
    {S6, E6} = poll(60000, again_absent(60000, S5)),
    ?assertEqual([{inspect, d@h}], acts(E6)),
    {S7, E7} = event({inspected, d@h, none([a@h, b@h, c@h])}, 60001, S6),
    ?assertEqual([{ask_wants, d@h, [b@h, c@h]}], acts(E7)),
    {S8, E8} = event({wanted_by, d@h, no}, 60002, S7),
    ?assertEqual([{expel, d@h}], acts(E8)),
    ?assert(lists:member({log, {expelled, d@h}}, E8)),
    {S9, _} = event({down, d@h, visible, connection_closed}, 60003, S8),
    ?assertEqual(#{}, departed(S9)).

registry_that_is_there_once_begins_the_checks_anew_test() ->
    {S1, _} = poll(0, absent(world())),
    {S2, _} = event({inspected, d@h, none([b@h])}, 1, S1),
    {S3, _} = poll(30000, again_absent(30000, S2)),
    {S4, _} = event({inspected, d@h, there()}, 30001, S3),
    {_, E5} = poll(60000, again_absent(60000, S4)),
    ?assertEqual([{ask, d@h}], acts(E5)).

no_reply_is_unknown_never_none_test() ->
    {S1, _} = poll(0, absent(world())),
    {S2, []} = acts_of(event({inspected, d@h, nothing()}, 1, S1)),
    {S3, _} = poll(30000, again_absent(30000, S2)),
    {S4, []} = acts_of(event({inspected, d@h, nothing()}, 30001, S3)),
    {S5, E5} = poll(60000, again_absent(60000, S4)),
    ?assertEqual([{ask, d@h}, {inspect, d@h}], acts(E5)),
    {_, []} = acts_of(event({inspected, d@h, nothing()}, 60001, S5)).

refresh_checks_without_waiting_test() ->
    {S1, E1} = refresh(100, absent(world())),
    ?assertEqual([{ask, d@h}, {inspect, d@h}], acts(E1)),
    {S2, E2} = event({inspected, d@h, none([a@h, b@h])}, 101, S1),
    ?assertEqual([{inspect, d@h}], acts(E2)),
    {S3, E3} = event({inspected, d@h, none([a@h, b@h])}, 102, S2),
    ?assertEqual([{inspect, d@h}], acts(E3)),
    {S4, E4} = event({inspected, d@h, none([a@h, b@h])}, 103, S3),
    ?assertEqual([{ask_wants, d@h, [b@h, c@h]}], acts(E4)),
    {S5, E5} = event({wanted_by, d@h, no}, 104, S4),
    ?assertEqual([{expel, d@h}], acts(E5)),
    {_, E6} = event({down, d@h, visible, connection_closed}, 105, S5),
    ?assert(lists:member({signal, {departures_done, 7, []}}, E6)).

conditions_keep_a_plain_node_test_() ->
    Looked = fun(Connections) ->
        {S1, _} = refresh(100, absent(world())),
        {S2, _} = event({inspected, d@h, none(Connections)}, 101, S1),
        {S3, _} = event({inspected, d@h, none(Connections)}, 102, S2),
        event({inspected, d@h, none(Connections)}, 103, S3)
    end,
    Stays = fun(Why, {S, E}) ->
        ?assertEqual(#{?D => {stays, Why}}, departed(S)),
        ?assert(lists:member({signal, {departures_done, 7, [{d@h, failed_to_disconnect}]}}, E)),
        ?assertEqual([], acts(E)),
        %% It is looked at again.
        {_, {_, Again}} = timeout(S),
        ?assertEqual([{inspect, d@h}], acts(Again)),
        %% status has the reason meanwhile.
        {_, {Next, _}} = timeout(S),
        {Looked1, _} = event({inspected, d@h, none([a@h, b@h])}, now_ms(Next), Next),
        ?assertEqual(#{?D => {stays, Why}}, departed(Looked1))
    end,
    [
        {"connection outside this source", fun() ->
            Stays({foreign_links, [z@h]}, Looked([a@h, b@h, z@h]))
        end},
        {"another barnacle of the cluster wants it", fun() ->
            {S, _} = Looked([a@h, b@h]),
            Stays({wanted_by, [c@h]}, event({wanted_by, d@h, {yes, [c@h]}}, 104, S))
        end},
        {"another barnacle of the cluster does not reply", fun() ->
            {S, _} = Looked([a@h, b@h]),
            Stays({no_reply, [c@h]}, event({wanted_by, d@h, {unknown, [c@h]}}, 104, S))
        end}
    ].

cluster_of_two_is_disconnected_test() ->
    Two = with(#{visible => #{d@h => visible}}, absent(world())),
    {S1, _} = refresh(100, Two),
    {S2, _} = event({inspected, d@h, none([a@h])}, 101, S1),
    {S3, _} = event({inspected, d@h, none([a@h])}, 102, S2),
    {_, E4} = event({inspected, d@h, none([a@h])}, 103, S3),
    ?assertEqual([{disconnect_node, d@h}], acts(E4)),
    ?assert(lists:member({log, {disconnecting, d@h}}, E4)).

%% A plain disconnect would cost this node its own connections.
plain_node_with_another_connection_is_not_disconnected_by_one_node_test() ->
    Two = with(#{visible => #{d@h => visible}}, absent(world())),
    {S1, _} = refresh(100, Two),
    {S2, _} = event({inspected, d@h, none([a@h, b@h])}, 101, S1),
    {S3, _} = event({inspected, d@h, none([a@h, b@h])}, 102, S2),
    {_, E4} = event({inspected, d@h, none([a@h, b@h])}, 103, S3),
    ?assertEqual([{expel, d@h}], acts(E4)).

registry_without_a_barnacle_replies_three_times_test() ->
    {S1, E1} = refresh(100, absent(world())),
    ?assertEqual([{ask, d@h}, {inspect, d@h}], acts(E1)),
    {S2, E2} = event({declined, d@h, no_barnacle}, 101, S1),
    ?assertEqual([{ask, d@h}], acts(E2)),
    %% A registry there does not contradict it.
    {S3, []} = acts_of(event({inspected, d@h, there()}, 102, S2)),
    {S4, E4} = event({declined, d@h, no_barnacle}, 103, S3),
    ?assertEqual([{ask, d@h}], acts(E4)),
    {S5, E5} = event({declined, d@h, no_barnacle}, 104, S4),
    ?assertEqual([{inspect, d@h}], acts(E5)),
    {_, E6} = event({inspected, d@h, (there())#{connections => [a@h, b@h]}}, 105, S5),
    ?assertEqual([{ask_wants, d@h, [b@h, c@h]}], acts(E6)).

node_that_returns_is_made_to_leave_again_at_growing_intervals_test() ->
    Expel = fun(S0) ->
        {S1, E1} = settle(none([a@h, b@h]), S0),
        ?assertEqual([{expel, d@h}], [E || {expel, _} = E <- E1]),
        {S2, _} = event({down, d@h, visible, connection_closed}, now_ms(S1) + 1, S1),
        S2
    end,
    {S1, _} = refresh(100, absent(world())),
    S2 = Expel(S1),
    %% The plan has forgotten it meanwhile.
    Plan = barnacle_plan:forget([?D], maps:get(plan, view(S2))),
    {Gaps, _} = lists:mapfoldl(
        fun(_, S) ->
            {Up, E} = event({up, d@h, visible}, now_ms(S) + 5, S),
            ?assertEqual([], acts(E)),
            {{_, AfterMs}, {Next, _}} = timeout(Up),
            {AfterMs, Expel(Next)}
        end,
        with(#{plan => Plan}, S2),
        lists:seq(1, 4)
    ),
    ?assert(lists:sort(Gaps) =:= Gaps andalso hd(Gaps) < lists:last(Gaps)).

node_that_is_wanted_again_may_return_test() ->
    {S1, _} = refresh(100, absent(world())),
    {S2, _} = settle(none([a@h, b@h]), S1),
    {S3, _} = event({down, d@h, visible, connection_closed}, 200, S2),
    Plan = barnacle_plan:observe({complete, [a@h, b@h, c@h, d@h]}, 300, maps:get(plan, view(S3))),
    Wanted = with(#{plan => Plan}, S3),
    {S4, []} = event({up, d@h, visible}, 301, Wanted),
    ignored({up, d@h, visible}, 302, S4).

%% ---- a custom strategy ----

custom_list_is_the_users_word_test_() ->
    Custom = fun(Names) ->
        S = settings(#{custom => true}, world()),
        Plan = barnacle_plan:observe({complete, Names}, 10, maps:get(plan, view(S))),
        with(#{plan => Plan, suspect => true}, S)
    end,
    [
        {"a node that it omits is asked at once, by a poll", fun() ->
            {S, E} = poll(10, Custom([a@h, b@h, c@h])),
            ?assertEqual({[{ask, d@h}, {inspect, d@h}], #{?D => asked}}, {acts(E), departed(S)}),
            ?assert(lists:any(fun is_done/1, E))
        end},
        {"many at once too", fun() ->
            {S, _} = poll(10, Custom([a@h])),
            ?assertEqual([<<"b@h">>, <<"c@h">>, ?D], lists:sort(maps:keys(departed(S))))
        end},
        {"an empty list is one, under both settings", fun() ->
            [
                begin
                    S = settings(#{disconnect => Mode}, Custom([a@h, b@h, c@h])),
                    {_, E} = poll(10, with(#{result => empty}, S)),
                    ?assertEqual([{ask, d@h}, {inspect, d@h}], acts(E))
                end
             || Mode <- [departed, undiscovered]
            ]
        end},
        {"a node that it never contained stays", fun() ->
            S = Custom([a@h, b@h, c@h, d@h]),
            #{visible := Visible} = view(S),
            {_, E} = poll(10, with(#{visible => Visible#{z@h => visible}}, S)),
            ?assertEqual([], acts(E))
        end},
        {"a partial result moves no node", fun() ->
            {_, E} = poll(10, with(#{result => partial}, Custom([a@h, b@h, c@h]))),
            ?assertEqual([], acts(E))
        end}
    ].

stale_timer_changes_nothing_test() ->
    S = asked(world()),
    ignored({timeout, {departing, d@h}, 0}, 61000, S),
    ignored({timeout, {departing, x@h}, 1}, 61000, S),
    ignored({timeout, poll, 1}, 61000, S),
    ignored({discovered, 1, #{}}, 61000, S).

%% ---- words of these stories: {Own, View, Timers, NowMs} ----

world() ->
    Plan = barnacle_plan:observe({complete, [a@h, b@h, c@h, d@h]}, -1, barnacle_plan:new()),
    View = #{
        settings => #{
            self => <<"a@h">>,
            disconnect => departed,
            departed_after => ?AFTER_MS,
            poll_interval => ?POLL_MS,
            connect_timeout => ?LIMIT_MS,
            custom => false
        },
        mode => running,
        plan => Plan,
        visible => #{b@h => visible, c@h => visible, d@h => visible},
        others => #{},
        result => complete,
        suspect => false,
        phase => none,
        trigger => poll
    },
    {barnacle_departing:new(#{}), View, #{}, -1}.

view({_, View, _, _}) -> View.

now_ms({_, _, _, NowMs}) -> NowMs.

with(More, {Own, View, Timers, NowMs}) -> {Own, maps:merge(View, More), Timers, NowMs}.

settings(More, {_, #{settings := Settings}, _, _} = S) ->
    with(#{settings => maps:merge(Settings, More)}, S).

absent(S) -> again_absent(0, S).

again_absent(NowMs, {_, #{plan := Plan}, _, _} = S) ->
    with(#{plan => barnacle_plan:observe({complete, [a@h, b@h, c@h]}, NowMs, Plan)}, S).

%% Asked after the waiting, with a barnacle there.
asked(S0) ->
    {S1, _} = poll(0, absent(S0)),
    {S2, _} = event({inspected, d@h, there()}, 1, S1),
    {S3, _} = poll(60000, again_absent(60000, again_absent(30000, S2))),
    #{?D := asked} = departed(S3),
    S3.

%% Replies to inspections and questions until nothing is awaited.
settle(Found, S0) ->
    {S1, E1} = event({inspected, d@h, Found}, now_ms(S0) + 1, S0),
    case acts(E1) of
        [{inspect, d@h}] -> settle(Found, S1);
        [{ask, d@h}, {inspect, d@h}] -> settle(Found, S1);
        [{ask_wants, d@h, _}] -> event({wanted_by, d@h, no}, now_ms(S1) + 1, S1)
    end.

poll(NowMs, S) -> departs(6, NowMs, with(#{trigger => poll}, S)).

refresh(NowMs, S) -> departs(7, NowMs, with(#{trigger => refresh}, S)).

%% A refresh, as far as this machine hears of it.
departs(Id, NowMs, S0) ->
    {S1, E1} = event({discovered, Id, #{}}, NowMs, S0),
    {S2, E2} = event({depart, Id}, NowMs, S1),
    {S2, E1 ++ E2}.

event(Event, NowMs, {Own, View, Timers, _}) ->
    {Own1, Effects} = barnacle_departing:handle(Event, NowMs, Own, View),
    {{Own1, View, timers(Effects, NowMs, Timers), NowMs}, Effects}.

ignored(Event, NowMs, {Own, _, _, _} = S) ->
    {{Same, _, _, _}, Effects} = event(Event, NowMs, S),
    ?assertEqual({Own, []}, {Same, Effects}).

timers(Effects, NowMs, Timers) ->
    lists:foldl(
        fun
            ({timer, Name, G, Ms}, Acc) -> Acc#{Name => {NowMs, G, Ms}};
            ({cancel_timer, Name}, Acc) -> maps:remove(Name, Acc);
            (_, Acc) -> Acc
        end,
        Timers,
        Effects
    ).

%% The node's timer expires.
timeout({_, _, Timers, _} = S) ->
    #{{departing, d@h} := {SetMs, G, Ms}} = Timers,
    {{SetMs, Ms}, event({timeout, {departing, d@h}, G}, SetMs + Ms, S)}.

departed({Own, _, _, _}) -> barnacle_departing:departed(Own).

acts(Effects) ->
    Acts = [ask, inspect, ask_wants, expel, disconnect_node],
    [E || E <- Effects, lists:member(element(1, E), Acts)].

acts_of({S, Effects}) -> {S, acts(Effects)}.

is_done({signal, {departures_done, _, _}}) -> true;
is_done(_) -> false.

none(Connections) -> #{registry => none, connections => Connections}.

there() -> #{registry => there, connections => [a@h]}.

nothing() -> #{registry => unknown, connections => unknown}.

-endif.
