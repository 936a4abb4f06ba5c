%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leaving_SUITE).

%% Nodes that leave a cluster of real nodes: asked to, or by leave. When a node consents is in
%% barnacle_leaving_tests. global's guard against overlapping partitions is on, as is its default.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    cut_by_one_costs_others_their_links/1,
    departed_node_leaves_once_and_is_back_when_named/1,
    resting_node_that_is_linked_leaves_at_once/1,
    restarted_server_rests_on/1,
    refresh_asks_at_once/1,
    wrong_view_of_one_moves_nobody/1,
    half_of_the_names_gone_moves_nobody/1,
    foreign_link_keeps_a_node/1,
    other_barnacle_keeps_a_node/1,
    left_node_is_not_dialled_until_named_anew/1,
    left_node_that_is_linked_leaves_again/1,
    left_node_joins_again_by_refresh/1
]).

-define(NEVER_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        cut_by_one_costs_others_their_links,
        departed_node_leaves_once_and_is_back_when_named,
        resting_node_that_is_linked_leaves_at_once,
        restarted_server_rests_on,
        refresh_asks_at_once,
        wrong_view_of_one_moves_nobody,
        half_of_the_names_gone_moves_nobody,
        foreign_link_keeps_a_node,
        other_barnacle_keeps_a_node,
        left_node_is_not_dialled_until_named_anew,
        left_node_that_is_linked_leaves_again,
        left_node_joins_again_by_refresh
    ].

%% Why nobody cuts a healthy node: global takes it for a failure, and cuts others too. Whom, and how
%% many, is how its messages race.
cut_by_one_costs_others_their_links(_) ->
    [First, Second | _] = Nodes = hosts(5),
    [
        true = bed_node:call(A, net_kernel, connect_node, [bed_node:name(B)])
     || A <- Nodes, B <- Nodes, A =/= B
    ],
    ok = bed_nodes:await_mesh(Nodes),
    Links = bed_story:watch(Nodes),
    true = bed_node:call(First, erlang, disconnect_node, [bed_node:name(Second)]),
    Cut = bed_story:names([First, Second]),
    bed_wait:until(others_cut, fun() ->
        Lost = bed_story:lost(Links),
        lists:any(fun(Pair) -> lists:sort(Pair) =/= Cut end, [[A, B] || {A, Bs} <- Lost, B <- Bs])
            orelse Lost
    end).

