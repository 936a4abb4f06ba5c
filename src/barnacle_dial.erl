%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dial).

-include("../include/barnacle_doc.hrl").

?MODULEDOC("Many dials at once, a bounded number at a time, under one deadline.").

-export([all/2]).

-export_type([reason/0]).

-type reason() :: failed_to_connect | local_node_is_not_alive | timeout | paused.
-type options() :: #{
    deadline_ms := integer(), max := pos_integer(), gate := barnacle_gate:gate()
}.

-record(dials, {
    waiting :: [node()],
    running = #{} :: #{reference() => {pid(), node()}},
    failed = [] :: [{node(), reason()}]
}).

?DOC("""
Dials all nodes and gives those whose dial did not succeed. deadline_ms is a time of the monotonic
clock; what has not answered by then is left alone, what has not been dialled by then never is, and
both have the reason timeout. Reasons of OTP: net_kernel:connect_node/1.
""").
-spec all([node()], options()) -> [{node(), reason()}].
all(Nodes, Options) ->
    loop(#dials{waiting = shuffled(Nodes)}, Options).

loop(#dials{waiting = [], running = Running, failed = Failed}, _) when map_size(Running) =:= 0 ->
    Failed;
loop(#dials{waiting = [Node | Rest], running = Running} = Dials, #{max := Max} = Options) when
    map_size(Running) < Max
->
    Gate = maps:get(gate, Options),
    Started = spawn_opt(fun() -> exit({dialled, dial(Node, Gate)}) end, [monitor]),
    {Pid, Monitor} = Started,
    loop(Dials#dials{waiting = Rest, running = Running#{Monitor => {Pid, Node}}}, Options);
loop(#dials{running = Running, failed = Failed} = Dials, #{deadline_ms := DeadlineMs} = Options) ->
    LeftMs = max(0, DeadlineMs - erlang:monotonic_time(millisecond)),
    receive
        {'DOWN', Monitor, process, _, Reason} when is_map_key(Monitor, Running) ->
            {{_, Node}, Running1} = maps:take(Monitor, Running),
            loop(
                Dials#dials{running = Running1, failed = failure(Node, Reason) ++ Failed},
                Options
            )
    after LeftMs ->
        give_up(Dials)
    end.

dial(Node, Gate) ->
    barnacle_gate:pass(Gate, fun() -> net_kernel:connect_node(Node) end).

failure(_Node, {dialled, true}) -> [];
failure(Node, {dialled, false}) -> [{Node, failed_to_connect}];
failure(Node, {dialled, ignored}) -> [{Node, local_node_is_not_alive}];
failure(Node, {dialled, closed}) -> [{Node, paused}];
failure(Node, _Killed) -> [{Node, failed_to_connect}].

give_up(#dials{waiting = Waiting, running = Running, failed = Failed}) ->
    Late = [
        begin
            demonitor(Monitor, [flush]),
            exit(Pid, kill),
            Node
        end
     || {Monitor, {Pid, Node}} <- maps:to_list(Running)
    ],
    [{Node, timeout} || Node <- Late ++ Waiting] ++ Failed.

%% More dead nodes than dials at a time would otherwise keep the same live ones waiting every round.
shuffled(Nodes) ->
    [Node || {_, Node} <- lists:sort([{rand:uniform(), Node} || Node <- Nodes])].
