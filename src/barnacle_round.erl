%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_round).

-include("barnacle_doc.hrl").

?MODULEDOC("""
One refresh, in a worker process of its own: discover, list, connect and disconnect, list again.

The worker does nothing until it is told to go, so that every refresh that was asked for before
shares the round. It reports to its owner in messages {barnacle_round, Ref, Event}:
ready; {calling, Function, DeadlineMs} before each function of the strategy that may overstay;
returned after it; then one of {done, Outcome} or {crashed, Reason, Stacktrace}.
""").

-export([start/1, go/2, cancel/1, once/1]).

-export_type([work/0, worker/0, outcome/0, trigger/0]).

-type trigger() :: poll | refresh.

-type work() :: #{
    options := barnacle_options:checked(),
    strategy := barnacle_strategy:t(),
    plan := barnacle_plan:plan(),
    gate := barnacle_gate:gate(),
    left_alone => #{node() => Reason :: term()}
}.

-type worker() :: #{pid := pid(), monitor := reference(), ref := reference()}.

-type outcome() :: #{
    result := barnacle_plan:result(),
    answer := barnacle_plan:answer(),
    strategy := barnacle_strategy:t(),
    plan := barnacle_plan:plan(),
    visible := [node()],
    tried := [node()],
    failed := [{node(), term()}],
    refused := [{binary(), barnacle_names:refusal()}],
    cut := [node()],
    departed := barnacle_plan:departed()
}.

?DOC("Starts a worker, linked to the caller, who is its owner.").
-spec start(work()) -> worker().
start(Work) ->
    Owner = self(),
    Ref = make_ref(),
    {Pid, Monitor} = spawn_opt(fun() -> worker(Owner, Ref, Work) end, [link, monitor]),
    #{pid => Pid, monitor => Monitor, ref => Ref}.

