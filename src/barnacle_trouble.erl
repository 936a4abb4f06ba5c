%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_trouble).

-include("barnacle_doc.hrl").

?MODULEDOC("""
When to speak of trouble: at once when it begins, when it changes as often as barnacle_log_rate
allows, at growing gaps with a count while it lasts, and once when it is over. Trouble that comes
and goes is held down with it: how often it came and went in between is logged afterwards, so that
nothing is left out. Pure: the clock comes from outside.
""").

-export([new/0, update/3]).

-export_type([troubles/0, said/0]).

-type kind() :: atom().
-type said() ::
    {began | changed, kind(), Detail :: term()}
    | {lasts, kind(), Detail :: term(), Rounds :: pos_integer(), SinceMs :: non_neg_integer()}
    | {over, kind(), Detail :: term(), Rounds :: pos_integer(), SinceMs :: non_neg_integer()}
    | {passed, kind(), Detail :: term(), Times :: pos_integer(), AgoMs :: non_neg_integer()}.

%% detail: as it is now. told: as it was told last. Both are none where there is none. passed: how
%% often it came and went untold, as what and when it ended last.
-record(trouble, {
    detail = none :: none | {some, term()},
    told = none :: none | {some, term()},
    rate :: barnacle_log_rate:rate(),
    passed = none :: none | {pos_integer(), Detail :: term(), integer()},
    since_ms = 0 :: integer(),
    rounds = 0 :: non_neg_integer(),
    reminder_ms = 0 :: integer(),
    gap_ms = 0 :: non_neg_integer()
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
    lists:foldl(
        fun(Kind, {Said, Troubles}) ->
            Detail =
                case Now of
                    #{Kind := Value} -> {some, Value};
                    #{} -> none
                end,
            Trouble = seen(Detail, NowMs, maps:get(Kind, Before, fresh())),
            {Words, Trouble1} = speak(Kind, NowMs, Trouble),
            {Words ++ Said, keep(Kind, NowMs, Trouble1, Troubles)}
        end,
        {[], #{}},
        lists:reverse(lists:usort(maps:keys(Now) ++ maps:keys(Before)))
    ).

fresh() ->
    #trouble{rate = barnacle_log_rate:new()}.

%% What is over stays known while it may come back, so that its coming and going is held down.
keep(Kind, NowMs, #trouble{detail = none, rate = Rate} = Trouble, Troubles) ->
    case barnacle_log_rate:is_calm(NowMs, Rate) of
        true -> Troubles;
        false -> Troubles#{Kind => Trouble}
    end;
keep(Kind, _NowMs, Trouble, Troubles) ->
    Troubles#{Kind => Trouble}.

seen(none, _NowMs, #trouble{detail = none} = T) ->
    T;
seen(Detail, NowMs, #trouble{detail = none} = T) ->
    changed(Detail, NowMs, T#trouble{since_ms = NowMs, rounds = 1});
seen(none, NowMs, #trouble{detail = {some, Detail}, told = none, passed = Passed} = T) ->
    Times =
        case Passed of
            none -> 1;
            {Before, _, _} -> Before + 1
        end,
    changed(none, NowMs, T#trouble{passed = {Times, Detail, NowMs}});
seen(none, NowMs, #trouble{} = T) ->
    changed(none, NowMs, T);
seen(Detail, _NowMs, #trouble{detail = Detail, rounds = Rounds} = T) ->
    T#trouble{rounds = Rounds + 1};
seen(Detail, NowMs, #trouble{rounds = Rounds} = T) ->
    changed(Detail, NowMs, T#trouble{rounds = Rounds + 1}).

changed(Detail, NowMs, #trouble{rate = Rate} = T) ->
    T#trouble{detail = Detail, rate = barnacle_log_rate:change(NowMs, Rate)}.

speak(_Kind, _NowMs, #trouble{detail = none, told = none, passed = none} = T) ->
    {[], T};
speak(Kind, NowMs, #trouble{detail = none, told = none, rate = Rate} = T) ->
    case barnacle_log_rate:allows(NowMs, Rate) of
        true ->
            {passed(Kind, NowMs, T), T#trouble{
                passed = none, rate = barnacle_log_rate:told(NowMs, Rate)
            }};
        false ->
            {[], T}
    end;
speak(Kind, NowMs, #trouble{detail = none, told = {some, Told}} = T) ->
    {[{over, Kind, Told, T#trouble.rounds, NowMs - T#trouble.since_ms}], T#trouble{told = none}};
speak(Kind, NowMs, #trouble{detail = {some, Detail} = Same, told = Same} = T) ->
    case NowMs >= T#trouble.reminder_ms of
        true ->
            GapMs = min(?LONGEST_GAP_MS, 2 * T#trouble.gap_ms),
            {[{lasts, Kind, Detail, T#trouble.rounds, NowMs - T#trouble.since_ms}], T#trouble{
                gap_ms = GapMs, reminder_ms = NowMs + GapMs
            }};
        false ->
            {[], T}
    end;
speak(Kind, NowMs, #trouble{detail = {some, Detail} = Now, told = Told, rate = Rate} = T) ->
    {Word, GapMs} =
        case Told of
            none -> {began, ?FIRST_GAP_MS};
            _ -> {changed, T#trouble.gap_ms}
        end,
    case barnacle_log_rate:allows(NowMs, Rate) of
        true ->
            {passed(Kind, NowMs, T) ++ [{Word, Kind, Detail}], T#trouble{
                told = Now,
                passed = none,
                rate = barnacle_log_rate:told(NowMs, Rate),
                gap_ms = GapMs,
                reminder_ms = NowMs + GapMs
            }};
        false ->
            {[], T}
    end.

passed(_Kind, _NowMs, #trouble{passed = none}) -> [];
passed(Kind, NowMs, #trouble{passed = {Times, Detail, AtMs}}) ->
    [{passed, Kind, Detail, Times, NowMs - AtMs}].
