%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departures_SUITE).

%% The table of barnacle_departures with real nodes: each of its acts, and the rules that keep a
%% node. Every pair of the nodes that stay is counted: none may lose its connection. Groups:
%% global's guard against overlapping partitions on (its default), off, and mixed. At length
%% (FAULTS=long), meshes have 3, 5 and 8 nodes, and a node departs 20 times from each.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0]).
-export([
    node_with_a_barnacle_leaves/1,
    plain_node_leaves_after_the_waiting/1,
    plain_node_leaves_by_refresh/1,
    node_that_returns_leaves_again/1
]).
-export([
    no_complete_result_is_a_passing_reason/1,
    suspect_source_is_a_passing_reason/1,
    pause_is_a_passing_reason/1,
    foreign_connection_is_a_passing_reason/1,
    other_barnacle_there_is_a_passing_reason/1,
    no_reply_is_a_passing_reason/1,
    lasting_reason_that_ends_is_reported_too/1
]).
-export([
    documented_program_disconnects_in_a_cluster_of_two/1,
    documented_program_disconnects_in_a_mesh_of_three/1,
    empty_custom_list_is_the_users_word/1,
    custom_list_moves_no_node_that_it_never_contained/1,
    registry_without_a_barnacle_leaves/1,
    stopped_application_is_no_missing_barnacle/1,
    one_wrong_view_moves_no_plain_node/1,
    foreign_connection_keeps_a_plain_node/1,
    other_barnacle_here_keeps_a_plain_node/1,
    results_without_evidence_move_no_node/1,
    report_moves_no_node/1
]).
%% In nodes of the test-bed.
-export([listed/0, other_barnacle/1]).

-define(NEVER_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 60}}].

all() ->
    [{group, Guard} || {Guard, _, _} <- groups()].

groups() ->
    Meshes = [
        node_with_a_barnacle_leaves,
        plain_node_leaves_after_the_waiting,
        plain_node_leaves_by_refresh,
        node_that_returns_leaves_again
    ],
    [{Guard, [], Meshes} || Guard <- [guard_on, guard_off, guard_mixed]] ++
        [
            {passing_reasons, [], [
                no_complete_result_is_a_passing_reason,
                suspect_source_is_a_passing_reason,
                pause_is_a_passing_reason,
                foreign_connection_is_a_passing_reason,
                other_barnacle_there_is_a_passing_reason,
                no_reply_is_a_passing_reason,
                lasting_reason_that_ends_is_reported_too
            ]},
            {rules, [], [
                documented_program_disconnects_in_a_cluster_of_two,
                documented_program_disconnects_in_a_mesh_of_three,
                empty_custom_list_is_the_users_word,
                custom_list_moves_no_node_that_it_never_contained,
                registry_without_a_barnacle_leaves,
                stopped_application_is_no_missing_barnacle,
                one_wrong_view_moves_no_plain_node,
                foreign_connection_keeps_a_plain_node,
                other_barnacle_here_keeps_a_plain_node,
                results_without_evidence_move_no_node,
                report_moves_no_node
            ]}
        ].

%% ---- in meshes of several sizes ----

