%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_links).

-include("barnacle_doc.hrl").

?MODULEDOC("The callers of barnacle_dist that run in a worker of their own: connects and waits.").

-export([connected/0, visible/0, watch/0, connect/3, disconnect/2]).

-spec connected() -> [node()].
connected() ->
    barnacle_dist:connected().

-spec visible() -> [node()].
visible() ->
    barnacle_dist:visible().

-spec watch() -> ok.
watch() ->
    barnacle_dist:watch().

-spec connect([node()], map(), barnacle_gate:gate()) -> [{node(), term()}].
connect(Nodes, Settings, Gate) ->
    run(connect, Nodes, Settings, Gate).

-spec disconnect([node()], barnacle_gate:gate()) -> [{node(), term()}].
disconnect(Nodes, Gate) ->
    run(disconnect, Nodes, #{connect_timeout => 5000, max_connects => 64}, Gate).

run(_Do, [], _Settings, _Gate) ->
    [];
run(Do, Nodes, Settings, Gate) ->
    case barnacle_gate:pass(Gate, fun() -> open end) of
        closed ->
            [{Node, paused} || Node <- Nodes];
        open ->
            #{ref := Ref, monitor := Monitor} = barnacle_connector:start(#{
                do => Do,
                nodes => Nodes,
                transport => barnacle_transport:default(),
                options => Settings
            }),
            receive
                {barnacle_connector, Ref, {done, Failed}} ->
                    demonitor(Monitor, [flush]),
                    Failed;
                {'DOWN', Monitor, process, _, Reason} ->
                    exit(Reason)
            end
    end.
