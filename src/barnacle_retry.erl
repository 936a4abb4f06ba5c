%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_retry).

-include("barnacle_doc.hrl").

?MODULEDOC("""
When to dial a node again that could not be linked, or whose link was lost. Pure: the
clock and the seed of the jitter come from outside.

After a failed dial a node is left alone for retry_min, then for twice as long each time up to
retry_max; the jitter makes that between half and the whole of it. A link that was lost is dialled
soon, once; if it had not lasted for retry_max, that counts as one more failure.
""").

-export([new/0, dialled/4, down/4, up/3, reset/3, keep/3, forget/2]).
-export([due/2, failing/1, next/1, find/2]).

-export_type([retries/0, settings/0, retry/0]).

-type settings() :: #{
    retry_min := pos_integer(), retry_max := pos_integer(), seed => integer(), _ => _
}.

%% since_ms, attempts: of the dials that failed since it was linked last. failures: those that it
%% backs off for, links that did not last among them. next_ms: when it is dialled again, or since
%% when it is linked.
-record(retry, {
    since_ms :: integer(),
    attempts :: non_neg_integer(),
    failures :: non_neg_integer(),
    reason :: term(),
    next_ms :: integer() | {up, integer()}
}).

-opaque retries() :: #{node() => #retry{}}.

?DOC("""
What is known of a node: not linked since, dials that failed since then, failures that it backs off
for, why the last dial failed or the link was lost, and when the next is due; up while it is linked.
""").
-type retry() :: #{
    since := integer(),
    attempts := non_neg_integer(),
    failures := non_neg_integer(),
    reason := term(),
    next := integer() | up
}.

?DOC("Nobody failed.").
-spec new() -> retries().
new() ->
    #{}.

?DOC("""
Dials of Nodes that ended at NowMs (monotonic), some in vain. Of the others, those that are linked
are so from now on at the latest; a link that is gone again counts as lost, unless down/4 was told.
What nobody can mend by waiting (this node is not alive, paused) does not count as a failure; it is
only put off. A node that was not attempted (not_dialled) has not failed either: all such nodes are
due together, soon.
""").
-spec dialled(
    {[node()], [{node(), Reason :: term()}]},
    IsLinked :: fun((node()) -> boolean()),
    {integer(), settings()},
    retries()
) -> retries().
dialled({Nodes, Failures}, IsLinked, {NowMs, Settings}, Retries) ->
    Failed = maps:from_list(Failures),
    {Linked, Lost} = lists:partition(IsLinked, [N || N <- Nodes, not is_map_key(N, Failed)]),
    Up = lists:foldl(fun(Node, Acc) -> up(Node, NowMs, Acc) end, Retries, Linked),
    Down = lists:foldl(fun(Node, Acc) -> lost(Node, NowMs, Settings, Acc) end, Up, Lost),
    lists:foldl(
        fun({Node, Reason}, Acc) -> failed(Node, Reason, {NowMs, Settings}, Acc) end,
        Down,
        Failures
    ).

