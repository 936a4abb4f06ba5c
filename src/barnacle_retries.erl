%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_retries).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The sub-machine that connects nodes again: those whose connection was lost, and those that could not
be connected, each when its retry delay (barnacle_retry) is over. Pure.

It needs no refresh: one worker at a time connects the nodes that are due. A poll leaves nodes alone
that wait out a retry delay. A refresh that was called connects them itself, and no retry runs
beside it.
""").

-export([new/1, handle/4, failing/1, find/2]).

-export_type([retries/0]).

%% attempted: the nodes of the worker that runs.
-record(retries, {
    retry :: barnacle_retry:retries(),
    generation = 0 :: non_neg_integer(),
    is_armed = false :: boolean(),
    attempted = none :: none | [node()]
}).

-opaque retries() :: #retries{}.

-type done() :: {retries(), [Effect :: term()]}.

?DOC("No node fails.").
-spec new(barnacle_machine:settings()) -> retries().
new(_Settings) ->
    #retries{retry = barnacle_retry:new()}.

?DOC("The nodes that wait out a retry delay or are being connected again, each with the reason.").
-spec failing(retries()) -> #{node() => Reason :: term()}.
failing(#retries{retry = Retry}) ->
    barnacle_retry:failing(Retry).

?DOC("What is known of a node that fails, or failed a short while ago.").
-spec find(node(), retries()) -> barnacle_retry:retry() | none.
find(Node, #retries{retry = Retry}) ->
    barnacle_retry:find(Node, Retry).

?DOC("Takes one event. An event of another sub-machine changes nothing.").
-spec handle(term(), NowMs :: integer(), retries(), View :: map()) -> done().
handle({up, Node, _}, NowMs, Own, #{settings := Settings} = View) ->
    case is_wanted(Node, View) of
        true ->
            Up = barnacle_retry:up(Node, NowMs, Own#retries.retry),
            armed(NowMs, Own#retries{retry = barnacle_retry:reset(NowMs, Settings, Up)}, View);
        false ->
            {Own, []}
    end;
handle({down, Node, _, Reason}, NowMs, Own, #{settings := S} = View) ->
    case is_wanted(Node, View) of
        true ->
            Down = barnacle_retry:down({Node, Reason}, NowMs, S, Own#retries.retry),
            armed(NowMs, Own#retries{retry = Down}, View);
        false ->
            {Own, []}
    end;
handle({leaving, Node}, _NowMs, #retries{retry = Retry} = Own, _View) ->
    {Own#retries{retry = barnacle_retry:forget(Node, Retry)}, []};
handle({timeout, retry, Generation}, NowMs, #retries{generation = Generation} = Own, View) ->
    due(NowMs, Own#retries{is_armed = false}, View);
handle({connected, retry, Failed}, NowMs, #retries{attempted = [_ | _] = Nodes} = Own, View) ->
    attempted(Nodes, Failed, NowMs, Own, View);
handle({crashed, retry, Reason, Stack}, NowMs, #retries{attempted = [_ | _] = Nodes} = Own, View) ->
    Failed = [{Node, {crashed, Reason}} || Node <- Nodes],
    {Next, Effects} = attempted(Nodes, Failed, NowMs, Own, View),
    {Next, Effects ++ [{log, {retry_crashed, Reason, Stack}}]};
handle('begin', _NowMs, Own, #{phase := asked, trigger := refresh}) ->
    rest(Own);
handle({mode, Mode}, _NowMs, Own, _View) when Mode =/= running ->
    rest(Own);
handle({ended, {crashed, _}}, NowMs, Own, View) ->
    armed(NowMs, Own, View);
handle({ended, Outcome}, NowMs, Own, View) ->
    armed(NowMs, ended(Outcome, NowMs, Own, View), View);
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

%% Nodes that the refresh left alone failed before, and say nothing new.
ended(#{tried := Tried, failed := Failed}, NowMs, #retries{retry = Before} = Own, View) ->
    #{settings := Settings, announced := Announced} = View,
    TriedNow = maps:from_keys(Tried, true),
    Failures = [
        Failure
     || {Node, _} = Failure <- Failed, is_map_key(Node, TriedNow), not is_there(Node, View)
    ],
    %% A node that has just left was not attempted.
    Nodes = [Node || Node <- Tried, not is_map_key(Node, Announced)],
    At = {NowMs, Settings},
    Retry = barnacle_retry:dialled({Nodes, Failures}, is_connected(View), At, Before),
    Own#retries{retry = barnacle_retry:keep(fun(Node) -> is_wanted(Node, View) end, At, Retry)}.

attempted(Attempted, Failed, NowMs, #retries{retry = Before} = Own, View) ->
    %% A node that was forgotten meanwhile, for it has left, is not to be connected again.
    IsKnown = fun(Node) -> barnacle_retry:find(Node, Before) =/= none end,
    Nodes = lists:filter(IsKnown, Attempted),
    Failures = [
        Failure
     || {Node, _} = Failure <- Failed, IsKnown(Node), not is_there(Node, View)
    ],
    At = {NowMs, maps:get(settings, View)},
    Retry = barnacle_retry:dialled({Nodes, Failures}, is_connected(View), At, Before),
    {Armed, Effects} = armed(NowMs, Own#retries{attempted = none, retry = Retry}, View),
    {Armed, [{signal, poll_now} || is_list_older(Nodes, Failures, View)] ++ Effects}.

%% A transport with a list of its own need not report the nodes that it has connected.
is_list_older(Nodes, Failures, #{settings := #{own_list := true}}) ->
    length(Nodes) > length(Failures);
is_list_older(_Nodes, _Failures, _View) ->
    false.

%% A node may be absent since the refresh that runs has its discovery.
due(NowMs, #retries{retry = Before} = Own, #{settings := Settings} = View) ->
    IsWanted = fun(Node) -> is_wanted(Node, View) end,
    Retry = barnacle_retry:keep(IsWanted, {NowMs, Settings}, Before),
    case barnacle_retry:due(NowMs, Retry) of
        [] -> armed(NowMs, Own#retries{retry = Retry}, View);
        Nodes -> {Own#retries{retry = Retry, attempted = Nodes}, [{connect, retry, Nodes}]}
    end.

%% The timer of the next node. None while a worker runs, or a refresh connects all nodes itself.
armed(NowMs, #retries{attempted = none, retry = Retry} = Own, #{mode := running, trigger := T}) when
    T =/= refresh
->
    case barnacle_retry:next(Retry) of
        none ->
            unarmed(Own);
        NextMs ->
            Generation = Own#retries.generation + 1,
            {Own#retries{generation = Generation, is_armed = true}, [
                {timer, retry, Generation, max(0, NextMs - NowMs)}
            ]}
    end;
armed(_NowMs, Own, _View) ->
    {Own, []}.

unarmed(#retries{is_armed = true, generation = Generation} = Own) ->
    {Own#retries{is_armed = false, generation = Generation + 1}, [{cancel_timer, retry}]};
unarmed(Own) ->
    {Own, []}.

%% A retry that runs is no longer waited for.
rest(#retries{attempted = none} = Own) ->
    unarmed(Own);
rest(Own) ->
    {Rested, Effects} = unarmed(Own#retries{attempted = none}),
    {Rested, [{stop_work, retry} | Effects]}.

is_wanted(Node, #{plan := Plan}) ->
    barnacle_plan:is_wanted(Node, Plan).

%% A node whose attempt failed may have connected this one since.
is_there(Node, #{settings := #{own_list := IsOwn}, connected := Connected}) ->
    not IsOwn andalso is_map_key(Node, Connected).

%% A transport without events: an attempt that did not fail has connected its node.
is_connected(#{settings := #{own_list := true}}) ->
    fun(_) -> true end;
is_connected(#{settings := #{own_connect := true}}) ->
    %% OTP need not see what a function of a custom strategy has connected.
    fun(_) -> true end;
is_connected(#{settings := #{node := Self}, connected := Connected}) ->
    fun(Node) -> is_map_key(Node, Connected) orelse Node =:= Self end.
