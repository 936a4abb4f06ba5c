%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_history_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

links_have_an_age_test() ->
    H = barnacle_history:up(b@h, 150, barnacle_history:new([a@h], own@h, 100)),
    ?assertEqual({linked, 100}, barnacle_history:peer(a@h, 200, H)),
    ?assertEqual({linked, 50}, barnacle_history:peer(b@h, 200, H)),
    %% Told twice, it is one link.
    ?assertEqual({linked, 50}, barnacle_history:peer(b@h, 200, barnacle_history:up(b@h, 190, H))),
    Lost = barnacle_history:down(a@h, H),
    ?assertEqual({unknown, 100}, barnacle_history:peer(a@h, 200, Lost)),
    ?assertMatch(#{joined := 1, lost := 1}, barnacle_history:totals(Lost)),
    ?assertEqual(Lost, barnacle_history:down(a@h, Lost)).

hidden_nodes_have_an_age_and_no_total_test() ->
    Before = barnacle_history:new([], own@h, 100),
    Up = barnacle_history:uncounted(barnacle_history:up(a@h, 150, Before), Before),
    ?assertEqual({linked, 50}, barnacle_history:peer(a@h, 200, Up)),
    Down = barnacle_history:uncounted(barnacle_history:down(a@h, Up), Up),
    ?assertMatch(#{joined := 0, lost := 0}, barnacle_history:totals(Down)).

rounds_tell_of_links_where_no_event_does_test() ->
    First = observed([{10, #{visible => [a@h, b@h]}}], rounds),
    ?assertEqual({linked, 5}, barnacle_history:peer(a@h, 15, First)),
    Second = barnacle_history:observe(outcome(#{visible => [b@h, c@h]}), 20, First),
    ?assertEqual(
        [{unknown, 5}, {linked, 15}, {linked, 5}],
        [barnacle_history:peer(Node, 25, Second) || Node <- [a@h, b@h, c@h]]
    ),
    ?assertMatch(#{joined := 3, lost := 1}, barnacle_history:totals(Second)).

errors_in_a_row_test() ->
    Error = #{result => {error, {connect_error, []}}},
    H = observed([{10, Error}, {20, #{}}, {30, Error}, {40, Error}], []),
    ?assertEqual(
        #{reason => {connect_error, []}, age => 5, for => 15, rounds => 2, lasting => true},
        barnacle_history:error(45, H)
    ),
    Crashed = barnacle_history:crashed(why, 50, H),
    ?assertMatch(
        #{reason := why, for := 20, rounds := 3, lasting := true},
        barnacle_history:error(50, Crashed)
    ),
    ?assertMatch(
        #{rounds := 5, failed_rounds := 3, crashed_rounds := 1}, barnacle_history:totals(Crashed)
    ),
    Well = barnacle_history:observe(outcome(#{}), 60, Crashed),
    ?assertMatch(#{age := 10, lasting := false, rounds := 3}, barnacle_history:error(60, Well)).

an_answer_that_fails_test() ->
    Refused = #{
        answer => {error, {too_many_nodes, 3, 2}},
        result => {error, {strategy_error, {too_many_nodes, 3, 2}}}
    },
    H = observed([{10, #{answer => {complete, [x]}}}, {20, Refused}], []),
    ?assertMatch(
        #{reason := {strategy_error, {too_many_nodes, 3, 2}}}, barnacle_history:error(20, H)
    ),
    ?assertMatch(#{answer := error, why := {too_many_nodes, 3, 2}}, barnacle_history:last(H)),
    ?assertEqual(#{names => [x], age => 15}, barnacle_history:complete(25, H)).

observed(Rounds, Linked) ->
    lists:foldl(
        fun({AtMs, Part}, H) -> barnacle_history:observe(outcome(Part), AtMs, H) end,
        barnacle_history:new(Linked, own@h, 0),
        Rounds
    ).

outcome(Part) ->
    maps:merge(
        #{
            result => {ok, []},
            answer => {complete, []},
            queried => [],
            plan => barnacle_plan:new(),
            visible => [],
            tried => [],
            failed => [],
            refused => [],
            filtered => [],
            own_names => [],
            hints => [],
            departed => {ok, []}
        },
        Part
    ).

-endif.
