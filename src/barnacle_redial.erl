%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_redial).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Dials wanted nodes again without waiting for a round: those whose link was lost, and those that
failed, each when barnacle_retry says. One worker process at a time does it. It is no round: it asks
no source and answers no caller. A poll leaves its nodes to it; a refresh dials them itself, and it
ends where one begins.

The owner is a server that traps exits; it hands in what it hears: links that come and go, rounds
that begin and end, and the messages {timeout, Timer, retry}, {barnacle_redial, Ref, Failures} and
{'EXIT', Pid, Reason}, of which info/2 knows its own.
""").

-export([new/2, node_up/2, node_down/3, round_ended/3, rest/1, wait/1, info/2]).
-export([forget/2, left_alone/1, find/2]).

-export_type([redial/0]).

-record(worker, {pid :: pid(), ref :: reference(), nodes :: [node()]}).

-record(redial, {
    settings :: barnacle_options:checked(),
    gate :: barnacle_gate:gate(),
    retries = barnacle_retry:new() :: barnacle_retry:retries(),
    timer = none :: none | reference(),
    worker = none :: none | #worker{}
}).

-opaque redial() :: #redial{}.

?DOC("Nobody is to be dialled again.").
-spec new(barnacle_options:checked(), barnacle_gate:gate()) -> redial().
new(Settings, Gate) ->
    #redial{settings = Settings, gate = Gate}.

?DOC("A wanted node is linked: a reason to try the others sooner. wait/1 makes it so.").
-spec node_up(node(), redial()) -> redial().
node_up(Node, #redial{retries = Retries, settings = Settings} = Redial) ->
    NowMs = now_ms(),
    Up = barnacle_retry:up(Node, NowMs, Retries),
    Redial#redial{retries = barnacle_retry:reset(NowMs, Settings, Up)}.

?DOC("The link to a wanted node was lost. wait/1 makes it be dialled again.").
-spec node_down(node(), Reason :: term(), redial()) -> redial().
node_down(Node, Reason, #redial{retries = Retries, settings = Settings} = Redial) ->
    Redial#redial{retries = barnacle_retry:down({Node, Reason}, now_ms(), Settings, Retries)}.

?DOC("""
A round dialled nodes, some in vain; failures of others, which it left alone, say nothing new. Who
is not wanted any more is forgotten.
""").
-spec round_ended({[node()], [{node(), term()}]}, fun((node()) -> boolean()), redial()) ->
    redial().
round_ended({Tried, Failed}, IsWanted, #redial{retries = Before, settings = Settings} = Redial) ->
    TriedNow = maps:from_keys(Tried, true),
    Failures = [Failure || {Node, _} = Failure <- Failed, is_map_key(Node, TriedNow)],
    %% Who has just left was not dialled at all.
    Dialled = [Node || Node <- Tried, not barnacle_registry:has_left(Node)],
    At = {now_ms(), Settings},
    Retries = barnacle_retry:dialled({Dialled, Failures}, is_linked(), At, Before),
    Redial#redial{retries = barnacle_retry:keep(IsWanted, At, Retries)}.

?DOC("Dials nobody until wait/1; a running dial is no longer waited for.").
-spec rest(redial()) -> redial().
rest(#redial{timer = Timer, worker = Worker} = Redial) ->
    _ = Timer =:= none orelse erlang:cancel_timer(Timer),
    Worker =:= none orelse cancel(Worker),
    Redial#redial{timer = none, worker = none}.

?DOC("Waits for the next node's time, with a timer of the calling process.").
-spec wait(redial()) -> redial().
wait(#redial{worker = #worker{}} = Redial) ->
    Redial;
wait(#redial{retries = Retries} = Redial) ->
    Rested = rest(Redial),
    case barnacle_retry:next(Retries) of
        none ->
            Rested;
        NextMs ->
            Rested#redial{timer = erlang:start_timer(NextMs, self(), retry, [{abs, true}])}
    end.

?DOC("Takes a message of its own: {ok, Redial}. Others are ignored.").
-spec info(term(), redial()) -> {ok, redial()} | ignored.
info({timeout, Timer, retry}, #redial{timer = Timer} = Redial) ->
    {ok, dial(Redial#redial{timer = none})};
info({barnacle_redial, Ref, Failures}, #redial{worker = #worker{ref = Ref} = Worker} = Redial) ->
    {ok, ended(Worker#worker.nodes, Failures, Redial)};
info({'EXIT', Pid, _}, #redial{worker = #worker{pid = Pid, nodes = Nodes}} = Redial) ->
    {ok, ended(Nodes, [{Node, unknown} || Node <- Nodes], Redial)};
info(_, #redial{}) ->
    ignored.

?DOC("A node is not to be dialled again.").
-spec forget(node(), redial()) -> redial().
forget(Node, #redial{retries = Retries} = Redial) ->
    Redial#redial{retries = barnacle_retry:forget(Node, Retries)}.

?DOC("""
Whom a poll does not dial, each with why its last dial failed: they are dialled here when their time
comes, also while a poll's round runs, so no dead host holds up a round again and again.
""").
-spec left_alone(redial()) -> #{node() => Reason :: term()}.
left_alone(#redial{retries = Retries}) ->
    barnacle_retry:failing(Retries).

?DOC("What is known of a node that fails, or failed a short while ago.").
-spec find(node(), redial()) -> barnacle_retry:retry() | none.
find(Node, #redial{retries = Retries}) ->
    barnacle_retry:find(Node, Retries).

dial(#redial{retries = Retries} = Redial) ->
    case barnacle_retry:due(now_ms(), Retries) of
        [] ->
            wait(Redial);
        Nodes ->
            Owner = self(),
            Ref = make_ref(),
            Dial = fun() -> Owner ! {barnacle_redial, Ref, connect(Nodes, Owner, Redial)} end,
            Worker = #worker{pid = spawn_link(Dial), ref = Ref, nodes = Nodes},
            Redial#redial{worker = Worker}
    end.

connect(Nodes, Owner, #redial{settings = Settings, gate = Gate}) ->
    Events = barnacle_event:open(barnacle_event:metadata(Owner, retry, Settings)),
    StartedAt = erlang:monotonic_time(),
    Failures = barnacle_links:connect(Nodes, Settings, Gate),
    ok = barnacle_event:links(connect, Nodes, Failures, StartedAt, Events),
    Failures.

%% Whoever was forgotten meanwhile, for it has left, is not to be dialled again.
ended(Dialled, Failed, #redial{retries = Before, settings = Settings} = Redial) ->
    IsKnown = fun(Node) -> barnacle_retry:find(Node, Before) =/= none end,
    Nodes = lists:filter(IsKnown, Dialled),
    Failures = [Failure || {Node, _} = Failure <- Failed, IsKnown(Node)],
    At = {now_ms(), Settings},
    Retries = barnacle_retry:dialled({Nodes, Failures}, is_linked(), At, Before),
    wait(Redial#redial{worker = none, retries = Retries}).

%% Of now: a link may be gone before anybody has heard that its node is wanted.
is_linked() ->
    Linked = maps:from_keys([node() | barnacle_links:connected()], true),
    fun(Node) -> is_map_key(Node, Linked) end.

cancel(#worker{pid = Pid, ref = Ref}) ->
    unlink(Pid),
    exit(Pid, kill),
    Gone = monitor(process, Pid),
    receive
        {'DOWN', Gone, process, _, _} -> ok
    end,
    receive
        {barnacle_redial, Ref, _} -> ok
    after 0 -> ok
    end,
    receive
        {'EXIT', Pid, _} -> ok
    after 0 -> ok
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
