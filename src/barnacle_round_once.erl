%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_round_once).

-include("barnacle_doc.hrl").

?MODULEDOC("One round without a server: a process that owns it stands in for one.").

-export([run/1]).

?DOC("""
A round from begin to end for the calling process, which it ends with, and which it cannot take with
it. Exits with the reason that a function of the strategy crashed with, or
{strategy_timeout, Function}.
""").
-spec run(barnacle_round:work()) -> barnacle_plan:result().
%% The owner hands over the result as its exit reason.
-dialyzer({nowarn_function, run/1}).
run(Work) ->
    Caller = self(),
    %% A shutdown, so that the registry forgets at once what it wanted.
    Own = fun() -> exit({shutdown, {once, own(Caller, Work)}}) end,
    {_Owner, Monitor} = spawn_monitor(Own),
    result(Monitor).

result(Monitor) ->
    receive
        {'DOWN', Monitor, process, _, {shutdown, {once, {result, Result}}}} -> Result;
        {'DOWN', Monitor, process, _, {shutdown, {once, {crashed, Reason}}}} -> exit(Reason);
        {'DOWN', Monitor, process, _, Reason} -> exit(Reason)
    end.

%% The owner of a round that has no server.
own(Caller, Work) ->
    process_flag(trap_exit, true),
    CallerMonitor = monitor(process, Caller),
    Worker = barnacle_round:start(Work),
    Outcome = await(Worker, CallerMonitor),
    ok = barnacle_round:cancel(Worker),
    Outcome.

await(#{ref := Ref, monitor := Monitor}, CallerMonitor) ->
    receive
        {barnacle_round, Ref, {overdue, Function}} ->
            {crashed, {strategy_timeout, Function}};
        {barnacle_round, Ref, {done, #{result := Result}}} ->
            {result, Result};
        {barnacle_round, Ref, {crashed, Reason, _Stacktrace}} ->
            {crashed, Reason};
        {'DOWN', Monitor, process, _, Reason} ->
            {crashed, Reason};
        {'DOWN', CallerMonitor, process, _, Reason} ->
            {crashed, Reason}
    end.
