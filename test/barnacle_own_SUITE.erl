%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_own_SUITE).

%% This node by another address or in other letters: no attempt, counted nowhere, and shown. Nodes
%% of one basename at several addresses of one host stay nodes. Nodes without a name of their own.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_group/2, end_per_group/2]).
-export([
    second_address/1,
    second_address_while_running/1,
    counted_nowhere/1,
    stays_if_listed_by_another_name/1,
    capitals/1,
    host_name/1,
    known_to_otp_alone/1,
    short_forms/1,
    other_basename/1,
    other_basename_with_epmd/1,
    two_networks/1,
    one_basename_at_many_addresses/1,
    name_that_epmd_knows_once/1,
    net_kernel_is_not_waited_for/1,
    dynamic_name/1,
    leaves_with_a_dynamic_name/1,
    dynamic_name_and_local_epmd/1
]).
-export([suspended/0]).

%% OTP holds an attempt to the node itself for 7 s (net_setuptime).
-define(OTP_MS, 5000).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [
        {group, epmd}, {group, fixed_port}, {group, tls}, {group, inet6}, capitals, host_name,
        known_to_otp_alone, short_forms, other_basename, other_basename_with_epmd,
        two_networks, one_basename_at_many_addresses, name_that_epmd_knows_once,
        net_kernel_is_not_waited_for, dynamic_name, leaves_with_a_dynamic_name,
        dynamic_name_and_local_epmd
    ].

groups() ->
    Stories = [second_address, second_address_while_running],
    [
        {epmd, [], Stories ++ [counted_nowhere, stays_if_listed_by_another_name]},
        {fixed_port, [], Stories},
        {tls, [], [second_address]},
        {inet6, [], [second_address]}
    ].

init_per_group(tls, Config) ->
    case code:which(inet_tls_dist) of
        non_existing -> {skip, "this OTP has no ssl"};
        _ -> [{kind, tls} | Config]
    end;
init_per_group(Kind, Config) ->
    [{kind, Kind} | Config].

end_per_group(_Kind, _Config) ->
    ok.

%% ---- another address ----

second_address(Config) ->
    {Node, Own, Second} = node_of_two(Config),
    {Ms, Result} = once(Node, [Own, Second]),
    ?assertEqual({ok, [Own]}, Result),
    ?assert(Ms < ?OTP_MS, Ms),
    %% Another one without its own name.
    {_, {ok, [Own]}} = once(Node, [Second]),
    ok = quiet(Node).

%% A name that was another node's when it was discovered first: the address has come to this host.
second_address_while_running(Config) ->
    {Node, Own, Second} = node_of_two(Config),
    %% A plan that knows the name is a plan that does not examine it again.
    Plan = barnacle_plan:observe({complete, [Second]}, 0, barnacle_plan:new()),
    ?assertEqual(
        {{complete, [Second]}, []},
        bed_node:call(Node, barnacle_own, answer, [{complete, [Second]}, [], Plan])
    ),
    ?assert(bed_node:call(Node, barnacle_own, is_this, [Second])),
    ?assertEqual(
        [{Second, this_node}],
        bed_node:call(Node, bed_links, connect, [
            [Second],
            #{connect_timeout => 5000, max_connects => 9, probe => true, probe_timeout => 1000}
        ])
    ),
    ?assertNot(bed_node:call(Node, barnacle_own, is_this, [Own])),
    ok = quiet(Node).

