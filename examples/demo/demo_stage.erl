%% SPDX-License-Identifier: Apache-2.0
-module(demo_stage).

%% The two places where the story plays: five hosts in a DNS zone, and one host with an EPMD.

-export([open/2, title/1, nodes/1, judge/1, names/1, leave/2, come_back/2, close/1]).

-export_type([stage/0, kind/0]).

-type kind() :: dns | local_epmd.

-record(stage, {
    kind :: kind(),
    nodes :: [bed_node:name()],
    addresses :: [inet:ip_address()],
    judge :: bed_node:name(),
    options :: options(),
    server :: bed_dns_real:server() | bed_epmd:epmd()
}).

-type options() :: #{atom() => term()}.
-opaque stage() :: #stage{}.

-define(COUNT, 5).
-define(BASENAME, "app").
-define(ZONE, "demo.test").
-define(HOST, "nodes").
-define(POLL_MS, 1000).
%% Nodes log what they do at notice; here it would stand in the middle of the picture.
-define(QUIET, ["-kernel", "logger_level", "critical"]).

%% Nodes, judge and name service, all running and linked to the caller; no barnacle yet.
-spec open(kind(), none | dns | join) -> stage().
open(dns, Break) ->
    Addresses = bed_ports:addresses(?COUNT),
    Server = bed_dns_real:start_link(nsd, {?ZONE, records(Addresses, Break)}),
    Dist = #{fixed_port => bed_ports:port(), args => ?QUIET},
    Strategy =
        {dns, #{
            basename => <<?BASENAME>>,
            query => <<?HOST "." ?ZONE>>,
            nameservers => [bed_dns_real:nameserver(Server)]
        }},
    #stage{
        kind = dns,
        nodes = bed_nodes:start_link(Dist#{name => ?BASENAME}, [#{host => A} || A <- Addresses]),
        addresses = Addresses,
        judge = judge(Dist#{host => bed_ports:address()}),
        options = options(Strategy, Break),
        server = Server
    };
open(local_epmd, Break) ->
    Server = bed_epmd:start_link(),
    Host = {127, 0, 0, 1},
    Dist = #{epmd_port => bed_epmd:port(Server), host => Host, args => ?QUIET},
    Names = [?BASENAME ++ integer_to_list(N) || N <- lists:seq(1, ?COUNT)],
    #stage{
        kind = local_epmd,
        nodes = bed_nodes:start_link(Dist, [#{name => Name} || Name <- Names]),
        addresses = [],
        judge = judge(Dist),
        options = options(local_epmd, Break),
        server = Server
    }.

-spec title(stage()) -> string().
title(#stage{kind = dns, server = Server}) ->
    "DNS: " ?HOST "." ?ZONE ", asked of nsd on " ++
        binary_to_list(bed_dns_real:nameserver(Server));
title(#stage{kind = local_epmd, server = Server}) ->
    "local EPMD: epmd on 127.0.0.1:" ++ integer_to_list(bed_epmd:port(Server)).

-spec nodes(stage()) -> [{bed_node:name(), options()}].
nodes(#stage{nodes = Nodes, options = Options}) ->
    [{Node, Options} || Node <- Nodes].

-spec judge(stage() | map()) -> bed_node:name().
judge(#stage{judge = Judge}) ->
    Judge;
judge(Dist) ->
    {ok, Judge} = bed_node:start_link(Dist#{name => "judge", hidden => true}),
    Judge.

-spec names(stage()) -> [node()].
names(#stage{nodes = Nodes}) ->
    [bed_node:name(Node) || Node <- Nodes].

%% The Nth node is killed, and leaves the zone. (An EPMD notices by itself.)
-spec leave(pos_integer(), stage()) -> ok.
leave(N, #stage{nodes = Nodes} = Stage) ->
    ok = bed_node:kill(lists:nth(N, Nodes)),
    in_zone(lists:delete(lists:nth(N, Nodes), Nodes), Stage).

%% It boots again, and is in the zone again.
-spec come_back(pos_integer(), stage()) -> ok.
come_back(N, #stage{nodes = Nodes} = Stage) ->
    ok = bed_node:restart(lists:nth(N, Nodes)),
    in_zone(Nodes, Stage).

%% Stops everything; when this returns no process is left.
-spec close(stage()) -> ok.
close(#stage{kind = Kind, nodes = Nodes, judge = Judge, server = Server}) ->
    ok = bed_nodes:stop([Judge | Nodes]),
    case Kind of
        dns -> bed_dns_real:stop(Server);
        local_epmd -> bed_epmd:stop(Server)
    end.

in_zone(_Nodes, #stage{kind = local_epmd}) ->
    ok;
in_zone(Nodes, #stage{kind = dns, nodes = All, addresses = Addresses, server = Server}) ->
    Present = [A || {Node, A} <- lists:zip(All, Addresses), lists:member(Node, Nodes)],
    bed_dns_real:set_zone(Server, records(Present, none)).

records(_Addresses, dns) -> [];
records(Addresses, _Break) -> [{?HOST, Address} || Address <- Addresses].

options(Strategy, join) ->
    (options(Strategy, none))#{transport => {demo_no_join, []}};
options(Strategy, _Break) ->
    #{strategy => Strategy, poll_interval => ?POLL_MS}.
