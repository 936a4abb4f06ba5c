%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_filter_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

patterns_test_() ->
    [
        {unicode:characters_to_list([Pattern, " and ", Name]),
            ?_assertEqual(Fits, passes(Name, filter([Pattern])))}
     || {Pattern, Yes, No} <- [
            {<<"app@h">>, [<<"app@h">>], [<<"app@h2">>, <<"my_app@h">>, <<>>]},
            {<<"app@10.0.*">>, [<<"app@10.0.0.1">>, <<"app@10.0.">>], [
                <<"app@10.1.0.1">>, <<"xapp@10.0.0.1">>, <<"app@10x0.1">>
            ]},
            {<<"*@h">>, [<<"@h">>, <<"a@h">>, <<"h@h">>], [<<"a@hh">>, <<"h">>]},
            {<<"*">>, [<<>>, <<"a@b">>], []},
            {<<"**">>, [<<>>, <<"a@b">>], []},
            {<<"a*b*c">>, [<<"abc">>, <<"axbxc">>, <<"abbcc">>], [<<"acb">>, <<"ab">>, <<"abcd">>]},
            %% One text can't be the middle and the end at once.
            {<<"*ab*ab">>, [<<"abab">>, <<"xabyab">>], [<<"ab">>, <<"aab">>]},
            {<<"a*a">>, [<<"aa">>, <<"aba">>], [<<"a">>]},
            {<<"app@[::1]+$">>, [<<"app@[::1]+$">>], [<<"app@:">>]}
        ],
        {Fits, Names} <- [{true, Yes}, {false, No}],
        Name <- Names
    ].

one_pattern_is_enough_test() ->
    Filter = filter([<<"a@*">>, <<"b@*">>]),
    ?assertEqual(
        {['a@h', <<"b@h">>], ['c@h']},
        barnacle_filter:partition(['a@h', <<"b@h">>, 'c@h'], Filter)
    ).

many_stars_are_no_work_test() ->
    Filter = filter([<<(binary:copy(<<"*a">>, 120))/binary, "*b">>]),
    ?assertNot(passes(binary:copy(<<"a">>, 255), Filter)).

predicate_gets_binaries_test() ->
    Filter = filter(fun(Name) -> Name =:= <<"a@h">> end),
    ?assert(passes('a@h', Filter)),
    ?assert(passes(<<"a@h">>, Filter)),
    ?assertNot(passes('b@h', Filter)).

predicate_without_an_answer_test() ->
    Filter = filter(fun(_) -> yes end),
    ?assertError({bad_return, {filter, <<"a@h">>, yes}}, passes('a@h', Filter)).

bad_test_() ->
    [
        ?_assertMatch({error, <<_, _/binary>>}, barnacle_filter:new(Spec))
     || Spec <- [[], [a], ["a"], [<<>>], <<"a">>, [<<"a">> | <<"b">>], a, fun() -> true end]
    ].

answers_are_filtered_test() ->
    Partition = fun(Names) -> barnacle_filter:partition(Names, filter([<<"a@*">>])) end,
    All = [<<"a@1">>, 'b@1', <<"a@2">>],
    Kept = [<<"a@1">>, <<"a@2">>],
    [
        ?assertEqual({Expected, Filtered}, barnacle_filter:answer(Answer, Partition, 2))
     || {Answer, Expected, Filtered} <- [
            {{complete, All}, {complete, Kept}, ['b@1']},
            {{partial, All, why}, {partial, Kept, why}, ['b@1']},
            {{complete, []}, {complete, []}, []},
            {{error, why}, {error, why}, []}
        ]
    ].

%% Counted after the filter, each name once.
too_many_are_none_at_all_test() ->
    All = fun(Names) -> {Names, []} end,
    Given = [<<"a@1">>, <<"a@2">>, <<"a@2">>, <<"a@3">>],
    Refused = {error, {too_many_nodes, 3, 2}},
    ?assertEqual({Refused, []}, barnacle_filter:answer({complete, Given}, All, 2)),
    ?assertEqual({Refused, []}, barnacle_filter:answer({partial, Given, why}, All, 2)),
    ?assertEqual({{complete, Given}, []}, barnacle_filter:answer({complete, Given}, All, 3)),
    Two = fun(Names) -> lists:partition(fun(Name) -> Name =/= <<"a@3">> end, Names) end,
    ?assertMatch({{complete, _}, [<<"a@3">>]}, barnacle_filter:answer({complete, Given}, Two, 2)).

passes(Name, Filter) ->
    case barnacle_filter:partition([Name], Filter) of
        {[Name], []} -> true;
        {[], [Name]} -> false
    end.

filter(Spec) ->
    {ok, Filter} = barnacle_filter:new(Spec),
    Filter.

-endif.
