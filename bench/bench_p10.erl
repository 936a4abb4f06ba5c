%% SPDX-License-Identifier: Apache-2.0
-module(bench_p10).

%% P10: how soon ten nodes that poll every 5 s have joined a node whose name appears, and how soon
%% one that dies is out of all their lists; beside ten nodes with a poller of the field's kind.

-export([run/0]).

-define(MEMBERS, 10).
%% With them an answer still fits into a datagram (512 bytes).
-define(GUESTS, 18).
-define(POLL_MS, 5000).
-define(LOOKUP_MS, 5000).
-define(WELL_MS, 60000).
-define(ONE_DEAD_MS, 80000).
%% By then everybody has dialled the dead host in vain.
-define(SETTLE_MS, 15000).
-define(LIMIT_MS, 120000).
-define(SIDES, [{barnacle, "barnacle"}, {poller, "one after the other"}]).

%% Each side has a name server of its own, which names its members and all guests.
-record(world, {
    port :: inet:port_number(),
    %% Whom all nodes end with.
    owner :: pid(),
    zone :: pid(),
    sides :: [{barnacle | poller, bed_nodes:nodes()}]
}).

%% A guest's name, and when it appeared and died, in µs of the system's clock.
-record(visit, {node :: node(), appeared_us :: integer(), died_us :: integer()}).

