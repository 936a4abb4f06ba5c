%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_transport_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The option transport, the transport that custom functions form, events, and the data that
%% discovery returns with names.

-include_lib("eunit/include/eunit.hrl").

-define(STRATEGY, {epmd, []}).

%% Bad input names the value and the fix.
what_is_no_transport_is_refused_at_the_start_test_() ->
    None = fun() -> {ok, []} end,
    [
        {Text,
            ?_test(begin
                {error, {bad_options, [{Key, Value, Said}]}} = barnacle_cluster:start_link(
                    maps:merge(#{strategy => ?STRATEGY}, Options)
                ),
                ?assertMatch({transport, Value}, {Key, Value}),
                ?assertMatch({match, _}, re:run(Said, Text))
            end)}
     || {Options, Text} <- [
            {#{transport => partisan}, "a transport is {Module, Arg}"},
            {#{transport => {no_such_module_here, []}}, "no module no_such_module_here"},
            {#{transport => {lists, []}}, "export init/1, connect/3, disconnect/2, connected/1"},
            {#{transport => {bed_partisan, wrong}}, "a cluster is a process of bed_partisan"},
            {#{transport => {barnacle_dist, #{}}}, "barnacle_dist has no settings"},
            {
                #{
                    transport => {barnacle_dist, []},
                    strategy => {custom, #{discover => None, list => None}}
                },
                "functions of a transport \\(list\\) too"
            }
        ]
    ].

%% Otherwise its nodes would be connected by distributed Erlang, without a word.
a_strategy_that_connects_is_refused_test() ->
    {Module, Code} = bed_stand_in:compile([
        "-module(barnacle_transport_old_strategy).",
        "-export([init/1, discover/1, connect/2]).",
        "init(_) -> {ok, []}.",
        "discover(S) -> {{complete, []}, S}.",
        "connect(Nodes, _) -> {ok, Nodes}."
    ]),
    {module, Module} = code:load_binary(Module, "", Code),
    Options = #{strategy => {Module, []}},
    {error, {bad_options, [{strategy, Module, Text}]}} = barnacle_cluster:start_link(Options),
    ?assertMatch({match, _}, re:run(Text, "exports connect: give the option transport")),
    {ok, _} = barnacle_options:new(Options#{transport => {barnacle_dist, []}}).

a_name_that_cannot_be_had_is_an_error_of_the_start_test() ->
    Functions = #{discover => fun() -> {ok, []} end, own_name => fun() -> exit(no_name) end},
    {error, {bad_options, [{strategy, _, Text}]}} =
        barnacle_cluster:start_link(#{strategy => {custom, Functions}}),
    ?assertMatch({match, _}, re:run(Text, "the own name cannot be had.*no_name")).

the_transport_follows_from_the_options_test_() ->
    Discover = #{discover => fun() -> {ok, []} end},
    Connect = fun(Nodes) -> {ok, Nodes} end,
    List = fun() -> {ok, []} end,
    Is = fun(Options) ->
        {ok, #{transport := T, disconnect := Mode}} = barnacle_options:new(Options),
        {
            barnacle_transport:is_distribution(T),
            barnacle_transport:connects_by_distribution(T),
            barnacle_transport:has_list(T),
            barnacle_transport:watches(T),
            Mode
        }
    end,
    [
        ?_assertEqual(Expected, Is(Options))
     || {Expected, Options} <- [
            {{true, true, false, true, departed}, #{strategy => ?STRATEGY}},
            {{true, true, false, true, departed},
                #{strategy => ?STRATEGY, transport => {barnacle_dist, []}}},
            {{true, true, false, true, departed}, #{strategy => {custom, Discover}}},
            {{false, false, false, true, departed},
                #{strategy => {custom, Discover#{connect => Connect}}}},
            {{false, true, true, false, undiscovered},
                #{strategy => {custom, Discover#{list => List}}}},
            {{false, false, true, false, undiscovered},
                #{strategy => {custom, Discover#{connect => Connect, list => List}}}}
        ]
    ].

the_own_name_is_the_transports_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p}),
    {ok, Transport} = barnacle_transport:new({bed_partisan, Cluster}),
    ?assertEqual(own@p, barnacle_transport:name(Transport)),
    {ok, #{transport := Checked, disconnect := Mode}} =
        barnacle_options:new(#{strategy => ?STRATEGY, transport => {bed_partisan, Cluster}}),
    ?assertEqual({Transport, undiscovered}, {Checked, Mode}),
    ?assert(barnacle_transport:has_list(Transport)),
    ?assert(barnacle_transport:watches(Transport)),
    {ok, Custom} = barnacle_transport:custom(bed_partisan:functions(Cluster)),
    ?assertEqual(own@p, barnacle_transport:name(Custom)),
    ?assertEqual(node(), barnacle_transport:name(barnacle_transport:default())),
    ok = bed_partisan:stop(Cluster).

connected_and_known_differ_test() ->
    Cluster = bed_partisan:start_link(#{own => o@p, members => [a@p, b@p], connected => [a@p]}),
    {ok, Two} = barnacle_transport:new({bed_partisan, Cluster}),
    {ok, One} = barnacle_transport:custom(bed_partisan:functions(Cluster)),
    ?assertEqual(
        {ok, #{connected => [a@p, o@p], known => [a@p, b@p, o@p]}},
        barnacle_transport:connected(Two)
    ),
    ?assertEqual(
        {ok, #{connected => [a@p, o@p], known => [a@p, o@p]}}, barnacle_transport:connected(One)
    ),
    ok = bed_partisan:stop(Cluster).

events_reach_the_owner_test() ->
    Cluster = bed_partisan:start_link(#{own => own@p}),
    {ok, Transport} = barnacle_transport:new({bed_partisan, Cluster}),
    ok = barnacle_transport:watch(Transport),
    %% The watcher is a process of its own.
    ok = bed_wait:until(watched, fun() -> bed_partisan:is_watched(Cluster) end),
    ok = bed_partisan:come(a@p, Cluster),
    ok = bed_partisan:go(a@p, Cluster),
    ?assertEqual({up, a@p, visible}, next()),
    ?assertEqual({down, a@p, visible, unknown}, next()),
    ok = bed_partisan:stop(Cluster).

next() ->
    receive
        {barnacle_transport, _, _} = Message -> barnacle_transport:event(Message)
    end.

other_messages_are_no_events_test_() ->
    [
        ?_assertEqual(none, barnacle_transport:event(Message))
     || Message <- [nodeup, {nodeup, a@b}, {nodeup, 1, []}, {barnacle_transport, up}, {up, a@b}]
    ].

%% A watcher that never returns and traps exits ends with its owner.
the_watcher_ends_with_the_owner_test() ->
    Self = self(),
    {module, Module} = stand_in(fun() ->
        process_flag(trap_exit, true),
        Self ! {watcher, self()},
        receive never -> ok end
    end),
    {Owner, Monitor} = spawn_monitor(fun() ->
        {ok, Transport} = barnacle_transport:new({Module, []}),
        ok = barnacle_transport:watch(Transport),
        receive stop -> ok end
    end),
    Watcher = receive {watcher, Pid} -> Pid end,
    WatcherMonitor = monitor(process, Watcher),
    Owner ! stop,
    receive {'DOWN', Monitor, process, _, normal} -> ok end,
    receive {'DOWN', WatcherMonitor, process, _, killed} -> ok end.

stand_in(Watch) ->
    persistent_term:put(?MODULE, Watch),
    {Module, Code} = bed_stand_in:compile([
        "-module(barnacle_transport_stand_in).",
        "-export([init/1, connect/3, disconnect/2, connected/1, watch/2]).",
        "init(_) -> {ok, []}.",
        "connect(_, _, _) -> ok.",
        "disconnect(_, _) -> ok.",
        "connected(_) -> {ok, []}.",
        "watch(_, _) -> (persistent_term:get(barnacle_transport_tests))()."
    ]),
    code:load_binary(Module, "", Code).

rubbish_is_reported_with_what_it_was_test_() ->
    Custom = fun(Functions) ->
        {ok, Transport} = barnacle_transport:custom(Functions),
        Transport
    end,
    [
        ?_assertError(
            {bad_return, {barnacle_strategy_custom, list, nodes}},
            barnacle_transport:connected(Custom(#{list => fun() -> nodes end}))
        ),
        ?_assertError(
            {bad_return, {barnacle_strategy_custom, list, {ok, [a | b]}}},
            barnacle_transport:connected(Custom(#{list => fun() -> {ok, [a | b]} end}))
        ),
        ?_assertError(
            {bad_return, {barnacle_strategy_custom, connect, ok}},
            barnacle_transport:connect(a@b, undefined, Custom(#{connect => fun(_) -> ok end}))
        ),
        ?_assertError(
            {bad_return, {barnacle_transport_custom, leave, left}},
            barnacle_transport:leave(Custom(#{leave => fun() -> left end}))
        )
    ].

%% ---- what discovery returns with names ----

data_come_with_names_test() ->
    {ok, Results} = counters_of([
        {ok, [{a@p, one}, b@p]},
        {partial, [{b@p, two}], why},
        {error, why},
        {ok, [{b@p, three}]}
    ]),
    {ok, S0} = barnacle_strategy:new({custom, #{discover => Results}}),
    ?assertEqual(#{}, barnacle_strategy:data(S0)),
    {Answer1, S1} = barnacle_strategy:discover(S0),
    ?assertEqual({complete, [a@p, b@p]}, Answer1),
    ?assertEqual(#{<<"a@p">> => one}, barnacle_strategy:data(S1)),
    {Answer2, S2} = barnacle_strategy:discover(S1),
    ?assertEqual({partial, [b@p], why}, Answer2),
    ?assertEqual(#{<<"a@p">> => one, <<"b@p">> => two}, barnacle_strategy:data(S2)),
    {{error, why}, S3} = barnacle_strategy:discover(S2),
    ?assertEqual(barnacle_strategy:data(S2), barnacle_strategy:data(S3)),
    {{complete, [b@p]}, S4} = barnacle_strategy:discover(S3),
    ?assertEqual(#{<<"b@p">> => three}, barnacle_strategy:data(S4)).

%% A function that returns one after another.
counters_of(Results) ->
    Next = counters:new(1, []),
    {ok, fun() ->
        counters:add(Next, 1, 1),
        lists:nth(counters:get(Next, 1), Results)
    end}.

-endif.
