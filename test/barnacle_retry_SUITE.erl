%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_retry_SUITE).

%% Links of real nodes that come back between two polls, and waiting for them. When a node is
%% dialled again is in barnacle_retry_tests.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    lost_link_comes_back_between_polls/1,
    link_lost_in_the_round_that_made_it_comes_back/1,
    failing_node_is_dialled_between_polls/1,
    polls_leave_a_failing_node_alone_and_refresh_dials_it/1,
    polls_go_on_while_a_hung_host_is_dialled/1,
    nothing_is_dialled_while_paused/1,
    waits_for_nodes/1
]).

-define(NEVER_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        lost_link_comes_back_between_polls,
        link_lost_in_the_round_that_made_it_comes_back,
        failing_node_is_dialled_between_polls,
        polls_leave_a_failing_node_alone_and_refresh_dials_it,
        polls_go_on_while_a_hung_host_is_dialled,
        nothing_is_dialled_while_paused,
        waits_for_nodes
    ].

lost_link_comes_back_between_polls(_) ->
    [First, Second] = Nodes = hosts(2),
    ok = bed_story:members([First], one_round(Nodes, #{})),
    ok = bed_nodes:await_mesh(Nodes),
    Links = bed_story:watch([First]),
    true = bed_node:call(Second, erlang, disconnect_node, [bed_node:name(First)]),
    ok = bed_wait:until(lost, fun() -> bed_story:lost(Links) =/= [] end),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertMatch(#{rounds := 1}, bed_story:status(First)).

%% The first round waits for the hung one when the other's link goes: nobody was wanted before.
link_lost_in_the_round_that_made_it_comes_back(_) ->
    [First, Second, Hung] = Nodes = hosts(3),
    Two = [First, Second],
    ok = bed_node:suspend(Hung),
    ok = bed_story:members([First], one_round(Nodes, #{connect_timeout => 5000})),
    ok = bed_nodes:await_mesh(Two),
    true = bed_node:call(Second, erlang, disconnect_node, [bed_node:name(First)]),
    ok = bed_wait:until(over, fun() -> rounds(First) =:= 1 end),
    ok = bed_nodes:await_mesh(Two),
    ?assertEqual(1, rounds(First)).

failing_node_is_dialled_between_polls(_) ->
    [First, Second] = Nodes = hosts(2),
    ok = bed_node:kill(Second),
    ok = bed_story:members([First], one_round(Nodes, quick())),
    ok = bed_wait:until(failed, fun() -> rounds(First) =:= 1 end),
    ok = bed_node:restart(Second),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertEqual(1, rounds(First)).

polls_leave_a_failing_node_alone_and_refresh_dials_it(_) ->
    [First, Second] = Nodes = hosts(2),
    ok = bed_node:kill(Second),
    ok = bed_story:members([First], (epmd(Nodes))#{
        retry_min => ?NEVER_MS, retry_max => ?NEVER_MS
    }),
    ok = bed_story:rounds(First, 1),
    ok = bed_node:restart(Second),
    %% It counts as failed all the time.
    ok = bed_story:rounds(First, 5),
    ?assertEqual([], bed_node:visible(First)),
    ?assertEqual(bed_story:texts([Second]), maps:keys(bed_story:missing(First))),
    ?assertMatch(#{last_error := #{reason := {connect_error, [_]}}}, bed_story:status(First)),
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)),
    ?assertEqual(#{}, bed_story:missing(First)).

%% It is due again at once, and each of its dials takes a second: were polls to wait for it, these
%% would take minutes.
polls_go_on_while_a_hung_host_is_dialled(_) ->
    [First, Second] = Nodes = hosts(2),
    ok = bed_node:suspend(Second),
    ok = bed_story:members([First], (epmd(Nodes))#{
        poll_interval => 10, connect_timeout => 1000, retry_min => 1, retry_max => 1
    }),
    ok = bed_story:rounds(First, 200),
    ?assertEqual(bed_story:texts([Second]), maps:keys(bed_story:missing(First))),
    ok = bed_node:resume(Second),
    ok = bed_nodes:await_mesh(Nodes).

nothing_is_dialled_while_paused(_) ->
    [First, Second] = Nodes = hosts(2),
    ok = bed_node:kill(Second),
    ok = bed_story:members([First], one_round(Nodes, quick())),
    ok = bed_wait:until(failed, fun() -> rounds(First) =:= 1 end),
    ok = bed_node:call(First, barnacle_cluster, pause, [bed_member:server()]),
    ok = bed_node:restart(Second),
    %% Many times the longest that it would be left alone.
    ?assertEqual({error, timeout}, await(First, {nodes, 2}, 2000)),
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)).

waits_for_nodes(_) ->
    [First, Second, Third] = Nodes = hosts(3),
    ok = bed_node:kill(Third),
    ok = bed_story:members([First, Second], maps:merge(epmd(Nodes), quick())),
    ?assertEqual(ok, await(First, first_round, infinity)),
    ?assertEqual(ok, await(First, {nodes, 2}, 60000)),
    ?assertEqual({error, timeout}, await(First, all, 100)),
    ?assertNot(ready(First, {nodes, 3})),
    {_, Monitor} = spawn_monitor(fun() -> exit({waited, await(First, all, 60000)}) end),
    ok = bed_node:restart(Third),
    receive
        {'DOWN', Monitor, process, _, Reason} -> ?assertEqual({waited, ok}, Reason)
    end,
    ok = bed_wait:until(ready, fun() -> ready(First, all) end).

%% ---- words of these stories ----

hosts(Count) ->
    Common = #{
        name => "app",
        fixed_port => bed_ports:port(),
        %% Without global's mesh nobody but barnacle makes links.
        args => ["-connect_all", "false"]
    },
    bed_nodes:start_link(Common, [#{host => bed_ports:address()} || _ <- lists:seq(1, Count)]).

epmd(Nodes) ->
    #{
        strategy => {epmd, bed_story:names(Nodes)},
        connect_timeout => 60000,
        probe_timeout => 30000
    }.

one_round(Nodes, More) ->
    maps:merge((epmd(Nodes))#{poll_interval => ?NEVER_MS}, More).

quick() ->
    #{retry_min => 20, retry_max => 100}.

rounds(Node) ->
    maps:get(rounds, bed_story:status(Node)).

await(Node, What, LimitMs) ->
    bed_node:call(
        Node, barnacle_cluster, await, [bed_member:server(), What, LimitMs], 70000
    ).

ready(Node, What) ->
    bed_node:call(Node, barnacle_cluster, ready, [bed_member:server(), What]).
