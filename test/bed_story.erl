%% SPDX-License-Identifier: Apache-2.0
-module(bed_story).

%% The words of stories about nodes with barnacles: who has one, what it was told, what it knows,
%% who sees whom. Every question goes to a node (bed_node) about its barnacle (bed_member).

-export([members/2, names/1, texts/1, answering/1, dns/2, patient/1]).
-export([status/1, refresh/1, wanted/1, missing/1, rounds/2, await_wanted/2]).
-export([watch/1, lost/1, linked/1, quick_ticks/0]).

-define(ROUND_MS, 50).
-define(NET_TICK_S, "4").
-define(PATIENT_MS, 6000).

%% A barnacle with these options on each node; it polls often, unless told otherwise.
-spec members(bed_nodes:nodes(), #{atom() => term()}) -> ok.
members(Nodes, Options) ->
    All = maps:merge(#{poll_interval => ?ROUND_MS}, Options),
    [{ok, _} = Result || Result <- bed_nodes:each(Nodes, bed_member, start, [All])],
    ok.

-spec names(bed_nodes:nodes()) -> [node()].
names(Nodes) ->
    lists:sort([bed_node:name(Node) || Node <- Nodes]).

%% As status has them.
-spec texts(bed_nodes:nodes()) -> [binary()].
texts(Nodes) ->
    [atom_to_binary(Name) || Name <- names(Nodes)].

%% The script of a name server that names these nodes.
-spec answering(bed_nodes:nodes()) -> bed_dns_script:script().
answering(Nodes) ->
    Addresses = [address(Name) || Name <- names(Nodes)],
    [
        {'_', a, [Address || Address <- Addresses, tuple_size(Address) =:= 4]},
        {'_', aaaa, [Address || Address <- Addresses, tuple_size(Address) =:= 8]}
    ].

%% Options of a barnacle that learns from this name server.
-spec dns(Nameserver :: binary(), map()) -> #{strategy := term()}.
dns(Nameserver, More) ->
    Query = #{
        basename => <<"app">>, query => <<"nodes.cluster.test.">>, nameservers => [Nameserver]
    },
    #{strategy => {dns, maps:merge(Query, More)}}.

%% Options of one that dials these nodes, with time enough for a busy machine: less than the 7 s
%% that OTP has for its own dials (net_setuptime).
-spec patient([node()]) -> #{atom() => term()}.
patient(Names) ->
    #{
        strategy => {epmd, Names},
        connect_timeout => ?PATIENT_MS,
        probe_timeout => ?PATIENT_MS div 2
    }.

-spec status(bed_node:name()) -> barnacle_status:status().
status(Node) ->
    bed_node:call(Node, barnacle_cluster, status, [bed_member:server()]).

%% The result of a round that begins now, its nodes sorted.
-spec refresh(bed_node:name()) -> barnacle_plan:result().
refresh(Node) ->
    case bed_node:call(Node, barnacle_cluster, refresh, [bed_member:server(), 60000], 70000) of
        {ok, Nodes} -> {ok, lists:sort(Nodes)};
        {error, {Kind, Failed}} when is_list(Failed) -> {error, {Kind, lists:sort(Failed)}};
        Other -> Other
    end.

-spec wanted(bed_node:name()) -> [binary()].
wanted(Node) ->
    lists:sort(maps:keys(maps:get(wanted, status(Node)))).

%% The wanted names that are not connected, and why.
-spec missing(bed_node:name()) -> #{binary() => term()}.
missing(Node) ->
    #{wanted := Wanted} = status(Node),
    maps:filter(fun(_, #{state := State}) -> State =/= connected end, Wanted).

%% Waits until the node's barnacle has ended as many rounds more.
-spec rounds(bed_node:name(), pos_integer()) -> ok.
rounds(Node, Count) ->
    #{rounds := Before} = status(Node),
    bed_wait:until({rounds, Count}, fun() ->
        #{rounds := Now} = status(Node),
        Now >= Before + Count orelse {Before, Now}
    end).

%% Waits until it wants exactly these nodes.
-spec await_wanted(bed_node:name(), bed_nodes:nodes()) -> ok.
await_wanted(Node, Nodes) ->
    bed_wait:until(wanted, fun() -> wanted(Node) =:= texts(Nodes) orelse wanted(Node) end).

%% Watches the links of nodes. A link that is lost and made again is lost all the same.
-spec watch(bed_nodes:nodes()) -> [{bed_node:name(), pid()}].
watch(Nodes) ->
    [{Node, bed_node:call(Node, bed_links, start, [])} || Node <- Nodes].

%% Who has lost whom since.
-spec lost([{bed_node:name(), pid()}]) -> [{node(), [node()]}].
lost(Watched) ->
    All = [
        {bed_node:name(Node), bed_node:call(Node, bed_links, lost, [Watcher])}
     || {Node, Watcher} <- Watched
    ],
    [Loss || {_, [_ | _]} = Loss <- All].

%% Waits until a node sees exactly these others.
-spec linked({bed_node:name(), bed_nodes:nodes()}) -> ok.
linked({Node, Others}) ->
    Wanted = names(Others),
    bed_wait:until({linked, bed_node:name(Node)}, fun() ->
        Seen = bed_node:visible(Node),
        Seen =:= Wanted orelse Seen
    end).

%% Arguments of a node that notices within seconds that another is silent: the shortest that OTP
%% allows is a quarter of net_ticktime at a time.
-spec quick_ticks() -> [string()].
quick_ticks() ->
    ["-kernel", "net_ticktime", ?NET_TICK_S].

address(Name) ->
    [_, Host] = string:split(atom_to_list(Name), "@"),
    {ok, Address} = inet:parse_strict_address(Host),
    Address.
