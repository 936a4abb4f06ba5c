%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_retry_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_retry, [
    new/0, dialled/4, down/4, up/2, reset/3, keep/3, due/2, failing/1, find/2
]).

-define(S, #{retry_min => 1000, retry_max => 30000}).

failures_wait_twice_as_long_each_time_test() ->
    Waits = [wait_after(N) || N <- lists:seq(1, 8), _ <- lists:seq(1, 100)],
    Whole = [min(30000, 1000 bsl (N - 1)) || N <- lists:seq(1, 8), _ <- lists:seq(1, 100)],
    [?assert(Wait =< W andalso Wait * 2 >= W) || {Wait, W} <- lists:zip(Waits, Whole)],
    ?assert(wait_after(100000) =< 30000).

waits_differ_test() ->
    ?assert(length(lists:usort([wait_after(5) || _ <- lists:seq(1, 50)])) > 1).

wait_of_one_ms_test() ->
    R = failed([{a@h, why}], 0, #{retry_min => 1, retry_max => 1}, new()),
    ?assertEqual(1, barnacle_retry:next(R)).

failing_node_is_left_alone_until_its_time_test() ->
    R = failed([{a@h, timeout}], 0, ?S, new()),
    ?assertEqual(#{a@h => timeout}, failing(R)),
    ?assertEqual([], due(499, R)),
    ?assertEqual([a@h], due(1000, R)),
    ?assertMatch(#{since := 0, attempts := 1, reason := timeout}, find(a@h, R)).

nobody_is_left_alone_for_what_is_not_his_fault_test() ->
    Failures = [{a@h, paused}, {b@h, local_node_is_not_alive}],
    ?assertEqual(new(), failed(Failures, 0, ?S, new())).

%% Else it would be dialled again and again without a pause.
what_is_not_his_fault_puts_off_the_next_dial_test_() ->
    Down = down({a@h, connection_closed}, 0, ?S, new()),
    [
        ?_test(begin
            Off = failed([{a@h, Why}], 600, ?S, Down),
            ?assertEqual([], due(1099, Off)),
            ?assertEqual([a@h], due(1600, Off)),
            ?assertMatch(#{attempts := 0, reason := connection_closed}, find(a@h, Off))
        end)
     || Why <- [paused, local_node_is_not_alive]
    ].

%% Its link was made by the other side, so nobody tells of one that is made.
linked_without_a_word_is_not_dialled_again_test() ->
    Failing = failed([{a@h, timeout}], 0, ?S, new()),
    R = dialled([a@h], [], {1000, ?S}, Failing),
    ?assertEqual(none, barnacle_retry:next(R)),
    ?assertEqual(#{}, failing(R)).

lost_link_is_dialled_soon_and_once_test() ->
    Down = down({a@h, connection_closed}, 0, ?S, new()),
    ?assertEqual([a@h], due(500, Down)),
    Failed = failed([{a@h, timeout}], 500, ?S, Down),
    ?assertEqual([], due(999, Failed)),
    ?assertEqual([a@h], due(1500, Failed)).

flapping_link_counts_as_failing_test() ->
    Flap = fun(NowMs, R) -> down({a@h, closed}, NowMs, ?S, up(a@h, R)) end,
    R = lists:foldl(Flap, new(), [0, 100, 200, 300, 400]),
    ?assertMatch(#{attempts := 4}, find(a@h, R)),
    ?assertEqual([], due(4399, R)),
    %% A link that has lasted starts anew.
    ?assertMatch(#{attempts := 0}, find(a@h, Flap(30000, R))).

linked_node_is_not_dialled_test() ->
    R = up(a@h, failed([{a@h, timeout}], 0, ?S, new())),
    ?assertEqual([], due(100000, R)),
    ?assertEqual(none, barnacle_retry:next(R)),
    ?assertEqual(#{}, failing(R)).

reset_brings_long_waits_near_test() ->
    Long = lists:foldl(fun(_, R) -> failed([{a@h, timeout}], 0, ?S, R) end, new(), [1, 2, 3, 4, 5]),
    Reset = reset(0, ?S, Long),
    ?assertEqual([a@h], due(1000, Reset)),
    ?assertEqual([], due(499, Reset)),
    ?assertMatch(#{since := 0, attempts := 1}, find(a@h, Reset)),
    %% Again and again makes nothing sooner or later.
    ?assertEqual(Reset, reset(300, ?S, Reset)).

only_wanted_nodes_are_kept_test() ->
    R = failed([{a@h, timeout}, {b@h, timeout}], 0, ?S, new()),
    Kept = keep(fun(Node) -> Node =:= a@h end, {0, ?S}, R),
    ?assertEqual({none, timeout}, {find(b@h, Kept), maps:get(reason, find(a@h, Kept))}).

links_that_lasted_are_forgotten_test() ->
    R = up(a@h, down({a@h, closed}, 0, ?S, new())),
    All = fun(_) -> true end,
    ?assertNotEqual(none, find(a@h, keep(All, {29999, ?S}, R))),
    ?assertEqual(none, find(a@h, keep(All, {30000, ?S}, R))).

joined_node_is_a_reason_to_dial_the_others_test() ->
    Far = #{retry_min => 3600000, retry_max => 36000000},
    Dials = {[a@h], [{a@h, timeout}]},
    Fail = fun(_, R) -> barnacle_redial:round_ended(Dials, fun(_) -> true end, R) end,
    Failing = lists:foldl(Fail, barnacle_redial:new(Far, barnacle_gate:new()), [1, 2, 3]),
    #{attempts := 3, next := Before} = barnacle_redial:find(a@h, Failing),
    Now = barnacle_redial:node_up(b@h, Failing),
    #{attempts := 1, next := After} = barnacle_redial:find(a@h, Now),
    ?assert(After < Before - 3600000).

failed(Failures, NowMs, Settings, Retries) ->
    dialled([Node || {Node, _} <- Failures], Failures, {NowMs, Settings}, Retries).

wait_after(Failures) ->
    R = lists:foldl(
        fun(_, Acc) -> failed([{a@h, timeout}], 0, ?S, Acc) end, new(), lists:seq(1, Failures)
    ),
    barnacle_retry:next(R).

-endif.