node_with_a_barnacle_leaves(Config) ->
    departs(Config, fun(Nodes) -> clustered(Nodes, Nodes, #{departed_after => 0}) end, fun waits/2).

plain_node_leaves_after_the_waiting(Config) ->
    departs(Config, fun plain_first/1, fun waits/2).

waits(_Gone, _Rest) -> ok.

%% One node is asked to refresh; the others have seen by then what the source omits. If global makes
%% a connection again that the first node does not see, the waiting of the others has passed soon.
plain_node_leaves_by_refresh(Config) ->
    Cluster = fun([_ | Rest] = Nodes) -> clustered(Rest, Nodes, #{departed_after => 10000}) end,
    departs(Config, Cluster, fun(Gone, [First | _] = Rest) ->
        [ok = bed_story:await_wanted(Node, Rest) || Node <- Rest],
        ?assertEqual({ok, bed_story:names(Rest)}, bed_story:refresh(First)),
        ?assertNot(lists:member(bed_node:name(First), bed_node:visible(Gone)))
    end).

%% A program connects it, as global of a busy node would.
node_that_returns_leaves_again(Config) ->
    departs(Config, fun plain_first/1, fun(Gone, [First | _]) ->
        ok = bed_story:linked({Gone, []}),
        true = bed_node:call(First, net_kernel, connect_node, [bed_node:name(Gone)])
    end).

plain_first([_ | Rest] = Nodes) ->
    clustered(Rest, Nodes, #{departed_after => 0}).

%% The first node departs, and comes again, so many times from each mesh.
departs(Config, Cluster, Do) ->
    Guard = proplists:get_value(name, proplists:get_value(tc_group_properties, Config)),
    Repeats = bed_long:either(1, 20),
    Sizes = bed_long:either([4], [3, 5, 8]),
    Returns = lists:sum([departs(Size, Guard, Repeats, Cluster, Do) || Size <- Sizes]),
    Pairs = lists:sum([Repeats * (Size - 1) * (Size - 2) div 2 || Size <- Sizes]),
    {comment,
        io_lib:format("~b departures, ~b pairs of nodes that stay, 0 lost; ~b returns", [
            length(Sizes) * Repeats, Pairs, Returns
        ])}.

departs(Size, Guard, Repeats, Cluster, Do) ->
    [Gone | Rest] = Nodes = hosts(guards(Guard, Size)),
    Dns = Cluster(Nodes),
    Returns = [
        begin
            Links = bed_story:watch(Rest),
            ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
            Do(Gone, Rest),
            ok = bed_story:linked({Gone, []}),
            ok = bed_nodes:await_mesh(Rest),
            Lost = lost_only(Gone, Rest, Links),
            ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
            ok = bed_nodes:await_mesh(Nodes),
            [ok = bed_story:await_wanted(Node, Nodes) || Node <- Rest],
            max(0, Lost - length(Rest))
        end
     || _ <- lists:seq(1, Repeats)
    ],
    ok = bed_nodes:stop(Nodes),
    lists:sum(Returns).

%% ---- reasons that pass: a node declines, and is away later ----

no_complete_result_is_a_passing_reason(_) ->
    passes(no_complete_answer, fun(_Gone, Own, _Nodes) ->
        ok = bed_dns_script:script(Own, [{'_', '_', servfail}]),
        fun(Rest) -> bed_dns_script:script(Own, bed_story:answering(Rest)) end
    end).

suspect_source_is_a_passing_reason(_) ->
    passes(suspect, fun(_Gone, Own, [_, First | _]) ->
        ok = bed_dns_script:script(Own, bed_story:answering([First])),
        fun(Rest) -> bed_dns_script:script(Own, bed_story:answering(Rest)) end
    end).

pause_is_a_passing_reason(_) ->
    passes(paused, fun(Gone, Own, [_ | Rest]) ->
        ok = bed_node:call(Gone, barnacle_cluster, pause, [bed_member:server()]),
        ok = bed_dns_script:script(Own, bed_story:answering(Rest)),
        fun(_) -> {ok, _} = bed_story:refresh(Gone) end
    end).

foreign_connection_is_a_passing_reason(_) ->
    [Foreign] = hosts([on]),
    Name = bed_node:name(Foreign),
    passes({foreign_links, [Name]}, fun(Gone, Own, [_ | Rest]) ->
        %% Hidden from the others' point of view it is not: global connects them all.
        true = bed_node:call(Foreign, net_kernel, connect_node, [bed_node:name(Gone)]),
        ok = bed_dns_script:script(Own, bed_story:answering(Rest)),
        fun(_) -> bed_node:kill(Foreign) end
    end).

other_barnacle_there_is_a_passing_reason(_) ->
    passes(wanted_by_others, fun(Gone, Own, [_, First | _] = Nodes) ->
        Options = #{strategy => {epmd, [bed_node:name(First)]}},
        Other = bed_node:call(Gone, ?MODULE, other_barnacle, [Options]),
        ok = bed_dns_script:script(Own, bed_story:answering(tl(Nodes))),
        fun(_) -> ok = bed_node:call(Gone, barnacle_cluster, shutdown, [Other]) end
    end).

%% The messages to its registry are lost.
no_reply_is_a_passing_reason(_) ->
    passes(no_answer, fun(Gone, Own, [_ | Rest]) ->
        Registry = bed_node:call(Gone, erlang, whereis, [barnacle_registry]),
        true = bed_node:call(Gone, erlang, unregister, [barnacle_registry]),
        ok = bed_dns_script:script(Own, bed_story:answering(Rest)),
        fun(_) -> true = bed_node:call(Gone, erlang, register, [barnacle_registry, Registry]) end
    end).

%% Its source omits it later than those of the others.
lasting_reason_that_ends_is_reported_too(_) ->
    passes(named, fun(_Gone, Own, _Nodes) ->
        fun(Rest) -> bed_dns_script:script(Own, bed_story:answering(Rest)) end
    end).

%% The departed node has a name server of its own.
passes(Why, Begin) ->
    [Gone, First | _] = Nodes = hosts([on, on, on, on]),
    Rest = tl(Nodes),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Own = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members(Rest, dns(Dns, #{departed_after => 0})),
    ok = bed_story:members([Gone], dns(Own, #{departed_after => 0})),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    Links = bed_story:watch(Rest),
    End = Begin(Gone, Own, Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    bed_wait:until({declined, Why}, fun() ->
        case maps:get(text(Gone), departed(First), none) of
            no_answer when Why =:= no_answer -> true;
            {stays, Why} -> true;
            {stays, {Why, _}} -> true;
            Other -> Other
        end
    end),
    ?assert(lists:member(bed_node:name(Gone), bed_node:visible(First))),
    _ = End(Rest),
    ok = bed_story:linked({Gone, []}),
    _ = lost_only(Gone, Rest, Links),
    ?assertMatch(#{state := S} when S =:= standby; S =:= resting, bed_story:status(Gone)).

%% ---- a custom strategy ----

%% "This will attempt to connect to new nodes, and disconnect from nodes that are no longer
%% available": the program that the documentation of the Gleam API has for it, on one node.
documented_program_disconnects_in_a_cluster_of_two(_) ->
    [First, Gone] = Nodes = hosts([on, on]),
    ok = program([First], Nodes),
    {ok, _} = bed_story:refresh(First),
    ok = bed_story:linked({First, [Gone]}),
    ok = lists([First], [First]),
    ?assertEqual({ok, bed_story:names([First])}, bed_story:refresh(First)),
    ?assertEqual([[], []], [bed_node:visible(Node) || Node <- Nodes]).

documented_program_disconnects_in_a_mesh_of_three(_) ->
    [
        begin
            [First, Second, Gone] = Nodes = hosts([on, on, on]),
            ok = program(Programs(Nodes), Nodes),
            {ok, _} = bed_story:refresh(First),
            ok = bed_nodes:await_mesh(Nodes),
            Links = bed_story:watch([First, Second]),
            ok = lists(Programs(Nodes), [First, Second]),
            %% Where another node runs it too, that one knows when it has refreshed.
            [_ = bed_story:refresh(Node) || Node <- tl(Programs(Nodes))],
            ?assertEqual({ok, bed_story:names([First, Second])}, bed_story:refresh(First)),
            ?assertEqual([], bed_node:visible(Gone)),
            _ = lost_only(Gone, [First, Second], Links),
            bed_nodes:stop(Nodes)
        end
     || Programs <- [
            fun([First, _, _]) -> [First] end,
            fun([First, Second, _]) -> [First, Second] end,
            fun(All) -> All end
        ]
    ].

empty_custom_list_is_the_users_word(_) ->
    [First, Gone] = Nodes = hosts([on, on]),
    ok = program([First], Nodes),
    {ok, _} = bed_story:refresh(First),
    ok = bed_story:linked({First, [Gone]}),
    ok = lists([First], []),
    ?assertEqual({ok, bed_story:names([First])}, bed_story:refresh(First)),
    ?assertEqual([], bed_node:visible(Gone)),
    ?assertMatch(#{suspect := false}, bed_story:status(First)).

custom_list_moves_no_node_that_it_never_contained(_) ->
    [First, Second, Other] = Nodes = hosts([on, on, on]),
    ok = program([First], [First, Second]),
    {ok, _} = bed_story:refresh(First),
    true = bed_node:call(First, net_kernel, connect_node, [bed_node:name(Other)]),
    ok = bed_nodes:await_mesh(Nodes),
    Links = bed_story:watch(Nodes),
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)),
    %% Nor a result that is none.
    [
        begin
            ok = bed_node:call(First, application, set_env, [barnacle_bed, names, Result]),
            _ = bed_story:refresh(First)
        end
     || Result <- [{error, why}, {partial, [], why}]
    ],
    ?assertEqual([], bed_story:lost(Links)).

%% ---- a node without a barnacle ----

registry_without_a_barnacle_leaves(_) ->
    {[Gone | Rest], Dns} = plain_cluster(4),
    {ok, _} = bed_node:call(Gone, application, ensure_all_started, [barnacle]),
    Links = bed_story:watch(Rest),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    ok = bed_story:linked({Gone, []}),
    _ = lost_only(Gone, Rest, Links).

%% As for an upgrade, for however long.
stopped_application_is_no_missing_barnacle(_) ->
    {[Gone, First | _] = Nodes, Dns} = plain_cluster(4),
    ok = bed_story:members([Gone], dns(Dns, #{departed_after => 0})),
    ok = bed_story:await_wanted(Gone, Nodes),
    ok = bed_node:call(Gone, bed_member, stop, []),
    ok = bed_node:call(Gone, application, stop, [barnacle]),
    Rest = tl(Nodes),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    ok = departed(First, Gone, no_answer),
    {error, {disconnect_error, [{Name, failed_to_disconnect}]}} = bed_story:refresh(First),
    ?assertEqual(bed_node:name(Gone), Name),
    [ok = bed_story:rounds(Node, 10) || Node <- Rest],
    ?assertEqual([], bed_story:lost(Links)).

%% Two barnacles, of which one has lost the name; the other nodes are plain.
one_wrong_view_moves_no_plain_node(_) ->
    [Gone, First, Second | _] = Nodes = hosts([on, on, on, on]),
    Wrong = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members([First], dns(Wrong, #{departed_after => 0})),
    ok = bed_story:members([Second], dns(Dns, #{departed_after => 0})),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- [First, Second]],
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Wrong, bed_story:answering(tl(Nodes))),
    ok = departed(First, Gone, {stays, {wanted_by, [bed_node:name(Second)]}}),
    ?assertEqual(
        {error, {disconnect_error, [{bed_node:name(Gone), failed_to_disconnect}]}},
        bed_story:refresh(First)
    ),
    [ok = bed_story:rounds(Node, 10) || Node <- [First, Second]],
    ?assertEqual([], bed_story:lost(Links)).

foreign_connection_keeps_a_plain_node(_) ->
    {[Gone, First | _] = Nodes, Dns} = plain_cluster(4),
    [Foreign] = hosts([on]),
    true = bed_node:call(Foreign, net_kernel, connect_node, [bed_node:name(Gone)]),
    ok = bed_nodes:await_mesh([Foreign | Nodes]),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(tl(Nodes))),
    ok = departed(First, Gone, {stays, {foreign_links, [bed_node:name(Foreign)]}}),
    [ok = bed_story:rounds(Node, 10) || Node <- tl(Nodes)],
    ?assertEqual([], bed_story:lost(Links)),
    %% It is looked at again.
    ok = bed_node:kill(Foreign),
    ok = bed_story:linked({Gone, []}),
    ok = bed_nodes:await_mesh(tl(Nodes)).

other_barnacle_here_keeps_a_plain_node(_) ->
    {[Gone, First | _] = Nodes, Dns} = plain_cluster(4),
    Rest = tl(Nodes),
    Options = #{strategy => {epmd, [bed_node:name(Gone)]}},
    _ = bed_node:call(First, ?MODULE, other_barnacle, [Options]),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    [ok = bed_story:await_wanted(Node, Rest) || Node <- Rest],
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)),
    [ok = bed_story:rounds(Node, 10) || Node <- Rest],
    ?assertEqual([], bed_story:lost(Links)).

results_without_evidence_move_no_node(_) ->
    {[_Gone, First | _] = Nodes, Dns} = plain_cluster(4),
    Rest = tl(Nodes),
    Links = bed_story:watch(Nodes),
    Scripts = [
        [{'_', '_', servfail}],
        [{'_', '_', nxdomain}],
        bed_story:answering([First])
    ],
    [
        begin
            ok = bed_dns_script:script(Dns, Script),
            [ok = bed_story:rounds(Node, 4) || Node <- Rest],
            _ = bed_story:refresh(First)
        end
     || Script <- Scripts
    ],
    ?assertEqual([], bed_story:lost(Links)).

report_moves_no_node(_) ->
    [Gone, First | _] = Nodes = hosts([on, on, on]),
    Rest = tl(Nodes),
    Dns = clustered(Rest, Nodes, #{departed_after => 0, disconnect => report}),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    ok = departed(First, Gone, not_asked),
    {ok, _} = bed_story:refresh(First),
    ?assertEqual([], bed_story:lost(Links)).

%% ---- words of these stories ----

plain_cluster(Size) ->
    [_ | Rest] = Nodes = hosts(lists:duplicate(Size, on)),
    {Nodes, clustered(Rest, Nodes, #{departed_after => 0})}.

%% Barnacles on some nodes of a mesh; each has discovered all of them.
clustered(Members, Nodes, More) ->
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members(Members, dns(Dns, More)),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Members],
    Dns.

dns(Dns, More) ->
    maps:merge(bed_story:dns(bed_dns_script:nameserver(Dns), #{}), More).

guards(guard_on, Size) -> lists:duplicate(Size, on);
guards(guard_off, Size) -> lists:duplicate(Size, off);
guards(guard_mixed, Size) -> [lists:nth(1 + N rem 2, [on, off]) || N <- lists:seq(1, Size)].

hosts(Guards) ->
    bed_nodes:start_link(#{name => "app", fixed_port => port()}, [
        #{host => bed_ports:address(), args => guard(Guard)}
     || Guard <- Guards
    ]).

%% All nodes of a story have the same one.
port() ->
    case get(port) of
        undefined ->
            Port = bed_ports:port(),
            _ = put(port, Port),
            Port;
        Port ->
            Port
    end.

guard(on) -> [];
guard(off) -> ["-kernel", "prevent_overlapping_partitions", "false"].

%% These have all lost that node, and no pair of them its connection. Gives how often.
lost_only(Gone, Nodes, Links) ->
    Name = bed_node:name(Gone),
    bed_wait:until({lost, Name}, fun() ->
        Lost = bed_story:lost(Links),
        case lists:sort([Node || {Node, _} <- Lost]) =:= bed_story:names(Nodes) of
            true -> {true, ok};
            false -> Lost
        end
    end),
    Lost = bed_story:lost(Links),
    Rest = bed_story:names(Nodes),
    ?assertEqual([], [
        {Node, Other}
     || {Node, Others} <- Lost, Other <- Others, Other =/= Name, lists:member(Other, Rest)
    ]),
    length([Node || {Node, Others} <- Lost, _ <- Others]).

text(Node) ->
    atom_to_binary(bed_node:name(Node)).

departed(Node) ->
    #{departed := Departed} = bed_story:status(Node),
    Departed.

departed(Node, Gone, As) ->
    bed_wait:until({departed, As}, fun() ->
        Now = departed(Node),
        maps:get(text(Gone), Now, none) =:= As orelse Now
    end).

%% The documented program: a strategy with a function, which returns what the test wants.
program(Members, Nodes) ->
    ok = lists(Members, Nodes),
    bed_story:members(Members, #{
        strategy => {custom, #{discover => fun ?MODULE:listed/0}}, poll_interval => ?NEVER_MS
    }).

lists(Members, Nodes) ->
    Names = bed_story:names(Nodes),
    Env = [barnacle_bed, names, {ok, Names}],
    [ok = bed_node:call(Node, application, set_env, Env) || Node <- Members],
    ok.

listed() ->
    {ok, Result} = application:get_env(barnacle_bed, names),
    Result.

%% A second barnacle of a node, for as long as the node lives or it is shut down.
other_barnacle(Options) ->
    Caller = self(),
    spawn(fun() ->
        {ok, Other} = barnacle_cluster:start_link(Options),
        ok = barnacle_cluster:await(Other, first_round, infinity),
        Caller ! {other_barnacle, Other},
        receive after infinity -> ok end
    end),
    receive
        {other_barnacle, Other} -> Other
    end.
