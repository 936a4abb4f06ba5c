%% SPDX-License-Identifier: Apache-2.0
-module(bed_wait).

%% Waiting for a state of the world, never for a time: a condition is looked at again and again
%% until it holds. The limit is for broken code only, and generous: a slow machine must not fail.

-export([until/2, until/3, gone/1]).

-define(LIMIT_MS, 60000).
-define(PAUSE_MS, 10).

%% Looks until Condition() gives true or {true, Value}, and gives ok or Value. Any other value is
%% 'not yet', and is in the error {never, What, LastValue} after a minute.
-spec until(What :: term(), fun(() -> true | {true, Value} | term())) -> ok | Value.
until(What, Condition) ->
    until(What, Condition, ?LIMIT_MS).

%% The same with a limit of one's own, in ms.
-spec until(What :: term(), fun(() -> true | {true, Value} | term()), non_neg_integer()) ->
    ok | Value.
until(What, Condition, LimitMs) ->
    look(What, Condition, now_ms() + bed_long:stretched(LimitMs)).

look(What, Condition, DeadlineMs) ->
    case Condition() of
        true ->
            ok;
        {true, Value} ->
            Value;
        NotYet ->
            case now_ms() > DeadlineMs of
                true ->
                    error({never, What, NotYet});
                false ->
                    receive
                    after ?PAUSE_MS -> ok
                    end,
                    look(What, Condition, DeadlineMs)
            end
    end.

%% Waits until a process of this node has ended, and gives its exit reason.
-spec gone(pid()) -> Reason :: term().
gone(Pid) ->
    Monitor = monitor(process, Pid),
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after bed_long:stretched(?LIMIT_MS) -> error({never, {gone, Pid}, process_info(Pid)})
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
