%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_attempts_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(NODES, [a@h, b@h, c@h, d@h, e@h, f@h, g@h]).

each_node_begins_after_its_own_name_test() ->
    ?assertEqual([e@h, f@h, g@h, a@h, b@h, c@h], order(d@h)),
    ?assertEqual([b@h, c@h, d@h, e@h, f@h, g@h], order(a@h)),
    ?assertEqual([a@h, b@h, c@h, d@h, e@h, f@h], order(g@h)).

%% In step with each other, no two nodes attempt the same one at a time.
no_node_is_attempted_by_two_at_a_time_test() ->
    Steps = [
        [lists:nth(Step, order(Own)) || Own <- ?NODES]
     || Step <- lists:seq(1, length(?NODES) - 1)
    ],
    [?assertEqual(?NODES, lists:sort(Attempted)) || Attempted <- Steps].

%% Nor do two attempt each other until each pair is connected, if each attempt takes as long.
no_two_attempt_each_other_test() ->
    Pairs = [
        {Step, lists:sort([Own, lists:nth(Step, order(Own))])}
     || Own <- ?NODES, Step <- lists:seq(1, length(?NODES) div 2)
    ],
    ?assertEqual(length(Pairs), length(lists:usort(Pairs))),
    ?assertEqual(21, length(lists:usort([Pair || {_, Pair} <- Pairs]))).

%% The more nodes, the fewer attempts of each; as many as a small cluster has nodes.
number_falls_with_the_size_test_() ->
    [
        {integer_to_list(Nodes) ++ " nodes", ?_assertEqual(Limit, limit(64, Nodes, 0))}
     || {Nodes, Limit} <- [
            {0, 64}, {1, 64}, {15, 64}, {23, 30}, {30, 17}, {60, 4}, {120, 2}, {200, 2},
            {100000, 2}
        ]
    ].

max_is_never_exceeded_test() ->
    ?assertEqual([1, 2, 3], [limit(Max, 200, 100) || Max <- [1, 2, 3]]),
    ?assertEqual(2, limit(2, 5, 0)).

each_stall_adds_a_place_test() ->
    ?assertEqual([2, 3, 12, 61, 64], [limit(64, 200, Stalls) || Stalls <- [0, 1, 10, 59, 1000]]).

order(Own) ->
    Ranked = [{barnacle_attempts:rank(Node, Own), Node} || Node <- ?NODES, Node =/= Own],
    [Node || {_, Node} <- lists:sort(Ranked)].

limit(Max, Nodes, Stalls) ->
    barnacle_attempts:limit(Max, #{nodes => Nodes, stalls => Stalls}).

-endif.
