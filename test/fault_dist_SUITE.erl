%% SPDX-License-Identifier: Apache-2.0
-module(fault_dist_SUITE).

%% Rows of the fault matrix (test/README.md) about distribution as people run it, EPMD, and clocks.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    ipv6/1,
    tls/1,
    connect_all_false/1,
    epmd_killed_and_restarted/1,
    epmd_that_does_not_know_this_node/1,
    clock_set/1
]).

-define(DAY_S, 86400).
-define(HOUR_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        ipv6, tls, connect_all_false, epmd_killed_and_restarted, epmd_that_does_not_know_this_node,
        clock_set
    ].

%% ---- other carriers ----

ipv6(_Config) ->
    Epmd = bed_epmd:start_link(),
    Host = {0, 0, 0, 0, 0, 0, 0, 1},
    Nodes = bed_nodes:start_link(
        #{host => Host, epmd_port => bed_epmd:port(Epmd), args => ["-proto_dist", "inet6_tcp"]},
        [#{name => Name} || Name <- ["one", "two", "three"]]
    ),
    bed_story:members(Nodes, #{strategy => {epmd, bed_story:names(Nodes)}}),
    ok = bed_nodes:await_mesh(Nodes).

tls(Config) ->
    case code:which(inet_tls_dist) of
        non_existing -> {skip, "this OTP has no ssl"};
        _ -> tls_mesh(Config)
    end.

tls_mesh(Config) ->
    Options = bed_tls:options(proplists:get_value(priv_dir, Config)),
    Args = ["-proto_dist", "inet_tls", "-ssl_dist_optfile", Options],
    [Other | Hosts] = bed_hosts:start_link(loopback, 4),
    Nodes = [First | _] = bed_hosts:nodes(Hosts, #{args => Args}),
    bed_story:members(Nodes, #{strategy => {epmd, bed_story:names(Nodes)}}),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_wait:until(tls, fun() ->
        Carriers = bed_node:call(First, bed_tls, carriers, []),
        Carriers =:= [tls, tls] orelse Carriers
    end),
    %% Who speaks plain TCP takes the beginning of TLS for a long message and waits for its end.
    [Plain] = bed_hosts:nodes([Other], #{applications => [barnacle]}),
    Name = bed_node:name(Plain),
    ?assertMatch(
        {error, {connect_error, [{Name, timeout}]}},
        bed_node:call(First, barnacle_cluster, run_once, [bed_story:patient([Name])])
    ),
    %% The other way round it is turned away.
    FirstName = bed_node:name(First),
    ?assertMatch(
        {error, {connect_error, [{FirstName, handshake_failed}]}},
        bed_node:call(Plain, barnacle_cluster, run_once, [bed_story:patient([FirstName])])
    ).

%% Nobody but the barnacles brings them together.
connect_all_false(_Config) ->
    Hosts = bed_hosts:start_link(loopback, 4),
    Nodes = [First | Others] = bed_hosts:nodes(Hosts, #{args => ["-connect_all", "false"]}),
    Strategy = #{strategy => {epmd, bed_story:names(Nodes)}},
    bed_story:members([First], Strategy),
    ok = bed_story:linked({First, Others}),
    [ok = bed_story:linked({Node, [First]}) || Node <- Others],
    bed_story:members(Others, Strategy),
    ok = bed_nodes:await_mesh(Nodes).

%% ---- EPMD ----

epmd_killed_and_restarted(_Config) ->
    Epmd = bed_epmd:start_link(),
    Common = #{host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
    Nodes = [First | _] =
        bed_nodes:start_link(Common, [#{name => Name} || Name <- ["one", "two", "three"]]),
    bed_story:members(Nodes, #{strategy => local_epmd, departed_after => 0}),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    Links = bed_story:watch(Nodes),
    ok = bed_epmd:kill(Epmd),
    ok = bed_wait:until(refused, fun() ->
        case bed_story:refresh(First) of
            {error, {strategy_error, econnrefused}} -> true;
            Other -> Other
        end
    end),
    ok = bed_story:rounds(First, 3),
    _ = bed_epmd:restart(Epmd),
    %% It knows nobody, then those that have registered again.
    ok = bed_wait:until(answered, fun() -> element(1, bed_story:refresh(First)) =:= ok end),
    ok = bed_story:rounds(First, 3),
    {ok, Fourth} = bed_node:start_link(Common#{name => "four"}),
    ok = bed_nodes:await_mesh([Fourth | Nodes]),
    ?assertEqual([], bed_story:lost(Links)).

%% As one that was started anew, before this node has registered again: nobody is missed. One that
%% has never known this node has a say: some nodes are not registered.
epmd_that_does_not_know_this_node(_Config) ->
    Host = bed_ports:address(),
    Port = bed_ports:port({127, 0, 0, 1}),
    %% It listens at another address, else each name at its own would be this node by another name.
    {ok, Node} = bed_node:start_link(#{
        name => "a", host => Host, fixed_port => bed_ports:port(),
        address => bed_ports:address(),
        env => [{"ERL_EPMD_PORT", integer_to_list(Port)}]
    }),
    Stage = counters:new(1, []),
    _ = bed_epmd_script:start_link({{127, 0, 0, 1}, Port}, fun() ->
        Known = element(1 + counters:get(Stage, 1), {["b"], ["a", "b"], ["c"]}),
        bed_epmd_script:names([{Name, 4370} || Name <- Known])
    end),
    ok = bed_story:members([Node], #{
        strategy => local_epmd, departed_after => 0, connect_timeout => 100
    }),
    Other = binary:replace(atom_to_binary(bed_node:name(Node)), <<"a@">>, <<"b@">>),
    Wanted = lists:sort([atom_to_binary(bed_node:name(Node)), Other]),
    ok = answers(complete, Node),
    ok = counters:put(Stage, 1, 1),
    ok = bed_story:rounds(Node, 2),
    ok = counters:put(Stage, 1, 2),
    ok = answers(partial, Node),
    ok = bed_story:rounds(Node, 5),
    #{why := Why} = Status = bed_story:status(Node),
    ?assertEqual(local_node_is_not_registered, Why),
    ?assertEqual([], Wanted -- [Name || {Name, #{}} <- maps:to_list(maps:get(wanted, Status))]).

answers(Kind, Node) ->
    bed_wait:until(Kind, fun() ->
        #{answer := Answer} = bed_story:status(Node),
        Answer =:= Kind orelse Answer
    end).

%% ---- the clock ----

%% The clock of time and date, as an operator or NTP sets it; the monotonic clock never jumps.
clock_set(Config) ->
    case bed_clock:missing() of
        none -> clock_set_a_day(Config);
        Why -> {skip, Why}
    end.

clock_set_a_day(_Config) ->
    Clock = bed_clock:new(),
    Nodes = [First, Second, Third] =
        bed_hosts:nodes(bed_hosts:start_link(loopback, 3), #{env => bed_clock:env(Clock)}),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    bed_story:members(Nodes, Options#{departed_after => ?HOUR_MS}),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_story:await_wanted(First, Nodes),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering([First, Second])),
    ok = bed_story:await_wanted(First, [First, Second]),
    [
        begin
            Before = bed_node:call(First, os, system_time, [second]),
            ok = bed_clock:set(Clock, Days * ?DAY_S),
            ok = bed_wait:until({clock, Days}, fun() ->
                Now = bed_node:call(First, os, system_time, [second]),
                abs(Now - Before) > ?DAY_S div 2 orelse Now
            end),
            [ok = bed_story:rounds(Node, 5) || Node <- Nodes],
            #{departed := Departed, last_complete := #{age := AgeMs}} = bed_story:status(First),
            ?assertEqual(#{}, Departed),
            ?assert(AgeMs >= 0 andalso AgeMs < ?HOUR_MS)
        end
     || Days <- [1, -1]
    ],
    ?assertEqual([], bed_story:lost(Links)),
    ?assert(lists:member(bed_node:name(Third), bed_node:visible(First))).
