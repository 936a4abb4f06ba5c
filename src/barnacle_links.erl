%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_links).

-include("../include/barnacle_doc.hrl").

?MODULEDOC("""
The links of distributed Erlang: which there are, making new ones, cutting old ones.

Connecting dials many nodes at once under one deadline. Dials are made by processes of their own,
since each waits in net_kernel for as long as the kernel parameter net_setuptime says (7 s by
default); the deadline ends the waiting, not the attempt, so what counts is the list afterwards.
Hosts given by name are looked up here first: net_kernel looks names up itself, one after another,
and a silent name server would hold up every other link of the VM.
""").

-export([connected/0, visible/0, connect/2, disconnect/2]).

-type failure() :: {node(), Reason :: atom() | {posix, atom()}}.
-type connect_options() :: #{
    timeout := pos_integer(), max := pos_integer(), gate := barnacle_gate:gate()
}.

?DOC("All nodes with a link to this one, hidden ones too.").
-spec connected() -> [node()].
connected() ->
    erlang:nodes(connected).

?DOC("The visible nodes with a link to this one.").
-spec visible() -> [node()].
visible() ->
    erlang:nodes(visible).

?DOC("""
Dials nodes, at most max at a time, and gives those that are not connected at the end, each with
the reason: local_node_is_not_alive, paused, timeout (its dial goes on and may yet succeed),
failed_to_connect, or why its host name does not resolve.
""").
-spec connect([node()], connect_options()) -> [failure()].
connect([], _Options) ->
    [];
connect(Nodes, #{timeout := TimeoutMs, max := Max, gate := Gate}) ->
    case erlang:is_alive() of
        false ->
            [{Node, local_node_is_not_alive} || Node <- Nodes];
        true ->
            DeadlineMs = now_ms() + TimeoutMs,
            {Dialable, Unresolved} = resolved(Nodes, DeadlineMs),
            Reasons = barnacle_dial:all(Dialable, #{
                deadline_ms => DeadlineMs, max => Max, gate => Gate
            }),
            Connected = maps:from_keys(connected(), true),
            [F || {Node, _} = F <- Unresolved ++ Reasons, not is_map_key(Node, Connected)]
    end.

?DOC("""
Cuts the links to nodes, and gives those that it could not cut: failed_to_disconnect,
local_node_is_not_alive or paused.
""").
-spec disconnect([node()], barnacle_gate:gate()) -> [failure()].
disconnect(Nodes, Gate) ->
    lists:flatmap(
        fun(Node) ->
            case barnacle_gate:pass(Gate, fun() -> erlang:disconnect_node(Node) end) of
                true -> [];
                false -> [{Node, failed_to_disconnect}];
                ignored -> [{Node, local_node_is_not_alive}];
                closed -> [{Node, paused}]
            end
        end,
        Nodes
    ).

%% A module of one's own in the place of erl_epmd gives host parts a meaning of its own, so nothing
%% can be said about them here.
resolved(Nodes, DeadlineMs) ->
    case net_kernel:epmd_module() of
        erl_epmd -> resolved_by_name(Nodes, DeadlineMs);
        _ -> {Nodes, []}
    end.

resolved_by_name(Nodes, DeadlineMs) ->
    {Named, Literal} = lists:partition(
        fun(Node) -> barnacle_address:parse(barnacle_names:host(Node)) =:= error end, Nodes
    ),
    Hosts = lists:usort([barnacle_names:host(Node) || Node <- Named]),
    Outcomes = outcomes(Hosts, DeadlineMs),
    lists:foldl(
        fun(Node, {Dialable, Unresolved}) ->
            case maps:get(barnacle_names:host(Node), Outcomes) of
                {ok, _} -> {[Node | Dialable], Unresolved};
                {error, Reason} -> {Dialable, [{Node, Reason} | Unresolved]}
            end
        end,
        {Literal, []},
        Named
    ).

outcomes([], _DeadlineMs) ->
    #{};
outcomes(Hosts, DeadlineMs) ->
    Options = #{timeout => max(1, DeadlineMs - now_ms()), family => family()},
    case barnacle_native:resolve(Hosts, Options) of
        {ok, Results} ->
            maps:from_list([own_host(Result) || Result <- Results]);
        {error, Reason} ->
            maps:from_list([{Host, {error, Reason}} || Host <- Hosts])
    end.

%% The operating system may know its own name from neither the hosts file nor DNS (nss-myhostname),
%% so a clear no for it is not believed; silence is, since net_kernel would wait for it too.
own_host({Host, {error, nxdomain}} = Result) ->
    case barnacle_names:host(node()) of
        Host -> {Host, {ok, []}};
        _ -> Result
    end;
own_host(Result) ->
    Result.

family() ->
    case init:get_argument(proto_dist) of
        {ok, [["inet6_" ++ _ | _] | _]} -> inet6;
        _ -> inet
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).
