%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_trouble).

-include("barnacle_doc.hrl").

?MODULEDOC("""
When to speak of trouble: once when it begins or changes, then at growing gaps with a count while
it lasts, once when it is over. Pure: the clock comes from outside.
""").

-export([new/0, update/3]).

-export_type([troubles/0, said/0]).

-type kind() :: atom().
-type said() ::
    {began | changed, kind(), Detail :: term()}
    | {lasts, kind(), Detail :: term(), Rounds :: pos_integer(), SinceMs :: non_neg_integer()}
    | {over, kind(), Detail :: term(), Rounds :: pos_integer(), SinceMs :: non_neg_integer()}.

-record(trouble, {
    detail :: term(),
    since_ms :: integer(),
    rounds = 1 :: pos_integer(),
    next_ms :: integer(),
    gap_ms :: pos_integer()
}).

-opaque troubles() :: #{kind() => #trouble{}}.

-define(FIRST_GAP_MS, 60000).
-define(LONGEST_GAP_MS, 3600000).

?DOC("No trouble.").
-spec new() -> troubles().
new() ->
    #{}.

?DOC("What there is to say when these troubles, and no others, are there at NowMs (monotonic).").
-spec update(#{kind() => Detail :: term()}, integer(), troubles()) -> {[said()], troubles()}.
update(Now, NowMs, Before) ->
    Over = [
        {over, Kind, T#trouble.detail, T#trouble.rounds, NowMs - T#trouble.since_ms}
     || {Kind, T} <- maps:to_list(maps:without(maps:keys(Now), Before))
    ],
    maps:fold(
        fun(Kind, Detail, {Said, Troubles}) ->
            {Words, Trouble} = one(Kind, Detail, NowMs, maps:get(Kind, Before, none)),
            {Words ++ Said, Troubles#{Kind => Trouble}}
        end,
        {Over, #{}},
        Now
    ).

one(Kind, Detail, NowMs, none) ->
    {[{began, Kind, Detail}], #trouble{
        detail = Detail,
        since_ms = NowMs,
        next_ms = NowMs + ?FIRST_GAP_MS,
        gap_ms = ?FIRST_GAP_MS
    }};
one(Kind, Detail, NowMs, #trouble{detail = Detail, next_ms = NextMs} = T) when NowMs >= NextMs ->
    GapMs = min(?LONGEST_GAP_MS, 2 * T#trouble.gap_ms),
    Rounds = T#trouble.rounds + 1,
    {[{lasts, Kind, Detail, Rounds, NowMs - T#trouble.since_ms}], T#trouble{
        rounds = Rounds, gap_ms = GapMs, next_ms = NowMs + GapMs
    }};
one(_Kind, Detail, _NowMs, #trouble{detail = Detail} = T) ->
    {[], T#trouble{rounds = T#trouble.rounds + 1}};
one(Kind, Detail, _NowMs, #trouble{} = T) ->
    {[{changed, Kind, Detail}], T#trouble{detail = Detail, rounds = T#trouble.rounds + 1}}.