-spec run() -> bench_result:result().
run() ->
    World = world(),
    Well = visits(?WELL_MS, World),
    Silent = silence(World),
    Dead = bed_ports:address(),
    _ = bench_net:epmds(World#world.port, 0, #{hung => [Dead]}),
    ok = zone(add, Dead, World),
    ok = pause(?SETTLE_MS),
    OneDead = visits(?ONE_DEAD_MS, World),
    Seen = [
        {Side, bed_nodes:each(Nodes, bench_watch, seen, [])}
     || {Side, Nodes} <- World#world.sides
    ],
    [ok = bed_nodes:stop(Nodes) || {_, Nodes} <- World#world.sides],
    result([
        {Text, [{Side, [last_ms(Event, Visit, Logs) || Visit <- Visits]} || {Side, Logs} <- Seen]}
     || {Text, Event, Visits} <- [
            {"a name appears", up, Well},
            {"a name appears, another one's host is dead", up, OneDead},
            {"a node dies", down, Well ++ OneDead},
            {"a host falls silent, its name goes", down, Silent}
        ]
    ]).

result(Measured) ->
    #{
        id => p10,
        title => <<"Until a name that appears is joined by all of 10 nodes that poll every 5 s">>,
        plot => <<"ms">>,
        rows => [
            bench_result:row(Text, Series, "ms", proplists:get_value(Side, Samples))
         || {Text, Samples} <- Measured, {Side, Series} <- ?SIDES
        ],
        figures => lists:append([
            figures(Text, Series, bench_stats:summary(proplists:get_value(Side, Samples)))
         || {Text, Samples} <- Measured, {Side, Series} <- ?SIDES
        ])
    }.

figures(Text, Series, #{n := N, p99 := P99} = Summary) ->
    What = [Text, ", ", Series, " (", integer_to_list(N), "): "],
    [
        bench_result:note([What, "p50"], {Summary, " ms"}),
        bench_result:note([What, "p99"], {P99, " ms"})
    ].

%% Until the last of a side's members had the event.
last_ms(up, #visit{node = Node, appeared_us = Since}, Logs) -> last_ms({up, Node}, Since, Logs);
last_ms(down, #visit{node = Node, died_us = Since}, Logs) -> last_ms({down, Node}, Since, Logs);
last_ms({Event, Node}, SinceUs, Logs) ->
    Last = lists:max([
        hd([At || {E, N, At} <- Log, E =:= Event, N =:= Node]) || Log <- Logs
    ]),
    (Last - SinceUs) / 1000.

%% Nobody is told of others by global, so that each member joins by its own polls. They don't poll
%% at the same time.
world() ->
    Port = bed_ports:port(),
    Sides = [
        {Side, bed_nodes:start_link(options(Port), [
            #{host => Address} || Address <- bed_ports:addresses(?MEMBERS)
        ])}
     || {Side, _} <- ?SIDES
    ],
    Servers = [{bed_dns_script:start_link([]), addresses(Nodes)} || {_, Nodes} <- Sides],
    World = #world{
        port = Port,
        owner = self(),
        zone = spawn_link(fun() -> zone([], Servers) end),
        sides = Sides
    },
    [
        begin
            _ = bed_nodes:each(Nodes, bench_watch, start, []),
            _ = bed_nodes:at_once(
                fun(Node) ->
                    ok = pause(rand:uniform(?POLL_MS)),
                    ok = start(Side, Node, bed_dns_script:address(Server))
                end,
                Nodes
            ),
            ok = bed_nodes:await_mesh(Nodes)
        end
     || {{Side, Nodes}, {Server, _}} <- lists:zip(Sides, Servers)
    ],
    World.

options(Port) ->
    #{
        name => "app",
        fixed_port => Port,
        args => ["-connect_all", "false", "-kernel", "logger_level", "emergency"]
    }.

addresses(Nodes) ->
    [{_, a, Addresses}, _] = bed_story:answering(Nodes),
    Addresses.

start(barnacle, Node, {Address, Port}) ->
    Nameserver = bench_net:nameserver({Address, Port}),
    Dns = bed_story:dns(Nameserver, #{timeout => ?LOOKUP_MS}),
    bed_story:members([Node], Dns#{poll_interval => ?POLL_MS});
start(poller, Node, Nameserver) ->
    bed_node:call(Node, bench_field_poller, start, [
        #{
            basename => "app",
            query => "nodes.cluster.test",
            nameserver => Nameserver,
            poll_ms => ?POLL_MS,
            timeout_ms => ?LOOKUP_MS,
            belief => answers
        }
    ]).

%% What all name servers name beside the members of their own.
zone(Guests, Servers) ->
    [
        ok = bed_dns_script:script(Server, [{'_', a, Members ++ Guests}, {'_', aaaa, []}])
     || {Server, Members} <- Servers
    ],
    receive
        {From, Ref, add, Address} -> From ! Ref, zone([Address | Guests], Servers);
        {From, Ref, remove, Address} -> From ! Ref, zone(Guests -- [Address], Servers)
    end.

zone(What, Address, #world{zone = Zone}) ->
    Ref = make_ref(),
    Zone ! {self(), Ref, What, Address},
    receive
        Ref -> ok
    end.

%% Guests come and go for as long, each under a name of its own.
visits(LimitMs, World) ->
    UntilMs = erlang:monotonic_time(millisecond) + LimitMs,
    lists:append(
        bed_nodes:at_once(
            fun(_) -> visits_until(UntilMs, World) end, lists:seq(1, ?GUESTS)
        )
    ).

visits_until(UntilMs, World) ->
    case erlang:monotonic_time(millisecond) < UntilMs of
        true -> [visit(World) | visits_until(UntilMs, World)];
        false -> []
    end.

visit(World) ->
    {Guest, Address, Visit} = arrive(World),
    DiedUs = os:system_time(microsecond),
    %% As a process ends: its connections are closed by the system.
    _ = catch bed_node:call(Guest, erlang, halt, [0, [{flush, false}]]),
    ok = zone(remove, Address, World),
    ok = bed_node:stop(Guest),
    Visit#visit{died_us = DiedUs}.

arrive(#world{port = Port, owner = Owner} = World) ->
    Address = bed_ports:address(),
    {ok, Guest} = bed_node:start((options(Port))#{host => Address, owner => Owner}),
    ok = pause(rand:uniform(?POLL_MS)),
    AppearedUs = os:system_time(microsecond),
    ok = zone(add, Address, World),
    ok = bed_wait:until(
        joined,
        fun() ->
            Count = length(bed_node:visible(Guest)),
            Count =:= ?MEMBERS * length(?SIDES) orelse Count
        end,
        ?LIMIT_MS
    ),
    {Guest, Address, #visit{
        node = bed_node:name(Guest), appeared_us = AppearedUs, died_us = AppearedUs
    }}.

%% Guests whose hosts say nothing more, not even that they are gone.
silence(#world{sides = Sides} = World) ->
    Arrived = bed_nodes:at_once(fun(_) -> arrive(World) end, lists:seq(1, ?GUESTS)),
    Visits = [
        begin
            DiedUs = os:system_time(microsecond),
            ok = bed_node:suspend(Guest),
            ok = zone(remove, Address, World),
            Visit#visit{died_us = DiedUs}
        end
     || {Guest, Address, Visit} <- Arrived
    ],
    Names = [Node || #visit{node = Node} <- Visits],
    _ = bed_nodes:at_once(
        fun(Member) -> bed_node:call(Member, bench_watch, await_gone, [Names], ?LIMIT_MS) end,
        lists:append([Nodes || {_, Nodes} <- Sides])
    ),
    [ok = bed_node:stop(Guest) || {Guest, _, _} <- Arrived],
    Visits.

pause(Ms) ->
    receive
    after Ms -> ok
    end.
