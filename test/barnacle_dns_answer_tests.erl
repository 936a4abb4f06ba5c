%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns_answer_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(V4, {10, 0, 0, 1}).
-define(V6, {16#FD00, 0, 0, 0, 0, 0, 0, 1}).

single_stack_is_complete_test_() ->
    [?_assertEqual([[]], judged([found([F])])) || F <- [inet, inet6]].

failed_family_is_partial_test() ->
    Found = (found([inet]))#{failed => [{inet6, servfail}]},
    ?assertEqual([[{inet6, servfail}]], judged([Found])).

family_that_is_gone_is_partial_test() ->
    ?assertEqual([[], [{inet6, no_longer}]], judged([found([inet, inet6]), found([inet])])).

family_that_is_gone_because_it_failed_is_told_once_test() ->
    Failed = (found([inet]))#{failed => [{inet6, timeout}]},
    ?assertEqual([[], [{inet6, timeout}]], judged([found([inet, inet6]), Failed])).

doubtful_response_is_partial_test() ->
    Doubtful = (found([inet]))#{doubts => [several_cnames, garbled]},
    Why = [{response, several_cnames}, {response, garbled}],
    ?assertEqual([Why, []], judged([Doubtful, found([inet])])).

doubtful_responses_are_never_the_new_normal_test() ->
    Doubtful = (found([inet]))#{doubts => [foreign_owner], failed => [{inet6, servfail}]},
    Why = [{inet6, servfail}, {response, foreign_owner}],
    Judged = judged([found([inet, inet6]) | lists:duplicate(12, Doubtful)]),
    ?assertEqual([[] | lists:duplicate(12, Why)], Judged).

family_that_comes_is_complete_test() ->
    ?assertEqual([[], []], judged([found([inet]), found([inet, inet6])])).

other_candidate_is_partial_test() ->
    Other = (found([inet]))#{candidate => <<"b">>},
    ?assertEqual([[], [{<<"b">>, instead_of, <<"a">>}], []],
        judged([found([inet]), Other, found([inet])])).

family_that_is_not_wanted_never_makes_an_answer_partial_test() ->
    Alone = (found([inet]))#{not_wanted => [inet6]},
    ?assertEqual(
        [[], [], [{inet, timeout}], []],
        judged([
            found([inet, inet6]),
            Alone,
            (found([inet6]))#{failed => [{inet, timeout}]},
            Alone
        ])
    ).

own_family_that_is_gone_is_partial_test() ->
    Alone = (found([inet]))#{not_wanted => [inet6]},
    ?assertEqual([[], [{inet, no_longer}], []], judged([Alone, found([inet6]), Alone])).

own_family_that_comes_is_complete_test() ->
    Alone = (found([inet]))#{not_wanted => [inet6]},
    ?assertEqual([[], []], judged([found([inet6]), Alone])).

queried_families_test_() ->
    Queried = fun barnacle_dns_answer:queried/2,
    [
        ?_assertEqual(prefer_inet, Queried(own, <<"app@10.0.0.9">>)),
        ?_assertEqual(prefer_inet6, Queried(own, <<"app@fd00::9">>)),
        ?_assertEqual(both, Queried(own, <<"app@host.example">>)),
        ?_assertEqual(both, Queried(both, <<"app@10.0.0.9">>)),
        ?_assertEqual(inet, Queried(inet, <<"app@fd00::9">>)),
        ?_assertEqual(inet6, Queried(inet6, <<"app@10.0.0.9">>))
    ].

tenth_equal_answer_is_the_new_normal_test() ->
    Other = (found([inet]))#{candidate => <<"b">>},
    Judged = judged([found([inet]) | lists:duplicate(11, Other)]),
    ?assertEqual(9, length([Why || [_] = Why <- Judged])),
    ?assertEqual([[], []], lists:nthtail(10, Judged)).

unusable_addresses_test_() ->
    Found = fun(Addresses) -> (found([]))#{addresses => Addresses} end,
    Usable = fun(Addresses) -> barnacle_dns_answer:usable(Found(Addresses)) end,
    Any = {0, 0, 0, 0},
    Multicast = {224, 0, 0, 1},
    [
        ?_assertEqual({Found(#{inet => [?V4]}), []}, Usable(#{inet => [?V4]})),
        ?_assertEqual(
            {Found(#{inet => [?V4]}), [{unusable, Any}]}, Usable(#{inet => [Any, ?V4, Multicast]})
        ),
        ?_assertEqual(
            {Found(#{inet6 => [?V6]}), [{unusable, Any}]}, Usable(#{inet => [Any], inet6 => [?V6]})
        ),
        ?_assertEqual(none, Usable(#{inet => [Any]}))
    ].

names_test_() ->
    Both = #{inet => [?V4], inet6 => [?V6]},
    Names = fun(Addresses, Families, Self) ->
        barnacle_dns_answer:names(Addresses, <<"app">>, Families, Self)
    end,
    N4 = <<"app@10.0.0.1">>,
    N6 = <<"app@fd00::1">>,
    [
        ?_assertEqual([N4], Names(Both, own, <<"app@10.0.0.9">>)),
        ?_assertEqual([N6], Names(Both, own, <<"app@fd00::9">>)),
        ?_assertEqual([N4, N6], Names(Both, own, <<"app@host.example">>)),
        ?_assertEqual([N4, N6], Names(Both, both, <<"app@10.0.0.9">>)),
        ?_assertEqual([N6], Names(Both, inet6, <<"app@10.0.0.9">>)),
        ?_assertEqual([N6], Names(#{inet6 => [?V6]}, own, <<"app@10.0.0.9">>)),
        %% The own address in another form is not a peer; in the canonical form it stays, as self.
        ?_assertEqual([], Names(#{inet6 => [?V6]}, own, <<"app@fd00:0:0:0:0:0:0:1">>)),
        ?_assertEqual([N6], Names(#{inet6 => [?V6]}, own, <<"app@fd00::1">>)),
        ?_assertEqual([N6], Names(#{inet6 => [?V6]}, own, <<"other@fd00:0:0:0:0:0:0:1">>))
    ].

found(Families) ->
    All = #{inet => [?V4], inet6 => [?V6]},
    #{
        addresses => maps:with(Families, All),
        candidate => <<"a">>,
        failed => [],
        not_wanted => [],
        doubts => []
    }.

judged(Found) ->
    {Judged, _} = lists:mapfoldl(fun barnacle_dns_answer:judge/2, barnacle_dns_answer:new(), Found),
    Judged.

-endif.
