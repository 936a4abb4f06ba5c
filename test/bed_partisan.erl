%% SPDX-License-Identifier: Apache-2.0
-module(bed_partisan).

%% A transport with the habits of Partisan, in one VM without distribution. A join is asynchronous:
%% it returns at once, and the node is connected later, or never. A leave of one node removes it for
%% all. The own name is not node(). One list has the connected nodes, another one the members.
%%
%% A process is the cluster, as this node sees it. The test states how each peer behaves:
%%
%%     {up, Ms}            is connected Ms after its join
%%     dead                becomes a member, and is never connected
%%     {error, Reason}     its join fails at once
%%     hangs               its join does not return
%%     {slow, Ms}          its join returns after Ms, and it is connected then
%%     {crash, Reason}     its join crashes
%%     stays               is connected at once; does not go when it is removed

-behaviour(gen_server).

-export([start_link/1, stop/1, behave/3, come/2, go/2, attempts/2, attempts/1, seen/1]).
-export([await_attempt/3, is_watched/1, most/1, hanging/1, on/3, functions/1]).
%% barnacle_transport
-export([init/1, name/1, connect/3, disconnect/2, connected/1, known/1, watch/2, leave/1, hints/1]).
%% gen_server
-export([handle_call/3, handle_cast/2, handle_info/2]).

-record(c, {
    own :: node(),
    peers = #{} :: #{node() => term()},
    members = [] :: [node()],
    connected = [] :: [node()],
    notify = #{},
    log = [],
    slow = 0 :: non_neg_integer(),
    most = 0 :: non_neg_integer(),
    hanging = [] :: [pid()],
    waiting = []
}).

%% own: the name of this node. peers: how they behave. members, connected: at first.
-spec start_link(map()) -> pid().
start_link(Options) ->
    {ok, Cluster} = gen_server:start_link(?MODULE, {cluster, Options}, []),
    Cluster.

-spec stop(pid()) -> ok.
stop(Cluster) -> gen_server:stop(Cluster).

-spec behave(node(), term(), pid()) -> ok.
behave(Node, How, Cluster) -> gen_server:call(Cluster, {behave, Node, How}).

%% A node is connected, or is not any more, by itself.
-spec come(node(), pid()) -> ok.
come(Node, Cluster) -> gen_server:call(Cluster, {come, Node}).

-spec go(node(), pid()) -> ok.
go(Node, Cluster) -> gen_server:call(Cluster, {go, Node}).

%% What was called, in order: {Ms, connect | disconnect | leave, Node, Data}.
-spec attempts(pid()) -> [tuple()].
attempts(Cluster) -> gen_server:call(Cluster, attempts).

-spec attempts(node(), pid()) -> [tuple()].
attempts(Node, Cluster) -> [A || {_, _, N, _} = A <- attempts(Cluster), N =:= Node].

%% #{members, connected}.
-spec seen(pid()) -> map().
seen(Cluster) -> gen_server:call(Cluster, seen).

%% Waits until Verb was called for Node N times.
-spec await_attempt({atom(), node()}, pos_integer(), pid()) -> ok.
await_attempt({Verb, Node}, N, Cluster) ->
    gen_server:call(Cluster, {await, Verb, Node, N}, 60000).

-spec is_watched(pid()) -> boolean().
is_watched(Cluster) -> gen_server:call(Cluster, is_watched).

%% How many slow joins ran at a time, at most; the processes of joins that hang.
-spec most(pid()) -> non_neg_integer().
most(Cluster) -> gen_server:call(Cluster, most).

-spec hanging(pid()) -> [pid()].
hanging(Cluster) -> gen_server:call(Cluster, hanging).

%% One of the two, with a function of the node.
-spec on(up | down, fun((node()) -> ok), pid()) -> ok.
on(Change, Do, Cluster) -> gen_server:call(Cluster, {on, Change, Do}).

%% The same as functions of a custom strategy, with one list for both.
-spec functions(pid()) -> map().
functions(Cluster) ->
    Each = fun(Do) ->
        fun(Nodes) ->
            case [{N, Why} || N <- Nodes, {error, Why} <- [Do(N)]] of
                [] -> {ok, []};
                Failed -> {error, Failed}
            end
        end
    end,
    #{
        connect => Each(fun(Node) -> connect(Node, undefined, Cluster) end),
        disconnect => Each(fun(Node) -> disconnect(Node, Cluster) end),
        list => fun() -> connected(Cluster) end,
        own_name => fun() -> name(Cluster) end
    }.

%% ---- the transport; its state is the cluster ----

