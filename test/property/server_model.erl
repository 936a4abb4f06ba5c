%% SPDX-License-Identifier: Apache-2.0
-module(server_model).

%% What a server promises, as a pure function: acts in, what everybody sees out. Written from the
%% promises, not from the code: it knows nothing of workers, references or the plan.
%%
%% Acts of one list happen while the server is held up. So what the round does by itself happens at
%% once, and what the server hears it hears afterwards, in order.

-ifdef(PROPER).

-import(server_acts, [answer/1, known/2, failures/1, crash/1]).

-export([start/1, situation/1, run/2, seen/1]).

-record(round, {
    number,
    callers = [],
    %% The function that is held, and the nodes that it was called with; none before discovery.
    held = none, nodes = [], listed = [], last = false,
    answer, wanted, failed = [], uncut = []
}).

-record(m, {
    settings,
    %% kept: what the next server begins with.
    mode = running, gate = open, timer = none, kept = running,
    round = none, followers = [], waiting = [], leaving = [],
    wanted = [], visible = [], answer = none,
    rounds = 0, failed = 0, crashed = 0,
    %% The world's, which outlives the server.
    linked = [], others = [], listener = there, orphan = false, calls = 0, timers = 0, begun = 0,
    seen = #{}
}).

%% What a list of acts makes visible: answers to callers, what the listener hears, which functions
%% begin, why the server ended.
-record(out, {answers = [], told = [], begun = [], died = none, queue = [], fired = none}).

-define(NOT_ALIVE, local_node_is_not_alive).

