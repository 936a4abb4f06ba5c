%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns_search_SUITE).

%% The search list and ndots of resolv.conf(5), as Kubernetes, systemd-resolved and company networks
%% write them. A node of its own for each case, since the list comes from the environment in which a
%% node is started (LOCALDOMAIN, RES_OPTIONS), or, with root's rights, from its /etc/resolv.conf.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_group/2, end_per_group/2]).
-export([
    kubernetes_service/1, kubernetes_full_name/1, dotted_name_first/1, final_dot/1,
    wildcard_suffix/1, search_root/1, refusing_suffix/1, failing_suffix_is_told/1,
    failing_suffix_is_passed/1, suffix_with_other_type/1, too_long_with_suffix/1,
    refusal_hides_no_nxdomain/1, over_tcp/1, no_aaaa/1, no_tld_query/1,
    system_kubernetes/1, system_search_root/1, system_wildcard_suffix/1,
    system_second_server/1, system_discovery/1, system_options/1, system_that_changes/1
]).

-define(LONG_MS, 30000).
-define(A1, {192, 0, 2, 1}).
-define(A2, {192, 0, 2, 2}).
-define(AAAA1, {16#2001, 16#db8, 0, 0, 0, 0, 0, 1}).
-define(KUBERNETES, "default.svc.cluster.test svc.cluster.test cluster.test").

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [{group, environment}, {group, resolv_conf}].

groups() ->
    [
        {environment, [parallel], [
            kubernetes_service, kubernetes_full_name, dotted_name_first, final_dot, wildcard_suffix,
            search_root, refusing_suffix, failing_suffix_is_told, failing_suffix_is_passed,
            suffix_with_other_type, too_long_with_suffix, refusal_hides_no_nxdomain, over_tcp,
            no_aaaa, no_tld_query
        ]},
        {resolv_conf, [parallel], [
            system_kubernetes, system_search_root, system_wildcard_suffix, system_second_server,
            system_discovery, system_options, system_that_changes
        ]}
    ].

init_per_group(environment, Config) ->
    Config;
init_per_group(resolv_conf, Config) ->
    case bed_etc:missing() of
        none -> Config;
        Why -> {skip, Why}
    end.

end_per_group(_Group, _Config) ->
    ok.

%% ---- by the environment

%% ndots:5 sends every short name through the list first, both families of one candidate before the
%% next one.
kubernetes_service(_Config) ->
    Server = script([{"app.default.svc.cluster.test", a, [?A1]},
        {"app.default.svc.cluster.test", aaaa, []}]),
    Node = node_searching(?KUBERNETES, "ndots:5"),
    ?assertEqual(
        {"app.default.svc.cluster.test", [?A1], no_data}, dns(Node, "app.default", Server)
    ),
    ?assertEqual(
        ["app.default.default.svc.cluster.test", "app.default.svc.cluster.test"],
        candidates(Server)
    ).

%% Four dots are fewer than five: the name as it is comes last.
kubernetes_full_name(_Config) ->
    Full = "app.default.svc.cluster.test",
    Server = script([{Full, a, []}, {Full, aaaa, [?AAAA1]}]),
    Node = node_searching(?KUBERNETES, "ndots:5"),
    ?assertEqual({Full, no_data, [?AAAA1]}, dns(Node, Full, Server)),
    ?assertEqual(
        [Full ++ "." ++ Suffix || Suffix <- string:lexemes(?KUBERNETES, " ")] ++ [Full],
        candidates(Server)
    ).

%% With ndots 1, the default, a name with a dot is asked as it is first, and completed after that.
dotted_name_first(_Config) ->
    Server = script([{"app.prod.cluster.test", a, [?A1]}, {"app.prod.cluster.test", aaaa, []}]),
    Node = node_searching("cluster.test", ""),
    ?assertEqual({"app.prod.cluster.test", [?A1], no_data}, dns(Node, "app.prod", Server)),
    ?assertEqual(["app.prod", "app.prod.cluster.test"], candidates(Server)).

final_dot(_Config) ->
    Server = script([{"app.cluster.test", '_', [?A1]}]),
    Node = node_searching("cluster.test", "ndots:5"),
    ?assertMatch({"app", {error, nxdomain}, {error, nxdomain}}, dns(Node, "app.", Server)),
    ?assertEqual(["app"], candidates(Server)).

%% The service has an A record, and the company's suffix any record for any name. Both families come
%% from the service.
wildcard_suffix(_Config) ->
    Node = node_searching("svc.cluster.test corp.test", "ndots:5"),
    ?assertEqual({"app.svc.cluster.test", [?A1], no_data}, dns(Node, "app", wildcard())).

wildcard() ->
    script(wildcard_script()).

wildcard_script() ->
    fun(#{name := Name, type := Type}) ->
        case {Name, Type, lists:suffix("corp.test", Name)} of
            {"app.svc.cluster.test", a, _} -> [?A1];
            {"app.svc.cluster.test", _, _} -> [];
            {_, a, true} -> [?A2];
            {_, aaaa, true} -> [?AAAA1];
            _ -> nxdomain
        end
    end.

%% What systemd-resolved writes when there is nothing to search.
search_root(_Config) ->
    Server = script([{"app", a, [?A1]}, {"app", aaaa, []}]),
    Node = node_searching(".", ""),
    ?assertEqual({"app", [?A1], no_data}, dns(Node, "app", Server)),
    ?assertEqual(["app"], candidates(Server)).

%% A real server refuses what it is not responsible for. The next suffix is tried all the same.
refusing_suffix(_Config) ->
    case bed_dns_real:is_there(nsd) of
        false ->
            {skip, "nsd is not installed"};
        true ->
            Server = bed_dns_real:start_link(nsd, {"cluster.test", [{"app", ?A1}]}),
            Node = node_searching("elsewhere.example cluster.test", "ndots:2"),
            ?assertEqual(
                {"app.cluster.test", [?A1], no_data},
                dns(Node, "app", bed_dns_real:nameserver(Server))
            )
    end.

failing_suffix_is_passed(_Config) ->
    Server = script([{"app.bad.test", '_', servfail}, {"app.cluster.test", '_', [?A1]}]),
    Node = node_searching("bad.test cluster.test", ""),
    ?assertMatch({"app.cluster.test", [?A1], _}, dns(Node, "app", Server)).

%% Whether the name exists is not known when one candidate could not be asked for.
failing_suffix_is_told(_Config) ->
    Server = script([{"app.bad.test", '_', servfail}]),
    Node = node_searching("bad.test cluster.test", ""),
    ?assertMatch({_, {error, servfail}, {error, servfail}}, dns(Node, "app", Server)),
    ?assertEqual(["app", "app.bad.test", "app.cluster.test"], lists:sort(candidates(Server))).

%% No data for both families is no answer; a later candidate may have one.
suffix_with_other_type(_Config) ->
    Server = script([{"app.mail.test", '_', []}, {"app.cluster.test", '_', [?A1]}]),
    Node = node_searching("mail.test cluster.test", ""),
    ?assertMatch({"app.cluster.test", [?A1], _}, dns(Node, "app", Server)).

%% A candidate that no message can carry is passed over.
too_long_with_suffix(_Config) ->
    Label = lists:duplicate(63, $a),
    Name = string:join([Label, Label, Label, "app"], "."),
    Server = script([{Name, '_', [?A1]}]),
    Node = node_searching(string:join([Label, "test"], "."), "ndots:5"),
    ?assertMatch({Name, [?A1], _}, dns(Node, Name, Server)),
    ?assertEqual([Name], candidates(Server)).

%% A real server refuses the company's domain. What it says of the name as given counts, whichever
%% is queried first.
refusal_hides_no_nxdomain(_Config) ->
    case bed_dns_real:is_there(nsd) of
        false ->
            {skip, "nsd is not installed"};
        true ->
            Server = bed_dns_real:start_link(nsd, {"internal", [{"app", ?A1}]}),
            Where = bed_dns_real:nameserver(Server),
            [
                begin
                    Node = node_searching("corp.example", ResOptions),
                    ?assertEqual(
                        {"does-not-exist.internal", {error, nxdomain}, {error, nxdomain}},
                        dns(Node, "does-not-exist.internal", Where)
                    ),
                    {{error, nxdomain}, #{queried := Queried}} =
                        query(Node, "does-not-exist.internal", Where),
                    ?assertEqual(
                        [
                            {<<"does-not-exist.internal">>, Where, nxdomain},
                            {<<"does-not-exist.internal.corp.example">>, Where, refused}
                        ],
                        lists:sort(Queried)
                    ),
                    ?assertMatch({"app.internal", [?A1], _}, dns(Node, "app.internal", Where))
                end
             || ResOptions <- ["ndots:1", "ndots:2"]
            ]
    end.

%% ---- options

over_tcp(_Config) ->
    Server = script([{"app.cluster.test", a, [?A1]}, {"app.cluster.test", aaaa, [?AAAA1]}]),
    Node = node_searching("cluster.test", "use-vc"),
    ?assertEqual({"app.cluster.test", [?A1], [?AAAA1]}, dns(Node, "app", Server)),
    ?assertEqual([tcp], transports(Server)).

no_aaaa(_Config) ->
    Server = script([{"app.cluster.test", a, [?A1]}, {'_', aaaa, drop}]),
    Node = node_searching("cluster.test", "no-aaaa"),
    ?assertEqual({"app.cluster.test", [?A1], not_wanted}, dns(Node, "app", Server)),
    ?assertEqual([a], types(Server)),
    %% IPv6 alone is queried where it is wanted by name.
    ok = bed_dns_script:script(Server, [{"app.cluster.test", aaaa, [?AAAA1]}, {'_', a, drop}]),
    ?assertEqual(
        {"app.cluster.test", not_wanted, [?AAAA1]}, dns(Node, "app", Server, #{families => inet6})
    ),
    ?assertEqual([aaaa], types(Server)).

no_tld_query(_Config) ->
    Server = script([]),
    Node = node_searching("cluster.test", "no-tld-query"),
    ?assertMatch({"app.cluster.test", {error, nxdomain}, _}, dns(Node, "app", Server)),
    ?assertEqual(["app.cluster.test"], candidates(Server)).

%% ---- by /etc/resolv.conf: the system's servers, through the public functions

system_kubernetes(_Config) ->
    Server = system([{"app.default.svc.cluster.test", a, [?A1]},
        {"app.default.svc.cluster.test", aaaa, [?AAAA1]}]),
    Node = node_with("search " ?KUBERNETES "\noptions ndots:5\n", [Server]),
    ?assertEqual({ok, [?A1, ?AAAA1]}, lookup(Node, "app.default")),
    ?assertEqual({ok, [?A1, ?AAAA1]}, lookup(Node, "app.default.svc")),
    ?assertEqual({error, nxdomain}, lookup(Node, "other")).

system_search_root(_Config) ->
    Server = system([{"app", a, [?A1]}, {"app", aaaa, []}]),
    ?assertEqual({ok, [?A1]}, lookup(node_with("search .\n", [Server]), "app")).

system_wildcard_suffix(_Config) ->
    Server = system(wildcard_script()),
    Node = node_with("search svc.cluster.test corp.test\noptions ndots:5\n", [Server]),
    ?assertEqual({ok, [?A1]}, lookup(Node, "app")).

system_second_server(_Config) ->
    Silent = system([{'_', '_', drop}]),
    Server = system([{"app.cluster.test", '_', [?A1]}]),
    Node = node_with("search cluster.test\n", [Silent, Server]),
    ?assertEqual({ok, [?A1]}, lookup(Node, "app")),
    ?assertNotEqual([], bed_dns_script:questions(Silent)).

system_discovery(_Config) ->
    Server = system([{"app.cluster.test", a, [?A1, ?A2]}, {"app.cluster.test", aaaa, [?AAAA1]}]),
    Node = node_with("search cluster.test\n", [Server]),
    {ok, Nodes} = bed_node:call(Node, barnacle_dns, discover_nodes, [
        <<"shop">>, <<"app">>, ?LONG_MS
    ]),
    ?assertEqual(
        ['shop@192.0.2.1', 'shop@192.0.2.2', 'shop@2001:db8::1'], lists:sort(Nodes)
    ).

system_options(_Config) ->
    Server = system([{"app", a, [?A1]}, {'_', aaaa, drop}]),
    Node = node_with("search .\r\noptions use-vc no-aaaa\r\n", [Server]),
    ?assertEqual({ok, [?A1]}, lookup(Node, "app")),
    ?assertEqual([a], types(Server)),
    ?assertEqual([tcp], transports(Server)).

%% Each lookup reads the file anew. The node has that file for itself.
system_that_changes(_Config) ->
    Before = system([{"app.one.test", '_', [?A1]}]),
    After = system([{"app.two.test", '_', [?A2]}]),
    Node = node_with("search one.test\n", [Before]),
    ?assertEqual({ok, [?A1]}, lookup(Node, "app")),
    Text = [nameserver_lines([After]), "search two.test\n"],
    ok = bed_node:call(Node, file, write_file, ["/etc/resolv.conf", Text]),
    ?assertEqual({ok, [?A2]}, lookup(Node, "app")).

%% ---- nodes and servers

script(Script) ->
    bed_dns_script:start_link(Script).

system(Script) ->
    bed_dns_script:start_link(Script, 53).

node_searching(Search, ResOptions) ->
    start(#{env => [{"LOCALDOMAIN", Search}, {"RES_OPTIONS", ResOptions}]}).

node_with(ResolvConf, Servers) ->
    start(#{exec => bed_etc:exec(lists:flatten([nameserver_lines(Servers), ResolvConf]))}).

nameserver_lines(Servers) ->
    [
        ["nameserver ", inet:ntoa(Address), "\n"]
     || Server <- Servers, {Address, 53} <- [bed_dns_script:address(Server)]
    ].

start(Options) ->
    {ok, Node} = bed_node:start_link(Options#{
        name => "search",
        host => bed_ports:address(),
        fixed_port => bed_ports:port(),
        applications => [barnacle]
    }),
    Node.

dns(Node, Name, Where) ->
    dns(Node, Name, Where, #{}).

dns(Node, Name, Server, Options) when is_pid(Server) ->
    dns(Node, Name, bed_dns_script:nameserver(Server), Options);
dns(Node, Name, Nameserver, Options) ->
    {ok, #{candidate := Candidate, a := A, aaaa := Aaaa}} = bed_node:call(
        Node,
        barnacle_native,
        dns,
        [list_to_binary(Name), Options#{timeout => ?LONG_MS, nameservers => [Nameserver]}]
    ),
    {binary_to_list(Candidate), outcome(A), outcome(Aaaa)}.

query(Node, Name, Nameserver) ->
    Options = #{timeout => ?LONG_MS, nameservers => [Nameserver]},
    bed_node:call(Node, barnacle_dns, query, [list_to_binary(Name), Options]).

outcome({addresses, Addresses}) -> lists:sort(Addresses);
outcome(Other) -> Other.

lookup(Node, Name) ->
    bed_node:call(Node, barnacle_dns, lookup, [list_to_binary(Name), ?LONG_MS]).

types(Server) ->
    lists:usort([Type || #{type := Type} <- bed_dns_script:questions(Server)]).

transports(Server) ->
    lists:usort([Transport || #{transport := Transport} <- bed_dns_script:questions(Server)]).

%% The names in the order in which they were asked for, each for both types before the next one.
%% (A question that was sent again, on a slow machine, counts once.)
candidates(Server) ->
    Asked = [{Name, Type} || #{name := Name, type := Type} <- bed_dns_script:questions(Server)],
    pairs(lists:foldl(fun(Q, Seen) -> Seen ++ ([Q] -- Seen) end, [], Asked)).

pairs([{Name, Type1}, {Name, Type2} | Asked]) ->
    ?assertEqual([a, aaaa], lists:sort([Type1, Type2])),
    [Name | pairs(Asked)];
pairs([]) ->
    [].
