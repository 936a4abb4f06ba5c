%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_pace).

-include("barnacle_doc.hrl").

?MODULEDOC("How long a barnacle waits between two rounds. Pure but for the jitter.").

-export([next_ms/2]).

-type past() :: #{
    age_ms := non_neg_integer(),
    failed := boolean(),
    crashes := non_neg_integer()
}.

-define(YOUNG_MS, 60000).
%% A strategy whose functions crash is asked less and less often, but at least this often.
-define(LONGEST_BACKOFF_MS, 60000).

?DOC("""
The poll interval; the eager one, where there is one, while the barnacle is young or its last round
failed; after crashes of the strategy in a row, twice as long for each. Up to a tenth sooner, so
that nodes that started together do not poll together for ever.
""").
-spec next_ms(past(), barnacle_options:checked()) -> pos_integer().
next_ms(Past, Options) ->
    jittered(interval(Past, Options)).

interval(#{crashes := Crashes}, #{poll_interval := Interval}) when Crashes > 0 ->
    min(max(Interval, ?LONGEST_BACKOFF_MS), Interval bsl min(Crashes, 20));
interval(Past, #{eager_poll_interval := Eager, poll_interval := Interval}) ->
    #{failed := Failed, age_ms := AgeMs} = Past,
    case Failed orelse AgeMs < ?YOUNG_MS of
        true -> min(Eager, Interval);
        false -> Interval
    end;
interval(_Past, #{poll_interval := Interval}) ->
    Interval.

jittered(IntervalMs) ->
    IntervalMs + 1 - rand:uniform(IntervalMs div 10 + 1).
