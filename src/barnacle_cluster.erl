%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_cluster).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Barnacle for Erlang and Elixir: a server that finds this node's peers, joins them and stays joined.

In a supervisor's children, {barnacle_cluster, Options} (Elixir) or barnacle_cluster:child_spec(
Options) (Erlang). The server polls at once and then every poll_interval; each round runs in a
worker process, so the server answers at any time. Options are those of barnacle_options:table/0.
""").

-behaviour(gen_server).

-export([
    child_spec/1,
    start_link/1,
    refresh/1, refresh/2,
    pause/1, pause/2,
    shutdown/1, shutdown/2,
    status/1,
    run_once/1,
    format_error/1
]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([server/0, start_error/0, event/0]).

?DOC("A running barnacle: its pid or registered name.").
-type server() :: pid() | atom() | {atom(), node()}.

?DOC("Why a barnacle does not start; format_error/1 says it in words, with what to do.").
-type start_error() ::
    {bad_options, [barnacle_settings:problem()]}
    | {native_library, unicode:chardata()}
    | {already_started, pid()}.

?DOC("What a listener is told, as {barnacle, ServerPid, Event}.").
-type event() :: {refresh, barnacle_plan:result()} | pause | shutdown.

-define(TIMEOUT_MS, 5000).
-define(REFRESH_TIMEOUT_MS, 30000).

-record(round, {
    worker :: barnacle_round:worker(),
    ready = false :: boolean(),
    callers :: [gen_server:from()],
    guard = none :: none | {Function :: atom(), reference()}
}).

-record(state, {
    options :: barnacle_options:checked(),
    strategy :: barnacle_strategy:t(),
    plan :: barnacle_plan:plan(),
    gate :: barnacle_gate:gate(),
    born_ms :: integer(),
    timer = none :: none | reference(),
    round = none :: none | #round{},
    followers = [] :: [gen_server:from()],
    paused = false :: boolean(),
    crashes = 0 :: non_neg_integer(),
    failed = false :: boolean(),
    visible :: [node()],
    troubles :: barnacle_trouble:troubles(),
    history :: barnacle_status:history()
}).

?DOC("""
A child specification. Restart is transient: a barnacle that was shut down stays down. The id is
the option name, or barnacle_cluster; give ids of your own to several unnamed ones.
""").
-spec child_spec(barnacle_options:options()) -> supervisor:child_spec().
child_spec(Options) ->
    #{
        id => id(Options),
        start => {?MODULE, start_link, [Options]},
        restart => transient,
        shutdown => ?TIMEOUT_MS,
        type => worker,
        modules => [?MODULE]
    }.

?DOC("""
Starts a barnacle, linked to the caller; its first round begins at once. Errors leave the caller
alive, linked or not: bad_options with every problem, native_library where the C++ library cannot
be used, already_started where the name is taken.
""").
-spec start_link(barnacle_options:options()) -> {ok, pid()} | {error, start_error()}.
start_link(Options) ->
    case checked(Options) of
        {ok, #{name := Name} = Checked} ->
            gen_server:start_link({local, Name}, ?MODULE, Checked, []);
        {ok, Checked} ->
            gen_server:start_link(?MODULE, Checked, []);
        {error, _} = Error ->
            Error
    end.

?DOC("As refresh/2, with 30000 ms: room for a running round and the next one.").
-spec refresh(server()) -> barnacle_plan:result().
refresh(Server) ->
    refresh(Server, ?REFRESH_TIMEOUT_MS).

?DOC("""
A round that begins its discovery after this call, and its result; resumes a paused barnacle and
resets the poll timer. {ok, Nodes}: this node and the visible ones (a strategy with its own list
function: what that gives). Else the first of strategy_error, connect_error and disconnect_error
with every node that failed. Exits as gen_server:call/3 does past TimeoutMs or without a server, and
with the reason of a strategy's function that crashed.
""").
-spec refresh(server(), timeout()) -> barnacle_plan:result().
refresh(Server, TimeoutMs) ->
    case gen_server:call(Server, refresh, TimeoutMs) of
        {result, Result} -> Result;
        {crashed, Reason} -> exit(Reason)
    end.

?DOC("As pause/2, with 5000 ms.").
-spec pause(server()) -> ok.
pause(Server) ->
    pause(Server, ?TIMEOUT_MS).

?DOC("""
Stops polling until the next refresh. When it has returned, a round that still runs begins no more
connects or cuts; its report may still come. Exits as gen_server:call/3 does.
""").
-spec pause(server(), timeout()) -> ok.
pause(Server, TimeoutMs) ->
    gen_server:call(Server, pause, TimeoutMs).

?DOC("As shutdown/2, with 5000 ms.").
-spec shutdown(server()) -> ok.
shutdown(Server) ->
    shutdown(Server, ?TIMEOUT_MS).

?DOC("""
Ends a running round and the server, with the reason normal. No link is cut. Callers that still
wait for a refresh exit. Exits as gen_server:call/3 does.
""").
-spec shutdown(server(), timeout()) -> ok.
shutdown(Server, TimeoutMs) ->
    Monitor = monitor(process, Server),
    try
        ok = gen_server:call(Server, shutdown, TimeoutMs),
        %% The server stops right after its reply; who waits for that can reuse its name at once.
        receive
            {'DOWN', Monitor, process, _, _} -> ok
        end
    after
        demonitor(Monitor, [flush])
    end.

?DOC("What the barnacle knows and does, at once, whatever a round is doing.").
-spec status(server()) -> barnacle_status:status().
status(Server) ->
    gen_server:call(Server, status, ?TIMEOUT_MS).

?DOC("""
One round without a server, in the caller's name: the same options, of which those about polling
and telling are ignored, and the same result as refresh/2. Exits with {bad_options, _} or
{native_library, _}, with the reason of a strategy's function that crashed, or with
{strategy_timeout, Function}.
""").
-spec run_once(barnacle_options:options()) -> barnacle_plan:result().
run_once(Options) ->
    case checked(Options) of
        {ok, #{strategy := Strategy} = Checked} ->
            barnacle_round:once(#{
                options => Checked,
                strategy => Strategy,
                plan => barnacle_plan:new(),
                gate => barnacle_gate:new()
            });
        {error, Reason} ->
            exit(Reason)
    end.

?DOC("Why a barnacle did not start, and what to do, as a text for people.").
-spec format_error(start_error() | term()) -> binary().
format_error(Reason) ->
    barnacle_options:format_error(Reason).

-spec init(barnacle_options:checked()) -> {ok, #state{}}.
init(#{strategy := Strategy} = Options) ->
    %% The server is linked to the worker of a round and outlives it.
    process_flag(trap_exit, true),
    State = #state{
        options = Options,
        strategy = Strategy,
        plan = barnacle_plan:new(),
        gate = barnacle_gate:new(),
        born_ms = now_ms(),
        visible = barnacle_links:visible(),
        troubles = barnacle_trouble:new(),
        history = barnacle_status:new()
    },
    is_alive() orelse barnacle_log:not_alive(name(State)),
    {ok, start_round([], State)}.

-spec handle_call(term(), gen_server:from(), #state{}) ->
    {noreply, #state{}} | {reply, term(), #state{}} | {stop, normal, #state{}}.
handle_call(refresh, From, State) ->
    ok = barnacle_gate:open(State#state.gate),
    {noreply, join_round(From, State#state{paused = false})};
handle_call(pause, _From, State) ->
    ok = barnacle_gate:close(State#state.gate),
    State1 = stop_timer(State#state{paused = true}),
    notify(pause, State1),
    {reply, ok, State1};
handle_call(shutdown, From, State) ->
    State1 = cancel_round(stop_timer(State)),
    gen_server:reply(From, ok),
    notify(shutdown, State1),
    {stop, normal, State1};
handle_call(status, _From, State) ->
    {reply, status_map(State), State};
handle_call(_, _From, State) ->
    {reply, {error, unknown_call}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({timeout, Timer, poll}, #state{timer = Timer} = State) ->
    {noreply, start_round([], State#state{timer = none})};
handle_info(
    {barnacle_round, Ref, Event}, #state{round = #round{worker = #{ref := Ref}} = Round} = State
) ->
    {noreply, round_event(Event, Round, State)};
handle_info({timeout, Guard, guard}, #state{round = #round{guard = {Function, Guard}}} = State) ->
    {noreply, crashed({strategy_timeout, Function}, [], State)};
handle_info(
    {'DOWN', Monitor, process, _, Reason},
    #state{round = #round{worker = #{monitor := Monitor}}} = State
) ->
    {noreply, crashed(Reason, [], State)};
handle_info(_, State) ->
    {noreply, State}.

-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, State) ->
    _ = cancel_round(State),
    ok.

checked(Options) ->
    case barnacle_options:new(Options) of
        {ok, Checked} ->
            case barnacle_native:available() of
                ok -> {ok, Checked};
                {error, Text} -> {error, {native_library, Text}}
            end;
        {error, _} = Error ->
            Error
    end.

id(#{name := Name}) -> Name;
id(#{}) -> ?MODULE;
id(Options) when is_list(Options) -> proplists:get_value(name, Options, ?MODULE);
id(_) -> ?MODULE.

%% A refresh shares a round whose discovery has not begun; all later ones share the one after it.
join_round(From, #state{round = none} = State) ->
    start_round([From], stop_timer(State));
join_round(From, #state{round = #round{ready = false, callers = Callers} = Round} = State) ->
    State#state{round = Round#round{callers = [From | Callers]}};
join_round(From, #state{followers = Followers} = State) ->
    State#state{followers = [From | Followers]}.

start_round(Callers, #state{round = none} = State) ->
    Worker = barnacle_round:start(#{
        options => State#state.options,
        strategy => State#state.strategy,
        plan => State#state.plan,
        gate => State#state.gate
    }),
    State#state{round = #round{worker = Worker, callers = Callers}}.

round_event(ready, #round{worker = Worker, callers = Callers} = Round, State) ->
    Trigger =
        case Callers of
            [] -> poll;
            _ -> refresh
        end,
    ok = barnacle_round:go(Worker, Trigger),
    State#state{round = Round#round{ready = true}};
round_event({calling, Function, DeadlineMs}, Round, State) ->
    Guard = erlang:start_timer(DeadlineMs, self(), guard, [{abs, true}]),
    State#state{round = Round#round{guard = {Function, Guard}}};
round_event(returned, Round, State) ->
    State#state{round = stop_guard(Round)};
round_event({done, Outcome}, _Round, State) ->
    done(Outcome, State);
round_event({crashed, Reason, Stacktrace}, _Round, State) ->
    crashed(Reason, Stacktrace, State).

done(#{result := Result, visible := Visible} = Outcome, #state{round = Round} = State) ->
    Troubles = barnacle_log:round(
        name(State), Outcome, {State#state.visible, State#state.troubles}
    ),
    answer(Round, {result, Result}),
    notify({refresh, Result}, State),
    next_round((end_round(State))#state{
        strategy = maps:get(strategy, Outcome),
        plan = maps:get(plan, Outcome),
        visible = Visible,
        troubles = Troubles,
        history = barnacle_status:observe(Outcome, now_ms(), State#state.history),
        crashes = 0,
        failed = element(1, Result) =:= error
    }).

crashed(Reason, Stacktrace, #state{round = Round, crashes = Crashes} = State) ->
    Crashes > 0 orelse barnacle_log:crashed(name(State), Reason, Stacktrace),
    answer(Round, {crashed, Reason}),
    next_round((end_round(State))#state{
        crashes = Crashes + 1,
        failed = true,
        history = barnacle_status:crashed(Reason, now_ms(), State#state.history)
    }).

next_round(#state{followers = [], paused = true} = State) ->
    State;
next_round(#state{followers = []} = State) ->
    #state{born_ms = BornMs, failed = Failed, crashes = Crashes, options = Options} = State,
    Past = #{age_ms => now_ms() - BornMs, failed => Failed, crashes => Crashes},
    NextMs = barnacle_pace:next_ms(Past, Options),
    State#state{timer = erlang:start_timer(NextMs, self(), poll)};
next_round(#state{followers = Followers} = State) ->
    start_round(Followers, State#state{followers = []}).

%% Callers who wait are answered by nobody: they exit with the server, as gen_server:call/3 says.
cancel_round(#state{gate = Gate} = State) ->
    ok = barnacle_gate:close(Gate),
    end_round(State).

end_round(#state{round = none} = State) ->
    State;
end_round(#state{round = #round{worker = Worker} = Round} = State) ->
    _ = stop_guard(Round),
    ok = barnacle_round:cancel(Worker),
    State#state{round = none}.

answer(#round{callers = Callers}, Reply) ->
    lists:foreach(fun(From) -> gen_server:reply(From, Reply) end, lists:reverse(Callers)).

stop_guard(#round{guard = none} = Round) ->
    Round;
stop_guard(#round{guard = {_, Guard}} = Round) ->
    _ = erlang:cancel_timer(Guard),
    Round#round{guard = none}.

stop_timer(#state{timer = none} = State) ->
    State;
stop_timer(#state{timer = Timer} = State) ->
    _ = erlang:cancel_timer(Timer),
    State#state{timer = none}.

notify(Event, #state{options = Options}) ->
    barnacle_listener:tell(maps:get(listener, Options, none), Event).

status_map(#state{options = Options, strategy = Strategy, plan = Plan} = State) ->
    Server = #{
        name => maps:get(name, Options, undefined),
        node => node(),
        strategy => barnacle_strategy:describe(Strategy),
        disconnect => maps:get(disconnect, Options),
        state => running_or_paused(State),
        round => running_or_idle(State),
        next_poll_in => next_poll_in(State)
    },
    Listed =
        case barnacle_strategy:has(list, Strategy) of
            true -> State#state.visible;
            false -> barnacle_links:connected()
        end,
    barnacle_status:map(Server, {State#state.history, Plan, Listed, now_ms()}).

running_or_paused(#state{paused = true}) -> paused;
running_or_paused(#state{paused = false}) -> running.

running_or_idle(#state{round = none}) -> idle;
running_or_idle(#state{}) -> running.

next_poll_in(#state{timer = none}) ->
    none;
next_poll_in(#state{timer = Timer}) ->
    case erlang:read_timer(Timer) of
        false -> 0;
        Ms -> Ms
    end.

name(#state{options = #{name := Name}}) -> Name;
name(#state{}) -> self().

now_ms() ->
    erlang:monotonic_time(millisecond).
