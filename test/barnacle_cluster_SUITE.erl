%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_cluster_SUITE).

%% What a barnacle does to a cluster of real nodes. What its server promises without a network is in
%% barnacle_cluster_tests.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    known_list_forms_a_mesh/1,
    known_hosts_form_a_mesh/1,
    local_epmd_forms_a_mesh/1,
    name_in_dns_is_joined_and_left_behind/1,
    trouble_with_dns_cuts_nobody/1,
    dual_stack_name_has_no_phantom_twins/1,
    peers_without_barnacle_are_joined/1,
    hidden_nodes_are_linked_and_not_dialled_again/1,
    undiscovered_nodes_are_cut/1,
    departed_node_is_reported_and_stays/1,
    two_barnacles_protect_each_other/1,
    hung_hosts_delay_nobody/1,
    refusing_hosts_are_named/1,
    silent_dns_for_host_names_delays_nobody/1,
    killed_server_loses_no_link/1
]).

-define(ROUND_MS, 50).
-define(NEVER_MS, 3600000).
-define(SERVER, (bed_member:server())).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        known_list_forms_a_mesh,
        known_hosts_form_a_mesh,
        local_epmd_forms_a_mesh,
        name_in_dns_is_joined_and_left_behind,
        trouble_with_dns_cuts_nobody,
        dual_stack_name_has_no_phantom_twins,
        peers_without_barnacle_are_joined,
        hidden_nodes_are_linked_and_not_dialled_again,
        undiscovered_nodes_are_cut,
        departed_node_is_reported_and_stays,
        two_barnacles_protect_each_other,
        hung_hosts_delay_nobody,
        refusing_hosts_are_named,
        silent_dns_for_host_names_delays_nobody,
        killed_server_loses_no_link
    ].

%% ---- each strategy forms a cluster ----

