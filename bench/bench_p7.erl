%% SPDX-License-Identifier: Apache-2.0
-module(bench_p7).

%% P7: file:read_file/1 in a VM with 100 lookups and 100 connects waiting. Three nodes take turns:
%% one that does nothing else, one where ours wait, one where OTP's wait.

-export([run/0, wait_ours/2, wait_theirs/2, reads/1]).

-define(WAITING, 100).
-define(READS, 500).
-define(ROUNDS, 25).
-define(TIMEOUT_MS, 30000).

-spec run() -> bench_result:result().
run() ->
    Port = bed_ports:port(),
    Hung = bed_ports:addresses(?WAITING),
    _ = bench_net:epmds(Port, 0, #{hung => Hung}),
    Silent = bench_net:silent(),
    Targets = [list_to_atom("hung@" ++ inet:ntoa(Address)) || Address <- Hung],
    [Idle, Ours, Theirs] =
        Nodes = bed_nodes:start_link(
            #{name => "reader", fixed_port => Port, applications => [barnacle]},
            [#{host => Address} || Address <- bed_ports:addresses(3)]
        ),
    ok = bed_node:call(Ours, ?MODULE, wait_ours, [bench_net:nameserver(Silent), Targets]),
    ok = bed_node:call(Theirs, ?MODULE, wait_theirs, [Silent, Targets]),
    Cases = [
        {Name, fun() -> bed_node:call(Node, ?MODULE, reads, [?READS]) end}
     || {Name, Node} <- [{idle, Idle}, {ours, Ours}, {theirs, Theirs}]
    ],
    _ = bench_stats:alternate(2, Cases),
    Blocks = bench_stats:alternate(?ROUNDS, Cases),
    ok = bed_nodes:stop(Nodes),
    Worst = fun(_, Lists) -> [maps:get(p99, bench_stats:summary(List)) || List <- Lists] end,
    P99 = maps:map(Worst, Blocks),
    #{idle := IdleP99, ours := OursP99, theirs := TheirsP99} = P99,
    #{
        id => p7,
        title => <<"file:read_file/1 with 100 lookups and 100 connects waiting">>,
        plot => <<"µs"/utf8>>,
        rows => [
            bench_result:row(Group, Series, "µs", Samples)
         || {Series, Case} <- [
                {"nothing waits", idle},
                {"barnacle's wait", ours},
                {"inet_res and connect_node wait", theirs}
            ],
            {Group, Samples} <- [
                {"all reads", lists:append(maps:get(Case, Blocks))},
                {["p99 of ", integer_to_list(?READS)], maps:get(Case, P99)}
            ]
        ],
        figures => [
            bench_result:at_most(
                "p99 with barnacle's waiting ÷ idle",
                1.2,
                {bench_stats:ratio(OursP99, IdleP99), " ×"}
            ),
            bench_result:note(
                "p99 with OTP's waiting ÷ idle", {bench_stats:ratio(TheirsP99, IdleP99), " ×"}
            )
        ]
    }.

-spec reads(pos_integer()) -> [float()].
reads(Count) ->
    File = code:which(?MODULE),
    [bench_stats:timed(fun() -> {ok, _} = file:read_file(File) end) || _ <- lists:seq(1, Count)].

%% For as long as the node lives.
-spec wait_ours(binary(), [node()]) -> ok.
wait_ours(Nameserver, Nodes) ->
    Lookup = fun() ->
        barnacle_native:dns(
            <<"waiting.bench.test">>, #{timeout => ?TIMEOUT_MS, nameservers => [Nameserver]}
        )
    end,
    Connect = fun() ->
        bed_links:connect(Nodes, #{
            connect_timeout => ?TIMEOUT_MS,
            max_connects => length(Nodes),
            %% Each is an attempt that waits.
            probe => false,
            probe_timeout => ?TIMEOUT_MS
        })
    end,
    forever(lists:duplicate(?WAITING, Lookup) ++ [Connect]).

-spec wait_theirs({inet:ip_address(), inet:port_number()}, [node()]) -> ok.
wait_theirs(Nameserver, Nodes) ->
    ok = bench_field:use_nameservers([Nameserver]),
    Lookup = fun() -> inet_res:getbyname("waiting.bench.test", a) end,
    Connects = [fun() -> net_kernel:connect_node(Node) end || Node <- Nodes],
    forever(lists:duplicate(?WAITING, Lookup) ++ Connects).

forever(Calls) ->
    lists:foreach(fun(Call) -> spawn(fun Again() -> _ = Call(), Again() end) end, Calls).
