%% SPDX-License-Identifier: Apache-2.0
-module(fault_dns_SUITE).

%% Rows of the fault matrix (test/README.md) about name servers and what they answer, with barnacles
%% that poll them from real nodes. What single lookups give is in barnacle_dns_SUITE.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_group/2, end_per_group/2]).
-export([
    restarted_with_a_new_zone/1,
    zone_changes/1,
    resolver_loses_its_source/1,
    half_of_the_names_gone/1,
    changing_part/1,
    own_name_missing/1,
    name_service_gone_for_long/1,
    aaaa_dropped/1,
    failure_says_where/1
]).

-define(MANY_ROUNDS, 50).
-define(LONG_TIMES, 100).
-define(HOUR_MS, 3600000).

suite() ->
    [{timetrap, {minutes, bed_long:either(10, 30)}}].

all() ->
    [{group, nsd}, {group, dnsmasq}, {group, unbound}, {group, scripted}].

groups() ->
    [
        {nsd, [], [restarted_with_a_new_zone, zone_changes]},
        {dnsmasq, [], [restarted_with_a_new_zone]},
        {unbound, [], [restarted_with_a_new_zone, resolver_loses_its_source]},
        {scripted, [], [
            half_of_the_names_gone, changing_part, own_name_missing, name_service_gone_for_long,
            aaaa_dropped, failure_says_where
        ]}
    ].

init_per_group(scripted, Config) ->
    Config;
init_per_group(Kind, Config) ->
    case bed_dns_real:is_there(Kind) of
        true -> [{kind, Kind} | Config];
        false -> {skip, atom_to_list(Kind) ++ " is not installed"}
    end.

end_per_group(_Group, _Config) ->
    ok.

%% ---- real servers ----

restarted_with_a_new_zone(Config) ->
    {Server, Nodes, [First, Second, Third]} = polling(Config),
    Links = bed_story:watch(Nodes),
    _ = bed_dns_real:restart(Server, zone([First, Second, Third])),
    ok = bed_nodes:await_mesh([First, Second, Third]),
    ok = bed_story:await_wanted(First, [First, Second, Third]),
    ?assertEqual([], bed_story:lost(Links)).

zone_changes(Config) ->
    {Server, Nodes, [First, Second, Third]} = polling(Config),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_real:set_zone(Server, zone([First, Second, Third])),
    ok = bed_nodes:await_mesh([First, Second, Third]),
    %% A zone that has lost all its nodes is no evidence against any of them.
    ok = bed_dns_real:set_zone(Server, []),
    [ok = bed_story:rounds(Node, 5) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Links)).

%% The resolver answers SERVFAIL by itself, once what it knew is too old.
resolver_loses_its_source(Config) ->
    {Server, Nodes, [First, Second, Third]} = polling(Config),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_real:lose_source(Server),
    ok = bed_wait:until(servfail, fun() ->
        case bed_story:status(First) of
            #{last_error := #{reason := {strategy_error, servfail}}} -> true;
            Other -> Other
        end
    end),
    ok = bed_story:rounds(First, 3),
    ?assertEqual([], bed_story:lost(Links)),
    _ = bed_dns_real:source_back(Server, zone([First, Second, Third])),
    ok = bed_nodes:await_mesh([First, Second, Third]),
    ?assertEqual([], bed_story:lost(Links)).

