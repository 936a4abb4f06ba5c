%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_worker).

-include("barnacle_doc.hrl").

?MODULEDOC("""
A worker process and its owner: how it starts, and how the owner waits for its end. Its messages are
{Module, Ref, Event}.
""").

-export([start/2, await_end/2]).

-export_type([worker/0]).

-type worker() :: #{pid := pid(), monitor := reference(), ref := reference()}.

?DOC("Starts a worker, linked to the calling process, which owns and monitors it.").
-spec start(fun((Owner :: pid(), Ref :: reference()) -> term()), [
    {min_heap_size, pos_integer()}
]) -> worker().
start(Run, Options) ->
    Owner = self(),
    Ref = make_ref(),
    {Pid, Monitor} = spawn_opt(fun() -> Run(Owner, Ref) end, [link, monitor | Options]),
    #{pid => Pid, monitor => Monitor, ref => Ref}.

?DOC("""
Waits for the end of a worker that was told to end. No message {Module, Ref, _} of it arrives
afterwards.
""").
-spec await_end(module(), worker()) -> ok.
await_end(Module, #{pid := Pid, monitor := Monitor} = Worker) ->
    %% The owner may have received the first monitor's message already.
    demonitor(Monitor, [flush]),
    Gone = monitor(process, Pid),
    receive
        {'DOWN', Gone, process, _, _} -> ok
    end,
    unlink(Pid),
    flush(Module, Worker).

%% The exit signal of a linked worker is a message if the owner traps exits.
flush(Module, #{pid := Pid, ref := Ref} = Worker) ->
    receive
        {Module, Ref, _} -> flush(Module, Worker);
        {'EXIT', Pid, _} -> flush(Module, Worker)
    after 0 -> ok
    end.
