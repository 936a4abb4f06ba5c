%% SPDX-License-Identifier: Apache-2.0
-module(bench_result).

%% What a measurement gives: rows of samples, and figures that are held against their targets.

-export([row/4, at_most/3, at_least/3, note/2]).

-export_type([result/0, row/0, figure/0]).

-type row() :: #{
    group := binary(), series := binary(), unit := binary(), summary := bench_stats:summary()
}.
-type figure() :: #{
    what := binary(),
    relation := binary(),
    target := number() | null,
    unit := binary(),
    reached := number(),
    q1 := number(),
    q3 := number(),
    ok := boolean() | null
}.
%% plot: what the values of the rows are, for the plot's axis.
-type result() :: #{
    id := atom(), title := binary(), plot := binary(), rows := [row()], figures := [figure()]
}.

%% The samples of one case (series) in one circumstance (group).
-spec row(iodata(), iodata(), iodata(), bench_stats:samples()) -> row().
row(Group, Series, Unit, Samples) ->
    #{
        group => text(Group),
        series => text(Series),
        unit => text(Unit),
        summary => bench_stats:summary(Samples)
    }.

%% A figure, {Value, Unit} or {Summary, Unit}, that is to be at most or at least so much. Of a
%% summary the median counts.
-spec at_most(iodata(), number(), {number() | bench_stats:summary(), iodata()}) -> figure().
at_most(What, Target, Reached) ->
    figure(What, "≤", Target, Reached, fun(Value) -> Value =< Target end).

-spec at_least(iodata(), number(), {number() | bench_stats:summary(), iodata()}) -> figure().
at_least(What, Target, Reached) ->
    figure(What, "≥", Target, Reached, fun(Value) -> Value >= Target end).

%% A figure without a target, for comparison.
-spec note(iodata(), {number() | bench_stats:summary(), iodata()}) -> figure().
note(What, Reached) ->
    figure(What, "", null, Reached, fun(_) -> null end).

figure(What, Relation, Target, {#{q1 := Q1, median := Median, q3 := Q3}, Unit}, IsReached) ->
    #{
        what => text(What),
        relation => text(Relation),
        target => Target,
        unit => text(Unit),
        reached => Median,
        q1 => Q1,
        q3 => Q3,
        ok => IsReached(Median)
    };
figure(What, Relation, Target, {Value, Unit}, IsReached) when is_number(Value) ->
    Summary = #{q1 => Value, median => Value, q3 => Value},
    figure(What, Relation, Target, {Summary, Unit}, IsReached).

text(Text) ->
    unicode:characters_to_binary(Text).
