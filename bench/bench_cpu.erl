%% SPDX-License-Identifier: Apache-2.0
-module(bench_cpu).

%% The CPU time that a node of the test-bed uses, user's and system's, all its threads together:
%% looked at from outside, for the VM itself only knows the user's part to the millisecond.

-export([start/0, ms/3]).

-export_type([clock/0]).

-type clock() :: port().

-define(LIMIT_MS, 10000).

%% Belongs to the caller, and ends with it.
-spec start() -> clock().
start() ->
    open_port({spawn_executable, "_build/bench/bin/cpu_clock"}, [{line, 100}, binary]).

%% What a node has used when a call is over, in ms.
-spec ms(clock(), bed_node:name(), fun(() -> term())) -> float().
ms(Clock, Node, Call) ->
    Pid = bed_node:os_pid(Node),
    Before = ns(Clock, Pid),
    _ = Call(),
    (ns(Clock, Pid) - Before) / 1.0e6.

ns(Clock, Pid) ->
    true = port_command(Clock, [integer_to_list(Pid), $\n]),
    receive
        {Clock, {data, {eol, Line}}} -> binary_to_integer(Line)
    after ?LIMIT_MS -> error(no_answer_of_cpu_clock)
    end.
