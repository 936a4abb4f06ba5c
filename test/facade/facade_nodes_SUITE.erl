%% SPDX-License-Identifier: Apache-2.0
-module(facade_nodes_SUITE).

%% The built-in strategies as a Gleam program uses them, with real nodes, name servers and EPMDs.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0]).
-export([
    dns_joins_what_the_zone_names/1,
    dns_errors_are_gleam_values_everywhere/1,
    dns_module_asks_the_system/1,
    epmd_joins_the_listed_nodes/1,
    local_epmd_joins_the_nodes_of_this_host/1,
    local_epmd_without_an_epmd/1,
    hosts_joins_what_their_epmds_know/1,
    hosts_errors_name_every_host/1,
    undiscovered_nodes_are_unlinked/1,
    connect_errors_are_those_of_gleam/1,
    child_spec_on_a_node/1
]).
%% Called in nodes.
-export([start/1, start_supervised/1]).

-import(facade_support, [next/1, subject/0]).

-define(NEVER_MS, 3600000).
-define(LIMIT_MS, 60000).

suite() ->
    [{timetrap, {minutes, 3}}].

all() ->
    facade_support:cases(?MODULE, [start, start_supervised]).

dns_joins_what_the_zone_names(_) ->
    Nodes = hosts(3),
    Addresses = [address(Node) || Node <- Nodes],
    Zone = {"facade.test", [{"app", Address} || Address <- Addresses]},
    Server = bed_dns_real:start_link(nsd, Zone),
    {ok, Basename} = barnacle:get_node_basename(bed_node:name(hd(Nodes))),
    B = barnacle:with_poll_interval(
        barnacle:with_nameservers(
            barnacle:dns(Basename, <<"app.facade.test">>, {some, ?LIMIT_MS}),
            [bed_dns_real:nameserver(Server)]
        ),
        100
    ),
    _ = bed_nodes:each(Nodes, ?MODULE, start, [B]),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_nodes:stop(Nodes),
    ok = bed_dns_real:stop(Server).

dns_errors_are_gleam_values_everywhere(_) ->
    Server = bed_dns_real:start_link(nsd, {"facade.test", []}),
    Listener = subject(),
    [
        begin
            B = barnacle:with_nameservers(
                barnacle:dns(<<"app">>, Query, none), [bed_dns_real:nameserver(Server)]
            ),
            Is = fun({error, {strategy_error, Why}}) ->
                ?assertEqual(Expected, facade@beyond:lookup_error(Why))
            end,
            Is(barnacle:run_once(B)),
            {ok, Subject} = barnacle:start(barnacle:with_listener(B, Listener)),
            {refresh_response, Told} = next(Listener),
            Is(Told),
            Is(barnacle:refresh(Subject, ?LIMIT_MS)),
            _ = next(Listener),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS),
            {shutdown_response, nil} = next(Listener)
        end
     || {Query, Expected} <- [
            {<<"nobody.facade.test.">>, <<"NoSuchDomain">>},
            {<<"app.elsewhere.">>, <<"Refused">>}
        ]
    ],
    ok = bed_dns_real:stop(Server).

%% The functions of barnacle/dns take no name servers, so the node has a resolv.conf of its own.
dns_module_asks_the_system(_) ->
    case bed_etc:missing() of
        none -> dns_module();
        Why -> {skip, Why}
    end.

