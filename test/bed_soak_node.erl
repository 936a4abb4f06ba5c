%% SPDX-License-Identifier: Apache-2.0
-module(bed_soak_node).

%% The node that is soaked: its barnacles, who is killed in it, what it holds, and leaks on purpose.
%% Called in that node.

-behaviour(supervisor).

-export([start/1, init/1, custom/1]).
-export([sample/0, measures/0, done/0, calm/0, unwell/0, leak/1]).

-define(TABLE, ?MODULE).
-define(KILL_PAUSE_MS, 20).
%% Of what is killed, one in so many is a server and not what works for it.
-define(SERVER_ONE_IN, 25).
-define(REFRESH_MS, 2000).
-define(HANG_MS, 600000).
-define(LEAKS, 4).

%% Starts barnacles with these options, below a supervisor, and the killing.
-spec start([#{atom() => term()}]) -> ok.
start(AllOptions) ->
    {ok, _} = application:ensure_all_started(barnacle),
    Caller = self(),
    Owner = spawn(fun() ->
        ?TABLE = ets:new(?TABLE, [named_table, public]),
        true = ets:insert(?TABLE, [{calm, false}, {resting, false}, {kills, 0}, {calls, 0}]),
        {ok, _} = supervisor:start_link({local, ?MODULE}, ?MODULE, AllOptions),
        Caller ! {self(), started},
        kill_for_ever()
    end),
    receive
        {Owner, started} -> ok
    end.

-spec init([#{atom() => term()}]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init(AllOptions) ->
    {ok, {
        #{strategy => one_for_one, intensity => 1000, period => 1},
        [barnacle_cluster:child_spec(Options) || Options <- AllOptions]
    }}.

%% Discovery as a hostile function has it: these nodes, and now and then anything else.
-spec custom([binary()]) -> fun(() -> term()).
custom(Names) ->
    fun() ->
        case is_calm() of
            true -> {ok, Names};
            false -> discover(rand:uniform(8), Names)
        end
    end.

discover(1, _) -> {error, out_of_luck};
discover(2, _) -> error(broken);
discover(3, _) -> exit(kill);
discover(4, _) -> timer:sleep(?HANG_MS);
discover(5, Names) -> {partial, [fresh() | Names], some_missing};
discover(6, Names) -> {ok, [fresh() | Names]};
discover(7, _) -> {ok, [<<"no name">>, <<0, 255>>, {no, name}]};
discover(8, Names) -> {ok, Names}.

%% Another one each time; whose host refuses.
fresh() ->
    iolist_to_binary(io_lib:format("n~.36b@127.0.0.1", [rand:uniform(1 bsl 60)])).

%% What this VM holds at rest: all are paused and nobody is killed until it has been looked at. How
%% much is being worked on at a moment depends on how busy the machine is, and hides what is kept.
-spec sample() -> bed_flat:sample().
sample() ->
    true = ets:insert(?TABLE, {resting, true}),
    ok = bed_wait:until(rest, fun() -> is_at_rest(statuses()) end),
    _ = [garbage_collect(Pid) || Pid <- processes()],
    Sample = held(),
    true = ets:insert(?TABLE, {resting, false}),
    _ = [spawn(fun() -> catch barnacle_cluster:refresh(Pid, ?REFRESH_MS) end) || Pid <- servers()],
    Sample.

%% One that was started anew meanwhile, or that somebody resumed, is paused now.
is_at_rest(Statuses) ->
    Busy = [Name || {Name, Status} <- Statuses, not is_paused(Status)],
    _ = [catch barnacle_cluster:pause(Name) || Name <- Busy],
    Busy =:= [] orelse length(Busy).

is_paused(#{state := State, round := Round}) ->
    State =/= running andalso Round =:= idle.

held() ->
    {ok, Descriptors} = file:list_dir("/proc/self/fd"),
    {ok, Status} = file:read_file("/proc/self/status"),
    #{operations := Operations} = barnacle_native:info(),
    Memory = [{Measure, mib(Measure, Status)} || {Measure, _} <- memory_measures()],
    (maps:from_list(Memory))#{
        threads => number("Threads", Status),
        descriptors => length(Descriptors),
        processes => erlang:system_info(process_count),
        ports => erlang:system_info(port_count),
        atoms => erlang:system_info(atom_count),
        ets_tables => length(ets:all()),
        operations => Operations
    }.

%% What is sampled, and how much more of it is flat all the same. Allocators and the C library give
%% back late what a burst took; links and callers come and go; there are no new atoms where those
%% that discovery may make are used up.
-spec measures() -> [{bed_flat:measure(), bed_flat:allowance()}].
measures() ->
    [
        {threads, {0, 0}},
        {descriptors, {5, 20}},
        {processes, {5, 20}},
        {ports, {0, 8}},
        {atoms, {0, 4}},
        {ets_tables, {0, 2}},
        {operations, {0, 4}}
        | memory_measures()
    ].

%% A VM that has all memory from the C library (+Mea min) does not know how much of it there is, and
%% the sanitizers that it is started so for keep what is freed; what leaks they report.
memory_measures() ->
    try erlang:memory(total) of
        _ ->
            [
                {memory_mib, {5, 4}}, {heaps_mib, {5, 4}}, {binaries_mib, {5, 2}},
                {resident_mib, {5, 8}}
            ]
    catch
        error:notsup -> []
    end.

mib(memory_mib, _) -> erlang:memory(total) / 1048576;
mib(heaps_mib, _) -> erlang:memory(processes) / 1048576;
mib(binaries_mib, _) -> erlang:memory(binary) / 1048576;
mib(resident_mib, Status) -> number("VmRSS", Status) / 1024.

%% What has been done so far.
-spec done() -> #{atom() => non_neg_integer()}.
done() ->
    All = [Status || {_, Status} <- statuses()],
    Sum = fun(Key) -> lists:sum([maps:get(Key, Status) || Status <- All]) end,
    #{
        rounds => Sum(rounds),
        failed_rounds => Sum(failed_rounds),
        crashed_rounds => Sum(crashed_rounds),
        joined => Sum(joined),
        lost => Sum(lost),
        kills => ets:lookup_element(?TABLE, kills, 2),
        calls => ets:lookup_element(?TABLE, calls, 2)
    }.

%% Nobody is killed any more, and functions answer well.
-spec calm() -> ok.
calm() ->
    true = ets:insert(?TABLE, {calm, true}),
    ok.

%% The barnacles that have not had a complete answer last, or whose wanted nodes are not all linked.
-spec unwell() -> [{atom(), term()}].
unwell() ->
    [{Name, Status} || {Name, Status} <- statuses(), not is_well(Status)].

is_well(#{answer := complete, wanted := Wanted}) when map_size(Wanted) > 0 ->
    lists:all(fun(#{state := State}) -> State =:= connected orelse State =:= self end,
        maps:values(Wanted));
is_well(_) ->
    false.

%% A server that is killed meanwhile says nothing.
statuses() ->
    lists:append([
        try
            [{Name, barnacle_cluster:status(Pid)}]
        catch
            exit:_ -> []
        end
     || {Name, Pid} <- children()
    ]).

servers() ->
    [Pid || {_, Pid} <- children()].

children() ->
    [{Name, Pid} || {Name, Pid, _, _} <- supervisor:which_children(?MODULE), is_pid(Pid)].

is_calm() ->
    ets:lookup_element(?TABLE, calm, 2).

kill_for_ever() ->
    case is_calm() orelse ets:lookup_element(?TABLE, resting, 2) of
        true -> ok;
        false -> kill(one_of(servers()))
    end,
    receive
    after ?KILL_PAUSE_MS -> kill_for_ever()
    end.

%% A server, or a process that works for one, or one that waits for it.
kill(Server) ->
    case rand:uniform(?SERVER_ONE_IN) of
        1 -> exit(Server, kill);
        N when N < 5 -> call(Server);
        _ -> [exit(Worker, kill) || Worker <- workers(Server)]
    end,
    _ = ets:update_counter(?TABLE, kills, 1),
    ok.

workers(Server) ->
    Monitored =
        case process_info(Server, [monitors, links]) of
            [{monitors, Monitors}, {links, Links}] ->
                [Pid || {process, Pid} <- Monitors] ++ Links;
            undefined ->
                []
        end,
    [
        Pid
     || Pid <- Monitored, is_pid(Pid), node(Pid) =:= node(), Pid =/= whereis(?MODULE), is_round(Pid)
    ].

%% Not what belongs to all: the registry, the queue.
is_round(Pid) ->
    case process_info(Pid, registered_name) of
        [] -> true;
        _ -> false
    end.

call(Server) ->
    Caller = spawn(fun() ->
        case rand:uniform(3) of
            1 -> catch barnacle_cluster:refresh(Server, ?REFRESH_MS);
            2 -> catch barnacle_cluster:await(Server, all, ?REFRESH_MS);
            3 -> catch begin
                barnacle_cluster:pause(Server, ?REFRESH_MS),
                barnacle_cluster:refresh(Server, ?REFRESH_MS)
            end
        end
    end),
    _ = ets:update_counter(?TABLE, calls, 1),
    rand:uniform(2) =:= 1 andalso erlang:send_after(rand:uniform(100), Caller, late),
    rand:uniform(4) =:= 1 andalso exit(Caller, kill),
    ok.

%% Leaks some of each kind, until the node ends.
-spec leak([bed_flat:measure()]) -> ok.
leak([]) ->
    ok;
leak(Measures) ->
    _ = spawn(fun() ->
        Kept = [leaked(Measure) || Measure <- Measures, _ <- lists:seq(1, ?LEAKS)],
        receive
            never -> Kept
        end
    end),
    ok.

leaked(threads) ->
    0 = bed_faulty:commit(thread_leak);
leaked(descriptors) ->
    {ok, File} = file:open("/dev/null", [read, raw]),
    File;
leaked(processes) ->
    spawn(fun() -> receive never -> ok end end);
leaked(ports) ->
    {ok, Socket} = gen_udp:open(0, [{ip, {127, 0, 0, 1}}]),
    Socket;
leaked(atoms) ->
    binary_to_atom(fresh());
leaked(ets_tables) ->
    ets:new(leak, []);
leaked(operations) ->
    spawn(fun() ->
        {ok, Silent} = gen_udp:open(0, [{ip, {127, 0, 0, 1}}]),
        Nameserver = bed_silent:nameserver(Silent),
        barnacle_native:dns(<<"leak.test.">>, #{timeout => 86400000, nameservers => [Nameserver]})
    end);
leaked(heaps_mib) ->
    lists:seq(1, 65536);
leaked(Memory) when Memory =:= memory_mib; Memory =:= binaries_mib; Memory =:= resident_mib ->
    rand:bytes(1048576).

number(Key, Status) ->
    {match, [Text]} = re:run(Status, Key ++ ":\\s*(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Text).

one_of(List) ->
    lists:nth(rand:uniform(length(List)), List).
