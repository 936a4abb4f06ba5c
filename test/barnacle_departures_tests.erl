%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departures_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_departures, [decide/1, table/0]).

-define(TRIGGERS, [poll, refresh, again, returned]).
-define(WAITING, [running, over, waived]).
-define(GOOD, [complete, exact]).
-define(BAD, [empty, partial, error, suspect]).
-define(THERE, [unknown, there, asked, passing, declined, checking, none]).
-define(CONNECTIONS, [unknown, alone, source, others]).

all_facts() ->
    [
        {T, W, R, B, C}
     || T <- ?TRIGGERS, W <- ?WAITING, R <- ?GOOD ++ ?BAD, B <- ?THERE, C <- ?CONNECTIONS
    ].

every_combination_has_an_act_test() ->
    ?assertEqual(
        [ask, check, disconnect, expel, look, stay], lists:usort([decide(F) || F <- all_facts()])
    ).

every_row_decides_something_test() ->
    Of = fun(Row) -> [F || F <- all_facts(), first_row(F) =:= Row] end,
    ?assertEqual([], [Row || Row <- table(), Of(Row) =:= []]).

first_row(Facts) ->
    Fits = fun(Row) ->
        lists:all(
            fun
                ({_, any}) -> true;
                ({Fact, List}) when is_list(List) -> lists:member(Fact, List);
                ({Fact, Value}) -> Fact =:= Value
            end,
            lists:zip(tuple_to_list(Facts), lists:droplast(tuple_to_list(Row)))
        )
    end,
    hd(lists:filter(Fits, table())).

%% The promises, each over all combinations.
rules_test_() ->
    Rules = [
        {"a result without evidence moves no node", fun({_, _, R, _, _}, Act) ->
            lists:member(R, ?GOOD) orelse Act =:= stay
        end},
        {"within the waiting a node is only checked, and only by a poll", fun
            ({poll, running, _, _, _}, Act) -> Act =:= stay orelse Act =:= check;
            ({_, running, _, _, _}, Act) -> Act =:= stay;
            (_, _) -> true
        end},
        {"only a node without a barnacle is made to leave", fun({_, _, _, B, _}, Act) ->
            B =:= none orelse (Act =/= expel andalso Act =/= disconnect)
        end},
        {"and only with connections of this source alone", fun({_, _, _, _, C}, Act) ->
            (Act =/= expel orelse C =:= source) andalso (Act =/= disconnect orelse C =:= alone)
        end},
        {"a node that declined for good is asked by a refresh only", fun
            ({refresh, _, _, declined, _}, Act) -> Act =:= stay orelse Act =:= ask;
            ({_, _, _, declined, _}, Act) -> Act =:= stay;
            (_, _) -> true
        end},
        {"a node that declined for a passing reason is asked again", fun
            ({again, W, R, passing, _}, Act) ->
                (Act =:= ask) =:= (W =/= running andalso lists:member(R, ?GOOD));
            (_, _) ->
                true
        end},
        {"a poll leaves that to the intervals", fun
            ({poll, _, _, B, _}, Act) when B =:= passing; B =:= asked -> Act =:= stay;
            (_, _) -> true
        end}
    ],
    [
        {Title, ?_assertEqual([], [F || F <- all_facts(), not Rule(F, decide(F))])}
     || {Title, Rule} <- Rules
    ].

every_value_is_explained_test() ->
    Values = [?TRIGGERS, ?WAITING, ?GOOD ++ ?BAD, ?THERE, ?CONNECTIONS,
        [stay, check, ask, look, disconnect, expel]],
    Explained = barnacle_departures:meanings(),
    ?assertEqual(barnacle_departures:columns(), [Column || {Column, _} <- Explained]),
    ?assertEqual(
        [lists:sort(V) || V <- Values],
        [lists:sort([Value || {Value, _} <- Meanings]) || {_, Meanings} <- Explained]
    ).

-endif.
