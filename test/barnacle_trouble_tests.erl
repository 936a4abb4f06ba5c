%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_trouble_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

said_once_when_it_begins_test() ->
    ?assertEqual([[{began, dns, timeout}], [], []], said([{0, #{dns => timeout}} || _ <- "123"])).

said_when_it_changes_test() ->
    ?assertEqual(
        [[{began, dns, timeout}], [{changed, dns, refused}], [{changed, dns, servfail}], [], []],
        said([
            {0, #{dns => timeout}},
            {5000, #{dns => refused}},
            {7000, #{dns => servfail}},
            {10000, #{dns => servfail}},
            {15000, #{dns => servfail}}
        ])
    ).

%% After some quiet a change is told at once, however long it has lasted.
said_at_once_when_it_changes_late_test() ->
    Hour = [{Second * 1000, #{dns => timeout}} || Second <- lists:seq(0, 3600, 5)],
    Said = said(Hour ++ [{3605000, #{dns => refused}}]),
    ?assertEqual([{changed, dns, refused}], lists:last(Said)).

%% In a storm of changes the lines are far apart, and the last one has what is by then.
said_in_a_storm_at_gaps_test() ->
    Storm = [{Second * 1000, #{dns => Second}} || Second <- lists:seq(1, 20)],
    Said = said(Storm ++ [{40000, #{dns => calm}}]),
    ?assertEqual(
        [[Word] || Word <- [{began, dns, 1} | [{changed, dns, N} || N <- [2, 3, 4, 5, 15]]]],
        [Words || [_ | _] = Words <- lists:droplast(Said)]
    ),
    ?assertEqual([{changed, dns, calm}], lists:last(Said)).

comes_and_goes_test() ->
    Hour = [
        {Second * 1000,
            case Second rem 2 of
                0 -> #{dns => timeout};
                1 -> #{}
            end}
     || Second <- lists:seq(0, 3600, 5)
    ],
    Said = lists:append(said(Hour)),
    Began = length([began || {began, _, _} <- Said]),
    Over = length([over || {over, _, _, _, _} <- Said]),
    Passed = [Times || {passed, _, _, Times, _} <- Said],
    ?assert(Began >= 5),
    ?assert(Began =< 15, Began),
    ?assert(lists:member(Began - Over, [0, 1])),
    ?assertEqual(length(Said), Began + Over + length(Passed)).

%% What came and went untold is counted afterwards, also where nothing comes any more.
nothing_is_left_out_test() ->
    Storm = [
        {Second * 1000, case Second rem 2 of 0 -> #{dns => timeout}; 1 -> #{} end}
     || Second <- lists:seq(0, 59)
    ],
    Said = lists:append(said(Storm ++ [{Second * 1000, #{}} || Second <- lists:seq(60, 1200, 5)])),
    Told = length([began || {began, _, _} <- Said]),
    Counted = lists:sum([Times || {passed, _, _, Times, _} <- Said]),
    ?assertEqual(30, Told + Counted, Said).

said_when_it_is_over_test() ->
    ?assertEqual(
        [[{began, dns, timeout}], [], [{over, dns, timeout, 2, 900}], []],
        said([{100, #{dns => timeout}}, {200, #{dns => timeout}}, {1000, #{}}, {1100, #{}}])
    ).

two_kinds_are_apart_test() ->
    [_, Said] = said([{0, #{dns => timeout, connect => a}}, {10000, #{connect => b}}]),
    ?assertEqual([{changed, connect, b}, {over, dns, timeout, 1, 10000}], lists:sort(Said)).

an_hour_of_trouble_is_a_few_lines_test() ->
    Hour = [{Second * 1000, #{dns => timeout}} || Second <- lists:seq(0, 3600, 5)],
    Lasting = [Words || {lasts, dns, timeout, _, _} = Words <- lists:append(said(Hour))],
    ?assert(length(Lasting) >= 3),
    ?assert(length(Lasting) =< 8),
    {lasts, _, _, Rounds, SinceMs} = lists:last(Lasting),
    ?assertEqual(Rounds - 1, SinceMs div 5000).

said(Steps) ->
    {Said, _} = lists:mapfoldl(
        fun({NowMs, Troubles}, State) -> barnacle_trouble:update(Troubles, NowMs, State) end,
        barnacle_trouble:new(),
        Steps
    ),
    Said.

-endif.
