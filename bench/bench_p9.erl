%% SPDX-License-Identifier: Apache-2.0
-module(bench_p9).

%% P9: 30 nodes that start to connect at the same moment, until everyone sees everyone, at an RTT
%% of 20 ms.

-export([run/0, see_all/2]).

-define(NODES, 30).
-define(RTT_MS, 20).
-define(ROUNDS, 3).
-define(LIMIT_MS, 120000).

-spec run() -> bench_result:result().
run() ->
    Mesh = bench_mesh:start(?NODES, [
        "-connect_all", "false",
        "-kernel", "prevent_overlapping_partitions", "false",
        "-kernel", "dist_auto_connect", "never",
        "-kernel", "logger_level", "emergency"
    ]),
    Series = [
        {barnacle, "barnacle"},
        {one_by_one, "one after the other"},
        {at_once, "a process a node"}
    ],
    Samples = bench_stats:alternate(?ROUNDS, [
        {How, fun() -> meshed_ms(How, Mesh) end}
     || {How, _} <- Series
    ]),
    ok = bench_mesh:stop(Mesh),
    #{barnacle := Ours, one_by_one := OneByOne, at_once := AtOnce} = Samples,
    #{
        id => p9,
        title => <<"30 nodes that start at once, until everyone sees everyone, RTT 20 ms">>,
        plot => <<"ms">>,
        rows => [
            bench_result:row("30 nodes", Text, "ms", maps:get(How, Samples))
         || {How, Text} <- Series
        ],
        figures => [
            bench_result:at_most(
                "time ÷ one after the other", 0.5, {bench_stats:ratio(Ours, OneByOne), " ×"}
            ),
            bench_result:note(
                "time ÷ a process a node", {bench_stats:ratio(Ours, AtOnce), " ×"}
            )
        ]
    }.

%% The network comes up, all begin; then it goes down, and with it every link.
meshed_ms(How, Mesh) ->
    #{nodes := Nodes, proxy := Proxy} = bench_mesh:network(?RTT_MS, Mesh),
    Names = bench_mesh:names(Mesh),
    All = fun() -> bed_nodes:each(Nodes, ?MODULE, see_all, [How, Names]) end,
    Ms = bench_stats:timed(All) / 1000,
    ok = bed_os:stop(Proxy),
    ok = bed_wait:until(no_links, fun() ->
        lists:all(fun({_, Seen}) -> Seen =:= [] end, bed_nodes:visible(Nodes))
    end),
    Ms.

%% Connects in the way that is said, and returns when all the others are there.
-spec see_all(barnacle | one_by_one | at_once, [node()]) -> ok.
see_all(How, Names) ->
    ok = net_kernel:monitor_nodes(true),
    Others = Names -- [node()],
    {Pid, Monitor} = spawn_monitor(fun() -> connect(How, Others) end),
    await(Others -- nodes()),
    true = demonitor(Monitor, [flush]),
    true = exit(Pid, kill),
    ok.

connect(barnacle, Others) ->
    {ok, _} = barnacle_cluster:start_link(#{strategy => {epmd, Others}}),
    receive
        never -> ok
    end;
connect(at_once, Others) ->
    again(Others, fun bench_field:connect_at_once/1);
connect(one_by_one, Others) ->
    again(Others, fun bench_field:connect_one_by_one/1).

%% Who failed, since both dialled each other, is dialled again.
again(Others, Connect) ->
    _ = Connect(Others),
    case Others -- nodes() of
        [] -> ok;
        Missing -> again(Missing, Connect)
    end.

await([]) ->
    ok;
await(Missing) ->
    receive
        {nodeup, Node} -> await(lists:delete(Node, Missing));
        {nodedown, _} -> await(Missing)
    after ?LIMIT_MS -> error({never_up, Missing})
    end.
