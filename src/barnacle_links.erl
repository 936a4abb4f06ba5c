%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_links).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The links of distributed Erlang: which there are, making new ones, cutting old ones.

Connecting dials many nodes at once under one deadline. Dials are made by processes of their own,
since each waits in net_kernel for as long as the kernel parameter net_setuptime says (7 s by
default); the deadline ends the waiting, not the attempt, so what counts is the list afterwards.
Hosts given by name are looked up here first: net_kernel looks names up itself, one after another,
and a silent name server would hold up every other link of the VM.
""").

-export([connected/0, visible/0, watch/0, connect/3, disconnect/2]).

-type failure() :: {node(), Reason :: atom() | {posix, atom()}}.
-type settings() :: #{connect_timeout := pos_integer(), max_connects := pos_integer(), _ => _}.

?DOC("All nodes with a link to this one, hidden ones too.").
-spec connected() -> [node()].
connected() ->
    erlang:nodes(connected).

?DOC("The visible nodes with a link to this one.").
-spec visible() -> [node()].
visible() ->
    erlang:nodes(visible).

?DOC("""
Tells the calling process of every link, hidden ones too, that comes or goes: {nodeup, Node, Info}
and {nodedown, Node, Info} of net_kernel:monitor_nodes/2, with the reason nodedown_reason.
""").
-spec watch() -> ok.
watch() ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]).

?DOC("""
Dials nodes, at most max_connects at a time, and gives those that are not connected at the end,
each with the reason: local_node_is_not_alive, paused, timeout (its dial goes on and may yet
succeed), failed_to_connect, or why its host name does not resolve.
""").
-spec connect([node()], settings(), barnacle_gate:gate()) -> [failure()].
connect([], _Settings, _Gate) ->
    [];
connect(Nodes, #{connect_timeout := TimeoutMs, max_connects := Max}, Gate) ->
    case erlang:is_alive() of
        false ->
            [{Node, local_node_is_not_alive} || Node <- Nodes];
        true ->
            Failed = barnacle_dial:all(by_host(Nodes), #{
                deadline_ms => erlang:monotonic_time(millisecond) + TimeoutMs,
                max => Max,
                gate => Gate,
                resolve => resolve(family(), barnacle_names:host(node()))
            }),
            Connected = maps:from_keys(connected(), true),
            [Failure || {Node, _} = Failure <- Failed, not is_map_key(Node, Connected)]
    end.

?DOC("""
Cuts the links to nodes, and gives those that it could not cut: failed_to_disconnect,
local_node_is_not_alive or paused.
""").
-spec disconnect([node()], barnacle_gate:gate()) -> [failure()].
disconnect(Nodes, Gate) ->
    lists:flatmap(
        fun(Node) ->
            case barnacle_gate:pass(Gate, fun() -> erlang:disconnect_node(Node) end) of
                true -> [];
                false -> [{Node, failed_to_disconnect}];
                ignored -> [{Node, local_node_is_not_alive}];
                closed -> [{Node, paused}]
            end
        end,
        Nodes
    ).

%% A module of one's own in the place of erl_epmd gives host parts a meaning of its own, so nothing
%% can be said about them here.
by_host(Nodes) ->
    case net_kernel:epmd_module() of
        erl_epmd ->
            {Named, Literal} = lists:partition(
                fun(Node) -> barnacle_address:parse(barnacle_names:host(Node)) =:= error end, Nodes
            ),
            #{literal => Literal, named => Named};
        _ ->
            #{literal => Nodes, named => []}
    end.

%% The operating system may know its own name from neither the hosts file nor DNS (nss-myhostname),
%% so a clear no for it is not believed; silence is, since net_kernel would wait for it too.
resolve(Family, OwnHost) ->
    fun(Host, TimeoutMs) ->
        case barnacle_native:resolve([Host], #{timeout => TimeoutMs, family => Family}) of
            {ok, [{Host, {ok, _}}]} -> ok;
            {ok, [{Host, {error, nxdomain}}]} when Host =:= OwnHost -> ok;
            {ok, [{Host, {error, Reason}}]} -> {error, Reason};
            {error, Reason} -> {error, Reason}
        end
    end.

family() ->
    case init:get_argument(proto_dist) of
        {ok, [["inet6_" ++ _ | _] | _]} -> inet6;
        _ -> inet
    end.