%% Two of three nodes are in the zone, and have found each other. They cut whom a complete answer
%% does not name.
polling(Config) ->
    Nodes = [First, Second, _] = hosts(3),
    Kind = proplists:get_value(kind, Config),
    Server = bed_dns_real:start_link(Kind, {"cluster.test", zone([First, Second])}),
    Polling = [First, Second],
    Options = bed_story:dns(bed_dns_real:nameserver(Server), #{timeout => 2000}),
    bed_story:members(Polling, Options#{disconnect => undiscovered}),
    ok = bed_nodes:await_mesh(Polling),
    {Server, Polling, Nodes}.

zone(Nodes) ->
    [{_, a, Addresses}, _] = bed_story:answering(Nodes),
    [{"nodes", Address} || Address <- Addresses].

%% ---- answers that are not the whole truth ----

half_of_the_names_gone(_Config) ->
    Nodes = [First, Second, Third | _] = hosts(6),
    Dns = scripted(Nodes, Nodes),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering([First, Second, Third])),
    ok = bed_wait:until(suspect, fun() -> all_suspect(Nodes) end),
    ok = bed_story:rounds(First, 5),
    ?assert(all_suspect(Nodes)),
    ?assertEqual([], [Names || Node <- Nodes, Names <- [departed(Node)], Names =/= []]),
    ?assertEqual([], bed_story:lost(Links)),
    ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
    ok = bed_wait:until(believed, fun() -> not any_suspect(Nodes) end).

all_suspect(Nodes) ->
    lists:all(fun(Node) -> maps:get(suspect, bed_story:status(Node)) end, Nodes).

any_suspect(Nodes) ->
    lists:any(fun(Node) -> maps:get(suspect, bed_story:status(Node)) end, Nodes).

departed(Node) ->
    maps:keys(maps:get(departed, bed_story:status(Node))).

%% Each answer names three of six, another three each time.
changing_part(_Config) ->
    Nodes = hosts(6),
    [{_, a, Addresses}, _] = bed_story:answering(Nodes),
    Part = fun
        (#{type := a, number := Number}) ->
            {Before, After} = lists:split(Number rem length(Addresses), Addresses),
            lists:sublist(After ++ Before, 3);
        (_) ->
            []
    end,
    Dns = bed_dns_script:start_link(Part),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    bed_story:members(Nodes, Options#{departed_after => 0}),
    ok = bed_nodes:await_mesh(Nodes),
    %% Until several names are known to be missing, a single one might have left.
    [ok = bed_story:rounds(Node, 2) || Node <- Nodes],
    ok = bed_wait:until(suspect, fun() -> all_suspect(Nodes) end),
    Links = bed_story:watch(Nodes),
    [
        begin
            [ok = bed_story:rounds(Node, 1) || Node <- Nodes],
            ?assertEqual([], lists:append([departed(Node) || Node <- Nodes]))
        end
     || _ <- lists:seq(1, bed_long:either(5, 100))
    ],
    ?assertEqual([], bed_story:lost(Links)).

%% As where a service names only the nodes that are ready, and this one is not yet.
own_name_missing(_Config) ->
    Nodes = [First | Others] = hosts(3),
    Dns = bed_dns_script:start_link(bed_story:answering(Others)),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    bed_story:members([First], Options#{disconnect => undiscovered}),
    bed_story:members(Others, Options#{departed_after => 0}),
    ok = bed_nodes:await_mesh(Nodes),
    Links = bed_story:watch(Nodes),
    [ok = bed_story:rounds(Node, 5) || Node <- Nodes],
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)),
    ?assertEqual(bed_story:texts(Others), bed_story:wanted(First)),
    ?assertEqual([], bed_story:lost(Links)).

%% ---- no name service at all ----

%% Nothing listens where it was. What was known is kept, and joined again after a restart.
name_service_gone_for_long(_Config) ->
    Nodes = [First, _, Third] = hosts(3),
    Dns = scripted(Nodes, Nodes),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:stop(Dns),
    #{failed_rounds := Before} = bed_story:status(First),
    Times = bed_long:either(1, ?LONG_TIMES),
    [ok = bed_story:rounds(First, ?MANY_ROUNDS) || _ <- lists:seq(1, Times)],
    #{failed_rounds := After} = bed_story:status(First),
    ?assert(After >= Before + Times * ?MANY_ROUNDS - 1),
    ?assertEqual([], bed_story:lost(Links)),
    ok = bed_node:kill(Third),
    ok = bed_nodes:await_mesh(Nodes -- [Third]),
    ok = bed_node:restart(Third),
    ok = bed_nodes:await_mesh(Nodes).

%% ---- a network that drops one family ----

%% The nodes have IPv4 addresses, so AAAA is not waited for: results are complete, refreshes quick,
%% and a node that is absent leaves. With families => inet there is no AAAA query at all.
aaaa_dropped(_Config) ->
    [aaaa_dropped(Families, Types) || {Families, Types} <- [{own, [a, aaaa]}, {inet, [a]}]].

aaaa_dropped(Families, Types) ->
    Nodes = [First, Second, _] = hosts(3),
    Dns = bed_dns_script:start_link(without_aaaa(Nodes)),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{
        families => Families, timeout => ?HOUR_MS, grace => ?HOUR_MS
    }),
    bed_story:members(Nodes, Options#{departed_after => 0}),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:rounds(Node, 3) || Node <- Nodes],
    ?assertMatch(#{answer := complete, why := none, queried := []}, bed_story:status(First)),
    ?assertEqual(Types, lists:usort([Type || #{type := Type} <- bed_dns_script:questions(Dns)])),
    ok = bed_dns_script:script(Dns, without_aaaa([First, Second])),
    ok = bed_story:linked({First, [Second]}),
    ok = bed_dns_script:stop(Dns).

without_aaaa(Nodes) ->
    [A, _] = bed_story:answering(Nodes),
    [A, {'_', aaaa, drop}].

%% ---- words ----

%% The name in full and the server, in the status and on the page.
failure_says_where(_Config) ->
    [First | _] = hosts(1),
    Dns = bed_dns_script:start_link([{'_', '_', refused}]),
    Nameserver = bed_dns_script:nameserver(Dns),
    bed_story:members([First], bed_story:dns(Nameserver, #{})),
    ok = bed_story:rounds(First, 1),
    Queried = [{<<"nodes.cluster.test">>, Nameserver, refused}],
    ?assertMatch(#{answer := error, why := refused, queried := Queried}, bed_story:status(First)),
    Page = re:replace(bed_page:page(First), "\\s+", " ", [global, {return, list}]),
    ?assertMatch({match, _}, re:run(Page, ["refuses.*: nodes.cluster.test at ", Nameserver])),
    %% A result that is complete has nothing to explain.
    ok = bed_dns_script:script(Dns, bed_story:answering([First])),
    ok = bed_wait:until(complete, fun() ->
        case bed_story:status(First) of
            #{answer := complete, queried := []} -> true;
            #{answer := Answer, queried := Still} -> {Answer, Still}
        end
    end).

%% A name server that names nodes, and all nodes with a barnacle that learns from it.
scripted(Named, Nodes) ->
    Dns = bed_dns_script:start_link(bed_story:answering(Named)),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    bed_story:members(Nodes, Options#{departed_after => 0, poll_interval => 20}),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Named) || Node <- Nodes],
    Dns.

hosts(Count) ->
    bed_hosts:nodes(bed_hosts:start_link(loopback, Count), #{}).
