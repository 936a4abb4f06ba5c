%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_many_SUITE).

%% Many nodes: those that start at once lose no connection, and hosts that hang do not keep the
%% places of attempts from live ones. The benchmark (P12) has larger numbers.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([nodes_that_start_at_once/1, more_hung_hosts_than_places/1]).

-define(NODES, 20).
-define(CLUSTER, 250).
-define(HUNG, 4).
-define(LIVE, 2).
-define(HOUR_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [nodes_that_start_at_once, more_hung_hosts_than_places].

%% With barnacle's and OTP's defaults, so with the mesh of global and its guard.
nodes_that_start_at_once(_Config) ->
    Nodes = start(bed_ports:addresses(?NODES), bed_ports:port()),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Links = bed_story:watch(Nodes),
    Options = bed_story:dns(bed_dns_script:nameserver(Dns), #{}),
    Started = bed_nodes:each(Nodes, bed_member, start, [Options]),
    ?assertEqual([], [Other || Other <- Started, element(1, Other) =/= ok]),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertEqual([], bed_story:lost(Links)).

%% The hung hosts come first in the order of the first node, and are more than its places in a
%% cluster of this size. The live ones come last. The others refuse connections. The live ones are
%% connected although all of the hung ones hang on, which the time limit allows for an hour.
more_hung_hosts_than_places(_Config) ->
    {First, Live, Hung, Names} = crowd(),
    ?assert(barnacle_attempts:limit(64, #{nodes => ?CLUSTER, stalls => 0}) < ?HUNG),
    {ok, _} = bed_node:call(First, bed_member, start, [
        #{strategy => {epmd, Names}, poll_interval => ?HOUR_MS, connect_timeout => ?HOUR_MS}
    ]),
    ok = bed_story:linked({First, Live}),
    ?assertMatch(#{round := running, rounds := 0}, bed_story:status(First)),
    ?assertEqual(?HUNG, bed_dead_end:dialled(Hung)).

%% Own is the least of the names, the hung ones are next.
crowd() ->
    Port = bed_ports:port(),
    [Own | Others] = lists:sort(
        fun(A, B) -> inet:ntoa(A) =< inet:ntoa(B) end, bed_ports:addresses(?CLUSTER)
    ),
    {HungAddresses, Rest} = lists:split(?HUNG, Others),
    LiveAddresses = lists:nthtail(length(Rest) - ?LIVE, Rest),
    [First | Live] = start([Own | LiveAddresses], Port, ["-kernel", "net_setuptime", "120"]),
    Hung = bed_dead_end:start_link(HungAddresses, Port),
    Names = [list_to_atom("app@" ++ inet:ntoa(Address)) || Address <- Others],
    {First, Live, Hung, Names}.

start(Addresses, Port) ->
    start(Addresses, Port, []).

start(Addresses, Port, Args) ->
    bed_nodes:start_link(
        #{name => "app", fixed_port => Port, args => ["+S", "1:1" | Args]},
        [#{host => Address} || Address <- Addresses]
    ).
