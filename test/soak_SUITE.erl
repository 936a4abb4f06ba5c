%% SPDX-License-Identifier: Apache-2.0
-module(soak_SUITE).

%% The soak in short: `make soak` has it for half an hour.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([nothing_grows/1, leaks_of_each_kind_are_seen/1]).

-define(SECONDS, 40).
-define(SHORT, #{sample_ms => 1000, nodes => 3}).
-define(BARNACLES, 200).
-define(LEAKING, #{seconds => 15, sample_ms => 200, barnacles => 20, nodes => 1}).

suite() ->
    [{timetrap, {minutes, 8}}].

all() ->
    [nothing_grows, leaks_of_each_kind_are_seen].

nothing_grows(_Config) ->
    #{verdicts := Verdicts, done := Done, unwell := Unwell} = bed_soak:run(?SHORT#{
        seconds => bed_long:stretched(?SECONDS), barnacles => ?BARNACLES div bed_long:factor()
    }),
    io:format("~ts~n~p~n", [bed_flat:words(Verdicts), Done]),
    ?assertEqual([], bed_flat:growing(Verdicts), Verdicts),
    ?assertEqual(none, Unwell),
    [?assert(Count > 0, Kind) || {Kind, Count} <- maps:to_list(Done)],
    {comment, lists:flatten(io_lib:format("~0p", [Done]))}.

%% Were they not, that nothing grows would say nothing.
leaks_of_each_kind_are_seen(_Config) ->
    Leaks = [Measure || {Measure, _} <- bed_soak_node:measures()],
    #{verdicts := Verdicts} = bed_soak:run(?LEAKING#{leak => Leaks}),
    io:format("~ts~n", [bed_flat:words(Verdicts)]),
    ?assertEqual(Leaks, bed_flat:growing(Verdicts)).
