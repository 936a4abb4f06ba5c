%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_otp_names_SUITE).

%% Host names that OTP resolves and neither the hosts file nor DNS knows, and names with several
%% addresses: what OTP connects, barnacle connects.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0]).
-export([
    known_to_inet_db/1,
    known_to_inetrc/1,
    known_to_nss/1,
    hosts_known_to_inetrc/1,
    slow_names/1,
    two_addresses/1,
    protocol_of_ones_own/1,
    epmd_on_ipv6_alone/1
]).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        known_to_inet_db,
        known_to_inetrc,
        known_to_nss,
        hosts_known_to_inetrc,
        slow_names,
        two_addresses,
        protocol_of_ones_own,
        epmd_on_ipv6_alone
    ].

-define(LOOPBACK6, {0, 0, 0, 0, 0, 0, 0, 1}).

%% ---- names that OTP alone knows ----

known_to_inet_db(_) ->
    {First, Second} = two("two.db.test", fun(_) -> #{} end),
    ?assertMatch({error, {connect_error, [{_, nxdomain}]}}, no_search(connect(First, Second, #{}))),
    ok = bed_node:call(First, inet_db, set_lookup, [[file, native]]),
    ok = bed_node:call(First, inet_db, add_host, [address_of(Second), ["two.db.test"]]),
    ok = is_connected(First, Second).

known_to_inetrc(_) ->
    {First, Second} = two("two.rc.test", fun inetrc/1),
    ok = is_connected(First, Second).

known_to_nss(_) ->
    with_nss(fun() ->
        {First, Second} = two("known.nss.test", fun(Address) ->
            Nss = bed_nss:new(Address),
            #{exec => bed_nss:exec(Nss, "nameserver 127.0.0.1\n"), env => bed_nss:env(Nss)}
        end),
        ok = is_connected(First, Second)
    end).

hosts_known_to_inetrc(_) ->
    {First, Second} = two("two.rc.test", fun inetrc/1),
    EpmdPort = bed_ports:port(),
    [Here, There] = [bed_ports:address(), address_of(Second)],
    [
        bed_epmd_script:start_link({Address, EpmdPort}, bed_epmd_script:names([{Name, 4000}]))
     || {Address, Name} <- [{Here, "other"}, {There, "app"}]
    ],
    Hosts = [text(Here), <<"no.rc.test">>, <<"two.rc.test">>],
    Strategy = {hosts, #{hosts => Hosts, port => EpmdPort, basename => <<"app">>}},
    Nodes = lists:sort([bed_node:name(First), bed_node:name(Second)]),
    ?assertEqual({ok, Nodes}, run_once(First, #{strategy => Strategy})),
    {ok, State} = bed_node:call(First, barnacle_strategy_hosts, init, [element(2, Strategy)]),
    {{partial, [<<"app@two.rc.test">>], [{<<"no.rc.test">>, _}]}, _} =
        bed_node:call(First, barnacle_strategy_hosts, discover, [State]).

%% ---- a resolver that is slow ----

%% The system takes three seconds for each of fifty names, and DNS is silent for them.
slow_names(_) ->
    with_nss(fun() ->
        Dns = bed_dns_script:start_link([{'_', '_', drop}], 53),
        {Server, _} = bed_dns_script:address(Dns),
        Nss = bed_nss:new({127, 0, 0, 1}),
        Port = bed_ports:port(),
        Exec = bed_nss:exec(Nss, ["nameserver ", inet:ntoa(Server), "\n"]),
        [First, Live] = bed_nodes:start_link(#{name => "app", fixed_port => Port}, [
            #{host => bed_ports:address(), exec => Exec, env => bed_nss:env(Nss)},
            #{host => bed_ports:address()}
        ]),
        Slow = [
            list_to_atom(lists:concat(["app@slow", N, ".nss.test"]))
         || N <- lists:seq(1, 50)
        ],
        {ok, _} = bed_node:call(First, bed_member, start, [
            #{
                strategy => {epmd, [bed_node:name(Live) | Slow]},
                connect_timeout => 3600000,
                poll_interval => 3600000
            }
        ]),
        ok = bed_wait:until(live, fun() ->
            lists:member(bed_node:name(Live), bed_node:visible(First))
        end),
        ok = bed_wait:until(queries, fun() ->
            {Queries, Most} = bed_nss:most(Nss),
            Queries >= 6 orelse {Queries, Most}
        end),
        ?assertMatch({_, 2}, bed_nss:most(Nss)),
        %% net_kernel was not asked for any of them.
        ok = bed_wait:until(idle, fun() ->
            bed_node:call(First, bed_links, net_kernel, []) =:= idle
        end)
    end).

%% ---- a name with two addresses ----

two_addresses(_) ->
    case bed_etc:missing() of
        none -> of_two_addresses();
        Why -> {skip, Why}
    end.

of_two_addresses() ->
    Port = bed_ports:port(),
    [Own, Dead, Live] = bed_ports:addresses(3),
    Lines = [
        [text(Address), $\s, Name, $\n]
     || {Name, Addresses} <- [{"dead.two.test", [Dead, Live]}, {"live.two.test", [Live, Dead]}],
        Address <- Addresses
    ],
    Common = #{name => "app", fixed_port => Port, applications => [barnacle]},
    Exec = bed_etc:exec_with([{"/etc/hosts", ["127.0.0.1 localhost\n", Lines]}]),
    [First] = bed_nodes:start_link(Common, [#{host => Own, exec => Exec}]),
    Try = fun(Name) ->
        [Node] = bed_nodes:start_link(Common, [#{host => Name, address => Live}]),
        Address = bed_node:call(First, inet, getaddr, [Name, inet]),
        Result = connect(First, Node, #{}),
        Otp = bed_node:call(First, net_kernel, connect_node, [bed_node:name(Node)]),
        ok = bed_node:stop(Node),
        {Address, Result, Otp}
    end,
    ?assertMatch({{ok, Live}, {ok, [_, _]}, true}, Try("live.two.test")),
    {DeadText, LiveText} = {text(Dead), text(Live)},
    ?assertMatch(
        {
            {ok, Dead},
            {error,
                {connect_error, [
                    {'app@dead.two.test', {at_address, DeadText, port_refused, [LiveText]}}
                ]}},
            false
        },
        Try("dead.two.test")
    ).

%% ---- other distributions, other EPMDs ----

%% It may use either address family, so a name with an IPv6 address alone is no unknown one.
protocol_of_ones_own(_) ->
    case bed_etc:missing() of
        none ->
            Epmd = bed_epmd:start_link(),
            Exec = bed_etc:exec_with([{"/etc/hosts", "::1 six.test seven.test\n"}]),
            %% The system's resolver would give 127.0.0.1 for ::1 of the hosts file.
            Inetrc = filename:join(bed_os:temp_dir_link(), "inetrc"),
            ok = file:write_file(Inetrc, "{lookup, [file]}.\n"),
            [First, Second] = bed_nodes:start_link(
                #{
                    address => ?LOOPBACK6,
                    epmd_port => bed_epmd:port(Epmd),
                    applications => [barnacle],
                    args => ["-proto_dist", "bed_own"],
                    env => [{"ERL_INETRC", Inetrc}],
                    exec => Exec
                },
                [#{name => "one", host => "six.test"}, #{name => "two", host => "seven.test"}]
            ),
            ok = is_connected(First, Second);
        Why ->
            {skip, Why}
    end.

epmd_on_ipv6_alone(_) ->
    EpmdPort = bed_ports:port(?LOOPBACK6),
    Epmd = bed_epmd_script:start_link(
        {?LOOPBACK6, EpmdPort}, bed_epmd_script:names([{"app", 4000}, {"b", 4001}])
    ),
    Names = fun(Node) -> bed_node:call(Node, barnacle_local_epmd, names, []) end,
    [Node] = bed_nodes:start_link(#{name => "app", fixed_port => bed_ports:port()}, [
        #{
            host => {127, 0, 0, 1},
            applications => [barnacle],
            env => [{"ERL_EPMD_PORT", integer_to_list(EpmdPort)}]
        }
    ]),
    ?assertEqual({ok, [<<"app@127.0.0.1">>, <<"b@127.0.0.1">>]}, Names(Node)),
    %% One at the other loopback address: what both know, or a partial result without one of them.
    Broken = atomics:new(1, []),
    bed_epmd_script:start_link({{127, 0, 0, 1}, EpmdPort}, fun() ->
        case atomics:get(Broken, 1) of
            0 -> bed_epmd_script:names([{"c", 4002}, {"app", 4000}]);
            1 -> [{send, <<"no EPMD">>}]
        end
    end),
    ?assertEqual(
        {ok, [<<"c@127.0.0.1">>, <<"app@127.0.0.1">>, <<"b@127.0.0.1">>]}, Names(Node)
    ),
    ok = atomics:put(Broken, 1, 1),
    ?assertEqual({partial, [<<"app@127.0.0.1">>, <<"b@127.0.0.1">>], bad_reply}, Names(Node)),
    ok = bed_epmd_script:stop(Epmd),
    ?assertEqual({error, bad_reply}, Names(Node)).

%% ---- parts ----

with_nss(Test) ->
    case bed_nss:missing() of
        none -> Test();
        Why -> {skip, Why}
    end.

%% A node whose options depend on the address of another one, which has a name for a host.
two(Host, Options) ->
    [Own, Address] = bed_ports:addresses(2),
    [First, Second] = bed_nodes:start_link(
        #{name => "app", fixed_port => bed_ports:port(), applications => [barnacle]},
        [(Options(Address))#{host => Own}, #{host => Host, address => Address}]
    ),
    true = bed_node:call(Second, persistent_term, put, [address, Address]) =:= ok,
    {First, Second}.

inetrc(Address) ->
    File = filename:join(bed_os:temp_dir_link(), "inetrc"),
    Text = io_lib:format("{lookup, [file, native]}.\n{host, ~p, [\"two.rc.test\"]}.\n", [Address]),
    ok = file:write_file(File, Text),
    #{env => [{"ERL_INETRC", File}]}.

address_of(Node) ->
    bed_node:call(Node, persistent_term, get, [address]).

%% With the probe and without it.
is_connected(First, Second) ->
    Both = lists:sort([bed_node:name(First), bed_node:name(Second)]),
    ?assertEqual({ok, Both}, connect(First, Second, #{probe => true})),
    true = bed_node:call(First, erlang, disconnect_node, [bed_node:name(Second)]),
    ok = bed_wait:until(disconnected, fun() -> bed_node:visible(First) =:= [] end),
    ?assertEqual({ok, Both}, connect(First, Second, #{probe => false})),
    ok.

connect(First, Second, Options) ->
    run_once(First, Options#{strategy => {epmd, [bed_node:name(Second)]}}).

run_once(Node, Options) ->
    bed_node:call(Node, barnacle_cluster, run_once, [Options#{connect_timeout => 60000}]).

%% On a machine without a name server there is another reason.
no_search({error, {connect_error, [{Node, {lookup_failed, _}}]}}) ->
    {error, {connect_error, [{Node, nxdomain}]}};
no_search(Result) ->
    Result.

text(Address) ->
    list_to_binary(inet:ntoa(Address)).
