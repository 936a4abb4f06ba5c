%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leave_protocol_SUITE).

%% The protocol of leaving between real nodes, without barnacles that use it: what an inspection
%% finds, what peers reply, and a node without a barnacle that is made to leave a mesh. Every pair
%% of the nodes that stay is counted.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0]).
-export([
    inspection_finds_what_is_there/1,
    stopped_registry_is_not_none/1,
    inspection_of_a_node_that_hangs_is_unknown/1,
    inspection_never_connects/1,
    reply_to_an_inspection_never_connects/1,
    peers_say_what_they_want/1,
    registry_replies_without_a_barnacle/1,
    expelled_node_leaves_alone/1,
    expulsion_never_connects/1
]).
%% In nodes of the test-bed.
-export([event_of/2, wants/1, settled/0]).

suite() ->
    [{timetrap, {minutes, 30}}].

all() ->
    [
        inspection_finds_what_is_there,
        stopped_registry_is_not_none,
        inspection_of_a_node_that_hangs_is_unknown,
        inspection_never_connects,
        reply_to_an_inspection_never_connects,
        peers_say_what_they_want,
        registry_replies_without_a_barnacle,
        expulsion_never_connects
        | [{group, Guard} || {Guard, _, _} <- groups()]
    ].

groups() ->
    [{Guard, [], [expelled_node_leaves_alone]} || Guard <- [guard_on, guard_off, guard_mixed]].

