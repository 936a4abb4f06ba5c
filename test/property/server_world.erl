%% SPDX-License-Identifier: Apache-2.0
-module(server_world).

%% The real server, and everything round it in the hand of the test: functions of its strategy that
%% are held, callers, a listener, links. After each list of acts it waits until nothing can happen
%% any more without the test, and gives what was seen. The process that calls is the world; it keeps
%% its things in its process dictionary.

-ifdef(PROPER).

-export([start/1, run/1, stop/0]).

-import(server_callers, [normal/1]).

-define(LIMIT_MS, 10000).
-define(NEVER_MS, 3600000).
-define(NAME, server_world_barnacle).
-define(LISTENER, server_world_listener).

%% held, orphan: none or {Worker, Ref, Function, Nodes}. asking: callers by pid, bare ones by tag,
%% with number and request.
-record(w, {
    settings, server = down, pid, monitor, parent, listener, gone,
    held = none, orphan = none, asking = #{}, calls = 0, linked = [],
    timer = none, timers = [], round = none,
    answers = [], told = [], begun = [], died = none
}).

%% What is raised is seen too: not every PropEr takes exceptions on every OTP.
start(Settings) -> seen(fun() -> start_(Settings) end).

run(Acts) -> seen(fun() -> run_(Acts) end).

seen(Fun) ->
    try
        Fun()
    catch
        Class:Reason:Stacktrace -> {raised, {Class, Reason, Stacktrace}}
    end.

start_(Settings) ->
    W = #w{settings = Settings, gone = counters:new(1, [])},
    put(?MODULE, W),
    observed(settled(started(listening(W)))).

