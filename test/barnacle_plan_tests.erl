%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_plan_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(A, <<"app@10.0.0.1">>).
-define(B, <<"app@10.0.0.2">>).
-define(C, <<"app@10.0.0.3">>).
-define(D, <<"app@10.0.0.4">>).
-define(PATIENT, #{after_ms => 60000, hasty => false}).
-define(HASTY, #{after_ms => 60000, hasty => true}).

complete_answer_is_wanted_test() ->
    ?assertEqual([?A, ?B], wanted([{complete, [?A, ?B]}])).

names_may_be_atoms_test() ->
    ?assertEqual([?A], wanted([{complete, ['app@10.0.0.1']}])).

missing_name_is_not_wanted_test() ->
    ?assertEqual([?A], wanted([{complete, [?A, ?B]}, {complete, [?A]}])).

error_changes_nothing_test() ->
    ?assertEqual([?A, ?B], wanted([{complete, [?A, ?B]}, {error, timeout}])).

empty_answer_changes_nothing_test() ->
    Plan = plan([{complete, [?A, ?B]}, {complete, []}, {complete, []}, {complete, []}]),
    ?assertEqual([?A, ?B], lists:sort(maps:keys(barnacle_plan:wanted(Plan)))),
    ?assertEqual({ok, []}, barnacle_plan:departed(Plan, 1000000, ?PATIENT)).

partial_answer_adds_and_takes_nothing_test() ->
    ?assertEqual([?A, ?B, ?C], wanted([{complete, [?A, ?B]}, {partial, [?C], why}])).

partial_answer_brings_a_missing_name_back_test() ->
    Answers = [{complete, [?A, ?B]}, {complete, [?A]}, {partial, [?B], why}],
    ?assertEqual([?A, ?B], wanted(Answers)).

name_of_partial_answers_only_is_not_missed_test() ->
    Answers = [{complete, [?A]}, {partial, [?B], why}, {complete, [?A]}],
    ?assertEqual([?A], wanted(Answers)),
    ?assertEqual({ok, []}, barnacle_plan:departed(plan(Answers), 0, ?HASTY)).

partial_answers_bring_no_more_names_than_the_bound_test() ->
    Partial = {partial, [?C, ?D], why},
    Plan = plan([{complete, [?A]}, {partial, [?B], why}, Partial]),
    ?assertEqual(Plan, barnacle_plan:bounded(Partial, 4, Plan)),
    Bounded = barnacle_plan:bounded(Partial, 3, Plan),
    ?assertEqual([?A, ?C, ?D], lists:sort(maps:keys(barnacle_plan:wanted(Bounded)))),
    ?assertEqual(Plan, barnacle_plan:bounded({complete, [?C]}, 1, Plan)).

departed_needs_three_rounds_and_the_time_test() ->
    All = [?A, ?B, ?C, ?D],
    Plan1 = observe([{complete, All}, {complete, All -- [?D]}], 1000, barnacle_plan:new()),
    Plan2 = observe([{complete, All -- [?D]}], 30000, Plan1),
    ?assertEqual({ok, []}, barnacle_plan:departed(Plan2, 61000, ?PATIENT)),
    Plan3 = observe([{complete, All -- [?D]}], 31000, Plan2),
    ?assertEqual({ok, []}, barnacle_plan:departed(Plan3, 60999, ?PATIENT)),
    ?assertEqual({ok, [?D]}, barnacle_plan:departed(Plan3, 61000, ?PATIENT)).

hasty_question_wants_one_complete_round_test() ->
    Plan = plan([{complete, [?A, ?B, ?C]}, {complete, [?A, ?B]}]),
    ?assertEqual({ok, [?C]}, barnacle_plan:departed(Plan, 0, ?HASTY)).

return_starts_the_count_again_test() ->
    All = [?A, ?B, ?C],
    Less = {complete, [?A, ?B]},
    Plan = plan([{complete, All}, Less, Less, {complete, All}, Less, Less]),
    ?assertEqual({ok, []}, barnacle_plan:departed(Plan, 1000000, ?PATIENT)).

more_than_a_third_missing_is_suspect_test() ->
    Plan = plan([{complete, [?A, ?B, ?C, ?D]}, {complete, [?A, ?B]}]),
    ?assertMatch({suspect, [?C, ?D]}, barnacle_plan:departed(Plan, 0, ?HASTY)).

a_third_missing_is_not_suspect_test() ->
    All = [?A, ?B, ?C, ?D, <<"app@10.0.0.5">>, <<"app@10.0.0.6">>],
    Plan = plan([{complete, All}, {complete, All -- [?C, ?D]}]),
    ?assertEqual({ok, [?C, ?D]}, barnacle_plan:departed(Plan, 0, ?HASTY)).

one_of_two_missing_is_not_suspect_test() ->
    Plan = plan([{complete, [?A, ?B]}, {complete, [?A]}]),
    ?assertEqual({ok, [?B]}, barnacle_plan:departed(Plan, 0, ?HASTY)).

forgotten_names_are_missing_no_longer_test() ->
    Plan = plan([{complete, [?A, ?B, ?C, ?D]}, {complete, [?A, ?B]}]),
    Plan1 = barnacle_plan:forget([?C, ?D], Plan),
    ?assertEqual({ok, []}, barnacle_plan:departed(Plan1, 0, ?HASTY)).

result_test_() ->
    Result = fun(Strategy, Connect, Disconnect) ->
        barnacle_plan:result(Strategy, #{connect => Connect, disconnect => Disconnect}, [n@h])
    end,
    F = [{x@h, failed}],
    [
        ?_assertEqual({ok, [n@h]}, Result(ok, [], [])),
        ?_assertEqual({error, {strategy_error, why}}, Result({error, why}, F, F)),
        ?_assertEqual({error, {connect_error, F}}, Result(ok, F, F)),
        ?_assertEqual({error, {disconnect_error, F}}, Result(ok, [], F))
    ].

wanted(Answers) ->
    lists:sort(maps:keys(barnacle_plan:wanted(plan(Answers)))).

plan(Answers) ->
    observe(Answers, 0, barnacle_plan:new()).

observe(Answers, NowMs, Plan) ->
    lists:foldl(fun(Answer, P) -> barnacle_plan:observe(Answer, NowMs, P) end, Plan, Answers).

who_left_is_wanted_when_named_anew_test() ->
    Both = {complete, [?A, ?B]},
    Left = barnacle_plan:left('app@10.0.0.2', plan([Both])),
    ?assertEqual([?A], maps:keys(barnacle_plan:wanted(Left))),
    ?assertEqual(left, barnacle_plan:standing(?B, Left)),
    %% To be named all the time is not to be named anew.
    Still = observe([Both, {partial, [?B], why}, {error, why}, Both], 0, Left),
    ?assertEqual(left, barnacle_plan:standing(?B, Still)),
    Missing = observe([{complete, [?A]}], 0, Still),
    ?assertEqual(absent, barnacle_plan:standing(?B, Missing)),
    ?assertEqual(wanted, barnacle_plan:standing(?B, observe([Both], 0, Missing))).

who_left_and_is_linked_is_wanted_test() ->
    Left = barnacle_plan:left(?B, plan([{complete, [?A, ?B]}])),
    ?assert(barnacle_plan:is_wanted('app@10.0.0.2', barnacle_plan:back('app@10.0.0.2', Left))).

strangers_do_not_leave_test() ->
    Plan = plan([{complete, [?A]}]),
    ?assertEqual(Plan, barnacle_plan:left(?B, Plan)),
    ?assertEqual(unknown, barnacle_plan:standing(?B, Plan)).

-endif.
