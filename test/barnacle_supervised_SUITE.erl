%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_supervised_SUITE).

%% A barnacle below a supervisor, killed again and again while callers ask and polls run, in a
%% cluster of real nodes whose barnacles ask at once whoever seems to have departed. Whoever starts
%% anew knows nobody: nobody may have to pay for that.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([named_server_works_after_each_kill/1, sent_subject_works_after_each_kill/1]).
%% Called in the nodes.
-export([kill_named/1, kill_subjects/2, start_child/2, watch/0, harmed/1]).

-define(KILLS, 50).
-define(CALLERS, 4).
-define(POLL_MS, 5).
-define(LIMIT_MS, 300000).
-define(SUBJECTS, subjects).

suite() ->
    [{timetrap, {minutes, 15}}].

all() ->
    [named_server_works_after_each_kill, sent_subject_works_after_each_kill].

named_server_works_after_each_kill(_) ->
    {[First | _] = Nodes, Dns} = hosts(),
    ok = bed_story:members(Nodes, options(Dns)),
    unharmed(Nodes, fun() -> bed_node:call(First, ?MODULE, kill_named, [?KILLS], ?LIMIT_MS) end).

%% As Gleam's child_spec has it: the parent is sent a subject at each start.
sent_subject_works_after_each_kill(_) ->
    {[First | Others] = Nodes, Dns} = hosts(),
    ok = bed_story:members(Others, options(Dns)),
    Builder = options(Dns),
    unharmed(Nodes, fun() ->
        bed_node:call(First, ?MODULE, kill_subjects, [?KILLS, Builder], ?LIMIT_MS)
    end).

