%% SPDX-License-Identifier: Apache-2.0
-module(fault_hosts_SUITE).

%% Rows of the fault matrix (test/README.md) about hosts and the network between them. Stories are
%% told on loopback addresses, and as root on hosts in network namespaces, some also over IPv6.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_group/2, end_per_group/2]).
-export([
    dead_hosts/1,
    hung_hosts/1,
    refusing_hosts/1,
    dies_during_the_connect/1,
    slow_hosts/1,
    partition_and_heal/1,
    healed_by_barnacle_alone/1,
    rolling_restart/1,
    lossy_name_service/1,
    two_hundred_names_five_live/1,
    nothing_is_left_of_a_killed_run/1
]).
%% Called in a node.
-export([build_and_stay/0, is_guarded/0]).

-define(NEVER_MS, 3600000).
-define(SHORT_MS, bed_long:stretched(1000)).

suite() ->
    [{timetrap, {minutes, bed_long:either(15, 60)}}].

all() ->
    [{group, loopback}, {group, netns}, {group, netns6}].

groups() ->
    Stories = [
        dead_hosts, hung_hosts, refusing_hosts, partition_and_heal, healed_by_barnacle_alone,
        lossy_name_service, two_hundred_names_five_live
    ],
    [
        {loopback, [], Stories ++ [dies_during_the_connect, slow_hosts, rolling_restart]},
        {netns, [],
            bed_long:either(Stories -- [partition_and_heal, lossy_name_service], Stories) ++
                [nothing_is_left_of_a_killed_run]},
        {netns6, [], bed_long:either([dead_hosts], Stories)}
    ].

init_per_group(Kind, Config) ->
    case bed_hosts:missing(Kind) of
        none -> [{kind, Kind} | Config];
        Why -> {skip, Why}
    end.

end_per_group(_Kind, _Config) ->
    ok.

%% ---- half of eight hosts in trouble (at length: one, three, half): the others are joined in the
%% same round ----

%% A dead loopback host accepts connections all the same.
dead_hosts(Config) ->
    Reason = by_kind(Config, timeout, host_silent),
    in_trouble(Config, Reason, fun(Host, _Node) -> bed_hosts:die(Host) end).

hung_hosts(Config) ->
    in_trouble(Config, timeout, fun(_Host, Node) -> bed_node:suspend(Node) end).

%% A refusing loopback host accepts connections and resets them.
refusing_hosts(Config) ->
    Reason = by_kind(Config, handshake_failed, epmd_refused),
    in_trouble(Config, Reason, fun(Host, _Node) -> bed_hosts:refuse(Host) end).

by_kind(Config, OnLoopback, InNetns) ->
    case proplists:get_value(kind, Config) of
        loopback -> OnLoopback;
        _ -> InNetns
    end.

%% Without global's mesh between them, each of them is joined by the first alone.
in_trouble(Config, Reason, Trouble) ->
    [_ | Hosts] = All = hosts(Config, 9),
    [First | Nodes] = bed_hosts:nodes(All, #{
        args => ["-connect_all", "false"], applications => [barnacle]
    }),
    lists:foreach(
        fun(Count) ->
            {Bad, Good} = lists:split(Count, lists:zip(Hosts, Nodes)),
            [ok = Trouble(Host, Node) || {Host, Node} <- Bad],
            {error, {connect_error, Failed}} = once(First, Nodes),
            ?assertEqual(bed_story:names(nodes_of(Good)), bed_node:visible(First)),
            ?assertEqual([{Name, Reason} || Name <- bed_story:names(nodes_of(Bad))], Failed),
            ok = bed_hosts:heal(Hosts),
            [ok = bed_node:resume(Node) || {_, Node} <- Bad],
            ok = bed_wait:until(healed, fun() ->
                _ = once(First, Nodes),
                bed_node:visible(First) =:= bed_story:names(Nodes)
            end),
            %% OTP's global may greet a node that it has just seen come, and so link it again.
            ok = bed_wait:until(cut, fun() ->
                _ = [
                    bed_node:call(First, erlang, disconnect_node, [bed_node:name(Node)])
                 || Node <- Nodes
                ],
                bed_node:visible(First) =:= []
            end)
        end,
        bed_long:either([4], [1, 3, 4])
    ).

nodes_of(Pairs) ->
    [Node || {_, Node} <- Pairs].

once(First, Nodes) ->
    Options = bed_story:patient(bed_story:names(Nodes)),
    case bed_node:call(First, barnacle_cluster, run_once, [Options]) of
        {error, {Kind, Failed}} -> {error, {Kind, lists:sort(Failed)}};
        Result -> Result
    end.

