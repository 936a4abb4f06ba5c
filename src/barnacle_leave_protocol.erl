%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leave_protocol).

-include("barnacle_doc.hrl").

?MODULEDOC("""
How nodes of different VMs speak about leaving, and how a node leaves. docs/protocol.md has the
messages between nodes; they are a contract. None of them makes a connection, and neither does what
is asked of a node without a barnacle.

No node disconnects a healthy one. global, whose guard against overlapping partitions is on by
default, takes that for a failure, and isolates one of the two or both. Source: global:disconnect/0,
which leaves as one whole what the leaving node alone may leave.

A connection of this node is only safe to drop while global is not making two nodes known to each
other over it. If it is, it holds a lock of its own on both and on all nodes that they know; it
returns the lock with a message that makes the lost connection again, and then tells all nodes of
each other, so that the node that left is in the mesh again. Therefore this node takes that lock on
itself for the moment in which it leaves. What of it is under way nevertheless makes a connection
later; barnacle_leaving has what happens then.
""").

-export([event/1, ask/1, decline/2, not_mine/1, tell_over/1]).
-export([inspect/1, ask_wants/2, expel/1, leave/1]).

-export_type([found/0]).

?DOC("What an inspection found. there: also a registry that is stopped. unknown: no reply.").
-type found() :: #{registry := none | there | unknown, connections := [node()] | unknown}.

-define(PEER, barnacle_registry).
-define(VERSION, 1).
%% How long peers have to confirm an announcement; a peer that hangs is left nevertheless.
-define(HEARD_MS, 3000).
%% How long global has to end what it is at. A node that hangs may hold it up for a minute.
-define(GLOBAL_MS, 3000).
-define(PAUSE_MS, 20).
%% How long a node has for an inspection, and a peer for the question what it wants.
-define(REPLY_MS, 2000).

?DOC("""
The event of a message that a server has received: of a peer, of the registry of this VM, or of a
process of this module. What comes from other nodes is made plain data.
""").
-spec event(term()) -> {ok, Event :: tuple()} | ignored.
event({barnacle_leave_protocol, Event}) ->
    {ok, Event};
event({barnacle_others, Wants}) ->
    {ok, {others, Wants}};
event({barnacle_peer, {ask, Asker}}) when is_pid(Asker) ->
    {ok, {asked, Asker, node(Asker)}};
event({barnacle_peer, {stays, Node, Why}}) when is_atom(Node) ->
    {ok, {declined, Node, plain(Why)}};
event({barnacle_peer, {leaving, Node}}) when is_atom(Node) ->
    {ok, {leaving, Node}};
event({barnacle_peer, {reason_over, Node}}) when is_atom(Node) ->
    {ok, {reason_over, Node}};
event(_) ->
    ignored.

%% A later version may have other reasons.
plain(Why) when is_atom(Why) ->
    Why;
plain({Kind, Of} = Why) when is_atom(Kind), is_atom(Of) ->
    Why;
plain({Kind, [_ | _] = List} = Why) when is_atom(Kind) ->
    case barnacle_names:is_list_of(fun is_atom/1, List) of
        true -> Why;
        false -> Kind
    end;
plain(_) ->
    unknown.

?DOC("Asks a connected node to leave, in the name of the calling process.").
-spec ask(node()) -> ok.
ask(Node) ->
    tell(Node, {ask, self()}).

?DOC("Replies to the node that has asked that this node stays, and why.").
-spec decline(Asker :: pid(), barnacle_leaving:stay()) -> ok.
decline(Asker, Why) ->
    reply(Asker, {barnacle_peer, {stays, node(), Why}}).

?DOC("The node that has asked is unknown to the calling process (barnacle_registry:not_mine/2).").
-spec not_mine(Asker :: pid()) -> ok.
not_mine(Asker) ->
    barnacle_registry:not_mine(self(), Asker).

?DOC("Tells a node that this node would now decide otherwise than when it declined.").
-spec tell_over(node()) -> ok.
tell_over(Node) ->
    tell(Node, {reason_over, node()}).