counted_nowhere(Config) ->
    Common = options(Config),
    {Node, Own, Second} = node_of_two(Common, Config),
    {ok, Peer} = bed_node:start_link(Common#{name => "peer", host => {127, 0, 0, 1}}),
    PeerName = bed_node:name(Peer),
    ok = bed_story:members([Node], #{strategy => {epmd, [Own, Second, PeerName]}}),
    [
        ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), What, 30000])
     || What <- [first_round, all]
    ],
    ok = bed_story:linked({Node, [Peer]}),
    Status = bed_story:status(Node),
    Texts = lists:sort([atom_to_binary(Own), atom_to_binary(PeerName)]),
    ?assertEqual([atom_to_binary(Second)], maps:get(own_names, Status)),
    ?assertEqual(Texts, lists:sort(maps:keys(maps:get(wanted, Status)))),
    #{last_complete := #{names := Names}} = Status,
    ?assertEqual(2, length(Names)),
    ?assertMatch(
        #{missing := Missing, departed := Departed, refused := [], others := [], suspect := false,
            failed_rounds := 0} when Missing =:= #{} andalso Departed =:= #{},
        Status
    ),
    ?assertMatch([{own_names, _}], maps:get(hints, Status)),
    Page = bed_page:page(Node),
    found("1 of 1 wanted nodes", Page),
    found(atom_to_list(Second) ++ " is this node by another name",
        bed_page:section("About this node", Page)),
    found("this node by another name: " ++ atom_to_list(Second),
        bed_page:section("Other names", Page)),
    %% It stays so in all refreshes.
    ok = bed_story:rounds(Node, 5),
    ?assertEqual([atom_to_binary(Second)], maps:get(own_names, bed_story:status(Node))),
    ?assertEqual(Texts, bed_story:wanted(Node)),
    ok = quiet(Node).

