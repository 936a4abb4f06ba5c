%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_farewell).

-include("barnacle_doc.hrl").

?MODULEDOC("""
How a node leaves a cluster: by itself. Peers may ask it to; it looks at what it knows, and goes or
stays. Nobody cuts a node that is healthy: where one side cuts, global, whose guard against
overlapping partitions is on, takes it for a failure and isolates who cut, who was cut or both.

A link of this node is only safe to drop while global is not making two nodes known to each other
over it. Where it is, it holds a lock of its own on both and on all nodes that they know; it gives
the lock back with a message that makes the lost link again, and then tells everybody of everybody,
so that the node that left is in the mesh again. Hence this node takes that lock on itself for the
moment in which it goes: nobody is in the middle of that then, and nobody begins it. What of it is
under way all the same makes a link later; barnacle_leaving says what becomes of that.

Barnacles of different nodes speak through the process barnacle_registry of each, in messages
{barnacle, 1, Message} that never make a link, where Message is
  {ask, Asker}                        to the departed: your source names you no longer, please leave
  {leaving, Node, {Pid, Ref}}         to all peers: I leave; {Ref, ok} to Pid says that it was heard
and the answer of one who stays goes to the asker itself, as {barnacle_peer, {stays, Node, Why}}.
""").

-export([consent/1, ask/1, stay/2, leave/1]).

-export_type([view/0, stay/0, farewell/0]).

?DOC("""
Why a node stays: its own answers name it (named) or have never named it (never_named), its last one
was not complete or named nobody, its source is suspect, it has links that are not of this source or
that another barnacle here wants, or its setting disconnect is not departed.
""").
-type stay() ::
    named
    | never_named
    | no_complete_answer
    | suspect
    | {foreign_links, [node()]}
    | {wanted_by_others, [node()]}
    | {disconnect, barnacle_plan:mode()}
    | paused.

?DOC("What a node knows when it decides: own is what its answers say of itself.").
-type view() :: #{
    mode := barnacle_plan:mode(),
    answer := complete | empty | partial | error,
    own := barnacle_plan:standing(),
    is_suspect := fun(() -> boolean()),
    visible := fun(() -> [node()]),
    is_known := fun((node()) -> boolean()),
    wanted_by_others := fun((node()) -> boolean())
}.

-type farewell() :: #{pid := pid(), ref := reference()}.

-define(PEER, barnacle_registry).
-define(VERSION, 1).
%% How long peers have to say that they have heard; who hangs is left all the same.
-define(HEARD_MS, 3000).
%% How long global has to end what it is at. A node that hangs may hold it up for a minute.
-define(GLOBAL_MS, 3000).
-define(PAUSE_MS, 20).

?DOC("Whether this node leaves when it is asked to, or why it stays. Pure.").
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
        false -> links_allow(View)
    end.

links_allow(#{visible := List, is_known := IsKnown, wanted_by_others := IsWanted}) ->
    Visible = List(),
    case {[N || N <- Visible, not IsKnown(N)], [N || N <- Visible, IsWanted(N)]} of
        {[], []} -> leave;
        {[], Wanted} -> {stay, {wanted_by_others, Wanted}};
        {Foreign, _} -> {stay, {foreign_links, Foreign}}
    end.

?DOC("Asks a linked node to leave, in the name of the calling process.").
-spec ask(node()) -> ok.
ask(Node) ->
    tell(Node, {ask, self()}).

?DOC("Tells who asked that this node stays, and why.").
-spec stay(pid(), stay()) -> ok.
stay(Asker, Why) ->
    _ = erlang:send(Asker, {barnacle_peer, {stays, node(), Why}}, [noconnect, nosuspend]),
    ok.

?DOC("""
Tells all visible nodes that this one leaves, and leaves them, in a worker process linked to the
caller. It ends with the message {barnacle_farewell, Ref, Left} to the caller: the nodes that are
linked no longer. Source: global:disconnect/0, which
leaves as one whole what the leaving node alone may leave; what global does not know of is cut one
by one. On a node with a dynamic name that is each connection: global knows no hidden ones.
""").
-spec leave([node()]) -> farewell().
leave(Visible) ->
    Owner = self(),
    Ref = make_ref(),
    Leave = fun() ->
        ok = announce(Visible),
        ok = undisturbed(fun() -> disconnect(Visible) end),
        Owner ! {barnacle_farewell, Ref, Visible -- linked(Visible)}
    end,
    #{pid => spawn_link(Leave), ref => Ref}.

disconnect(Nodes) ->
    _ = erlang:function_exported(global, disconnect, 0) andalso global:disconnect(),
    lists:foreach(fun erlang:disconnect_node/1, linked(Nodes)).

%% Under the lock that global takes to make nodes known to each other, here only; without it where
%% it is not to be had. It goes with the process that has it.
undisturbed(Fun) ->
    Lock = {global, self()},
    IsSet = lock(Lock, erlang:monotonic_time(millisecond) + ?GLOBAL_MS),
    ok = Fun(),
    _ = IsSet andalso global:del_lock(Lock, [node()]),
    ok.

lock(Lock, DeadlineMs) ->
    case global:set_lock(Lock, [node()], 0) of
        true ->
            true;
        false ->
            receive
            after ?PAUSE_MS -> ok
            end,
            erlang:monotonic_time(millisecond) < DeadlineMs andalso lock(Lock, DeadlineMs)
    end.

linked(Nodes) ->
    Linked = maps:from_keys(barnacle_links:visible(), true),
    [Node || Node <- Nodes, is_map_key(Node, Linked)].

announce(Nodes) ->
    Ref = make_ref(),
    lists:foreach(fun(Node) -> tell(Node, {leaving, node(), {self(), Ref}}) end, Nodes),
    heard(length(Nodes), Ref, erlang:monotonic_time(millisecond) + ?HEARD_MS).

heard(0, _Ref, _DeadlineMs) ->
    ok;
heard(Count, Ref, DeadlineMs) ->
    receive
        {Ref, ok} -> heard(Count - 1, Ref, DeadlineMs)
    after max(0, DeadlineMs - erlang:monotonic_time(millisecond)) ->
        ok
    end.

%% Nor may a node whose link is busy hold anybody up.
tell(Node, Message) ->
    _ = erlang:send({?PEER, Node}, {barnacle, ?VERSION, Message}, [noconnect, nosuspend]),
    ok.