?DOC("""
Looks for a barnacle on a connected node, and for its connections. The calling process receives the
event {inspected, Node, found()} within 2000 ms.
""").
-spec inspect(node()) -> ok.
inspect(Node) ->
    work(fun() ->
        Ref = make_ref(),
        ok = question(Node, Ref),
        {inspected, Node, maps:get(Node, found([Node], Ref, #{}, deadline(?REPLY_MS)))}
    end).

?DOC("""
Asks the barnacles of these peers whether their sources contain a node. The calling process receives
the event {wanted_by, Node, Reply} within 2000 ms: no, {yes, Peers}, or {unknown, Peers} for peers
that have a barnacle and have not replied. A peer that has none has no say.
""").
-spec ask_wants(node(), [node()]) -> ok.
ask_wants(Node, Peers) ->
    work(fun() ->
        Wants = make_ref(),
        Ref = make_ref(),
        Message = {wants, atom_to_binary(Node), {self(), Wants}},
        lists:foreach(
            fun(Peer) ->
                ok = tell(Peer, Message),
                ok = question(Peer, Ref)
            end,
            Peers
        ),
        DeadlineMs = deadline(?REPLY_MS),
        Found = found(Peers, Ref, #{}, DeadlineMs),
        Asked = [Peer || Peer <- Peers, maps:get(registry, maps:get(Peer, Found)) =/= none],
        {wanted_by, Node, judged(wants(Asked, Wants, #{}, DeadlineMs))}
    end).

judged(Said) ->
    Of = fun(What) -> lists:sort([Peer || {Peer, W} <- maps:to_list(Said), W =:= What]) end,
    case {Of(yes), Of(unknown)} of
        {[], []} -> no;
        {[], Unknown} -> {unknown, Unknown};
        {Yes, _} -> {yes, Yes}
    end.

wants([], _Ref, Said, _DeadlineMs) ->
    Said;
wants(Peers, Ref, Said, DeadlineMs) ->
    receive
        {Ref, Peer, What} when What =:= yes; What =:= no; What =:= unknown ->
            wants(lists:delete(Peer, Peers), Ref, Said#{Peer => What}, DeadlineMs)
    after left_ms(DeadlineMs) ->
        maps:merge(maps:from_keys(Peers, unknown), Said)
    end.

?DOC("""
Makes a connected node run global:disconnect/0: it disconnects all nodes that it sees. Then that
node alone has left. No reply is awaited: its nodedown shows it.
""").
-spec expel(node()) -> ok.
expel(Node) ->
    run(Node, {global, disconnect, []}).

%% Executes a function there, over the existing connection: rex of OTP does that for rpc:cast/4.
%% user: a group leader of that node, so that it has nothing of this one.
run(Node, {Module, Function, Args}) ->
    Cast = {'$gen_cast', {cast, Module, Function, Args, user}},
    _ = erlang:send({rex, Node}, Cast, [noconnect, nosuspend]),
    ok.

%% The reply is sent there with noconnect too, which the reply of an rpc:call/4 is not: if the
%% connection ends meanwhile, such a reply would make it again.
question(Node, Ref) ->
    {ok, Tokens, _} = erl_scan:string(
        "erlang:send(Asker, {Ref, Node, erlang:whereis(barnacle_registry),"
        " erlang:function_exported(barnacle_registry, start_link, 0), erlang:nodes()},"
        " [noconnect, nosuspend])."
    ),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    Bindings = [{'Asker', self()}, {'Node', Node}, {'Ref', Ref}],
    run(Node, {erl_eval, exprs, [Expressions, Bindings]}).

found([], _Ref, Found, _DeadlineMs) ->
    Found;
found(Nodes, Ref, Found, DeadlineMs) ->
    receive
        {Ref, Node, Registry, IsLoaded, Connections} ->
            Is = #{
                registry => registry(Registry, IsLoaded), connections => connections(Connections)
            },
            found(lists:delete(Node, Nodes), Ref, Found#{Node => Is}, DeadlineMs)
    after left_ms(DeadlineMs) ->
        Unknown = #{registry => unknown, connections => unknown},
        maps:merge(maps:from_keys(Nodes, Unknown), Found)
    end.

%% A registry that is loaded and does not run is stopped, as for an upgrade.
registry(undefined, false) -> none;
registry(undefined, true) -> there;
registry(Pid, _) when is_pid(Pid) -> there;
registry(_, _) -> unknown.

connections(Nodes) ->
    case barnacle_names:is_list_of(fun is_atom/1, Nodes) of
        true -> lists:sort(Nodes);
        false -> unknown
    end.

%% Linked to no process, and ended by its deadline.
work(Fun) ->
    Owner = self(),
    _ = spawn(fun() -> Owner ! {barnacle_leave_protocol, Fun()} end),
    ok.

?DOC("""
Tells these nodes that this one leaves, and leaves them, in a process linked to the caller. The
caller receives the event {left, Left} with the nodes that are no longer connected. Source:
global:disconnect/0; what global does not know of is disconnected one by one. On a node with a
dynamic name that is each connection: global knows no hidden ones.
""").
-spec leave([node()]) -> {ok, pid()}.
leave(Nodes) ->
    Owner = self(),
    Pid = spawn_link(fun() ->
        ok = announce(Nodes),
        ok = undisturbed(fun() -> disconnect(Nodes) end),
        Owner ! {barnacle_leave_protocol, {left, Nodes -- connected(Nodes)}}
    end),
    {ok, Pid}.

disconnect(Nodes) ->
    _ = erlang:function_exported(global, disconnect, 0) andalso global:disconnect(),
    lists:foreach(fun erlang:disconnect_node/1, connected(Nodes)).

%% Under the lock that global takes to make nodes known to each other, here only; without it if it
%% is not to be had. It ends with the process that has it.
undisturbed(Fun) ->
    Lock = {global, self()},
    IsSet = lock(Lock, deadline(?GLOBAL_MS)),
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
            left_ms(DeadlineMs) > 0 andalso lock(Lock, DeadlineMs)
    end.

connected(Nodes) ->
    Connected = maps:from_keys(erlang:nodes(connected), true),
    [Node || Node <- Nodes, is_map_key(Node, Connected)].

announce(Nodes) ->
    Ref = make_ref(),
    lists:foreach(fun(Node) -> tell(Node, {leaving, node(), {self(), Ref}}) end, Nodes),
    heard(length(Nodes), Ref, deadline(?HEARD_MS)).

heard(0, _Ref, _DeadlineMs) ->
    ok;
heard(Count, Ref, DeadlineMs) ->
    receive
        {Ref, ok} -> heard(Count - 1, Ref, DeadlineMs)
    after left_ms(DeadlineMs) ->
        ok
    end.

%% A node whose connection is busy may not hold up this process either.
tell(Node, Message) ->
    reply({?PEER, Node}, {barnacle, ?VERSION, Message}).

reply(To, Message) ->
    _ = erlang:send(To, Message, [noconnect, nosuspend]),
    ok.

deadline(Ms) -> now_ms() + Ms.

left_ms(DeadlineMs) -> max(0, DeadlineMs - now_ms()).

now_ms() ->
    erlang:monotonic_time(millisecond).