%% Its own name is gone from the source, and its other name is there: this node is listed.
stays_if_listed_by_another_name(Config) ->
    {Node, Own, Second} = node_of_two(Config),
    Listed = fun(Names) ->
        ok = bed_node:call(Node, application, set_env, [barnacle_bed, names, Names])
    end,
    Listed([Own, Second]),
    ok = bed_story:members([Node], #{strategy => {bed_answer, []}, departed_after => 0}),
    ok = bed_story:rounds(Node, 2),
    Listed([Second]),
    ok = bed_story:rounds(Node, 5),
    ?assertMatch(
        #{missing := Missing, state := running, hints := [{own_names, _}, Hint]} when
            Missing =:= #{} andalso element(1, Hint) =:= own_name_missing,
        bed_story:status(Node)
    ),
    ?assertEqual([atom_to_binary(Own)], bed_story:wanted(Node)),
    ok = quiet(Node).

%% ---- other letters ----

capitals(_Config) ->
    Port = bed_ports:port(),
    Address = bed_ports:address(),
    {ok, Node} = bed_node:start_link(#{
        name => "app",
        host => "node.test",
        address => Address,
        fixed_port => Port,
        applications => [barnacle]
    }),
    ok = bed_node:call(Node, bed_page, watch_log, []),
    Own = bed_node:name(Node),
    Capitals = 'app@NODE.Test',
    {Ms, Result} = once(Node, [Own, Capitals]),
    ?assertEqual({ok, [Own]}, Result),
    ?assert(Ms < ?OTP_MS, Ms),
    ok = bed_story:members([Node], #{strategy => {epmd, [Own, Capitals]}}),
    ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), all, 30000]),
    ?assertMatch(#{own_names := [<<"app@NODE.Test">>]}, bed_story:status(Node)),
    %% A host that is given in capitals makes names in lower case.
    ?assertEqual(<<"other.test">>, bed_node:call(Node, barnacle_own, host, [<<"OTHER.Test">>])),
    ?assertEqual(<<"node.test">>, bed_node:call(Node, barnacle_own, host, [<<"Node.Test">>])),
    ok = quiet(Node).

%% ---- host names ----

%% In the first refresh the name resolves after this node has been found to want it; in the later
%% ones it is remembered.
host_name(_Config) ->
    case bed_etc:missing() of
        none -> of_dns();
        Why -> {skip, Why}
    end.

of_dns() ->
    Address = bed_ports:address(),
    Dns = bed_dns_script:start_link([{"alias.test", a, [Address]}], 53),
    {At, 53} = bed_dns_script:address(Dns),
    {ok, Node} = bed_node:start_link(#{
        name => "app",
        host => Address,
        fixed_port => bed_ports:port(),
        applications => [barnacle],
        exec => bed_etc:exec("nameserver " ++ inet:ntoa(At) ++ "\noptions timeout:1 attempts:1\n")
    }),
    ok = bed_node:call(Node, bed_page, watch_log, []),
    Own = bed_node:name(Node),
    Names = [Own, 'app@alias.test'],
    {Ms, Result} = once(Node, Names),
    ?assertEqual({ok, [Own]}, Result),
    ?assert(Ms < ?OTP_MS, Ms),
    ok = bed_story:members([Node], #{strategy => {epmd, Names}}),
    ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), all, 30000]),
    IsOwn = fun() -> maps:get(own_names, bed_story:status(Node)) =:= [<<"app@alias.test">>] end,
    ?assert(IsOwn()),
    ok = bed_story:rounds(Node, 3),
    ?assert(IsOwn()),
    %% A name server that fails for a while changes nothing.
    ok = bed_dns_script:script(Dns, fun(_) -> servfail end),
    ok = bed_story:rounds(Node, 3),
    ?assert(IsOwn()),
    ?assertEqual(#{}, bed_story:missing(Node)),
    ok = quiet(Node),
    %% The name goes to another host: it is another node.
    ok = bed_dns_script:script(Dns, [{"alias.test", a, [{192, 0, 2, 1}]}]),
    ok = bed_wait:until(another, fun() ->
        maps:is_key(<<"app@alias.test">>, bed_story:missing(Node)) orelse bed_story:status(Node)
    end),
    ok = bed_wait:until(no_own_name, fun() ->
        maps:get(own_names, bed_story:status(Node)) =:= []
    end).

%% DNS does not know the name; inet_db does.
known_to_otp_alone(Config) ->
    {Node, Own, _Second} = node_of_two([{kind, fixed_port} | Config]),
    Alias = 'app@alias.db.test',
    ok = bed_node:call(Node, inet_db, set_lookup, [[file]]),
    Known = fun(At) ->
        ok = bed_node:call(Node, inet_db, add_host, [At, ["alias.db.test"]])
    end,
    Address = bed_ports:address(),
    ok = Known(Address),
    ok = detected(Node, Own, Alias),
    %% It is another node as soon as the name goes elsewhere.
    ok = bed_node:call(Node, inet_db, del_host, [Address]),
    ok = Known({192, 0, 2, 1}),
    ok = bed_wait:until(another, fun() ->
        maps:is_key(atom_to_binary(Alias), bed_story:missing(Node)) orelse bed_story:status(Node)
    end).

%% ---- other forms of an address ----

%% OTP takes 127.1 for 127.0.0.1.
short_forms(Config) ->
    {Node, Own, _Second} = node_of_two([{kind, fixed_port} | Config]),
    %% Without a query of any kind.
    ?assertEqual(
        {{complete, [atom_to_binary(Own)]}, [<<"app@127.1">>]},
        bed_node:call(Node, barnacle_own, answer, [
            {complete, ['app@127.1']}, [], barnacle_plan:new()
        ])
    ),
    ok = detected(Node, Own, 'app@127.1'),
    ?assert(bed_node:call(Node, barnacle_own, is_this, ['app@127.0.1'])).

%% ---- another basename ----

%% At the one address where this node listens: the port is that of all nodes.
other_basename(_Config) ->
    {ok, Node} = bed_node:start_link(#{
        name => "app",
        host => bed_ports:address(),
        fixed_port => bed_ports:port(),
        applications => [barnacle]
    }),
    ok = bed_node:call(Node, bed_page, watch_log, []),
    Own = bed_node:name(Node),
    Job = list_to_atom("job@" ++ binary_to_list(barnacle_names:host(Own))),
    ?assert(bed_node:call(Node, barnacle_own, is_this, [Job])),
    ok = detected(Node, Own, Job),
    ?assertMatch(#{hints := [{own_listener, [_], _}]}, bed_story:status(Node)),
    Page = bed_page:section("About this node", bed_page:page(Node)),
    found("another basename than " ++ atom_to_list(Own), Page),
    found("no other node can", Page).

%% An EPMD tells another port for it: another node.
other_basename_with_epmd(Config) ->
    Common = options([{kind, epmd} | Config]),
    {Node, _Own, _Second} = node_of_two(Common, Config),
    {ok, Peer} = bed_node:start_link(Common#{name => "job", host => {127, 0, 0, 1}}),
    Name = bed_node:name(Peer),
    ?assertNot(bed_node:call(Node, barnacle_own, is_this, [Name])),
    {_, {ok, [_, _]}} = once(Node, [Name]),
    ok = quiet(Node).

%% One refresh and a barnacle find that a name is this node, and do not connect to it.
detected(Node, Own, Name) ->
    {Ms, Result} = once(Node, [Own, Name]),
    ?assertEqual({ok, [Own]}, Result),
    ?assert(Ms < ?OTP_MS, Ms),
    ok = bed_story:members([Node], #{strategy => {epmd, [Own, Name]}}),
    ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), all, 30000]),
    ok = bed_story:rounds(Node, 3),
    ?assertEqual(#{}, bed_story:missing(Node)),
    ?assertEqual([atom_to_binary(Name)], maps:get(own_names, bed_story:status(Node))),
    quiet(Node).

%% ---- hosts with two addresses each ----

two_networks(_Config) ->
    case bed_hosts:missing(netns) of
        none -> in_namespaces();
        Why -> {skip, Why}
    end.

in_namespaces() ->
    [First, Second] = Hosts = bed_hosts:start_link(netns, 2),
    Seconds = [{10, 0, 0, 101}, {10, 0, 0, 102}],
    [ok = bed_hosts:add_address(Host, A) || {Host, A} <- lists:zip(Hosts, Seconds)],
    Nodes = bed_hosts:nodes(Hosts, #{address => {0, 0, 0, 0}}),
    [ok = bed_node:call(Node, bed_page, watch_log, []) || Node <- Nodes],
    [One, Two] = [bed_hosts:address(Host) || Host <- [First, Second]],
    Dns = bed_dns_script:start_link([{'_', a, [One, Two | Seconds]}]),
    {Nameserver, _} = bed_hosts:nameserver(First, bed_dns_script:address(Dns)),
    ok = bed_story:members(Nodes, bed_story:dns(Nameserver, #{})),
    ok = bed_nodes:await_mesh(Nodes),
    %% Each knows its own second address. That of the other is refused by the other: it has another
    %% name.
    [
        begin
            ok = bed_wait:until(known, fun() ->
                Status = bed_story:status(Node),
                maps:get(own_names, Status) =:= [Mine] orelse Status
            end),
            ?assertEqual([Theirs], maps:keys(bed_story:missing(Node)))
        end
     || {Node, Mine, Theirs} <- lists:zip3(
            Nodes,
            [<<"app@10.0.0.101">>, <<"app@10.0.0.102">>],
            [<<"app@10.0.0.102">>, <<"app@10.0.0.101">>]
        )
    ],
    [
        ?assertEqual([], [
            Message
         || Message <- bed_node:call(Node, bed_page, logged, []),
            string:find(lists:flatten(io_lib:format("~p", [Message])), "connection id") =/= nomatch
        ])
     || Node <- Nodes
    ].

%% ---- several nodes on one host ----

%% As README has it.
one_basename_at_many_addresses(_Config) ->
    Port = bed_ports:port(),
    Nodes = bed_nodes:start_link(#{name => "app", fixed_port => Port}, [
        #{host => Address}
     || Address <- bed_ports:addresses(3)
    ]),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members(Nodes, bed_story:dns(bed_dns_script:nameserver(Dns), #{})),
    ok = bed_nodes:await_mesh(Nodes),
    [
        ?assertMatch(#{own_names := [], hints := []}, bed_story:status(Node))
     || Node <- Nodes
    ].

%% Two nodes by hand, with one EPMD: the second is refused by it, and the first says why.
name_that_epmd_knows_once(Config) ->
    Common = options([{kind, epmd} | Config]),
    [Here, There] = bed_ports:addresses(2),
    {ok, Node} = bed_node:start_link(Common#{name => "app", host => Here}),
    {error, _} = bed_node:start(Common#{name => "app", host => There}),
    Second = list_to_atom("app@" ++ inet:ntoa(There)),
    {_, Result} = once(Node, [Second]),
    ?assertEqual({error, {connect_error, [{Second, port_refused}]}}, Result),
    ok = bed_story:members([Node], #{strategy => {epmd, [bed_node:name(Node), Second]}}),
    ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), first_round, 30000]),
    ok = bed_story:rounds(Node, 2),
    ?assertMatch(#{hints := [{name_taken, [Second]}], own_names := []}, bed_story:status(Node)),
    found("knows a basename once", bed_page:section("About this node", bed_page:page(Node))).

%% ---- net_kernel ----

net_kernel_is_not_waited_for(Config) ->
    {Node, _Own, Second} = node_of_two([{kind, fixed_port} | Config]),
    ok = bed_node:call(Node, ?MODULE, suspended, []),
    ?assert(bed_node:call(Node, barnacle_own, is_this, [Second], 5000)).

-spec suspended() -> ok.
suspended() ->
    ok = sys:suspend(net_kernel).

%% ---- no name of its own ----

dynamic_name(_Config) ->
    Port = bed_ports:port(),
    Peers = bed_nodes:start_link(#{name => "app", fixed_port => Port}, [
        #{host => Address}
     || Address <- bed_ports:addresses(2)
    ]),
    {ok, Node} = nameless(Port),
    ?assertEqual(nonode@nohost, bed_node:call(Node, erlang, node, [])),
    ?assertMatch(
        {error, {connect_error, [{'app@box', short_name}]}},
        bed_node:call(Node, barnacle_cluster, run_once, [#{strategy => {epmd, ['app@box']}}])
    ),
    Names = bed_story:names(Peers),
    ok = bed_story:members([Node], #{strategy => {epmd, Names}, retry_max => 2000}),
    Connected = fun() ->
        bed_wait:until(connected, fun() ->
            Seen = lists:sort(bed_node:call(Node, erlang, nodes, [connected])),
            Seen =:= Names orelse Seen
        end)
    end,
    ok = Connected(),
    Given = bed_node:call(Node, erlang, node, []),
    ?assertNotEqual(nonode@nohost, Given),
    ok = bed_wait:until(all, fun() ->
        bed_node:call(Node, barnacle_cluster, ready, [bed_member:server(), all])
    end),
    ok = bed_story:rounds(Node, 2),
    ?assertMatch(#{node := Given, hints := []}, bed_story:status(Node)),
    ?assertEqual(#{}, maps:get(missing, bed_story:status(Node))),
    {ok, Nodes} = bed_story:refresh(Node),
    ?assert(lists:member(Given, Nodes)),
    %% The name is lost with the connection that gave it; another one comes with the next.
    [ok = bed_node:kill(Peer) || Peer <- Peers],
    ok = bed_wait:until(nameless, fun() ->
        bed_node:call(Node, erlang, node, []) =:= nonode@nohost
    end),
    [ok = bed_node:restart(Peer) || Peer <- Peers],
    ok = Connected(),
    ?assertNotEqual(nonode@nohost, bed_node:call(Node, erlang, node, [])),
    ok = bed_wait:until(all, fun() ->
        bed_node:call(Node, barnacle_cluster, ready, [bed_member:server(), all])
    end),
    ?assertMatch(#{hints := []}, bed_story:status(Node)).

%% All its connections are hidden, and count all the same.
leaves_with_a_dynamic_name(_Config) ->
    Port = bed_ports:port(),
    Peers = bed_nodes:start_link(#{name => "app", fixed_port => Port}, [
        #{host => Address}
     || Address <- bed_ports:addresses(2)
    ]),
    {ok, Node} = nameless(Port),
    Names = bed_story:names(Peers),
    ok = bed_story:members([Node], #{strategy => {epmd, Names}}),
    [
        ok = bed_node:call(Node, barnacle_cluster, await, [bed_member:server(), What, 30000])
     || What <- [all, {nodes, 3}]
    ],
    {ok, Nodes} = bed_story:refresh(Node),
    ?assertEqual([], Names -- Nodes),
    ?assertMatch(#{joined := 2, lost := 0}, bed_story:status(Node)),
    {ok, Left} = bed_node:call(Node, barnacle_cluster, leave, [bed_member:server(), 60000]),
    ?assertEqual(Names, lists:sort(Left)),
    ?assertEqual([], bed_node:call(Node, erlang, nodes, [connected])),
    ok = bed_wait:until(lost, fun() ->
        case bed_story:status(Node) of
            #{state := left, joined := 2, lost := 2} -> true;
            Other -> Other
        end
    end).

dynamic_name_and_local_epmd(_Config) ->
    Epmd = bed_epmd:start_link(),
    Peers = bed_nodes:start_link(#{host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)}, [
        #{name => "one"}, #{name => "two"}
    ]),
    {ok, Node} = bed_node:start_link(#{
        alive => false,
        args => [
            "-name", "undefined@127.0.0.1", "-setcookie", "barnacle_bed", "-start_epmd", "false"
        ],
        env => [{"ERL_EPMD_PORT", integer_to_list(bed_epmd:port(Epmd))}]
    }),
    ok = bed_story:members([Node], #{strategy => local_epmd}),
    Names = bed_story:names(Peers),
    ok = bed_wait:until(connected, fun() ->
        Seen = lists:sort(bed_node:call(Node, erlang, nodes, [connected])),
        Seen =:= Names orelse Seen
    end).

%% ---- nodes ----

nameless(Port) ->
    bed_node:start_link(#{
        alive => false,
        args => [
            "-name", "undefined@127.0.0.1", "-setcookie", "barnacle_bed", "-start_epmd", "false",
            "-erl_epmd_port", integer_to_list(Port)
        ]
    }).

%% A node that listens at all addresses of this host, its name, and its name at another address.
node_of_two(Config) ->
    node_of_two(options(Config), Config).

node_of_two(Common, Config) ->
    {Host, Listen} =
        case proplists:get_value(kind, Config) of
            inet6 -> {{0, 0, 0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 0}};
            _ -> {bed_ports:address(), {0, 0, 0, 0}}
        end,
    {ok, Node} = bed_node:start_link(Common#{name => "app", host => Host, address => Listen}),
    ok = bed_node:call(Node, bed_page, watch_log, []),
    Second = list_to_atom("app@" ++ inet:ntoa(bed_ports:address())),
    {Node, bed_node:name(Node), Second}.

options(Config) ->
    (kind(Config))#{applications => [barnacle]}.

kind(Config) ->
    case proplists:get_value(kind, Config) of
        fixed_port ->
            #{fixed_port => bed_ports:port()};
        epmd ->
            #{epmd_port => epmd()};
        inet6 ->
            #{epmd_port => epmd(), args => ["-proto_dist", "inet6_tcp"]};
        tls ->
            File = bed_tls:options(proplists:get_value(priv_dir, Config)),
            #{
                fixed_port => bed_ports:port(),
                args => ["-proto_dist", "inet_tls", "-ssl_dist_optfile", File]
            }
    end.

%% One for all addresses of this host, as distributions start it.
epmd() ->
    Port = bed_ports:port(),
    {ok, _} = bed_os:start_link(#{
        program => bed_epmd:program(), args => ["-port", integer_to_list(Port)]
    }),
    ok = bed_wait:until(epmd, fun() ->
        case gen_tcp:connect({127, 0, 0, 1}, Port, []) of
            {ok, Socket} ->
                ok = gen_tcp:close(Socket),
                true;
            {error, Reason} ->
                Reason
        end
    end),
    Port.

once(Node, Names) ->
    {Us, Result} = bed_node:call(Node, timer, tc, [
        barnacle_cluster, run_once, [bed_story:patient(Names)]
    ]),
    {Us div 1000, Result}.

%% OTP has logged nothing.
quiet(Node) ->
    ?assertEqual([], bed_node:call(Node, bed_page, logged, [])),
    ok.

found(Part, Text) ->
    ?assertNotEqual({Part, nomatch}, {Part, string:find(Text, Part)}).
