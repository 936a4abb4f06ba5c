%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_rate).

-include("barnacle_doc.hrl").

?MODULEDOC("""
How often one kind of change may be told. The first is told at once; while changes go on, what has
become of them is told at gaps of 10 s, 20 s, 40 s and so on, up to half an hour; ten minutes
without a change make it the first again. Pure: the clock comes from outside, in monotonic ms.
""").

-export([new/0, change/2, allows/2, told/2, is_calm/2]).

-export_type([rate/0]).

-record(rate, {
    next_ms = none :: none | integer(),
    gap_ms :: pos_integer(),
    changed_ms = none :: none | integer()
}).

-opaque rate() :: #rate{}.

-define(FIRST_GAP_MS, 10000).
-define(LONGEST_GAP_MS, 1800000).
-define(CALM_MS, 600000).

?DOC("Nothing has changed yet.").
-spec new() -> rate().
new() ->
    #rate{gap_ms = ?FIRST_GAP_MS}.

?DOC("Something has changed.").
-spec change(integer(), rate()) -> rate().
change(NowMs, Rate) ->
    case is_calm(NowMs, Rate) of
        true -> (new())#rate{changed_ms = NowMs};
        false -> Rate#rate{changed_ms = NowMs}
    end.

?DOC("Whether it may be told now.").
-spec allows(integer(), rate()) -> boolean().
allows(_NowMs, #rate{next_ms = none}) -> true;
allows(NowMs, #rate{next_ms = NextMs}) -> NowMs >= NextMs.

?DOC("It was told.").
-spec told(integer(), rate()) -> rate().
told(NowMs, #rate{gap_ms = GapMs} = Rate) ->
    Rate#rate{next_ms = NowMs + GapMs, gap_ms = min(?LONGEST_GAP_MS, 2 * GapMs)}.

?DOC("Whether nothing has changed for so long that the past no longer counts.").
-spec is_calm(integer(), rate()) -> boolean().
is_calm(_NowMs, #rate{changed_ms = none}) -> true;
is_calm(NowMs, #rate{changed_ms = ChangedMs}) -> NowMs - ChangedMs >= ?CALM_MS.