?DOC("The link to a node was lost at NowMs: it is dialled again soon, once.").
-spec down({node(), Reason :: term()}, integer(), settings(), retries()) -> retries().
down({Node, Reason}, NowMs, #{retry_min := MinMs} = Settings, Retries) ->
    Retry =
        case before(Node, NowMs, Settings, Retries) of
            none ->
                WaitMs = jittered(MinMs, {Node, NowMs}, Settings) div 2,
                (fresh(Reason, NowMs))#retry{next_ms = NowMs + WaitMs};
            Before ->
                backed_off(Node, Before#retry{reason = Reason}, NowMs, Settings)
        end,
    Retries#{Node => Retry}.

?DOC("A node is linked. What it backed off for is kept a while, so that a flapping link is seen.").
-spec up(node(), integer(), retries()) -> retries().
up(Node, NowMs, Retries) ->
    case Retries of
        #{Node := #retry{next_ms = NextMs} = Retry} when is_integer(NextMs) ->
            Retries#{Node := Retry#retry{next_ms = {up, NowMs}}};
        _ ->
            Retries
    end.

?DOC("""
Something changed for the better: who was failing for long is dialled again within retry_min, and
backs off anew from there.
""").
-spec reset(integer(), settings(), retries()) -> retries().
reset(NowMs, #{retry_min := MinMs} = Settings, Retries) ->
    maps:map(
        fun
            (Node, #retry{next_ms = NextMs, failures = Failures} = Retry) when
                is_integer(NextMs), Failures > 1
            ->
                SoonMs = min(NextMs, NowMs + jittered(MinMs, {Node, NowMs}, Settings)),
                Retry#retry{failures = 1, next_ms = SoonMs};
            (_, Retry) ->
                Retry
        end,
        Retries
    ).

?DOC("Keeps those nodes that a predicate holds for, and forgets links that have lasted.").
-spec keep(fun((node()) -> boolean()), {integer(), settings()}, retries()) -> retries().
keep(Is, {NowMs, #{retry_max := MaxMs}}, Retries) ->
    maps:filter(
        fun
            (_, #retry{next_ms = {up, SinceMs}}) when NowMs - SinceMs >= MaxMs -> false;
            (Node, _) -> Is(Node)
        end,
        Retries
    ).

?DOC("Nothing is known of a node any more.").
-spec forget(node(), retries()) -> retries().
forget(Node, Retries) ->
    maps:remove(Node, Retries).

?DOC("The nodes whose time has come.").
-spec due(integer(), retries()) -> [node()].
due(NowMs, Retries) ->
    [Node || {Node, #retry{next_ms = Next}} <- maps:to_list(Retries), Next =< NowMs].

?DOC("The nodes that fail, each with why its last dial did.").
-spec failing(retries()) -> #{node() => Reason :: term()}.
failing(Retries) ->
    maps:filtermap(
        fun
            %% Each poll tries again: this node may be alive by then.
            (_, #retry{reason = local_node_is_not_alive}) -> false;
            (_, #retry{next_ms = Next, reason = Reason}) when is_integer(Next) -> {true, Reason};
            (_, _) -> false
        end,
        Retries
    ).

?DOC("When the next dial is due, or none.").
-spec next(retries()) -> integer() | none.
next(Retries) ->
    case [Next || #retry{next_ms = Next} <- maps:values(Retries), is_integer(Next)] of
        [] -> none;
        Times -> lists:min(Times)
    end.

?DOC("What is known of a node that fails or failed a short while ago.").
-spec find(node(), retries()) -> retry() | none.
find(Node, Retries) ->
    case Retries of
        #{Node := #retry{since_ms = S, attempts = A, failures = F, reason = R, next_ms = N}} ->
            Next =
                case N of
                    {up, _} -> up;
                    _ -> N
                end,
            #{since => S, attempts => A, failures => F, reason => R, next => Next};
        _ ->
            none
    end.

%% Whose loss was told waits already; who was to be dialled now has not been told of.
lost(Node, NowMs, Settings, Retries) ->
    case Retries of
        #{Node := #retry{next_ms = Next}} when is_integer(Next), Next > NowMs -> Retries;
        _ -> down({Node, connection_closed}, NowMs, Settings, Retries)
    end.

failed(Node, Reason, {NowMs, #{retry_min := MinMs} = Settings}, Retries) when
    Reason =:= paused; Reason =:= local_node_is_not_alive
->
    case Retries of
        #{Node := Retry} ->
            NextMs = NowMs + jittered(MinMs, {Node, NowMs}, Settings),
            Retries#{Node := Retry#retry{next_ms = NextMs}};
        #{} when Reason =:= paused ->
            Retries;
        #{} ->
            #{retry_max := MaxMs} = Settings,
            Retries#{Node => (fresh(Reason, NowMs))#retry{next_ms = NowMs + MaxMs}}
    end;
failed(Node, not_dialled = Reason, {NowMs, #{retry_min := MinMs} = Settings}, Retries) ->
    Before = known_or_fresh(Node, Reason, NowMs, Settings, Retries),
    Retries#{Node => Before#retry{next_ms = NowMs + MinMs div 4}};
failed(Node, Reason, {NowMs, Settings}, Retries) ->
    Before = known_or_fresh(Node, Reason, NowMs, Settings, Retries),
    Failed = Before#retry{attempts = Before#retry.attempts + 1, reason = Reason},
    Retries#{Node => backed_off(Node, Failed, NowMs, Settings)}.

known_or_fresh(Node, Reason, NowMs, Settings, Retries) ->
    case before(Node, NowMs, Settings, Retries) of
        none -> fresh(Reason, NowMs);
        Known -> Known
    end.

fresh(Reason, NowMs) ->
    #retry{since_ms = NowMs, attempts = 0, failures = 0, reason = Reason, next_ms = NowMs}.

%% What is to be counted on from: none after a link that lasted. Whatever was before a link is over,
%% but for what it backs off for.
before(Node, NowMs, #{retry_max := MaxMs}, Retries) ->
    case Retries of
        #{Node := #retry{next_ms = {up, UpMs}}} when NowMs - UpMs >= MaxMs -> none;
        #{Node := #retry{next_ms = {up, _}} = Retry} -> Retry#retry{since_ms = NowMs, attempts = 0};
        #{Node := Retry} -> Retry;
        _ -> none
    end.

backed_off(Node, #retry{failures = Before} = Retry, NowMs, Settings) ->
    #{retry_min := MinMs, retry_max := MaxMs} = Settings,
    %% Past twenty doublings every wait is the longest one.
    WaitMs = min(MaxMs, MinMs bsl min(Before, 20)),
    Retry#retry{failures = Before + 1, next_ms = NowMs + jittered(WaitMs, {Node, NowMs}, Settings)}.

%% From half of it to the whole: a hash of the node, the time and the seed.
jittered(Ms, Key, Settings) ->
    Ms - erlang:phash2({Key, maps:get(seed, Settings, 0)}, Ms div 2 + 1).
