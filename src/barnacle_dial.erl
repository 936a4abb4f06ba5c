%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dial).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Many connection attempts at once, for any transport: one process for each node, a bounded number at
a time, one time limit for all. barnacle_attempts states their order and their number.

The calling process coordinates. It never runs an attempt, a list function or a probe itself, so it
reads the request to stop at once. An attempt that is pending keeps its place until the transport's
list contains its node. The list is read when a node comes, and at growing intervals.

All nodes that need a probe are probed together, in one process. Each node is attempted as soon as
its verdict permits it, so neither a silent name server nor a dead host delays the others.
""").

-export([all/2, stop/1, up/2]).

-export_type([reason/0, probe/0, outcome/0, options/0]).

?DOC("""
Why a node is not connected: what barnacle_probe says; handshake_failed, it accepts connections and
refused this one; failed_to_connect, its attempt failed, without a probe that explains it;
failed_unprobed, its attempt failed and the probe could not examine it; timeout, the time limit came
before the end of its attempt; not_dialled, the time limit came before its attempt had a place;
paused, the attempts were stopped; this_node, it is this node under another name (barnacle_own).
""").
-type reason() ::
    barnacle_probe:reason()
    | handshake_failed
    | failed_to_connect
    | failed_unprobed
    | local_node_is_not_alive
    | short_name
    | long_name
    | this_node
    | timeout
    | not_dialled
    | paused.

-type verdicts() :: [{node(), barnacle_probe:verdict()}].

?DOC("Probes nodes within TimeoutMs: barnacle_probe:run/4.").
-type probe() ::
    fun(([node()], TimeoutMs :: pos_integer(), fun((verdicts()) -> term())) -> verdicts()).

?DOC("""
owner: its end stops all. deadline_ms: of the monotonic clock. max: the most attempts at a time.
cluster: the nodes that are to form one cluster of distributed Erlang, connected or not; none for
another transport, where max alone bounds the attempts. attempt: runs one. is_done: whether a node
needs no attempt any more. list: the nodes that the transport lists. until: whether a pending node
is done when it is listed, or when it is not. crash: whether an
attempt that crashes has failed, or is reported. own: the name of this node, for the order.
""").
-type options() :: #{
    owner := pid(),
    own := node(),
    deadline_ms := integer(),
    max := pos_integer(),
    cluster := non_neg_integer() | none,
    attempt := fun((node()) -> barnacle_transport:result()),
    is_done => fun((node()) -> boolean()),
    list => fun(() -> {ok, [node()]} | {error, term()}),
    until => listed | unlisted,
    crash => failed | reported,
    probe => probe(),
    unprobed => failed_to_connect | failed_unprobed
}.

-type outcome() ::
    {done | stopped, [{node(), Reason :: term()}]}
    | {crashed, Reason :: term(), Stacktrace :: list()}
    | owner_is_gone.

-type attempt() :: {node(), Reason :: term()}.

%% queue: the attempts that wait for a place, by rank, each with the reason if it fails. running:
%% those with a process. pending: those that began and are to be listed. lister: the process that
%% lists. list_ms: when it runs next. gap_ms: the gap to the time after that. unseen: the nodes
%% without a verdict of the probe. stalls: see barnacle_attempts:limit/2. moved_ms: when an attempt
%% ended most recently, or a stall; connected: how many nodes were connected then.
-record(run, {
    ref :: reference(),
    queue = gb_sets:empty() :: gb_sets:set({barnacle_attempts:rank(), attempt()}),
    running = #{} :: #{pid() => {reference(), attempt()}},
    pending = #{} :: #{node() => []},
    lister = none :: none | {pid(), reference()},
    list_ms = infinity :: integer() | infinity,
    gap_ms = 0 :: non_neg_integer(),
    unseen = #{} :: #{node() => []},
    prober = none :: none | {pid(), reference()},
    stalls = 0 :: non_neg_integer(),
    moved_ms :: integer(),
    connected :: non_neg_integer(),
    failed = [] :: [attempt()],
    crash = none :: none | {crashed, term(), list()}
}).

%% How long before the time limit the probe reports, and the list is read once more; a tenth of the
%% time at most.
-define(LAST_MS, 100).

%% For this time no attempt ended and no connection came or went: one more attempt may run. On busy
%% machines attempts are slow, but connections come all the time.
-define(STALL_MS, 1000).

%% The gaps between two lists: at first, and at most.
-define(FIRST_GAP_MS, 10).
-define(LAST_GAP_MS, 500).

?DOC("""
Attempts nodes and returns those that failed, each with its reason. Nodes of at_once are attempted
at once, those of probed when the probe permits it. An attempt that has not ended by the time limit
is ended (timeout); OTP may go on with it. A node without an attempt by then has the reason
not_dialled, or not_probed if it has no verdict. After a crash the other attempts go on. The calling
process traps exits.
""").
-spec all(#{at_once := [node()], probed := [node()], _ => _}, options()) -> outcome().
all(#{at_once := AtOnce, probed := Probed}, #{deadline_ms := DeadlineMs} = Options0) ->
    LeftMs = max(0, DeadlineMs - now_ms()),
    Options = Options0#{last_ms => DeadlineMs - min(?LAST_MS, LeftMs div 10)},
    Run = #run{ref = make_ref(), moved_ms = now_ms(), connected = count(Options)},
    Queued = lists:foldl(
        fun(Node, Acc) -> queued({Node, unprobed(Options)}, Acc, Options) end, Run, AtOnce
    ),
    loop(start_probe(ranked(Probed, Options), Queued, Options), Options).

?DOC("Stops the attempts of a process that runs all/2. Does not wait.").
-spec stop(pid()) -> ok.
stop(Pid) ->
    Pid ! {?MODULE, stop},
    ok.

?DOC("A node has come: a pending attempt is checked at once.").
-spec up(pid(), node()) -> ok.
up(Pid, Node) ->
    Pid ! {?MODULE, up, Node},
    ok.

%% ---- the loop ----

loop(Run0, #{owner := Owner, deadline_ms := DeadlineMs} = Options) ->
    #run{ref = Ref, running = Running, pending = Pending} =
        Run = start_lister(fill(Run0, Options), Options),
    case map_size(Running) + map_size(Pending) of
        0 when Run#run.prober =:= none ->
            ended(Run);
        _ ->
            receive
                {?MODULE, stop} ->
                    {stopped, unfinished(paused, Run) ++ (ended_all(Run))#run.failed};
                {'EXIT', Owner, _} ->
                    _ = ended_all(Run),
                    owner_is_gone;
                {?MODULE, up, Node} ->
                    loop(wake(is_map_key(Node, Pending), Run), Options);
                {Ref, verdicts, Verdicts} ->
                    loop(judged(Verdicts, Run, Options), Options);
                {Ref, Pid, Result} ->
                    loop(returned(Pid, Result, Run, Options), Options);
                {'DOWN', _, process, Pid, Reason} ->
                    loop(returned(Pid, {crashed, Reason, []}, Run, Options), Options);
                {'EXIT', _, _} ->
                    loop(Run, Options)
            after wait_ms(Run, Options) ->
                case now_ms() < DeadlineMs of
                    true -> loop(stalled(Run, Options), Options);
                    false -> ended(ended_all(give_up(Run)))
                end
            end
    end.

ended(#run{crash = none, failed = Failed}) -> {done, Failed};
ended(#run{crash = Crash}) -> Crash.

%% An atom is greater than any number.
wait_ms(Run, #{deadline_ms := DeadlineMs} = Options) ->
    max(0, lists:min([DeadlineMs, lists_ms(Run), stalls_ms(Run, Options)]) - now_ms()).

lists_ms(#run{pending = Pending, lister = none, list_ms = ListMs}) when map_size(Pending) > 0 ->
    ListMs;
lists_ms(_Run) ->
    infinity.

%% When attempts that hang have all places and others wait, one more may run.
stalls_ms(#run{queue = Queue, moved_ms = MovedMs} = Run, #{max := Max} = Options) ->
    case not gb_sets:is_empty(Queue) andalso limit(Run, Options) < Max of
        true -> MovedMs + ?STALL_MS;
        false -> infinity
    end.

stalled(#run{stalls = Stalls, connected = Before} = Run, Options) ->
    IsDue = now_ms() >= stalls_ms(Run, Options),
    case {IsDue, count(Options)} of
        {false, _} -> Run;
        {true, Before} -> Run#run{stalls = Stalls + 1, moved_ms = now_ms()};
        {true, Now} -> Run#run{connected = Now, moved_ms = now_ms()}
    end.

count(#{cluster := none}) -> 0;
count(_Options) -> length(erlang:nodes(connected)).

limit(_Run, #{max := Max, cluster := none}) ->
    Max;
limit(#run{stalls = Stalls}, #{max := Max, cluster := Count}) ->
    barnacle_attempts:limit(Max, #{nodes => Count, stalls => Stalls}).

fill(#run{queue = Queue, running = Running, pending = Pending} = Run, Options) ->
    Taken = map_size(Running) + map_size(Pending),
    case not gb_sets:is_empty(Queue) andalso Taken < limit(Run, Options) of
        true ->
            {{_, {Node, _} = Attempt}, Rest} = gb_sets:take_smallest(Queue),
            fill(start(is_done(Node, Options), Attempt, Run#run{queue = Rest}, Options), Options);
        false ->
            Run
    end.

is_done(Node, #{is_done := IsDone}) -> IsDone(Node);
is_done(_Node, _Options) -> false.

%% A node that has connected meanwhile takes no place.
start(true, _Attempt, Run, _Options) ->
    Run;
start(false, {Node, _} = Attempt, #run{running = Running} = Run, #{attempt := Do}) ->
    {Pid, Monitor} = child(fun() -> Do(Node) end, Run),
    Run#run{running = Running#{Pid => {Monitor, Attempt}}}.

%% A child returns its result as a message and ends normally: its function may have started
%% processes with a link.
child(Do, #run{ref = Ref}) ->
    Coordinator = self(),
    spawn_opt(
        fun() ->
            Result =
                try
                    {returned, Do()}
                catch
                    Class:Reason:Stacktrace ->
                        {crashed, exit_reason(Class, Reason, Stacktrace), Stacktrace}
                end,
            Coordinator ! {Ref, self(), Result}
        end,
        [link, monitor]
    ).

%% As the exit of a process that raised it.
exit_reason(throw, Reason, _Stacktrace) -> {nocatch, Reason};
exit_reason(error, Reason, Stacktrace) -> {Reason, Stacktrace};
exit_reason(exit, Reason, _Stacktrace) -> Reason.

%% A process that returned is not monitored any more.
returned(Pid, Result, #run{lister = {Pid, Monitor}} = Run, Options) ->
    demonitor(Monitor, [flush]),
    listed(Result, Run#run{lister = none}, Options);
returned(Pid, Result, #run{prober = {Pid, Monitor}} = Run, Options) ->
    demonitor(Monitor, [flush]),
    probe_ended(Result, Run#run{prober = none}, Options);
returned(Pid, Result, #run{running = Running} = Run, Options) when is_map_key(Pid, Running) ->
    {{Monitor, Attempt}, Rest} = maps:take(Pid, Running),
    demonitor(Monitor, [flush]),
    attempted(Attempt, Result, Run#run{running = Rest, moved_ms = now_ms()}, Options);
returned(_Pid, _Result, Run, _Options) ->
    Run.

attempted(_Attempt, {returned, ok}, Run, _Options) ->
    Run;
attempted({Node, _}, {returned, pending}, #run{pending = Pending} = Run, _Options) ->
    Run#run{pending = Pending#{Node => []}, list_ms = now_ms(), gap_ms = ?FIRST_GAP_MS};
attempted({Node, Reason}, {returned, {error, failed_to_connect}}, Run, _Options) ->
    failed(Node, Reason, Run);
attempted({Node, _}, {returned, {error, Reason}}, Run, _Options) ->
    failed(Node, Reason, Run);
attempted({Node, Reason}, _Crash, Run, #{crash := failed}) ->
    failed(Node, Reason, Run);
attempted(_Attempt, {crashed, _, _} = Crash, Run, _Options) ->
    crashed(Crash, Run).

crashed(Crash, #run{crash = none} = Run) -> Run#run{crash = Crash};
crashed(_Crash, Run) -> Run.

queued({Node, _} = Attempt, #run{queue = Queue} = Run, #{own := Own}) ->
    Run#run{queue = gb_sets:add_element({barnacle_attempts:rank(Node, Own), Attempt}, Queue)}.

failed(Node, Reason, #run{failed = Failed} = Run) ->
    Run#run{failed = [{Node, Reason} | Failed]}.

%% ---- pending attempts ----

start_lister(Run, Options) ->
    NowMs = now_ms(),
    case NowMs >= lists_ms(Run) of
        true -> next_list(NowMs, Run#run{lister = child(maps:get(list, Options), Run)}, Options);
        false -> Run
    end.

%% A list at the last moment, so that a node that is there by then does not fail.
next_list(NowMs, #run{gap_ms = GapMs} = Run, #{last_ms := LastMs}) ->
    NextMs =
        case NowMs >= LastMs of
            true -> infinity;
            false -> min(LastMs, NowMs + GapMs)
        end,
    Run#run{list_ms = NextMs, gap_ms = min(2 * GapMs, ?LAST_GAP_MS)}.

wake(true, Run) -> Run#run{list_ms = now_ms()};
wake(false, Run) -> Run.

listed({returned, {ok, Nodes}}, #run{pending = Pending} = Run, Options) ->
    Listed = maps:with(Nodes, Pending),
    Left =
        case maps:get(until, Options, listed) of
            listed -> maps:without(Nodes, Pending);
            unlisted -> Listed
        end,
    case map_size(Left) < map_size(Pending) of
        true -> Run#run{pending = Left, moved_ms = now_ms()};
        false -> Run
    end;
listed({returned, {error, _}}, Run, _Options) ->
    Run;
%% A list function that crashes would crash again: what is pending is not known any more.
listed({crashed, _, _} = Crash, Run, _Options) ->
    crashed(Crash, Run#run{pending = #{}}).

%% ---- the probe ----

%% Verdicts come as messages as they are reached, and all of them as the result.
start_probe([], Run, _Options) ->
    Run;
start_probe(Nodes, #run{ref = Ref} = Run, #{probe := Probe, last_ms := LastMs}) ->
    Coordinator = self(),
    %% It ends a little before the attempts do, so that its verdicts are read.
    TimeoutMs = max(1, LastMs - now_ms()),
    OnVerdicts = fun(Verdicts) -> Coordinator ! {Ref, verdicts, Verdicts} end,
    Run#run{
        unseen = maps:from_keys(Nodes, []),
        prober = child(fun() -> Probe(Nodes, TimeoutMs, OnVerdicts) end, Run)
    }.

judged(Verdicts, Run, Options) ->
    lists:foldl(fun(Judged, Acc) -> judge(Judged, Acc, Options) end, Run, Verdicts).

judge({Node, Verdict}, #run{unseen = Unseen} = Run0, Options) when is_map_key(Node, Unseen) ->
    Run = Run0#run{unseen = maps:remove(Node, Unseen)},
    case Verdict of
        ok -> queued({Node, handshake_failed}, Run, Options);
        unknown -> queued({Node, unprobed(Options)}, Run, Options);
        {error, Reason} -> refused(barnacle_registry:has_left(Node), Node, Reason, Run)
    end;
judge(_Judged, Run, _Options) ->
    Run.

unprobed(Options) -> maps:get(unprobed, Options, failed_to_connect).

%% A node that leaves does not fail.
refused(true, _Node, _Reason, Run) -> Run;
refused(false, Node, Reason, Run) -> failed(Node, Reason, Run).

probe_ended({returned, Verdicts}, Run, Options) ->
    judged(Verdicts, Run, Options);
probe_ended(_Crash, #run{unseen = Unseen} = Run, Options) ->
    judged([{Node, {error, not_probed}} || Node <- maps:keys(Unseen)], Run, Options).

ranked(Nodes, #{own := Own}) ->
    Ranked = [{barnacle_attempts:rank(Node, Own), Node} || Node <- Nodes],
    [Node || {_, Node} <- lists:sort(Ranked)].

%% ---- the end ----

give_up(#run{queue = Queue, unseen = Unseen, failed = Failed} = Run) ->
    Late = [{Node, not_probed} || Node <- maps:keys(Unseen)] ++
        [{Node, not_dialled} || {_, {Node, _}} <- gb_sets:to_list(Queue)] ++
        unfinished(timeout, Run#run{queue = gb_sets:empty(), unseen = #{}}),
    Run#run{failed = Late ++ Failed}.

unfinished(Reason, #run{queue = Queue, running = Running, pending = Pending, unseen = Unseen}) ->
    [{Node, Reason} || {_, {Node, _}} <- gb_sets:to_list(Queue)] ++
        [{Node, Reason} || {_, {Node, _}} <- maps:values(Running)] ++
        [{Node, Reason} || Node <- maps:keys(Pending) ++ maps:keys(Unseen)].

%% Ends all children and waits for their end: nothing of them begins afterwards.
ended_all(#run{running = Running, lister = Lister, prober = Prober} = Run) ->
    Children = [{Pid, Monitor} || {Pid, {Monitor, _}} <- maps:to_list(Running)] ++
        [Child || Child <- [Lister, Prober], Child =/= none],
    lists:foreach(fun({Pid, _}) -> exit(Pid, kill) end, Children),
    lists:foreach(
        fun({_, Monitor}) ->
            receive
                {'DOWN', Monitor, process, _, _} -> ok
            end
        end,
        Children
    ),
    Run.

now_ms() ->
    erlang:monotonic_time(millisecond).
