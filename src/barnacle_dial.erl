%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dial).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Many dials at once, a bounded number at a time, under one deadline.

A node whose host is a name is dialled only once that name resolves. Each name is looked up by a
process of its own, so neither a silent name server nor a dead host holds up anybody else.
""").

-export([all/2]).

-export_type([reason/0, resolve/0]).

-type reason() ::
    failed_to_connect
    | local_node_is_not_alive
    | timeout
    | paused
    | barnacle_dns:lookup_error().

?DOC("Says within TimeoutMs whether a host can be dialled.").
-type resolve() :: fun((Host :: binary(), TimeoutMs :: pos_integer()) -> ok | {error, reason()}).

-type options() :: #{
    deadline_ms := integer(),
    max := pos_integer(),
    gate := barnacle_gate:gate(),
    resolve := resolve()
}.

-type job() :: {dial, node()} | {resolve, Host :: binary(), [node()]}.

%% Lookups and dials have a queue and a bound each: lookups that wait take no dial's place.
-record(dials, {
    resolves :: [job()],
    dials :: [job()],
    running = #{} :: #{reference() => {pid(), job()}},
    failed = [] :: [{node(), reason()}]
}).

?DOC("""
Dials nodes and gives those whose dial did not succeed. Literal ones have an address for a host and
are dialled at once. deadline_ms is a time of the monotonic clock; what has not answered by then is
left alone, what has not been dialled by then never is, and both have the reason timeout. Reasons
of OTP: net_kernel:connect_node/1.
""").
-spec all(#{literal := [node()], named := [node()]}, options()) -> [{node(), reason()}].
all(#{literal := Literal, named := Named}, Options) ->
    ByHost = maps:groups_from_list(fun barnacle_names:host/1, Named),
    loop(
        #dials{
            resolves = [{resolve, Host, Nodes} || {Host, Nodes} <- maps:to_list(ByHost)],
            dials = [{dial, Node} || Node <- shuffled(Literal)]
        },
        Options
    ).

loop(#dials{} = Dials0, #{deadline_ms := DeadlineMs} = Options) ->
    #dials{running = Running} = Dials = fill(Dials0, Options),
    LeftMs = max(0, DeadlineMs - now_ms()),
    case map_size(Running) of
        0 ->
            Dials#dials.failed;
        _ ->
            receive
                {'DOWN', Monitor, process, _, Reason} when is_map_key(Monitor, Running) ->
                    {{_, Job}, Running1} = maps:take(Monitor, Running),
                    loop(ended(Job, Reason, Dials#dials{running = Running1}), Options)
            after LeftMs ->
                give_up(Dials)
            end
    end.

fill(#dials{resolves = Resolves, dials = Queue, running = Running} = Dials, Options) ->
    {Busy, Dialling} = lists:partition(fun is_resolve/1, maps:values(Running)),
    #{max := Max} = Options,
    {Resolves1, Running1} = start(Resolves, Max - length(Busy), Running, Options),
    {Queue1, Running2} = start(Queue, Max - length(Dialling), Running1, Options),
    Dials#dials{resolves = Resolves1, dials = Queue1, running = Running2}.

is_resolve({_Pid, Job}) ->
    element(1, Job) =:= resolve.

%% A job hands over its result as its exit reason.
-dialyzer({nowarn_function, start/4}).
start([Job | Jobs], Free, Running, Options) when Free > 0 ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({result, do(Job, Options)}) end),
    start(Jobs, Free - 1, Running#{Monitor => {Pid, Job}}, Options);
start(Jobs, _Free, Running, _Options) ->
    {Jobs, Running}.

do({dial, Node}, #{gate := Gate}) ->
    case barnacle_registry:has_left(Node) of
        true -> left;
        false -> barnacle_gate:pass(Gate, fun() -> net_kernel:connect_node(Node) end)
    end;
do({resolve, Host, _Nodes}, #{resolve := Resolve, deadline_ms := DeadlineMs}) ->
    Resolve(Host, max(1, DeadlineMs - now_ms())).

ended({resolve, _, Nodes}, {result, ok}, #dials{dials = Queue} = Dials) ->
    Dials#dials{dials = [{dial, Node} || Node <- Nodes] ++ Queue};
ended({resolve, _, Nodes}, {result, {error, Reason}}, Dials) ->
    failed(Nodes, Reason, Dials);
ended({resolve, _, Nodes}, _Crash, Dials) ->
    failed(Nodes, unknown, Dials);
ended({dial, _}, {result, true}, Dials) ->
    Dials;
%% Who leaves is not missed.
ended({dial, _}, {result, left}, Dials) ->
    Dials;
ended({dial, Node}, {result, ignored}, Dials) ->
    failed([Node], local_node_is_not_alive, Dials);
ended({dial, Node}, {result, closed}, Dials) ->
    failed([Node], paused, Dials);
ended({dial, Node}, _FalseOrCrash, Dials) ->
    failed([Node], failed_to_connect, Dials).

failed(Nodes, Reason, #dials{failed = Failed} = Dials) ->
    Dials#dials{failed = [{Node, Reason} || Node <- Nodes] ++ Failed}.

give_up(#dials{resolves = Resolves, dials = Queue, running = Running, failed = Failed}) ->
    maps:foreach(
        fun(Monitor, {Pid, _Job}) ->
            demonitor(Monitor, [flush]),
            exit(Pid, kill)
        end,
        Running
    ),
    Left = Resolves ++ Queue ++ [Job || {_Pid, Job} <- maps:values(Running)],
    [{Node, timeout} || Job <- Left, Node <- nodes_of(Job)] ++ Failed.

nodes_of({dial, Node}) -> [Node];
nodes_of({resolve, _, Nodes}) -> Nodes.

%% More dead nodes than dials at a time would otherwise keep the same live ones waiting every round.
shuffled(Nodes) ->
    [Node || {_, Node} <- lists:sort([{rand:uniform(), Node} || Node <- Nodes])].

now_ms() ->
    erlang:monotonic_time(millisecond).
