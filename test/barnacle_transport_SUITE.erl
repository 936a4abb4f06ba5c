%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_transport_SUITE).

%% A barnacle whose transport has the habits of Partisan (bed_partisan), in this VM, which has no
%% distribution. One case for each habit, as a module and as functions of a custom strategy.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_suite/1, end_per_suite/1]).
-export([init_per_group/2, end_per_group/2, init_per_testcase/2, end_per_testcase/2]).
-export([
    asynchronous/1,
    dead_peer_is_reported/1,
    slow_node_delays_no_other/1,
    failing_node_has_its_retry_delay/1,
    failing_node_is_retried_between_polls/1,
    at_most_max_connects/1,
    crash_ends_its_refresh_only/1,
    own_name/1,
    no_distribution/1,
    evicted_and_logged/1,
    narrow_results_evict_no_node/1,
    disconnect_never/1,
    leave/1,
    members_that_are_not_connected/1,
    data_of_discovery/1,
    event_wakes_a_refresh/1,
    hints_of_the_transport/1,
    paused_while_pending/1,
    killed_server_leaves_nothing/1,
    all_nodes_are_there/1
]).

-define(NEVER_MS, 3600000).
-define(SHORT_MS, 300).
-define(LONG_MS, 20000).

suite() ->
    [{timetrap, {minutes, 1}}].

all() ->
    [{group, module}, {group, functions}].

%% Functions of a custom strategy have no data, events, hints or list of members.
groups() ->
    Both = [
        asynchronous,
        dead_peer_is_reported,
        slow_node_delays_no_other,
        failing_node_has_its_retry_delay,
        failing_node_is_retried_between_polls,
        at_most_max_connects,
        crash_ends_its_refresh_only,
        own_name,
        no_distribution,
        evicted_and_logged,
        narrow_results_evict_no_node,
        disconnect_never,
        leave,
        paused_while_pending,
        killed_server_leaves_nothing,
        all_nodes_are_there
    ],
    Module = [
        members_that_are_not_connected, data_of_discovery, event_wakes_a_refresh,
        hints_of_the_transport
    ],
    [{module, Both ++ Module}, {functions, Both}].

init_per_suite(Config) ->
    nonode@nohost = node(),
    {ok, Started} = application:ensure_all_started(barnacle),
    ok = bed_log:watch(),
    [{started, Started} | Config].

end_per_suite(Config) ->
    ok = bed_log:unwatch(),
    [ok = application:stop(App) || App <- lists:reverse(proplists:get_value(started, Config))],
    ok.

init_per_group(Group, Config) -> [{kind, Group} | Config].

end_per_group(_Group, _Config) -> ok.

%% The barnacle is linked to the process of the case.
init_per_testcase(_Case, Config) ->
    ok = bed_log:forget(),
    Config.

end_per_testcase(_Case, _Config) -> ok.

%% ---- asynchronous joins ----

%% A join returns before its node is connected: the refresh waits for the list.
asynchronous(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 50}, b@p => {up, 150}}),
    ?assertEqual({ok, [a@p, b@p, own@p]}, refresh(Server)),
    ?assertEqual([a@p, b@p, own@p], connected(Cluster)).

%% Not {ok, _} while a peer is dead.
dead_peer_is_reported(Config) ->
    Options = #{connect_timeout => ?SHORT_MS},
    {Server, _} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => dead}, Options),
    ?assertEqual({error, {connect_error, [{b@p, timeout}]}}, refresh(Server)),
    ?assertMatch(
        #{wanted := #{<<"a@p">> := #{state := connected}, <<"b@p">> := #{reason := timeout}}},
        barnacle_cluster:status(Server)
    ).

%% ---- slow, failing ----

