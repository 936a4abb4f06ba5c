%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_round).

-include("barnacle_doc.hrl").

?MODULEDOC("""
One refresh, in a worker process of its own: discover, list, connect and disconnect, list again.

It reports to its owner in messages {barnacle_round, Ref, Event}: {overdue, Function} where a
function of the strategy overstays, then or else one of {done, Outcome} or
{crashed, Reason, Stacktrace}. Nothing else is said, since each message may wake a scheduler.
""").

-export([start/1, cancel/1]).

-export_type([work/0, worker/0, outcome/0, trigger/0]).

-type trigger() :: poll | refresh.

-type work() :: #{
    options := barnacle_options:checked(),
    strategy := barnacle_strategy:t(),
    plan := barnacle_plan:plan(),
    gate := barnacle_gate:gate(),
    trigger := trigger(),
    left_alone => #{node() => Reason :: term()},
    %% Names that were this node in the refresh before.
    own_names => [binary()],
    resting => boolean()
}.

-type worker() :: #{pid := pid(), monitor := reference(), ref := reference()}.

-type outcome() :: #{
    result := barnacle_plan:result(),
    answer := barnacle_plan:answer(),
    queried := [barnacle_strategy:queried()],
    strategy := barnacle_strategy:t(),
    plan := barnacle_plan:plan(),
    visible := [node()],
    tried := [node()],
    failed := [{node(), term()}],
    refused := [{binary(), barnacle_names:refusal()}],
    filtered := [barnacle_names:name()],
    own_names := [binary()],
    hints := [barnacle_hints:hint()],
    cut := [node()],
    trigger := trigger(),
    resting := boolean(),
    departed := barnacle_plan:departed()
}.

%% 20 kB, for as long as a round takes: room for the work with some hundred names, where a process
%% that starts small collects its garbage again and again.
-define(HEAP_WORDS, 2586).

?DOC("Starts a worker, linked to the caller, who is its owner.").
-spec start(work()) -> worker().
start(Work) ->
    Owner = self(),
    Ref = make_ref(),
    {Pid, Monitor} = spawn_opt(fun() -> worker(Owner, Ref, Work) end, [
        link, monitor, {min_heap_size, ?HEAP_WORDS}
    ]),
    #{pid => Pid, monitor => Monitor, ref => Ref}.

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

