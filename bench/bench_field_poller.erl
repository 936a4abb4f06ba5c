%% SPDX-License-Identifier: Apache-2.0
-module(bench_field_poller).

%% What the field's DNS pollers do, without those packages' own costs: ask for A, then AAAA; cut the
%% nodes that the answer does not name; connect to those that are new, one after the other; wait.

-export([start/1, rounds/0, poll_now/0]).

-export_type([options/0, belief/0]).

%% Whether a lookup that fails leaves everything as it is, or counts as an answer without names, as
%% with inet_res:lookup/3, which has no errors.
-type belief() :: answers | everything.

%% timeout_ms: of one question. name: for more than one in a node.
-type options() :: #{
    name => atom(),
    basename := string(),
    query := string(),
    nameserver := {inet:ip_address(), inet:port_number()},
    poll_ms := pos_integer(),
    timeout_ms := pos_integer(),
    belief := belief()
}.

%% Starts one in this node, which polls at once and then every poll_ms after the last poll's end.
-spec start(options()) -> ok.
start(#{nameserver := Nameserver, timeout_ms := TimeoutMs} = Options) ->
    ok = bench_field:use_nameservers([Nameserver]),
    ok = inet_db:res_option(timeout, TimeoutMs),
    ok = inet_db:res_option(retry, 1),
    Rounds = counters:new(1, []),
    Name = maps:get(name, Options, ?MODULE),
    ok = persistent_term:put(Name, Rounds),
    true = register(Name, spawn(fun() -> loop(Options, Rounds) end)),
    ok.

%% How many polls have ended.
-spec rounds() -> non_neg_integer().
rounds() ->
    counters:get(persistent_term:get(?MODULE), 1).

%% Begins the next poll, if none is going on.
-spec poll_now() -> ok.
poll_now() ->
    ?MODULE ! poll,
    ok.

loop(#{poll_ms := PollMs} = Options, Rounds) ->
    ok = poll(Options),
    ok = counters:add(Rounds, 1, 1),
    receive
        poll -> ok
    after PollMs -> ok
    end,
    loop(Options, Rounds).

poll(#{query := Query, basename := Basename, belief := Belief}) ->
    %% Answers are not to be older than the question.
    ok = inet_db:clear_cache(),
    case addresses(Belief, Query) of
        {ok, Addresses} ->
            Named = ordsets:from_list([node_name(Basename, Address) || Address <- Addresses]),
            Linked = ordsets:from_list(nodes()),
            _ = [erlang:disconnect_node(Node) || Node <- ordsets:subtract(Linked, Named)],
            New = ordsets:subtract(ordsets:del_element(node(), Named), Linked),
            _ = bench_field:connect_one_by_one(New),
            ok;
        error ->
            ok
    end.

addresses(everything, Query) ->
    {ok, inet_res:lookup(Query, in, a) ++ inet_res:lookup(Query, in, aaaa)};
addresses(answers, Query) ->
    case [Found || Type <- [a, aaaa], {ok, Found} <- [inet_res:getbyname(Query, Type)]] of
        [] -> error;
        Found -> {ok, lists:append([List || {hostent, _, _, _, _, List} <- Found])}
    end.

node_name(Basename, Address) ->
    list_to_atom(Basename ++ "@" ++ inet:ntoa(Address)).