init({cluster, #{own := Own} = Options}) ->
    {ok, #c{
        own = Own,
        peers = maps:get(peers, Options, #{}),
        members = [Own | maps:get(members, Options, maps:get(connected, Options, []))],
        connected = [Own | maps:get(connected, Options, [])]
    }};
init(Cluster) when is_pid(Cluster) ->
    {ok, Cluster};
init(_) ->
    {error, "a cluster is a process of bed_partisan"}.

name(Cluster) -> gen_server:call(Cluster, name).

connect(Node, Data, Cluster) ->
    case gen_server:call(Cluster, {join, Node, Data}) of
        hangs -> receive never -> ok end;
        {slow, Ms} -> receive after Ms -> gen_server:call(Cluster, {slow_end, Node}) end;
        {crash, Reason} -> error(Reason);
        Result -> Result
    end.

disconnect(Node, Cluster) -> gen_server:call(Cluster, {remove, Node}).

connected(Cluster) -> {ok, maps:get(connected, seen(Cluster))}.

known(Cluster) -> {ok, maps:get(members, seen(Cluster))}.

watch(Notify, Cluster) -> gen_server:call(Cluster, {watch, Notify}).

leave(Cluster) -> gen_server:call(Cluster, leave).

hints(Cluster) ->
    case seen(Cluster) of
        #{members := [_]} -> [<<"this node is the only member">>];
        _ -> []
    end.

%% ---- the cluster ----

handle_call({join, Node, Data}, From, C0) ->
    C = logged(connect, Node, Data, C0),
    case maps:get(Node, C#c.peers, dead) of
        _ when Node =:= C#c.own ->
            {reply, {error, self_join}, C};
        {up, Ms} ->
            _ = erlang:send_after(Ms, self(), {come, Node}),
            {reply, pending, member(Node, C)};
        dead ->
            {reply, pending, member(Node, C)};
        stays ->
            gen_server:reply(From, pending),
            handle_info({come, Node}, member(Node, C));
        {slow, _} = Slow ->
            Now = C#c.slow + 1,
            {reply, Slow, C#c{slow = Now, most = max(Now, C#c.most)}};
        hangs ->
            {reply, hangs, C#c{hanging = [element(1, From) | C#c.hanging]}};
        Other ->
            {reply, Other, C}
    end;
handle_call({slow_end, Node}, From, C) ->
    handle_call({come, Node}, From, C#c{slow = C#c.slow - 1});
handle_call(most, _From, C) ->
    {reply, C#c.most, C};
handle_call(hanging, _From, C) ->
    {reply, C#c.hanging, C};
handle_call({remove, Node}, From, C0) ->
    C = logged(disconnect, Node, none, C0),
    case C#c.peers of
        #{Node := stays} ->
            {reply, pending, C};
        _ ->
            gen_server:reply(From, pending),
            {noreply, gone(Node, C#c{members = lists:delete(Node, C#c.members)})}
    end;
handle_call(leave, From, #c{own = Own} = C0) ->
    C = logged(leave, Own, none, C0),
    gen_server:reply(From, ok),
    {noreply, C#c{members = [Own], connected = [Own]}};
handle_call({behave, Node, How}, _From, #c{peers = Peers} = C) ->
    {reply, ok, C#c{peers = Peers#{Node => How}}};
handle_call({come, Node}, From, C) ->
    gen_server:reply(From, ok),
    handle_info({come, Node}, member(Node, C));
handle_call({go, Node}, From, C) ->
    gen_server:reply(From, ok),
    {noreply, gone(Node, C)};
handle_call(attempts, _From, C) ->
    {reply, lists:reverse(C#c.log), C};
handle_call(seen, _From, #c{members = Members, connected = Connected} = C) ->
    {reply, #{members => lists:sort(Members), connected => lists:sort(Connected)}, C};
handle_call(name, _From, C) ->
    {reply, C#c.own, C};
handle_call(is_watched, _From, C) ->
    {reply, map_size(C#c.notify) =:= 2, C};
handle_call({watch, Notify}, _From, C) ->
    Each = fun(Change) -> fun(Node) -> Notify(Change, Node) end end,
    {reply, ok, C#c{notify = #{up => Each(up), down => Each(down)}}};
handle_call({on, Change, Do}, _From, #c{notify = Notify} = C) ->
    {reply, ok, C#c{notify = Notify#{Change => Do}}};
handle_call({await, Verb, Node, N}, From, #c{waiting = Waiting} = C) ->
    {noreply, answered(C#c{waiting = [{Verb, Node, N, From} | Waiting]})}.

handle_cast(_, C) -> {noreply, C}.

handle_info({come, Node}, #c{members = Members, connected = Connected} = C) ->
    case {lists:member(Node, Members), lists:member(Node, Connected)} of
        {true, false} ->
            _ = told(up, Node, C),
            {noreply, C#c{connected = [Node | Connected]}};
        _ ->
            {noreply, C}
    end.

member(Node, #c{members = Members} = C) ->
    C#c{members = lists:usort([Node | Members])}.

gone(Node, #c{connected = Connected} = C) ->
    _ = lists:member(Node, Connected) andalso told(down, Node, C),
    C#c{connected = lists:delete(Node, Connected)}.

%% After the reply, so that whoever is woken finds the new list.
told(Change, Node, #c{notify = Notify}) ->
    case Notify of
        #{Change := Do} -> Do(Node);
        #{} -> ok
    end.

logged(Verb, Node, Data, #c{log = Log} = C) ->
    answered(C#c{log = [{erlang:monotonic_time(millisecond), Verb, Node, Data} | Log]}).

answered(#c{log = Log, waiting = Waiting} = C) ->
    IsDone = fun({Verb, Node, N, _}) ->
        length([1 || {_, V, Of, _} <- Log, V =:= Verb, Of =:= Node]) >= N
    end,
    {Done, Left} = lists:partition(IsDone, Waiting),
    [gen_server:reply(From, ok) || {_, _, _, From} <- Done],
    C#c{waiting = Left}.