slow_node_delays_no_other(Config) ->
    Peers = #{a@p => hangs, b@p => {up, 0}, c@p => {slow, 50}},
    {Server, Cluster} = start(Config, [a@p, b@p, c@p], Peers, #{connect_timeout => ?LONG_MS}),
    ok = bed_wait:until(connected, fun() ->
        Connected = connected(Cluster),
        Connected =:= [b@p, c@p, own@p] orelse Connected
    end),
    %% The refresh still waits for a@p, and the server replies.
    ?assertMatch(#{round := running}, barnacle_cluster:status(Server)),
    ok = barnacle_cluster:shutdown(Server),
    %% The time limit ends the refresh, not the other way round.
    Limited = #{connect_timeout => ?SHORT_MS},
    {Again, _} = start(Config, [a@p, b@p], Peers, Limited),
    ?assertEqual({error, {connect_error, [{a@p, timeout}]}}, refresh(Again)).

%% The polls leave it alone; a refresh attempts it.
failing_node_has_its_retry_delay(Config) ->
    Options = #{poll_interval => 10, retry_min => ?LONG_MS, retry_max => ?LONG_MS},
    Peers = #{a@p => {error, refused}, b@p => {up, 0}},
    {Server, Cluster} = start(Config, [a@p, b@p], Peers, Options),
    ok = bed_partisan:await_attempt({connect, a@p}, 1, Cluster),
    #{rounds := Before} = barnacle_cluster:status(Server),
    ok = bed_wait:until(polls, fun() ->
        #{rounds := Now} = barnacle_cluster:status(Server),
        Now > Before + 10 orelse Now
    end),
    ?assertMatch([_], bed_partisan:attempts(a@p, Cluster)),
    ?assertEqual({error, {connect_error, [{a@p, refused}]}}, refresh(Server)),
    ?assertMatch([_, _], bed_partisan:attempts(a@p, Cluster)),
    ?assertMatch([_], bed_partisan:attempts(b@p, Cluster)).

failing_node_is_retried_between_polls(Config) ->
    Options = #{retry_min => 20, retry_max => 40},
    {Server, Cluster} = start(Config, [a@p], #{a@p => {error, refused}}, Options),
    ok = bed_partisan:await_attempt({connect, a@p}, 4, Cluster),
    ok = bed_partisan:behave(a@p, {up, 0}, Cluster),
    ok = barnacle_cluster:await(Server, {nodes, 2}, ?LONG_MS).

at_most_max_connects(Config) ->
    Nodes = [list_to_atom("n" ++ integer_to_list(N) ++ "@p") || N <- lists:seq(1, 9)],
    Options = #{max_connects => 2},
    Peers = maps:from_keys(Nodes, {slow, 20}),
    {Server, Cluster} = start(Config, Nodes, Peers, Options),
    ?assertEqual({ok, lists:sort([own@p | Nodes])}, refresh(Server)),
    ?assertEqual(2, bed_partisan:most(Cluster)).

%% Callers exit with the reason; the next refresh works.
crash_ends_its_refresh_only(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {crash, broken}, b@p => {up, 0}}),
    ?assertExit({broken, [_ | _]}, refresh(Server)),
    ?assertEqual([b@p, own@p], connected(Cluster)),
    ok = bed_partisan:behave(a@p, {up, 0}, Cluster),
    ?assertEqual({ok, [a@p, b@p, own@p]}, refresh(Server)).

%% ---- this node ----

%% Discovery contains it, and then omits it: it is never connected and never disconnected.
own_name(Config) ->
    {Server, Cluster} = start(Config, [own@p, a@p], #{a@p => {up, 0}}),
    ?assertEqual({ok, [a@p, own@p]}, refresh(Server)),
    #{node := Node, wanted := Wanted, others := Others} = barnacle_cluster:status(Server),
    ?assertEqual({own@p, []}, {Node, Others}),
    ?assertEqual(true, is_map_key(<<"a@p">>, Wanted)),
    discovers(Config, [a@p]),
    ?assertEqual({ok, [a@p, own@p]}, refresh(Server)),
    ?assertEqual([], bed_partisan:attempts(own@p, Cluster)),
    ?assertMatch([{_, connect, a@p, _}], bed_partisan:attempts(Cluster)),
    Page = print(Server),
    ?assertEqual({match, nomatch}, {found("own@p", Page), found("nonode", Page)}).

%% Nothing says that this node is not alive.
no_distribution(Config) ->
    {Server, _} = start(Config, [a@p], #{a@p => {up, 0}}),
    ?assertEqual({ok, [a@p, own@p]}, refresh(Server)),
    Kinds = lists:usort([What || {What, _} <- bed_log:lines()]),
    Texts = lists:append([bed_log:texts(What) || What <- Kinds]),
    ?assertEqual([], [Text || Text <- [print(Server) | Texts], found("alive", Text) =:= match]),
    ?assertNot(lists:member(not_alive, maps:get(hints, barnacle_cluster:status(Server)))).

%% ---- disconnects ----

%% By default a member that a complete result omits leaves the cluster, and the log has each.
evicted_and_logged(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p, c@p], maps:from_keys([a@p, b@p, c@p], {up, 0})),
    {ok, _} = refresh(Server),
    discovers(Config, [a@p]),
    ?assertEqual({ok, [a@p, own@p]}, refresh(Server)),
    ?assertEqual([a@p, own@p], members(Cluster)),
    [Text] = bed_log:texts(undiscovered),
    ?assertEqual([match, match, nomatch], [found(Name, Text) || Name <- ["b@p", "c@p", "a@p"]]),
    %% Once for each change.
    {ok, _} = refresh(Server),
    ?assertMatch([_], bed_log:texts(undiscovered)).

%% A partial result and an error are no reason to disconnect.
narrow_results_evict_no_node(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => {up, 0}}),
    {ok, _} = refresh(Server),
    discovers(Config, {partial, [a@p], half}),
    ?assertEqual({ok, [a@p, b@p, own@p]}, refresh(Server)),
    discovers(Config, {error, down}),
    ?assertEqual({error, {strategy_error, down}}, refresh(Server)),
    ?assertEqual([a@p, b@p, own@p], members(Cluster)),
    ?assertEqual([], bed_log:texts(undiscovered)).

disconnect_never(Config) ->
    Options = #{disconnect => never},
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => {up, 0}}, Options),
    {ok, _} = refresh(Server),
    discovers(Config, [a@p]),
    ?assertEqual({ok, [a@p, b@p, own@p]}, refresh(Server)),
    ?assertEqual([a@p, b@p, own@p], members(Cluster)).

