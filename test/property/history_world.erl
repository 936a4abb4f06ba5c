%% SPDX-License-Identifier: Apache-2.0
-module(history_world).

%% One node's barnacle in a world that can do anything, a step at a time, without processes or
%% clock. barnacle_machine decides. What stands here is the world: it feeds events, and performs
%% effects. Every act is put to history_rules.

-ifdef(PROPER).

-import(history_nodes, [node_of/1, number/1, has/2, to_nodes/1, mask/1]).

-export([new/1, new/2, step/2, seen/1, trace/1]).

%% source: the nodes that a good answer names. up: those that accept connections. wanting: those
%% that barnacles on other nodes want. silent: those that do not reply.
%% kept: what the registry has for the next server. is_begin: begin is in the queue. work: what
%% runs, by kind. timers: by name, with the generation. mail: what peers have sent. callers: by tag,
%% with the call. askers: peers that wait for a reply, by tag. checks, links, wants: what this node
%% was told of nodes without a barnacle. declined: the nodes that may report that their reason is
%% over.
-record(world, {
    settings, now = 0, source = 16#FF, up = 16#1FE, linked = 16#100, others = 0,
    wanting = 0, silent = 0,
    machine, kept = running, is_begin = false, work = #{}, timers = #{}, mail = [], soon = [],
    tags = 0, heard = 0, callers = #{}, askers = #{}, at = none, was = running, trigger = none,
    answer = {error, none},
    checks = #{}, links = #{}, wants = #{}, declined = #{}, left = {0, 0},
    rules = history_rules:new(), seen = #{}, trace = none
}).

