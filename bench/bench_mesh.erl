%% SPDX-License-Identifier: Apache-2.0
-module(bench_mesh).

%% Nodes behind delaying proxies: each is called by the address of its proxy and listens on another.

-export([start/2, network/2, heal/2, names/1, stop/1]).

-export_type([mesh/0]).

-type mesh() :: #{
    port := inet:port_number(),
    ways := [{From :: inet:ip_address(), To :: inet:ip_address()}],
    nodes := bed_nodes:nodes(),
    proxy := none | pid()
}.

%% As many nodes app@ADDRESS, not linked to each other yet; without a network so far.
-spec start(pos_integer(), [string()]) -> mesh().
start(Count, Args) ->
    Port = bed_ports:port(),
    Ways = lists:zip(bed_ports:addresses(Count), bed_ports:addresses(Count)),
    Common = #{name => "app", fixed_port => Port, args => Args, applications => [barnacle]},
    Nodes = bed_nodes:start_link(Common, [
        #{host => From, address => To}
     || {From, To} <- Ways
    ]),
    #{port => Port, ways => Ways, nodes => Nodes, proxy => none}.

%% A network of this round-trip time in the place of the last one, whose links break.
-spec network(non_neg_integer(), mesh()) -> mesh().
network(RttMs, #{port := Port, ways := Ways, proxy := Proxy} = Mesh) ->
    [ok = bed_os:stop(Proxy) || is_pid(Proxy)],
    Mesh#{proxy := bench_net:proxy(Port, RttMs, Ways)}.

%% Cuts all links of a node, and waits until nobody has one.
-spec heal(bed_node:name(), mesh()) -> ok.
heal(Node, #{nodes := Nodes}) ->
    bed_wait:until(no_links, fun() ->
        _ = bed_node:call(Node, lists, foreach, [
            fun erlang:disconnect_node/1, bed_node:call(Node, erlang, nodes, [connected])
        ]),
        Seen = bed_nodes:visible(Nodes),
        lists:all(fun({_, Others}) -> Others =:= [] end, Seen) orelse Seen
    end).

-spec names(mesh()) -> [node()].
names(#{nodes := Nodes}) ->
    [bed_node:name(Node) || Node <- Nodes].

-spec stop(mesh()) -> ok.
stop(#{nodes := Nodes, proxy := Proxy}) ->
    ok = bed_nodes:stop(Nodes),
    [ok = bed_os:stop(Proxy) || is_pid(Proxy)],
    ok.
