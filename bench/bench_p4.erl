%% SPDX-License-Identifier: Apache-2.0
-module(bench_p4).

%% P4: status and pause while rounds wait on everything: a name server that is silent, nodes that
%% take connections and never speak.

-export([run/0, start/2, calls/1, theirs/1]).

-define(HUNG, 20).
-define(CALLS, 500).
-define(ROUNDS, 100).
-define(WAIT_MS, 60000).

-spec run() -> bench_result:result().
run() ->
    Port = bed_ports:port(),
    Hung = bed_ports:addresses(?HUNG),
    _ = bench_net:epmds(Port, 0, #{hung => Hung}),
    Silent = bench_net:silent(),
    {ok, Node} = bed_node:start_link(#{
        name => "caller", host => bed_ports:address(), fixed_port => Port,
        applications => [barnacle],
        args => ["-kernel", "logger_level", "error"]
    }),
    ok = bed_node:call(Node, ?MODULE, start, [
        bench_net:nameserver(Silent), [list_to_atom("hung@" ++ inet:ntoa(A)) || A <- Hung]
    ]),
    Cases = [
        {Case, fun() -> bed_node:call(Node, ?MODULE, calls, [Case]) end}
     || Case <- [
            {status, idle}, {status, lookup}, {status, connect},
            {pause, idle}, {pause, lookup}, {pause, connect}
        ]
    ],
    Blocks = bench_stats:alternate(?ROUNDS, Cases),
    Samples = maps:map(fun(_, Lists) -> lists:append(Lists) end, Blocks),
    Theirs = [bed_node:call(Node, ?MODULE, theirs, [Silent], ?WAIT_MS) || _ <- [1, 2]],
    ok = bed_node:stop(Node),
    #{
        id => p4,
        title => <<"status and pause while a round waits">>,
        plot => <<"µs"/utf8>>,
        rows =>
            [
                bench_result:row(atom_to_list(Call), text(State), "µs", List)
             || {{Call, State}, List} <- lists:sort(maps:to_list(Samples))
            ] ++ [bench_result:row("status", "a server that looks up by itself", "µs", Theirs)],
        figures => [
            Figure
         || Call <- [status, pause],
            State <- [lookup, connect],
            Figure <- figures(Call, State, Samples)
        ]
    }.

figures(Call, State, Samples) ->
    #{median := Median, p99 := P99} = bench_stats:summary(maps:get({Call, State}, Samples)),
    #{median := IdleMedian, p99 := IdleP99} = bench_stats:summary(maps:get({Call, idle}, Samples)),
    Text = [atom_to_list(Call), ", ", text(State)],
    [
        bench_result:at_most([Text, ": p99"], 1000, {P99, " µs"}),
        bench_result:at_most([Text, ": p99 ÷ idle"], 2, {P99 / IdleP99, " ×"}),
        bench_result:note([Text, ": median ÷ idle"], {Median / IdleMedian, " ×"})
    ].

text(idle) -> "no round runs";
text(lookup) -> "a round waits for a silent name server";
text(connect) -> "a round waits for 20 silent nodes".

%% A barnacle that has nothing to do until tomorrow, and two whose rounds never come to an end.
-spec start(binary(), [node()]) -> ok.
start(Nameserver, Hung) ->
    DayMs = 86400000,
    Strategies = [
        {idle, {custom, #{discover => fun() -> {ok, []} end}}},
        {lookup,
            {dns, #{
                basename => <<"app">>,
                query => <<"peers.bench.test">>,
                nameservers => [Nameserver],
                timeout => DayMs
            }}},
        {connect, {epmd, Hung}}
    ],
    Starter = self(),
    _ = spawn(fun() ->
        lists:foreach(
            fun({Name, Strategy}) ->
                {ok, _} = barnacle_cluster:start_link(#{
                    name => Name,
                    strategy => Strategy,
                    poll_interval => DayMs,
                    connect_timeout => DayMs
                })
            end,
            Strategies
        ),
        Starter ! started,
        receive
            never -> ok
        end
    end),
    receive
        started -> ok
    end,
    bed_wait:until(rounds, fun() ->
        [idle, running, running] =:=
            [maps:get(round, barnacle_cluster:status(Name)) || {Name, _} <- Strategies]
    end).

%% How long calls take, in µs.
-spec calls({status | pause, atom()}) -> [float()].
calls({status, Server}) ->
    [timed(fun() -> barnacle_cluster:status(Server) end) || _ <- lists:seq(1, ?CALLS)];
calls({pause, Server}) ->
    [timed(fun() -> barnacle_cluster:pause(Server) end) || _ <- lists:seq(1, ?CALLS)].

timed(Fun) ->
    bench_stats:timed(Fun).

%% A call to a server that does its lookup itself, as the field's do, in the midst of one.
-spec theirs({inet:ip_address(), inet:port_number()}) -> float().
theirs(Silent) ->
    ok = bench_field:use_nameservers([Silent]),
    Parent = self(),
    Server = spawn_link(fun() ->
        Parent ! looking_up,
        _ = inet_res:getbyname("peers.bench.test", a),
        receive
            {status, From} -> From ! status
        end
    end),
    receive
        looking_up -> ok
    end,
    timed(fun() ->
        Server ! {status, self()},
        receive
            status -> ok
        end
    end).
