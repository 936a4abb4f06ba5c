%% SPDX-License-Identifier: Apache-2.0
-module(bed_load).

%% Work for the native core, and what it costs the VM: runs in the node that is looked at.

-export([wait_for/2, await_operations/1, kill_at_random/3, costs/0, read_times_us/2]).
-export([wait_and_end/1]).

-define(HOUR_MS, 3600000).
-define(KILL_WITHIN_MS, 20).
-define(AT_ONCE, 50).

%% Starts processes that wait for a name server that doesn't answer, in all three operations that
%% wait, and waits until all are at it.
-spec wait_for(binary(), non_neg_integer()) -> [pid()].
wait_for(Nameserver, Count) ->
    Pids = [spawn(work(N, Nameserver)) || N <- lists:seq(1, Count)],
    ok = await_operations(Count),
    Pids.

%% Until so many operations of the core are alive in this VM.
-spec await_operations(non_neg_integer()) -> ok.
await_operations(Count) ->
    bed_wait:until({operations, Count}, fun() ->
        case barnacle_native:info() of
            #{operations := Count} -> true;
            Info -> Info
        end
    end).

%% Lets workers begin and kills each after a random time, whether it has answers by then or not;
%% some dozens at a time.
-spec kill_at_random(binary(), Silent :: binary(), non_neg_integer()) -> ok.
kill_at_random(Nameserver, Silent, Count) ->
    kill_at_random(Nameserver, Silent, Count, []).

kill_at_random(_Nameserver, _Silent, 0, []) ->
    ok;
kill_at_random(Nameserver, Silent, Left, Running) when Left > 0, length(Running) < ?AT_ONCE ->
    Which = lists:nth(rand:uniform(2), [Nameserver, Silent]),
    {Pid, Monitor} = spawn_monitor(work(Left, Which)),
    _ = erlang:send_after(rand:uniform(?KILL_WITHIN_MS + 1) - 1, self(), {kill, Pid}),
    kill_at_random(Nameserver, Silent, Left - 1, [Monitor | Running]);
kill_at_random(Nameserver, Silent, Left, Running) ->
    receive
        {kill, Pid} ->
            exit(Pid, kill),
            kill_at_random(Nameserver, Silent, Left, Running);
        {'DOWN', Monitor, process, _, _} ->
            kill_at_random(Nameserver, Silent, Left, lists:delete(Monitor, Running))
    end.

work(N, Nameserver) ->
    Options = #{timeout => ?HOUR_MS, nameservers => [Nameserver]},
    Name = iolist_to_binary(["n", integer_to_list(N), ".test."]),
    case N rem 3 of
        0 -> fun() -> barnacle_native:dns(Name, Options) end;
        1 -> fun() -> barnacle_native:resolve([Name], Options) end;
        2 -> fun() -> barnacle_native:epmd_names([Name], Options) end
    end.

%% What this VM holds of the system: its descriptors and its resident memory.
-spec costs() -> #{descriptors := non_neg_integer(), resident_bytes := non_neg_integer()}.
costs() ->
    [garbage_collect(Pid) || Pid <- processes()],
    {ok, Descriptors} = file:list_dir("/proc/self/fd"),
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s*(\\d+)", [{capture, all_but_first, list}]),
    #{descriptors => length(Descriptors), resident_bytes => list_to_integer(KiB) * 1024}.

%% How long each of many reads of a file takes, in microseconds, sorted.
-spec read_times_us(file:filename(), pos_integer()) -> [non_neg_integer()].
read_times_us(File, Count) ->
    lists:sort([element(1, timer:tc(fun() -> {ok, _} = file:read_file(File) end)) ||
        _ <- lists:seq(1, Count)]).

%% For a VM that is started for this: works until Count lookups wait, says on its output at which
%% system time, in ms, it begins to end, and ends as it is told. [Nameserver, Count, halt | stop]
-spec wait_and_end([string()]) -> ok.
wait_and_end([Nameserver, Count, How]) ->
    ok = bed_app:started(),
    _ = wait_for(list_to_binary(Nameserver), list_to_integer(Count)),
    io:format("~b~n", [os:system_time(millisecond)]),
    case How of
        "halt" -> halt();
        "stop" -> init:stop()
    end.
