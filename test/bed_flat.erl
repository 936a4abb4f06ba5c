%% SPDX-License-Identifier: Apache-2.0
-module(bed_flat).

%% Whether what a VM holds has stopped growing. Of samples over time the first third is warming up;
%% the median of the last third may exceed that of the middle third by an allowance and no more. A
%% leak of Rate a second thus shows once a third of the time, times Rate, is over the allowance.

-export([verdicts/2, growing/1, words/1]).

-export_type([measure/0, sample/0, allowance/0, verdict/0]).

-type measure() :: atom().
-type sample() :: #{measure() => number()}.
%% Of the middle third's median, in percent, and beside that.
-type allowance() :: {Percent :: number(), Plus :: number()}.
-type verdict() :: #{
    is_flat := boolean(), middle := number(), last := number(), allowed := number()
}.

%% Of each measure. Three samples at least.
-spec verdicts([{measure(), allowance()}], [sample(), ...]) -> [{measure(), verdict()}].
verdicts(Allowances, Samples) when length(Samples) >= 3 ->
    {_, Warm} = lists:split(length(Samples) div 3, Samples),
    {Middle, Last} = lists:split(length(Warm) div 2, Warm),
    [{Measure, verdict(Measure, Allowance, Middle, Last)} || {Measure, Allowance} <- Allowances].

%% The measures that are not flat.
-spec growing([{measure(), verdict()}]) -> [measure()].
growing(Verdicts) ->
    [Measure || {Measure, #{is_flat := false}} <- Verdicts].

%% A line for each, for people.
-spec words([{measure(), verdict()}]) -> iolist().
words(Verdicts) ->
    [
        io_lib:format("~-20s ~-8s ~12.1f -> ~12.1f  (allowed ~.1f)~n", [
            Measure,
            case IsFlat of
                true -> "flat";
                false -> "GROWS"
            end,
            float(Middle),
            float(Last),
            float(Allowed)
        ])
     || {Measure, #{is_flat := IsFlat, middle := Middle, last := Last, allowed := Allowed}} <-
            Verdicts
    ].

verdict(Measure, {Percent, Plus}, Middle, Last) ->
    [Before, After] = [median([maps:get(Measure, S) || S <- Third]) || Third <- [Middle, Last]],
    Allowed = Before * (100 + Percent) / 100 + Plus,
    #{is_flat => After =< Allowed, middle => Before, last => After, allowed => Allowed}.

median(Values) ->
    lists:nth((length(Values) + 1) div 2, lists:sort(Values)).
