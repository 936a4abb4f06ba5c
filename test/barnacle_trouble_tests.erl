%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_trouble_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

said_once_when_it_begins_test() ->
    ?assertEqual([[{began, dns, timeout}], [], []], said([{0, #{dns => timeout}} || _ <- "123"])).

%% Not before the first gap is over, and then as it is by then.
said_when_it_changes_test() ->
    ?assertEqual(
        [[{began, dns, timeout}], [], [], [{changed, dns, servfail}], []],
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

said_at_last_if_it_changes_back_never_test() ->
    ?assertEqual(
        [[{began, dns, timeout}], [], []],
        said([
            {0, #{dns => timeout}}, {5000, #{dns => refused}}, {10000, #{dns => timeout}}
        ])
    ).

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
    ?assert(Began >= 5),
    ?assert(Began =< 10),
    ?assert(lists:member(Began - Over, [0, 1])),
    ?assertEqual(length(Said), Began + Over).

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
