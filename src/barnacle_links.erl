%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_links).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The links of distributed Erlang: which there are, making new ones, cutting old ones.

Connecting dials many nodes at once under one deadline. Dials are made by processes of their own,
since each waits in net_kernel for as long as the kernel parameter net_setuptime says (7 s by
default); the deadline ends the waiting, not the attempt, so what counts is the list afterwards.
What can be known of a node before that is looked at first (barnacle_probe), so that neither a dead
host nor a silent name server costs more than its share.
""").

-export([connected/0, visible/0, watch/0, connect/3, disconnect/2]).

-type failure() :: {node(), Reason :: barnacle_dial:reason() | failed_to_disconnect}.

?DOC("connect_timeout and probe_timeout are in ms; see barnacle_options:table/0.").
-type settings() :: #{
    connect_timeout := pos_integer(),
    max_connects := pos_integer(),
    probe := boolean(),
    probe_timeout := pos_integer(),
    _ => _
}.

?DOC("All nodes with a link to this one, hidden ones too.").
-spec connected() -> [node()].
connected() ->
    erlang:nodes(connected).

?DOC("""
The visible nodes that are connected to this one. OTP makes each connection of a node with a dynamic
name hidden; there all connected nodes count. A node started with -hidden has no visible ones.
""").
-spec visible() -> [node()].
visible() ->
    case barnacle_own:has_dynamic_name() of
        true -> connected();
        false -> erlang:nodes(visible)
    end.

?DOC("""
Tells the calling process of every link, hidden ones too, that comes or goes: {nodeup, Node, Info}
and {nodedown, Node, Info} of net_kernel:monitor_nodes/2, with the reason nodedown_reason.
""").
-spec watch() -> ok.
watch() ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]).

?DOC("""
Dials nodes, at most max_connects at a time, and gives those that are not connected at the end, each
with the reason: local_node_is_not_alive, paused, short_name or long_name (barnacle_form), why it
was not dialled (barnacle_probe:reason/0), or what became of its dial (barnacle_dial:reason/0),
which after a timeout goes on and may yet succeed.
""").
-spec connect([node()], settings(), barnacle_gate:gate()) -> [failure()].
connect([], _Settings, _Gate) ->
    [];
connect(Nodes, Settings, Gate) ->
    case {erlang:is_alive(), barnacle_probe:is_carrier_known()} of
        {false, _} ->
            [{Node, local_node_is_not_alive} || Node <- Nodes];
        {true, false} ->
            dial(Nodes, Settings, Gate);
        {true, true} ->
            {Fitting, Others} = barnacle_form:split(Nodes),
            Others ++ dial(Fitting, Settings, Gate)
    end.

dial(Nodes, #{connect_timeout := TimeoutMs, max_connects := Max} = Settings, Gate) ->
    Unprobed =
        case Settings of
            #{probe := true} -> failed_unprobed;
            #{probe := false} -> failed_to_connect
        end,
    Failed = barnacle_dial:all(barnacle_probe:split(Nodes, Settings), #{
        deadline_ms => erlang:monotonic_time(millisecond) + TimeoutMs,
        max => Max,
        cluster => length(Nodes) + length(connected()),
        gate => Gate,
        unprobed => Unprobed,
        probe => fun(Probed, LeftMs, OnVerdicts) ->
            barnacle_probe:run(Probed, Settings, LeftMs, OnVerdicts)
        end
    }),
    Connected = maps:from_keys(connected(), true),
    [Failure || {Node, _} = Failure <- Failed, not is_map_key(Node, Connected)].

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
