%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_spawn).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Processes in a VM that may have no room for another one (erl +P): what is to be done then fails, and
the process that wanted it lives on.
""").

-export([start/2, start/3, refused/0]).

-export_type([refused/0]).

?DOC("The VM has as many processes as it may have.").
-type refused() :: {too_many_processes, Max :: pos_integer()}.

?DOC("As erlang:spawn_opt/2, but for a VM without room.").
-spec start(fun(() -> term()), [link | monitor | {min_heap_size, pos_integer()}]) ->
    {ok, pid() | {pid(), reference()}} | {error, refused()}.
start(Fun, Options) ->
    start(Fun, Options, 1).

?DOC("The same where there must be room for so many processes.").
-spec start(fun(() -> term()), [link | monitor | {min_heap_size, pos_integer()}], pos_integer()) ->
    {ok, pid() | {pid(), reference()}} | {error, refused()}.
start(Fun, Options, Room) ->
    %% Looked at before, since each spawn in vain is an error in the emulator's log.
    case erlang:system_info(process_limit) - erlang:system_info(process_count) >= Room of
        true ->
            try
                {ok, erlang:spawn_opt(Fun, Options)}
            catch
                error:system_limit -> {error, refused()}
            end;
        false ->
            {error, refused()}
    end.

?DOC("What is said of a VM without room.").
-spec refused() -> refused().
refused() ->
    {too_many_processes, erlang:system_info(process_limit)}.
