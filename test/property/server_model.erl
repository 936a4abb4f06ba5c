%% SPDX-License-Identifier: Apache-2.0
-module(server_model).

%% What a server promises, as a pure function: acts in, what everybody sees out. Written from the
%% promises, not from the code: it knows nothing of workers, references or the plan.
%%
%% Acts of one list happen while the server is held up. What a worker does by itself happens at
%% once: it lists after it has discovered. What the server hears it hears afterwards, in order.
%%
%% Rules that are those of the two phases of a refresh:
%%   the server decides what is connected and disconnected, so what it decides begins when it hears
%%   of the phase before; connecting and disconnecting have no time limit of their own;
%%   a pause ends what connects and disconnects: all of its nodes fail with paused;
%%   the names are known when the server hears of the discovery, whatever becomes of the refresh;
%%   a list that fails changes nothing of what was listed before;
%%   a node that failed is left alone by polls, and counts as failed; a call of refresh tries it;
%%   an empty list of a custom strategy without a list function is the user's word;
%%   leave disconnects the listed nodes, those that fail once more (five times at most).
%% What began and was ended by the server in one run may not have been seen, so it is not shown.

-ifdef(PROPER).

-import(server_acts, [answer/1, known/2, failures/1, crash/1]).

-export([start/1, situation/1, run/2, seen/1]).

-record(round, {
    number,
    callers = [], trigger = poll,
    %% The function that is held, and the nodes that it was called with; none before discovery.
    %% new: it began in this run.
    held = none, nodes = [], new = false, listed = {ok, []},
    %% What the server waits for, and the nodes that it is about.
    phase = discovering, tried = [], gone = [],
    answer, failed = [], uncut = []
}).

-record(m, {
    settings,
    %% kept: what the next server begins with.
    mode = running, gate = open, timer = none, kept = running,
    round = none, followers = [], waiting = [], leaving = [],
    wanted = [], visible = [], answer = none, failing = #{},
    %% going: none or {Nodes, whether it is new} while a leave disconnects; left: what a leave was
    %% to disconnect last, and how often it may do so again.
    going = none, left = {[], 0},
    rounds = 0, failed = 0, crashed = 0,
    %% The world's, which outlives the server.
    linked = [], others = [], listener = there, orphan = false, calls = 0, timers = 0, begun = 0,
    seen = #{}
}).

%% What a list of acts makes visible: answers to callers, what the listener hears, which functions
%% begin, why the server ended.
-record(out, {
    answers = [], told = [], begun = [], died = none, queue = [], late = [], fired = none
}).

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
    shown(settled({M2, O2})).

