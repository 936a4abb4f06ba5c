%% SPDX-License-Identifier: Apache-2.0
-module(history_world).

%% One node's barnacle in a world that can do anything, a step at a time, without processes or
%% clock. What decides is the pure code of src; what stands here is only what barnacle_server,
%% barnacle_round and barnacle_redial do with it, in their order. Every act is put to history_rules.

-ifdef(PROPER).

-import(history_nodes, [node_of/1, number/1, has/2, to_nodes/1, mask/1]).

-export([new/1, step/2, seen/1]).

%% said: what peers and links said meanwhile, newest first.
-record(round, {
    trigger, plan, resting, left_alone,
    phase = discovering, answer, tried = 0, failed = [], said = []
}).

%% mode: running, paused or left.
-record(server, {
    mode = running, resting = false,
    plan = barnacle_plan:new(), retries = barnacle_retry:new(),
    departures = barnacle_departures:new(), answer = none,
    later = false, askers = false, round = none, followers = false
}).

%% source: whom a good answer names. up: who accepts links.
-record(world, {
    now = 0, setting, after_ms, source = 16#FF, up = 16#1FE, linked = 16#100, others = 0,
    server = #server{}, rules = history_rules:new(), seen = #{}
}).

-define(SELF, 1).
-define(PEERS, 16#1FE).
-define(ALL, 16#1FF).
-define(RETRY, #{retry_min => 1000, retry_max => 30000}).

%% The settings disconnect and departed_after.
new({Setting, AfterMs}) ->
    #world{setting = Setting, after_ms = AfterMs}.

%% What the history held so far.
seen(#world{seen = Seen}) ->
    Seen.

%% ---- what may happen ----

%% A round without trouble, or the rest of the one that runs.
step(round, W) -> ended(begun(poll, W));
step('begin', W) -> begun(poll, W);
step({answer, Kind, Mask}, W) -> answered(Kind, Mask, begun(poll, W));
step({dialled, Mask}, W) -> dialled(Mask, W);
step(report, W) -> reported(W);
step(crash, W) -> crashed(W);
step({tick, Ms}, W) -> redialled(W#world{now = W#world.now + Ms});
step({vanish, Node}, W) -> W#world{source = W#world.source band bnot (1 bsl Node)};
step(return, W) -> W#world{source = 16#FF};
step({die, Node}, W) -> unlinked(1 bsl Node, W#world{up = W#world.up band bnot (1 bsl Node)});
step({revive, Node}, W) -> W#world{up = (W#world.up bor (1 bsl Node)) band ?PEERS};
step({flap, Node}, W) -> linked(Node, unlinked(1 bsl Node, W));
step({dials_us, Node}, W) -> linked(Node, W);
step({others, Mask}, W) -> W#world{others = Mask};
step({leaving, Node}, W) -> said({left, node_of(Node)}, W);
step({stays, Node}, W) -> stays(Node, W);
step({ask, Node}, W) -> asked(Node, W);
step(refresh, W) -> refreshed(W);
step(pause, W) -> stopped(paused, W);
step(leave, W) -> unlinked(W#world.linked, stopped(left, W));
step(kill, #world{server = #server{resting = Rests}} = W) -> started(Rests, W);
step(shutdown, W) -> started(false, W).

%% ---- the server's calls ----

%% The registry remembers who rests, but not for one that was shut down.
started(Rests, #world{rules = Rules} = W) ->
    begun(poll, W#world{
        server = #server{resting = Rests}, rules = history_rules:forgotten(Rules)
    }).

refreshed(#world{server = #server{round = none} = S} = W) ->
    begun(refresh, W#world{server = S#server{mode = running}});
refreshed(#world{server = S} = W) ->
    saw(refresh_in_mid_round, W#world{server = S#server{mode = running, followers = true}}).

%% Who has asked is told that it stays.
stopped(Mode, #world{server = S} = W) ->
    W#world{server = S#server{mode = Mode, askers = false, later = false}}.

asked(Node, #world{server = #server{plan = Plan, mode = Mode} = S} = W) ->
    case barnacle_plan:standing(node_of(Node), Plan) of
        unknown -> W;
        _ when Mode =/= running -> W;
        _ -> begun(poll, W#world{server = S#server{later = true}})
    end.

stays(Node, #world{server = #server{departures = Departures} = S} = W) ->
    Name = atom_to_binary(node_of(Node)),
    W#world{server = S#server{departures = barnacle_departures:stays(Name, named, Departures)}}.

%% The running round has a plan of its own, so it is told again what was said.
said({Kind, Node} = Said, #world{server = S, rules = Rules} = W) ->
    #server{plan = Plan, retries = Retries, round = Round} = S,
    Retries1 =
        case Kind of
            left -> barnacle_retry:forget(Node, Retries);
            back -> Retries
        end,
    W#world{
        rules = history_rules:told({Kind, mask([Node])}, Rules),
        server = S#server{
            plan = barnacle_plan:heard([Said], Plan),
            retries = Retries1,
            round =
                case Round of
                    none -> none;
                    #round{said = Before} -> Round#round{said = [Said | Before]}
                end
        }
    }.

%% ---- links that come and go ----

linked(Node, #world{linked = Linked, up = Up} = W) when
    Linked band (1 bsl Node) =:= 0, Up band (1 bsl Node) =/= 0
->
    W1 = said({back, node_of(Node)}, W#world{linked = Linked bor (1 bsl Node)}),
    #world{server = #server{plan = Plan, retries = Retries} = S, now = Now} = W1,
    case barnacle_plan:is_wanted(node_of(Node), Plan) of
        true ->
            Up1 = barnacle_retry:up(node_of(Node), Now, Retries),
            W1#world{server = S#server{retries = barnacle_retry:reset(Now, ?RETRY, Up1)}};
        false ->
            W1
    end;
linked(_Node, W) ->
    W.

unlinked(Mask, #world{linked = Linked, rules = Rules} = W) ->
    Lost = Mask band Linked,
    lists:foldl(
        fun lost/2,
        W#world{linked = Linked band bnot Lost, rules = history_rules:unlinked(Lost, Rules)},
        to_nodes(Lost)
    ).

lost(Node, #world{server = #server{plan = Plan, retries = Retries} = S, now = Now} = W) ->
    case barnacle_plan:is_wanted(Node, Plan) of
        true ->
            Down = barnacle_retry:down({Node, connection_closed}, Now, ?RETRY, Retries),
            W#world{server = S#server{retries = Down}};
        false ->
            W
    end.

%% Beside polls and between rounds, as barnacle_redial does it.
redialled(#world{server = #server{round = #round{trigger = refresh}}} = W) ->
    W;
redialled(#world{server = #server{mode = running, resting = false} = S, now = Now} = W) ->
    case barnacle_retry:due(Now, S#server.retries) of
        [] ->
            W;
        Due ->
            %% What the running round was told is known to it alone.
            W1 = dial(mask(Due) band bnot W#world.linked, {?ALL, W#world.rules}, W),
            #world{server = S1, linked = Linked} = W1,
            Failed = [{Node, timeout} || Node <- Due, not has(Node, Linked)],
            Retries = barnacle_retry:dialled(
                {Due, Failed}, is_in(Linked), {Now, ?RETRY}, S1#server.retries
            ),
            ok = history_rules:waits(Failed, {Now, ?RETRY}, Retries),
            ok = history_rules:due(Due, {Now, ?RETRY}, Retries),
            W1#world{server = S1#server{retries = Retries}}
    end;
redialled(W) ->
    W.

%% ---- a round ----

begun(Trigger, #world{server = #server{round = none, mode = Mode} = S} = W) when
    Trigger =:= refresh; Mode =:= running
->
    #server{later = Later, askers = Askers} = S,
    Round = #round{
        trigger = Trigger,
        plan = S#server.plan,
        resting = S#server.resting,
        left_alone = mask(maps:keys(barnacle_retry:failing(S#server.retries)))
    },
    W#world{server = S#server{round = Round, later = false, askers = Askers orelse Later}};
begun(_Trigger, W) ->
    W.

ended(#world{server = #server{round = none}} = W) -> W;
ended(#world{server = #server{round = #round{phase = discovering}}} = W) ->
    ended(answered(complete, 0, W));
ended(#world{server = #server{round = #round{phase = dialling}}} = W) -> ended(dialled(?ALL, W));
ended(#world{server = #server{round = #round{phase = reporting}}} = W) -> reported(W).

%% Mask: what is wrong with the answer.
answered(Kind, Mask, #world{server = #server{round = #round{phase = discovering} = Round}} = W) ->
    {Told, Answer} = answer(Kind, Mask, W#world.source),
    Observed = barnacle_plan:observe(Answer, W#world.now, Round#round.plan),
    Missing = history_rules:missing(W#world.rules),
    Returned = mask(maps:keys(barnacle_plan:wanted(Observed))) band Missing,
    Wanted = wanted(Observed, Round),
    Named =
        case Told of
            {complete, Names} -> Names band Wanted;
            _ -> Wanted
        end,
    New = Named band bnot (W#world.linked bor ?SELF),
    LeftAlone =
        case Round#round.trigger of
            poll -> Round#round.left_alone;
            refresh -> 0
        end,
    W1 = with_round(
        Round#round{
            phase = dialling,
            plan = Observed,
            answer = {Answer, Told, W#world.now},
            tried = New band bnot LeftAlone
        },
        W
    ),
    saw_if(Kind =:= partial, partial, saw_if(Returned =/= 0, return, W1));
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

wanted(Plan, #round{resting = Resting}) ->
    case Resting andalso not barnacle_plan:is_wanted(node_of(0), Plan) of
        true -> 0;
        false -> mask(maps:keys(barnacle_plan:wanted(Plan)))
    end.

%% Mask: the dials that do not fail. Who has just said that it leaves is not dialled, and where the
%% gate is closed nobody is.
dialled(Mask, #world{server = #server{round = #round{phase = dialling} = Round} = S} = W) ->
    #round{tried = Tried, said = Said, answer = {Answer, Told, _}} = Round,
    HasLeft = mask([Node || {left, Node} <- Said]),
    {Dials, Reason} =
        case S#server.mode of
            running -> {Tried band bnot (W#world.linked bor HasLeft), failed_to_connect};
            _ -> {0, paused}
        end,
    W1 = dial(Dials, {Mask, rules(W)}, W),
    Failed = [
        {Node, Reason}
     || Node <- to_nodes(Tried band bnot HasLeft), not has(Node, W1#world.linked)
    ],
    Reporting = (round_of(W1))#round{phase = reporting, failed = Failed},
    cut(Answer, Told, with_round(Reporting, W1));
dialled(_Mask, W) ->
    W.

dial(Nodes, {Mask, Rules}, #world{server = #server{mode = Mode, resting = Rests}} = W) ->
    ok = history_rules:dials(Nodes, {Mode, Rests, W#world.linked}, Rules),
    Links = fun(Node, Acc) -> linked(number(Node), Acc) end,
    lists:foldl(Links, W, to_nodes(Nodes band Mask)).

cut(Answer, {_, Names} = Told, #world{server = #server{mode = running}} = W) ->
    #world{setting = Setting, others = Others, linked = Linked} = W,
    Cut = barnacle_plan:cut(#{
        mode => Setting,
        answer => Answer,
        own_list => false,
        extra => to_nodes(Linked band bnot (Names bor ?SELF)),
        wanted_by_others => fun(Node) -> has(Node, Others) end
    }),
    ok = history_rules:cuts(mask(Cut), {Told, Setting, Others}),
    unlinked(mask(Cut), W);
cut(_Answer, _Told, W) ->
    W.

reported(#world{server = #server{round = #round{phase = reporting} = Round} = S} = W) ->
    #round{plan = Plan0, trigger = Trigger, answer = {Answer, _, _}, tried = Tried} = Round,
    #world{now = Now, linked = Linked} = W,
    Question = #{after_ms => W#world.after_ms, hasty => Trigger =:= refresh},
    {Verdict, Gone} = barnacle_plan:departed(Plan0, Now, Question),
    {_, Old} = barnacle_plan:departed(Plan0, Now, Question#{hasty := false}),
    Forgotten = [Name || Name <- Old, not has(Name, Linked bor ?SELF)],
    Heard = barnacle_plan:heard(Round#round.said, barnacle_plan:forget(Forgotten, Plan0)),
    Failed = Round#round.failed,
    Dialled = barnacle_retry:dialled(
        {to_nodes(Tried), Failed}, is_in(Linked), {Now, ?RETRY}, S#server.retries
    ),
    ok = history_rules:waits(Failed, {Now, ?RETRY}, Dialled),
    ok = history_rules:due(to_nodes(Tried), {Now, ?RETRY}, Dialled),
    IsWanted = fun(Node) -> barnacle_plan:is_wanted(Node, Heard) end,
    Retries = barnacle_retry:keep(IsWanted, {Now, ?RETRY}, Dialled),
    Unlinked = to_nodes(Tried band bnot Linked) -- [Node || {Node, paused} <- Failed],
    ok = history_rules:dialled_again(lists:filter(IsWanted, Unlinked), Retries),
    Rests = S#server.resting andalso
        not (Round#round.resting andalso barnacle_plan:is_wanted(node_of(0), Plan0)),
    W1 = W#world{
        rules = history_rules:forget(mask(Forgotten), rules(W)),
        server = S#server{
            round = none,
            plan = Heard,
            retries = Retries,
            answer = Answer,
            resting = Rests
        }
    },
    ok = history_rules:knows(mask(maps:keys(barnacle_plan:wanted(Heard))), W1#world.rules),
    Departed = {Verdict, [Name || Name <- Gone, has(Name, Linked)]},
    followed(decided(asked_to_leave(Departed, Trigger, W1)));
reported(W) ->
    W.

%% What an answer said counts from when its round is over; in its round, at once.
rules(#world{server = #server{round = #round{answer = {_, {Kind, Names}, At}} = Round}} = W) ->
    %% Whatever was said since the round began came after its answer, as the server takes it.
    history_rules:told({Kind, At, Names}, length(Round#round.said), W#world.rules);
rules(#world{rules = Rules}) ->
    Rules.

is_in(Mask) ->
    fun(Node) -> has(Node, Mask) end.

asked_to_leave({ok, Names}, Trigger, #world{server = #server{mode = running} = S} = W) ->
    #server{plan = Plan, answer = Answer, departures = Before} = S,
    case barnacle_plan:kind(Answer) =:= complete andalso not S#server.resting of
        true ->
            Unwanted = [Name || Name <- Names, not has(Name, W#world.others)],
            IsMissing = fun(Name) ->
                barnacle_plan:standing(Name, Plan) =:= absent andalso has(Name, W#world.linked)
            end,
            {Ask, After} = barnacle_departures:update(
                {Unwanted, IsMissing}, W#world.setting, Trigger, Before
            ),
            Settings = {W#world.setting, W#world.after_ms},
            At = {W#world.now, Answer, Trigger, Settings, S#server.mode},
            Rules = history_rules:asks(mask(Ask), At, W#world.rules),
            W1 = W#world{server = S#server{departures = After}, rules = Rules},
            saw_if(Names =/= [], departure, W1);
        false ->
            W
    end;
asked_to_leave(_Departed, _Trigger, W) ->
    W.

decided(#world{server = #server{askers = false, resting = false}} = W) ->
    W;
decided(#world{server = #server{mode = running} = S} = W) ->
    #world{setting = Setting, linked = Linked, others = Others, rules = Rules} = W,
    #server{plan = Plan, answer = Answer, askers = Askers, resting = Rests} = S,
    Stays = W#world{server = S#server{askers = false}},
    Consent = barnacle_farewell:consent(#{
        mode => Setting,
        answer => barnacle_plan:kind(Answer),
        own => barnacle_plan:standing(node_of(0), Plan),
        is_suspect => fun() -> barnacle_plan:is_suspect(Plan) end,
        visible => fun() -> to_nodes(Linked) end,
        is_known => fun(Node) -> barnacle_plan:standing(Node, Plan) =/= unknown end,
        wanted_by_others => fun(Node) -> has(Node, Others) end
    }),
    case Consent of
        leave ->
            At = {Answer, Setting, S#server.mode, Askers orelse Rests, Others},
            ok = history_rules:leaves(Linked, At, Rules),
            unlinked(Linked, Stays#world{server = S#server{askers = false, resting = true}});
        {stay, _} ->
            Stays
    end;
decided(W) ->
    W.

followed(#world{server = #server{followers = true} = S} = W) ->
    begun(refresh, W#world{server = S#server{followers = false}});
followed(#world{server = #server{later = true}} = W) ->
    begun(poll, W);
followed(W) ->
    W.

crashed(#world{server = #server{round = none}} = W) -> W;
crashed(W) -> followed(with_round(none, W)).

round_of(#world{server = #server{round = Round}}) -> Round.

with_round(Round, #world{server = S} = W) -> W#world{server = S#server{round = Round}}.

saw_if(true, What, W) -> saw(What, W);
saw_if(false, _What, W) -> W.

saw(What, #world{seen = Seen} = W) -> W#world{seen = Seen#{What => true}}.

-endif.