run_(Acts) ->
    W0 = peeked(Acts, get(?MODULE)),
    W =
        case {Acts, W0#w.server} of
            {[_, _ | _], Server} when is_pid(Server) ->
                true = erlang:suspend_process(Server),
                Acted = lists:foldl(fun act/2, W0, Acts),
                true = erlang:resume_process(Server),
                Acted;
            _ ->
                lists:foldl(fun act/2, W0, Acts)
        end,
    observed(settled(W)).

%% Ends all that start/1 and run/1 have started.
stop() ->
    case erase(?MODULE) of
        undefined -> ok;
        #w{listener = Listener, asking = Asking} = W ->
            _ = is_pid(W#w.server) andalso act(kill, W),
            Orphan = [Pid || {Pid, _, _, _} <- [W#w.orphan, (get_orphan(W))]],
            Pids = [Pid || Pid <- [Listener | maps:keys(Asking) ++ Orphan], is_pid(Pid)],
            lists:foreach(fun ended/1, Pids),
            %% A server of the same options may be next.
            ok = bed_app:restarted(barnacle_registry),
            _ = bed_held:flush()
    end,
    ok.

get_orphan(#w{held = {_, _, _, _} = Held}) -> Held;
get_orphan(_) -> none.

ended(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    end.

observed(#w{} = W) ->
    put(?MODULE, W#w{answers = [], told = [], begun = [], died = none}),
    #{
        answers => lists:sort(W#w.answers),
        told => lists:reverse(W#w.told),
        begun => lists:reverse(W#w.begun),
        died => W#w.died,
        status => status(W)
    }.

status(#w{server = down}) -> down;
status(#w{server = Server}) ->
    try
        normal(gen_server:call(Server, status, ?LIMIT_MS))
    catch
        exit:{Why, _} when Why =/= timeout -> #{round => Why}
    end.

%% ---- server and listener ----

started(#w{settings = #{disconnect := Mode, named := Named} = Settings} = W) ->
    World = self(),
    Options = #{
        strategy => server_strategy:strategy(World, Settings),
        disconnect => Mode,
        listener => listener(W),
        poll_interval => ?NEVER_MS,
        strategy_timeout => ?NEVER_MS,
        retry_min => ?NEVER_MS,
        retry_max => ?NEVER_MS,
        log => none
    },
    Parent = spawn(fun() ->
        process_flag(trap_exit, true),
        World ! {started, self(), barnacle_cluster:start_link(maps:merge(Options, name(Named)))},
        receive
            finish -> ok
        end
    end),
    receive
        {started, Parent, {ok, Server}} ->
            W#w{server = Server, pid = Server, parent = Parent, monitor = monitor(process, Server)}
    after ?LIMIT_MS -> error(not_started)
    end.

name(true) -> #{name => ?NAME};
name(false) -> #{}.

listener(#w{settings = #{listener := pid}, listener = Pid}) -> Pid;
listener(#w{settings = #{listener := name}}) -> ?LISTENER;
listener(#w{settings = #{listener := module}, gone = Gone}) -> {server_strategy, {self(), Gone}}.

listening(#w{settings = #{listener := module}} = W) ->
    W#w{listener = module};
listening(#w{settings = #{listener := Kind}} = W) ->
    World = self(),
    Pid = spawn(fun() ->
        Kind =:= name andalso register(?LISTENER, self()),
        World ! {listening, self()},
        listen(World)
    end),
    receive
        {listening, Pid} -> W#w{listener = Pid}
    end.

listen(World) ->
    receive
        {barnacle, Server, Event} -> World ! {told, Server, Event};
        {ping, Ref} -> World ! {pong, Ref}
    end,
    listen(World).

%% ---- acts ----

act({call, _, {ready, _} = Request}, #w{server = down, calls = Calls} = W) ->
    answer(Calls + 1, server_callers:call(target(W), Request), W#w{calls = Calls + 1});
act({call, raw, _}, #w{server = down, calls = Calls} = W) ->
    answer(Calls + 1, {gone, noproc}, W#w{calls = Calls + 1});
act({call, raw, Request}, #w{server = Server, calls = Calls, asking = Asking} = W) ->
    Tag = make_ref(),
    Server ! {'$gen_call', {self(), Tag}, Request},
    W#w{calls = Calls + 1, asking = Asking#{Tag => {Calls + 1, Request}}};
act({call, api, Request}, #w{calls = Calls, asking = Asking} = W) ->
    Pid = server_callers:start(self(), target(W), Request),
    W#w{calls = Calls + 1, asking = Asking#{Pid => {Calls + 1, Request}}};
act({release, _}, #w{held = none} = W) ->
    W;
act({release, How}, #w{held = {Pid, Ref, Function, Nodes}, linked = Before} = W) ->
    {Result, Linked} = server_acts:result(Function, Nodes, How, Before),
    Pid ! {Ref, Result},
    await_worker(Pid, W#w{held = none, linked = Linked});
act(release_orphan, #w{orphan = none} = W) ->
    W;
act(release_orphan, #w{orphan = {Pid, Ref, Function, Nodes}} = W) ->
    {Result, _} = server_acts:result(Function, Nodes, {good, 31}, []),
    Pid ! {Ref, Result},
    await_worker(Pid, W#w{orphan = none});
act(overdue, #w{held = none} = W) ->
    W;
act(overdue, #w{server = Server, round = Ref, held = {_, _, Function, _}} = W) ->
    Server ! {barnacle_round, Ref, {overdue, Function}},
    W;
act(poll, #w{timer = none} = W) ->
    W;
act(poll, #w{server = Server, timer = Timer} = W) ->
    Server ! {timeout, Timer, poll},
    W;
act(kill, #w{server = down} = W) ->
    W;
act(kill, #w{server = Server, held = Held, settings = #{traps := Traps}} = W) ->
    exit(Server, kill),
    W1 = died(W),
    case {Held, Traps} of
        {none, _} -> W1;
        {_, true} -> W1#w{held = none, orphan = Held};
        {{Pid, _, _, _}, false} -> await_worker(Pid, W1#w{held = none})
    end;
act(restart, #w{server = down} = W) ->
    started(W#w{timer = none});
act(restart, W) ->
    W;
act({listener, gone}, #w{listener = Pid} = W) when is_pid(Pid) ->
    ok = ended(Pid),
    W#w{listener = gone};
act({listener, back}, #w{settings = #{listener := name}, listener = gone} = W) ->
    listening(W);
act({listener, What}, #w{listener = module, gone = Gone} = W) ->
    counters:put(Gone, 1, maps:get(What, #{gone => 1, back => 0})),
    W;
act({listener, _}, W) ->
    W;
act({drift, Mask}, #w{linked = Linked} = W) ->
    Nodes = server_acts:nodes_of(Mask),
    W#w{linked = lists:sort((Linked -- Nodes) ++ (Nodes -- Linked))};
act({others, Mask}, W) ->
    Names = [atom_to_binary(Node) || Node <- server_acts:nodes_of(Mask)],
    ok = barnacle_registry:want(self(), maps:from_keys(Names, present)),
    W;
act({stray, _}, #w{server = down} = W) ->
    W;
act({stray, Kind}, #w{server = Server} = W) ->
    _ = stray(Kind, Server, W),
    W.

stray(noise, Server, _) -> Server ! {noise, self()};
stray(cast, Server, _) -> gen_server:cast(Server, noise);
stray(unknown_call, Server, _) -> Server ! {'$gen_call', {self(), make_ref()}, noise};
stray(exit_signal, Server, _) -> exit(Server, noise);
stray(down, Server, _) -> Server ! {'DOWN', make_ref(), process, self(), noise};
stray(late_poll, Server, W) -> Server ! {timeout, late(W), poll};
stray(late_round, Server, _) -> Server ! {barnacle_round, make_ref(), {overdue, discover}};
stray(begin_round, Server, _) -> Server ! begin_round;
stray(nodeup, Server, _) -> Server ! {nodeup, n1@h, []};
stray(stays, Server, _) -> Server ! {barnacle_peer, {stays, n1@h, named}};
stray(farewell, Server, _) -> Server ! {barnacle_farewell, make_ref(), []};
stray(redial, Server, _) -> Server ! {barnacle_redial, make_ref(), []}.

late(#w{timer = Timer, timers = Timers}) ->
    hd(lists:delete(Timer, Timers) ++ [make_ref()]).

%% What only the server itself knows: its poll timer, and what its round is called. Whatever it
%% keeps them in, one is a timer that runs, the other goes by the name ref.
peeked(Acts, #w{server = Server} = W) when is_pid(Server) ->
    case lists:any(fun needs_peek/1, Acts) of
        false ->
            W;
        true ->
            State = tuple_to_list(sys:get_state(Server, ?LIMIT_MS)),
            Timers = [T || T <- State, is_reference(T), is_integer(erlang:read_timer(T))],
            Refs = [
                Ref
             || Round <- State, is_tuple(Round), #{ref := Ref, pid := _} <- tuple_to_list(Round)
            ],
            Timer = hd(Timers ++ [none]),
            W#w{
                timer = Timer,
                timers = lists:usort(Timers ++ W#w.timers),
                round = hd(Refs ++ [none])
            }
    end;
peeked(_Acts, W) ->
    W.

needs_peek(Act) -> lists:member(Act, [poll, overdue, {stray, late_poll}]).

%% ---- callers ----

target(#w{settings = #{named := true}}) -> ?NAME;
target(#w{pid = Pid}) -> Pid.

answer(Id, Answer, #w{answers = Answers} = W) ->
    W#w{answers = [{Id, Answer} | Answers]}.

%% ---- until nothing happens ----

%% The worker is in the next function, or over.
await_worker(Pid, W) ->
    Monitor = monitor(process, Pid),
    receive
        {begun, Pid, Ref, Function, Nodes} ->
            demonitor(Monitor, [flush]),
            begun({Pid, Ref, Function, Nodes}, W);
        {'DOWN', Monitor, process, _, _} ->
            W
    after ?LIMIT_MS -> error(worker_hangs)
    end.

begun({Pid, Ref, Function, Nodes}, #w{begun = Begun} = W) ->
    Sorted = lists:sort(Nodes),
    W#w{held = {Pid, Ref, Function, Sorted}, begun = [{Function, Sorted} | Begun]}.

settled(W) ->
    settled(W, erlang:monotonic_time(millisecond) + ?LIMIT_MS).

settled(W0, DeadlineMs) ->
    W = drained(W0),
    IsLate = erlang:monotonic_time(millisecond) > DeadlineMs,
    case is_quiet(W) of
        true -> drained(heard_out(W));
        Why when IsLate -> error({not_quiet, Why, W});
        _ -> erlang:yield(), settled(W, DeadlineMs)
    end.

is_quiet(#w{server = down, asking = Asking}) ->
    map_size(Asking) =:= 0;
is_quiet(#w{server = Server, parent = Parent, held = Held, asking = Asking} = W) ->
    Workers = [Pid || {Pid, _, _, _} <- [Held]],
    Status = status(W),
    case process_info(Server, [status, message_queue_len, links, current_function]) of
        %% It may also wait for code to be loaded.
        [{_, waiting}, {_, 0}, {_, Links}, {_, {_, F, _}}] when F =:= loop; F =:= hibernate ->
            Busy = (Links -- Workers) -- [Parent],
            Over = [Id || {Id, {await, _, 0}} <- maps:values(Asking)],
            Fits = {maps:get(round, Status), Workers =/= []},
            case {Busy, Over, Fits} of
                {[], [], {Round, IsHeld}} when (Round =:= running) =:= IsHeld ->
                    lists:all(fun server_callers:waits/1, maps:keys(Asking));
                Why -> Why
            end;
        Info ->
            Info
    end.

%% The listener has passed on all that it was told before.
heard_out(#w{listener = Pid} = W) when is_pid(Pid) ->
    Pid ! {ping, Ref = make_ref()},
    receive
        {pong, Ref} -> W
    after ?LIMIT_MS -> error(listener_hangs)
    end;
heard_out(W) ->
    W.

drained(#w{pid = Server, monitor = Monitor, asking = Asking} = W) ->
    receive
        {begun, Pid, Ref, Function, Nodes} ->
            drained(begun({Pid, Ref, Function, Nodes}, W));
        {answer, Pid, Answer} ->
            {{Id, _}, Others} = maps:take(Pid, Asking),
            drained(answer(Id, Answer, W#w{asking = Others}));
        {Tag, {error, unknown_call}} when is_reference(Tag) ->
            drained(W);
        {Tag, Reply} when is_reference(Tag) ->
            %% A second reply finds nobody who asked.
            {{Id, _}, Others} = maps:take(Tag, Asking),
            drained(answer(Id, normal(Reply), W#w{asking = Others}));
        {told, Server, Event} ->
            drained(W#w{told = [told(Event) | W#w.told]});
        {'DOWN', Monitor, process, _, Why} ->
            drained(gone(Why, W))
    after 0 -> over(W)
    end.

%% A worker that the server has ended.
over(#w{held = {Pid, _, _, _}} = W) ->
    case is_process_alive(Pid) of
        true -> W;
        false -> W#w{held = none}
    end;
over(W) ->
    W.

told({refresh, Result}) -> {refresh, normal(Result)};
told(Event) -> Event.

died(#w{monitor = Monitor} = W) ->
    receive
        {'DOWN', Monitor, process, _, Why} -> gone(Why, W)
    after ?LIMIT_MS -> error(not_dead)
    end.

%% Bare callers cannot exit by themselves. What the server wanted is to be forgotten before the next
%% one asks.
gone(Why, #w{server = Server, parent = Parent} = W) ->
    Parent ! finish,
    W1 = drained(W#w{server = down, died = Why, monitor = none}),
    Bare = [
        {Tag, Id, Request}
     || {Tag, {Id, Request}} <- maps:to_list(W1#w.asking), is_reference(Tag)
    ],
    ok = await_forgotten(Server),
    lists:foldl(
        fun
            ({_, Id, {ready, _}}, Acc) -> answer(Id, false, Acc);
            ({_, Id, _}, Acc) -> answer(Id, {gone, Why}, Acc)
        end,
        W1#w{asking = maps:without([Tag || {Tag, _, _} <- Bare], W1#w.asking)},
        Bare
    ).

await_forgotten(Server) ->
    bed_wait:until(forgotten, fun() ->
        not is_map_key(Server, sys:get_state(barnacle_registry, ?LIMIT_MS))
    end).

-endif.
