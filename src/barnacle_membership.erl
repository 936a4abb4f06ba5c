%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_membership).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The sub-machine of what is known: the names that discovery returns, the nodes that are connected,
what the other barnacles of this VM want, and what refreshes brought. Pure.
""").

-export([new/1, handle/4, view/1, found/1]).

-export_type([membership/0]).

%% announced: nodes that said that they leave, and when.
%% result: the kind of the last result. suspect: whether too many names are absent.
-record(membership, {
    plan = barnacle_plan:new() :: barnacle_plan:plan(),
    connected = #{} :: #{node() => visible | hidden},
    visible = #{} :: #{node() => []},
    others = #{} :: #{binary() => _},
    announced = #{} :: #{node() => integer()},
    result = none :: none | complete | empty | partial | error,
    suspect = false :: boolean(),
    history :: barnacle_history:history()
}).

-opaque membership() :: #membership{}.

-type done() :: {membership(), [Effect :: term()]}.

%% As long as the registry remembers it (barnacle_registry:has_left/1).
-define(ANNOUNCED_MS, 10000).

?DOC("Nothing is known.").
-spec new(barnacle_machine:settings()) -> membership().
new(#{node := Node}) ->
    %% The first event has the connected nodes.
    #membership{history = barnacle_history:new([], Node, 0)}.

?DOC("The part of the view that this sub-machine owns.").
-spec view(membership()) -> map().
view(#membership{plan = Plan, connected = Connected, visible = Visible} = Own) ->
    #{
        plan => Plan,
        connected => Connected,
        visible => Visible,
        others => Own#membership.others,
        announced => Own#membership.announced,
        result => Own#membership.result,
        suspect => Own#membership.suspect,
        history => Own#membership.history
    }.

?DOC("What a discovery needs to know.").
-spec found(membership()) -> #{own_names := [binary()], plan := barnacle_plan:plan()}.
found(#membership{plan = Plan, history = History}) ->
    #{own_names => maps:get(own_names, barnacle_history:last(History)), plan => Plan}.

?DOC("Takes one event. An event of another sub-machine changes nothing.").
-spec handle(term(), NowMs :: integer(), membership(), View :: map()) -> done().
handle({start, #{connected := Nodes, others := Others}}, NowMs, Own, #{settings := Settings}) ->
    #{node := Node, own_list := OwnList} = Settings,
    Links =
        case OwnList of
            true -> rounds;
            false -> [Up || {Up, _} <- Nodes]
        end,
    {
        Own#membership{
            connected = maps:from_list(Nodes),
            visible = maps:from_list([{Up, []} || {Up, visible} <- Nodes]),
            others = Others,
            history = barnacle_history:new(Links, Node, NowMs)
        },
        []
    };
%% A list of its own says more than one event: it is read at once.
handle({up, _, _}, _NowMs, Own, #{settings := #{own_list := true}}) ->
    {Own, [{signal, poll_now}]};
handle({down, _, _, _}, _NowMs, Own, #{settings := #{own_list := true}}) ->
    {Own, [{signal, poll_now}]};
handle({up, Node, _}, _NowMs, Own, #{settings := #{node := Node}}) ->
    {Own, []};
handle({up, Node, Type}, NowMs, Own, _View) ->
    up(Node, Type, NowMs, Own);
handle({down, Node, Type, Reason}, NowMs, Own, View) ->
    down(Node, Type, lost_by(Node, Reason, NowMs, View), NowMs, Own);
handle({leaving, Node}, NowMs, #membership{announced = Announced} = Own, _View) ->
    Recent = maps:filter(fun(_, AtMs) -> NowMs - AtMs < ?ANNOUNCED_MS end, Announced),
    Plan = barnacle_plan:left(Node, Own#membership.plan),
    {Own#membership{announced = Recent#{Node => NowMs}, plan = Plan}, []};
handle({renamed, Node}, _NowMs, #membership{history = History} = Own, _View) ->
    {Own#membership{history = barnacle_history:renamed(Node, History)}, []};
handle({others, Wants}, _NowMs, Own, _View) ->
    {Own#membership{others = Wants}, []};
handle({discovered, _Id, Found}, NowMs, Own, #{settings := Settings}) ->
    {listed(Found, discovered(Found, NowMs, Own, Settings), Settings), []};
handle({listed, _Id, Listed}, _NowMs, Own, #{settings := Settings}) ->
    {listed(#{listed => Listed}, Own, Settings), []};
%% No list follows, so the nodes are taken at the word of the transport.
handle({left, Nodes}, _NowMs, Own, #{settings := #{own_list := true}}) ->
    {
        Own#membership{
            connected = maps:without(Nodes, Own#membership.connected),
            visible = maps:without(Nodes, Own#membership.visible)
        },
        []
    };
handle({own_names, Nodes}, NowMs, #membership{plan = Plan} = Own, #{settings := Settings}) ->
    %% It is as if this node's own name had been discovered in their place.
    Self = {partial, [maps:get(self, Settings)], own_names},
    Without = barnacle_plan:forget(Nodes, Plan),
    {Own#membership{plan = barnacle_plan:observe(Self, NowMs, Without)}, []};
handle({ended, {crashed, Reason}}, NowMs, #membership{history = History} = Own, _View) ->
    Crashed = barnacle_history:crashed(Reason, NowMs, History),
    {Own#membership{result = error, history = Crashed}, []};
handle({ended, Outcome}, NowMs, Own, View) ->
    ended(Outcome, NowMs, Own, View);
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

%% ---- connections ----

up(Node, Type, NowMs, #membership{connected = Connected, history = Before} = Own) ->
    Plan = barnacle_plan:back(Node, Own#membership.plan),
    After = barnacle_history:up(Node, NowMs, Before),
    Up = Own#membership{plan = Plan, connected = Connected#{Node => Type}},
    case Type of
        visible ->
            Visible = (Own#membership.visible)#{Node => []},
            {Up#membership{visible = Visible, history = After}, [
                {telemetry, {up, Node}}, {log, {up, Node}}
            ]};
        hidden ->
            {Up#membership{history = barnacle_history:uncounted(After, Before)}, []}
    end.

down(Node, Type, Why, NowMs, #membership{connected = Connected, history = Before} = Own) ->
    After = barnacle_history:down(Node, Before),
    Down = Own#membership{
        connected = maps:remove(Node, Connected),
        visible = maps:remove(Node, Own#membership.visible)
    },
    case Type of
        visible ->
            Known = barnacle_history:peer(Node, NowMs, Before),
            {Down#membership{history = After}, [
                {telemetry, {down, Node, Why, Known}}, {log, {down, Node, Why}}
            ]};
        hidden ->
            {Down#membership{history = barnacle_history:uncounted(After, Before)}, []}
    end.

%% The announcement of a node that leaves arrives before its connection ends.
lost_by(Node, Reason, NowMs, #{mode := Mode, announced := Announced}) ->
    case Announced of
        #{Node := AtMs} when NowMs - AtMs < ?ANNOUNCED_MS -> left;
        _ when Reason =:= disconnect, Mode =:= left orelse Mode =:= standby -> leaving;
        _ -> Reason
    end.

%% A list may contain this node, which is no peer.
listed(#{listed := {ok, #{connected := Connected, known := Known}}}, Own, #{node := Self}) ->
    Own#membership{
        connected = maps:from_keys(Connected, visible),
        visible = maps:remove(Self, maps:from_keys(Known, []))
    };
listed(_Found, Own, _Settings) ->
    Own.

%% ---- refreshes ----

discovered(#{result := Result, filtered := Filtered}, NowMs, #membership{plan = Before} = Own, S) ->
    Observed =
        case {Result, S} of
            {{complete, []}, #{custom := true}} -> barnacle_plan:none(NowMs, Before);
            _ -> barnacle_plan:observe(Result, NowMs, Before)
        end,
    %% A name that the filter refuses counts as not discovered, so its absence means nothing.
    Plan = barnacle_plan:bounded(
        Result, maps:get(max_nodes, S), barnacle_plan:forget(Filtered, Observed)
    ),
    Own#membership{
        plan = Plan,
        result = barnacle_plan:kind(Result),
        %% The complete result of a custom strategy is the user's word.
        suspect = not maps:get(custom, S) andalso barnacle_plan:is_suspect(Plan)
    }.

ended(Outcome, NowMs, #membership{plan = Plan0, history = Before} = Own, #{settings := Settings}) ->
    #{departed_after := AfterMs, node := Node} = Settings,
    Plan = forget_departed([Node | maps:keys(Own#membership.visible)], AfterMs, NowMs, Plan0),
    After = barnacle_history:observe(Outcome#{plan => Plan}, NowMs, Before),
    {Up, Down} =
        case Settings of
            #{own_list := true} -> barnacle_history:changes(Before, After);
            #{} -> {[], []}
        end,
    {
        Own#membership{plan = Plan, history = After},
        [{telemetry, {up, N}} || N <- Up] ++
            [{telemetry, {down, N, unknown, barnacle_history:peer(N, NowMs, Before)}} || N <- Down]
    }.

%% This node is there, connected or not: as long as its own name is absent too, that counts.
forget_departed(There, AfterMs, NowMs, Plan) ->
    case barnacle_plan:departed(Plan, NowMs, #{after_ms => AfterMs, hasty => false}) of
        {_, []} ->
            Plan;
        {_, Names} ->
            Connected = barnacle_names:set(There),
            barnacle_plan:forget([N || N <- Names, not is_map_key(N, Connected)], Plan)
    end.
