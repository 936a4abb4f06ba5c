%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dist).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The transport of distributed Erlang, which is the default.

An attempt waits in net_kernel for as long as the kernel parameter net_setuptime states (7 s by
default). It goes on there after the time limit, so the list of nodes is what counts. barnacle_probe
examines nodes before their attempts. Thus neither a dead host nor a silent name server costs more
than its share.
""").

?BEHAVIOUR(barnacle_transport).

-export([init/1, name/1, connect/3, disconnect/2, connected/1, known/1]).
-export([connected/0, visible/0, watch/0, type/1, down_reason/1, prepare/2, probe/1]).

-type failure() :: {node(), barnacle_dial:reason()}.

?DOC("connect_timeout and probe_timeout are in ms; see barnacle_options:table/0.").
-type settings() :: #{
    connect_timeout := pos_integer(),
    max_connects := pos_integer(),
    probe := boolean(),
    probe_timeout := pos_integer(),
    _ => _
}.

-spec init(term()) -> {ok, []} | {error, binary()}.
init([]) ->
    {ok, []};
init(Arg) ->
    Text = "barnacle_dist has no settings: give {barnacle_dist, []}, not ~0tp",
    {error, barnacle_settings:text(Text, [Arg])}.

-spec name(term()) -> node().
name(_State) ->
    node().

?DOC("""
Connects a node by net_kernel:connect_node/1, which waits for a connection that is being set up. A
node that has left on purpose is not connected, and that is no failure. this_node: it is this node
under another name (barnacle_own).
""").
-spec connect(node(), Data :: term(), State :: term()) ->
    ok | {error, failed_to_connect | this_node | local_node_is_not_alive}.
connect(Node, _Data, _State) ->
    case barnacle_registry:has_left(Node) orelse {this, barnacle_own:is_this(Node)} of
        true -> ok;
        {this, true} -> {error, this_node};
        {this, false} -> connected_now(net_kernel:connect_node(Node))
    end.

connected_now(true) -> ok;
connected_now(false) -> {error, failed_to_connect};
connected_now(ignored) -> {error, local_node_is_not_alive}.

-spec disconnect(node(), State :: term()) ->
    ok | {error, failed_to_disconnect | local_node_is_not_alive}.
disconnect(Node, _State) ->
    case erlang:disconnect_node(Node) of
        true -> ok;
        false -> {error, failed_to_disconnect};
        ignored -> {error, local_node_is_not_alive}
    end.

-spec connected(State :: term()) -> {ok, [node()]}.
connected(_State) ->
    {ok, connected()}.

-spec known(State :: term()) -> {ok, [node()]}.
known(_State) ->
    {ok, visible()}.

?DOC("All connected nodes, hidden ones too.").
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
Sends the calling process {nodeup, Node, Info} and {nodedown, Node, Info} of
net_kernel:monitor_nodes/2 for each connection, hidden ones too, with nodedown_reason.
""").
-spec watch() -> ok.
watch() ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]).

?DOC("The type of a node, from Info of net_kernel:monitor_nodes/2, as visible/0 counts it.").
-spec type(list()) -> visible | hidden.
type(Info) ->
    case proplists:get_value(node_type, Info) of
        hidden ->
            case barnacle_own:has_dynamic_name() of
                true -> visible;
                false -> hidden
            end;
        _ ->
            visible
    end.

?DOC("Why a connection ended, from Info of net_kernel:monitor_nodes/2.").
-spec down_reason(list()) -> term().
down_reason(Info) ->
    proplists:get_value(nodedown_reason, Info, unknown).

?DOC("""
Splits nodes before their attempts. failed: those that cannot be connected, each with the reason
(local_node_is_not_alive, short_name or long_name). probed: those to probe first. at_once: the
others.
""").
-spec prepare([node()], settings()) ->
    #{failed := [failure()], at_once := [node()], probed := [node()]}.
prepare(Nodes, Settings) ->
    case {erlang:is_alive(), barnacle_probe:is_carrier_known()} of
        {false, _} ->
            Failed = [{Node, local_node_is_not_alive} || Node <- Nodes],
            #{failed => Failed, at_once => [], probed => []};
        {true, false} ->
            (barnacle_probe:split(Nodes, Settings))#{failed => []};
        {true, true} ->
            {Fitting, Others} = barnacle_form:split(Nodes),
            (barnacle_probe:split(Fitting, Settings))#{failed => Others}
    end.

?DOC("The probe for barnacle_dial:all/2, and the reason of an attempt that fails without one.").
-spec probe(settings()) -> #{
    probe := barnacle_dial:probe(), unprobed := failed_unprobed | failed_to_connect
}.
probe(#{probe := IsOn} = Settings) ->
    #{
        probe => fun(Nodes, LeftMs, OnVerdicts) ->
            barnacle_probe:run(Nodes, Settings, LeftMs, OnVerdicts)
        end,
        unprobed =>
            case IsOn of
                true -> failed_unprobed;
                false -> failed_to_connect
            end
    }.
