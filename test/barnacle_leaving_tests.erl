%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leaving_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% One barnacle d@h among a@h, b@h, c@h: its mode, and whether it leaves when a peer asks it to.

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_leaving, [consent/1, mode/1]).

%% What this node must know to leave.
-define(LEAVES, #{
    mode => departed,
    answer => complete,
    own => absent,
    is_suspect => fun() -> false end,
    visible => fun() -> [a@h, b@h] end,
    is_known => fun(_) -> true end,
    wanted_by_others => fun(_) -> false end
}).

-define(MATE, tag_of_a).

consent_test_() ->
    Stays = [
        {{disconnect, never}, #{mode => never}},
        {{disconnect, report}, #{mode => report}},
        {{disconnect, undiscovered}, #{mode => undiscovered}},
        {no_complete_answer, #{answer => empty}},
        {no_complete_answer, #{answer => error}},
        {no_complete_answer, #{answer => partial}},
        {named, #{own => wanted}},
        {named, #{own => left}},
        {never_named, #{own => unknown}},
        {suspect, #{is_suspect => fun() -> true end}},
        {{foreign_links, [b@h]}, #{is_known => fun(Node) -> Node =:= a@h end}},
        {{wanted_by_others, [a@h]}, #{wanted_by_others => fun(Node) -> Node =:= a@h end}}
    ],
    [
        ?_assertEqual(leave, consent(?LEAVES)),
        ?_assertEqual(leave, consent(?LEAVES#{visible => fun() -> [] end}))
        | [?_assertEqual({stay, Why}, consent(maps:merge(?LEAVES, But))) || {Why, But} <- Stays]
    ].

%% ---- to be asked ----

leaves_with_a_result_that_came_after_the_question_test() ->
    {S1, E1} = event({asked, ?MATE, a@h}, omitted()),
    ?assertEqual([{signal, poll_now}], E1),
    %% The result of a refresh that was under way says nothing.
    {S2, E2} = event({ended, done}, S1),
    ?assertEqual([{signal, poll_now}], E2),
    {S3, []} = event('begin', with(#{phase => asked}, S2)),
    {S4, E4} = event({ended, done}, S3),
    ?assertEqual(
        [
            {keep, standby},
            {signal, {mode, standby}},
            {leave, [a@h, b@h, c@h], true},
            {log, {leaving, [a@h, b@h, c@h]}}
        ],
        E4
    ),
    ?assertEqual(standby, mode_of(S4)).

begin_of_no_refresh_says_nothing_test() ->
    {S1, _} = event({asked, ?MATE, a@h}, omitted()),
    {S2, []} = event('begin', S1),
    {_, E3} = event({ended, done}, S2),
    ?assertEqual([{signal, poll_now}], E3).

declines_and_tells_when_the_reason_is_over_test_() ->
    Others = #{<<"b@h">> => 1},
    Visible = #{a@h => visible, z@h => visible},
    Over = [
        {"no complete result", #{result => error}, no_complete_answer, {ended, done},
            #{result => complete}},
        {"an empty result", #{result => empty}, no_complete_answer, {ended, done},
            #{result => complete}},
        {"a suspect source", #{suspect => true}, suspect, {ended, done}, #{suspect => false}},
        {"a connection outside its source", #{visible => Visible}, {foreign_links, [z@h]},
            {down, z@h, visible, disconnect}, #{visible => #{a@h => visible}}},
        {"a connection that another barnacle there wants", #{others => Others},
            {wanted_by_others, [b@h]}, {others, #{}}, #{others => #{}}}
    ],
    [
        {Title, fun() ->
            {S1, E1} = asked(with(Before, omitted())),
            ?assertEqual([{decline, ?MATE, Why}], E1),
            ?assertEqual(running, mode_of(S1)),
            %% Not while it lasts.
            {S2, []} = event(Event, S1),
            {S3, E3} = event(Event, with(After, S2)),
            ?assertEqual([{tell_over, a@h}], E3),
            %% Told once; it leaves when it is asked again.
            {S4, []} = event(Event, S3),
            {_, E5} = asked(S4),
            ?assertMatch([{keep, standby}, {signal, {mode, standby}}, {leave, _, true} | _], E5)
        end}
     || {Title, Before, Why, Event, After} <- Over
    ].

pause_is_a_passing_reason_test() ->
    {S1, E1} = event({call, pause, caller}, omitted()),
    ?assertEqual(
        [{keep, paused}, {signal, {mode, paused}}, {notify, pause}, {reply, caller, ok}], E1
    ),
    {S2, E2} = event({asked, ?MATE, a@h}, S1),
    ?assertEqual([{decline, ?MATE, paused}], E2),
    {S3, []} = event({ended, done}, S2),
    {S4, E4} = event({call, refresh, caller}, S3),
    ?assertEqual([{keep, running}, {signal, {mode, running}}], E4),
    ?assertEqual([{tell_over, a@h}], element(2, event({ended, done}, S4))).

pause_declines_for_those_that_wait_test() ->
    {S1, _} = event({asked, ?MATE, a@h}, omitted()),
    {_, E2} = event({call, pause, caller}, S1),
    ?assert(lists:member({decline, ?MATE, paused}, E2)).

tells_when_its_source_omits_it_later_test() ->
    {S1, E1} = asked(world()),
    ?assertEqual([{decline, ?MATE, named}], E1),
    {_, E2} = event({ended, done}, with(#{plan => omits(plan(S1))}, S1)),
    ?assertEqual([{tell_over, a@h}], E2).

node_that_is_unknown_here_is_no_matter_of_this_barnacle_test() ->
    ?assertMatch({_, [{not_mine, ?MATE}]}, event({asked, ?MATE, z@h}, omitted())),
    %% Without a result it cannot know.
    New = with(#{result => none, plan => barnacle_plan:new()}, world()),
    ?assertMatch({_, [{decline, ?MATE, no_complete_answer}]}, event({asked, ?MATE, a@h}, New)).

custom_strategy_counts_as_complete_test() ->
    S = settings(#{custom => true}, with(#{result => empty, suspect => true}, omitted())),
    ?assertMatch({_, [{keep, standby} | _]}, asked(S)),
    ?assertMatch({_, [{keep, standby} | _]}, asked(settings(#{disconnect => undiscovered}, S))).

%% ---- standby ----

standby_ends_when_it_is_discovered_before_anything_connects_test() ->
    {S1, _} = asked(omitted()),
    {S2, []} = event({discovered, 1, #{}}, S1),
    Named = barnacle_plan:observe({complete, [a@h, b@h, c@h, d@h]}, 5, plan(S2)),
    {S3, E3} = event({discovered, 2, #{}}, with(#{plan => Named}, S2)),
    ?assertEqual([{keep, running}, {signal, {mode, running}}], E3),
    ?assertEqual(running, mode_of(S3)).

node_on_standby_that_is_connected_leaves_unasked_test() ->
    {S1, _} = asked(omitted()),
    {S2, _} = event({left, [a@h, b@h, c@h]}, with(#{visible => #{}}, S1)),
    {S3, []} = event({ended, done}, S2),
    {_, E4} = event({ended, done}, with(#{visible => #{a@h => visible}}, S3)),
    ?assertEqual([{leave, [a@h], true}, {log, {leaving, [a@h]}}], E4).

standby_outlives_a_pause_and_a_restart_test() ->
    {S1, _} = asked(omitted()),
    {S2, E2} = event({call, pause, caller}, S1),
    ?assertMatch([{keep, {paused, standby}} | _], E2),
    ?assertEqual(paused, mode_of(S2)),
    {S3, E3} = event({call, refresh, caller}, S2),
    ?assertEqual({standby, [{keep, standby}, {signal, {mode, standby}}]}, {mode_of(S3), E3}),
    {S4, []} = event({start, #{mode => {paused, standby}}}, world()),
    ?assertEqual(paused, mode_of(S4)),
    {S5, _} = event({call, refresh, caller}, S4),
    ?assertEqual(standby, mode_of(S5)),
    %% Restarted, it has not been discovered by this process.
    {S6, []} = event({start, #{mode => standby}}, with(#{plan => without_itself()}, world())),
    ?assertMatch({_, [{leave, _, true} | _]}, event({ended, done}, S6)).

refresh_of_a_node_on_standby_keeps_it_there_test() ->
    {S1, _} = asked(omitted()),
    ?assertMatch({_, []}, event({call, refresh, caller}, S1)).

%% ---- leave/1 ----

leave_replies_when_it_has_left_test() ->
    {S1, E1} = event({call, leave, one}, world()),
    Nodes = [a@h, b@h, c@h],
    ?assertEqual(
        [{keep, left}, {signal, {mode, left}}, {notify, pause}, {leave, Nodes, true},
            {log, {leaving, Nodes}}],
        E1
    ),
    {S2, E2} = event({call, leave, two}, S1),
    ?assertEqual([{keep, left}, {signal, {mode, left}}, {notify, pause}], E2),
    {S3, []} = event({caller_down, none}, S2),
    {S4, E4} = event({left, Nodes}, with(#{visible => #{}}, S3)),
    ?assertEqual([{reply, one, {ok, Nodes}}, {reply, two, {ok, Nodes}}], E4),
    ?assertMatch({_, []}, event({left, Nodes}, S4)).

leave_of_a_caller_that_has_ended_test() ->
    {S1, _} = event({call, leave, one}, world()),
    {S2, []} = event({caller_down, one}, S1),
    ?assertMatch({_, []}, event({left, []}, with(#{visible => #{}}, S2))).

refresh_returns_after_leave_test() ->
    {S1, _} = event({call, leave, one}, world()),
    {S2, E2} = event({call, refresh, two}, S1),
    ?assertEqual({running, [{keep, running}, {signal, {mode, running}}]}, {mode_of(S2), E2}).

shutdown_is_not_remembered_test() ->
    ?assertMatch({_, [{keep, ended}]}, event({call, shutdown, one}, world())).

%% ---- connected again ----

leaves_again_the_nodes_that_it_left_test() ->
    S = left_at(0),
    ?assertMatch([{leave, [a@h], true} | _], up([a@h], 0, S)),
    ?assertMatch([{leave, [a@h, b@h], true} | _], up([b@h, a@h], 9999, S)),
    %% The clock may be below zero.
    ?assertMatch([{leave, [a@h], true} | _], up([a@h], -1000, left_at(-1000))).

stays_if_it_is_connected_to_another_node_test() ->
    ?assertEqual([], up([z@h], 0, left_at(0))),
    ?assertEqual([], up([a@h, z@h], 0, left_at(0))).

stays_later_test() ->
    ?assertEqual([], up([a@h], 10000, left_at(0))).

running_node_does_not_leave_again_test() ->
    ?assertEqual([], up([a@h], 0, world())).

leaves_again_five_times_test() ->
    Again = fun(_, S) ->
        {S1, [{leave, [a@h], true} | _]} = event({up, a@h, visible}, 5, with(visible([a@h]), S)),
        {S2, []} = event({left, [a@h]}, 5, with(visible([]), S1)),
        S2
    end,
    S = lists:foldl(Again, left_at(0), lists:seq(1, 5)),
    ?assertEqual([], up([a@h], 6, S)),
    %% Unless it is told to leave.
    {Told, _} = event({call, leave, two}, 7, with(visible([a@h]), S)),
    {Left, _} = event({left, [a@h]}, 8, with(visible([]), Told)),
    ?assertMatch([{leave, [a@h], true} | _], up([a@h], 10006, Left)).

node_on_standby_asks_its_source_first_test() ->
    {S1, _} = asked(omitted()),
    {S2, _} = event({left, [a@h, b@h, c@h]}, with(visible([]), S1)),
    ?assertEqual([{signal, poll_now}], up([a@h], 6, S2)),
    %% Also what came while it left.
    {_, E3} = event({left, [b@h, c@h]}, 6, with(visible([a@h]), S1)),
    ?assertEqual([{signal, poll_now}], E3).

%% ---- words of these stories: {Own, View} ----

world() ->
    Plan = barnacle_plan:observe({complete, [a@h, b@h, c@h, d@h]}, 0, barnacle_plan:new()),
    {barnacle_leaving:new(#{}), #{
        settings => #{self => <<"d@h">>, disconnect => departed, custom => false},
        mode => running,
        plan => Plan,
        visible => #{a@h => visible, b@h => visible, c@h => visible},
        others => #{},
        result => complete,
        suspect => false,
        phase => none,
        trigger => poll
    }}.

omitted() ->
    S = world(),
    with(#{plan => omits(plan(S))}, S).

omits(Plan) -> barnacle_plan:observe({complete, [a@h, b@h, c@h]}, 1, Plan).

without_itself() -> barnacle_plan:observe({complete, [a@h, b@h, c@h]}, 1, barnacle_plan:new()).

plan({_, #{plan := Plan}}) -> Plan.

visible(Nodes) -> #{visible => maps:from_keys(Nodes, visible)}.

with(More, {Own, View}) -> {Own, maps:merge(View, More)}.

settings(More, {_, #{settings := Settings}} = S) ->
    with(#{settings => maps:merge(Settings, More)}, S).

%% Asked, and decided with the next result.
asked(S0) ->
    {S1, [{signal, poll_now}]} = event({asked, ?MATE, a@h}, S0),
    {S2, []} = event('begin', with(#{phase => asked}, S1)),
    event({ended, done}, S2).

left_at(NowMs) ->
    {S1, _} = event({call, leave, one}, NowMs, with(visible([a@h, b@h]), world())),
    {S2, _} = event({left, [a@h, b@h]}, NowMs, with(visible([]), S1)),
    S2.

up([Node | _] = Nodes, NowMs, S) ->
    {_, Effects} = event({up, Node, visible}, NowMs, with(visible(Nodes), S)),
    Effects.

mode_of({Own, _}) -> mode(Own).

event(Event, S) -> event(Event, 5, S).

event(Event, NowMs, {Own, View}) ->
    {Own1, Effects} = barnacle_leaving:handle(Event, NowMs, Own, View),
    {{Own1, View#{mode => mode(Own1)}}, Effects}.

-endif.
