%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_server).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The server of a barnacle: its timers, its callers and its listener. It never waits: whatever takes
time runs in a worker process, and barnacle_cluster is how others speak to it.
""").

-behaviour(gen_server).

-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, format_status/1]).

-record(state, {
    options :: barnacle_options:checked(),
    strategy :: barnacle_strategy:t(),
    plan :: barnacle_plan:plan(),
    gate :: barnacle_gate:gate(),
    born_ms :: integer(),
    timer = none :: none | reference(),
    round = barnacle_current:new() :: barnacle_current:current(),
    waiting = barnacle_waiting:new() :: barnacle_waiting:waiting(),
    mode = running :: barnacle_status:mode(),
    leaving :: barnacle_leaving:leaving(),
    redial :: barnacle_redial:redial(),
    crashes = 0 :: non_neg_integer(),
    failed = false :: boolean(),
    visible :: [node()],
    listening :: barnacle_listener:listening(),
    events = barnacle_event:none() :: barnacle_event:emitter(),
    log :: barnacle_log:log(),
    history :: barnacle_history:history()
}).

-spec init(barnacle_options:checked()) -> {ok, #state{}}.
init(#{strategy := Strategy} = Options) ->
    %% The server is linked to the worker of a round and outlives it.
    process_flag(trap_exit, true),
    Gate = barnacle_gate:new(),
    {Name, Level} = Who = who(Options),
    Log = barnacle_log:new(Name, Level, rounds),
    Leaving = barnacle_leaving:new(Who, Options),
    ok = barnacle_log:environment(Who, barnacle_options:misplaced()),
    State = #state{
        mode = barnacle_leaving:back(Leaving),
        options = Options,
        strategy = Strategy,
        plan = barnacle_plan:new(),
        gate = Gate,
        born_ms = now_ms(),
        redial = barnacle_redial:new(Options, Gate),
        leaving = Leaving,
        visible = barnacle_links:visible(),
        listening = barnacle_listener:new(maps:get(listener, Options, none)),
        log = Log,
        history = barnacle_history:new(rounds, now_ms())
    },
    {ok, first_round(watch(State))}.

first_round(#state{mode = Mode, gate = Gate} = State) when Mode =:= paused; Mode =:= left ->
    ok = barnacle_gate:close(Gate),
    State;
first_round(State) ->
    start_round(State).

watch(#state{strategy = Strategy} = State) ->
    case barnacle_strategy:makes_links(Strategy) of
        true ->
            #state{log = Log} = State,
            State#state{log = barnacle_log:hints([not_alive || not is_alive()], Log)};
        false ->
            ok = barnacle_links:watch(),
            watching(State)
    end.

watching(#state{options = Options} = State) ->
    {Name, Level} = who(Options),
    Log = barnacle_log:new(Name, Level, barnacle_links:visible()),
    State#state{
        log = barnacle_log:hints([not_alive || not is_alive()], Log),
        history = barnacle_history:new(barnacle_links:connected(), now_ms())
    }.

who(Options) -> {maps:get(name, Options, self()), maps:get(log, Options)}.

-spec handle_call(term(), gen_server:from(), #state{}) ->
    {noreply, #state{}} | {reply, term(), #state{}} | {stop, normal, #state{}}.
handle_call(refresh, From, State) ->
    admit(State, fun(#state{gate = Gate, leaving = Leaving} = Now) ->
        ok = barnacle_gate:open(Gate),
        ok = forget_mode(Now),
        join_round(From, Now#state{mode = barnacle_leaving:mode(Leaving)})
    end);
handle_call(pause, _From, State) ->
    ok = barnacle_gate:close(State#state.gate),
    State1 = stop(paused, State),
    {reply, ok, State1};
handle_call(leave, From, State) ->
    admit(State, fun(#state{gate = Gate} = Now) ->
        ok = barnacle_gate:close(Gate),
        #state{leaving = Leaving} = Left = stop(left, Now),
        Left#state{leaving = barnacle_leaving:go([From], Leaving)}
    end);
handle_call(shutdown, From, State) ->
    State1 = cancel_round(rest(stop_timer(State))),
    gen_server:reply(From, ok),
    {stop, normal, notify(shutdown, State1)};
handle_call(status, _From, State) ->
    {reply, barnacle_status:map(facts(State)), State};
handle_call({ready, What}, _From, State) ->
    {reply, barnacle_waiting:is_met(What, view(State)), State};
handle_call({await, What, TimeoutMs}, From, State) ->
    case barnacle_waiting:is_met(What, view(State)) of
        true ->
            {reply, ok, State};
        false ->
            admit(State, fun(#state{waiting = Waiting} = Now) ->
                Now#state{waiting = barnacle_waiting:add(What, From, TimeoutMs, Waiting)}
            end)
    end;
handle_call(_, _From, State) ->
    {reply, {error, unknown_call}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({timeout, Timer, poll}, #state{timer = Timer} = State) ->
    {noreply, start_round(State#state{timer = none})};
handle_info(begin_round, #state{round = Round} = State) ->
    case barnacle_current:may_begin(Round) of
        true -> {noreply, begin_round(State)};
        false -> {noreply, State}
    end;
handle_info({nodeup, Node, Info}, State) ->
    {noreply, answer_waiting(leave_again(node_up(Node, connected(Node, Info, State))))};
handle_info({barnacle_peer, Message}, State) ->
    {noreply, peer_said(Message, State)};
handle_info({nodedown, Node, Info}, State) ->
    Reason = proplists:get_value(nodedown_reason, Info),
    {noreply, node_down(Node, Reason, disconnected(Node, Info, State))};
handle_info({timeout, _, {waiting, Waiter}}, #state{waiting = Waiting} = State) ->
    {noreply, State#state{waiting = barnacle_waiting:expired(Waiter, Waiting)}};
handle_info(Info, #state{round = Round} = State) ->
    case barnacle_current:info(Info, Round) of
        {done, Outcome} -> {noreply, done(Outcome, State)};
        {overdue, Function} -> {noreply, crashed({strategy_timeout, Function}, [], State)};
        {crashed, Reason, Stacktrace} -> {noreply, crashed(Reason, Stacktrace, State)};
        ignored -> {noreply, heard_else(Info, State)}
    end.

heard_else({'DOWN', Monitor, process, _, _} = Info, #state{listening = Before} = State) ->
    case barnacle_listener:info(Info, Before) of
        {ok, Listening} -> listening(Listening, State);
        ignored -> caller_gone(Monitor, State)
    end;
heard_else({timeout, _, log} = Info, #state{log = Before} = State) ->
    case barnacle_log:info(Info, Before) of
        {ok, Log} -> State#state{log = Log};
        ignored -> State
    end;
heard_else(Info, #state{redial = Redial, leaving = Leaving} = State) ->
    case {barnacle_redial:info(Info, Redial), barnacle_leaving:info(Info, Leaving)} of
        {{ok, Redial1}, _} -> State#state{redial = Redial1};
        {_, {ok, Leaving1}} -> leave_again(State#state{leaving = Leaving1});
        {ignored, ignored} -> State
    end.

-spec terminate(term(), #state{}) -> term().
terminate(Reason, State) ->
    _ = (Reason =:= normal orelse Reason =:= shutdown) andalso forget_mode(State),
    _ = barnacle_log:close(State#state.log),
    cancel_round(State).

%% For sys:get_status/1, observer and crash reports: what barnacle_cluster:status/1 gives.
-spec format_status(gen_server:format_status()) -> gen_server:format_status().
format_status(#{state := State} = Status) -> Status#{state => barnacle_status:map(facts(State))}.

%% Whoever waits costs memory, and a reply. Those who have died do not count: each is monitored.
admit(#state{options = #{max_callers := Max}, round = Round, waiting = Waiting} = State, Wait) ->
    Callers =
        barnacle_current:callers(Round) + barnacle_waiting:count(Waiting) +
            barnacle_leaving:callers(State#state.leaving),
    case Callers < Max of
        true -> {noreply, Wait(State)};
        false -> {reply, {refused, {too_many_callers, Max}}, State}
    end.

caller_gone(Monitor, #state{round = Round, waiting = Waiting, leaving = Leaving} = State) ->
    State#state{
        round = barnacle_current:caller_gone(Monitor, Round),
        waiting = barnacle_waiting:gone(Monitor, Waiting),
        leaving = barnacle_leaving:caller_gone(Monitor, Leaving)
    }.

join_round(From, #state{round = Before} = State) ->
    case barnacle_current:join(From, Before) of
        {new, Round} -> asked(stop_timer(State#state{round = Round}));
        {joined, Round} -> State#state{round = Round}
    end.

start_round(#state{round = Round} = State) ->
    asked(State#state{round = barnacle_current:ask(Round)}).

%% Its discovery begins when all messages that are there now have been read.
asked(#state{leaving = Leaving} = State) ->
    self() ! begin_round,
    State#state{leaving = barnacle_leaving:round_begins(Leaving)}.

begin_round(#state{round = Round} = State0) ->
    Trigger = barnacle_current:trigger(Round),
    State =
        case Trigger of
            poll -> State0;
            refresh -> rest(State0)
        end,
    Work = #{
        options => State#state.options,
        strategy => State#state.strategy,
        plan => State#state.plan,
        gate => State#state.gate,
        trigger => Trigger,
        resting => barnacle_leaving:rests(State#state.leaving),
        left_alone => barnacle_redial:left_alone(State#state.redial),
        own_names => maps:get(own_names, barnacle_history:last(State#state.history))
    },
    State#state{round = barnacle_current:start(Work, Round)}.

done(#{result := Result, visible := Visible} = Outcome, #state{round = Round} = State) ->
    Over = barnacle_current:answer({result, Result}, Round),
    Notified = notify({refresh, Result}, State),
    Plan = barnacle_plan:heard(barnacle_current:heard(Round), maps:get(plan, Outcome)),
    History = barnacle_history:observe(Outcome, now_ms(), State#state.history),
    Ended = Notified#state{
        round = Over,
        strategy = maps:get(strategy, Outcome),
        plan = Plan,
        visible = Visible,
        redial = redial_after(Outcome, Plan, State#state.redial),
        log = barnacle_log:round(Outcome, State#state.log),
        history = History,
        events = listed_events(State#state.history, History, State),
        crashes = 0,
        failed = element(1, Result) =:= error
    },
    next_round(leave_or_stay(Outcome, Ended)).

redial_after(#{tried := Tried, failed := Failed, strategy := Strategy}, Plan, Redial) ->
    IsWanted = fun(Node) -> barnacle_plan:is_wanted(Node, Plan) end,
    case barnacle_strategy:makes_links(Strategy) of
        true -> Redial;
        false -> barnacle_redial:round_ended({Tried, Failed}, IsWanted, Redial)
    end.

crashed(Reason, Stacktrace, #state{round = Round, crashes = Crashes} = State0) ->
    Over = barnacle_current:answer({crashed, Reason}, Round),
    State = notify({refresh, {error, {crashed, Reason}}}, State0),
    next_round(State#state{
        round = Over,
        crashes = Crashes + 1,
        failed = true,
        log = barnacle_log:crashed(Reason, Stacktrace, State#state.log),
        history = barnacle_history:crashed(Reason, now_ms(), State#state.history)
    }).

next_round(State) ->
    #state{round = Before, mode = Mode, leaving = Leaving} = State1 = answer_waiting(State),
    case {barnacle_current:follow_up(Before), barnacle_leaving:is_asked(Leaving)} of
        {{true, Round}, _} -> asked(State1#state{round = Round});
        {false, true} -> start_round(State1);
        {false, false} when Mode =:= paused; Mode =:= left -> State1;
        {false, false} -> wait_for_poll(State1)
    end.

wait_for_poll(State) ->
    #state{born_ms = BornMs, failed = Failed, crashes = Crashes, options = Options} = State,
    Past = #{age_ms => now_ms() - BornMs, failed => Failed, crashes => Crashes},
    NextMs = barnacle_pace:next_ms(Past, Options),
    redial(State#state{timer = erlang:start_timer(NextMs, self(), poll)}).

%% ---- connections that come and go, whichever node began ----

connected(Node, Info, #state{log = Log, history = History} = State) ->
    State#state{
        history = counted(Info, barnacle_history:up(Node, now_ms(), History), History),
        log = if_visible(Info, fun() -> barnacle_log:up(Node, Log) end, Log),
        events = if_visible(Info, fun() -> event({up, Node}, State) end, State#state.events)
    }.

disconnected(Node, Info, #state{log = Log, history = History} = State) ->
    Why = lost_by(Node, proplists:get_value(nodedown_reason, Info, unknown), State),
    Down = {down, Node, Why, barnacle_history:peer(Node, now_ms(), History)},
    State#state{
        history = counted(Info, barnacle_history:down(Node, History), History),
        log = if_visible(Info, fun() -> barnacle_log:down(Node, Why, Log) end, Log),
        events = if_visible(Info, fun() -> event(Down, State) end, State#state.events)
    }.

%% Hidden nodes are no members of the cluster. See barnacle_links:visible/0.
if_visible(Info, Do, Else) ->
    IsHidden =
        proplists:get_value(node_type, Info) =:= hidden andalso
            not barnacle_own:has_dynamic_name(),
    case IsHidden of
        true -> Else;
        false -> Do()
    end.

counted(Info, After, Before) ->
    if_visible(Info, fun() -> After end, barnacle_history:uncounted(After, Before)).

%% The announcement of a node that leaves has arrived before its connection ends.
lost_by(Node, Reason, #state{mode = Mode}) ->
    case barnacle_registry:has_left(Node) of
        true -> left;
        false when Reason =:= disconnect, Mode =:= left; Reason =:= disconnect, Mode =:= resting ->
            leaving;
        false -> Reason
    end.

%% Where a strategy connects by itself, only its lists tell.
listed_events(Before, After, #state{strategy = Strategy, events = Events} = State) ->
    case barnacle_strategy:makes_links(Strategy) of
        true ->
            {Up, Down} = barnacle_history:changes(Before, After),
            Changes = [{up, Node} || Node <- Up] ++
                [{down, N, unknown, barnacle_history:peer(N, now_ms(), Before)} || N <- Down],
            lists:foldl(fun(C, Acc) -> event(C, State#state{events = Acc}) end, Events, Changes);
        false ->
            Events
    end.

event(Change, #state{options = Options, events = Events}) ->
    barnacle_event:connection(Change, barnacle_event:metadata(self(), connection, Options), Events).

node_up(Node, State) ->
    #state{plan = Plan, redial = Redial} = State1 = heard({back, Node}, State),
    case barnacle_plan:is_wanted(Node, Plan) of
        true -> redial(State1#state{redial = barnacle_redial:node_up(Node, Redial)});
        false -> State1
    end.

node_down(Node, Reason, #state{plan = Plan, redial = Redial} = State) ->
    case barnacle_plan:is_wanted(Node, Plan) of
        true -> redial(State#state{redial = barnacle_redial:node_down(Node, Reason, Redial)});
        false -> State
    end.

%% Not while a refresh dials everybody; its end comes here too.
redial(#state{mode = running, redial = Redial, round = Round} = State) ->
    case barnacle_current:trigger(Round) of
        refresh -> State;
        _ -> State#state{redial = barnacle_redial:wait(Redial)}
    end;
redial(State) ->
    State.

rest(#state{redial = Redial} = State) -> State#state{redial = barnacle_redial:rest(Redial)}.

answer_waiting(#state{waiting = Waiting} = State) ->
    State#state{waiting = barnacle_waiting:answer(fun() -> view(State) end, Waiting)}.

%% ---- leaving ----

%% Who waits for a word of this node need not wait until it goes on.
stop(Mode, #state{leaving = Leaving} = State) ->
    ok = barnacle_leaving:keep(Mode, Leaving),
    Stays = barnacle_leaving:stay(paused, Leaving),
    notify(pause, rest(stop_timer(State#state{mode = Mode, leaving = Stays}))).

forget_mode(#state{mode = Mode, leaving = Leaving}) when Mode =:= paused; Mode =:= left ->
    barnacle_leaving:keep(running, Leaving);
forget_mode(_State) ->
    ok.

leave_or_stay(Outcome, #state{mode = Mode, plan = Plan, leaving = Before} = State) ->
    case barnacle_leaving:round_ended({Outcome, Plan}, Mode, Before) of
        {leave, Leaving} ->
            rest(State#state{mode = resting, leaving = barnacle_leaving:go(Leaving)});
        {Mode1, Leaving} ->
            State#state{mode = Mode1, leaving = Leaving}
    end.

%% Who rests asks its source first, as at each poll; who left for a planned stop has none to ask.
leave_again(#state{mode = Mode, leaving = Leaving} = State) when Mode =:= resting; Mode =:= left ->
    case {barnacle_leaving:linked_again(Leaving), Mode} of
        {{true, Again}, resting} -> poll_now(State#state{leaving = Again});
        {{true, Again}, left} -> State#state{leaving = barnacle_leaving:go(Again)};
        {{false, Same}, _} -> State#state{leaving = Same}
    end;
leave_again(State) ->
    State.

peer_said({ask, Asker}, #state{plan = Plan, mode = Mode, leaving = Leaving} = State) ->
    Asked = barnacle_leaving:asked(Asker, Leaving),
    case barnacle_plan:standing(node(Asker), Plan) of
        %% Another barnacle of this VM may have a source in common with the asker.
        unknown ->
            State;
        _ when Mode =:= paused; Mode =:= left ->
            State#state{leaving = barnacle_leaving:stay(paused, Asked)};
        _ ->
            poll_now(State#state{leaving = Asked})
    end;
peer_said({stays, Node, Why}, #state{leaving = Leaving} = State) ->
    State#state{leaving = barnacle_leaving:stays(Node, Why, Leaving)};
peer_said({leaving, Node}, #state{redial = Redial} = State) ->
    heard({left, Node}, State#state{redial = barnacle_redial:forget(Node, Redial)}).

heard(Said, #state{plan = Plan, round = Round} = State) ->
    State#state{
        plan = barnacle_plan:heard([Said], Plan), round = barnacle_current:heard(Said, Round)
    }.

poll_now(#state{round = Round} = State) ->
    case barnacle_current:is_there(Round) of
        true -> State;
        false -> start_round(stop_timer(State))
    end.

view(State) -> barnacle_waiting:view(facts(State)).

%% Callers who wait are answered by nobody: they exit with the server, as gen_server:call/3 says.
cancel_round(#state{gate = Gate, round = Round} = State) ->
    ok = barnacle_gate:close(Gate),
    State#state{round = barnacle_current:cancel(Round)}.

stop_timer(#state{timer = none} = State) ->
    State;
stop_timer(#state{timer = Timer} = State) ->
    _ = erlang:cancel_timer(Timer),
    State#state{timer = none}.

notify(Event, #state{listening = Listening} = State) ->
    listening(barnacle_listener:tell(Event, Listening), State).

%% What stops it is logged once, until it works again.
listening(Now, #state{listening = Before, options = Options} = State) ->
    case {barnacle_listener:state(Before), barnacle_listener:state(Now)} of
        {Same, Same} -> ok;
        {{failed, _, _, _}, {failed, _, _, _}} -> ok;
        {_, Changed} -> barnacle_log:listener(who(Options), Changed)
    end,
    State#state{listening = Now}.

facts(#state{strategy = Strategy, round = Round} = State) ->
    Running =
        case barnacle_current:is_there(Round) of
            true -> running;
            false -> idle
        end,
    #{
        options => State#state.options,
        strategy => Strategy,
        mode => State#state.mode,
        round => Running,
        poll => State#state.timer,
        plan => State#state.plan,
        history => State#state.history,
        redial => State#state.redial,
        departed => barnacle_leaving:departed(State#state.leaving),
        listener => barnacle_listener:state(State#state.listening),
        linked => listed(State, fun barnacle_links:connected/0),
        visible => listed(State, fun barnacle_links:visible/0)
    }.

listed(#state{strategy = Strategy, visible = Visible}, Links) ->
    case barnacle_strategy:has(list, Strategy) of
        true -> Visible;
        false -> Links()
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