%% The members that discovery omits, connected or not; not those that are only dead.
members_that_are_not_connected(Config) ->
    Options = #{connect_timeout => ?SHORT_MS},
    Cluster = cluster(Config, #{members => [gone@p], peers => #{a@p => {up, 0}, dead@p => dead}}),
    Server = start_in(Config, Cluster, [a@p, dead@p], Options),
    ?assertEqual({error, {connect_error, [{dead@p, timeout}]}}, refresh(Server)),
    ?assertEqual([a@p, dead@p, own@p], members(Cluster)).

leave(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => {up, 0}}),
    {ok, _} = refresh(Server),
    {ok, Left} = barnacle_cluster:leave(Server),
    ?assertEqual([a@p, b@p], lists:sort(Left)),
    ?assertEqual([own@p], members(Cluster)),
    Verbs = lists:usort([Verb || {_, Verb, _, _} <- bed_partisan:attempts(Cluster)]),
    ?assertEqual(
        case kind(Config) of
            module -> [connect, leave];
            functions -> [connect, disconnect]
        end,
        Verbs
    ),
    ?assertMatch(#{state := left}, barnacle_cluster:status(Server)),
    %% A refresh joins again.
    ?assertEqual({ok, [a@p, b@p, own@p]}, refresh(Server)).

%% ---- what a module has beyond functions ----

data_of_discovery(Config) ->
    Peers = #{a@p => {error, refused}, b@p => {up, 0}},
    Options = #{retry_min => 20, retry_max => 40},
    {_, Cluster} = start(Config, [{a@p, {"a.host", 1}}, b@p], Peers, Options),
    %% A retry has them too.
    ok = bed_partisan:await_attempt({connect, a@p}, 2, Cluster),
    ok = bed_partisan:await_attempt({connect, b@p}, 1, Cluster),
    ?assertMatch(
        [{_, _, _, {"a.host", 1}}, {_, _, _, {"a.host", 1}} | _],
        bed_partisan:attempts(a@p, Cluster)
    ),
    ?assertMatch([{_, _, _, undefined}], bed_partisan:attempts(b@p, Cluster)).

%% A node that goes is connected again without a poll.
event_wakes_a_refresh(Config) ->
    Options = #{retry_min => 20, retry_max => 40},
    {Server, Cluster} = start(Config, [a@p], #{a@p => {up, 0}}, Options),
    {ok, _} = refresh(Server),
    ok = bed_wait:until(watched, fun() -> bed_partisan:is_watched(Cluster) end),
    #{rounds := Before} = barnacle_cluster:status(Server),
    ok = bed_partisan:go(a@p, Cluster),
    ok = bed_partisan:await_attempt({connect, a@p}, 2, Cluster),
    ok = barnacle_cluster:await(Server, {nodes, 2}, ?LONG_MS),
    #{rounds := After, lost := 1} = barnacle_cluster:status(Server),
    ?assert(After > Before).

hints_of_the_transport(Config) ->
    {Server, Cluster} = start(Config, [], #{a@p => {up, 0}}),
    {ok, [own@p]} = refresh(Server),
    ?assertEqual(
        [{transport, <<"this node is the only member">>}],
        maps:get(hints, barnacle_cluster:status(Server))
    ),
    ?assertEqual(match, found("only member", print(Server))),
    discovers(Config, [a@p]),
    {ok, _} = refresh(Server),
    {ok, _} = refresh(Server),
    ?assertEqual([a@p, own@p], members(Cluster)),
    ?assertEqual([], maps:get(hints, barnacle_cluster:status(Server))).

%% ---- pause, the end ----

%% The refresh ends at once, and its caller learns why.
paused_while_pending(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => dead}),
    Caller = bed_held:ask(fun() -> refresh(Server) end),
    ok = bed_partisan:await_attempt({connect, b@p}, 1, Cluster),
    ok = bed_wait:until(connected, fun() -> connected(Cluster) =:= [a@p, own@p] end),
    ok = barnacle_cluster:pause(Server),
    Attempts = bed_partisan:attempts(Cluster),
    ?assertMatch({error, {connect_error, [{b@p, paused}]}}, bed_held:answer(Caller)),
    ?assertEqual(Attempts, bed_partisan:attempts(Cluster)),
    ?assertMatch(#{state := paused}, barnacle_cluster:status(Server)).

%% A join that hangs ends with the server, however that ends.
killed_server_leaves_nothing(Config) ->
    process_flag(trap_exit, true),
    {Server, Cluster} = start(Config, [a@p], #{a@p => hangs}),
    ok = bed_partisan:await_attempt({connect, a@p}, 1, Cluster),
    [Pid] = bed_partisan:hanging(Cluster),
    exit(Server, kill),
    killed = bed_wait:gone(Pid).

all_nodes_are_there(Config) ->
    {Server, Cluster} = start(Config, [a@p, b@p], #{a@p => {up, 0}, b@p => {error, refused}}, #{
        retry_min => 20, retry_max => 40
    }),
    ok = barnacle_cluster:await(Server, first_round, ?LONG_MS),
    ok = barnacle_cluster:await(Server, {nodes, 2}, ?LONG_MS),
    ?assertNot(barnacle_cluster:ready(Server, all)),
    ok = bed_partisan:behave(b@p, {up, 0}, Cluster),
    ok = barnacle_cluster:await(Server, all, ?LONG_MS),
    ok = barnacle_cluster:await(Server, {nodes, 3}, ?LONG_MS).

%% ---- a barnacle in a cluster ----

start(Config, Discovered, Peers) ->
    start(Config, Discovered, Peers, #{}).

start(Config, Discovered, Peers, Options) ->
    Cluster = cluster(Config, #{peers => Peers}),
    {start_in(Config, Cluster, Discovered, Options), Cluster}.

cluster(_Config, Options) ->
    bed_partisan:start_link(Options#{own => own@p}).

start_in(Config, Cluster, Discovered, Options) ->
    discovers(Config, Discovered),
    Discover = #{discover => fun() -> persistent_term:get(?MODULE) end},
    Own =
        case kind(Config) of
            module ->
                #{strategy => {custom, Discover}, transport => {bed_partisan, Cluster}};
            functions ->
                #{strategy => {custom, maps:merge(bed_partisan:functions(Cluster), Discover)}}
        end,
    Common = #{
        %% Otherwise it would be as the one of the case before, which was paused, or had left.
        name => list_to_atom("barnacle_" ++ integer_to_list(erlang:unique_integer([positive]))),
        poll_interval => ?NEVER_MS,
        retry_min => ?NEVER_MS,
        retry_max => ?NEVER_MS,
        connect_timeout => ?LONG_MS
    },
    {ok, Server} = barnacle_cluster:start_link(maps:merge(maps:merge(Common, Own), Options)),
    Server.

kind(Config) -> proplists:get_value(kind, Config).

%% What the discovery returns from now on.
discovers(_Config, Discovered) when is_list(Discovered) ->
    persistent_term:put(?MODULE, {ok, Discovered});
discovers(_Config, Other) ->
    persistent_term:put(?MODULE, Other).

refresh(Server) ->
    case barnacle_cluster:refresh(Server, 2 * ?LONG_MS) of
        {ok, Nodes} -> {ok, lists:sort(Nodes)};
        Error -> Error
    end.

connected(Cluster) -> maps:get(connected, bed_partisan:seen(Cluster)).

members(Cluster) -> maps:get(members, bed_partisan:seen(Cluster)).

print(Server) ->
    unicode:characters_to_list(barnacle_print:page(barnacle_cluster:status(Server))).

found(Word, Text) ->
    case string:find(Text, Word) of
        nomatch -> nomatch;
        _ -> match
    end.
