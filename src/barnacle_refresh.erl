%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_refresh).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The worker of a refresh: it discovers, and lists the nodes of a transport with a list of its own. It
takes values and returns observations. What follows from them is decided elsewhere
(barnacle_machine).

The owner receives messages {barnacle_refresh, Ref, Event}: {overdue, Function} if a function of the
user exceeds its time limit, and then nothing else; or else one of {discovered, Found, Strategy},
{listed, Listed} and {crashed, Reason, Stacktrace}.
""").

-export([discover/1, list/1, stop/1]).

-export_type([work/0, found/0]).

?DOC("""
plan, own_names: what is known. failed: nodes that could not be connected before. events: the
emitter of the refresh.
""").
-type work() :: #{
    options := barnacle_options:checked(),
    strategy := barnacle_strategy:t(),
    plan := barnacle_plan:plan(),
    own_names := [binary()],
    failed := [{node(), term()}],
    events := barnacle_event:emitter()
}.

?DOC("""
result: after the filter, with this node's own name in the place of its other names. node: the name
of this node now. ours: the connected nodes that pass the filter, if that matters. listed: none
without a list of its own.
""").
-type found() :: #{
    result := barnacle_plan:answer(),
    filtered := [barnacle_names:name()],
    own_names := [binary()],
    queried := [barnacle_strategy:queried()],
    hints := [barnacle_hints:hint()],
    ours := all | [node()],
    node := node(),
    listed := none | {ok, barnacle_transport:listed()} | {error, term()}
}.

%% 20 kB, for as long as a refresh takes: room for some hundred names, where a process that starts
%% small collects its garbage again and again.
-define(HEAP_WORDS, 2586).

?DOC("Starts a discovery in a worker, linked to the calling process, which owns and monitors it.").
-spec discover(work()) -> barnacle_worker:worker().
discover(Work) ->
    start(fun(Context) -> discover(Work, Context) end, maps:get(events, Work)).

?DOC("Starts a worker that lists the nodes of the transport.").
-spec list(#{options := barnacle_options:checked(), events := barnacle_event:emitter(), _ => _}) ->
    barnacle_worker:worker().
list(#{options := Options, events := Events}) ->
    start(fun(Context) -> {listed, listed(Options, Context)} end, Events).

?DOC("Ends a worker, wherever it is. No message of it arrives afterwards.").
-spec stop(barnacle_worker:worker()) -> ok.
stop(#{pid := Pid} = Worker) ->
    unlink(Pid),
    exit(Pid, kill),
    barnacle_worker:await_end(?MODULE, Worker).

start(Run, Events) ->
    Worker = fun(Owner, Ref) -> worker(Run, #{owner => Owner, ref => Ref}, Events) end,
    barnacle_worker:start(Worker, [{min_heap_size, ?HEAP_WORDS}]).

worker(Run, #{owner := Owner, ref := Ref} = Context, Events) ->
    Event =
        try
            Run(Context)
        catch
            Class:Reason:Stacktrace ->
                ok = barnacle_event:failed(Class, Reason, Stacktrace, Events),
                {crashed, exit_reason(Class, Reason, Stacktrace), Stacktrace}
        end,
    Owner ! {?MODULE, Ref, Event},
    ok.

%% As the exit of a process that raised it.
exit_reason(throw, Reason, _Stacktrace) -> {nocatch, Reason};
exit_reason(error, Reason, Stacktrace) -> {Reason, Stacktrace};
exit_reason(exit, Reason, _Stacktrace) -> Reason.

discover(#{options := Options, strategy := Strategy0, events := Events} = Work, Context) ->
    ok = barnacle_event:start(discovery, #{}, Events),
    TimeoutMs = barnacle_strategy:timeout(Strategy0, maps:get(strategy_timeout, Options)),
    {Discovered, Strategy} = calling(discover, TimeoutMs, Context, fun() ->
        barnacle_strategy:discover(Strategy0)
    end),
    Pass = fun(Names) -> pass(Names, Options, Context) end,
    {Named, Filtered} = barnacle_filter:answer(Discovered, Pass, maps:get(max_nodes, Options)),
    {Outcome, Names, Why} = barnacle_plan:parts(Named),
    ok = barnacle_event:stop(
        discovery, #{names => length(Names)}, #{outcome => Outcome, reason => Why}, Events
    ),
    {Result, OwnNames} = own_names(Named, Work),
    Listed = listed(Options, Context),
    Found = #{
        result => Result,
        filtered => Filtered,
        own_names => OwnNames,
        queried => queried(Result, Strategy),
        hints => hints(Named, #{filtered => Filtered, same => OwnNames}, Strategy, Work, Context),
        ours => ours(Listed, Options, Context),
        node => name(Options, Context),
        listed => Listed
    },
    {discovered, Found, Strategy}.

%% A predicate is the user's own function, so it has a time limit as the others have.
pass(Names, #{filter := Filter, strategy_timeout := TimeoutMs}, Context) ->
    calling(filter, TimeoutMs, Context, fun() -> barnacle_filter:partition(Names, Filter) end);
pass(Names, _Options, _Context) ->
    {Names, []}.

%% A transport of its own has names of its own.
own_names(Named, #{options := #{transport := Transport}, own_names := Before, plan := Plan}) ->
    case barnacle_transport:connects_by_distribution(Transport) of
        true -> barnacle_own:answer(Named, Before, Plan);
        false -> {Named, []}
    end.

%% Of a complete result there is nothing to explain.
queried({complete, _}, _Strategy) -> [];
queried(_Result, Strategy) -> barnacle_strategy:queried(Strategy).

hints(Named, Observed, Strategy, #{options := Options, failed := Failed}, Context) ->
    #{transport := Transport} = Options,
    of_transport(hints, Options, Context, fun() ->
        barnacle_hints:found(Strategy, Transport, Observed#{failed => Failed}, Named)
    end).

%% Only the mode undiscovered, and the functions of a custom strategy, disconnect what is listed.
ours(Listed, #{filter := _, transport := Transport} = Options, Context) ->
    Nodes =
        case Listed of
            {ok, #{known := Known}} -> Known;
            _ -> maps:get(known, element(2, barnacle_transport:connected(Transport)))
        end,
    element(1, pass(Nodes, Options, Context));
ours(_Listed, _Options, _Context) ->
    all.

name(#{transport := Transport} = Options, Context) ->
    of_transport(name, Options, Context, fun() -> barnacle_transport:name(Transport) end).

%% Distributed Erlang has no function of the user, so that it needs no time limit.
of_transport(Function, Options, Context, Call) ->
    #{transport := Transport, strategy_timeout := TimeoutMs} = Options,
    case barnacle_transport:is_distribution(Transport) of
        true -> Call();
        false -> calling(Function, TimeoutMs, Context, Call)
    end.

listed(#{transport := Transport, strategy_timeout := TimeoutMs}, Context) ->
    case barnacle_transport:has_list(Transport) of
        true ->
            List = fun() -> barnacle_transport:connected(Transport) end,
            calling(list, TimeoutMs, Context, List);
        false ->
            none
    end.

%% The owner ends a worker that waits in a function past its time. If it returns in that very
%% moment, it is overdue all the same.
calling(Function, TimeoutMs, #{owner := Owner, ref := Ref}, Call) ->
    Timer = erlang:send_after(TimeoutMs, Owner, {?MODULE, Ref, {overdue, Function}}),
    try Call() of
        Result ->
            %% A function that traps exits may have swallowed the one that was to end this worker.
            _ = process_flag(trap_exit, false),
            is_process_alive(Owner) orelse exit(owner_is_gone),
            is_integer(erlang:cancel_timer(Timer)) orelse exit({strategy_timeout, Function}),
            Result
    catch
        Class:Reason:Stacktrace ->
            _ = erlang:cancel_timer(Timer),
            erlang:raise(Class, Reason, Stacktrace)
    end.
