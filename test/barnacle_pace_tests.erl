%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_pace_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(OLD, #{age_ms => 60000, failed => false, crashes => 0}).

interval_test_() ->
    Plain = #{poll_interval => 5000},
    Eager = Plain#{eager_poll_interval => 500},
    [
        about(5000, ?OLD, Plain),
        about(5000, ?OLD#{failed => true}, Plain),
        about(5000, ?OLD, Eager),
        about(500, ?OLD#{age_ms => 59999}, Eager),
        about(500, ?OLD#{failed => true}, Eager),
        about(10000, ?OLD#{crashes => 1}, Plain),
        about(40000, ?OLD#{crashes => 3}, Plain),
        about(60000, ?OLD#{crashes => 1000}, Plain),
        about(300000, ?OLD#{crashes => 5}, #{poll_interval => 300000}),
        about(1, ?OLD, #{poll_interval => 1})
    ].

about(Ms, Past, Options) ->
    ?_assert(
        lists:all(
            fun(Next) -> Next =< Ms andalso Next >= Ms * 0.9 end,
            [barnacle_pace:next_ms(Past, Options) || _ <- lists:seq(1, 200)]
        )
    ).

-endif.
