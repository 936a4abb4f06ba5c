%% SPDX-License-Identifier: Apache-2.0
-module(bench_watch).

%% When a node's links come and go, by the system's clock, which all nodes of one machine share.
%% Called in the node.

-export([start/0, seen/0, await_gone/1]).

-export_type([event/0]).

-type event() :: {up | down, node(), AtUs :: integer()}.

%% Watches from now on.
-spec start() -> ok.
start() ->
    Caller = self(),
    Watcher = spawn(fun() ->
        true = register(?MODULE, self()),
        ok = net_kernel:monitor_nodes(true),
        Caller ! {self(), watching},
        loop([], none)
    end),
    receive
        {Watcher, watching} -> ok
    end.

%% All that came and went, in its order.
-spec seen() -> [event()].
seen() ->
    ask(seen).

%% Returns when none of these is linked.
-spec await_gone([node()]) -> ok.
await_gone(Nodes) ->
    ask({await_gone, Nodes}).

ask(Question) ->
    Monitor = monitor(process, ?MODULE),
    ?MODULE ! {ask, self(), Question},
    receive
        {?MODULE, Answer} ->
            true = demonitor(Monitor, [flush]),
            Answer;
        {'DOWN', Monitor, process, _, Reason} ->
            error(Reason)
    end.

loop(Events, Waiting0) ->
    Waiting = answer(Waiting0),
    receive
        {nodeup, Node} -> loop([{up, Node, os:system_time(microsecond)} | Events], Waiting);
        {nodedown, Node} -> loop([{down, Node, os:system_time(microsecond)} | Events], Waiting);
        {ask, Caller, seen} -> Caller ! {?MODULE, lists:reverse(Events)}, loop(Events, Waiting);
        {ask, Caller, {await_gone, Nodes}} -> loop(Events, {Caller, Nodes})
    end.

answer(none) ->
    none;
answer({Caller, Nodes} = Waiting) ->
    case Nodes -- (Nodes -- nodes(connected)) of
        [] -> Caller ! {?MODULE, ok}, none;
        _ -> Waiting
    end.
