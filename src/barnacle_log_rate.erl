%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_rate).

-include("barnacle_doc.hrl").

?MODULEDOC("""
How often one kind of change may be logged. The first change is logged at once. So are the next
ones, up to five lines that are 1 s apart. After that it is a storm: lines are 10 s, 20 s, 40 s and
so on apart, up to half an hour. Ten minutes without a change end the storm. Pure: the clock comes
from outside, in monotonic ms.
""").

-export([new/0, change/2, allows/2, next/1, told/2, is_calm/2]).

-export_type([rate/0]).

-record(rate, {
    next_ms = none :: none | integer(),
    free :: non_neg_integer(),
    gap_ms :: pos_integer(),
    changed_ms = none :: none | integer()
}).

-opaque rate() :: #rate{}.

-define(FREE_LINES, 5).
-define(FREE_GAP_MS, 1000).
-define(FIRST_GAP_MS, 10000).
-define(LONGEST_GAP_MS, 1800000).
-define(CALM_MS, 600000).

?DOC("Nothing has changed yet.").
-spec new() -> rate().
new() ->
    #rate{free = ?FREE_LINES, gap_ms = ?FIRST_GAP_MS}.

?DOC("Something has changed.").
-spec change(integer(), rate()) -> rate().
change(NowMs, Rate) ->
    case is_calm(NowMs, Rate) of
        true -> (new())#rate{changed_ms = NowMs};
        false -> Rate#rate{changed_ms = NowMs}
    end.

?DOC("Whether it may be logged now.").
-spec allows(integer(), rate()) -> boolean().
allows(NowMs, Rate) ->
    case next(Rate) of
        none -> true;
        NextMs -> NowMs >= NextMs
    end.

?DOC("From when on it may be logged; none if it may at once.").
-spec next(rate()) -> none | integer().
next(#rate{next_ms = none}) -> none;
next(#rate{next_ms = NextMs, changed_ms = none}) -> NextMs;
next(#rate{next_ms = NextMs, changed_ms = ChangedMs}) -> min(NextMs, ChangedMs + ?CALM_MS).

?DOC("It was logged.").
-spec told(integer(), rate()) -> rate().
told(NowMs, #rate{free = Free} = Rate) when Free > 1 ->
    Rate#rate{next_ms = NowMs + ?FREE_GAP_MS, free = Free - 1};
told(NowMs, #rate{gap_ms = GapMs} = Rate) ->
    Rate#rate{next_ms = NowMs + GapMs, gap_ms = min(?LONGEST_GAP_MS, 2 * GapMs)}.

?DOC("Whether nothing has changed for so long that the past no longer counts.").
-spec is_calm(integer(), rate()) -> boolean().
is_calm(_NowMs, #rate{changed_ms = none}) -> true;
is_calm(NowMs, #rate{changed_ms = ChangedMs}) -> NowMs - ChangedMs >= ?CALM_MS.
