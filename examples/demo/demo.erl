%% SPDX-License-Identifier: Apache-2.0
-module(demo).

%% The demo's beginning and end: runs the story in a process to which all that it starts is linked,
%% and ends the VM when all of that is gone, whether the story was told or interrupted.

-behaviour(gen_event).

-export([main/1]).
-export([init/1, handle_event/2, handle_call/2]).

-define(END_MS, 30000).
-define(INTERRUPTED, 130).

%% Arguments: live or plain; none, dns or join (what is broken on purpose); the limit of a step, in
%% seconds.
-spec main([string()]) -> no_return().
main([Look, Break, LimitS]) ->
    process_flag(trap_exit, true),
    %% It may be stopping the VM already, then there is no handler.
    _ = gen_event:delete_handler(erl_signal_server, erl_signal_handler, []),
    ok = gen_event:add_handler(erl_signal_server, ?MODULE, self()),
    Story = spawn_link(fun() ->
        exit(
            demo_story:tell(#{
                look => list_to_atom(Look),
                break => list_to_atom(Break),
                limit_ms => list_to_integer(LimitS) * 1000
            })
        )
    end),
    receive
        {'EXIT', Story, {seen, Text}} -> finish(Text, 0);
        {'EXIT', Story, {not_seen, Text}} -> finish(Text, 1);
        {'EXIT', Story, Reason} -> finish(io_lib:format("~nFAILED: ~p~n", [Reason]), 1);
        interrupted -> finish(interrupt(Story), ?INTERRUPTED)
    end.

%% The story stops what it has started before it ends by itself; here it must be stopped.
interrupt(Story) ->
    Linked =
        case process_info(Story, links) of
            {links, Links} -> [Pid || Pid <- Links, is_pid(Pid), Pid =/= self()];
            undefined -> []
        end,
    Monitors = [monitor(process, Pid) || Pid <- [Story | Linked]],
    exit(Story, shutdown),
    lists:foreach(
        fun(Monitor) ->
            receive
                {'DOWN', Monitor, process, _, _} -> ok
            after ?END_MS -> ok
            end
        end,
        Monitors
    ),
    "\ninterrupted; everything is stopped\n".

-spec finish(unicode:chardata(), 0..255) -> no_return().
finish(Text, Status) ->
    io:put_chars(Text),
    halt(Status).

-spec init(pid()) -> {ok, pid()}.
init(Main) ->
    {ok, Main}.

-spec handle_event(atom(), pid()) -> {ok, pid()}.
handle_event(sigterm, Main) ->
    Main ! interrupted,
    {ok, Main};
handle_event(_Signal, Main) ->
    {ok, Main}.

-spec handle_call(term(), pid()) -> {ok, ok, pid()}.
handle_call(_, Main) ->
    {ok, ok, Main}.