hosts() ->
    Common = #{name => "app", fixed_port => bed_ports:port()},
    Nodes = bed_nodes:start_link(Common, [#{host => A} || A <- bed_ports:addresses(3)]),
    Started = bed_nodes:each(Nodes, application, ensure_all_started, [barnacle]),
    [{ok, _} = Ok || Ok <- Started],
    {Nodes, bed_dns_script:start_link(bed_story:answering(Nodes))}.

options(Dns) ->
    maps:merge(
        #{poll_interval => ?POLL_MS, departed_after => 0, log => none},
        bed_story:dns(bed_dns_script:nameserver(Dns), #{timeout => 60000})
    ).

%% Kills, and nobody has lost a link, cut one, or asked or been asked to leave.
unharmed(Nodes, Kill) ->
    [First | Others] = Nodes,
    Names = bed_story:names(Nodes),
    %% The killer makes the mesh whole in the end, whoever starts its barnacle.
    [true = bed_node:call(First, net_kernel, connect_node, [bed_node:name(N)]) || N <- Others],
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Others],
    Links = bed_story:watch(Nodes),
    Watchers = [{Node, bed_node:call(Node, ?MODULE, watch, [])} || Node <- Nodes],
    #{refreshed := Refreshed, kills := ?KILLS} = Counts = Kill(),
    ?assertEqual([{ok, Names}], Refreshed),
    [ok = bed_story:rounds(Node, 3) || Node <- Others],
    ?assertEqual([], bed_story:lost(Links)),
    [
        ?assertEqual([], bed_node:call(Node, ?MODULE, harmed, [Watcher]))
     || {Node, Watcher} <- Watchers
    ],
    [
        ?assertMatch(#{departed := D, missing := M} when D =:= #{} andalso M =:= #{}, Status)
     || Status <- [bed_story:status(Node) || Node <- Others] ++ [maps:get(status, Counts)]
    ],
    ?assert(bed_nodes:is_mesh(Nodes)),
    #{answered := Answered, exited := Exited} = Counts,
    {comment, lists:flatten(io_lib:format("~b calls answered, ~b exited", [Answered, Exited]))}.

%% ---- in the nodes ----

-spec kill_named(pos_integer()) -> map().
kill_named(Kills) ->
    Server = bed_member:server(),
    Load = load(fun() -> Server end),
    Refreshed = [
        begin
            Pid = killed(whereis(Server), Load),
            bed_wait:until(restarted, fun() ->
                Now = whereis(Server),
                is_pid(Now) andalso Now =/= Pid
            end),
            #{round := _} = barnacle_cluster:status(Server),
            sorted(barnacle_cluster:refresh(Server, ?LIMIT_MS))
        end
     || _ <- lists:seq(1, Kills)
    ],
    told(Refreshed, Server, Load).

-spec kill_subjects(pos_integer(), map()) -> map().
kill_subjects(Kills, Builder) ->
    Parent = {subject, self(), Tag = make_ref()},
    {ok, Supervisor} = supervisor:start_link(barnacle_test_sup, []),
    {ok, _} = supervisor:start_child(Supervisor, #{
        id => barnacle, start => {?MODULE, start_child, [Builder, Parent]}, restart => transient
    }),
    ?SUBJECTS = ets:new(?SUBJECTS, [named_table, public]),
    First = next_subject(Tag),
    Load = load(fun() -> {subject, Pid, _} = ets:lookup_element(?SUBJECTS, now, 2), Pid end),
    {Refreshed, Last} = lists:mapfoldl(
        fun(_, {subject, Killed, _}) ->
            _ = killed(Killed, Load),
            Subject = next_subject(Tag),
            {sorted(barnacle_gleam:refresh(Subject, ?LIMIT_MS)), Subject}
        end,
        First,
        lists:seq(1, Kills)
    ),
    {subject, Pid, _} = Last,
    Told = told(Refreshed, Pid, Load),
    ok = gen_server:stop(Supervisor),
    Told.

%% What the function of a Gleam child specification does.
-spec start_child(map(), {subject, pid(), reference()}) -> {ok, pid()}.
start_child(Builder, Parent) ->
    {ok, {started, Pid, {subject, Pid, _}}} = barnacle_gleam:start_child(Builder, Parent),
    {ok, Pid}.

next_subject(Tag) ->
    receive
        {Tag, Subject} ->
            true = ets:insert(?SUBJECTS, {now, Subject}),
            Subject
    after ?LIMIT_MS -> error(no_subject)
    end.

%% Not before the callers have asked it for something, and are asking again.
killed(Server, Load) ->
    Before = answered(Load),
    bed_wait:until(load, fun() -> answered(Load) >= Before + ?CALLERS end),
    Monitor = monitor(process, Server),
    true = exit(Server, kill),
    receive
        {'DOWN', Monitor, process, _, killed} -> Server
    end.

sorted({ok, Nodes}) -> {ok, lists:sort(Nodes)};
sorted(Other) -> Other.

told(Refreshed, Server, {Callers, Counts}) ->
    [exit(Caller, kill) || Caller <- Callers],
    #{
        kills => length(Refreshed),
        refreshed => lists:usort(Refreshed),
        status => barnacle_cluster:status(Server),
        answered => counters:get(Counts, 1),
        exited => counters:get(Counts, 2)
    }.

%% Callers that ask all the time, half of them for rounds, and ask again soon when nobody is there.
load(Server) ->
    Counts = counters:new(2, []),
    Ask = fun
        Ask(Function) ->
            try
                _ = barnacle_cluster:Function(Server()),
                counters:add(Counts, 1, 1)
            catch
                exit:_ ->
                    counters:add(Counts, 2, 1),
                    ok = timer:sleep(1)
            end,
            Ask(Function)
    end,
    Functions = lists:append(lists:duplicate(?CALLERS, [refresh, status])),
    {[spawn(fun() -> Ask(Function) end) || Function <- Functions], Counts}.

answered({_, Counts}) ->
    counters:get(Counts, 1).

%% Notes each question to leave, each farewell and each cut of this node.
-spec watch() -> pid().
watch() ->
    Caller = self(),
    Watcher = spawn(fun() ->
        _ = erlang:trace(all, true, [call]),
        [
            begin
                {module, Module} = code:ensure_loaded(Module),
                1 = erlang:trace_pattern({Module, Function, Arity}, true, [global])
            end
         || {Module, Function, Arity} <- [
                {barnacle_leave_protocol, ask, 1},
                {barnacle_leave_protocol, leave, 1},
                {barnacle_leave_protocol, expel, 1},
                {barnacle_dist, disconnect, 2}
            ]
        ],
        Caller ! {self(), watching},
        receive
            {harmed, From} ->
                Delivered = erlang:trace_delivered(all),
                receive
                    {trace_delivered, all, Delivered} -> ok
                end,
                From ! {self(), calls()}
        end
    end),
    receive
        {Watcher, watching} -> Watcher
    end.

calls() ->
    receive
        {trace, _, call, {_, Function, Args}} -> [{Function, Args} | calls()]
    after 0 -> []
    end.

-spec harmed(pid()) -> [{atom(), [term()]}].
harmed(Watcher) ->
    Watcher ! {harmed, self()},
    receive
        {Watcher, Calls} -> Calls
    end.
