%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_links).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Which connections were made and lost, as lines of the log. The first change is a line at once; in a
storm (barnacle_log_rate) the changes of all nodes wait, and become lines that carry their times. No
change is left out: if a node is at the end as it was before, its changes are counted. This node is
never among the nodes. Pure: the clock comes from outside, in monotonic ms.
""").

-export([new/1, up/3, down/4, list/3, lines/2, rest/2, next/1]).

-export_type([links/0, line/0, why/0]).

?DOC("""
Why a connection is lost: left, the node left on purpose; leaving, this node did; else a reason of
net_kernel:monitor_nodes/2, or unknown.
""").
-type why() :: left | leaving | unknown | term().

?DOC("""
linked: how many nodes are connected now. late_ms: of the nodes whose change is older than this
line, how old it is. reasons: of lost nodes. changes: of nodes that changed more than once, how
often.
""").
-type line() :: {
    What :: joined | left | left_on_purpose | back | gone_again,
    #{
        nodes := [node(), ...],
        linked := non_neg_integer(),
        late_ms := #{node() => pos_integer()},
        changes := #{node() => pos_integer()},
        reasons => #{node() => why()}
    }
}.

%% was: as the log has it.
-record(change, {
    was :: up | down,
    now :: up | down,
    why :: why(),
    at_ms :: integer(),
    count = 1 :: pos_integer()
}).

-record(links, {
    up :: #{node() => true},
    waiting = #{} :: #{node() => #change{}},
    rate = barnacle_log_rate:new() :: barnacle_log_rate:rate()
}).

-opaque links() :: #links{}.

%% A line within this time has the right time of its own.
-define(LATE_MS, 1000).

?DOC("These nodes are connected already.").
-spec new([node()]) -> links().
new(Nodes) ->
    #links{up = maps:from_keys(lists:delete(node(), Nodes), true)}.

?DOC("A node is connected.").
-spec up(node(), integer(), links()) -> links().
up(Node, _NowMs, #links{up = Up} = Links) when is_map_key(Node, Up); Node =:= node() ->
    Links;
up(Node, NowMs, #links{up = Up} = Links) ->
    changed(Node, {up, none}, NowMs, Links#links{up = Up#{Node => true}}).

?DOC("A connection is lost.").
-spec down(node(), why(), integer(), links()) -> links().
down(Node, Why, NowMs, #links{up = Up} = Links) when is_map_key(Node, Up) ->
    changed(Node, {down, Why}, NowMs, Links#links{up = maps:remove(Node, Up)});
down(_Node, _Why, _NowMs, Links) ->
    Links.

?DOC("These nodes, and no others, are connected: of strategies with a list function of their own.").
-spec list([node()], integer(), links()) -> links().
list(Nodes, NowMs, #links{up = Up} = Links) ->
    case barnacle_names:are_keys(lists:usort(Nodes), node(), Up) of
        true -> Links;
        false -> relisted(Nodes, NowMs, Links)
    end.

relisted(Nodes, NowMs, #links{up = Up} = Links) ->
    Lost = maps:keys(maps:without(Nodes, Up)),
    Down = lists:foldl(fun(Node, Acc) -> down(Node, unknown, NowMs, Acc) end, Links, Lost),
    lists:foldl(fun(Node, Acc) -> up(Node, NowMs, Acc) end, Down, Nodes).

changed(Node, {Now, Why}, NowMs, #links{waiting = Waiting, rate = Rate} = Links) ->
    Change =
        case Waiting of
            #{Node := #change{count = Count} = Before} when Now =:= up ->
                %% Why it was lost stays known.
                Before#change{now = Now, at_ms = NowMs, count = Count + 1};
            #{Node := #change{count = Count} = Before} ->
                Before#change{now = Now, why = Why, at_ms = NowMs, count = Count + 1};
            #{} ->
                #change{was = other(Now), now = Now, why = Why, at_ms = NowMs}
        end,
    Links#links{
        waiting = Waiting#{Node => Change}, rate = barnacle_log_rate:change(NowMs, Rate)
    }.

other(up) -> down;
other(down) -> up.

?DOC("The lines that may be written now.").
-spec lines(integer(), links()) -> {[line()], links()}.
lines(_NowMs, #links{waiting = Waiting} = Links) when map_size(Waiting) =:= 0 ->
    {[], Links};
lines(NowMs, #links{waiting = Waiting, up = Up, rate = Rate} = Links) ->
    case barnacle_log_rate:allows(NowMs, Rate) of
        true ->
            Groups = maps:groups_from_list(fun what/1, lists:sort(maps:to_list(Waiting))),
            Lines = [line(Group, map_size(Up), NowMs) || Group <- lists:sort(maps:to_list(Groups))],
            {Lines, Links#links{waiting = #{}, rate = barnacle_log_rate:told(NowMs, Rate)}};
        false ->
            {[], Links}
    end.

?DOC("All lines that there are, storm or not.").
-spec rest(integer(), links()) -> {[line()], links()}.
rest(NowMs, Links) ->
    lines(NowMs, Links#links{rate = barnacle_log_rate:new()}).

what({_, #change{was = up, now = up}}) -> back;
what({_, #change{was = down, now = down}}) -> gone_again;
what({_, #change{now = up}}) -> joined;
what({_, #change{now = down, why = left}}) -> left_on_purpose;
what({_, #change{now = down}}) -> left.

line({What, Changes}, Linked, NowMs) ->
    Report = #{
        nodes => [Node || {Node, _} <- Changes],
        linked => Linked,
        late_ms => maps:from_list([
            {Node, NowMs - AtMs}
         || {Node, #change{at_ms = AtMs}} <- Changes, NowMs - AtMs >= ?LATE_MS
        ]),
        changes => maps:from_list([
            {Node, Count}
         || {Node, #change{count = Count}} <- Changes, Count > 1
        ])
    },
    case What of
        _ when What =:= left; What =:= back; What =:= gone_again ->
            {What, Report#{
                reasons => maps:from_list([{Node, Why} || {Node, #change{why = Why}} <- Changes])
            }};
        _ ->
            {What, Report}
    end.

?DOC("When there is a line to write, at the latest; none if there is none.").
-spec next(links()) -> none | integer().
next(#links{waiting = Waiting}) when map_size(Waiting) =:= 0 -> none;
next(#links{rate = Rate}) -> barnacle_log_rate:next(Rate).