known_list_forms_a_mesh(_) ->
    Nodes = hosts(4),
    start_members(Nodes, #{strategy => {epmd, names(Nodes)}}),
    ok = bed_nodes:await_mesh(Nodes).

known_hosts_form_a_mesh(_) ->
    Nodes = hosts(3),
    Port = bed_ports:port(),
    Addresses = [address(Node) || Node <- Nodes],
    %% What the EPMDs of these hosts know: the nodes, and others of another basename.
    Known = bed_epmd_script:names([{"app", 4000}, {"other", 4001}]),
    [bed_epmd_script:start_link({Address, Port}, Known) || Address <- Addresses],
    Hosts = [text(Address) || Address <- Addresses],
    Strategy = {hosts, #{hosts => Hosts, basename => <<"app">>, port => Port}},
    start_members(Nodes, #{strategy => Strategy}),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertEqual([[] || _ <- Nodes], [maps:keys(failed(status(Node))) || Node <- Nodes]).

local_epmd_forms_a_mesh(_) ->
    Epmd = bed_epmd:start_link(),
    Nodes = bed_nodes:start_link(
        #{host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
        [#{name => Name} || Name <- ["one", "two", "three"]]
    ),
    start_members(Nodes, #{strategy => local_epmd}),
    ok = bed_nodes:await_mesh(Nodes).

name_in_dns_is_joined_and_left_behind(_) ->
    Nodes = [First, Second, Third] = hosts(3),
    Dns = bed_dns_script:start_link(answering([First, Second])),
    start_members(Nodes, dns(Dns)),
    %% The third finds the others, and thereby they it, though DNS does not name it.
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_dns_script:script(Dns, answering(Nodes)),
    ok = await_wanted(First, 3),
    ok = bed_node:kill(Third),
    ok = bed_nodes:await_mesh([First, Second]),
    ok = bed_dns_script:script(Dns, answering([First, Second])),
    ok = bed_node:restart(Third),
    start_members([Third], dns(Dns)),
    ok = bed_nodes:await_mesh(Nodes).

%% ---- trouble with discovery ----

trouble_with_dns_cuts_nobody(_) ->
    Nodes = [First | _] = hosts(3),
    Good = answering(Nodes),
    Dns = bed_dns_script:start_link(Good),
    %% With both families, a failure of either one makes a result partial.
    Lookup = #{timeout => 300, grace => 50, families => both},
    start_members(Nodes, (dns(Dns, Lookup))#{disconnect => undiscovered}),
    ok = bed_nodes:await_mesh(Nodes),
    %% Others may have made the mesh before one has heard of anybody.
    [ok = await_wanted(Node, 3) || Node <- Nodes],
    Links = watch_links(Nodes),
    OneOf = [{'_', a, [address(First)]}, {'_', aaaa, servfail}],
    Troubles = [
        [{'_', '_', servfail}],
        [{'_', '_', refused}],
        [{'_', '_', drop}],
        [{'_', '_', nxdomain}],
        [{'_', '_', []}],
        OneOf
    ],
    [
        begin
            ok = bed_dns_script:script(Dns, Trouble),
            [ok = rounds(Node, 2) || Node <- Nodes]
        end
     || Trouble <- Troubles
    ],
    ?assertEqual([], lost_links(Links)),
    ?assert(bed_nodes:is_mesh(Nodes)),
    ?assertMatch(#{wanted := Wanted} when map_size(Wanted) =:= 3, status(First)),
    ok = bed_dns_script:script(Dns, Good),
    ok = bed_wait:until(healed, fun() -> last_round(First) =:= ok end).

dual_stack_name_has_no_phantom_twins(_) ->
    Nodes = [First | _] = hosts(2),
    [{_, a, Addresses}] = answering(Nodes),
    Twins = [{16#FD00, 0, 0, 0, 0, 0, 0, D} || {_, _, _, D} <- Addresses],
    Dns = bed_dns_script:start_link([{'_', a, Addresses}, {'_', aaaa, Twins}]),
    start_members(Nodes, dns(Dns)),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertEqual({ok, lists:sort(names(Nodes))}, refresh(First)),
    ?assertEqual(lists:sort([atom_to_binary(N) || N <- names(Nodes)]), wanted(First)).

%% ---- who is joined, and who is left alone ----

peers_without_barnacle_are_joined(_) ->
    [First | _] = Nodes = hosts(3),
    start_members([First], #{strategy => {epmd, names(Nodes)}}),
    ok = bed_wait:until(linked, fun() -> length(bed_node:visible(First)) =:= 2 end).

hidden_nodes_are_linked_and_not_dialled_again(_) ->
    Port = bed_ports:port(),
    [First, Hidden] = Nodes = hosts(2, Port, fun
        (1) -> #{};
        (2) -> #{args => ["-hidden"]}
    end),
    Options = (patient())#{strategy => {epmd, names(Nodes)}, disconnect => undiscovered},
    start_members([First], Options),
    ok = bed_wait:until(linked, fun() -> connected(First) =:= [bed_node:name(Hidden)] end),
    ?assertEqual([], bed_node:call(First, bed_links, dials, [?SERVER, 5])),
    ?assertEqual([bed_node:name(Hidden)], connected(First)),
    ?assertEqual({ok, [bed_node:name(First)]}, refresh(First)).

undiscovered_nodes_are_cut(_) ->
    %% While it makes nodes known to each other, global links them again.
    [First, Second, Hidden] = Nodes = hosts(3, bed_ports:port(), fun
        (3) -> #{args => ["-hidden"]};
        (_) -> #{args => ["-connect_all", "false"]}
    end),
    [true = bed_node:call(First, net_kernel, connect_node, [N]) || N <- names([Second, Hidden])],
    [FirstName | _] = names(Nodes),
    Options = (patient())#{strategy => {epmd, [FirstName]}, disconnect => undiscovered},
    start_members([First], Options),
    ok = bed_wait:until(cut, fun() -> bed_node:visible(First) =:= [] end),
    ?assertEqual({ok, [FirstName]}, refresh(First)),
    %% Only visible nodes are ever cut.
    ?assertEqual([bed_node:name(Hidden)], connected(First)).

departed_node_is_reported_and_stays(_) ->
    Nodes = [First, Second, Third] = hosts(3),
    Dns = bed_dns_script:start_link(answering(Nodes)),
    start_members(Nodes, (dns(Dns))#{departed_after => 0, disconnect => report}),
    ok = bed_nodes:await_mesh(Nodes),
    ok = await_wanted(First, 3),
    Links = watch_links(Nodes),
    ok = bed_dns_script:script(Dns, answering([First, Second])),
    Departed = #{atom_to_binary(bed_node:name(Third)) => not_asked},
    ok = bed_wait:until(departed, fun() -> maps:get(departed, status(First)) =:= Departed end),
    ok = rounds(First, 3),
    ?assertEqual([], lost_links(Links)),
    ok = bed_dns_script:script(Dns, answering(Nodes)),
    ok = bed_wait:until(back, fun() -> maps:get(departed, status(First)) =:= #{} end).

two_barnacles_protect_each_other(_) ->
    [First, Second, Third] = hosts(3),
    [_, SecondName, ThirdName] = names([First, Second, Third]),
    One = (dns_free([SecondName]))#{name => one},
    Two = (dns_free([SecondName, ThirdName]))#{name => two},
    start_unsupervised(First, Two),
    ok = bed_wait:until(linked, fun() -> length(bed_node:visible(First)) =:= 2 end),
    Links = watch_links([First]),
    start_unsupervised(First, One),
    {ok, _} = bed_node:call(First, barnacle_cluster, refresh, [one]),
    {ok, _} = bed_node:call(First, barnacle_cluster, refresh, [two]),
    ?assertEqual([], lost_links(Links)),
    %% What nobody protects any more is cut.
    ok = bed_node:call(First, barnacle_cluster, shutdown, [two]),
    ok = bed_wait:until(cut, fun() ->
        _ = bed_node:call(First, barnacle_cluster, refresh, [one]),
        bed_node:visible(First) =:= [SecondName]
    end).

%% ---- hosts in trouble ----

hung_hosts_delay_nobody(_) ->
    Port = bed_ports:port(),
    [First | Rest] = Nodes = hosts(21, Port, fun
        %% OTP itself gives up a dial after 7 s, which a busy machine may need for twenty.
        (1) -> #{args => ["-kernel", "net_setuptime", "120"]};
        (_) -> #{}
    end),
    %% They accept, and never speak.
    Hung = [
        begin
            Address = bed_ports:address(),
            {ok, _} = gen_tcp:listen(Port, [{ip, Address}]),
            list_to_atom("app@" ++ inet:ntoa(Address))
        end
     || _ <- lists:seq(1, 3)
    ],
    Options = (patient())#{strategy => {epmd, Hung ++ names(Nodes)}, connect_timeout => ?NEVER_MS},
    ok = bed_wait:until(booted, fun() -> bed_node:visible(First) =:= [] end),
    start_members([First], Options),
    ok = bed_wait:until(live, fun() -> bed_node:visible(First) =:= lists:sort(names(Rest)) end),
    %% The round still waits for the hung ones, and the server does not.
    ?assertMatch(#{round := running, rounds := 0}, status(First)),
    ok = bed_node:call(First, barnacle_cluster, pause, [?SERVER]),
    %% What was not connected by then is no longer waited for.
    ?assertMatch(#{round := idle, state := paused}, status(First)).

refusing_hosts_are_named(_) ->
    [First | _] = hosts(1),
    Dead = [list_to_atom("app@" ++ inet:ntoa(bed_ports:address())) || _ <- lists:seq(1, 3)],
    start_members([First], (patient())#{strategy => {epmd, Dead}}),
    {error, {connect_error, Failed}} = refresh(First),
    ?assertEqual(lists:sort([{Node, port_refused} || Node <- Dead]), lists:sort(Failed)),
    ?assertEqual(lists:sort([atom_to_binary(Node) || Node <- Dead]), wanted(First)).

silent_dns_for_host_names_delays_nobody(_) ->
    case bed_etc:missing() of
        none -> silent_dns_for_host_names();
        Why -> {skip, Why}
    end.

silent_dns_for_host_names() ->
    Port = bed_ports:port(),
    Dns = bed_dns_script:start_link([{'_', '_', drop}], 53),
    {Server, _} = bed_dns_script:address(Dns),
    Resolv = ["nameserver ", inet:ntoa(Server), "\n"],
    [First, Healthy, Live] = hosts(3, Port, fun
        (1) -> #{exec => bed_etc:exec(lists:flatten(Resolv))};
        (_) -> #{}
    end),
    true = bed_node:call(First, net_kernel, connect_node, [bed_node:name(Healthy)]),
    Links = watch_links([First, Healthy]),
    Silent = [list_to_atom(lists:concat(["app@h", N, ".silent.test"])) || N <- lists:seq(1, 12)],
    Strategy = {epmd, Silent ++ names([Live])},
    start_members([First], (patient())#{strategy => Strategy, connect_timeout => 60000}),
    ok = bed_wait:until(live, fun() ->
        lists:member(bed_node:name(Live), bed_node:visible(First))
    end),
    ?assertMatch(#{round := running, rounds := 0}, status(First)),
    %% net_kernel, which would look the names up itself, was never asked to.
    %% It may just be at something of its own, but not for long.
    ok = bed_wait:until(idle, fun() ->
        bed_node:call(First, bed_links, net_kernel, []) =:= idle
    end, 2000),
    ?assertEqual([], lost_links(Links)).

%% ---- the node and its server ----

killed_server_loses_no_link(_) ->
    [First | _] = Nodes = hosts(3),
    start_members(Nodes, #{strategy => {epmd, names(Nodes)}, disconnect => undiscovered}),
    ok = bed_nodes:await_mesh(Nodes),
    Links = watch_links(Nodes),
    [
        begin
            Server = bed_node:call(First, erlang, whereis, [?SERVER]),
            true = bed_node:call(First, erlang, exit, [Server, kill]),
            ok = bed_wait:until(restarted, fun() ->
                case bed_node:call(First, erlang, whereis, [?SERVER]) of
                    undefined -> false;
                    Pid -> Pid =/= Server
                end
            end),
            ?assertEqual({ok, lists:sort(names(Nodes))}, refresh(First))
        end
     || _ <- lists:seq(1, 10)
    ],
    ?assertEqual([], lost_links(Links)).

%% ---- the stories' words ----

hosts(Count) ->
    hosts(Count, bed_ports:port(), fun(_) -> #{} end).

hosts(Count, Port, Own) ->
    bed_nodes:start_link(#{name => "app", fixed_port => Port}, [
        (Own(N))#{host => bed_ports:address()}
     || N <- lists:seq(1, Count)
    ]).

names(Nodes) ->
    [bed_node:name(Node) || Node <- Nodes].

address(Node) ->
    [_, Host] = string:split(atom_to_list(bed_node:name(Node)), "@"),
    {ok, Address} = inet:parse_strict_address(Host),
    Address.

text(Address) ->
    list_to_binary(inet:ntoa(Address)).

start_members(Nodes, Options) ->
    Started = bed_nodes:each(Nodes, bed_member, start, [
        maps:merge(#{poll_interval => ?ROUND_MS}, Options)
    ]),
    [{ok, _} = Member || Member <- Started],
    ok.

start_unsupervised(Node, Options) ->
    {ok, _} = bed_node:call(Node, application, ensure_all_started, [barnacle]),
    {ok, Checked} = barnacle_options:new(Options),
    {ok, Server} = bed_node:call(Node, gen_server, start, [
        {local, maps:get(name, Options)}, barnacle_server, Checked, []
    ]),
    Server.

dns(Dns) ->
    dns(Dns, #{}).

dns(Dns, More) ->
    Query = #{
        basename => <<"app">>,
        query => <<"nodes.test.">>,
        nameservers => [bed_dns_script:nameserver(Dns)]
    },
    #{strategy => {dns, maps:merge(Query, More)}}.

dns_free(Names) ->
    (patient())#{strategy => {epmd, Names}, disconnect => undiscovered}.

answering(Nodes) ->
    [{'_', a, [address(Node) || Node <- Nodes]}].

status(Node) ->
    bed_node:call(Node, barnacle_cluster, status, [?SERVER]).

refresh(Node) ->
    sorted(bed_node:call(Node, barnacle_cluster, refresh, [?SERVER])).

sorted({ok, Nodes}) -> {ok, lists:sort(Nodes)};
sorted({error, {Kind, Failed}}) when is_list(Failed) -> {error, {Kind, lists:sort(Failed)}};
sorted(Other) -> Other.

wanted(Node) ->
    lists:sort(maps:keys(maps:get(wanted, status(Node)))).

failed(#{wanted := Wanted}) ->
    maps:filter(fun(_, #{state := State}) -> State =/= connected end, Wanted).

await_wanted(Node, Count) ->
    bed_wait:until({wanted, Count}, fun() -> length(wanted(Node)) =:= Count end).

last_round(Node) ->
    case refresh(Node) of
        {ok, _} -> ok;
        Error -> Error
    end.

connected(Node) ->
    bed_node:call(Node, erlang, nodes, [connected]).

%% Waits until a node's barnacle has ended as many rounds more.
rounds(Node, Count) ->
    #{rounds := Before} = status(Node),
    bed_wait:until(rounds, fun() -> maps:get(rounds, status(Node)) >= Before + Count end).

watch_links(Nodes) ->
    [{Node, bed_node:call(Node, bed_links, start, [])} || Node <- Nodes].

lost_links(Watched) ->
    lists:append([
        [{bed_node:name(Node), Lost} || Lost <- bed_node:call(Node, bed_links, lost, [Watcher])]
     || {Node, Watcher} <- Watched
    ]).

%% A barnacle whose polls are nobody's concern: only the first round and refreshes count.
patient() ->
    #{poll_interval => ?NEVER_MS}.