%% At every stage of the handshake: its last message comes after 92 to 104 bytes, by the lengths of
%% the names.
dies_during_the_connect(Config) ->
    Stages = [1, 36, 60, 80, 90],
    [_, _ | Mortal] = Hosts = hosts(Config, 2 + length(Stages)),
    [First | [Live | Dying] = Others] =
        bed_hosts:nodes(Hosts, #{
            args => ["-connect_all", "false"], applications => [barnacle]
        }),
    [ok = bed_hosts:silent_after(Host, Bytes) || {Host, Bytes} <- lists:zip(Mortal, Stages)],
    ?assertEqual(
        {error, {connect_error, [{Name, timeout} || Name <- bed_story:names(Dying)]}},
        once(First, Others)
    ),
    ?assertEqual([bed_node:name(Live)], bed_node:visible(First)),
    ok = bed_hosts:heal(Hosts),
    ok = bed_wait:until(healed, fun() -> element(1, once(First, Others)) =:= ok end).

%% Each handshake takes a second, and all take it at the same time: one after another they would not
%% be through at the deadline.
slow_hosts(Config) ->
    [_ | Slow] = Hosts = hosts(Config, 9),
    [First | Others] = Nodes = bed_hosts:nodes(Hosts, #{
        args => ["-connect_all", "false"], applications => [barnacle]
    }),
    [ok = bed_hosts:slow(Host, 200) || Host <- Slow],
    Options = bed_story:patient(bed_story:names(Others)),
    ?assertMatch({ok, _}, bed_node:call(First, barnacle_cluster, run_once, [Options])),
    ?assertEqual(bed_story:names(Nodes -- [First]), bed_node:visible(First)).

%% ---- the network between them ----

%% With the mesh of global's, and its guard: it cuts what is cut in part, and joins again by itself.
partition_and_heal(Config) ->
    partition_and_heal(Config, []).

healed_by_barnacle_alone(Config) ->
    partition_and_heal(Config, ["-connect_all", "false"]).

partition_and_heal(Config, Args) ->
    Hosts = hosts(Config, 4),
    Nodes = bed_hosts:nodes(Hosts, #{args => bed_story:quick_ticks() ++ Args}),
    Strategy = {epmd, bed_story:names(Nodes)},
    bed_story:members(Nodes, #{
        strategy => Strategy, connect_timeout => ?SHORT_MS, retry_max => 2000
    }),
    ok = bed_nodes:await_mesh(Nodes),
    {[_, _] = Left, Right} = lists:split(2, Hosts),
    {LeftNodes, RightNodes} = lists:split(2, Nodes),
    [
        begin
            ok = bed_hosts:cut(Left, Right),
            %% Each half stays, or is again, a cluster of its own.
            ok = bed_nodes:await_mesh(LeftNodes),
            ok = bed_nodes:await_mesh(RightNodes),
            ok = bed_hosts:heal(Hosts),
            ok = bed_nodes:await_mesh(Nodes)
        end
     || _ <- lists:seq(1, bed_long:either(1, 8))
    ].

%% ---- name service ----

