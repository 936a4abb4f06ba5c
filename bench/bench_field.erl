%% SPDX-License-Identifier: Apache-2.0
-module(bench_field).

%% What today's clustering packages do, call for call of OTP, without their own costs.

-export([use_nameservers/1, getbyname/1, lookup/1]).
-export([connect_one_by_one/1, connect_at_once/1, names_one_by_one/1, names_at_once/2]).
-export([all/3]).

-define(CONNECT_LIMIT_MS, 10000).

%% The name servers that inet_res asks, in place of the system's.
-spec use_nameservers([{inet:ip_address(), inet:port_number()}]) -> ok.
use_nameservers(Nameservers) ->
    %% Else the file is read now and then, and its name servers take the place of these.
    ok = inet_db:res_option(resolv_conf, ""),
    ok = inet_db:res_option(nameservers, Nameservers).

%% One family after the other, each failure ending it.
-spec getbyname(string()) -> [inet:ip_address()].
getbyname(Name) ->
    {ok, {hostent, _, _, inet, _, A}} = inet_res:getbyname(Name, a),
    {ok, {hostent, _, _, inet6, _, Aaaa}} = inet_res:getbyname(Name, aaaa),
    A ++ Aaaa.

%% The same by the call that has no errors.
-spec lookup(string()) -> [inet:ip_address()].
lookup(Name) ->
    [_ | _] = A = inet_res:lookup(Name, in, a),
    [_ | _] = Aaaa = inet_res:lookup(Name, in, aaaa),
    A ++ Aaaa.

-spec connect_one_by_one([node()]) -> [boolean() | ignored].
connect_one_by_one(Nodes) ->
    [net_kernel:connect_node(Node) || Node <- Nodes].

%% A process for each node, all at once, under one limit.
-spec connect_at_once([node()]) -> [boolean() | ignored | timeout].
connect_at_once(Nodes) ->
    all(fun net_kernel:connect_node/1, Nodes, ?CONNECT_LIMIT_MS).

-spec names_one_by_one([inet:ip_address()]) -> [{ok, list()} | {error, term()}].
names_one_by_one(Hosts) ->
    [erl_epmd:names(Host) || Host <- Hosts].

%% A process for each host, all at once, under one limit in ms.
-spec names_at_once([inet:ip_address()], pos_integer()) ->
    [{ok, list()} | {error, term()} | timeout].
names_at_once(Hosts, LimitMs) ->
    all(fun erl_epmd:names/1, Hosts, LimitMs).

%% Applies a function to every item in a process of its own; timeout for those that take longer.
-spec all(fun((Item) -> Result), [Item], pos_integer()) -> [Result | timeout].
all(Fun, Items, LimitMs) ->
    Deadline = erlang:monotonic_time(millisecond) + LimitMs,
    Workers = [spawn_monitor(fun() -> exit({result, Fun(Item)}) end) || Item <- Items],
    [
        receive
            {'DOWN', Monitor, process, Pid, {result, Result}} -> Result
        after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
            demonitor(Monitor, [flush]),
            exit(Pid, kill),
            timeout
        end
     || {Pid, Monitor} <- Workers
    ].