dns_module() ->
    Server = bed_dns_script:start_link(
        [
            {"app.test", a, [{192, 0, 2, 1}]},
            {"app.test", aaaa, [{16#fd00, 0, 0, 0, 0, 0, 1, 2}]},
            {"broken.test", '_', servfail}
        ],
        53
    ),
    {Address, 53} = bed_dns_script:address(Server),
    ResolvConf = "nameserver " ++ bed_ports:text(Address) ++ "\nsearch .\n",
    [Node] = hosts(1, #{exec => bed_etc:exec(ResolvConf)}),
    Call = fun(Function, Args) -> bed_node:call(Node, facade@beyond, Function, Args) end,
    {ok, Addresses} = Call(dns_lookup, [<<"app.test">>, ?LIMIT_MS]),
    ?assertEqual(
        [[192, 0, 2, 1], [16#fd00, 0, 0, 0, 0, 0, 1, 2]],
        [facade@beyond:address(A) || A <- Addresses]
    ),
    ?assertEqual(
        {ok, ['shop@192.0.2.1', 'shop@fd00::1:2']},
        Call(dns_discover_nodes, [<<"shop">>, <<"app.test">>, ?LIMIT_MS])
    ),
    [
        begin
            {error, Why} = Call(Function, Args),
            ?assertEqual(Expected, facade@beyond:lookup_error(Why))
        end
     || {Name, Expected} <- [
            {<<"broken.test">>, <<"ServerFailure">>}, {<<"nobody.test">>, <<"NoSuchDomain">>}
        ],
        {Function, Args} <- [
            {dns_lookup, [Name, ?LIMIT_MS]},
            {dns_discover_nodes, [<<"shop">>, Name, ?LIMIT_MS]}
        ]
    ],
    ok = bed_node:stop(Node).

epmd_joins_the_listed_nodes(_) ->
    [First | Others] = Nodes = hosts(3),
    B = barnacle:epmd([bed_node:name(Node) || Node <- Nodes]),
    {ok, [Self | Joined]} = bed_node:call(First, barnacle, run_once, [B]),
    ?assertEqual(bed_node:name(First), Self),
    ?assertEqual(lists:sort([bed_node:name(N) || N <- Others]), lists:sort(Joined)),
    ok = bed_nodes:stop(Nodes).

local_epmd_joins_the_nodes_of_this_host(_) ->
    Epmd = bed_epmd:start_link(),
    [First | _] = Nodes = local_nodes(["one", "two", "three"], Epmd),
    Names = lists:sort([bed_node:name(Node) || Node <- Nodes]),
    {ok, Known} = bed_node:call(First, facade@beyond, local_epmd_discover_nodes, []),
    ?assertEqual(Names, lists:sort(Known)),
    {ok, Joined} = bed_node:call(First, barnacle, run_once, [barnacle:local_epmd()]),
    ?assertEqual(Names, lists:sort(Joined)),
    ok = bed_nodes:stop(Nodes),
    ok = bed_epmd:stop(Epmd).

local_epmd_without_an_epmd(_) ->
    [Node] = hosts(1, #{env => [{"ERL_EPMD_PORT", integer_to_list(bed_ports:port())}]}),
    ?assertEqual(
        {error, nil}, bed_node:call(Node, facade@beyond, local_epmd_discover_nodes, [])
    ),
    ?assertEqual(
        {error, {strategy_error, nil}},
        bed_node:call(Node, barnacle, run_once, [barnacle:local_epmd()])
    ),
    ok = bed_node:stop(Node),
    %% This VM is not distributed, so it has no host to complete names with.
    ?assertEqual({error, nil}, facade@beyond:local_epmd_discover_nodes()).

hosts_joins_what_their_epmds_know(_) ->
    Epmd = bed_epmd:start_link(),
    [First, Second, Third] = Nodes = local_nodes(["app", "other", "app2"], Epmd),
    All = facade@beyond:with_epmd_port(
        facade@beyond:hosts([<<"127.0.0.1">>], none, {some, ?LIMIT_MS}), bed_epmd:port(Epmd)
    ),
    Some = facade@beyond:with_epmd_port(
        facade@beyond:hosts([<<"127.0.0.1">>], {some, <<"other">>}, none), bed_epmd:port(Epmd)
    ),
    {ok, Joined} = bed_node:call(First, barnacle, run_once, [Some]),
    ?assertEqual([bed_node:name(First), bed_node:name(Second)], Joined),
    {ok, Everybody} = bed_node:call(Third, barnacle, run_once, [All]),
    ?assertEqual(lists:sort([bed_node:name(N) || N <- Nodes]), lists:sort(Everybody)),
    ok = bed_nodes:stop(Nodes),
    ok = bed_epmd:stop(Epmd).

hosts_errors_name_every_host(_) ->
    [A1, A2] = [list_to_binary(bed_ports:text(bed_ports:address())) || _ <- [1, 2]],
    B = facade@beyond:with_epmd_port(
        facade@beyond:hosts([A1, A2, <<"nobody.invalid">>], none, none), bed_ports:port()
    ),
    {error, {strategy_error, Failed}} = barnacle:run_once(B),
    Told = [{Host, facade@beyond:host_error(Why)} || {Host, Why} <- Failed],
    ?assertMatch(
        [{A1, <<"econnrefused">>}, {A2, <<"econnrefused">>}, {<<"nobody.invalid">>, _}], Told
    ),
    ?assertMatch({lookup_failed, _}, proplists:get_value(<<"nobody.invalid">>, Failed)).

undiscovered_nodes_are_unlinked(_) ->
    [First, Second, Third] = Nodes = hosts(3),
    Names = [bed_node:name(Node) || Node <- Nodes],
    {ok, _} = bed_node:call(First, barnacle, run_once, [barnacle:epmd(Names)]),
    Two = [bed_node:name(First), bed_node:name(Second)],
    [_, Undiscovered, _, _] = facade@beyond:disconnects(),
    {ok, Kept} = bed_node:call(First, barnacle, run_once, [barnacle:epmd(Two)]),
    ?assert(lists:member(bed_node:name(Third), Kept)),
    B = barnacle:with_disconnect(barnacle:epmd(Two), Undiscovered),
    {ok, Left} = bed_node:call(First, barnacle, run_once, [B]),
    ?assertNot(lists:member(bed_node:name(Third), Left)),
    ok = bed_nodes:stop(Nodes).

connect_errors_are_those_of_gleam(_) ->
    Nobody = list_to_atom("nobody@" ++ bed_ports:text(bed_ports:address())),
    B = barnacle:epmd([Nobody]),
    NotAlive = facade@page:connect_error([{Nobody, local_node_is_not_alive}]),
    ?assertEqual({error, NotAlive}, barnacle:run_once(B)),
    [Node] = hosts(1),
    Failed = facade@page:connect_error([{Nobody, failed_to_connect}]),
    ?assertEqual({error, Failed}, bed_node:call(Node, barnacle, run_once, [B])),
    ok = bed_node:stop(Node).

%% The subject that the parent gets is good for refresh, also after the barnacle was killed.
child_spec_on_a_node(_) ->
    [First, Second] = Nodes = hosts(2),
    B = barnacle:with_poll_interval(barnacle:epmd([bed_node:name(Second)]), ?NEVER_MS),
    ?assertEqual(
        [{ok, lists:sort([bed_node:name(Node) || Node <- Nodes])} || _ <- [1, 2, 3]],
        bed_node:call(First, ?MODULE, start_supervised, [B])
    ),
    ok = bed_nodes:stop(Nodes).

%% Nodes of one basename, each on a loopback address of its own.
hosts(Count) ->
    hosts(Count, #{}).

hosts(Count, Options) ->
    Common = Options#{name => "app", fixed_port => bed_ports:port()},
    started(bed_nodes:start_link(Common, [#{host => A} || A <- bed_ports:addresses(Count)])).

%% Nodes of several names at 127.0.0.1, known to an EPMD.
local_nodes(Names, Epmd) ->
    Common = #{host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
    started(bed_nodes:start_link(Common, [#{name => Name} || Name <- Names])).

started(Nodes) ->
    Applications = bed_nodes:each(Nodes, application, ensure_all_started, [barnacle]),
    [{ok, _} = Started || Started <- Applications],
    Nodes.

address(Node) ->
    [_, Host] = string:split(atom_to_list(bed_node:name(Node)), "@"),
    {ok, Address} = inet:parse_address(Host),
    Address.

%% A barnacle that outlives the call that started it.
start(B) ->
    Caller = self(),
    Ref = make_ref(),
    _ = spawn(fun() ->
        Caller ! {Ref, barnacle:start(B)},
        receive
        after infinity -> ok
        end
    end),
    receive
        {Ref, Started} -> Started
    end.

start_supervised(B) ->
    Parent = subject(),
    {Supervisor, _} = facade_support:supervise(barnacle:child_spec(B, Parent)),
    Refreshed = [
        begin
            {subject, Pid, _} = Subject = next(Parent),
            {ok, Nodes} = barnacle:refresh(Subject, ?LIMIT_MS),
            exit(Pid, kill),
            {ok, lists:sort(Nodes)}
        end
     || _ <- [1, 2, 3]
    ],
    ok = gen_server:stop(Supervisor),
    Refreshed.
