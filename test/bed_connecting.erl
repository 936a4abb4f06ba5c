%% SPDX-License-Identifier: Apache-2.0
-module(bed_connecting).

%% One connection, made by OTP or by barnacle, with its time in ms. Called in the connecting node.
%% The connection is closed again, so that the next way starts without it.

-export([getaddr/2, connect_node/1, refresh/3]).

-spec getaddr(string(), inet | inet6) ->
    {{ok, inet:ip_address()} | {error, term()}, Ms :: integer()}.
getaddr(Host, Family) ->
    timed(fun() -> inet:getaddr(Host, Family) end).

-spec connect_node(node()) -> {boolean() | ignored, Ms :: integer()}.
connect_node(Node) ->
    Result = timed(fun() -> net_kernel:connect_node(Node) end),
    ok = disconnect(Node),
    Result.

%% A single refresh by the strategy epmd, with or without the probe, or by the strategy hosts. The
%% result is connected, or what barnacle reports; {refused, Key} of options that it refuses.
-spec refresh(with_probe | without_probe | by_hosts, node(), pos_integer()) ->
    {connected | term(), Ms :: integer()}.
refresh(Way, Node, TimeoutMs) ->
    Options = (options(Way, Node, TimeoutMs))#{connect_timeout => TimeoutMs},
    {Result, Ms} = timed(fun() -> run_once(Options) end),
    Connected = lists:member(Node, nodes(connected)),
    ok = disconnect(Node),
    case {Connected, Result} of
        {true, {ok, _}} -> {connected, Ms};
        {_, _} -> {Result, Ms}
    end.

run_once(Options) ->
    ok = bed_app:started(),
    try
        barnacle_cluster:run_once(Options)
    catch
        exit:{bad_options, [{Key, _Value, _Text} | _]} -> {refused, Key}
    end.

options(with_probe, Node, _) ->
    #{strategy => {epmd, [Node]}};
options(without_probe, Node, _) ->
    #{strategy => {epmd, [Node]}, probe => false};
options(by_hosts, Node, TimeoutMs) ->
    [Name, Host] = string:split(atom_to_binary(Node), "@"),
    #{strategy => {hosts, #{hosts => [Host], basename => Name, timeout => TimeoutMs}}}.

disconnect(Node) ->
    _ = erlang:disconnect_node(Node),
    bed_wait:until({disconnected, Node}, fun() -> not lists:member(Node, nodes(connected)) end).

timed(Fun) ->
    StartMs = erlang:monotonic_time(millisecond),
    Result = Fun(),
    {Result, erlang:monotonic_time(millisecond) - StartMs}.