settled({_, #out{late = [_ | _] = Late} = O} = MO) ->
    {M, _} = MO,
    settled(lists:foldl(fun heard/2, {M, O#out{late = []}}, lists:reverse(Late)));
settled(MO) ->
    case begin_round(expired(MO)) of
        {_, #out{late = []}} = Settled -> Settled;
        Late -> settled(Late)
    end.

%% ---- at once: what the world and a running round do ----

act({call, _, Request}, {#m{calls = Calls} = M, O}) ->
    queue({Request, Calls + 1}, {M#m{calls = Calls + 1}, O});
act({release, How}, {#m{round = #round{held = F, new = IsNew} = R} = M, O}) when F =/= none ->
    {Result, Linked} = server_acts:result(F, R#round.nodes, How, M#m.linked),
    Released = M#m{linked = Linked, round = R#round{held = none, new = false}},
    returned(F, Result, {Released, O#out{begun = [{F, R#round.nodes} || IsNew] ++ O#out.begun}});
act({release, How}, {#m{going = {Nodes, IsNew}} = M, O}) ->
    {Result, Linked} = server_acts:result(disconnect, Nodes, How, M#m.linked),
    Left =
        case Result of
            {crash, _} -> [];
            _ -> Nodes -- [Node || {Node, _} <- failures(Result)]
        end,
    Begun = [{disconnect, Nodes} || IsNew] ++ O#out.begun,
    queue({left, Left}, {M#m{linked = Linked, going = released}, O#out{begun = Begun}});
act({release, _}, MO) ->
    MO;
act(release_orphan, {M, O}) ->
    {saw_if(M#m.orphan, released_orphan, M#m{orphan = false}), O};
act(overdue, {#m{round = #round{number = N, held = F}}, _} = MO) when F =:= discover; F =:= list ->
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
    Orphan = M#m.orphan orelse (is_worker_held(M) andalso maps:get(traps, M#m.settings)),
    died(killed, saw_round(kill, {M#m{orphan = Orphan}, O}));
act(restart, {#m{mode = down} = M, O}) ->
    {saw(restart, new(M)), O};
act(restart, MO) ->
    MO;
act({stray, _}, {M, O}) ->
    {saw(stray, M), O}.

is_worker_held(#m{round = #round{held = F}}) -> F =:= discover orelse F =:= list;
is_worker_held(_M) -> false.

queue(Message, {M, O}) ->
    {M, O#out{queue = [Message | O#out.queue]}}.

%% A function of the round has given a result.
returned(F, {crash, Kind}, {#m{round = R} = M, O}) ->
    MO = {saw({crash, Kind}, M), O},
    case F =:= connect orelse F =:= disconnect of
        true -> queue({returned, F, R#round.number, {crash, crash(Kind)}}, MO);
        false -> queue({crashed, R#round.number, crash(Kind)}, MO)
    end;
returned(discover, Found, {#m{round = R} = M, O}) ->
    Answer = answer(Found),
    MO = {saw({answer, element(1, Answer)}, M#m{round = R#round{answer = Answer}}), O},
    case has(list, M) of
        true -> hold(list, [], MO);
        false -> queue({discovered, R#round.number}, MO)
    end;
returned(list, Listed, {#m{round = #round{phase = discovering, number = N} = R} = M, O}) ->
    queue({discovered, N}, {M#m{round = R#round{listed = Listed}}, O});
returned(F, Result, {#m{round = #round{number = N}}, _} = MO) ->
    queue({returned, F, N, Result}, MO).

discovered({#m{round = #round{listed = {error, Why}}} = M, O}) ->
    ended({error, {strategy_error, Why}}, [], answer_waiting({named(M), O}));
discovered({#m{round = #round{listed = {ok, Listed}}} = M0, O0}) ->
    {M, O} = answer_waiting({(named(M0))#m{visible = Listed}, O0}),
    #m{round = R, failing = Failing} = M,
    New = (to_connect(R, M) -- Listed) -- [node()],
    Alone = [Node || R#round.trigger =:= poll, Node <- New, is_map_key(Node, Failing)],
    Tried = New -- Alone,
    Failed = [{Node, maps:get(Node, Failing)} || Node <- Alone],
    MO = {M#m{round = R#round{phase = connecting, tried = Tried, failed = Failed}}, O},
    case {Tried, M#m.gate, has(connect, M)} of
        {[], _, _} -> connected([], MO);
        {_, closed, _} -> connected(paused(Tried), saw_gate(MO));
        {_, open, true} -> hold(connect, Tried, MO);
        {_, open, false} -> later({returned, connect, R#round.number, not_alive(Tried)}, MO)
    end.

named(#m{round = #round{answer = {complete, []}}, settings = Settings} = M) ->
    #{strategy := Strategy, functions := Functions} = Settings,
    IsCustom = Strategy =:= custom orelse Functions =/= [],
    case IsCustom andalso not has(list, M) of
        true -> M#m{wanted = []};
        false -> M
    end;
named(#m{round = #round{answer = Answer}, wanted = Before} = M) ->
    M#m{wanted = known(Answer, Before)}.

not_alive(Nodes) -> {error, [{Node, ?NOT_ALIVE} || Node <- Nodes]}.

%% After an error barnacle mends its own links, and leaves those of others alone.
to_connect(#round{answer = {error, _}}, #m{wanted = Wanted} = M) ->
    case has(connect, M) of
        true -> [];
        false -> Wanted
    end;
to_connect(#round{answer = {complete, Names}}, _M) -> Names;
to_connect(_Round, #m{wanted = Wanted}) -> Wanted.

connected(Failed, {#m{round = R, settings = #{disconnect := Mode}} = M, O}) ->
    {ok, Listed} = R#round.listed,
    MO = {M#m{round = R#round{failed = Failed ++ R#round.failed}}, O},
    case {Mode, R#round.answer} of
        {undiscovered, {complete, Names}} -> cut((Listed -- [node() | Names]) -- M#m.others, MO);
        _ -> disconnected([], MO)
    end.

cut([], MO) ->
    disconnected([], MO);
cut(Gone, {#m{round = R} = M, O}) ->
    MO = {M#m{round = R#round{phase = disconnecting, gone = Gone}}, O},
    case {M#m.gate, has(disconnect, M)} of
        {closed, _} -> disconnected(paused(Gone), saw_gate(MO));
        {open, true} -> hold(disconnect, Gone, MO);
        {open, false} -> later({returned, disconnect, R#round.number, not_alive(Gone)}, MO)
    end.

paused(Nodes) -> [{Node, paused} || Node <- Nodes].

saw_gate({M, O}) -> {saw(gate_closed, M), O}.

disconnected(Uncut, {#m{round = R} = M, O}) ->
    MO = {M#m{round = R#round{phase = listing, uncut = Uncut}}, O},
    case has(list, M) of
        true -> hold(list, [], MO);
        false -> ended(ok, [], MO)
    end.

%% What a pause or a leave ends.
stopped_work({#m{round = #round{phase = connecting, tried = Tried} = R} = M, O}) ->
    connected(paused(Tried), saw_gate({M#m{round = R#round{held = none, new = false}}, O}));
stopped_work({#m{round = #round{phase = disconnecting, gone = Gone} = R} = M, O}) ->
    disconnected(paused(Gone), saw_gate({M#m{round = R#round{held = none, new = false}}, O}));
stopped_work(MO) ->
    MO.

hold(F, Nodes, {#m{round = R} = M, O}) ->
    {saw({held, F}, M#m{round = R#round{held = F, nodes = Nodes, new = true}}), O}.

%% An attempt that was ended may have connected its node.
listed({ok, Nodes}, {#m{round = R} = M, O}) ->
    Failed = [
        Failure
     || {Node, Why} = Failure <- R#round.failed,
        Why =/= paused orelse not lists:member(Node, Nodes)
    ],
    ended(ok, Nodes, {M#m{visible = Nodes, round = R#round{failed = Failed}}, O});
listed({error, Why}, MO) ->
    ended({error, {strategy_error, Why}}, [], MO).

ended(Result0, Visible, {#m{round = R, rounds = Rounds} = M, O}) ->
    #round{answer = Answer, failed = Failed, uncut = Uncut} = R,
    Result =
        case {Result0, Answer, Failed, Uncut} of
            {{error, _}, _, _, _} -> Result0;
            {ok, {error, Why}, _, _} -> {error, {strategy_error, Why}};
            {ok, _, [_ | _], _} -> {error, {connect_error, lists:sort(Failed)}};
            {ok, _, [], [_ | _]} -> {error, {disconnect_error, lists:sort(Uncut)}};
            {ok, _, [], []} -> {ok, report(Visible, M)}
        end,
    Errors =
        case Result of
            {ok, _} -> M#m.failed;
            {error, _} -> M#m.failed + 1
        end,
    M1 = M#m{
        round = none, rounds = Rounds + 1, failed = Errors, answer = element(1, Answer),
        failing = failing(R, M)
    },
    next_round(tell({refresh, Result}, answered_all(R#round.callers, Result, {M1, O}))).

%% The nodes that polls leave alone from now on.
failing(#round{tried = Tried, failed = Failed}, #m{failing = Before, wanted = Wanted}) ->
    Now = lists:foldl(
        fun(Node, Acc) ->
            case lists:keyfind(Node, 1, Failed) of
                {_, Why} when Why =:= paused; Why =:= ?NOT_ALIVE -> Acc;
                {_, Why} -> Acc#{Node => Why};
                false -> maps:remove(Node, Acc)
            end
        end,
        Before,
        Tried
    ),
    maps:with(Wanted, Now).

report(Visible, M) ->
    case has(list, M) of
        true -> Visible;
        false -> [node()]
    end.

%% ---- what the server hears ----

%% Whoever asks where nobody is exits, but for a probe.
heard({{ready, _}, Id}, {#m{mode = down}, _} = MO) ->
    answered(Id, false, MO);
heard({Request, Id}, {#m{mode = down}, O} = MO) when
    is_integer(Id), Request =/= poll, Request =/= discovered
->
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
    stopped_work(answered(Id, ok, stopped(paused, saw_round(pause, MO))));
heard({leave, Id}, {#m{visible = Visible, leaving = Leaving} = M0, O0}) ->
    {M, O} = stopped(left, saw_round(leave, {M0#m{leaving = [Id | Leaving]}, O0})),
    stopped_work(go(Visible -- [node()], 5, {M, O}));
heard({left, Nodes}, {#m{leaving = Leaving, visible = Visible} = M, O}) ->
    MO = {M#m{going = none, leaving = [], visible = Visible -- Nodes}, O},
    go_again(answered_all(Leaving, {ok, Nodes}, MO));
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
heard({discovered, N}, {#m{round = #round{number = N, phase = discovering}}, _} = MO) ->
    discovered(MO);
heard({returned, F, N, {crash, Why}}, {#m{round = #round{number = N, phase = Phase}}, _} = MO) ->
    case {F, Phase} of
        {connect, connecting} -> heard({crashed, N, Why}, MO);
        {disconnect, disconnecting} -> heard({crashed, N, Why}, MO);
        %% It was stopped before.
        _ -> MO
    end;
heard(
    {returned, connect, N, Result}, {#m{round = #round{number = N, phase = connecting}}, _} = MO
) ->
    connected(failures(Result), MO);
heard(
    {returned, disconnect, N, Result},
    {#m{round = #round{number = N, phase = disconnecting}}, _} = MO
) ->
    disconnected(failures(Result), MO);
heard({returned, list, N, Result}, {#m{round = #round{number = N, phase = listing}}, _} = MO) ->
    listed(Result, MO);
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

begin_round({#m{round = #round{number = none, callers = Callers} = R, begun = N} = M, O}) ->
    Trigger =
        case Callers of
            [] -> poll;
            _ -> refresh
        end,
    Round = R#round{number = N + 1, trigger = Trigger},
    hold(discover, [], {M#m{round = Round, begun = N + 1}, O});
begin_round(MO) ->
    MO.

stopped(Mode, {M, O}) ->
    tell(pause, {M#m{mode = Mode, gate = closed, timer = none}, O}).

%% A leave disconnects what is listed, and what failed once more.
go(_Nodes, _Times, {#m{going = Going}, _} = MO) when Going =/= none ->
    MO;
go([], _Times, MO) ->
    later({left, []}, MO);
go(Nodes, Times, {M, O}) ->
    Left =
        case {Times, M#m.left} of
            {5, _} -> {Nodes, 5};
            {_, {Before, _}} -> {Before, Times}
        end,
    case has(disconnect, M) of
        true -> {M#m{going = {Nodes, true}, left = Left}, O};
        false -> later({left, []}, {M#m{going = released, left = Left}, O})
    end.

go_again({#m{mode = left, visible = Visible, left = {Left, Times}}, _} = MO) when Times > 0 ->
    Nodes = Visible -- [node()],
    case Nodes =/= [] andalso Nodes -- Left =:= [] of
        true -> go(Nodes, Times - 1, MO);
        false -> MO
    end;
go_again(MO) ->
    MO.

%% A worker of the server tells it something, after what is in the queue already.
later(Message, {M, O}) ->
    {M, O#out{late = [Message | O#out.late]}}.

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

%% Who waits for no time at all.
expired({#m{waiting = Waiting} = M, O}) ->
    {Over, Others} = lists:partition(fun({_, _, TimeoutMs}) -> TimeoutMs =:= 0 end, Waiting),
    answered_all([Id || {Id, _, _} <- Over], {error, timeout}, {M#m{waiting = Others}, O}).

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
                mode = down, kept = Kept, round = none, followers = [], waiting = [], leaving = [],
                going = none
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
    {Seen, New} = new_no_more(M),
    {Seen, #{
        answers => lists:sort(O#out.answers),
        told => lists:reverse(O#out.told),
        begun => lists:sort(New ++ O#out.begun),
        died => O#out.died,
        status => status(M)
    }}.

new_no_more(#m{round = #round{new = true, held = F, nodes = Nodes} = R} = M) ->
    {Seen, New} = new_no_more(M#m{round = R#round{new = false}}),
    {Seen, [{F, Nodes} | New]};
new_no_more(#m{going = {Nodes, true}} = M) ->
    {M#m{going = {Nodes, false}}, [{disconnect, Nodes}]};
new_no_more(M) ->
    {M, []}.

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
