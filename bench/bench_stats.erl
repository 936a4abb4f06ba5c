%% SPDX-License-Identifier: Apache-2.0
-module(bench_stats).

%% Samples and what is said of them. Machines are noisy: cases take turns, round by round, and are
%% compared within a round, so that what slows one down slows the others down as well.

-export([alternate/2, timed/1, summary/1, ratio/2, percentile/2]).

-export_type([sample/0, samples/0, summary/0]).

-type sample() :: number().
-type samples() :: [sample()].
-type summary() :: #{
    n := pos_integer(),
    min := number(),
    q1 := number(),
    median := number(),
    q3 := number(),
    p99 := number()
}.

%% Runs every case once a round, each round in another order, and gives the samples of each case,
%% those of one round at the same position.
-spec alternate(pos_integer(), [{Name, fun(() -> sample())}]) -> #{Name => samples()}.
alternate(Rounds, Cases) ->
    Results = [maps:from_list(turn(Round, Cases)) || Round <- lists:seq(1, Rounds)],
    maps:from_list([{Name, [maps:get(Name, Result) || Result <- Results]} || {Name, _} <- Cases]).

turn(Round, Cases) ->
    {Later, Sooner} = lists:split(Round rem length(Cases), Cases),
    [{Name, Case()} || {Name, Case} <- Sooner ++ Later].

%% How long a call takes, in microseconds, and not less than it takes to look at the clock.
-spec timed(fun(() -> term())) -> float().
timed(Fun) ->
    Before = erlang:monotonic_time(nanosecond),
    _ = Fun(),
    (erlang:monotonic_time(nanosecond) - Before) / 1000.

-spec summary(samples()) -> summary().
summary(Samples) ->
    Sorted = lists:sort(Samples),
    maps:from_list([
        {n, length(Samples)},
        {min, hd(Sorted)}
        | [
            {Key, percentile(Percent, Sorted)}
         || {Key, Percent} <- [{q1, 25}, {median, 50}, {q3, 75}, {p99, 99}]
        ]
    ]).

%% The samples of one case divided by those of another, round by round.
-spec ratio(samples(), samples()) -> summary().
ratio(Samples, Others) ->
    summary([Sample / max(Other, 1.0e-9) || {Sample, Other} <- lists:zip(Samples, Others)]).

%% Of a sorted list: the smallest sample that this many percent don't exceed.
-spec percentile(1..100, samples()) -> sample().
percentile(Percent, Sorted) ->
    lists:nth(max(1, ceil(length(Sorted) * Percent / 100)), Sorted).
