%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dial).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Many dials at once, a bounded number at a time, under one deadline; barnacle_attempts has their
order and their number.

Nodes that are to be probed first are probed all together by a process of its own. Each is dialled
as soon as the probe says that it can be, so neither a silent name server nor a dead host holds up
anybody else.
""").

-export([all/2]).

-export_type([reason/0, probe/0]).

?DOC("""
Why a node is not linked: what barnacle_probe says; handshake_failed, it accepts connections and
turned this one away; failed_to_connect, its attempt failed and there is no probe to tell why;
failed_unprobed, its attempt failed and the probe could not look at it; timeout, the deadline came
before its dial ended; not_dialled, before its dial had a place; this_node, it is this node by
another name (barnacle_own).
""").
-type reason() ::
    barnacle_probe:reason()
    | handshake_failed
    | failed_to_connect
    | failed_unprobed
    | local_node_is_not_alive
    | this_node
    | timeout
    | not_dialled
    | paused.

-type verdicts() :: [{node(), barnacle_probe:verdict()}].

?DOC("Probes nodes within TimeoutMs: barnacle_probe:run/4.").
-type probe() ::
    fun(([node()], TimeoutMs :: pos_integer(), fun((verdicts()) -> term())) -> verdicts()).

-type options() :: #{
    deadline_ms := integer(),
    max := pos_integer(),
    cluster := non_neg_integer(),
    gate := barnacle_gate:gate(),
    probe := probe(),
    unprobed => failed_to_connect | failed_unprobed
}.

%% dials: those that wait for a place, by rank, each with the reason should it fail. unseen: those
%% whose probe has no verdict yet. ref: of the prober's messages, its monitor too once there is one.
%% stalls: see barnacle_attempts:limit/2. moved_ms: when a dial ended last, or the last stall did;
%% connected, how many nodes were connected then.
-record(dials, {
    dials = gb_sets:empty() :: gb_sets:set({barnacle_attempts:rank(), dial()}),
    running = #{} :: #{reference() => {pid(), dial()}},
    unseen = #{} :: #{node() => []},
    prober = none :: none | {pid(), Monitor :: reference()},
    ref :: reference(),
    unprobed = failed_to_connect :: failed_to_connect | failed_unprobed,
    stalls = 0 :: non_neg_integer(),
    moved_ms :: integer(),
    connected :: non_neg_integer(),
    failed = [] :: [dial()]
}).

%% How long before the deadline the probe says what it knows, a tenth of the time at most.
-define(HEARD_MS, 100).

%% For so long no dial ended and no connection came or went, whichever node made it: one more may
%% run. Where machines are busy, dials are slow, but connections come all the time.
-define(STALL_MS, 1000).

-type dial() :: {node(), reason()}.

?DOC("""
Dials nodes and gives those whose dial did not succeed. Those of at_once are dialled at once, those
of probed once the probe has nothing against it. deadline_ms is a time of the monotonic clock; a
dial that has not ended by then is left alone (timeout), and what has not been dialled by then never
is (not_dialled; not_probed while the probe has no verdict). Dials are net_kernel:connect_node/1,
which waits for a connection that is being set up already. max is the most that may run at a time;
cluster, the number of nodes, connected or not, that are to form one cluster. unprobed: the reason
of an attempt that fails without a verdict of the probe.
""").
-spec all(#{at_once := [node()], probed := [node()]}, options()) -> [{node(), reason()}].
all(#{at_once := AtOnce, probed := Probed}, Options) ->
    Unprobed = maps:get(unprobed, Options, failed_to_connect),
    Dials = lists:foldl(
        fun(Node, Acc) -> queued({Node, Unprobed}, Acc) end,
        #dials{
            unprobed = Unprobed, ref = make_ref(), moved_ms = now_ms(), connected = connected()
        },
        AtOnce
    ),
    loop(start_probe(ranked(Probed), Dials, Options), Options).

%% Verdicts come as messages as they are reached, and all of them as the exit reason.
-dialyzer({nowarn_function, start_probe/3}).
start_probe([], Dials, _Options) ->
    Dials;
start_probe(Nodes, #dials{ref = Ref} = Dials, #{probe := Probe, deadline_ms := DeadlineMs}) ->
    Dialler = self(),
    %% It ends a little before the dials do, so that what it knows by then is heard.
    LeftMs = DeadlineMs - now_ms(),
    TimeoutMs = max(1, LeftMs - min(?HEARD_MS, LeftMs div 10)),
    OnVerdicts = fun(Verdicts) -> Dialler ! {Ref, Verdicts} end,
    Unseen = Dials#dials{unseen = maps:from_keys(Nodes, [])},
    Run = fun() ->
        _ = spawn_link(fun() -> end_with(Dialler) end),
        exit({verdicts, Probe(Nodes, TimeoutMs, OnVerdicts)})
    end,
    Unseen#dials{prober = spawn_monitor(Run)}.

%% Linked to the prober, which would otherwise outlive a dialler that is killed.
-spec end_with(pid()) -> no_return().
end_with(Dialler) ->
    Monitor = monitor(process, Dialler),
    receive
        {'DOWN', Monitor, process, _, _} -> exit(dialler_is_gone)
    end.

loop(Dials0, #{deadline_ms := DeadlineMs} = Options) ->
    #dials{running = Running, prober = Prober, ref = Ref} = Dials = fill(Dials0, Options),
    ProbeMonitor = probe_monitor(Dials),
    LeftMs = max(0, DeadlineMs - now_ms()),
    case {map_size(Running), Prober} of
        {0, none} ->
            Dials#dials.failed;
        _ ->
            receive
                {Ref, Verdicts} ->
                    loop(judged(Verdicts, Dials), Options);
                {'DOWN', ProbeMonitor, process, _, Reason} ->
                    loop(probe_ended(Reason, Dials#dials{prober = none}), Options);
                {'DOWN', Monitor, process, _, Reason} when is_map_key(Monitor, Running) ->
                    {{_, Dial}, Running1} = maps:take(Monitor, Running),
                    Moved = Dials#dials{running = Running1, moved_ms = now_ms()},
                    loop(ended(Dial, Reason, Moved), Options)
            after min(LeftMs, stalls_in_ms(Dials, Options)) ->
                case now_ms() < DeadlineMs of
                    true -> loop(stalled(Dials), Options);
                    false -> give_up(Dials)
                end
            end
    end.

%% Dials that hang have all places, and others wait: until one more may run.
stalls_in_ms(#dials{dials = Queue, moved_ms = MovedMs} = Dials, #{max := Max} = Options) ->
    case not gb_sets:is_empty(Queue) andalso limit(Dials, Options) < Max of
        true -> max(0, MovedMs + ?STALL_MS - now_ms());
        false -> infinity
    end.

stalled(#dials{stalls = Stalls, connected = Before} = Dials) ->
    case connected() of
        Before -> Dials#dials{stalls = Stalls + 1, moved_ms = now_ms()};
        Now -> Dials#dials{connected = Now, moved_ms = now_ms()}
    end.

connected() ->
    length(erlang:nodes(connected)).

limit(#dials{stalls = Stalls}, #{max := Max, cluster := Count}) ->
    barnacle_attempts:limit(Max, #{nodes => Count, stalls => Stalls}).

%% Without a prober nothing that could ever match.
probe_monitor(#dials{prober = none, ref = Ref}) -> Ref;
probe_monitor(#dials{prober = {_Pid, Monitor}}) -> Monitor.

fill(#dials{dials = Queue, running = Running} = Dials, Options) ->
    case not gb_sets:is_empty(Queue) andalso map_size(Running) < limit(Dials, Options) of
        true -> fill_place(Dials, Options);
        false -> Dials
    end.

%% Whoever has connected meanwhile takes no place.
fill_place(#dials{dials = Queue, running = Running} = Dials, Options) ->
    {{_, {Node, _} = Dial}, Queue1} = gb_sets:take_smallest(Queue),
    Rest = Dials#dials{dials = Queue1},
    case lists:member(Node, erlang:nodes(connected)) orelse dial(Dial, Options) of
        true ->
            fill(Rest, Options);
        {Pid, Monitor} ->
            fill(Rest#dials{running = Running#{Monitor => {Pid, Dial}}}, Options)
    end.

%% A dial hands over its result as its exit reason.
-dialyzer({nowarn_function, dial/2}).
dial({Node, _}, #{gate := Gate}) ->
    spawn_monitor(fun() ->
        barnacle_registry:has_left(Node) andalso exit({result, left}),
        barnacle_own:is_this(Node) andalso exit({result, this_node}),
        exit({result, barnacle_gate:pass(Gate, connect(Node))})
    end).

connect(Node) ->
    fun() -> net_kernel:connect_node(Node) end.

judged(Verdicts, Dials) ->
    lists:foldl(fun judge/2, Dials, Verdicts).

judge({Node, Verdict}, #dials{unseen = Unseen} = Dials0) when
    is_map_key(Node, Unseen)
->
    Dials = Dials0#dials{unseen = maps:remove(Node, Unseen)},
    case Verdict of
        ok -> queued({Node, handshake_failed}, Dials);
        unknown -> queued({Node, Dials#dials.unprobed}, Dials);
        {error, Reason} -> not_dialled(Node, Reason, Dials)
    end;
judge(_Judged, Dials) ->
    Dials.

%% Who leaves is not missed.
not_dialled(Node, Reason, Dials) ->
    case barnacle_registry:has_left(Node) of
        true -> Dials;
        false -> failed(Node, Reason, Dials)
    end.

probe_ended({verdicts, Verdicts}, Dials) ->
    judged(Verdicts, Dials);
probe_ended(_Crash, #dials{unseen = Unseen} = Dials) ->
    judged([{Node, {error, not_probed}} || Node <- maps:keys(Unseen)], Dials).

ended(_Dial, {result, true}, Dials) ->
    Dials;
ended(_Dial, {result, left}, Dials) ->
    Dials;
ended({Node, _}, {result, this_node}, Dials) ->
    failed(Node, this_node, Dials);
ended({Node, _}, {result, ignored}, Dials) ->
    failed(Node, local_node_is_not_alive, Dials);
ended({Node, _}, {result, closed}, Dials) ->
    failed(Node, paused, Dials);
ended({Node, Reason}, _FalseOrCrash, Dials) ->
    failed(Node, Reason, Dials).

queued({Node, _} = Dial, #dials{dials = Queue} = Dials) ->
    Dials#dials{dials = gb_sets:add_element({barnacle_attempts:rank(Node, node()), Dial}, Queue)}.

failed(Node, Reason, #dials{failed = Failed} = Dials) ->
    Dials#dials{failed = [{Node, Reason} | Failed]}.

give_up(#dials{dials = Queue, running = Running, unseen = Unseen} = Dials) ->
    ok = end_probe(Dials),
    maps:foreach(
        fun(Monitor, {Pid, _}) ->
            demonitor(Monitor, [flush]),
            exit(Pid, kill)
        end,
        Running
    ),
    [{Node, not_probed} || Node <- maps:keys(Unseen)] ++
        [{Node, not_dialled} || {_, {Node, _}} <- gb_sets:to_list(Queue)] ++
        [{Node, timeout} || {_, {Node, _}} <- maps:values(Running)] ++
        Dials#dials.failed.

%% Nothing of it is left in the mailbox.
end_probe(#dials{prober = none}) ->
    ok;
end_probe(#dials{prober = {Pid, Monitor}, ref = Ref}) ->
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, _, _} -> flush(Ref)
    end.

flush(Ref) ->
    receive
        {Ref, _} -> flush(Ref)
    after 0 -> ok
    end.

ranked(Nodes) ->
    Ranked = [{barnacle_attempts:rank(Node, node()), Node} || Node <- Nodes],
    [Node || {_, Node} <- lists:sort(Ranked)].

now_ms() ->
    erlang:monotonic_time(millisecond).
