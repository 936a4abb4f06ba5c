%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_nif_SUITE).

%% The native library within a VM: what it leaves behind when its callers are killed, how the VM
%% ends while it works, and that the VM's own I/O goes on meanwhile. Each case has a VM of its own.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    killed_workers_leave_nothing/1, halt_while_lookups_wait/1, init_stop_while_lookups_wait/1,
    files_are_read_while_lookups_wait/1, library_is_reloaded_while_lookups_wait/1,
    library_is_purged_while_lookups_wait/1
]).

-define(WORKERS, 1000).
-define(READS, 3000).
%% Room for the allocators' coming and going; 500 operations that were kept would take 25 MB.
-define(FLAT_BYTES, 2000000).
-define(BATCHES, 4).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        killed_workers_leave_nothing, halt_while_lookups_wait, init_stop_while_lookups_wait,
        files_are_read_while_lookups_wait, library_is_reloaded_while_lookups_wait,
        library_is_purged_while_lookups_wait
    ].

killed_workers_leave_nothing(_Config) ->
    Server = bed_dns_script:start_link([{'_', a, [{192, 0, 2, 1}]}, {'_', aaaa, nxdomain}]),
    %% With an arena for each thread it would take thousands of workers to fill them all once.
    {ok, Node} = bed_node:start_link(#{alive => false, env => [{"MALLOC_ARENA_MAX", "1"}]}),
    Servers = [bed_dns_script:nameserver(S) || S <- [Server, silent()]],
    %% What is made once, at the first lookup, isn't counted.
    ok = answers(Node),
    #{descriptors := Descriptors} = costs(Node),
    ok = killed(Node, Servers, ?WORKERS div 2),
    #{resident_bytes := Before} = costs(Node),
    Grown = grown(Node, Servers, Before, ?BATCHES),
    bed_wait:until(descriptors, fun() ->
        case costs(Node) of
            #{descriptors := Descriptors} -> true;
            Other -> {Other, Descriptors}
        end
    end),
    {comment, comment("the last 500 workers: ~b bytes of resident memory", [Grown])}.

%% On a busy machine more may be under way at once in one batch than in any before, which takes room
%% once. What leaks grows with each.
grown(Node, Servers, Before, Batches) ->
    ok = killed(Node, Servers, ?WORKERS div 2),
    #{resident_bytes := After} = costs(Node),
    case After - Before of
        Grown when Grown >= ?FLAT_BYTES, Batches > 1 -> grown(Node, Servers, After, Batches - 1);
        Grown ->
            ?assert(Grown < ?FLAT_BYTES, {resident_bytes, Before, After}),
            Grown
    end.

killed(Node, [Server, Silent], Count) ->
    ok = bed_node:call(Node, bed_load, kill_at_random, [Server, Silent, Count]),
    bed_node:call(Node, bed_load, await_operations, [0]).

halt_while_lookups_wait(_Config) ->
    ends("halt").

init_stop_while_lookups_wait(_Config) ->
    ends("stop").

%% A VM with 50 waiting lookups ends in good order, as an idle one does: neither hangs for their
%% hour nor crashes. How long each took is told, beside the idle one's time.
ends(How) ->
    Nameserver = bed_dns_script:nameserver(silent()),
    IdleMs = end_ms(Nameserver, 0, How),
    BusyMs = end_ms(Nameserver, 50, How),
    {comment, comment("idle: ~b ms, with 50 lookups: ~b ms", [IdleMs, BusyMs])}.

end_ms(Nameserver, Count, How) ->
    {ok, Vm} = bed_os:start_link(#{
        program => bed_os:find("erl"),
        args => ["-noinput", "-pa" | bed_node:code_path()] ++
            ["-run", "bed_load", "wait_and_end", binary_to_list(Nameserver),
                integer_to_list(Count), How]
    }),
    {{exited, Status}, Output} = bed_wait:until(ended, fun() ->
        case bed_os:output(Vm) of
            {running, _} -> running;
            Ended -> {true, Ended}
        end
    end),
    EndedMs = os:system_time(millisecond),
    ?assertEqual(0, Status, Output),
    %% OTP 25 may have a word of its own after it, about any port that is open at init:stop/0.
    EndedMs - binary_to_integer(hd(binary:split(Output, <<"\n">>))).

%% Were a lookup to wait in a dirty scheduler, ten of them would keep every file from being read
%% until they end: here in an hour.
files_are_read_while_lookups_wait(_Config) ->
    Node = start_node(),
    Idle = read_times_us(Node),
    Pids = bed_node:call(Node, bed_load, wait_for, [bed_dns_script:nameserver(silent()), 100]),
    Busy = read_times_us(Node),
    ok = bed_node:call(Node, bed_load, await_operations, [100]),
    [true = bed_node:call(Node, erlang, exit, [Pid, kill]) || Pid <- Pids],
    ok = bed_node:call(Node, bed_load, await_operations, [0]),
    {comment,
        comment("p99 of read_file: ~b us idle, ~b us with 100 lookups waiting, ratio ~.2f", [
            p99(Idle), p99(Busy), p99(Busy) / p99(Idle)
        ])}.

read_times_us(Node) ->
    bed_node:call(Node, bed_load, read_times_us, [code:which(?MODULE), ?READS]).

p99(Sorted) ->
    lists:nth(length(Sorted) * 99 div 100, Sorted).

%% New code takes over, and lookups of the old one go on in it.
library_is_reloaded_while_lookups_wait(_Config) ->
    Node = start_node(),
    Nameserver = bed_dns_script:nameserver(silent()),
    Pids = bed_node:call(Node, bed_load, wait_for, [Nameserver, 20]),
    {module, barnacle_nif} = bed_node:call(Node, code, load_file, [barnacle_nif]),
    ?assert(lists:all(fun(Pid) -> is_alive(Node, Pid) end, Pids)),
    answers(Node).

%% Whoever runs old code when that is purged is killed, here nobody: they wait in barnacle_native.
library_is_purged_while_lookups_wait(_Config) ->
    Node = start_node(),
    Nameserver = bed_dns_script:nameserver(silent()),
    Pids = bed_node:call(Node, bed_load, wait_for, [Nameserver, 20]),
    [
        begin
            {module, barnacle_nif} = bed_node:call(Node, code, load_file, [barnacle_nif]),
            _ = bed_node:call(Node, code, purge, [barnacle_nif]),
            answers(Node)
        end
     || _ <- lists:seq(1, 20)
    ],
    [true = bed_node:call(Node, erlang, exit, [Pid, kill]) || Pid <- Pids],
    ok = bed_node:call(Node, bed_load, await_operations, [0]),
    answers(Node).

is_alive(Node, Pid) ->
    bed_node:call(Node, erlang, is_process_alive, [Pid]).

answers(Node) ->
    Server = bed_dns_script:start_link([{'_', a, [{192, 0, 2, 1}]}, {'_', aaaa, []}]),
    Options = #{timeout => 30000, nameservers => [bed_dns_script:nameserver(Server)]},
    {ok, #{a := {addresses, [{192, 0, 2, 1}]}}} =
        bed_node:call(Node, barnacle_native, dns, [<<"x.test.">>, Options]),
    ok = bed_dns_script:stop(Server).

start_node() ->
    {ok, Node} = bed_node:start_link(#{alive => false}),
    Node.

silent() ->
    bed_dns_script:start_link([{'_', '_', drop}]).

costs(Node) ->
    bed_node:call(Node, bed_load, costs, []).

comment(Format, Args) ->
    lists:flatten(io_lib:format(Format, Args)).
