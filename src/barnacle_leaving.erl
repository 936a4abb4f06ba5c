%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leaving).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The sub-machine of the mode: running, paused, left (by leave) or standby (asked to leave, it has
left). Pure. It decides whether this node leaves when a peer asks, and what the peers are told.

A question of a peer is decided with the result of a discovery that began after the question. A node
that declines tells the peers when its reason is over. A node that has just left, and is connected
again, leaves again: global of a peer may have been busy with this node, or a connection attempt was
under way. It does so at most five times within 10 s, and only if it had left each of those peers.
""").

-export([new/1, handle/4, mode/1, consent/1]).

-export_type([leaving/0, mode/0, kept/0, view/0, stay/0]).

-type mode() :: running | paused | left | standby.

?DOC("""
What another process of the same barnacle begins with (barnacle_registry). ended: nothing is kept
but standby.
""").
-type kept() :: mode() | {paused, standby} | ended.

?DOC("""
Why a node stays: its own results contain it (named) or have never contained it (never_named), its
last result was not complete or empty, its source is suspect, it has connections outside its source
or that another barnacle there wants, its setting disconnect is not departed, it is paused.
no_barnacle: the registry of a VM without a barnacle for this source replies so.
""").
-type stay() ::
    named
    | never_named
    | no_complete_answer
    | suspect
    | {foreign_links, [node()]}
    | {wanted_by_others, [node()]}
    | {disconnect, barnacle_plan:mode()}
    | paused
    | no_barnacle.

?DOC("What a node knows when it decides: own is what its results say of itself.").
-type view() :: #{
    mode := barnacle_plan:mode(),
    answer := complete | empty | partial | error,
    own := barnacle_plan:standing(),
    is_suspect := fun(() -> boolean()),
    visible := fun(() -> [node()]),
    is_known := fun((node()) -> boolean()),
    wanted_by_others := fun((node()) -> boolean())
}.

%% stands_by: also below a pause. later: asked since the discovery began; askers: before.
%% declined: nodes to tell when the reason is over. callers: of leave. left: the nodes that it left
%% last, until_ms when that counts, times how often it may leave again.
-record(leaving, {
    mode = running :: mode(),
    stands_by = false :: boolean(),
    later = [] :: [{Tag :: term(), node()}],
    askers = [] :: [{Tag :: term(), node()}],
    declined = #{} :: #{node() => []},
    is_going = false :: boolean(),
    callers = [] :: [Tag :: term()],
    left = [] :: [node()],
    until_ms = 0 :: integer(),
    times = 0 :: non_neg_integer()
}).

-opaque leaving() :: #leaving{}.

%% As long as peers remember that a node has left (barnacle_registry:has_left/1).
-define(AGAIN_MS, 10000).
-define(AGAIN_TIMES, 5).

?DOC("A barnacle that runs.").
-spec new(map()) -> leaving().
new(_Settings) ->
    #leaving{}.

?DOC("The mode.").
-spec mode(leaving()) -> mode().
mode(#leaving{mode = Mode}) ->
    Mode.

?DOC("Takes one event. An event of another sub-machine changes nothing.").
-spec handle(term(), NowMs :: integer(), leaving(), View :: map()) ->
    {leaving(), [Effect :: term()]}.
handle({start, #{mode := {paused, standby}}}, _NowMs, Own, _View) ->
    {Own#leaving{mode = paused, stands_by = true}, []};
handle({start, #{mode := Mode}}, _NowMs, Own, _View) ->
    {Own#leaving{mode = Mode, stands_by = Mode =:= standby}, []};
handle({call, refresh, _Tag}, _NowMs, #leaving{mode = Mode} = Own, _View) when
    Mode =:= paused; Mode =:= left
->
    resumed(Own);
handle({call, pause, Tag}, _NowMs, Own, _View) ->
    {Paused, Effects} = stopped(paused, Own),
    {Paused, Effects ++ [{reply, Tag, ok}]};
handle({call, leave, Tag}, NowMs, #leaving{callers = Callers} = Own, View) ->
    {Stopped, Effects} = stopped(left, Own),
    {Gone, Leave} = go(asked, NowMs, Stopped#leaving{callers = [Tag | Callers]}, View),
    {Gone, Effects ++ Leave};
handle({call, shutdown, _Tag}, _NowMs, Own, _View) ->
    {Own, [{keep, ended}]};
handle({caller_down, Tag}, _NowMs, #leaving{callers = Callers} = Own, _View) ->
    {Own#leaving{callers = lists:delete(Tag, Callers)}, []};
handle({asked, Tag, Node}, _NowMs, #leaving{mode = Mode, later = Later} = Own, View) ->
    case barnacle_plan:standing(Node, maps:get(plan, View)) of
        %% Another barnacle of this VM may have a source in common with the asker.
        unknown ->
            case answer(View) of
                complete -> {Own, [{not_mine, Tag}]};
                _ -> decline(no_complete_answer, [{Tag, Node}], Own)
            end;
        _ when Mode =:= paused; Mode =:= left ->
            decline(paused, [{Tag, Node}], Own);
        _ ->
            Asked = {Tag, Node},
            {Own#leaving{later = [Asked | lists:delete(Asked, Later)]}, [{signal, poll_now}]}
    end;
handle('begin', _NowMs, #leaving{later = Later, askers = Askers} = Own, #{phase := asked}) ->
    {Own#leaving{later = [], askers = Later ++ (Askers -- Later)}, []};
%% Before anything is connected.
handle({discovered, _Id, _Discovery}, _NowMs, #leaving{mode = standby} = Own, View) ->
    case own(Own, View) of
        wanted -> running(Own);
        _ -> {Own, []}
    end;
handle({ended, _Outcome}, NowMs, Own, View) ->
    {Decided, Effects} = decide(NowMs, Own, View),
    {Told, Tell} = tell_over(Decided, View),
    Again = [{signal, poll_now} || Told#leaving.later =/= []],
    {Told, Effects ++ Tell ++ Again};
handle({left, Nodes}, NowMs, #leaving{is_going = true, callers = Callers} = Own, View) ->
    {Next, Effects} = connected_again(NowMs, Own#leaving{is_going = false, callers = []}, View),
    {Next, [{reply, Tag, {ok, Nodes}} || Tag <- lists:reverse(Callers)] ++ Effects};
handle({up, _Node, _Type}, NowMs, #leaving{is_going = false} = Own, View) ->
    connected_again(NowMs, Own, View);
handle(Event, _NowMs, Own, View) when element(1, Event) =:= down; element(1, Event) =:= others ->
    tell_over(Own, View);
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

%% ---- the mode ----

%% A peer that waits for a reply need not wait until this node goes on.
stopped(Mode, #leaving{stands_by = StandsBy, askers = Askers, later = Later} = Own) ->
    {Declined, Effects} = decline(paused, Askers ++ Later, Own),
    Kept =
        case {Mode, StandsBy} of
            {paused, true} -> {paused, standby};
            _ -> Mode
        end,
    Stopped = Declined#leaving{mode = Mode, askers = [], later = []},
    {Stopped, [{keep, Kept}, {signal, {mode, Mode}}] ++ Effects ++ [{notify, pause}]}.

resumed(#leaving{stands_by = true} = Own) ->
    {Own#leaving{mode = standby}, [{keep, standby}, {signal, {mode, standby}}]};
resumed(Own) ->
    running(Own).

running(Own) ->
    Running = Own#leaving{mode = running, stands_by = false},
    {Running, [{keep, running}, {signal, {mode, running}}]}.

%% ---- to leave or to stay ----

%% A node on standby that is connected leaves unasked, with the same care.
decide(NowMs, #leaving{askers = Askers, mode = Mode} = Own, View) when
    Mode =:= standby; Mode =:= running, Askers =/= []
->
    case consent(facts(Own, View)) of
        leave ->
            Leaves = Own#leaving{mode = standby, stands_by = true, askers = [], declined = #{}},
            {Gone, Effects} = go(unasked, NowMs, Leaves, View),
            Changed = [{keep, standby}, {signal, {mode, standby}}],
            {Gone, [E || Mode =:= running, E <- Changed] ++ Effects};
        {stay, Why} ->
            decline(Why, Askers, Own#leaving{askers = []})
    end;
decide(_NowMs, Own, _View) ->
    {Own, []}.

decline(Why, Asked, #leaving{declined = Before} = Own) ->
    Nodes = maps:from_list([{Node, []} || {_, Node} <- Asked]),
    Effects = [{decline, Tag, Why} || {Tag, _} <- Asked],
    {Own#leaving{declined = maps:merge(Before, Nodes)}, Effects}.

%% They ask again, and this node decides with a new result.
tell_over(#leaving{declined = Declined, mode = Mode} = Own, View) when
    map_size(Declined) > 0, Mode =:= running
->
    case consent(facts(Own, View)) of
        leave -> {Own#leaving{declined = #{}}, [{tell_over, Node} || Node <- maps:keys(Declined)]};
        {stay, _} -> {Own, []}
    end;
tell_over(Own, _View) ->
    {Own, []}.

?DOC("Whether this node leaves when it is asked to, or why it stays.").
-spec consent(view()) -> leave | {stay, stay()}.
consent(#{mode := Mode}) when Mode =/= departed ->
    {stay, {disconnect, Mode}};
consent(#{answer := Answer}) when Answer =/= complete ->
    {stay, no_complete_answer};
consent(#{own := wanted}) ->
    {stay, named};
consent(#{own := left}) ->
    {stay, named};
consent(#{own := unknown}) ->
    {stay, never_named};
consent(#{own := absent, is_suspect := IsSuspect} = View) ->
    case IsSuspect() of
        true -> {stay, suspect};
        false -> connections_allow(View)
    end.

connections_allow(#{visible := List, is_known := IsKnown, wanted_by_others := IsWanted}) ->
    Visible = List(),
    case {[N || N <- Visible, not IsKnown(N)], [N || N <- Visible, IsWanted(N)]} of
        {[], []} -> leave;
        {[], Wanted} -> {stay, {wanted_by_others, Wanted}};
        {Foreign, _} -> {stay, {foreign_links, Foreign}}
    end.

facts(Own, #{settings := Settings, plan := Plan, visible := Visible, others := Others} = View) ->
    #{disconnect := Disconnect, custom := IsCustom} = Settings,
    #{
        mode =>
            case {Disconnect, IsCustom} of
                {undiscovered, true} -> departed;
                _ -> Disconnect
            end,
        answer => answer(View),
        own => own(Own, View),
        is_suspect => fun() -> not IsCustom andalso maps:get(suspect, View) end,
        visible => fun() -> lists:sort(maps:keys(Visible)) end,
        is_known => fun(Node) -> barnacle_plan:standing(Node, Plan) =/= unknown end,
        wanted_by_others => fun(Node) -> is_map_key(atom_to_binary(Node), Others) end
    }.

%% The complete result of a custom strategy is the user's word, also an empty one.
answer(#{result := empty, settings := #{custom := true}}) -> complete;
answer(#{result := none}) -> error;
answer(#{result := Result}) -> Result.

%% A node on standby was discovered once, though a process that was restarted has not seen it.
own(#leaving{mode = Mode}, #{plan := Plan, settings := #{self := Self}}) ->
    case {barnacle_plan:standing(Self, Plan), Mode} of
        {unknown, standby} -> absent;
        {Standing, _} -> Standing
    end.

%% ---- to go ----

go(_Asked, _NowMs, #leaving{is_going = true} = Own, _View) ->
    {Own, []};
go(Asked, NowMs, Own, #{visible := Visible}) ->
    case {lists:sort(maps:keys(Visible)), Asked} of
        {[], unasked} ->
            {Own, []};
        {Nodes, _} ->
            Gone = remember(Asked, Nodes, NowMs, Own#leaving{is_going = true}),
            {Gone, [{leave, Nodes, true}, {log, {leaving, Nodes}}]}
    end.

%% To leave once more the nodes that it has just left is no new beginning, unless it is asked for.
remember(_Asked, [], _NowMs, Own) ->
    Own;
remember(Asked, Nodes, NowMs, Own) ->
    case Asked =:= unasked andalso is_recent(Nodes, NowMs, Own) of
        true -> Own;
        false -> Own#leaving{left = Nodes, until_ms = NowMs + ?AGAIN_MS, times = ?AGAIN_TIMES}
    end.

is_recent(Nodes, NowMs, #leaving{left = Left, until_ms = UntilMs}) ->
    NowMs < UntilMs andalso Nodes -- Left =:= [].

%% A node on standby asks its source first, as at each poll.
connected_again(NowMs, #leaving{mode = Mode, times = Times} = Own, #{visible := Visible} = View) ->
    IsAgain = Times > 0 andalso map_size(Visible) > 0 andalso
        is_recent(maps:keys(Visible), NowMs, Own),
    case {IsAgain, Mode} of
        {true, standby} -> {Own#leaving{times = Times - 1}, [{signal, poll_now}]};
        {true, left} -> go(unasked, NowMs, Own#leaving{times = Times - 1}, View);
        _ -> {Own, []}
    end.