-define(SELF, 1).
-define(PEERS, 16#1FE).
-define(ALL, 16#1FF).
-define(RETRY, #{retry_min => 1000, retry_max => 30000}).
%% A node without a registry, and one whose registry has no barnacle for this source.
-define(BARE, n6@h).
-define(OTHER, n7@h).
%% More timers than this in one tick: they go on without a pause.
-define(MANY, 1000).

%% The settings disconnect and departed_after, and whether the strategy is a custom one.
new(Settings) ->
    new(Settings, none).

%% Trace: [] to keep all events, effects and states.
new({Setting, AfterMs, IsCustom}, Trace) ->
    started(#world{
        trace = Trace,
        settings = ?RETRY#{
            self => <<"n0@h">>, node => n0@h, disconnect => Setting, departed_after => AfterMs,
            custom => IsCustom, poll_interval => 60000, connect_timeout => 7000, max_nodes => 1000,
            own_list => false, own_connect => false, own_disconnect => false,
            distribution => true, polls => true, seed => 1
        }
    }).

%% What the history held so far.
seen(#world{seen = Seen}) ->
    Seen.

%% {Event, Effects, State} of each step of the machine, newest first.
trace(#world{trace = Trace}) ->
    Trace.

%% ---- what may happen ----

%% A refresh without trouble, or the rest of the one that runs.
step(round, W) -> ended(begun(poll(W)), 20);
step('begin', W) -> begun(poll(W));
step({answer, Kind, Mask}, W) -> answered(Kind, Mask, begun(poll(W)));
step({dialled, Mask}, W) -> dialled(Mask, W);
step(report, W) -> delivered(disconnected(W));
step(crash, W) -> crashed(W);
step({tick, Ms}, W) -> ticked(W#world.now + Ms, ?MANY, delivered(W));
step({vanish, Node}, W) -> W#world{source = W#world.source band bnot (1 bsl Node)};
step(return, W) -> W#world{source = 16#FF};
step({die, Node}, W) -> unlinked(1 bsl Node, W#world{up = W#world.up band bnot (1 bsl Node)});
step({revive, Node}, W) -> W#world{up = (W#world.up bor (1 bsl Node)) band ?PEERS};
step({flap, Node}, W) -> linked(Node, unlinked(1 bsl Node, W));
step({dials_us, Node}, W) -> linked(Node, W);
step({others, Mask}, W) -> others(W#world{others = Mask});
step({wanting, Mask}, W) -> W#world{wanting = Mask};
step({silent, Mask}, W) -> W#world{silent = Mask};
step({leaving, Node}, W) -> leaving(node_of(Node), W);
step({replies, Node, Why}, W) -> replied(Why, node_of(Node), W);
step({ask, Node}, W) -> asked(node_of(Node), W);
step({await, What}, W) -> called({await, What, 5000}, W);
step(hang_up, W) -> hung_up(maps:keys(W#world.callers), W);
step(refresh, W) -> refreshed(W);
step(pause, W) -> called(pause, W);
step(leave, W) -> called(leave, W);
step(kill, W) -> started(W);
step(shutdown, W) -> called(shutdown, W).

%% ---- calls ----

%% The registry remembers the mode.
started(#world{settings = Settings, linked = Linked, kept = Kept} = W) ->
    Connected = [{Node, visible} || Node <- to_nodes(Linked)],
    Start = #{mode => Kept, connected => Connected, others => names(W#world.others)},
    fed({start, Start}, W#world{
        machine = barnacle_machine:new(Settings), rules = history_rules:forgotten(W#world.rules),
        is_begin = false, work = #{}, timers = #{}, mail = [], callers = #{}, askers = #{},
        checks = #{}, links = #{}, wants = #{}, declined = #{}, answer = {error, none}
    }).

called(Call, #world{tags = Tags, callers = Callers} = W) ->
    fed({call, Call, Tags}, W#world{tags = Tags + 1, callers = Callers#{Tags => Call}}).

refreshed(#world{work = Work} = W) when map_size(Work) > 0 ->
    called(refresh, saw(refresh_in_mid_round, W));
refreshed(W) ->
    called(refresh, W).

hung_up([], W) ->
    W;
hung_up([Tag | _], #world{callers = Callers} = W) ->
    fed({caller_down, Tag}, W#world{callers = maps:remove(Tag, Callers)}).

others(#world{others = Others, rules = Rules} = W) ->
    fed({others, names(Others)}, W#world{rules = history_rules:wanted_here(Others, Rules)}).

names(Mask) ->
    maps:from_keys([atom_to_binary(Node) || Node <- to_nodes(Mask)], present).

%% ---- peers ----

leaving(Node, #world{rules = Rules} = W) ->
    fed({leaving, Node}, W#world{rules = history_rules:told({left, mask([Node])}, Rules)}).

asked(Node, #world{tags = Tag, askers = Askers} = W) ->
    fed({asked, Tag, Node}, W#world{tags = Tag + 1, askers = Askers#{Tag => Node}}).

%% What a node says that may have been asked. A node without a barnacle says nothing by itself.
replied(over, Node, #world{declined = Declined} = W) when is_map_key(Node, Declined) ->
    fed({reason_over, Node}, W#world{declined = maps:remove(Node, Declined)});
replied(goes, Node, W) when Node =/= ?BARE, Node =/= ?OTHER ->
    unlinked(mask([Node]), leaving(Node, W));
replied(Why, Node, #world{declined = Declined, linked = Linked} = W) when
    Why =/= over, Node =/= ?BARE, Node =/= ?OTHER
->
    case has(Node, Linked) of
        true -> fed({declined, Node, Why}, W#world{declined = Declined#{Node => Why}});
        false -> W
    end;
replied(_Why, _Node, W) ->
    W.

sent(Node, Event, #world{mail = Mail, silent = Silent} = W) ->
    case has(Node, Silent) of
        true -> W;
        false -> W#world{mail = Mail ++ [Event]}
    end.

delivered(#world{mail = []} = W) ->
    W;
delivered(#world{mail = [Event | Mail]} = W) ->
    delivered(received(Event, W#world{mail = Mail})).

received({expelled, Node}, W) ->
    unlinked(mask([Node]), W);
received({inspected, Node, #{registry := Registry, connections := List}} = Event, W) ->
    #world{checks = Checks, links = Links} = W,
    Times =
        case {Registry, Node} of
            {none, _} -> maps:get(Node, Checks, 0) + 1;
            {_, ?OTHER} -> maps:get(Node, Checks, 0);
            _ -> 0
        end,
    case has(Node, W#world.linked) of
        true ->
            Found = W#world{checks = Checks#{Node => Times}, links = Links#{Node => mask(List)}},
            fed(Event, Found);
        false -> W
    end;
received({declined, Node, no_barnacle} = Event, #world{checks = Checks} = W) ->
    fed(Event, W#world{checks = Checks#{Node => maps:get(Node, Checks, 0) + 1}});
received({wanted_by, Node, Answer} = Event, #world{wants = Wants} = W) ->
    {Judged, _} = maps:get(Node, Wants),
    fed(Event, W#world{wants = Wants#{Node => {Judged, Answer}}}).

%% All nodes of the world are connected to each other, but one is not seen.
inspected(Node, #world{linked = Linked} = W) ->
    Registry =
        case Node of
            ?BARE -> none;
            _ -> there
        end,
    Unseen = mask([Node]) bor (1 bsl (W#world.now rem 9)),
    List = [n0@h | to_nodes(Linked band bnot Unseen)],
    {inspected, Node, #{registry => Registry, connections => List}}.

wanted_by(Node, Peers, #world{wanting = Wanting, silent = Silent}) ->
    case {[Peer || Peer <- Peers, has(Peer, Silent)], has(Node, Wanting)} of
        {[], false} -> {wanted_by, Node, no};
        {[], true} -> {wanted_by, Node, {yes, Peers}};
        {NoReply, _} -> {wanted_by, Node, {unknown, NoReply}}
    end.

%% ---- connections that come and go ----

linked(Node, #world{linked = Linked, up = Up, rules = Rules} = W) when
    Linked band (1 bsl Node) =:= 0, Up band (1 bsl Node) =/= 0
->
    Told = history_rules:told({back, 1 bsl Node}, Rules),
    fed({up, node_of(Node), visible}, W#world{linked = Linked bor (1 bsl Node), rules = Told});
linked(_Node, W) ->
    W.

unlinked(Mask, #world{linked = Linked} = W) ->
    lists:foldl(fun lost/2, W, to_nodes(Mask band Linked)).

lost(Node, #world{linked = Linked, rules = Rules} = W) ->
    fed({down, Node, visible, connection_closed}, W#world{
        linked = Linked band bnot mask([Node]),
        rules = history_rules:unlinked(mask([Node]), Rules),
        checks = maps:remove(Node, W#world.checks),
        declined = maps:remove(Node, W#world.declined)
    }).

%% ---- time ----

%% Each timer fires at its time.
ticked(_ToMs, 0, W) ->
    error({broken, timers_pause, W#world.timers});
ticked(ToMs, Left, #world{timers = Timers} = W) ->
    case lists:sort([{AtMs, Name, G} || {Name, {G, AtMs}} <- maps:to_list(Timers), AtMs =< ToMs]) of
        [] -> retried(?ALL, W#world{now = ToMs});
        [{AtMs, Name, G} | _] ->
            Now = W#world{now = max(AtMs, W#world.now)},
            ticked(ToMs, Left - 1, fired(Name, G, Now))
    end.

fired(Name, Generation, #world{timers = Timers} = W) ->
    fed({timeout, Name, Generation}, W#world{timers = maps:remove(Name, Timers)}).

%% ---- a refresh ----

poll(#world{timers = #{poll := {Generation, _}}} = W) -> fired(poll, Generation, W);
poll(W) -> W.

%% A question that comes later is decided after the refresh that follows.
begun(#world{is_begin = true, tags = Tags} = W) ->
    fed('begin', W#world{is_begin = false, heard = Tags});
begun(W) -> W.

%% Mail is delivered between the phases. Nodes that were asked may stay.
ended(#world{work = #{discover := _}} = W, N) when N > 0 -> ended(answered(complete, 0, W), N - 1);
ended(#world{work = #{connect := _}} = W, N) when N > 0 -> ended(dialled(?ALL, W), N - 1);
ended(#world{work = #{disconnect := _}} = W, N) when N > 0 -> ended(disconnected(W), N - 1);
ended(#world{mail = [_ | _]} = W, N) when N > 0 -> ended(delivered(W), N - 1);
ended(#world{timers = #{departures := {G, AtMs}}, now = Now} = W, N) when N > 0 ->
    ended(fired(departures, G, W#world{now = max(AtMs, Now)}), N - 1);
ended(W, _N) -> W.

%% Mask: what is wrong with the answer.
answered(Kind, Mask, #world{work = #{discover := Id} = Work, settings = Settings} = W) ->
    {{How, Names}, Answer} = answer(Kind, Mask, W#world.source),
    IsExact = How =:= complete andalso maps:get(custom, Settings),
    Before = history_rules:missing(W#world.rules),
    Told =
        case IsExact of
            true -> history_rules:told({exact, W#world.now, Names}, W#world.rules);
            false -> history_rules:told({How, W#world.now, Names}, W#world.rules)
        end,
    Kept =
        case IsExact of
            true -> {exact, Names};
            false -> Answer
        end,
    Found = #{
        result => Answer, filtered => [], own_names => [], queried => [], hints => [], ours => all,
        listed => none
    },
    W1 = fed({discovered, Id, Found}, W#world{
        rules = Told, answer = Kept, work = maps:remove(discover, Work),
        checks = maps:without(to_nodes(Names), W#world.checks)
    }),
    saw_if(Kind =:= partial, partial, saw_if(Names band Before =/= 0, return, W1));
answered(_Kind, _Mask, W) ->
    W.

answer(complete, Mask, Source) ->
    Names = Source band bnot Mask,
    {{complete, Names}, {complete, to_nodes(Names)}};
answer(partial, Mask, Source) ->
    Names = Source band bnot Mask,
    {{partial, Names}, {partial, to_nodes(Names), why}};
answer(empty, _Mask, _Source) ->
    {{complete, 0}, {complete, []}};
answer(error, _Mask, _Source) ->
    {{error, 0}, {error, nxdomain}}.

%% Mask: the attempts that do not fail. Without a refresh, those of a retry.
dialled(Mask, #world{work = #{connect := {Id, Nodes}} = Work} = W) ->
    W1 = dial(Mask, Nodes, W#world{work = Work#{connect := {Id, Nodes}}}),
    case W1#world.work of
        #{connect := {Id, Nodes}} = Work1 ->
            Failed = failed(Nodes, W1),
            fed({connected, Id, Failed}, W1#world{work = maps:remove(connect, Work1)});
        #{} ->
            W1
    end;
dialled(Mask, W) ->
    retried(Mask, W).

retried(Mask, #world{work = #{retry := Nodes}} = W) ->
    W1 = dial(Mask, Nodes, W),
    case W1#world.work of
        #{retry := Nodes} = Work ->
            Failed = failed(Nodes, W1),
            Done = W1#world{work = maps:remove(retry, Work)},
            waited(Nodes, Failed, fed({connected, retry, Failed}, Done));
        #{} ->
            W1
    end;
retried(_Mask, W) ->
    W.

dial(Mask, Nodes, W) ->
    Accepted = to_nodes(mask(Nodes) band Mask),
    lists:foldl(fun(Node, Acc) -> linked(number(Node), Acc) end, W, Accepted).

failed(Nodes, #world{linked = Linked}) ->
    [{Node, failed_to_connect} || Node <- Nodes, not has(Node, Linked)].

disconnected(#world{work = #{disconnect := {Id, Nodes}} = Work} = W) ->
    case unlinked(mask(Nodes), W) of
        #world{work = Work} = W1 ->
            fed({disconnected, Id, []}, W1#world{work = maps:remove(disconnect, Work)});
        W1 ->
            W1
    end;
disconnected(W) ->
    W.

crashed(#world{work = Work} = W) ->
    case [{Key, Id} || {Key, Id} <- maps:to_list(Work), Key =/= retry] of
        [] -> W;
        [{discover, Id} | _] -> crashed(Id, W#world{work = maps:remove(discover, Work)});
        [{Key, {Id, _}} | _] -> crashed(Id, W#world{work = maps:remove(Key, Work)})
    end.

crashed(Id, W) ->
    fed({crashed, Id, broken, []}, W#world{answer = {error, crashed}}).

%% ---- the machine ----

fed(Event, #world{machine = Before, now = Now} = W) ->
    {Machine, Effects} = barnacle_machine:step(Event, Now, Before),
    W1 = W#world{machine = Machine, at = Event, was = barnacle_machine:mode(Before)},
    Traced =
        case W#world.trace of
            none -> W1;
            Trace -> W1#world{trace = [{Event, Effects, Machine} | Trace]}
        end,
    W2 = forgotten(plan(Before), lists:foldl(fun effect/2, Traced, Effects)),
    Wanted = barnacle_plan:wanted(plan(Machine)),
    ok = history_rules:knows(mask(maps:keys(Wanted)), W2#world.rules),
    W3 =
        case mode(Machine) of
            running -> W2;
            _ -> W2#world{rules = history_rules:rested(W2#world.rules)}
        end,
    lists:foldl(fun soon/2, W3#world{soon = []}, W3#world.soon).

soon({left, Nodes}, W) -> fed({left, Nodes}, unlinked(mask(Nodes), W));
soon(stop, W) -> started(W);
soon(Event, W) -> fed(Event, W).

later(Event, #world{soon = Soon} = W) ->
    W#world{soon = Soon ++ [Event]}.

plan(Machine) ->
    maps:get(plan, barnacle_machine:status(0, Machine)).

retries(Machine) ->
    %% The record of barnacle_retries begins with what barnacle_retry has.
    element(2, maps:get(retries, barnacle_machine:status(0, Machine))).

mode(Machine) ->
    barnacle_machine:mode(Machine).

%% Names that are departed and not connected are forgotten at the end of a refresh.
forgotten(Before, #world{machine = Machine, settings = Settings, linked = Linked} = W) ->
    Event = W#world.at,
    Observed =
        case {Event, Settings} of
            {{discovered, _, #{result := {complete, []}}}, #{custom := true}} ->
                barnacle_plan:none(W#world.now, Before);
            {{discovered, _, #{result := Answer}}, _} ->
                barnacle_plan:observe(Answer, W#world.now, Before);
            _ ->
                Before
        end,
    Names = maps:keys(barnacle_plan:standings(0, Observed)) --
        maps:keys(barnacle_plan:standings(0, plan(Machine))),
    Question = #{after_ms => maps:get(departed_after, Settings), hasty => false},
    {_, Departed} = barnacle_plan:departed(Observed, W#world.now, Question),
    IsOver = Names -- Departed =:= [] andalso mask(Names) band (Linked bor ?SELF) =:= 0,
    IsOver orelse error({broken, forget_only_the_departed, Names}),
    W#world{rules = history_rules:forget(mask(Names), W#world.rules)}.

%% ---- effects ----

effect(begin_soon, W) ->
    false = W#world.is_begin,
    W#world{is_begin = true};
effect(stop, W) ->
    later(stop, W);
effect({timer, Name, Generation, AfterMs}, #world{timers = Timers, now = Now} = W) ->
    W#world{timers = Timers#{Name => {Generation, Now + AfterMs}}};
effect({cancel_timer, Name}, #world{timers = Timers} = W) ->
    W#world{timers = maps:remove(Name, Timers)};
effect({stop_work, connect}, #world{work = Work} = W) ->
    W#world{work = maps:without([connect, disconnect], Work)};
effect({stop_work, Key}, #world{work = Work} = W) ->
    W#world{work = maps:remove(Key, Work)};
effect({reply, Tag, _Answer}, #world{callers = Callers} = W) ->
    %% To each caller once.
    {_, Rest} = maps:take(Tag, Callers),
    W#world{callers = Rest};
effect({discover, Id, Trigger}, #world{work = Work} = W) ->
    false = is_map_key(discover, Work),
    W#world{work = Work#{discover => Id}, trigger = Trigger};
effect({name, Id, Names}, W) ->
    later({named, Id, to_nodes(mask(Names)), []}, W);
effect({connect, retry, Nodes}, #world{work = Work} = W) ->
    ok = dials(Nodes, W),
    W#world{work = Work#{retry => Nodes}};
effect({connect, Id, Nodes}, #world{work = Work} = W) ->
    ok = dials(Nodes, W),
    false = is_map_key(retry, Work) andalso W#world.trigger =:= refresh,
    W#world{work = Work#{connect => {Id, Nodes}}};
effect({disconnect, Id, Nodes}, #world{work = Work, others = Others} = W) ->
    Told = {element(1, W#world.answer), mask(element(2, W#world.answer))},
    ok = history_rules:cuts(mask(Nodes), {Told, setting(W), Others}),
    W#world{work = Work#{disconnect => {Id, Nodes}}};
effect({keep, ended}, #world{kept = Kept} = W) ->
    W#world{kept = case Kept of {paused, standby} -> standby; standby -> standby; _ -> running end};
effect({keep, Kept}, W) ->
    W#world{kept = Kept};
effect({leave, Nodes, true}, W) ->
    left(mask(Nodes), W);
effect({log, {refresh, #{tried := Tried, failed := Failed, departed := {_, Departed}}}}, W) ->
    Attempted = [Failure || {Node, _} = Failure <- Failed, lists:member(Node, Tried)],
    saw_if(Departed =/= [], departure, waited(Tried, Attempted, W));
effect({decline, Tag, _Why}, #world{askers = Askers} = W) ->
    {_, Rest} = maps:take(Tag, Askers),
    W#world{askers = Rest};
effect({not_mine, Tag}, #world{askers = Askers} = W) ->
    {_, Rest} = maps:take(Tag, Askers),
    W#world{askers = Rest};
effect({ask, Node}, W) ->
    ask(Node, W);
effect({inspect, Node}, W) ->
    ok = history_rules:checks(mask([Node]), at(W), W#world.rules),
    sent(Node, inspected(Node, W), W);
effect({ask_wants, Node, Peers}, #world{mail = Mail, wants = Wants, links = Links} = W) ->
    %% What is judged are the connections of this moment.
    Asked = Wants#{Node => {maps:get(Node, Links), none}},
    W#world{mail = Mail ++ [wanted_by(Node, Peers, W)], wants = Asked};
effect({What, Node}, #world{rules = Rules} = W) when What =:= expel; What =:= disconnect_node ->
    #world{checks = Checks, links = Links, wants = Wants, linked = Linked} = W,
    {Judged, Wanted} =
        case Linked band bnot mask([Node]) of
            0 -> {maps:get(Node, Links, 0), no};
            _ -> maps:get(Node, Wants, {?ALL, none})
        end,
    Found = {at(W), maps:get(Node, Checks, 0), Judged, Wanted},
    Expelled = history_rules:expels(mask([Node]), Found, Rules),
    saw(expelled, sent(Node, {expelled, Node}, W#world{rules = Expelled}));
effect({What, _}, W) when What =:= notify; What =:= want; What =:= tell_over; What =:= log ->
    W;
effect({telemetry, _}, W) ->
    W.

ask(?OTHER = Node, W) ->
    ok = history_rules:checks(mask([Node]), at(W), W#world.rules),
    sent(Node, {declined, Node, no_barnacle}, W);
ask(Node, #world{rules = Rules} = W) ->
    W1 = saw(asked, W#world{rules = history_rules:asks(mask([Node]), at(W), Rules)}),
    saw_if(lists:member(trigger(W), [again, report]), asked_again, W1).

at(#world{now = Now, answer = Answer, settings = #{departed_after := AfterMs}} = W) ->
    %% It asks others before it leaves itself, in one step.
    Mode =
        case {W#world.was, mode(W#world.machine)} of
            {running, standby} -> running;
            {_, Now1} -> Now1
        end,
    {Now, Answer, trigger(W), {setting(W), AfterMs}, Mode}.

trigger(#world{at = {timeout, {departing, _}, _}}) -> again;
trigger(#world{at = {reason_over, _}}) -> report;
trigger(#world{at = {inspected, _, _}}) -> again;
trigger(#world{at = {declined, _, _}}) -> again;
trigger(#world{trigger = Trigger}) -> Trigger.

setting(#world{settings = #{disconnect := Setting}}) -> Setting.

%% A node on standby wants none until it is named.
dials(Nodes, #world{machine = Machine, linked = Linked, rules = Rules}) ->
    {Mode, Rests} =
        case mode(Machine) of
            standby -> {running, true};
            Other -> {Other, false}
        end,
    history_rules:dials(mask(Nodes), {Mode, Rests, Linked}, Rules).

%% By a call, once more what has just been left, or because peers ask.
left(0, #world{at = {call, leave, _}} = W) ->
    later({left, []}, W);
left(Linked, #world{at = {call, leave, _}, now = Now} = W) ->
    later({left, to_nodes(Linked)}, W#world{left = {Linked, Now}});
left(Linked, #world{machine = Machine, askers = Askers, now = Now, left = {Left, AtMs}} = W) ->
    case mode(Machine) of
        left ->
            IsRecent = Linked band bnot Left =:= 0 andalso Now - AtMs < 10000,
            IsRecent orelse error({broken, leave_again_only_what_was_just_left, Linked}),
            later({left, to_nodes(Linked)}, W);
        standby ->
            Later = maps:filter(fun(Tag, _) -> Tag >= W#world.heard end, Askers),
            IsAsked = Later =/= Askers orelse W#world.was =:= standby,
            At = {W#world.answer, setting(W), W#world.was, IsAsked, W#world.others},
            ok = history_rules:leaves(Linked, At, W#world.rules),
            Last =
                case Linked band bnot Left =:= 0 andalso Now - AtMs < 10000 of
                    true -> {Left, AtMs};
                    false -> {Linked, Now}
                end,
            saw(left, later({left, to_nodes(Linked)}, W#world{askers = Later, left = Last}))
    end.

%% After attempts: each node that failed, is wanted and is not connected, has its time to come.
waited(Tried, Failed, #world{machine = Machine, now = Now, linked = Linked} = W) ->
    Retries = retries(Machine),
    IsWanted = fun(Node) ->
        barnacle_plan:is_wanted(Node, plan(Machine)) andalso not has(Node, Linked)
    end,
    StillFailed = [Failure || {Node, _} = Failure <- Failed, IsWanted(Node)],
    ok = history_rules:waits(StillFailed, {Now, ?RETRY}, Retries),
    ok = history_rules:due(Tried, {Now, ?RETRY}, Retries),
    Paused = [Node || {Node, paused} <- Failed],
    ok = history_rules:dialled_again(lists:filter(IsWanted, Tried) -- Paused, Retries),
    W.

saw_if(true, What, W) -> saw(What, W);
saw_if(false, _What, W) -> W.

saw(What, #world{seen = Seen} = W) -> W#world{seen = Seen#{What => true}}.

-endif.
