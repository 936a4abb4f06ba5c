%% SPDX-License-Identifier: Apache-2.0
-module(facade_support).

%% What the suites of the Gleam face share: strategies whose discovery the test answers, subjects,
%% and a supervisor that starts what a Gleam child specification holds.

-behaviour(supervisor).

-export([held/0, held/1, discovery/0, answer/2, answer/1]).
-export([cases/2, started/1, subject/0, next/1, nothing/1, ask/1, result/1, down/1]).
-export([supervise/1, start_child/1, init/1]).

-define(LIMIT_MS, 60000).

%% For all/0: every function of one argument that a suite exports, but for what Common Test itself
%% calls and the Others.
cases(Suite, Others) ->
    Names = [Name || {Name, 1} <- Suite:module_info(exports)],
    (Names -- [module_info, init_per_suite, end_per_suite]) -- Others.

%% For init_per_suite: the application runs, with its library.
started(Config) ->
    {ok, _} = application:ensure_all_started(barnacle),
    ok = barnacle_native:available(),
    Config.

%% A strategy whose discoveries wait for the calling process.
held() ->
    held(fun(Strategy) -> Strategy end).

%% The same with functions added.
held(Add) ->
    Test = self(),
    Discover = fun() ->
        Ref = make_ref(),
        Test ! {discovery, self(), Ref},
        receive
            {Ref, Answer} -> Answer
        end
    end,
    barnacle:custom(Add(barnacle:new_strategy(Discover))).

%% The next discovery that waits.
discovery() ->
    receive
        {discovery, Worker, Ref} -> {Worker, Ref}
    after ?LIMIT_MS -> error(no_discovery)
    end.

answer({Worker, Ref}, Answer) ->
    Worker ! {Ref, Answer},
    ok.

answer(Answer) ->
    answer(discovery(), Answer).

%% As process.new_subject of gleam_erlang.
subject() ->
    gleam@erlang@process:new_subject().

%% The next message of a subject.
next({subject, Pid, Tag}) when Pid =:= self() ->
    receive
        {Tag, Message} -> Message
    after ?LIMIT_MS -> error({nothing_on_subject, Tag})
    end.

%% That a subject has no message.
nothing({subject, Pid, Tag}) when Pid =:= self() ->
    receive
        {Tag, Message} -> error({unexpected, Message})
    after 0 -> ok
    end.

%% Runs a function in a process that does not trap exits.
ask(Fun) ->
    Ref = make_ref(),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({Ref, Fun()}) end),
    {Pid, Monitor, Ref}.

%% {ok, Value}, or {exit, Reason} where it ended early.
result({_, Monitor, Ref}) ->
    receive
        {'DOWN', Monitor, process, _, {Ref, Value}} -> {ok, Value};
        {'DOWN', Monitor, process, _, Reason} -> {exit, Reason}
    after ?LIMIT_MS -> error(no_result)
    end.

%% The reason that a monitored process ends with.
down(Monitor) ->
    receive
        {'DOWN', Monitor, process, _, Reason} -> Reason
    after ?LIMIT_MS -> error(still_alive)
    end.

%% As gleam/otp/static_supervisor starts a child specification.
supervise({child_specification, Start, Restart, Significant, {worker, ShutdownMs}}) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, []),
    {ok, Pid} = supervisor:start_child(Supervisor, #{
        id => barnacle,
        start => {?MODULE, start_child, [Start]},
        restart => Restart,
        significant => Significant,
        shutdown => ShutdownMs,
        type => worker
    }),
    {Supervisor, Pid}.

start_child(Start) ->
    case Start() of
        {ok, {started, Pid, _Subject}} -> {ok, Pid};
        {error, Reason} -> {error, Reason}
    end.

-spec init([]) -> {ok, {supervisor:sup_flags(), []}}.
init([]) ->
    {ok, {#{strategy => one_for_one, intensity => 100, period => 1}, []}}.
