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

%% held, going: none or a map, of the refresh and of a leave: f, the function; nodes; pids, the
%% processes that are in it, each {Pid, Ref, Nodes} (a connector calls connect and disconnect once
%% for each node, which is one call here); boss, the worker; new, whether it began in this run.
%% fresh: those that have begun, but are not told apart yet. orphan: a worker that its server left
%% behind. asking: callers by pid, bare ones by tag, with number and request.
-record(w, {
    settings, server = down, pid, monitor, parent, listener, gone,
    held = none, going = none, fresh = [], orphan = none, asking = #{}, calls = 0, linked = [],
    timer = none, timers = [], generation = 0, round = none,
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
            Orphan = [Pid || #{pids := Held} <- [W#w.orphan, W#w.held], {Pid, _, _} <- Held],
            Pids = [Pid || Pid <- [Listener | maps:keys(Asking) ++ Orphan], is_pid(Pid)],
            lists:foreach(fun ended/1, Pids),
            %% A server of the same options may be next.
            ok = bed_app:restarted(barnacle_registry),
            _ = bed_held:flush()
    end,
    ok.

ended(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    end.

observed(#w{held = Held, going = Going} = W) ->
    put(?MODULE, W#w{
        answers = [], told = [], begun = [], died = none, held = old(Held), going = old(Going)
    }),
    New = [{F, Nodes} || #{f := F, nodes := Nodes, new := true} <- [Held, Going]],
    #{
        answers => lists:sort(W#w.answers),
        told => lists:reverse(W#w.told),
        begun => lists:sort(New ++ W#w.begun),
        died => W#w.died,
        status => status(W)
    }.

old(none) -> none;
old(Held) -> Held#{new := false}.

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
        connect_timeout => ?NEVER_MS,
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
act({release, _}, #w{held = none, going = none} = W) ->
    W;
act({release, How}, #w{held = none, going = Going} = W) ->
    released(How, Going, W#w{going = none});
act({release, How}, #w{held = Held} = W) ->
    released(How, Held, W#w{held = none});
act(release_orphan, #w{orphan = none} = W) ->
    W;
act(release_orphan, #w{orphan = #{f := Function, nodes := Nodes, pids := [{Pid, Ref, _}]}} = W) ->
    {Result, _} = server_acts:result(Function, Nodes, {good, 31}, []),
    Pid ! {Ref, Result},
    await_worker(Pid, W#w{orphan = none});
act(overdue, #w{server = Server, round = Ref, held = #{f := F}} = W) when
    F =:= discover; F =:= list
->
    Server ! {barnacle_refresh, Ref, {overdue, F}},
    W;
act(overdue, W) ->
    W;
act(poll, #w{timer = none} = W) ->
    W;
act(poll, #w{server = Server, timer = Timer, generation = Generation} = W) ->
    Server ! {timeout, Timer, {machine, poll, Generation}},
    W;
act(kill, #w{server = down} = W) ->
    W;
act(kill, #w{server = Server, held = Held, going = Going, settings = #{traps := Traps}} = W) ->
    exit(Server, kill),
    W1 = died(W),
    ok = await_end(Going),
    case Held of
        #{f := F} when Traps, F =:= discover orelse F =:= list ->
            W1#w{held = none, going = none, orphan = Held};
        _ ->
            ok = await_end(Held),
            W1#w{held = none, going = none}
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
    Wants = maps:from_keys(Names, present),
    ok = barnacle_registry:want(Wants),
    _ = sys:get_state(barnacle_registry, ?LIMIT_MS),
    %% The registry tells it too, a little later.
    _ = is_pid(W#w.server) andalso W#w.server ! {barnacle_others, Wants},
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
stray(late_poll, Server, #w{generation = Generation} = W) ->
    Server ! {timeout, late(W), {machine, poll, Generation}};
stray(late_round, Server, _) -> Server ! {barnacle_refresh, make_ref(), {overdue, discover}};
stray(begin_round, Server, _) -> Server ! 'begin';
stray(nodeup, Server, _) -> Server ! {nodeup, n1@h};
stray(stays, Server, _) -> Server ! {barnacle_peer, {stays, n1@h, named}};
stray(farewell, Server, _) -> Server ! {barnacle_farewell, make_ref(), []};
stray(redial, Server, _) -> Server ! {barnacle_connector, make_ref(), {done, []}}.

late(#w{timer = Timer, timers = Timers}) ->
    hd(lists:delete(Timer, Timers) ++ [make_ref()]).

%% What only the server itself knows: its poll timer with the generation, what the worker of its
%% refresh is called, and which worker makes it leave.
peeked(Acts, #w{server = Server} = W) when is_pid(Server) ->
    case lists:any(fun needs_peek/1, Acts) of
        false ->
            W;
        true ->
            #{timers := Timers, workers := Workers, schedule := Schedule} = peek(Server),
            Poll = [Timer || #{poll := Timer} <- [Timers]],
            Refs = [Ref || #{discover := {_, #{ref := Ref}}} <- [Workers]],
            W#w{
                timer = hd(Poll ++ [none]),
                timers = lists:usort(Poll ++ W#w.timers),
                generation = Schedule,
                round = hd(Refs ++ [none])
            }
    end;
peeked(_Acts, W) ->
    W.

%% By the places in the records.
peek(Server) ->
    State = sys:get_state(Server, ?LIMIT_MS),
    {machine, _, _, _, _, _, _, Schedule} = Machine = element(4, State),
    schedule = element(1, Schedule),
    machine = element(1, Machine),
    #{timers => element(8, State), workers => element(9, State), schedule => element(9, Schedule)}.

needs_peek(Act) -> lists:member(Act, [poll, overdue, {stray, late_poll}]).

%% ---- callers ----

target(#w{settings = #{named := true}}) -> ?NAME;
target(#w{pid = Pid}) -> Pid.

answer(Id, Answer, #w{answers = Answers} = W) ->
    W#w{answers = [{Id, Answer} | Answers]}.

%% ---- until nothing happens ----

released(How, #{f := F, nodes := Nodes, pids := Pids, boss := Boss} = Held, W) ->
    #w{linked = Before, begun = Begun} = W,
    {Result, Linked} = server_acts:result(F, Nodes, How, Before),
    lists:foreach(fun({Pid, Ref, Of}) -> Pid ! {Ref, part(F, Of, Result)} end, Pids),
    New = [{F, Nodes} || maps:get(new, Held)],
    await_worker(Boss, W#w{linked = Linked, begun = New ++ Begun}).

%% What the function that was called with one of the nodes gives.
part(F, Nodes, {error, Failed}) when F =:= connect; F =:= disconnect ->
    case [Failure || {Node, _} = Failure <- Failed, lists:member(Node, Nodes)] of
        [] -> {ok, Nodes};
        Failures -> {error, Failures}
    end;
part(F, Nodes, {ok, _}) when F =:= connect; F =:= disconnect ->
    {ok, Nodes};
part(_F, _Nodes, Result) ->
    Result.

%% The worker is in the next function, or over.
await_worker(Pid, W) ->
    Monitor = monitor(process, Pid),
    receive
        {begun, Pid, Ref, Function, Nodes} ->
            demonitor(Monitor, [flush]),
            W#w{held = group([{Pid, Ref, Function, Nodes}], Pid)};
        {'DOWN', Monitor, process, _, _} ->
            W
    after ?LIMIT_MS -> error(worker_hangs)
    end.

await_end(none) ->
    ok;
await_end(#{boss := Boss}) ->
    Monitor = monitor(process, Boss),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    after ?LIMIT_MS -> error(worker_hangs)
    end.

group([{_, _, Function, _} | _] = Begun, Boss) ->
    #{
        f => Function,
        nodes => lists:sort(lists:append([Nodes || {_, _, _, Nodes} <- Begun])),
        pids => [{Pid, Ref, Nodes} || {Pid, Ref, _, Nodes} <- Begun],
        boss => Boss,
        new => true
    }.

%% Which worker each process that has begun belongs to. One that has ended already was stopped.
told_apart(#w{fresh = []} = W) ->
    W;
told_apart(#w{fresh = Fresh, server = Server} = W) when is_pid(Server) ->
    #{workers := Workers} = peek(Server),
    Alive = [Begun || {Pid, _, _, _} = Begun <- Fresh, is_process_alive(Pid)],
    maps:fold(
        fun
            (_, {_, #{pid := Boss}}, Acc) when Alive =:= [], is_pid(Boss) -> Acc;
            (Key, {_, #{pid := Boss}}, Acc) ->
                IsOf = fun({Pid, _, _, _}) -> Pid =:= Boss orelse is_linked(Pid, Boss) end,
                case lists:filter(IsOf, Alive) of
                    [] -> Acc;
                    Begun when Key =:= leave -> Acc#w{going = group(Begun, Boss)};
                    Begun -> Acc#w{held = group(Begun, Boss)}
                end;
            (_, _, Acc) -> Acc
        end,
        W#w{fresh = []},
        Workers
    );
told_apart(W) ->
    W#w{fresh = []}.

is_linked(Pid, Boss) ->
    case process_info(Pid, links) of
        {links, Links} -> lists:member(Boss, Links);
        undefined -> false
    end.

settled(W) ->
    settled(W, erlang:monotonic_time(millisecond) + ?LIMIT_MS).

settled(W0, DeadlineMs) ->
    W = drained(W0),
    IsLate = erlang:monotonic_time(millisecond) > DeadlineMs,
    case is_quiet(W) of
        true -> told_apart(drained(heard_out(W)));
        Why when IsLate -> error({not_quiet, Why, W});
        _ -> erlang:yield(), settled(W, DeadlineMs)
    end.

is_quiet(#w{server = down, asking = Asking}) ->
    map_size(Asking) =:= 0;
is_quiet(#w{server = Server, parent = Parent, asking = Asking} = W) ->
    Begun = [Pid || #{pids := Pids} <- [W#w.held, W#w.going], {Pid, _, _} <- Pids] ++
        [Pid || {Pid, _, _, _} <- W#w.fresh],
    Status = status(W),
    case process_info(Server, [status, message_queue_len, links, current_function]) of
        %% It may also wait for code to be loaded.
        [{_, waiting}, {_, 0}, {_, Links}, {_, {_, F, _}}] when F =:= loop; F =:= hibernate ->
            Busy = [Pid || Pid <- Links -- [Parent], not is_held(Pid, Server, Begun)],
            Over = [Id || {Id, {await, _, 0}} <- maps:values(Asking)],
            case {Busy, Over, maps:get(round, Status)} of
                {[], [], Round} when is_atom(Round) ->
                    lists:all(fun server_callers:waits/1, maps:keys(Asking)) andalso is_worked(W);
                Why -> Why
            end;
        Info ->
            Info
    end.

%% A refresh that runs has a worker, and that one is held.
is_worked(#w{server = Server} = W) ->
    #{workers := Workers} = peek(Server),
    IsRunning = maps:get(round, status(W)) =:= running,
    IsRunning =:= (is_map_key(discover, Workers) orelse is_map_key(connect, Workers)).

%% The worker of a refresh is in a function itself; a connector waits for processes that all are.
is_held(Pid, Server, Begun) ->
    lists:member(Pid, Begun) orelse
        case process_info(Pid, [status, message_queue_len, links, current_function]) of
            [{_, waiting}, {_, 0}, {_, Links}, {_, {barnacle_dial, loop, _}}] ->
                lists:delete(Server, Links) -- Begun =:= [] andalso Links =/= [Server];
            _ ->
                false
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
            drained(W#w{fresh = [{Pid, Ref, Function, Nodes} | W#w.fresh]});
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
over(#w{held = Held, going = Going} = W) ->
    W#w{held = over(Held), going = over(Going)};
over(#{pids := [{Pid, _, _} | _]} = Held) ->
    case is_process_alive(Pid) of
        true -> Held;
        false -> none
    end;
over(none) ->
    none.

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
    ok = bed_wait:until(ended, fun() ->
        not is_map_key(Server, element(2, sys:get_state(barnacle_registry, ?LIMIT_MS)))
    end),
    %% Its mode is not to be forgotten.
    ok = gen_server:cast(barnacle_registry, {want, Server, 0, #{}}),
    bed_wait:until(forgotten, fun() ->
        not is_map_key(Server, element(2, sys:get_state(barnacle_registry, ?LIMIT_MS)))
    end).

-endif.