%% A server that has just been started, and what is seen of that.
start(Settings) ->
    shown(begin_round({new(#m{settings = Settings}), #out{}})).

new(#m{kept = running} = M) ->
    start_round([], fresh(M));
new(#m{kept = Mode} = M) ->
    saw({kept, Mode}, (fresh(M))#m{mode = Mode, gate = closed}).

fresh(M) ->
    #m{
        settings = M#m.settings, linked = M#m.linked, others = M#m.others, orphan = M#m.orphan,
        listener = M#m.listener, calls = M#m.calls, timers = M#m.timers, begun = M#m.begun,
        seen = M#m.seen
    }.

situation(#m{mode = down}) -> down;
situation(#m{round = none}) -> idle;
situation(#m{}) -> running.

%% How often what happened.
seen(none) -> #{};
seen(#m{seen = Seen}) -> Seen.

run(Acts, #m{timer = Timer} = M0) ->
    {M1, O1} = lists:foldl(fun act/2, {M0, #out{fired = Timer}}, Acts),
    {M2, O2} = lists:foldl(fun heard/2, {M1, O1#out{queue = []}}, lists:reverse(O1#out.queue)),
    shown(begin_round(expired({M2, O2}))).

%% ---- at once: what the world and a running round do ----

act({call, _, Request}, {#m{calls = Calls} = M, O}) ->
    queue({Request, Calls + 1}, {M#m{calls = Calls + 1}, O});
act({release, How}, {#m{round = #round{held = F} = R} = M, O}) when F =/= none ->
    {Result, Linked} = server_acts:result(F, R#round.nodes, How, M#m.linked),
    returned(F, Result, {M#m{linked = Linked}, O});
act({release, _}, MO) ->
    MO;
act(release_orphan, {M, O}) ->
    {saw_if(M#m.orphan, released_orphan, M#m{orphan = false}), O};
act(overdue, {#m{round = #round{number = N, held = F}}, _} = MO) when F =/= none ->
    queue({crashed, N, {strategy_timeout, F}}, MO);
act(overdue, MO) ->
    MO;
act(poll, {_, #out{fired = Timer}} = MO) ->
    queue({poll, Timer}, MO);
act({listener, gone}, {M, O}) ->
    {saw(listener_gone, M#m{listener = gone}), O};
%% Nobody can take the place of a process.
act({listener, back}, {#m{settings = #{listener := pid}} = M, O}) ->
    {M, O};
act({listener, back}, {M, O}) ->
    {M#m{listener = there}, O};
act({drift, Mask}, {#m{linked = Linked} = M, O}) ->
    Nodes = server_acts:nodes_of(Mask),
    {M#m{linked = lists:sort((Linked -- Nodes) ++ (Nodes -- Linked))}, O};
act({others, Mask}, {M, O}) ->
    {M#m{others = server_acts:nodes_of(Mask) -- [node()]}, O};
act(kill, {#m{mode = down}, _} = MO) ->
    MO;
act(kill, {M, O}) ->
    Orphan = M#m.orphan orelse (M#m.round =/= none andalso maps:get(traps, M#m.settings)),
    died(killed, saw_round(kill, {M#m{orphan = Orphan}, O}));
act(restart, {#m{mode = down} = M, O}) ->
    {saw(restart, new(M)), O};
act(restart, MO) ->
    MO;
act({stray, _}, {M, O}) ->
    {saw(stray, M), O}.

queue(Message, {M, O}) ->
    {M, O#out{queue = [Message | O#out.queue]}}.

%% A function of the round has given a result.
returned(_F, {crash, Kind}, {#m{round = R} = M, O}) ->
    Ended = M#m{round = R#round{held = none}},
    queue({crashed, R#round.number, crash(Kind)}, {saw({crash, Kind}, Ended), O});
returned(discover, Found, {#m{round = R, wanted = Before} = M, O}) ->
    Answer = answer(Found),
    Round = R#round{answer = Answer, wanted = known(Answer, Before)},
    M1 = saw({answer, element(1, Answer)}, M#m{round = Round}),
    first_list({M1, O});
returned(list, {error, Why}, MO) ->
    ended({error, {strategy_error, Why}}, [], MO);
returned(list, {ok, Nodes}, {#m{round = #round{last = true}}, _} = MO) ->
    ended(ok, Nodes, MO);
returned(list, {ok, Nodes}, {#m{round = R} = M, O}) ->
    listed(Nodes, {M#m{round = R#round{last = true}}, O});
returned(connect, Result, MO) ->
    connected(failures(Result), MO);
returned(disconnect, Result, MO) ->
    disconnected(failures(Result), MO).

first_list({M, _} = MO) ->
    case has(list, M) of
        true -> hold(list, [], MO);
        false -> listed([], MO)
    end.

listed(Listed, {#m{round = R} = M, O}) ->
    New = (to_connect(R, M) -- Listed) -- [node()],
    MO = {M#m{round = R#round{listed = Listed}}, O},
    case {New, has(connect, M)} of
        {[], _} -> connected([], MO);
        {_, false} -> connected([{Node, ?NOT_ALIVE} || Node <- New], MO);
        {_, true} -> gated(connect, New, MO)
    end.

%% After an error barnacle mends its own links, and leaves those of others alone.
to_connect(#round{answer = {error, _}, wanted = Wanted}, M) ->
    case has(connect, M) of
        true -> [];
        false -> Wanted
    end;
to_connect(#round{answer = {complete, Names}}, _M) -> Names;
to_connect(#round{wanted = Wanted}, _M) -> Wanted.

connected(Failed, {#m{round = R, settings = #{disconnect := Mode}} = M, O}) ->
    Listed = R#round.listed,
    MO = {M#m{round = R#round{failed = Failed}}, O},
    case {Mode, R#round.answer} of
        {undiscovered, {complete, Names}} -> cut((Listed -- [node() | Names]) -- M#m.others, MO);
        _ -> disconnected([], MO)
    end.

cut([], MO) ->
    disconnected([], MO);
cut(Gone, {M, _} = MO) ->
    case {has(disconnect, M), M#m.gate} of
        {false, open} -> disconnected([{Node, ?NOT_ALIVE} || Node <- Gone], MO);
        _ -> gated(disconnect, Gone, MO)
    end.

%% After a pause nothing begins that joins or cuts.
gated(F, Nodes, {#m{gate = open}, _} = MO) -> hold(F, Nodes, MO);
gated(connect, New, MO) -> connected(paused(New), saw_gate(MO));
gated(disconnect, Gone, MO) -> disconnected(paused(Gone), saw_gate(MO)).

paused(Nodes) -> [{Node, paused} || Node <- Nodes].

saw_gate({M, O}) -> {saw(gate_closed, M), O}.

disconnected(Uncut, {#m{round = R} = M, O}) ->
    MO = {M#m{round = R#round{uncut = Uncut, last = true}}, O},
    case has(list, M) of
        true -> hold(list, [], MO);
        false -> ended(ok, [], MO)
    end.

hold(F, Nodes, {#m{round = R} = M, O}) ->
    {
        saw({held, F}, M#m{round = R#round{held = F, nodes = Nodes}}),
        O#out{begun = [{F, Nodes} | O#out.begun]}
    }.

ended(Result0, Visible, {#m{round = R} = M, _} = MO) ->
    #round{number = N, answer = Answer, wanted = Wanted, failed = Failed, uncut = Uncut} = R,
    Result =
        case {Result0, Answer, Failed, Uncut} of
            {{error, _}, _, _, _} -> Result0;
            {ok, {error, Why}, _, _} -> {error, {strategy_error, Why}};
            {ok, _, [_ | _], _} -> {error, {connect_error, lists:sort(Failed)}};
            {ok, _, [], [_ | _]} -> {error, {disconnect_error, lists:sort(Uncut)}};
            {ok, _, [], []} -> {ok, report(Visible, M)}
        end,
    Done = {done, N, Result, {element(1, Answer), Wanted, Visible}},
    {M1, O1} = queue(Done, MO),
    {M1#m{round = R#round{held = none}}, O1}.

report(Visible, M) ->
    case has(list, M) of
        true -> Visible;
        false -> [node()]
    end.

%% ---- what the server hears ----

%% Whoever asks where nobody is exits, but for a probe.
heard({{ready, _}, Id}, {#m{mode = down}, _} = MO) ->
    answered(Id, false, MO);
heard({Request, Id}, {#m{mode = down}, O} = MO) when is_integer(Id), Request =/= poll ->
    Why =
        case O#out.died of
            none -> noproc;
            Died -> Died
        end,
    answered(Id, {gone, Why}, MO);
heard(_, {#m{mode = down}, _} = MO) ->
    MO;
heard({refresh, Id}, MO) ->
    {M, O} = saw_round(refresh, MO),
    {refreshed(Id, M#m{gate = open, mode = running}), O};
heard({pause, Id}, MO) ->
    answered(Id, ok, stopped(paused, saw_round(pause, MO)));
heard({leave, Id}, MO) ->
    {M, O} = stopped(left, saw_round(leave, MO)),
    {M#m{leaving = [Id | M#m.leaving]}, O};
heard({shutdown, Id}, MO) ->
    died(normal, tell(shutdown, answered(Id, ok, saw_round(shutdown, MO))));
heard({status, Id}, {M, _} = MO) ->
    answered(Id, status(M), MO);
heard({{ready, What}, Id}, {M, _} = MO) ->
    answered(Id, is_met(What, M), MO);
heard({{await, What, TimeoutMs}, Id}, {#m{waiting = Waiting} = M, O}) ->
    answer_waiting({M#m{waiting = [{Id, What, TimeoutMs} | Waiting]}, O});
heard({poll, Timer}, {#m{timer = Timer} = M, O}) when Timer =/= none ->
    {saw(poll, start_round([], M#m{timer = none})), O};
heard({poll, _}, MO) ->
    MO;
heard({crashed, N, Why}, {#m{round = #round{number = N} = R, crashed = Crashed} = M, O}) ->
    MO = {M#m{round = none, rounds = M#m.rounds + 1, crashed = Crashed + 1}, O},
    Answered = answered_all(R#round.callers, {crashed, Why}, saw_why(Why, MO)),
    next_round(tell({refresh, {error, {crashed, Why}}}, Answered));
heard({done, N, Result, {Kind, Wanted, Visible}}, {#m{round = #round{number = N} = R} = M, O}) ->
    Failed =
        case Result of
            {ok, _} -> M#m.failed;
            {error, _} -> M#m.failed + 1
        end,
    M1 = M#m{
        round = none, rounds = M#m.rounds + 1, failed = Failed,
        wanted = Wanted, visible = Visible, answer = Kind
    },
    next_round(tell({refresh, Result}, answered_all(R#round.callers, Result, {M1, O})));
%% It was ended before.
heard(_, MO) ->
    MO.

refreshed(Id, #m{round = none} = M) ->
    start_round([Id], M#m{timer = none});
refreshed(Id, #m{round = #round{number = none, callers = Callers} = R} = M) ->
    saw(shared, M#m{round = R#round{callers = [Id | Callers]}});
refreshed(Id, #m{followers = Followers} = M) ->
    saw_if(Followers =/= [], shared_follower, M#m{followers = [Id | Followers]}).

start_round(Callers, M) ->
    M#m{round = #round{number = none, callers = Callers}}.

begin_round({#m{round = #round{number = none} = R, begun = N} = M, O}) ->
    hold(discover, [], {M#m{round = R#round{number = N + 1}, begun = N + 1}, O});
begin_round(MO) ->
    MO.

stopped(Mode, {M, O}) ->
    tell(pause, {M#m{mode = Mode, gate = closed, timer = none}, O}).

next_round(MO) ->
    case answer_waiting(MO) of
        {#m{followers = [_ | _] = Followers} = M, O} ->
            {saw(follow_up, start_round(Followers, M#m{followers = []})), O};
        {#m{mode = running, timers = Timers} = M, O} ->
            {M#m{timer = Timers + 1, timers = Timers + 1}, O};
        Rests ->
            Rests
    end.

answer_waiting({#m{waiting = Waiting} = M, O}) ->
    {Met, Others} = lists:partition(fun({_, What, _}) -> is_met(What, M) end, Waiting),
    answered_all([Id || {Id, _, _} <- Met], ok, {M#m{waiting = Others}, O}).

is_met(first_round, #m{rounds = Rounds}) ->
    Rounds > 0;
is_met({nodes, N}, M) ->
    length(report(M#m.visible, M)) >= N;
is_met(all, #m{answer = Answer, wanted = Wanted, visible = Visible}) ->
    Answer =:= complete andalso Wanted -- [node() | Visible] =:= [].

%% Who waits for no time at all, and who leaves where nobody is linked.
expired({#m{waiting = Waiting, leaving = Leaving} = M, O}) ->
    {Over, Others} = lists:partition(fun({_, _, TimeoutMs}) -> TimeoutMs =:= 0 end, Waiting),
    MO = {M#m{waiting = Others, leaving = []}, O},
    answered_all(
        Leaving, {ok, []}, answered_all([Id || {Id, _, _} <- Over], {error, timeout}, MO)
    ).

%% Who still waits exits with the server.
died(Why, {#m{round = R, followers = F, waiting = W, leaving = L, mode = Mode} = M, O}) ->
    Kept = kept(Why, Mode),
    Callers =
        case R of
            none -> [];
            #round{callers = C} -> C
        end,
    All = Callers ++ F ++ L ++ [Id || {Id, _, _} <- W],
    M1 = saw_if(All =/= [], {callers_gone, Why}, M),
    answered_all(
        All,
        {gone, Why},
        {
            M1#m{
                mode = down, kept = Kept, round = none, followers = [], waiting = [], leaving = []
            },
            O#out{died = Why}
        }
    ).

kept(normal, _Mode) -> running;
kept(_Crash, Mode) -> Mode.

answered_all(Ids, Answer, MO) ->
    lists:foldl(fun(Id, Acc) -> answered(Id, Answer, Acc) end, MO, Ids).

answered(Id, Answer, {M, O}) ->
    {M, O#out{answers = [{Id, Answer} | O#out.answers]}}.

tell(Event, {#m{listener = there} = M, O}) ->
    {M, O#out{told = [Event | O#out.told]}};
tell(_Event, MO) ->
    MO.

%% ---- what is seen ----

shown({M, O}) ->
    {M, #{
        answers => lists:sort(O#out.answers),
        told => lists:reverse(O#out.told),
        begun => lists:reverse(O#out.begun),
        died => O#out.died,
        status => status(M)
    }}.

status(#m{mode = down}) ->
    down;
status(#m{mode = Mode, round = R, timer = Timer} = M) ->
    #{
        state => Mode,
        round =>
            case R of
                none -> idle;
                _ -> running
            end,
        armed => Timer =/= none,
        rounds => M#m.rounds,
        failed_rounds => M#m.failed,
        crashed_rounds => M#m.crashed,
        answer => M#m.answer,
        wanted => M#m.wanted
    }.

has(F, #m{settings = #{functions := Functions}}) ->
    lists:member(F, Functions).

saw_round(What, {#m{round = #round{number = N}} = M, O}) when N =/= none ->
    {saw({What, in_mid_round}, M), O};
saw_round(What, {M, O}) ->
    {saw(What, M), O}.

saw_why({strategy_timeout, F}, {M, O}) -> {saw({overdue, F}, M), O};
saw_why(_, MO) -> MO.

saw_if(true, What, M) -> saw(What, M);
saw_if(false, _What, M) -> M.

saw(What, #m{seen = Seen} = M) ->
    M#m{seen = maps:update_with(What, fun(N) -> N + 1 end, 1, Seen)}.

-endif.
