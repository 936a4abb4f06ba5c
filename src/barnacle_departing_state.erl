%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departing_state).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What barnacle_departing knows: the departed nodes with their timers, the nodes that were made to
leave, and the refresh that waits for some of them. Pure. A function that changes it returns the
effects too.
""").

-export([new/0, nodes/1, asked/1, find/2, away/2, recent/3, forget_away/2]).
-export([there/1, without_barnacle/1, due_in/3, interval/2, wait_longer/4]).
-export([put/3, arm/4, disarm/3, remove/2, left/3, wait/4, failed/3, clear/2, each/3]).

-export_type([state/0, peer/0, done/0, asked/0, stays/0]).

?DOC("""
For status. not_asked: the setting disconnect is report. asked: no reply yet; no_answer: none within
the interval. {stays, Why}: the node declined, or it has no barnacle and a condition does not hold.
""").
-type asked() :: not_asked | asked | no_answer | {stays, stays()}.

?DOC("""
What the node has replied (barnacle_leaving:stay/0), or what this node found. no_barnacle: it has
none for this source, and is looked at. wanted_by, no_reply: barnacles on these nodes want it, or
have not replied. not_disconnected: it was made to leave and has not left. returned: it left and
came back.
""").
-type stays() ::
    named
    | never_named
    | no_complete_answer
    | suspect
    | {foreign_links, [node()]}
    | {wanted_by_others, [node()]}
    | {disconnect, barnacle_plan:mode()}
    | paused
    | no_barnacle
    | {wanted_by, [node()]}
    | {no_reply, [node()]}
    | not_disconnected
    | returned.

?DOC("""
A departed node. waits, barnacle, connections: the columns of barnacle_departures; connections as
the list that the node has sent, until it is judged. checks: how many in a row found no barnacle.
by: an inspection found it, or the registry there replied so. doing: an act whose result is awaited.
asked: undefined until the node is departed. times: how often the interval has grown.
""").
-type peer() :: #{
    waits := running | over | waived,
    barnacle := unknown | there | asked | passing | declined,
    checks := non_neg_integer(),
    checked_ms := none | integer(),
    by := inspected | replied,
    connections := unknown | alone | source | others | [node()],
    doing := idle | check | look | wants | leave,
    asked := undefined | asked(),
    times := non_neg_integer(),
    generation := none | pos_integer()
}.

%% away: nodes that were made to leave, how often, and when last. refresh: one that waits for nodes,
%% with the generation of its timer and the failures so far.
-record(state, {
    nodes = #{} :: #{node() => peer()},
    away = #{} :: #{node() => {Times :: non_neg_integer(), AtMs :: integer()}},
    refresh = none :: none | {Id :: term(), pos_integer(), [node()], [{node(), term()}]},
    generation = 0 :: non_neg_integer()
}).

-opaque state() :: #state{}.

-type done() :: {state(), [Effect :: term()]}.

-define(CHECKS, 3).
%% The intervals: the poll interval or this at first, twice as long each time, this at most.
-define(FIRST_MS, 5000).
-define(LAST_MS, 600000).
%% How long it is remembered that a node was made to leave.
-define(AWAY_MS, 3600000).

?DOC("No node has departed.").
-spec new() -> state().
new() ->
    #state{}.

?DOC("The departed nodes.").
-spec nodes(state()) -> #{node() => peer()}.
nodes(#state{nodes = Nodes}) ->
    Nodes.

?DOC("What became of the departed nodes, for status.").
-spec asked(state()) -> #{binary() => asked()}.
asked(#state{nodes = Nodes}) ->
    maps:from_list([
        {atom_to_binary(Node), Asked}
     || {Node, #{asked := Asked}} <- maps:to_list(Nodes), Asked =/= undefined
    ]).

?DOC("A departed node, or a new one that was neither checked nor asked.").
-spec find(node(), state()) -> peer().
find(Node, #state{nodes = Nodes}) ->
    maps:get(Node, Nodes, #{
        waits => running,
        barnacle => unknown,
        checks => 0,
        checked_ms => none,
        by => inspected,
        connections => unknown,
        doing => idle,
        asked => undefined,
        times => 0,
        generation => none
    }).

?DOC("How often a node was made to leave; never: not within the last hour.").
-spec away(node(), state()) -> non_neg_integer() | never.
away(Node, #state{away = Away}) ->
    case Away of
        #{Node := {Times, _}} -> Times;
        _ -> never
    end.

?DOC("""
Without those that were made to leave more than an hour before NowMs, and those that are wanted
again.
""").
-spec recent(NowMs :: integer(), barnacle_plan:plan(), state()) -> state().
recent(_NowMs, _Plan, #state{away = Away} = State) when map_size(Away) =:= 0 ->
    State;
recent(NowMs, Plan, #state{away = Away} = State) ->
    IsAway = fun(Node, {_, AtMs}) ->
        NowMs - AtMs < ?AWAY_MS andalso not barnacle_plan:is_wanted(Node, Plan)
    end,
    State#state{away = maps:filter(IsAway, Away)}.

?DOC("A node that was made to leave is wanted again.").
-spec forget_away(node(), state()) -> state().
forget_away(Node, #state{away = Away} = State) ->
    State#state{away = maps:remove(Node, Away)}.

?DOC("What is known of a barnacle there, as barnacle_departures has it.").
-spec there(peer()) -> barnacle_departures:there().
there(#{checks := Checks}) when Checks >= ?CHECKS -> none;
there(#{checks := Checks}) when Checks > 0 -> checking;
there(#{barnacle := Barnacle}) -> Barnacle.

?DOC("The node after one more check that found no barnacle.").
-spec without_barnacle(peer()) -> peer().
without_barnacle(#{waits := Waits, checks := Checks, asked := Asked} = Peer) ->
    Said =
        case Asked of
            {stays, _} when Checks > 0 -> Asked;
            _ when Waits =:= running -> Asked;
            _ -> {stays, no_barnacle}
        end,
    Peer#{barnacle := unknown, checks := Checks + 1, asked := Said}.

?DOC("In how many ms the next check is due at NowMs: the checks are spread over the waiting.").
-spec due_in(peer(), NowMs :: integer(), View :: map()) -> non_neg_integer().
due_in(#{checked_ms := none}, _NowMs, _View) -> 0;
due_in(#{waits := waived}, _NowMs, _View) -> 0;
due_in(#{checked_ms := LastMs}, NowMs, #{settings := #{departed_after := AfterMs}}) ->
    max(0, LastMs + AfterMs div (?CHECKS - 1) - NowMs).

?DOC("How long until the node is looked at again, in ms.").
-spec interval(peer(), View :: map()) -> pos_integer().
interval(#{times := Times}, #{settings := #{poll_interval := PollMs}}) ->
    min(?LAST_MS, min(PollMs, ?FIRST_MS) bsl min(Times, 20)).

?DOC("The node, its timer with this interval, and a longer one the next time.").
-spec wait_longer(node(), peer(), state(), View :: map()) -> done().
wait_longer(Node, #{times := Times} = Peer, Own, View) ->
    arm(interval(Peer, View), Node, Peer#{times := Times + 1}, Own).

?DOC("The node as it is now.").
-spec put(node(), peer(), state()) -> state().
put(Node, Peer, #state{nodes = Nodes} = State) ->
    State#state{nodes = Nodes#{Node => Peer}}.

?DOC("The node, and its timer anew.").
-spec arm(Ms :: non_neg_integer(), node(), peer(), state()) -> done().
arm(Ms, Node, Peer, #state{generation = G} = State) ->
    Armed = put(Node, Peer#{generation := G + 1}, State#state{generation = G + 1}),
    {Armed, [{timer, {departing, Node}, G + 1, Ms}]}.

?DOC("The node, without a timer.").
-spec disarm(node(), peer(), state()) -> done().
disarm(Node, #{generation := none} = Peer, State) ->
    {put(Node, Peer, State), []};
disarm(Node, Peer, State) ->
    {put(Node, Peer#{generation := none}, State), [{cancel_timer, {departing, Node}}]}.

?DOC("The node is no longer departed and connected. A refresh that waits for it has it so.").
-spec remove(node(), state()) -> done().
remove(Node, #state{nodes = Nodes} = State) when is_map_key(Node, Nodes) ->
    {Disarmed, Effects} = disarm(Node, maps:get(Node, Nodes), State),
    #state{nodes = Rest, refresh = Refresh} = Disarmed,
    Waits =
        case Refresh of
            none -> none;
            {Id, G, Waiting, Failed} -> {Id, G, lists:delete(Node, Waiting), Failed}
        end,
    {Removed, Ended} = ended(Disarmed#state{nodes = maps:remove(Node, Rest), refresh = Waits}),
    {Removed, Effects ++ Ended};
remove(_Node, State) ->
    {State, []}.

?DOC("A node that was made to leave has left at NowMs.").
-spec left(node(), NowMs :: integer(), state()) -> done().
left(Node, NowMs, #state{nodes = Nodes, away = Away} = State) ->
    #{Node := #{times := Times}} = Nodes,
    remove(Node, State#state{away = Away#{Node => {Times, NowMs}}}).

?DOC("The refresh Id waits for these nodes, for LimitMs.").
-spec wait(Id :: term(), [node()], LimitMs :: pos_integer(), state()) -> done().
wait(Id, [], _LimitMs, State) ->
    {State, [{signal, {departures_done, Id, []}}]};
wait(Id, Nodes, LimitMs, #state{generation = G} = State) ->
    Waiting = State#state{generation = G + 1, refresh = {Id, G + 1, Nodes, []}},
    {Waiting, [{timer, departures, G + 1, LimitMs}]}.

?DOC("""
Nodes that the refresh waits for stay: some of them, all of them, or all of them if this is the
generation of its timer. The refresh has its result with the last one.
""").
-spec failed([node()] | all | pos_integer(), Why :: term(), state()) -> done().
failed(_Nodes, _Why, #state{refresh = none} = State) ->
    {State, []};
failed(all, Why, #state{refresh = {_, _, Waiting, _}} = State) ->
    failed(Waiting, Why, State);
failed(G, Why, #state{refresh = {_, Generation, Waiting, _}} = State) when is_integer(G) ->
    case G of
        Generation -> failed(Waiting, Why, State);
        _ -> {State, []}
    end;
failed(Nodes, Why, #state{refresh = {Id, G, Waiting, Failed}} = State) ->
    Now = [{Node, Why} || Node <- Waiting, lists:member(Node, Nodes)],
    ended(State#state{refresh = {Id, G, Waiting -- Nodes, Failed ++ Now}}).

ended(#state{refresh = {Id, _, [], Failed}} = State) ->
    Done = {signal, {departures_done, Id, lists:sort(Failed)}},
    {State#state{refresh = none}, [{cancel_timer, departures}, Done]};
ended(State) ->
    {State, []}.

?DOC("No node is departed; the refresh that waits has failed with this reason.").
-spec clear(Why :: term(), state()) -> done().
clear(Why, #state{nodes = Nodes} = State) ->
    {Failed, Ended} = failed(all, Why, State),
    {Cleared, Effects} = each(fun remove/2, maps:keys(Nodes), Failed),
    {Cleared, Ended ++ Effects}.

?DOC("One after the other, with all effects in order.").
-spec each(fun((Item, state()) -> done()), [Item], state()) -> done().
each(Fun, List, State) ->
    {Effects, Last} = lists:mapfoldl(
        fun(Item, Acc) ->
            {Next, Done} = Fun(Item, Acc),
            {Done, Next}
        end,
        State,
        List
    ),
    {Last, lists:append(Effects)}.
