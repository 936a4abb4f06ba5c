%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_refreshing).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The sub-machine of one refresh: what is connected and disconnected after a discovery, and the
result. Pure.

The phases are discovering, naming (names become atoms), connecting, disconnecting, departing and
listing. A phase without work is passed over. If the mode becomes paused or left, the work ends, and
nodes that are not connected fail with the reason paused.
""").

-export([new/1, handle/4, trigger/1]).

-export_type([refreshing/0, outcome/0]).

?DOC("What a refresh brought, for the history and the log. barnacle_membership adds the plan.").
-type outcome() :: #{
    plan => barnacle_plan:plan(),
    result := barnacle_plan:result(),
    answer := barnacle_plan:answer(),
    queried := [barnacle_strategy:queried()],
    visible := [node()],
    tried := [node()],
    failed := [{node(), term()}],
    refused := [{binary(), term()}],
    filtered := [barnacle_names:name()],
    own_names := [binary()],
    hints := [barnacle_hints:hint()],
    cut := [node()],
    trigger := poll | refresh,
    departed := barnacle_plan:departed()
}.

%% found: what the discovery brought. extra: connected nodes that it did not return. tried: nodes
%% that were to be connected. same: those of them that are this node. cut: nodes that were to be
%% disconnected.
-record(refresh, {
    id :: pos_integer(),
    trigger :: poll | refresh,
    phase = discovering ::
        discovering | naming | connecting | disconnecting | departing | listing,
    found = #{} :: map(),
    extra = [] :: [node()],
    tried = [] :: [node()],
    failed = [] :: [{node(), term()}],
    refused = [] :: [{barnacle_names:name(), term()}],
    same = [] :: [node()],
    cut = [] :: [node()],
    uncut = [] :: [{node(), term()}]
}).

-opaque refreshing() :: none | #refresh{}.

-type done() :: {refreshing(), [Effect :: term()]}.

?DOC("No refresh runs.").
-spec new(barnacle_machine:settings()) -> refreshing().
new(_Settings) ->
    none.

?DOC("What began the refresh that runs; none without one.").
-spec trigger(refreshing()) -> none | poll | refresh.
trigger(none) -> none;
trigger(#refresh{trigger = Trigger}) -> Trigger.

?DOC("Takes one event. An event of another sub-machine, or of a refresh before, changes nothing.").
-spec handle(term(), NowMs :: integer(), refreshing(), View :: map()) -> done().
handle({refresh, Id, Trigger}, _NowMs, none, _View) ->
    {#refresh{id = Id, trigger = Trigger}, [{discover, Id, Trigger}]};
handle({mode, Mode}, _NowMs, #refresh{} = R, View) when Mode =:= paused; Mode =:= left ->
    stopped(R, View);
handle({crashed, Id, Reason, Stacktrace}, _NowMs, #refresh{id = Id}, _View) ->
    {none, [
        {stop_work, connect},
        {log, {crashed, Reason, Stacktrace}},
        {signal, {ended, {crashed, Reason}}}
    ]};
handle(Event, NowMs, #refresh{id = Id, phase = Phase} = R, View) when
    is_tuple(Event), tuple_size(Event) > 2, element(2, Event) =:= Id
->
    case {Phase, Event} of
        {discovering, {discovered, _, Found}} -> discovered(NowMs, R#refresh{found = Found}, View);
        {naming, {named, _, Nodes, Refused}} -> named(Nodes, R#refresh{refused = Refused}, View);
        {connecting, {connected, _, Failed}} -> connected(Failed, R, View);
        {disconnecting, {disconnected, _, Uncut}} -> departs(R#refresh{uncut = Uncut});
        {departing, {departures_done, _, Stayed}} -> departed(Stayed, NowMs, R, View);
        {listing, {listed, _, Listed}} -> listed(Listed, NowMs, R, View);
        _ -> {R, []}
    end;
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

%% ---- what to connect ----

discovered(NowMs, #refresh{found = #{listed := {error, _} = Error}} = R, View) ->
    {Ended, Effects} = ended(Error, [], NowMs, R, View),
    {Ended, [{want, wants(View)} | Effects]};
discovered(_NowMs, #refresh{found = #{result := Result} = Found} = R, View) ->
    #{settings := #{node := Self}, connected := Connected} = View,
    Wants = wants(View),
    Wanted = wanted(Result, Wants, View),
    {Connect, _} = barnacle_diff:names(Wanted, maps:keys(Connected), Self),
    Extra = extra(Result, Found, View),
    {Next, Effects} =
        case Connect of
            [] -> connected([], R#refresh{extra = Extra}, View);
            _ -> {R#refresh{phase = naming, extra = Extra}, [{name, R#refresh.id, Connect}]}
        end,
    {Next, [{want, Wants} | Effects]}.

%% A node on standby wants no connections, until it is discovered again.
wants(#{mode := standby}) -> #{};
wants(#{plan := Plan}) -> barnacle_plan:wanted(Plan).

%% A connection that is lost while the source fails is made again nevertheless. A connect function
%% of a custom strategy is only called with nodes that were just discovered.
wanted({error, _}, _Wants, #{settings := #{own_connect := true}}) ->
    [];
wanted({complete, Names}, Wants, _View) ->
    [Name || Name <- Names, is_map_key(barnacle_names:to_binary(Name), Wants)];
wanted(_PartialOrError, Wants, _View) ->
    maps:keys(Wants).

%% The mode undiscovered disconnects what is connected and was not discovered. The complete result
%% of a custom strategy with a disconnect function decides on the nodes that it returned before.
extra({complete, Names}, Found, #{settings := Settings, plan := Plan, visible := Visible}) ->
    #{custom := IsCustom, own_disconnect := OwnDisconnect, node := Self} = Settings,
    case {IsCustom, maps:get(disconnect, Settings)} of
        {true, Mode} when OwnDisconnect, Mode =:= departed orelse Mode =:= undiscovered ->
            IsAbsent = fun(Node) -> barnacle_plan:standing(Node, Plan) =:= absent end,
            ours(lists:filter(IsAbsent, lists:delete(Self, maps:keys(Visible))), Found);
        {false, undiscovered} ->
            {_, Extra} = barnacle_diff:names(Names, maps:keys(Visible), Self),
            ours(Extra, Found);
        _ ->
            []
    end;
extra(_Result, _Found, _View) ->
    [].

ours(Extra, #{ours := all}) -> Extra;
ours(Extra, #{ours := Ours}) -> [Node || Node <- Extra, lists:member(Node, Ours)].

%% A poll leaves nodes alone that wait out a retry delay.
named(Nodes, #refresh{id = Id, trigger = Trigger, refused = Refused} = R, View) ->
    Failing =
        case Trigger of
            poll -> barnacle_retries:failing(maps:get(retries, View));
            refresh -> #{}
        end,
    {Alone, Tried} = lists:partition(fun(Node) -> is_map_key(Node, Failing) end, Nodes),
    Failed = [{Node, maps:get(Node, Failing)} || Node <- Alone] ++
        [{Node, Why} || {Node, Why} <- Refused, is_atom(Node)],
    Next = R#refresh{
        phase = connecting,
        tried = Tried,
        failed = Failed,
        refused = [{Name, Why} || {Name, Why} <- Refused, is_binary(Name)]
    },
    case {Tried, is_stopped(View)} of
        {[], _} -> connected([], Next, View);
        {_, true} -> connected(paused(Tried, View), Next, View);
        {_, false} -> {Next, [{connect, Id, Tried}]}
    end.

paused(Nodes, #{settings := #{own_list := true}}) ->
    [{Node, paused} || Node <- Nodes];
paused(Nodes, #{connected := Connected}) ->
    [{Node, paused} || Node <- Nodes, not is_map_key(Node, Connected)].

is_stopped(#{mode := Mode}) -> Mode =:= paused orelse Mode =:= left.

%% ---- what to disconnect ----

connected(Failures, #refresh{id = Id, tried = Tried, failed = Before} = R, View) ->
    Same = [Node || {Node, this_node} <- Failures],
    Failed = [Failure || {_, Why} = Failure <- Failures, Why =/= this_node] ++ Before,
    Next = R#refresh{tried = Tried -- Same, failed = Failed, same = Same},
    Own = [{signal, {own_names, Same}} || Same =/= []],
    {Last, Effects} =
        case {cut(Next, View), is_stopped(View)} of
            {[], _} ->
                departs(Next);
            {Cut, true} ->
                departs(Next#refresh{cut = Cut, uncut = [{Node, paused} || Node <- Cut]});
            {Cut, false} ->
                {Next#refresh{phase = disconnecting, cut = Cut}, [
                    {disconnect, Id, Cut}, {log, {undiscovered, Cut}}
                ]}
        end,
    {Last, Own ++ Effects}.

%% Never what another barnacle of this VM wants. An empty result is exact only with a list of its
%% own, or as the word of a custom strategy.
cut(#refresh{extra = []}, _View) ->
    [];
cut(#refresh{extra = Extra, found = #{result := {complete, Names}}}, View) ->
    #{settings := #{own_list := OwnList, custom := IsCustom}, others := Others} = View,
    case Names =/= [] orelse OwnList orelse IsCustom of
        true -> [N || N <- Extra, not is_map_key(barnacle_names:to_binary(N), Others)];
        false -> []
    end.

departs(#refresh{id = Id} = R) ->
    {R#refresh{phase = departing}, [{signal, {depart, Id}}]}.

departed(Stayed, NowMs, #refresh{id = Id, uncut = Uncut} = R, #{settings := Settings} = View) ->
    Next = R#refresh{uncut = Uncut ++ Stayed},
    case Settings of
        #{own_list := true} ->
            {Next#refresh{phase = listing}, [{list, Id}]};
        #{node := Self} ->
            %% The news of a connection that was ended may come later.
            Gone = Next#refresh.cut -- [Node || {Node, _} <- Next#refresh.uncut],
            Visible = lists:sort(maps:keys(maps:without(Gone, maps:get(visible, View)))),
            %% A node may have been connected meanwhile, by itself or by a retry.
            Failed = [F || {Node, _} = F <- Next#refresh.failed, not is_connected(Node, View)],
            ended(ok, [Self | Visible], NowMs, Next#refresh{failed = Failed}, View)
    end.

listed({ok, #{connected := Connected}}, NowMs, #refresh{failed = Failed} = R, View) ->
    %% An attempt that was ended may have connected its node.
    Still = fun({Node, Why}) -> not (is_late(Why) andalso lists:member(Node, Connected)) end,
    ended(ok, Connected, NowMs, R#refresh{failed = lists:filter(Still, Failed)}, View);
listed({error, _} = Error, NowMs, R, View) ->
    ended(Error, [], NowMs, R, View).

is_late(Why) -> Why =:= paused orelse Why =:= timeout.

is_connected(Node, #{connected := Connected}) -> is_map_key(Node, Connected).

%% ---- the end ----

stopped(#refresh{phase = connecting, tried = Tried} = R, View) ->
    {Next, Effects} = connected(paused(Tried, View), R, View),
    {Next, [{stop_work, connect} | Effects]};
stopped(#refresh{phase = disconnecting, cut = Cut} = R, _View) ->
    {Next, Effects} = departs(R#refresh{uncut = [{Node, paused} || Node <- Cut]}),
    {Next, [{stop_work, connect} | Effects]};
stopped(R, _View) ->
    {R, []}.

ended(Listed, Nodes, NowMs, #refresh{found = Found, trigger = Trigger} = R, View) ->
    #{settings := #{node := Self}} = View,
    #{result := Answer, own_names := OwnNames} = Found,
    #refresh{failed = Failed, uncut = Uncut, same = Same} = R,
    StrategyResult =
        case {Answer, Listed} of
            {{error, _}, ok} -> Answer;
            _ -> Listed
        end,
    Visible = lists:delete(Self, Nodes),
    Outcome = #{
        result => barnacle_plan:result(
            StrategyResult, #{connect => Failed, disconnect => Uncut}, Nodes
        ),
        answer => Answer,
        queried => maps:get(queried, Found),
        visible => Visible,
        tried => R#refresh.tried,
        failed => Failed,
        refused => R#refresh.refused,
        filtered => maps:get(filtered, Found),
        own_names => lists:usort([barnacle_names:to_binary(Node) || Node <- Same] ++ OwnNames),
        hints => maps:get(hints, Found),
        cut => R#refresh.cut -- [Node || {Node, _} <- Uncut],
        trigger => Trigger,
        departed => departures(Visible, NowMs, Trigger, View)
    },
    {none, [{signal, {ended, Outcome}}, {log, {refresh, Outcome}}]}.

%% Departed and still connected: only those matter. The complete result of a custom strategy is the
%% user's word: it is never suspect, and its nodes depart at once.
departures(_Visible, _NowMs, _Trigger, #{settings := #{own_list := true}}) ->
    %% There no node is asked to leave, so no doubt of the source keeps it.
    {ok, []};
departures(Visible, NowMs, Trigger, #{plan := Plan, settings := Settings}) ->
    #{departed_after := AfterMs, custom := IsCustom} = Settings,
    Question = #{after_ms => AfterMs, hasty => IsCustom orelse Trigger =:= refresh},
    {Verdict, Names} = barnacle_plan:departed(Plan, NowMs, Question),
    Believed =
        case IsCustom of
            true -> ok;
            false -> Verdict
        end,
    case Names of
        [] ->
            {Believed, []};
        _ ->
            Connected = barnacle_names:set(Visible),
            {Believed, [Name || Name <- Names, is_map_key(Name, Connected)]}
    end.
