%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departures_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_departures, [new/0, update/4, stays/3, to_map/1]).

-define(A, <<"a@h">>).
-define(B, <<"b@h">>).

each_is_asked_once_test() ->
    {[?A], D1} = updated([?A], departed, poll, new()),
    ?assertEqual(#{?A => asked}, to_map(D1)),
    {Ask, D2} = updated([?A, ?B], departed, poll, D1),
    ?assertEqual({[?B], #{?A => asked, ?B => asked}}, {Ask, to_map(D2)}).

refresh_asks_again_test() ->
    {_, D1} = updated([?A], departed, poll, new()),
    D2 = stays(?A, named, D1),
    ?assertEqual(#{?A => {stays, named}}, to_map(D2)),
    {Ask, D3} = updated([?A], departed, refresh, D2),
    ?assertEqual({[?A], #{?A => asked}}, {Ask, to_map(D3)}).

who_is_back_is_forgotten_and_asked_anew_test() ->
    {_, D1} = updated([?A], departed, poll, new()),
    {[], D2} = updated([], departed, poll, D1),
    ?assertEqual(#{}, to_map(D2)),
    ?assertMatch({[?A], _}, updated([?A], departed, poll, D2)).

no_answer_within_three_rounds_test() ->
    {_, D1} = updated([?A], departed, poll, new()),
    Round = fun(_, D) -> element(2, updated([?A], departed, poll, D)) end,
    ?assertEqual(#{?A => asked}, to_map(lists:foldl(Round, D1, [1, 2]))),
    ?assertEqual(#{?A => no_answer}, to_map(lists:foldl(Round, D1, [1, 2, 3]))),
    %% A late answer is one.
    Late = stays(?A, named, lists:foldl(Round, D1, [1, 2, 3])),
    ?assertEqual(#{?A => {stays, named}}, to_map(Late)).

other_modes_ask_nobody_test() ->
    [
        ?assertMatch({[], #{?A := not_asked}}, asked([?A], Mode))
     || Mode <- [report, never, undiscovered]
    ].

answer_of_a_stranger_is_ignored_test() ->
    ?assertEqual(new(), stays(?A, named, new())).

%% Asked by a refresh before its time, it is not departed yet, and still missing.
asked_before_its_time_is_not_asked_again_test() ->
    {[?A], D1} = updated([?A], departed, refresh, new()),
    IsMissing = fun(Name) -> Name =:= ?A end,
    {[], D2} = update({[], IsMissing}, departed, poll, D1),
    ?assertEqual(#{?A => asked}, to_map(D2)),
    ?assertMatch({[], _}, updated([?A], departed, poll, D2)).

%% Who is departed is missing.
updated(Names, Mode, Trigger, Before) ->
    update({Names, fun(Name) -> lists:member(Name, Names) end}, Mode, Trigger, Before).

asked(Names, Mode) ->
    {Ask, Departures} = updated(Names, Mode, refresh, new()),
    {Ask, to_map(Departures)}.

-endif.
