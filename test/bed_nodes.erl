%% SPDX-License-Identifier: Apache-2.0
-module(bed_nodes).

%% Several nodes at once: a cluster to be.

-export([start/2, start_link/2, each/4, visible/1, is_mesh/1, await_mesh/1, stop/1, at_once/2]).

-export_type([nodes/0]).

-type nodes() :: [bed_node:name()].

%% One node for each of the options, all booted at the same time. Common holds for all of them.
%% Needs them all: an error stops those that have started.
-spec start(bed_node:options() | #{}, [map()]) -> nodes().
start(Common, Options) ->
    Started = at_once(fun(Own) -> bed_node:start(maps:merge(Common, Own)) end, Options),
    Nodes = [Node || {ok, Node} <- Started],
    case [Reason || {error, Reason} <- Started] of
        [] ->
            Nodes;
        Reasons ->
            ok = stop(Nodes),
            error({not_started, Reasons})
    end.

%% The same, each linked to the caller.
-spec start_link(bed_node:options() | #{}, [map()]) -> nodes().
start_link(Common, Options) ->
    start(Common#{owner => self()}, Options).

%% Applies a function in every node at the same time, and gives the results in order.
-spec each(nodes(), module(), atom(), [term()]) -> [term()].
each(Nodes, Module, Function, Args) ->
    at_once(fun(Node) -> bed_node:call(Node, Module, Function, Args) end, Nodes).

%% Who sees whom: every node's name and its visible links.
-spec visible(nodes()) -> [{node(), [node()]}].
visible(Nodes) ->
    at_once(fun(Node) -> {bed_node:name(Node), bed_node:visible(Node)} end, Nodes).

%% Whether each of them sees all others, and nobody else.
-spec is_mesh(nodes()) -> boolean().
is_mesh(Nodes) ->
    Seen = visible(Nodes),
    Names = lists:sort([Name || {Name, _} <- Seen]),
    lists:all(fun({Name, Others}) -> Others =:= lists:delete(Name, Names) end, Seen).

-spec await_mesh(nodes()) -> ok.
await_mesh(Nodes) ->
    bed_wait:until(mesh, fun() -> is_mesh(Nodes) orelse visible(Nodes) end).

-spec stop(nodes()) -> ok.
stop(Nodes) ->
    _ = at_once(fun bed_node:stop/1, Nodes),
    ok.

%% The results of a function, in order, for all of a list at the same time.
-spec at_once(fun((Item) -> Result), [Item]) -> [Result].
at_once(Fun, List) ->
    Workers = [spawn_monitor(fun() -> exit({at_once, Fun(Item)}) end) || Item <- List],
    [
        receive
            {'DOWN', Monitor, process, Pid, {at_once, Result}} -> Result;
            {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
        end
     || {Pid, Monitor} <- Workers
    ].