%% The exit signal of a linked worker is a message where the owner traps exits.
flush(#{pid := Pid, ref := Ref} = Worker) ->
    receive
        {barnacle_round, Ref, _} -> flush(Worker);
        {'EXIT', Pid, _} -> flush(Worker)
    after 0 -> ok
    end.

worker(Owner, Ref, #{trigger := Trigger} = Work) ->
    Events = barnacle_event:open(barnacle_event:metadata(Owner, Trigger, maps:get(options, Work))),
    Event =
        try
            {done, watched(Work#{owner => Owner, ref => Ref, events => Events})}
        catch
            Class:Reason:Stacktrace ->
                ok = barnacle_event:failed(Class, Reason, Stacktrace, Events),
                {crashed, exit_reason(Class, Reason, Stacktrace), Stacktrace}
        end,
    Owner ! {barnacle_round, Ref, Event},
    ok.

%% As the exit of a process that raised it.
exit_reason(throw, Reason, _Stacktrace) -> {nocatch, Reason};
exit_reason(error, Reason, Stacktrace) -> {Reason, Stacktrace};
exit_reason(exit, Reason, _Stacktrace) -> Reason.

watched(#{events := Events} = Work) ->
    ok = barnacle_event:start(round, #{}, Events),
    #{result := Result, visible := Visible} = Outcome = run(Work),
    Nodes = length(lists:delete(node(), Visible)),
    ok = barnacle_event:stop(round, #{nodes => Nodes}, #{result => Result}, Events),
    Outcome.

run(#{options := Options, owner := Owner} = Work0) ->
    {Answer, Discovered} = discover(Work0),
    Wants = wants(Discovered),
    Work = Discovered#{wants => Wants},
    ok = barnacle_registry:want(Owner, Wants),
    Nothing = #{tried => [], failed => [], refused => [], cut => [], uncut => []},
    case listed(Answer, Work) of
        {ok, {Connect, Extra}} ->
            {Nodes, Refused} = to_nodes(Connect, Work),
            {Tried, LeftAlone} = left_alone(Nodes, Work),
            Failures = told(connect, Tried, Work, fun connect/2) ++ LeftAlone,
            Same = [Node || {Node, this_node} <- Failures],
            Failed = [Failure || {_, Why} = Failure <- Failures, Why =/= this_node] ++
                [{Name, Why} || {Name, Why} <- Refused, is_atom(Name)],
            Cut = barnacle_plan:cut(#{
                mode => maps:get(disconnect, Options),
                answer => Answer,
                own_list => has(list, Work),
                extra => Extra,
                wanted_by_others => wanted_by_others(Extra, Owner)
            }),
            Uncut = told(disconnect, Cut, Work, fun disconnect/2),
            {Answer1, Work1} = same(Same, Answer, Work),
            finish(Answer1, Work1, #{
                tried => Tried -- Same,
                failed => Failed,
                refused => [{Name, Why} || {Name, Why} <- Refused, is_binary(Name)],
                cut => Cut -- [Node || {Node, _} <- Uncut],
                uncut => Uncut
            });
        {uncompared, Why, #{visible := Visible}} ->
            outcome(first_error(Answer, Why, Work), Answer, Visible, Work, Nothing);
        {error, _} = Error ->
            outcome(Error, Answer, [], Work, Nothing)
    end.

discover(#{strategy := Strategy, options := Options, plan := Plan, events := Events} = Work) ->
    ok = barnacle_event:start(discovery, #{}, Events),
    TimeoutMs = barnacle_strategy:timeout(Strategy, maps:get(strategy_timeout, Options)),
    {Found, Strategy1} = calling(discover, TimeoutMs, Work, fun() ->
        barnacle_strategy:discover(Strategy)
    end),
    {Named, Filtered} = filter(Found, Work),
    {Outcome, Names, Why} = barnacle_plan:parts(Named),
    ok = barnacle_event:stop(
        discovery, #{names => length(Names)}, #{outcome => Outcome, reason => Why}, Events
    ),
    {Answer, Same} = own_names(Named, Work),
    {Answer,
        observed(Answer, Work#{
            strategy := Strategy1,
            before => Plan,
            filtered => Filtered,
            named => Named,
            own_names => Same
        })}.

observed(Answer, #{options := Options, before := Before, filtered := Filtered} = Work) ->
    %% What the filter keeps away is as good as never named, so its absence means nothing.
    Plan1 = barnacle_plan:forget(Filtered, barnacle_plan:observe(Answer, now_ms(), Before)),
    Plan2 = barnacle_plan:bounded(Answer, maps:get(max_nodes, Options), Plan1),
    Work#{plan := Plan2}.

%% Whoever connects by other means has other names.
own_names(Named, #{plan := Plan} = Work) ->
    case has(connect, Work) of
        true -> {Named, []};
        false -> barnacle_own:answer(Named, maps:get(own_names, Work, []), Plan)
    end.

%% Some names that were connected to are this node: it is as if they had not been discovered, and
%% this node's own name had.
same([], Answer, Work) ->
    {Answer, Work};
same(Nodes, Answer, #{before := Before, own_names := Same} = Work) ->
    Names = [barnacle_names:to_binary(Node) || Node <- Nodes],
    Without = barnacle_own:without(Names, Answer),
    Observed = observed(Without, Work#{before := barnacle_plan:forget(Nodes, Before)}),
    {Without, Observed#{own_names := lists:usort(Names ++ Same)}}.

filter(Found, #{options := #{max_nodes := Max}} = Work) ->
    barnacle_filter:answer(Found, fun(Names) -> pass(Names, Work) end, Max).

%% A predicate is the user's own function, so it has a deadline as his others have.
pass(Names, #{options := #{filter := Filter, strategy_timeout := TimeoutMs}} = Work) ->
    calling(filter, TimeoutMs, Work, fun() -> barnacle_filter:partition(Names, Filter) end);
pass(Names, _Work) ->
    {Names, []}.

listed(Answer, Work) ->
    case list(Work) of
        {ok, Before} ->
            case compare(Answer, Before, Work) of
                {ok, {Connect, Extra}} -> {ok, {Connect, ours(Extra, Work)}};
                {error, Why} -> {uncompared, Why, Before}
            end;
        {error, _} = Error ->
            Error
    end.

%% What to dial: all that is wanted and not connected; what could be cut: all visible that the
%% answer does not name.
compare(Answer, #{connected := Connected, visible := Visible}, #{options := Options} = Work) ->
    case {maps:get(disconnect, Options), Answer, diff(wanted(Answer, Work), Connected)} of
        {_, _, {error, _} = Error} ->
            Error;
        {undiscovered, {complete, _}, {ok, _} = Both} when Visible =:= Connected ->
            Both;
        {undiscovered, {complete, Names}, {ok, {Connect, _}}} ->
            case diff(Names, Visible) of
                {ok, {_, Extra}} -> {ok, {Connect, Extra}};
                {error, _} = Error -> Error
            end;
        {_, _, {ok, {Connect, _}}} ->
            {ok, {Connect, []}}
    end.

%% The core may be out of reach for a while: a port program that does not start, or dies.
diff(Wanted, Listed) ->
    try
        {ok, barnacle_native:diff(Wanted, Listed, node())}
    catch
        error:{native_library, Text} ->
            {error, {native_library, Text}};
        error:Why when Why =/= badarg ->
            {error, Why}
    end.

%% A node that backs off counts as failed without a dial; an explicit refresh tries everybody.
left_alone(Nodes, #{trigger := poll, left_alone := LeftAlone}) ->
    {Failing, Tried} = lists:partition(fun(Node) -> is_map_key(Node, LeftAlone) end, Nodes),
    {Tried, [{Node, maps:get(Node, LeftAlone)} || Node <- Failing]};
left_alone(Nodes, _Work) ->
    {Nodes, []}.

ours([], _Work) -> [];
ours(Nodes, Work) -> element(1, pass(Nodes, Work)).

wanted_by_others([], _Owner) -> fun(_) -> false end;
wanted_by_others(_Extra, Owner) -> barnacle_registry:wanted_by_others(Owner).

%% Whose links this barnacle wants: nobody's while its node rests.
wants(#{plan := Plan} = Work) ->
    case rests(Work) of
        true -> #{};
        false -> barnacle_plan:wanted(Plan)
    end.

%% A node that has left rests until its source names it again.
rests(#{resting := true, plan := Plan}) -> not barnacle_plan:is_wanted(node(), Plan);
rests(_Work) -> false.

wanted({error, _}, Work) ->
    %% A link that is lost while the source is silent is made again all the same, from what was
    %% known. A connect function of the user's own is only called with what was just discovered.
    case has(connect, Work) of
        true -> [];
        false -> maps:keys(maps:get(wants, Work))
    end;
wanted({complete, Names}, #{wants := Wants}) ->
    [Name || Name <- Names, is_map_key(barnacle_names:to_binary(Name), Wants)];
wanted({partial, _, _}, #{wants := Wants}) ->
    maps:keys(Wants).

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

%% Connects or disconnects nodes, gives the failures, and has listeners of events told of all.
told(_Verb, [], _Work, _Do) ->
    [];
told(Verb, Nodes, #{events := Events} = Work, Do) ->
    StartedAt = erlang:monotonic_time(),
    Failed = Do(Nodes, Work),
    ok = barnacle_event:links(Verb, Nodes, Failed, StartedAt, Events),
    Failed.

connect(Nodes, #{options := Options, gate := Gate} = Work) ->
    case call_own(connect, Nodes, Work) of
        none ->
            barnacle_links:connect(Nodes, Options, Gate);
        Result ->
            failures(Result, Nodes)
    end.

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
            outcome(strategy_result(Answer, Work), Answer, Visible, Work, Done);
        {error, _} = Error ->
            outcome(Error, Answer, [], Work, Done)
    end.

%% What the source has to say goes first.
first_error({error, _} = Answer, _Why, Work) ->
    strategy_result(Answer, Work);
first_error(_Answer, Why, #{strategy := Strategy}) ->
    {error, barnacle_strategy:to_error(Why, Strategy)}.

strategy_result({error, {too_many_nodes, _, _} = Why}, #{strategy := Strategy}) ->
    {error, barnacle_strategy:to_error(Why, Strategy)};
strategy_result({error, _} = Error, _Work) ->
    Error;
strategy_result(_, _Work) ->
    ok.

outcome(StrategyResult, Answer, Visible, Work, Done) ->
    #{options := Options, plan := Plan, strategy := Strategy, trigger := Trigger} = Work,
    #{filtered := Filtered, own_names := Same, named := Named} = Work,
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
        queried => queried(Answer, Strategy),
        strategy => Strategy,
        plan => forget_unlinked(Visible, AfterMs, Plan),
        visible => Visible,
        tried => Tried,
        failed => Failed,
        refused => Refused,
        filtered => Filtered,
        own_names => Same,
        hints => barnacle_hints:find(
            barnacle_hints:facts(Strategy, #{filtered => Filtered, same => Same, failed => Failed}),
            Named
        ),
        cut => Cut,
        trigger => Trigger,
        resting => rests(Work),
        departed => departed(Visible, #{after_ms => AfterMs, hasty => Trigger =:= refresh}, Plan)
    }.

%% Of a complete result there is nothing to explain.
queried({complete, _}, _Strategy) -> [];
queried(_Answer, Strategy) -> barnacle_strategy:queried(Strategy).

%% Departed and still linked: only those are anybody's concern. A list function of the user's own
%% may list this node too, which is never to ask itself.
departed(Visible, Question, Plan) ->
    {Verdict, Names} = barnacle_plan:departed(Plan, now_ms(), Question),
    {Verdict, intersection(Names, lists:delete(node(), Visible))}.

%% This node is there, linked or not: as long as its own name is missing too, that counts.
forget_unlinked(Visible, AfterMs, Plan) ->
    {_, Names} = barnacle_plan:departed(Plan, now_ms(), #{after_ms => AfterMs, hasty => false}),
    barnacle_plan:forget(Names -- intersection(Names, [node() | Visible]), Plan).

intersection([], _Visible) ->
    [];
intersection(Names, Visible) ->
    Linked = maps:from_list([{barnacle_names:to_binary(Node), true} || Node <- Visible]),
    [Name || Name <- Names, is_map_key(Name, Linked)].

%% The owner ends a worker that waits in a function past its time. Where it returns in that very
%% moment it is overdue all the same.
calling(Function, TimeoutMs, #{owner := Owner, ref := Ref}, Call) ->
    Overdue = {barnacle_round, Ref, {overdue, Function}},
    Timer = erlang:send_after(TimeoutMs, Owner, Overdue),
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

now_ms() ->
    erlang:monotonic_time(millisecond).
