%% SPDX-License-Identifier: Apache-2.0
-module(bench_p1).

%% P1: A and AAAA of one name, from the call to its result.

-export([run/0, ours/1, batch/3]).

-define(NAME, "peers.bench.test").
-define(TIMEOUT_MS, 10000).
-define(RECORDS, 3).
-define(CPU_BATCH, 100).
-define(CPU_ROUNDS, 15).

-spec run() -> bench_result:result().
run() ->
    Latency = [{RttMs, latency(RttMs)} || RttMs <- bench_net:rtts_ms()],
    {CpuRows, CpuFigures} = cpu_time(),
    #{
        id => p1,
        title => <<"A and AAAA of one name, from the call to its result">>,
        plot => <<"ms, CPU: ms a lookup">>,
        rows => lists:append([rows(RttMs, Samples) || {RttMs, Samples} <- Latency]) ++ CpuRows,
        figures => lists:append([figures(RttMs, Samples) || {RttMs, Samples} <- Latency]) ++
            CpuFigures
    }.

latency(RttMs) ->
    Server = bench_net:name_server(RttMs, ?RECORDS),
    Nameserver = bench_net:nameserver(Server),
    ok = bench_field:use_nameservers([Server]),
    Cares = bare(Nameserver),
    Cases = [
        {barnacle, fun() -> ms(fun() -> ours(Nameserver) end) end},
        {cares, fun() -> bare(Cares, "new\n") end},
        {cares_same, fun() -> bare(Cares, "same\n") end},
        {getbyname, fun() -> ms(fun() -> bench_field:getbyname(?NAME) end) end},
        {lookup, fun() -> ms(fun() -> bench_field:lookup(?NAME) end) end}
    ],
    _ = bench_stats:alternate(3, Cases),
    Samples = bench_stats:alternate(rounds(RttMs), Cases),
    true = port_close(Cares),
    Samples.

rounds(0) -> 400;
rounds(1) -> 300;
rounds(20) -> 60;
rounds(100) -> 15.

-spec ours(binary()) -> {ok, barnacle_native:dns_result()}.
ours(Nameserver) ->
    {ok, #{a := {addresses, _}, aaaa := {addresses, _}}} = barnacle_native:dns(
        <<?NAME>>, #{timeout => ?TIMEOUT_MS, nameservers => [Nameserver]}
    ).

ms(Fun) ->
    bench_stats:timed(Fun) / 1000.

%% The bare program times itself.
bare(Nameserver) ->
    open_port({spawn_executable, "_build/bench/bin/cares_lookup"}, [
        {args, [Nameserver, ?NAME]}, {line, 100}, binary, exit_status
    ]).

bare(Port, Command) ->
    true = port_command(Port, Command),
    receive
        {Port, {data, {eol, Line}}} ->
            [WallNs, _CpuNs, Addresses] = [
                binary_to_integer(Word)
             || Word <- binary:split(Line, <<" ">>, [global])
            ],
            {Addresses, WallNs} = {2 * ?RECORDS, WallNs},
            WallNs / 1.0e6
    after ?TIMEOUT_MS -> error(no_answer_of_cares_lookup)
    end.

rows(RttMs, Samples) ->
    [
        bench_result:row(bench_net:rtt_text(RttMs), Series, "ms", maps:get(Case, Samples))
     || {Case, Series} <- [
            {barnacle, "barnacle"},
            {cares, "bare c-ares"},
            {cares_same, "bare c-ares, one channel"},
            {getbyname, "inet_res:getbyname, A then AAAA"},
            {lookup, "inet_res:lookup, A then AAAA"}
        ]
    ].

figures(RttMs, #{barnacle := Ours, cares := Cares, getbyname := Getbyname}) ->
    Rtt = bench_net:rtt_text(RttMs),
    Limit = bench_stats:ratio(Ours, Cares),
    Faster = bench_stats:ratio(Getbyname, Ours),
    [
        case RttMs of
            0 -> bench_result:note(["time ÷ bare c-ares, ", Rtt], {Limit, " ×"});
            _ -> bench_result:at_most(["time ÷ bare c-ares, ", Rtt], 1.3, {Limit, " ×"})
        end,
        case RttMs of
            20 -> bench_result:at_least(["inet_res ÷ barnacle, ", Rtt], 1.9, {Faster, " ×"});
            _ -> bench_result:note(["inet_res ÷ barnacle, ", Rtt], {Faster, " ×"})
        end
    ].

%% In a VM of its own, since CPU time is counted for whole VMs.
cpu_time() ->
    Peer = bench_net:peer(),
    Server = bench_net:name_server(0, ?RECORDS),
    Nameserver = bench_net:nameserver(Server),
    ok = bed_node:call(Peer, bench_field, use_nameservers, [[Server]]),
    Clock = bench_cpu:start(),
    Batch = fun(Module, Function, Args) ->
        Call = fun() -> bed_node:call(Peer, ?MODULE, batch, [Module, Function, Args]) end,
        fun() -> bench_cpu:ms(Clock, Peer, Call) / ?CPU_BATCH end
    end,
    Cases = [
        {barnacle, Batch(?MODULE, ours, [Nameserver])},
        {getbyname, Batch(bench_field, getbyname, [?NAME])}
    ],
    _ = bench_stats:alternate(2, Cases),
    #{barnacle := Ours, getbyname := Theirs} = bench_stats:alternate(?CPU_ROUNDS, Cases),
    ok = bed_node:stop(Peer),
    {
        [
            bench_result:row("CPU", "barnacle", "ms", Ours),
            bench_result:row("CPU", "inet_res:getbyname, A then AAAA", "ms", Theirs)
        ],
        [
            bench_result:at_most(
                "CPU of a lookup ÷ inet_res", 1.0, {bench_stats:ratio(Ours, Theirs), " ×"}
            )
        ]
    }.

-spec batch(module(), atom(), [term()]) -> ok.
batch(Module, Function, Args) ->
    lists:foreach(fun(_) -> apply(Module, Function, Args) end, lists:seq(1, ?CPU_BATCH)).
