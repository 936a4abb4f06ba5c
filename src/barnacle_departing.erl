%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departing).

-include("barnacle_doc.hrl").

-import(barnacle_departures, [decide/1, result/1, is_passing/1]).
-import(barnacle_departing_state, [find/2, away/2, there/1, without_barnacle/1]).
-import(barnacle_departing_state, [due_in/3, interval/2]).
-import(barnacle_departing_state, [put/3, arm/4, wait_longer/4, disarm/3, remove/2]).
-import(barnacle_departing_state, [wait/4, failed/3, each/3]).

?MODULEDOC("""
The sub-machine that brings departed nodes to leave. Pure. It looks up its decisions in
barnacle_departures.

A departed node decides itself whether it leaves (barnacle_leaving). If it declines for a reason
that may pass, or does not reply, it is asked again at growing intervals, and at once when it
reports that its reason is over. A node without a barnacle is checked three times over the waiting.
Then this node looks at its connections, asks the connected barnacles, and makes it leave. If it
returns through global, it is made to leave again, at growing intervals.
""").

-export([new/1, handle/4, departed/1]).

-type own() :: barnacle_departing_state:state().

%% Longer than barnacle_leave_protocol takes for a result.
-define(RESULT_MS, 10000).
%% How long a node that was made to leave has to leave.
-define(LEAVE_MS, 2000).

?DOC("No node has departed.").
-spec new(map()) -> own().
new(_Settings) ->
    barnacle_departing_state:new().

?DOC("The departed nodes that are connected, and what became of them.").
-spec departed(own()) -> #{binary() => barnacle_departing_state:asked()}.
departed(Own) ->
    barnacle_departing_state:asked(Own).

?DOC("Takes one event. An event of another sub-machine changes nothing.").
-spec handle(term(), NowMs :: integer(), own(), View :: map()) ->
    barnacle_departing_state:done().
