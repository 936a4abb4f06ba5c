%% SPDX-License-Identifier: Apache-2.0
-module(bed_links).

%% What becomes of a node's links: which it loses, which it dials. Runs in the node.

-export([start/0, lost/1, connect/2, dials/2, net_kernel/0]).

%% Watches which links are lost; one that is lost and made again is lost all the same.
-spec start() -> pid().
start() ->
    Caller = self(),
    Watcher = spawn(fun() ->
        ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
        Caller ! {self(), watching},
        watch([])
    end),
    receive
        {Watcher, watching} -> Watcher
    end.

-spec lost(pid()) -> [node()].
lost(Watcher) ->
    Ref = make_ref(),
    Watcher ! {self(), Ref},
    receive
        {Ref, Lost} -> Lost
    end.

watch(Lost) ->
    receive
        {nodedown, Node, _} ->
            watch([Node | Lost]);
        {nodeup, _, _} ->
            watch(Lost);
        {Caller, Ref} ->
            Caller ! {Ref, lists:reverse(Lost)},
            watch(Lost)
    end.

%% Connects nodes without a barnacle, and returns those that failed.
-spec connect([node()], map()) -> [{node(), term()}].
connect(Nodes, Options) ->
    Work = #{
        do => connect, nodes => Nodes, transport => barnacle_transport:default(), options => Options
    },
    #{ref := Ref} = barnacle_connector:start(Work),
    receive
        {barnacle_connector, Ref, {done, Failed}} -> Failed
    end.

%% The nodes that are dialled during some rounds of a barnacle of the node.
-spec dials(atom(), pos_integer()) -> [node()].
dials(Server, Rounds) ->
    Tracer = self(),
    1 = erlang:trace(new_processes, true, [call, {tracer, Tracer}]) + 1,
    1 = erlang:trace_pattern({net_kernel, connect_node, 1}, true, [global]),
    [_ = barnacle_cluster:refresh(Server) || _ <- lists:seq(1, Rounds)],
    _ = erlang:trace(new_processes, false, [call]),
    Delivered = erlang:trace_delivered(all),
    receive
        {trace_delivered, all, Delivered} -> ok
    end,
    dialled().

dialled() ->
    receive
        {trace, _, call, {net_kernel, connect_node, [Node]}} -> [Node | dialled()]
    after 0 -> []
    end.

%% Whether the net kernel answers, or waits for somebody.
-spec net_kernel() -> idle | busy.
net_kernel() ->
    case process_info(whereis(net_kernel), current_function) of
        {current_function, {gen_server, loop, _}} -> idle;
        _ -> busy
    end.
