%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gate).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What a running round asks before each connect and each cut. A server closes its gate in pause, with
no message to the round, so that nothing begins after pause has returned.
""").

-export([new/0, open/1, close/1, pass/2]).

-export_type([gate/0]).

-opaque gate() :: atomics:atomics_ref().

?DOC("An open gate.").
-spec new() -> gate().
new() ->
    Gate = atomics:new(1, []),
    ok = open(Gate),
    Gate.

-spec open(gate()) -> ok.
open(Gate) ->
    atomics:put(Gate, 1, 1).

-spec close(gate()) -> ok.
close(Gate) ->
    atomics:put(Gate, 1, 0).

?DOC("""
Runs the function where the gate is open, else gives closed. Yields first: a process that has just
been scheduled is not descheduled between the look at the gate and the call.
""").
-spec pass(gate(), fun(() -> Result)) -> Result | closed.
pass(Gate, Fun) ->
    erlang:yield(),
    case atomics:get(Gate, 1) of
        1 -> Fun();
        0 -> closed
    end.
