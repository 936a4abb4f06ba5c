%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_server).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The process of a barnacle. It turns messages into events of the machine (barnacle_machine), performs
the effects (barnacle_effects has those on other nodes and processes), and decides nothing. It never
waits: what takes time runs in a worker process. barnacle_cluster has its calls.

It has what no pure machine can have: callers with their monitors, timers, workers, the state of the
strategy, the transport, the listener, telemetry and the log.
""").

-behaviour(gen_server).

-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, format_status/1]).

%% barnacle: what stays the same when the server is restarted. callers: each by its monitor. timers:
%% by name. workers: discover, connect and retry, each with the id of its work; leave with its pid.
-record(state, {
    options :: barnacle_options:checked(),
    barnacle :: term(),
    machine :: barnacle_machine:machine(),
    strategy :: barnacle_strategy:t(),
    node :: node(),
    callers = #{} :: #{reference() => gen_server:from()},
    timers = #{} :: #{term() => reference()},
    workers = #{} :: #{discover | connect | retry | leave => {Id :: term(), map() | pid()}},
    once = none :: none | reference(),
    listening :: barnacle_listener:listening(),
    refresh = barnacle_event:none() :: barnacle_event:emitter(),
    events = barnacle_event:none() :: barnacle_event:emitter(),
    log :: barnacle_log:log()
}).

-spec init(barnacle_options:checked() | {once, pid(), barnacle_options:checked()}) ->
    {ok, #state{}}.
init({once, Caller, Options}) ->
    start(Options, monitor(process, Caller));
init(Options) ->
    start(Options, none).

start(#{strategy := Strategy, transport := Transport, log := Level} = Options, Once) ->
    %% The server is linked to its workers and outlives them.
    process_flag(trap_exit, true),
    Name = maps:get(name, Options, self()),
    Barnacle = barnacle(Options, Once),
    {Mode, Others} = barnacle_registry:back(Barnacle),
    ok = barnacle_log:environment({Name, Level}, barnacle_options:misplaced()),
    ok = barnacle_transport:watch(Transport),
    Node = barnacle_transport:name(Transport),
    Connected = barnacle_effects:connected(Transport),
    State = #state{
        options = Options,
        barnacle = Barnacle,
        machine = barnacle_machine:new(barnacle_effects:settings(Options, Once =:= none)),
        strategy = Strategy,
        node = Node,
        once = Once,
        listening = barnacle_listener:new(maps:get(listener, Options, none)),
        log = barnacle_log:new(
            Name,
            Level,
            case barnacle_transport:has_list(Transport) of
                true -> rounds;
                false -> [Up || {Up, visible} <- Connected]
            end
        )
    },
    NotAlive = barnacle_transport:connects_by_distribution(Transport) andalso not is_alive(),
    Log = barnacle_log:hints([not_alive || NotAlive], State#state.log),
    Start = {start, #{mode => Mode, connected => Connected, others => Others}},
    {noreply, Started} = step(Start, State#state{log = Log}),
    {ok, Started}.

%% A refresh without a server is the successor of no process.
barnacle(Options, none) -> erlang:phash2(maps:with([name, strategy], Options), 1 bsl 32);
barnacle(_Options, Once) -> Once.

-spec handle_call(term(), gen_server:from(), #state{}) ->
    {noreply, #state{}} | {reply, term(), #state{}} | {stop, normal, #state{}}.
handle_call(status, _From, State) ->
    {reply, status(State), State};
handle_call({ready, What}, _From, #state{machine = Machine} = State) ->
    {reply, barnacle_machine:is_met(What, Machine), State};
handle_call(Call, From, State) when Call =:= pause; Call =:= shutdown ->
    step({call, Call, {none, From}}, State);
handle_call({await, What, _} = Call, From, #state{machine = Machine} = State) ->
    case barnacle_machine:is_met(What, Machine) of
        true -> {reply, ok, State};
        false -> admit(Call, From, State)
    end;
handle_call(Call, From, State) when Call =:= refresh; Call =:= leave ->
    admit(Call, From, State);
handle_call(_, _From, State) ->
    {reply, {error, unknown_call}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info('begin', State) ->
    step('begin', State);
handle_info({timeout, Timer, {machine, Name, Generation}}, #state{timers = Timers} = State) ->
    case Timers of
        #{Name := Timer} ->
            Fired = State#state{timers = maps:remove(Name, Timers)},
            step({timeout, Name, Generation}, Fired);
        #{} ->
            {noreply, State}
    end;
handle_info({Module, Ref, Event}, #state{workers = Workers} = State) when
    Module =:= barnacle_refresh; Module =:= barnacle_connector
->
    case worker(ref, Ref, Workers) of
        [Worker] -> ended(Worker, Event, State);
        [] -> {noreply, State}
    end;
handle_info({'DOWN', Monitor, process, _, _} = Down, State) ->
    down(Monitor, Down, State);
handle_info({'EXIT', Pid, Reason}, #state{workers = Workers} = State) ->
    case Workers of
        #{leave := {_, Pid}} when Reason =/= normal -> step({left, []}, State);
        #{} -> {noreply, State}
    end;
handle_info({timeout, _, log} = Info, #state{log = Before} = State) ->
    case barnacle_log:info(Info, Before) of
        {ok, Log} -> {noreply, State#state{log = Log}};
        ignored -> {noreply, State}
    end;
handle_info(Info, State) ->
    case barnacle_leave_protocol:event(Info) of
        {ok, Event} ->
            step(Event, State);
        ignored ->
            case barnacle_transport:event(Info) of
                none -> {noreply, State};
                Event -> changed(Event, named(State))
            end
    end.

-spec terminate(term(), #state{}) -> term().
terminate(Reason, #state{barnacle = Barnacle, workers = Workers, log = Log}) ->
    _ = (Reason =:= normal orelse Reason =:= shutdown) andalso
        barnacle_registry:keep(Barnacle, ended),
    _ = barnacle_log:close(Log),
    maps:foreach(fun barnacle_effects:stop/2, Workers).

%% For sys:get_status/1, observer and crash reports: what barnacle_cluster:status/1 returns.
-spec format_status(gen_server:format_status()) -> gen_server:format_status().
format_status(#{state := State} = Status) -> Status#{state => status(State)}.

status(#state{options = Options, strategy = Strategy, listening = Listening, machine = Machine}) ->
    NowMs = erlang:monotonic_time(millisecond),
    barnacle_status:map(barnacle_machine:status(NowMs, Machine), #{
        options => Options,
        strategy => Strategy,
        listener => barnacle_listener:state(Listening)
    }).

%% ---- messages become events ----

%% A caller that waits costs memory, and a reply. A caller that has died does not count.
admit(Call, {Pid, _} = From, #state{callers = Callers, options = #{max_callers := Max}} = State) ->
    case map_size(Callers) < Max of
        true ->
            Monitor = monitor(process, Pid),
            Admitted = State#state{callers = Callers#{Monitor => From}},
            step({call, Call, {Monitor, From}}, Admitted);
        false ->
            {reply, {refused, {too_many_callers, Max}}, State}
    end.

down(Monitor, _Down, #state{callers = Callers} = State) when is_map_key(Monitor, Callers) ->
    {From, Rest} = maps:take(Monitor, Callers),
    step({caller_down, {Monitor, From}}, State#state{callers = Rest});
down(Once, _Down, #state{once = Once} = State) ->
    {stop, normal, State};
down(Monitor, Down, #state{workers = Workers, listening = Listening} = State) ->
    case worker(monitor, Monitor, Workers) of
        [Worker] ->
            ended(Worker, {crashed, element(5, Down), []}, State);
        [] ->
            case barnacle_listener:info(Down, Listening) of
                {ok, Changed} -> {noreply, listening(Changed, State)};
                ignored -> {noreply, State}
            end
    end.

%% By: ref, the reference in its messages, or monitor.
worker(By, Ref, Workers) ->
    [Worker || {_, {_, #{By := R}}} = Worker <- maps:to_list(Workers), R =:= Ref].

ended({Key, {Id, _} = Worker}, Event, #state{workers = Workers} = State) ->
    ok = barnacle_effects:stop(Key, Worker),
    said(Event, Key, Id, State#state{workers = maps:remove(Key, Workers)}).

said({discovered, #{node := Node} = Found, Strategy}, _Key, Id, State) ->
    step({discovered, Id, Found}, renamed(Node, State#state{strategy = Strategy}));
said({listed, Listed}, _Key, Id, State) ->
    step({listed, Id, Listed}, State);
said({done, Failures}, retry, retry, State) ->
    step({connected, retry, Failures}, State);
said({done, Failures}, leave, Nodes, State) ->
    step({left, Nodes -- [Node || {Node, _} <- Failures]}, State);
said({done, Failures}, connect, {Did, Id}, State) ->
    step({Did, Id, Failures}, State);
said({overdue, Function}, Key, Id, State) ->
    said({crashed, {strategy_timeout, Function}, []}, Key, Id, State);
said({crashed, Reason, Stacktrace}, connect, {_Did, Id}, State) ->
    step({crashed, Id, Reason, Stacktrace}, State);
said({crashed, _Reason, _Stacktrace}, leave, _Nodes, State) ->
    step({left, []}, State);
said({crashed, Reason, Stacktrace}, _Key, Id, State) ->
    step({crashed, Id, Reason, Stacktrace}, State).

%% A node may get its name, or another one, while it runs.
renamed(Node, #state{node = Node} = State) ->
    State;
renamed(Node, #state{machine = Machine} = State) ->
    {Renamed, []} = barnacle_machine:step({self, Node}, 0, Machine),
    State#state{node = Node, machine = Renamed}.

%% A first connection may give this node its name (-name undefined).
named(#state{options = #{transport := Transport}} = State) ->
    case barnacle_transport:is_distribution(Transport) of
        true -> renamed(node(), State);
        false -> State
    end.

%% A pending attempt of a transport is checked at once when its node comes.
changed({up, Node, _} = Event, #state{workers = Workers} = State) ->
    _ = [
        barnacle_connector:up(Worker, Node)
     || {Key, {_, Worker}} <- maps:to_list(Workers), Key =:= connect orelse Key =:= retry
    ],
    step(Event, State);
changed(Event, State) ->
    step(Event, State).

%% ---- effects ----

step(Event, #state{machine = Machine} = State) ->
    {Next, Effects} = barnacle_machine:step(Event, erlang:monotonic_time(millisecond), Machine),
    perform(Effects, State#state{machine = Next}).

perform([], State) ->
    {noreply, State};
perform([stop | _], State) ->
    {stop, normal, State};
perform([{name, Id, Names} | Effects], #state{options = #{transport := Transport}} = State) ->
    {Nodes, Refused} = barnacle_effects:to_nodes(Names, Transport),
    case perform(Effects, State) of
        {noreply, Performed} -> step({named, Id, Nodes, Refused}, Performed);
        Stop -> Stop
    end;
perform([Effect | Effects], State) ->
    perform(Effects, do(Effect, State)).

%% The strategy's module tells the Gleam adapter the type of an error.
do({reply, Tag, {result, Result}}, #state{strategy = Strategy} = State) ->
    do({reply, Tag, {result, barnacle_strategy:describe(Strategy), Result}}, State);
do({reply, {none, From}, Answer}, State) ->
    gen_server:reply(From, Answer),
    State;
do({reply, {Monitor, From}, Answer}, #state{callers = Callers} = State) ->
    true = demonitor(Monitor, [flush]),
    gen_server:reply(From, Answer),
    State#state{callers = maps:remove(Monitor, Callers)};
do({notify, Event}, #state{listening = Listening} = State) ->
    listening(barnacle_listener:tell(Event, Listening), State);
do(begin_soon, State) ->
    self() ! 'begin',
    State;
do({timer, Name, Generation, AfterMs}, State) ->
    #state{timers = Timers} = Cancelled = do({cancel_timer, Name}, State),
    Timer = erlang:start_timer(AfterMs, self(), {machine, Name, Generation}),
    Cancelled#state{timers = Timers#{Name => Timer}};
do({cancel_timer, Name}, #state{timers = Timers} = State) ->
    case maps:take(Name, Timers) of
        {Timer, Rest} ->
            _ = erlang:cancel_timer(Timer),
            State#state{timers = Rest};
        error ->
            State
    end;
do({stop_work, Key}, #state{workers = Workers} = State) ->
    case maps:take(Key, Workers) of
        {Worker, Rest} ->
            ok = barnacle_effects:stop(Key, Worker),
            State#state{workers = Rest};
        error ->
            State
    end;
do({discover, Id, Trigger}, #state{options = Options, machine = Machine} = State) ->
    Events = barnacle_event:open(barnacle_event:metadata(self(), Trigger, Options)),
    ok = barnacle_event:start(round, #{}, Events),
    Work = (barnacle_machine:known(Machine))#{
        options => Options, strategy => State#state.strategy, events => Events
    },
    works(discover, Id, barnacle_refresh:discover(Work), State#state{refresh = Events});
do({list, Id}, #state{options = Options, refresh = Events} = State) ->
    Worker = barnacle_refresh:list(#{options => Options, events => Events}),
    works(discover, Id, Worker, State);
do({connect, retry, Nodes}, State) ->
    works(retry, retry, connector(connect, retry, Nodes, State), State);
do({connect, Id, Nodes}, State) ->
    works(connect, {connected, Id}, connector(connect, refresh, Nodes, State), State);
do({disconnect, Id, Nodes}, State) ->
    works(connect, {disconnected, Id}, connector(disconnect, refresh, Nodes, State), State);
do({leave, Nodes, true}, #state{options = #{transport := Transport}} = State) ->
    Worker =
        case barnacle_transport:is_distribution(Transport) of
            true -> element(2, barnacle_leave_protocol:leave(Nodes));
            false -> connector(leave, leave, Nodes, State)
        end,
    works(leave, Nodes, Worker, State);
do({log, Fact}, State) ->
    logged(Fact, State);
do({telemetry, Change}, #state{options = Options, events = Events} = State) ->
    Metadata = barnacle_event:metadata(self(), connection, Options),
    State#state{events = barnacle_event:connection(Change, Metadata, Events)};
do(Effect, #state{barnacle = Barnacle, options = Options} = State) ->
    ok = barnacle_effects:send(Effect, Barnacle, Options),
    State.

works(Key, Id, Worker, #state{workers = Workers} = State) ->
    State#state{workers = Workers#{Key => {Id, Worker}}}.

%% The events of a refresh have one emitter, so that they are in order and have its trigger.
connector(Do, For, Nodes, #state{options = Options, strategy = Strategy, node = Node} = State) ->
    Metadata =
        case For of
            retry -> barnacle_event:metadata(self(), retry, Options);
            refresh -> {emitter, State#state.refresh};
            leave -> none
        end,
    barnacle_connector:start(#{
        do => Do,
        nodes => Nodes,
        own => Node,
        transport => maps:get(transport, Options),
        options => Options,
        data => barnacle_strategy:data(Strategy),
        metadata => Metadata
    }).

%% What stops the listener is logged once, until it works again.
listening(Now, #state{listening = Before, options = #{log := Level} = Options} = State) ->
    case {barnacle_listener:state(Before), barnacle_listener:state(Now)} of
        {Same, Same} -> ok;
        {{failed, _, _, _}, {failed, _, _, _}} -> ok;
        {_, Changed} -> barnacle_log:listener({maps:get(name, Options, self()), Level}, Changed)
    end,
    State#state{listening = Now}.

logged({refresh, #{result := Result, visible := Visible} = Outcome}, State) ->
    #state{log = Log, refresh = Events} = State,
    ok = barnacle_event:stop(round, #{nodes => length(Visible)}, #{result => Result}, Events),
    ok = barnacle_event:close(Events),
    State#state{log = barnacle_log:round(Outcome, Log), refresh = barnacle_event:none()};
logged({crashed, Reason, Stacktrace}, #state{log = Log, refresh = Events} = State) ->
    ok = barnacle_event:failed(exit, Reason, Stacktrace, Events),
    ok = barnacle_event:close(Events),
    Logged = barnacle_log:crashed(Reason, Stacktrace, Log),
    State#state{log = Logged, refresh = barnacle_event:none()};
logged({retry_crashed, Reason, Stacktrace}, #state{log = Log} = State) ->
    State#state{log = barnacle_log:crashed(Reason, Stacktrace, Log)};
logged({up, Node}, #state{log = Log} = State) ->
    State#state{log = barnacle_log:up(Node, Log)};
logged({down, Node, Why}, #state{log = Log} = State) ->
    State#state{log = barnacle_log:down(Node, Why, Log)};
logged({What, Of}, #state{log = Log} = State) ->
    ok = barnacle_log:fact(What, Of, Log),
    State.
