%% SPDX-License-Identifier: Apache-2.0
-module(bench_p3).

%% P3: a round with 20 live hosts and 3 dead ones, until the live ones are connected.

-export([run/0, joined_ms/3]).

-define(LIVE, 20).
-define(DEAD, 3).
-define(LIMIT_MS, 120000).

-spec run() -> bench_result:result().
run() ->
    %% Links are made by those who are measured, and by nobody else.
    Args = [
        "-connect_all", "false",
        "-kernel", "prevent_overlapping_partitions", "false",
        "-kernel", "dist_auto_connect", "never",
        "-kernel", "logger_level", "error"
    ],
    %% The first one dials the others.
    Mesh = bench_mesh:start(?LIVE + 1, Args),
    {Measured, Last} = lists:mapfoldl(fun measure/2, Mesh, bench_net:rtts_ms()),
    ok = bench_mesh:stop(Last),
    #{
        id => p3,
        title => <<"A round with 20 live and 3 dead hosts, until the live ones are connected">>,
        plot => <<"ms">>,
        rows => lists:append([rows(RttMs, Samples) || {RttMs, Samples} <- Measured]),
        figures => lists:append([figures(RttMs, Samples) || {RttMs, Samples} <- Measured])
    }.

measure(RttMs, Mesh0) ->
    #{port := Port, nodes := [Dialler | _]} = Mesh = bench_mesh:network(RttMs, Mesh0),
    [_ | Live] = bench_mesh:names(Mesh),
    Hosts = bed_ports:addresses(?DEAD),
    Hung = bench_net:epmds(Port, 0, #{hung => Hosts}),
    Dead = [list_to_atom("app@" ++ inet:ntoa(Host)) || Host <- Hosts],
    %% Among the first: that is where a dead one costs most, and in a list it is somewhere.
    Mixed = lists:sublist(Live, 2) ++ Dead ++ lists:nthtail(2, Live),
    Call = fun(How, Nodes) ->
        fun() ->
            Ms = bed_node:call(Dialler, ?MODULE, joined_ms, [How, Nodes, Live], ?LIMIT_MS),
            ok = bench_mesh:heal(Dialler, Mesh),
            Ms
        end
    end,
    Cases = [
        {{How, Which}, Call(How, Nodes)}
     || How <- [barnacle, at_once], {Which, Nodes} <- [{live, Live}, {mixed, Mixed}]
    ],
    _ = bench_stats:alternate(1, [hd(Cases)]),
    Samples = bench_stats:alternate(6, Cases),
    Slow = [{{one_by_one, live}, Call(one_by_one, Live)}],
    %% 7 s for each dead one: once is enough.
    Slower = [{{one_by_one, mixed}, Call(one_by_one, Mixed)} || RttMs =:= 20],
    Sequential = bench_stats:alternate(1, Slow ++ Slower),
    ok = bed_os:stop(Hung),
    {{RttMs, maps:merge(Samples, Sequential)}, Mesh}.

%% From the call until the last of the live nodes is connected, in ms.
-spec joined_ms(barnacle | at_once | one_by_one, [node()], [node()]) -> float().
joined_ms(How, Nodes, Live) ->
    ok = net_kernel:monitor_nodes(true),
    bench_stats:timed(fun() ->
        {Pid, Monitor} = spawn_monitor(fun() -> round(How, Nodes) end),
        ok = await_all(Live),
        true = demonitor(Monitor, [flush]),
        exit(Pid, kill)
    end) / 1000.

round(barnacle, Nodes) -> barnacle_cluster:run_once(#{strategy => {epmd, Nodes}});
round(at_once, Nodes) -> bench_field:connect_at_once(Nodes);
round(one_by_one, Nodes) -> bench_field:connect_one_by_one(Nodes).

await_all([]) ->
    ok = net_kernel:monitor_nodes(false),
    flush();
await_all([Node | Nodes]) ->
    receive
        {nodeup, Node} -> await_all(Nodes)
    after ?LIMIT_MS -> error({never_up, Node})
    end.

flush() ->
    receive
        {nodeup, _} -> flush();
        {nodedown, _} -> flush()
    after 0 -> ok
    end.

rows(RttMs, Samples) ->
    [
        bench_result:row(bench_net:rtt_text(RttMs), Series, "ms", maps:get(Case, Samples))
     || {Case, Series} <- [
            {{barnacle, live}, "barnacle, none dead"},
            {{barnacle, mixed}, "barnacle, 3 dead"},
            {{at_once, live}, "a process a node, none dead"},
            {{at_once, mixed}, "a process a node, 3 dead"},
            {{one_by_one, live}, "one after the other, none dead"},
            {{one_by_one, mixed}, "one after the other, 3 dead"}
        ],
        is_map_key(Case, Samples)
    ].

figures(RttMs, #{{barnacle, live} := Live, {barnacle, mixed} := Mixed} = Samples) ->
    #{{one_by_one, live} := [OneByOneMs], {at_once, live} := AtOnce} = Samples,
    Rtt = bench_net:rtt_text(RttMs),
    [
        bench_result:at_most(
            ["with 3 dead ÷ without, ", Rtt], 1.5, {bench_stats:ratio(Mixed, Live), " ×"}
        ),
        bench_result:note(
            ["a process a node ÷ barnacle, none dead, ", Rtt],
            {bench_stats:ratio(AtOnce, Live), " ×"}
        ),
        bench_result:note(
            ["one after the other ÷ barnacle, none dead, ", Rtt],
            {bench_stats:summary([OneByOneMs / Ms || Ms <- Live]), " ×"}
        )
    ].
