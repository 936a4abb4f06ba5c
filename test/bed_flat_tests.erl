%% SPDX-License-Identifier: Apache-2.0
-module(bed_flat_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(SAMPLES, 300).

level_is_flat_test() ->
    ?assertEqual([], growing(fun(_) -> 100 end, {0, 0})).

warming_up_does_not_count_test() ->
    ?assertEqual([], growing(fun(N) -> min(N, ?SAMPLES div 3) end, {0, 0})).

waves_and_spikes_are_flat_test() ->
    Wave = fun(N) -> 100 + N rem 7 + 1000 * (1 - min(1, N rem 50)) end,
    ?assertEqual([], growing(Wave, {0, 0})).

what_grows_for_ever_is_seen_test() ->
    ?assertEqual([it], growing(fun(N) -> 1000 + N / 5 end, {0, 19})),
    ?assertEqual([], growing(fun(N) -> 1000 + N / 5 end, {0, 20})),
    ?assertEqual([it], growing(fun(N) -> 1000 + N end, {5, 0})),
    ?assertEqual([], growing(fun(N) -> 1000 + N end, {10, 0})).

what_falls_is_flat_test() ->
    ?assertEqual([], growing(fun(N) -> -N end, {0, 0})).

growing(Curve, Allowance) ->
    Samples = [#{it => Curve(N)} || N <- lists:seq(0, ?SAMPLES - 1)],
    bed_flat:growing(bed_flat:verdicts([{it, Allowance}], Samples)).

-endif.
