%% SPDX-License-Identifier: Apache-2.0
-module(soak_SUITE).
-compile(nowarn_update_literal).

%% The soak in short: `make soak` has it for half an hour.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([nothing_grows/1, leaks_of_each_kind_are_seen/1]).

-define(SECONDS, 40).
-define(SHORT, #{sample_ms => 1000, nodes => 3}).
-define(BARNACLES, 200).
-define(LEAKING, #{seconds => 8, at_least => 30, sample_ms => 200, barnacles => 20, nodes => 1}).

suite() ->
    [{timetrap, {minutes, 20}}].

all() ->
    [nothing_grows, leaks_of_each_kind_are_seen].

%% On a busy machine a VM takes longer to warm up. What leaks goes on growing.
nothing_grows(_Config) ->
    Seconds = bed_long:stretched(?SECONDS),
    #{verdicts := First} = Short = soak(Seconds),
    #{verdicts := Verdicts, done := Done, unwell := Unwell} =
        case bed_flat:growing(First) of
            [] -> Short;
            _ -> soak(3 * Seconds)
        end,
    ?assertEqual([], bed_flat:growing(Verdicts), Verdicts),
    ?assertEqual(none, Unwell),
    [?assert(Count > 0, Kind) || {Kind, Count} <- maps:to_list(Done)],
    {comment, lists:flatten(io_lib:format("~0p", [Done]))}.

soak(Seconds) ->
    #{verdicts := Verdicts, done := Done} = Run = bed_soak:run(?SHORT#{
        seconds => Seconds, barnacles => ?BARNACLES div bed_long:factor()
    }),
    io:format("~b s:~n~ts~n~p~n", [Seconds, bed_flat:words(Verdicts), Done]),
    Run.

%% Were they not, that nothing grows would say nothing.
leaks_of_each_kind_are_seen(_Config) ->
    Leaks = [Measure || {Measure, _} <- bed_soak_node:measures()],
    #{verdicts := Verdicts} = bed_soak:run(?LEAKING#{leak => Leaks}),
    io:format("~ts~n", [bed_flat:words(Verdicts)]),
    ?assertEqual(Leaks, bed_flat:growing(Verdicts)).
