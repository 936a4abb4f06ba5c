%% SPDX-License-Identifier: Apache-2.0
-module(bed_links).

%% Which links a node has lost since somebody began to watch. Runs in the node.

-export([start/0, lost/1]).

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
