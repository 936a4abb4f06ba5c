%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_relinked_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_relinked, [new/0, left/3, again/3]).

who_has_left_nobody_stays_test() ->
    ?assertMatch({false, _}, again([a@h], 0, new())).

leaves_again_those_that_it_left_test() ->
    ?assertMatch({true, _}, again([a@h], 0, left_at(0))),
    ?assertMatch({true, _}, again([b@h, a@h], 9999, left_at(0))),
    %% The clock may stand below zero.
    ?assertMatch({true, _}, again([a@h], -1000, left_at(-1000))).

told_to_leave_twice_test() ->
    Twice = left(#{nodes => [], asked => true}, 10, left_at(0)),
    ?assertMatch({true, _}, again([a@h], 20, Twice)).

stays_where_nobody_is_linked_test() ->
    ?assertMatch({false, _}, again([], 0, left_at(0))).

stays_where_anybody_else_is_linked_test() ->
    ?assertMatch({false, _}, again([c@h], 0, left_at(0))),
    ?assertMatch({false, _}, again([a@h, c@h], 0, left_at(0))).

stays_later_test() ->
    ?assertMatch({false, _}, again([a@h], 10000, left_at(0))).

five_times_at_most_test() ->
    Left = lists:foldl(fun leave_again/2, left_at(0), lists:seq(1, 5)),
    ?assertMatch({false, _}, again([a@h], 5, Left)),
    %% Nor later than 10 s after the first of them.
    Once = leave_again(9000, left_at(0)),
    ?assertMatch({false, _}, again([a@h], 10000, Once)),
    %% Unless it is told to leave.
    Told = left(#{nodes => [a@h], asked => true}, 5, Left),
    ?assertMatch({true, _}, again([a@h], 10004, Told)).

who_leaves_others_begins_anew_test() ->
    Left = lists:foldl(fun leave_again/2, left_at(0), lists:seq(1, 5)),
    Others = left(#{nodes => [a@h, c@h], asked => false}, 9000, Left),
    ?assertMatch({true, _}, again([c@h], 18999, Others)),
    ?assertMatch({false, _}, again([b@h], 9000, Others)).

left_at(NowMs) ->
    left(#{nodes => [a@h, b@h], asked => false}, NowMs, new()).

leave_again(NowMs, Before) ->
    {true, Left} = again([a@h], NowMs, Before),
    left(#{nodes => [a@h], asked => false}, NowMs, Left).

-endif.