inspection_finds_what_is_there(_) ->
    [A, B, C] = mesh([on, on, on]),
    {ok, _} = bed_node:call(C, application, ensure_all_started, [barnacle]),
    ?assertEqual(
        {inspected, bed_node:name(B), #{registry => none, connections => bed_story:names([A, C])}},
        from(A, inspect, [bed_node:name(B)])
    ),
    ?assertEqual(
        {inspected, bed_node:name(C), #{registry => there, connections => bed_story:names([A, B])}},
        from(A, inspect, [bed_node:name(C)])
    ).

stopped_registry_is_not_none(_) ->
    [A, B] = mesh([on, on]),
    {ok, _} = bed_node:call(B, application, ensure_all_started, [barnacle]),
    ok = bed_node:call(B, application, stop, [barnacle]),
    undefined = bed_node:call(B, erlang, whereis, [barnacle_registry]),
    ?assertMatch(
        {inspected, _, #{registry := there}}, from(A, inspect, [bed_node:name(B)])
    ).

inspection_of_a_node_that_hangs_is_unknown(_) ->
    [A, B] = mesh([on, on]),
    ok = bed_node:suspend(B),
    Unknown = {inspected, bed_node:name(B), #{registry => unknown, connections => unknown}},
    %% It may run on for a moment.
    bed_wait:until(unknown, fun() ->
        Found = from(A, inspect, [bed_node:name(B)]),
        Found =:= Unknown orelse Found
    end),
    ok = bed_node:resume(B).

inspection_never_connects(_) ->
    Nodes = [A, B] = nodes_with([on, on]),
    Watched = bed_story:watch(Nodes),
    ?assertEqual(
        {inspected, bed_node:name(B), #{registry => unknown, connections => unknown}},
        from(A, inspect, [bed_node:name(B)])
    ),
    ?assertEqual(
        {wanted_by, x@h, {unknown, [bed_node:name(B)]}},
        from(A, ask_wants, [x@h, [bed_node:name(B)]])
    ),
    ok = none_connected(Nodes, Watched).

%% The node answers the question when the connection has ended already.
reply_to_an_inspection_never_connects(_) ->
    Nodes = [A, B] = mesh([on, on]),
    ok = bed_node:call(B, sys, suspend, [rex]),
    ?assertMatch({inspected, _, #{registry := unknown}}, from(A, inspect, [bed_node:name(B)])),
    true = bed_node:call(A, erlang, disconnect_node, [bed_node:name(B)]),
    [ok = bed_story:linked({Node, []}) || Node <- Nodes],
    Watched = bed_story:watch(Nodes),
    ok = bed_node:call(B, sys, resume, [rex]),
    ok = none_connected(Nodes, Watched).

peers_say_what_they_want(_) ->
    [A, B, C, D] = Nodes = mesh([on, on, on, on]),
    [Node, NameB, NameC, NameD] = [bed_node:name(N) || N <- Nodes],
    Wants = fun() -> from(A, ask_wants, [NameD, [NameB, NameC]]) end,
    ?assertEqual({wanted_by, NameD, no}, Wants()),
    %% A registry without barnacles; one whose barnacle has no result; one that wants others.
    {ok, _} = bed_node:call(B, application, ensure_all_started, [barnacle]),
    ?assertEqual({wanted_by, NameD, no}, Wants()),
    Barnacle = bed_node:call(B, ?MODULE, wants, [#{}]),
    ?assertEqual({wanted_by, NameD, {unknown, [NameB]}}, Wants()),
    ok = tell(B, Barnacle, {want, #{atom_to_binary(Node) => present}}),
    bed_wait:until(no, fun() -> Wants() =:= {wanted_by, NameD, no} orelse Wants() end),
    ok = tell(B, Barnacle, {want, #{atom_to_binary(NameD) => present}}),
    bed_wait:until(yes, fun() -> Wants() =:= {wanted_by, NameD, {yes, [NameB]}} orelse Wants() end),
    %% One that hangs is unknown; a yes is enough.
    ok = bed_node:suspend(C),
    ?assertEqual({wanted_by, NameD, {yes, [NameB]}}, Wants()),
    ok = bed_node:suspend(B),
    Unknown = {wanted_by, NameD, {unknown, lists:sort([NameB, NameC])}},
    %% It may run on for a moment.
    bed_wait:until(unknown, fun() -> Wants() =:= Unknown orelse Wants() end),
    [ok = bed_node:resume(N) || N <- [B, C]],
    ?assertEqual([], bed_node:visible(D) -- [Node, NameB, NameC]).

registry_replies_without_a_barnacle(_) ->
    [A, B, _C] = Nodes = mesh([on, on, on]),
    [Node, NameB, NameC] = [bed_node:name(N) || N <- Nodes],
    {ok, _} = bed_node:call(B, application, ensure_all_started, [barnacle]),
    ?assertEqual({declined, NameB, no_barnacle}, from(A, ask, [NameB])),
    %% Another barnacle there wants a connection of that node.
    Barnacle = bed_node:call(B, ?MODULE, wants, [#{atom_to_binary(NameC) => present}]),
    bed_wait:until(wanted, fun() ->
        Said = from(A, ask, [NameB]),
        Said =:= {declined, NameB, {wanted_by_others, [NameC]}} orelse Said
    end),
    %% One that knows the node that asks replies itself.
    ok = tell(B, Barnacle, knows),
    ?assertEqual(no_event, from(A, ask, [NameB])),
    ?assertEqual([], [Node, NameB, NameC] -- bed_story:names(Nodes)).

expelled_node_leaves_alone(Config) ->
    Guard = proplists:get_value(name, proplists:get_value(tc_group_properties, Config)),
    Repeats = bed_long:either(1, 20),
    Sizes = bed_long:either([3, 5], [3, 5, 8]),
    [ok = expelled(Size, Guard) || Size <- Sizes, _ <- lists:seq(1, Repeats)],
    {comment, io_lib:format("~b meshes", [length(Sizes) * Repeats])}.

expelled(Size, Guard) ->
    [Gone | [First | _] = Rest] = Nodes = mesh(guards(Guard, Size)),
    Links = bed_story:watch(Rest),
    ok = bed_node:call(First, barnacle_leave_protocol, expel, [bed_node:name(Gone)]),
    ok = bed_story:linked({Gone, []}),
    ok = bed_nodes:await_mesh(Rest),
    Expected = lists:sort([{bed_node:name(Node), [bed_node:name(Gone)]} || Node <- Rest]),
    ?assertEqual(Expected, lists:sort(bed_story:lost(Links))),
    bed_nodes:stop(Nodes).

expulsion_never_connects(_) ->
    Nodes = [A, B] = nodes_with([on, on]),
    Watched = bed_story:watch(Nodes),
    ok = bed_node:call(A, barnacle_leave_protocol, expel, [bed_node:name(B)]),
    ok = none_connected(Nodes, Watched).

%% ---- words of these stories ----

guards(guard_on, Size) -> lists:duplicate(Size, on);
guards(guard_off, Size) -> lists:duplicate(Size, off);
guards(guard_mixed, Size) -> [lists:nth(1 + N rem 2, [on, off]) || N <- lists:seq(1, Size)].

mesh(Guards) ->
    Nodes = nodes_with(Guards),
    [
        true = bed_node:call(A, net_kernel, connect_node, [bed_node:name(B)])
     || A <- Nodes, B <- Nodes, A =/= B
    ],
    ok = bed_nodes:await_mesh(Nodes),
    %% Until global has made all known to each other, it may connect them again.
    bed_wait:until(synchronised, fun() ->
        lists:all(fun(Node) -> bed_node:call(Node, global, sync, []) =:= ok end, Nodes)
    end),
    Nodes.

nodes_with(Guards) ->
    bed_nodes:start_link(#{name => "app", fixed_port => bed_ports:port()}, [
        #{host => bed_ports:address(), args => guard(Guard)}
     || Guard <- Guards
    ]).

guard(on) -> [];
guard(off) -> ["-kernel", "prevent_overlapping_partitions", "false"].

%% The event that a function of the protocol brings to a process of that node.
from(Node, Function, Args) ->
    bed_node:call(Node, ?MODULE, event_of, [Function, Args]).

event_of(Function, Args) ->
    ok = apply(barnacle_leave_protocol, Function, Args),
    receive
        Message ->
            {ok, Event} = barnacle_leave_protocol:event(Message),
            Event
    after 5000 -> no_event
    end.

%% A barnacle as its registry sees it.
wants(Names) ->
    Test = self(),
    Pid = spawn(fun() ->
        {running, _} = barnacle_registry:back(make_ref()),
        ok = barnacle_registry:want(Names),
        Test ! {self(), back},
        barnacle(not_mine)
    end),
    receive
        {Pid, back} -> Pid
    end.

barnacle(Knows) ->
    receive
        {want, Names} ->
            ok = barnacle_registry:want(Names),
            barnacle(Knows);
        knows ->
            barnacle(mine);
        {barnacle_peer, {ask, Asker}} when Knows =:= not_mine ->
            ok = barnacle_leave_protocol:not_mine(Asker),
            barnacle(Knows);
        _ ->
            barnacle(Knows)
    end.

tell(Node, Pid, Message) ->
    Message = bed_node:call(Node, erlang, send, [Pid, Message]),
    ok.

%% What rex of this node has received before, it has done.
settled() ->
    Ref = make_ref(),
    Self = self(),
    lists:foreach(
        fun(_) ->
            ok = gen_server:cast(rex, {cast, erlang, send, [Self, Ref], user}),
            receive
                Ref -> ok
            end
        end,
        lists:seq(1, 100)
    ).

%% Also those that are being made: net_kernel has a row for each.
connections(Node) ->
    _ = bed_node:call(Node, sys, get_state, [net_kernel]),
    bed_node:call(Node, ets, tab2list, [sys_dist]).

%% Neither now nor meanwhile.
none_connected(Nodes, Watched) ->
    [ok = bed_node:call(Node, ?MODULE, settled, []) || Node <- Nodes],
    [?assertEqual([], connections(Node)) || Node <- Nodes],
    ?assertEqual([], bed_story:lost(Watched)),
    ok.