?DOC("Lets a worker that is ready begin, for a poll or for somebody's refresh.").
-spec go(worker(), trigger()) -> ok.
go(#{pid := Pid, ref := Ref}, Trigger) ->
    Pid ! {Ref, go, Trigger},
    ok.

?DOC("Ends a worker wherever it is; no message of it arrives afterwards.").
-spec cancel(worker()) -> ok.
cancel(#{pid := Pid, monitor := Monitor} = Worker) ->
    unlink(Pid),
    exit(Pid, kill),
    %% The owner may have had the first monitor's message already.
    demonitor(Monitor, [flush]),
    Gone = monitor(process, Pid),
    receive
        {'DOWN', Gone, process, _, _} -> ok
    end,
    flush(Worker).

?DOC("""
A round from begin to end for the calling process, which it ends with, and which it cannot take with
it. Exits with the reason that a function of the strategy crashed with, or
{strategy_timeout, Function}.
""").
-spec once(work()) -> barnacle_plan:result().
%% The owner hands over the result as its exit reason.
-dialyzer({nowarn_function, once/1}).
once(Work) ->
    Caller = self(),
    {_Owner, Monitor} = spawn_monitor(fun() -> exit({once, own(Caller, Work)}) end),
    receive
        {'DOWN', Monitor, process, _, {once, {result, Result}}} -> Result;
        {'DOWN', Monitor, process, _, {once, {crashed, Reason}}} -> exit(Reason);
        {'DOWN', Monitor, process, _, Reason} -> exit(Reason)
    end.

%% The owner of a round that has no server.
own(Caller, Work) ->
    process_flag(trap_exit, true),
    CallerMonitor = monitor(process, Caller),
    #{ref := Ref} = Worker = start(Work),
    receive
        {barnacle_round, Ref, ready} -> ok = go(Worker, refresh)
    end,
    Outcome = await(Worker, CallerMonitor, infinity),
    ok = cancel(Worker),
    Outcome.

await(#{ref := Ref, monitor := Monitor} = Worker, CallerMonitor, Deadline) ->
    receive
        {barnacle_round, Ref, {calling, Function, DeadlineMs}} ->
            await(Worker, CallerMonitor, {Function, DeadlineMs});
        {barnacle_round, Ref, returned} ->
            await(Worker, CallerMonitor, infinity);
        {barnacle_round, Ref, {done, #{result := Result}}} ->
            {result, Result};
        {barnacle_round, Ref, {crashed, Reason, _Stacktrace}} ->
            {crashed, Reason};
        {'DOWN', Monitor, process, _, Reason} ->
            {crashed, Reason};
        {'DOWN', CallerMonitor, process, _, Reason} ->
            {crashed, Reason}
    after left_ms(Deadline) ->
        {Function, _} = Deadline,
        {crashed, {strategy_timeout, Function}}
    end.

left_ms(infinity) -> infinity;
left_ms({_Function, DeadlineMs}) -> max(0, DeadlineMs - now_ms()).

%% The exit signal of a linked worker is a message where the owner traps exits.
flush(#{pid := Pid, ref := Ref} = Worker) ->
    receive
        {barnacle_round, Ref, _} -> flush(Worker);
        {'EXIT', Pid, _} -> flush(Worker)
    after 0 -> ok
    end.

worker(Owner, Ref, Work) ->
    Tell = fun(Event) ->
        Owner ! {barnacle_round, Ref, Event},
        ok
    end,
    ok = Tell(ready),
    Trigger =
        receive
            {Ref, go, Asked} -> Asked
        end,
    Event =
        try
            {done, run(Work#{owner => Owner, tell => Tell, trigger => Trigger})}
        catch
            throw:Reason:Stacktrace -> {crashed, {nocatch, Reason}, Stacktrace};
            error:Reason:Stacktrace -> {crashed, {Reason, Stacktrace}, Stacktrace};
            exit:Reason:Stacktrace -> {crashed, Reason, Stacktrace}
        end,
    ok = Tell(Event).

run(#{options := Options, owner := Owner} = Work0) ->
    {Answer, Work} = discover(Work0),
    #{plan := Plan} = Work,
    ok = barnacle_registry:want(Owner, barnacle_plan:wanted(Plan)),
    case list(Work) of
        {ok, Before} ->
            {Connect, Extra} = compare(Answer, Before, Work),
            {Nodes, Refused} = to_nodes(Connect, Work),
            {Tried, LeftAlone} = left_alone(Nodes, Work),
            Failed = connect(Tried, Work) ++ LeftAlone ++
                [{Name, Why} || {Name, Why} <- Refused, is_atom(Name)],
            Cut = barnacle_plan:cut(#{
                mode => maps:get(disconnect, Options),
                answer => Answer,
                own_list => has(list, Work),
                extra => Extra,
                wanted_by_others => wanted_by_others(Extra, Owner)
            }),
            Uncut = disconnect(Cut, Work),
            finish(Answer, Work, #{
                tried => Tried,
                failed => Failed,
                refused => [{Name, Why} || {Name, Why} <- Refused, is_binary(Name)],
                cut => Cut -- [Node || {Node, _} <- Uncut],
                uncut => Uncut
            });
        {error, _} = Error ->
            Nothing = #{tried => [], failed => [], refused => [], cut => [], uncut => []},
            outcome(Error, Answer, [], Work, Nothing)
    end.

discover(#{strategy := Strategy, options := Options, plan := Plan} = Work) ->
    TimeoutMs = barnacle_strategy:timeout(Strategy, maps:get(strategy_timeout, Options)),
    {Answer, Strategy1} = calling(discover, TimeoutMs, Work, fun() ->
        barnacle_strategy:discover(Strategy)
    end),
    {Answer, Work#{strategy := Strategy1, plan := barnacle_plan:observe(Answer, now_ms(), Plan)}}.

%% What to dial: all that is wanted and not connected; what could be cut: all visible that the
%% answer does not name.
compare(Answer, #{connected := Connected, visible := Visible}, #{options := Options} = Work) ->
    {Connect, Extra} = barnacle_native:diff(wanted(Answer, Work), Connected, node()),
    case {maps:get(disconnect, Options), Answer} of
        {undiscovered, {complete, _}} when Visible =:= Connected ->
            {Connect, Extra};
        {undiscovered, {complete, Names}} ->
            {Connect, element(2, barnacle_native:diff(Names, Visible, node()))};
        _ ->
            {Connect, []}
    end.

%% A node that backs off counts as failed without a dial; an explicit refresh tries everybody.
left_alone(Nodes, #{trigger := poll, left_alone := LeftAlone}) ->
    {Failing, Tried} = lists:partition(fun(Node) -> is_map_key(Node, LeftAlone) end, Nodes),
    {Tried, [{Node, maps:get(Node, LeftAlone)} || Node <- Failing]};
left_alone(Nodes, _Work) ->
    {Nodes, []}.

wanted_by_others([], _Owner) -> fun(_) -> false end;
wanted_by_others(_Extra, Owner) -> barnacle_registry:wanted_by_others(Owner).

wanted({complete, Names}, _Work) ->
    Names;
wanted({partial, _, _}, #{plan := Plan}) ->
    maps:keys(barnacle_plan:wanted(Plan));
wanted({error, _}, #{plan := Plan} = Work) ->
    %% A link that is lost while the source is silent is made again all the same, from what was
    %% known. A connect function of the user's own is only called with what was just discovered.
    case has(connect, Work) of
        true -> [];
        false -> maps:keys(barnacle_plan:wanted(Plan))
    end.

to_nodes(Names, Work) ->
    ToNode =
        case has(connect, Work) of
            true -> fun to_any_node/1;
            false -> fun barnacle_names:to_node/1
        end,
    lists:foldl(
        fun(Name, {Nodes, Refused}) ->
            case ToNode(Name) of
                {ok, Node} -> {[Node | Nodes], Refused};
                {error, Why} -> {Nodes, [{Name, Why} | Refused]}
            end
        end,
        {[], []},
        Names
    ).

%% Who connects by other means may call nodes what he likes.
to_any_node(Node) when is_atom(Node) -> {ok, Node};
to_any_node(Name) -> barnacle_names:to_node(Name).

list(Work) ->
    case call_own(list, [], Work) of
        none ->
            {ok, #{
                connected => barnacle_links:connected(), visible => barnacle_links:visible()
            }};
        {ok, Nodes} -> {ok, #{connected => Nodes, visible => Nodes}};
        {error, _} = Error -> Error
    end.

connect([], _Work) ->
    [];
connect(Nodes, #{options := Options, gate := Gate} = Work) ->
    case call_own(connect, Nodes, Work) of
        none ->
            barnacle_links:connect(Nodes, Options, Gate);
        Result ->
            failures(Result, Nodes)
    end.

disconnect([], _Work) ->
    [];
disconnect(Nodes, #{gate := Gate} = Work) ->
    case call_own(disconnect, Nodes, Work) of
        none -> barnacle_links:disconnect(Nodes, Gate);
        Result -> failures(Result, Nodes)
    end.

failures({ok, _}, _Nodes) -> [];
failures({error, Failures}, _Nodes) -> Failures;
failures(closed, Nodes) -> [{Node, paused} || Node <- Nodes].

call_own(Function, Nodes, #{strategy := Strategy, options := Options, gate := Gate} = Work) ->
    Call = fun() -> barnacle_strategy:call(Function, Nodes, Strategy) end,
    Guarded = fun() -> calling(Function, maps:get(strategy_timeout, Options), Work, Call) end,
    case {barnacle_strategy:has(Function, Strategy), Function} of
        {false, _} -> none;
        {true, list} -> Guarded();
        {true, _} -> barnacle_gate:pass(Gate, Guarded)
    end.

has(Function, #{strategy := Strategy}) ->
    barnacle_strategy:has(Function, Strategy).

finish(Answer, Work, Done) ->
    case list(Work) of
        {ok, #{visible := Visible}} ->
            outcome(strategy_result(Answer), Answer, Visible, Work, Done);
        {error, _} = Error ->
            outcome(Error, Answer, [], Work, Done)
    end.

strategy_result({error, _} = Error) -> Error;
strategy_result(_) -> ok.

outcome(StrategyResult, Answer, Visible, Work, Done) ->
    #{options := Options, plan := Plan, strategy := Strategy, trigger := Trigger} = Work,
    #{tried := Tried, failed := Failed, refused := Refused, cut := Cut, uncut := Uncut} = Done,
    Report =
        case has(list, Work) of
            true -> Visible;
            false -> [node() | Visible]
        end,
    AfterMs = maps:get(departed_after, Options),
    #{
        result => barnacle_plan:result(
            StrategyResult, #{connect => Failed, disconnect => Uncut}, Report
        ),
        answer => Answer,
        strategy => Strategy,
        plan => forget_unlinked(Visible, AfterMs, Plan),
        visible => Visible,
        tried => Tried,
        failed => Failed,
        refused => Refused,
        cut => Cut,
        departed => departed(Visible, #{after_ms => AfterMs, hasty => Trigger =:= refresh}, Plan)
    }.

%% Departed and still linked: only those are anybody's concern.
departed(Visible, Question, Plan) ->
    {Verdict, Names} = barnacle_plan:departed(Plan, now_ms(), Question),
    {Verdict, intersection(Names, Visible)}.

%% This node is there, linked or not: as long as its own name is missing too, that counts.
forget_unlinked(Visible, AfterMs, Plan) ->
    {_, Names} = barnacle_plan:departed(Plan, now_ms(), #{after_ms => AfterMs, hasty => false}),
    barnacle_plan:forget(Names -- intersection(Names, [node() | Visible]), Plan).

intersection([], _Visible) ->
    [];
intersection(Names, Visible) ->
    Linked = maps:from_list([{barnacle_names:to_binary(Node), true} || Node <- Visible]),
    [Name || Name <- Names, is_map_key(Name, Linked)].

calling(Function, TimeoutMs, #{tell := Tell, owner := Owner}, Call) ->
    ok = Tell({calling, Function, now_ms() + TimeoutMs}),
    Result = Call(),
    %% A function that traps exits may have swallowed the one that was to end this worker.
    _ = process_flag(trap_exit, false),
    is_process_alive(Owner) orelse exit(owner_is_gone),
    ok = Tell(returned),
    Result.

now_ms() ->
    erlang:monotonic_time(millisecond).