departed_node_leaves_once_and_is_back_when_named(_) ->
    {[Gone | Rest] = Nodes, Dns} = cluster(5, #{departed_after => 0}),
    Links = bed_story:watch(Rest),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    ok = bed_story:linked({Gone, []}),
    ok = bed_nodes:await_mesh(Rest),
    ?assertMatch(#{state := resting}, bed_story:status(Gone)),
    ok = bed_wait:until(ready, fun() ->
        bed_node:call(Gone, barnacle_cluster, ready, [bed_member:server(), all])
    end),
    %% It goes on discovering, and stays away.
    ok = bed_story:rounds(Gone, 5),
    [ok = bed_story:rounds(Node, 5) || Node <- Rest],
    ?assertEqual([], bed_node:visible(Gone)),
    ok = lost_only(Gone, Rest, Links),
    ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_wait:until(running, fun() -> maps:get(state, bed_story:status(Gone)) =:= running end).

%% It polls once, and once more since it is asked: what it does later, no poll did.
resting_node_that_is_linked_leaves_at_once(_) ->
    [Gone, First | _] = Nodes = hosts(4),
    Rest = tl(Nodes),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members([Gone], dns(Dns, #{poll_interval => ?NEVER_MS})),
    ok = bed_story:members(Rest, dns(Dns, #{departed_after => 0})),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    Links = bed_story:watch(Rest),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    ok = bed_story:linked({Gone, []}),
    ok = linked_by(First, Gone),
    ok = bed_story:linked({Gone, []}),
    ?assertMatch(#{state := resting}, bed_story:status(Gone)),
    ok = lost_only(Gone, Rest, Links).

restarted_server_rests_on(_) ->
    {[Gone, First | _] = Nodes, Dns} = cluster(3, #{departed_after => 0}),
    ok = bed_dns_script:script(Dns, bed_story:answering(tl(Nodes))),
    ok = bed_story:linked({Gone, []}),
    Server = bed_node:call(Gone, erlang, whereis, [bed_member:server()]),
    true = bed_node:call(Gone, erlang, exit, [Server, kill]),
    ok = bed_wait:until(restarted, fun() ->
        Now = bed_node:call(Gone, erlang, whereis, [bed_member:server()]),
        is_pid(Now) andalso Now =/= Server
    end),
    %% It has forgotten whom it left, and global of a busy peer may link it any time now.
    ok = linked_by(First, Gone),
    ok = bed_story:rounds(Gone, 5),
    ok = bed_story:linked({Gone, []}),
    ?assertMatch(#{state := resting}, bed_story:status(Gone)),
    ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
    ok = bed_nodes:await_mesh(Nodes),
    ok = bed_wait:until(running, fun() -> maps:get(state, bed_story:status(Gone)) =:= running end).

refresh_asks_at_once(_) ->
    {[Gone, First | _] = Nodes, Dns} = cluster(4, #{departed_after => ?NEVER_MS}),
    Rest = tl(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    [ok = bed_story:rounds(Node, 4) || Node <- Nodes],
    ?assert(bed_nodes:is_mesh(Nodes)),
    {ok, _} = bed_story:refresh(First),
    ok = bed_story:linked({Gone, []}),
    ok = bed_nodes:await_mesh(Rest).

%% One whose DNS alone has lost a name asks in vain.
wrong_view_of_one_moves_nobody(_) ->
    [First, Second | _] = Nodes = hosts(5),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Wrong = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members(tl(Nodes), dns(Dns, #{departed_after => 0})),
    ok = bed_story:members([First], dns(Wrong, #{departed_after => 0})),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Wrong, bed_story:answering(Nodes -- [Second])),
    ok = departed(First, #{text(Second) => {stays, named}}),
    [ok = bed_story:rounds(Node, 3) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Links)).

half_of_the_names_gone_moves_nobody(_) ->
    {Nodes, Dns} = cluster(6, #{departed_after => 0}),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(lists:sublist(Nodes, 3))),
    [ok = bed_story:rounds(Node, 5) || Node <- Nodes],
    %% Nor when somebody asks.
    [{ok, _} = bed_story:refresh(Node) || Node <- Nodes],
    [
        ?assertMatch(#{suspect := true, departed := D} when D =:= #{}, bed_story:status(Node))
     || Node <- Nodes
    ],
    ?assertEqual([], bed_story:lost(Links)).

%% A node that also serves somebody else must not drop him.
foreign_link_keeps_a_node(_) ->
    [Foreign | [Gone, First | _] = Nodes] = hosts(5),
    Dns = clustered(Nodes, #{departed_after => 0}),
    ForeignName = bed_node:name(Foreign),
    true = bed_node:call(Gone, net_kernel, connect_node, [ForeignName]),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(tl(Nodes))),
    ok = departed(First, #{text(Gone) => {stays, {foreign_links, [ForeignName]}}}),
    [ok = bed_story:rounds(Node, 3) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Links)).

other_barnacle_keeps_a_node(_) ->
    {[Gone, First, Second | _] = Nodes, Dns} = cluster(4, #{departed_after => 0}),
    {ok, Options} = barnacle_options:new(#{strategy => {epmd, [bed_node:name(Second)]}}),
    {ok, Other} = bed_node:call(Gone, gen_server, start, [barnacle_server, Options, []]),
    ok = bed_node:call(Gone, barnacle_cluster, await, [Other, first_round, infinity], infinity),
    Links = bed_story:watch(Nodes),
    ok = bed_dns_script:script(Dns, bed_story:answering(tl(Nodes))),
    ok = departed(First, #{text(Gone) => {stays, {wanted_by_others, [bed_node:name(Second)]}}}),
    [ok = bed_story:rounds(Node, 3) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Links)).

left_node_is_not_dialled_until_named_anew(_) ->
    {[Gone, First | _] = Nodes, Dns} = cluster(4, #{}),
    Rest = tl(Nodes),
    Links = bed_story:watch(Rest),
    {ok, Left} = bed_node:call(Gone, barnacle_cluster, leave, [bed_member:server(), 60000]),
    ?assertEqual(bed_story:names(Rest), lists:sort(Left)),
    ok = bed_story:linked({Gone, []}),
    ?assertMatch(#{state := left, next_poll_in := none}, bed_story:status(Gone)),
    %% DNS names it still. Nobody dials it, also not when asked for a round.
    [ok = bed_story:rounds(Node, 5) || Node <- Rest],
    [?assertEqual({ok, bed_story:names(Rest)}, bed_story:refresh(Node)) || Node <- Rest],
    ?assertEqual([], bed_node:visible(Gone)),
    ?assertEqual(
        lists:sort([{bed_node:name(Node), [bed_node:name(Gone)]} || Node <- Rest]),
        lists:sort(bed_story:lost(Links))
    ),
    ok = bed_dns_script:script(Dns, bed_story:answering(Rest)),
    [ok = bed_story:rounds(Node, 2) || Node <- Rest],
    ok = bed_dns_script:script(Dns, bed_story:answering(Nodes)),
    ok = bed_story:await_wanted(First, Nodes),
    ok = bed_nodes:await_mesh(Nodes).

left_node_that_is_linked_leaves_again(_) ->
    {[Gone, First | _] = Nodes, _Dns} = cluster(4, #{}),
    Rest = tl(Nodes),
    Links = bed_story:watch(Rest),
    {ok, _} = bed_node:call(Gone, barnacle_cluster, leave, [bed_member:server(), 60000]),
    ok = linked_by(First, Gone),
    ok = bed_story:linked({Gone, []}),
    ?assertMatch(#{state := left}, bed_story:status(Gone)),
    %% The others don't want it for having been linked.
    [ok = bed_story:await_wanted(Node, Rest) || Node <- Rest],
    ok = lost_only(Gone, Rest, Links).

left_node_joins_again_by_refresh(_) ->
    {[Gone, First | _] = Nodes, _Dns} = cluster(3, #{}),
    {ok, [_, _]} = bed_node:call(Gone, barnacle_cluster, leave, [bed_member:server(), 60000]),
    %% global may undo a link at once where it is still busy with the loss of the node.
    _ = bed_story:refresh(Gone),
    ok = bed_nodes:await_mesh(Nodes),
    %% It is back: the others want it again.
    ok = bed_story:await_wanted(First, Nodes).

%% ---- words of these stories ----

cluster(Count, More) ->
    Nodes = hosts(Count),
    {Nodes, clustered(Nodes, More)}.

clustered(Nodes, More) ->
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = bed_story:members(Nodes, dns(Dns, More)),
    ok = bed_nodes:await_mesh(Nodes),
    %% Only who was named can be missed.
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    Dns.

hosts(Count) ->
    Common = #{name => "app", fixed_port => bed_ports:port()},
    bed_nodes:start_link(Common, [#{host => bed_ports:address()} || _ <- lists:seq(1, Count)]).

dns(Dns, More) ->
    maps:merge(bed_story:dns(bed_dns_script:nameserver(Dns), #{}), More).

%% One node dials another, by itself.
linked_by(Node, Other) ->
    true = bed_node:call(Node, net_kernel, connect_node, [bed_node:name(Other)]),
    ok.

%% These have all lost that node, however often, and nobody else. They notice it after that node.
lost_only(Gone, Nodes, Links) ->
    Wanted = lists:sort([{bed_node:name(Node), [bed_node:name(Gone)]} || Node <- Nodes]),
    bed_wait:until({lost, Wanted}, fun() ->
        Lost = lists:sort([{Node, lists:usort(Lost)} || {Node, Lost} <- bed_story:lost(Links)]),
        Lost =:= Wanted orelse Lost
    end).

text(Node) ->
    atom_to_binary(bed_node:name(Node)).

departed(Node, Departed) ->
    bed_wait:until({departed, Departed}, fun() ->
        #{departed := Now} = bed_story:status(Node),
        Now =:= Departed orelse Now
    end).