%% A fifth of all datagrams is lost in each direction, and the others are late.
lossy_name_service(Config) ->
    Hosts = hosts(Config, 3),
    Nodes = bed_hosts:nodes(Hosts, #{}),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    {Nameserver, Proxy} = bed_hosts:nameserver(hd(Hosts), bed_dns_script:address(Dns)),
    ok = bed_proxy:weather(Proxy, #{loss => 0.2, delay_ms => 20}),
    bed_story:members(Nodes, bed_story:dns(Nameserver, #{timeout => 2000})),
    ok = bed_nodes:await_mesh(Nodes),
    Links = bed_story:watch(Nodes),
    [ok = bed_story:rounds(Node, 3) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Links)).

%% Nobody is there for the others: their packets get lost in namespaces, are refused on loopback.
two_hundred_names_five_live(Config) ->
    Hosts = hosts(Config, 5),
    [First | _] = Nodes = bed_hosts:nodes(Hosts, #{applications => [barnacle]}),
    Absent = absent(proplists:get_value(kind, Config), 195),
    Live = [bed_hosts:address(Host) || Host <- Hosts],
    Dns = bed_dns_script:start_link([{'_', type(hd(Live)), Absent ++ Live}]),
    {Nameserver, _} = bed_hosts:nameserver(hd(Hosts), bed_dns_script:address(Dns)),
    Options = bed_story:dns(Nameserver, #{}),
    %% One round is enough, though far fewer than the dead are dialled at a time.
    {error, {connect_error, Failed}} =
        bed_node:call(First, barnacle_cluster, run_once, [
            Options#{max_connects => 4, connect_timeout => 20000, probe_timeout => 5000}
        ]),
    ?assertEqual(195, length(Failed)),
    Reasons = by_kind(Config, [port_refused], [host_silent, host_unreachable]),
    ?assertEqual([], lists:usort([Why || {_, Why} <- Failed]) -- Reasons),
    ?assertEqual(bed_story:names(Nodes -- [First]), bed_node:visible(First)),
    bed_story:members([First], Options#{connect_timeout => ?SHORT_MS}),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_wait:until(named, fun() ->
        map_size(bed_story:missing(First)) =:= 195 orelse bed_story:status(First)
    end),
    Links = bed_story:watch(Nodes),
    ok = bed_story:rounds(First, 2),
    ?assertEqual([], bed_story:lost(Links)).

absent(loopback, Count) -> bed_ports:addresses(Count);
absent(netns, Count) -> [{10, 0, 0, 10 + Number} || Number <- lists:seq(1, Count)];
absent(netns6, Count) -> [{16#fd00, 0, 0, 0, 0, 0, 1, Number} || Number <- lists:seq(1, Count)].

type(Address) when tuple_size(Address) =:= 4 -> a;
type(Address) when tuple_size(Address) =:= 8 -> aaaa.

%% ---- restarts, with global's guard against overlapping partitions on ----

rolling_restart(Config) ->
    Nodes = bed_hosts:nodes(hosts(Config, 5), #{}),
    Options = #{strategy => {epmd, bed_story:names(Nodes)}, connect_timeout => ?SHORT_MS},
    ?assertEqual([true || _ <- Nodes], bed_nodes:each(Nodes, ?MODULE, is_guarded, [])),
    bed_story:members(Nodes, Options),
    ok = bed_nodes:await_mesh(Nodes),
    [
        begin
            Survivors = bed_story:watch(Nodes -- [Node]),
            ok = bed_node:kill(Node),
            ok = bed_nodes:await_mesh(Nodes -- [Node]),
            ok = bed_node:restart(Node),
            bed_story:members([Node], Options),
            ok = bed_nodes:await_mesh(Nodes),
            %% Each has lost the one, once, and nobody else.
            Expected = [{Name, [bed_node:name(Node)]} || Name <- bed_story:names(Nodes -- [Node])],
            ?assertEqual(Expected, lists:sort(bed_story:lost(Survivors)))
        end
     || _ <- lists:seq(1, bed_long:either(1, 10)), Node <- Nodes
    ].

-spec is_guarded() -> boolean().
is_guarded() ->
    application:get_env(kernel, prevent_overlapping_partitions, true).

%% ---- the test-bed itself ----

%% A VM that has built hosts, with nodes on them, is killed.
nothing_is_left_of_a_killed_run(_Config) ->
    {ok, Run} = bed_node:start_link(#{alive => false}),
    Pids = bed_node:call(Run, ?MODULE, build_and_stay, [], infinity),
    ?assertEqual(Pids, [Pid || Pid <- Pids, is_there(Pid)]),
    ok = bed_node:kill(Run),
    ok = bed_wait:until(gone, fun() ->
        Left = [Pid || Pid <- Pids, is_there(Pid)],
        Left =:= [] orelse Left
    end).

%% The processes of all hosts: their namespaces, interfaces and filters go with the last of them.
-spec build_and_stay() -> [string()].
build_and_stay() ->
    Caller = self(),
    spawn(fun() ->
        Hosts = bed_hosts:start_link(netns, 2),
        Nodes = bed_hosts:nodes(Hosts, #{}),
        ok = bed_hosts:die(hd(Hosts)),
        Caller ! {built, [integer_to_list(bed_node:os_pid(Node)) || Node <- Nodes]},
        receive
            never -> ok
        end
    end),
    receive
        {built, OfNodes} ->
            Spaces = [namespace(Pid) || Pid <- OfNodes],
            [
                Pid
             || File <- filelib:wildcard("/proc/[0-9]*"),
                Pid <- [filename:basename(File)],
                lists:member(namespace(Pid), Spaces)
            ]
    end.

namespace(Pid) ->
    case file:read_link(["/proc/", Pid, "/ns/net"]) of
        {ok, Name} -> Name;
        {error, _} -> {gone, Pid}
    end.

is_there(Pid) ->
    filelib:is_dir(["/proc/", Pid]).

hosts(Config, Count) ->
    bed_hosts:start_link(proplists:get_value(kind, Config), Count).