%% A node that is discovered again begins anew if it departs again.
handle({discovered, _, _}, NowMs, Own, #{plan := Plan} = View) ->
    Recent = barnacle_departing_state:recent(NowMs, Plan, Own),
    Nodes = maps:keys(barnacle_departing_state:nodes(Recent)),
    Drop = [Node || Node <- Nodes, not is_eligible(Node, Recent, View)],
    each(fun barnacle_departing_state:remove/2, Drop, Recent);
handle({depart, Id}, NowMs, Own, View) ->
    case {applies(View), result(View)} of
        {Mode, Result} when Mode =/= false, Result =:= complete orelse Result =:= exact ->
            depart(Mode, Id, NowMs, Own, View);
        _ ->
            {Own, [{signal, {departures_done, Id, []}}]}
    end;
handle({mode, Mode}, _NowMs, Own, _View) when Mode =/= running ->
    barnacle_departing_state:clear(paused, Own);
handle({mode, running}, _NowMs, Own, #{visible := Visible} = View) ->
    Back = fun(Node, Acc) -> returned(away(Node, Acc), Node, Acc, View) end,
    each(Back, lists:sort(maps:keys(Visible)), Own);
handle({timeout, departures, Generation}, _NowMs, Own, _View) ->
    failed(Generation, failed_to_disconnect, Own);
handle({up, Node, visible}, _NowMs, Own, View) ->
    returned(away(Node, Own), Node, Own, View);
handle(Event, NowMs, Own, View) when is_tuple(Event), tuple_size(Event) > 1 ->
    Node = case element(2, Event) of {departing, Departing} -> Departing; Other -> Other end,
    case barnacle_departing_state:nodes(Own) of
        #{Node := Peer} -> heard(Event, {Node, Peer}, NowMs, Own, View);
        _ -> {Own, []}
    end;
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

%% ---- a refresh ----

depart(Mode, Id, NowMs, Own, #{trigger := Trigger, settings := Settings} = View) ->
    Absent = absent(true, NowMs, Own, View),
    {Due, Waits} =
        case Trigger =:= refresh orelse result(View) =:= exact of
            true -> {Absent, waived};
            false when Absent =:= [] -> {[], over};
            false -> {absent(false, NowMs, Own, View), over}
        end,
    Waiting = maps:from_keys(Due, Waits),
    Begin = fun(Node, Acc) ->
        #{waits := Before} = Peer = find(Node, Acc),
        Departed = {Node, Peer#{waits := maps:get(Node, Waiting, Before)}},
        begins(Trigger, Departed, NowMs, Acc, View)
    end,
    case Mode of
        report ->
            Report = fun(Node, Acc) ->
                {put(Node, (find(Node, Acc))#{asked := not_asked}, Acc), []}
            end,
            {Own1, []} = each(Report, Due, Own),
            {Own1, [{signal, {departures_done, Id, []}}]};
        departed ->
            Awaited = [Node || Trigger =:= refresh, Node <- Due],
            {Own1, Waited} = wait(Id, Awaited, maps:get(connect_timeout, Settings), Own),
            {Own2, Effects} = each(Begin, Absent, Own1),
            {Own2, Waited ++ Effects}
    end.

absent(IsHasty, NowMs, Own, #{plan := Plan, settings := #{departed_after := AfterMs}} = View) ->
    case barnacle_plan:departed(Plan, NowMs, #{after_ms => AfterMs, hasty => IsHasty}) of
        {_, []} ->
            [];
        {_, Names} ->
            Gone = maps:from_keys(Names, []),
            Visible = lists:sort(maps:keys(maps:get(visible, View))),
            Absent = [Node || Node <- Visible, is_map_key(atom_to_binary(Node), Gone)],
            [Node || Node <- Absent, is_eligible(Node, Own, View)]
    end.

%% A refresh begins anew, except for what is known.
begins(refresh, {Node, Peer}, NowMs, Own, View) ->
    New = Peer#{connections := unknown, doing := idle, times := 0},
    act(refresh, {Node, New}, NowMs, Own, View);
begins(poll, {_, #{doing := idle}} = Departed, NowMs, Own, View) ->
    act(poll, Departed, NowMs, Own, View);
begins(poll, {Node, Peer}, _NowMs, Own, _View) ->
    {put(Node, Peer, Own), []}.

%% Whether a node is departed and connected, and no barnacle here wants it.
is_eligible(Node, Own, #{plan := Plan, visible := Visible, others := Others} = View) ->
    #{settings := #{self := Self}} = View,
    Name = atom_to_binary(Node),
    is_map_key(Node, Visible) andalso Name =/= Self andalso not is_map_key(Name, Others) andalso
        case barnacle_plan:standing(Name, Plan) of
            absent -> true;
            unknown -> away(Node, Own) =/= never;
            _ -> false
        end.

%% Whether this barnacle asks departed nodes to leave, or only reports them.
applies(#{mode := Mode}) when Mode =/= running -> false;
applies(#{settings := #{distribution := false}}) -> false;
applies(#{settings := #{custom := true, own_disconnect := true}}) -> false;
applies(#{settings := #{disconnect := undiscovered, custom := true}}) -> departed;
applies(#{settings := #{disconnect := Mode}}) when Mode =:= departed; Mode =:= report -> Mode;
applies(#{}) -> false.

%% ---- acts ----

act(Trigger, {_, Peer} = Departed, NowMs, Own, View) ->
    #{waits := Waits, connections := Connections} = Peer,
    Judged = case is_list(Connections) of true -> unknown; false -> Connections end,
    Facts = {Trigger, Waits, result(View), there(Peer), Judged},
    do(decide(Facts), Trigger, Departed, NowMs, Own, View).

do(stay, Trigger, {Node, #{barnacle := Barnacle} = Peer}, _NowMs, Own, View) ->
    case Trigger =:= poll orelse Barnacle =:= declined of
        true -> {put(Node, Peer, Own), []};
        false -> arm(interval(Peer, View), Node, Peer, Own)
    end;
do(check, _Trigger, {Node, #{waits := Waits} = Peer}, NowMs, Own, View) ->
    case due_in(Peer, NowMs, View) of
        0 ->
            Check = case Peer of #{by := inspected} -> inspect; #{by := replied} -> ask end,
            {Next, Timer} = arm(?RESULT_MS, Node, Peer#{doing := check, checked_ms := NowMs}, Own),
            {Next, [{Check, Node} | Timer]};
        _ when Waits =:= running -> {put(Node, Peer, Own), []};
        LeftMs -> arm(LeftMs, Node, Peer, Own)
    end;
do(ask, Trigger, {Node, #{barnacle := Before, asked := Asked} = Peer}, _NowMs, Own, View) ->
    IsNew = Asked =:= undefined orelse Trigger =:= refresh,
    Said = case IsNew of true -> asked; false -> Asked end,
    {Next, Timer} = wait_longer(Node, Peer#{barnacle := asked, asked := Said}, Own, View),
    Inspect = [{inspect, Node} || Before =:= unknown orelse Before =:= asked],
    Log = [{log, {asked, [Node]}} || IsNew],
    {Next, [{ask, Node}] ++ Inspect ++ Timer ++ Log};
do(look, _Trigger, {_, #{connections := List}} = Departed, NowMs, Own, View) when is_list(List) ->
    look(List, Departed, NowMs, Own, View);
do(look, _Trigger, {Node, Peer}, _NowMs, Own, _View) ->
    {Next, Timer} = arm(?RESULT_MS, Node, Peer#{doing := look}, Own),
    {Next, [{inspect, Node} | Timer]};
do(disconnect, _Trigger, Departed, _NowMs, Own, View) ->
    made_to_leave(disconnect_node, disconnecting, Departed, Own, View);
do(expel, _Trigger, Departed, _NowMs, Own, View) ->
    made_to_leave(expel, expelled, Departed, Own, View).

made_to_leave(Effect, Fact, {Node, #{times := Times} = Peer}, Own, View) ->
    Leaving = Peer#{doing := leave, asked := asked, times := Times + 1},
    {Next, Timer} = arm(max(?LEAVE_MS, interval(Peer, View)), Node, Leaving, Own),
    {Next, [{Effect, Node}] ++ Timer ++ [{log, {Fact, Node}}]}.

%% The connections of a node without a barnacle, then the other barnacles.
look(List, {Node, Peer}, NowMs, Own, #{plan := Plan, visible := Visible} = View) ->
    #{settings := #{self := Self}} = View,
    Rest = [N || N <- List, atom_to_binary(N) =/= Self],
    Foreign = [N || N <- Rest, barnacle_plan:standing(N, Plan) =:= unknown],
    case {Foreign, Rest, lists:sort(maps:keys(maps:remove(Node, Visible)))} of
        {[_ | _], _, _} ->
            stays({foreign_links, Foreign}, {Node, Peer}, Own, View);
        {[], [], []} ->
            again({Node, Peer#{connections := alone}}, NowMs, Own, View);
        {[], _, []} ->
            again({Node, Peer#{connections := source}}, NowMs, Own, View);
        {[], _, Peers} ->
            {Next, Timer} = arm(?RESULT_MS, Node, Peer#{doing := wants}, Own),
            {Next, [{ask_wants, Node, Peers} | Timer]}
    end.

%% A condition does not hold now.
stays(Why, {Node, Peer}, Own, View) ->
    Stays = Peer#{doing := idle, connections := others, asked := {stays, Why}},
    {Next, Timer} = wait_longer(Node, Stays, Own, View),
    {Failed, Ended} = failed([Node], failed_to_disconnect, Next),
    {Failed, Timer ++ Ended}.

again({Node, _} = Departed, NowMs, Own, View) ->
    Trigger = case away(Node, Own) of never -> again; _ -> returned end,
    case is_eligible(Node, Own, View) of
        true -> act(Trigger, Departed, NowMs, Own, View);
        false -> remove(Node, Own)
    end.

%% ---- what is heard of a departed node ----

heard({timeout, _, G}, {_, #{generation := G}} = Departed, NowMs, Own, View) ->
    expired(Departed, NowMs, Own, View);
heard({inspected, _, Found}, {_, #{doing := Doing}} = Departed, NowMs, Own, View) when
    Doing =/= wants, Doing =/= leave
->
    inspected(Found, Departed, NowMs, Own, View);
heard({wanted_by, _, Answer}, {Node, #{doing := wants} = Peer}, NowMs, Own, View) ->
    case Answer of
        no -> again({Node, Peer#{doing := idle, connections := source}}, NowMs, Own, View);
        {yes, Peers} -> stays({wanted_by, Peers}, {Node, Peer}, Own, View);
        {unknown, Peers} -> stays({no_reply, Peers}, {Node, Peer}, Own, View)
    end;
heard({declined, _, Why}, {_, #{asked := Asked}} = Departed, NowMs, Own, View) when
    Asked =/= undefined
->
    declined(Why, Departed, NowMs, Own, View);
heard({reason_over, _}, {Node, #{barnacle := Barnacle} = Peer}, NowMs, Own, View) when
    Barnacle =:= asked; Barnacle =:= passing; Barnacle =:= declined
->
    again({Node, Peer#{barnacle := there}}, NowMs, Own, View);
heard({down, _, _, _}, {Node, #{doing := leave}}, NowMs, Own, _View) ->
    barnacle_departing_state:left(Node, NowMs, Own);
heard({down, _, _, _}, {Node, _}, _NowMs, Own, _View) ->
    remove(Node, Own);
heard(_Event, _Departed, _NowMs, Own, _View) ->
    {Own, []}.

inspected(#{registry := Registry, connections := List}, {Node, Before}, NowMs, Own, View) ->
    #{by := By, checks := Checks, waits := Waits, doing := Doing} = Before,
    Peer = Before#{connections := List, doing := idle},
    Next =
        case {Registry, By} of
            {none, inspected} -> without_barnacle(Peer);
            {there, inspected} when Doing =/= idle; Checks > 0 ->
                Peer#{barnacle := there, checks := 0};
            {_, replied} when Doing =:= look -> Peer;
            _ -> unknown
        end,
    case {Next, Waits} of
        {unknown, _} when Doing =:= idle -> {Own, []};
        {unknown, running} -> {put(Node, Peer#{connections := unknown}, Own), []};
        {unknown, _} -> wait_longer(Node, Peer#{connections := unknown}, Own, View);
        {_, running} -> {put(Node, Next, Own), []};
        {_, _} -> again({Node, Next}, NowMs, Own, View)
    end.

%% no_barnacle: the registry there replies for a VM that has no barnacle for this source.
declined(no_barnacle, {Node, Peer}, NowMs, Own, View) ->
    again({Node, without_barnacle(Peer#{by := replied, doing := idle})}, NowMs, Own, View);
declined(Why, {Node, Peer}, _NowMs, Own, _View) ->
    Stays = Peer#{asked := {stays, Why}, checks := 0, by := inspected, doing := idle},
    {Next, Effects} =
        case is_passing(Why) of
            true -> {put(Node, Stays#{barnacle := passing}, Own), []};
            false -> disarm(Node, Stays#{barnacle := declined}, Own)
        end,
    {Failed, Ended} = failed([Node], failed_to_disconnect, Next),
    {Failed, Effects ++ Ended}.

expired({Node, #{doing := leave} = Peer}, NowMs, Own, View) ->
    {Failed, Ended} = failed([Node], failed_to_disconnect, Own),
    Stays = Peer#{doing := idle, connections := unknown, asked := {stays, not_disconnected}},
    {Next, Effects} = again({Node, Stays}, NowMs, Failed, View),
    {Next, Ended ++ Effects};
expired({Node, #{asked := Asked} = Peer}, NowMs, Own, View) ->
    Said = case Asked of asked -> no_answer; _ -> Asked end,
    again({Node, Peer#{doing := idle, connections := unknown, asked := Said}}, NowMs, Own, View).

returned(Times, _Node, Own, #{mode := Mode}) when Times =:= never; Mode =/= running ->
    {Own, []};
returned(Times, Node, Own, #{plan := Plan} = View) ->
    case barnacle_plan:is_wanted(Node, Plan) of
        true ->
            {barnacle_departing_state:forget_away(Node, Own), []};
        false ->
            Peer = (find(Node, Own))#{waits := waived, asked := {stays, returned}, times := Times},
            arm(interval(Peer, View), Node, Peer, Own)
    end.
