%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_limits_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Every limit that is a setting: its range, and what happens below it, at it and above it. Limits
%% of what comes from the network are also in barnacle_dns_SUITE and barnacle_epmd_SUITE,
%% max_operations in barnacle_queue_tests, max_new_atoms in barnacle_atom_budget_tests.

-include_lib("eunit/include/eunit.hrl").

-import(bed_held, [
    start/1, stop/1, await_discovery/0, reply/2, answer_discovery/1, next_refresh/1, ask/1,
    answer/1, await_messages/1
]).

-define(LONG_MS, 60000).

%% ---- ranges

%% Every number of every table takes the ends of its range, and nothing past them.
ranges_test_() ->
    [
        {lists:flatten(io_lib:format("~p of ~p: ~p", [Key, Table, Value])),
            ?_assertEqual(Expected, ok =:= barnacle_settings:check_value(Type, Value))}
     || {Table, Rows} <- tables(),
        {Key, {integer, _, Min, Max} = Type, _, _} <- Rows,
        {Value, Expected} <- [
            {Min - 1, false}, {Min, true}, {Max, true}, {Max + 1, false}, {Min + 0.5, false},
            {infinity, false}
        ]
    ].

%% A limit without a default is none; those that have a default of their own making say so.
defaults_test_() ->
    [
        {lists:flatten(io_lib:format("~p of ~p", [Key, Table])),
            ?_assertMatch({default, Number} when is_integer(Number), Default)}
     || {Table, Rows} <- tables(),
        {Key, _, Default, _} <- Rows,
        is_limit(atom_to_list(Key)),
        Table =/= barnacle_environment
    ].

is_limit("max_" ++ _) -> true;
is_limit(Name) -> Name =:= "concurrency" orelse lists:suffix("timeout", Name).

tables() ->
    [
        {Module, Module:table()}
     || Module <- [
            barnacle_options, barnacle_strategy_dns, barnacle_strategy_hosts, barnacle_environment
        ]
    ].

%% ---- callers of a server

%% All who wait count: in the running round, in the one after it, for something to come about.
callers_test() ->
    {ok, Server} = start(#{max_callers => 4}),
    Discovery = await_discovery(),
    Waits = [
        fun() -> barnacle_cluster:refresh(Server, ?LONG_MS) end,
        fun() -> barnacle_cluster:await(Server, {nodes, 2}, ?LONG_MS) end,
        fun() -> barnacle_cluster:await(Server, first_round, infinity) end
    ],
    [One, Nodes, First] = Three = [ask(Wait) || Wait <- Waits],
    ok = await_messages(Three),
    %% Below the limit, and at it.
    Fourth = ask(hd(Waits)),
    ok = await_messages([Fourth]),
    ?assertMatch(#{state := running}, barnacle_cluster:status(Server)),
    %% Above it.
    [?assertEqual({'EXIT', {too_many_callers, 4}}, answer(ask(Wait))) || Wait <- Waits],
    Leave = ask(fun() -> barnacle_cluster:leave(Server) end),
    ?assertEqual({'EXIT', {too_many_callers, 4}}, answer(Leave)),
    %% What does not wait is answered, and one who was refused has changed nothing.
    ?assertNot(barnacle_cluster:ready(Server)),
    ?assertMatch(#{state := running}, barnacle_cluster:status(Server)),
    reply(Discovery, {ok, []}),
    {ok, _} = next_refresh(Server),
    ?assertEqual(ok, answer(First)),
    %% Two have their answer by the round after that, one waits still: there is room for three.
    answer_discovery({ok, []}),
    [?assertMatch({ok, _}, answer(Caller)) || Caller <- [One, Fourth]],
    More = [ask(hd(Waits)) || _ <- "123"],
    ok = await_messages(More),
    ?assertEqual({'EXIT', {too_many_callers, 4}}, answer(ask(hd(Waits)))),
    1 = bed_held:answer_until_answered([hd(More)], 0),
    exit(element(1, Nodes), kill),
    stop(Server).

%% A place is kept for nobody who is gone.
places_of_the_dead_test() ->
    {ok, Server} = start(#{max_callers => 2}),
    _ = await_discovery(),
    Await = fun() -> barnacle_cluster:await(Server, {nodes, 2}, infinity) end,
    Dead = [ask(Await), ask(Await)],
    ok = await_messages(Dead),
    ?assertEqual({'EXIT', {too_many_callers, 2}}, answer(ask(Await))),
    ok = killed(Dead, Server),
    Alive = [ask(Await), ask(Await)],
    ok = await_messages(Alive),
    ?assertEqual({'EXIT', {too_many_callers, 2}}, answer(ask(Await))),
    unlink(Server),
    ok = barnacle_cluster:shutdown(Server),
    [?assertMatch({'EXIT', {normal, _}}, answer(Caller)) || Caller <- Alive],
    bed_held:flush().

%% Who dies is told to the server, and to others, in no certain order.
killed(Callers, Server) ->
    [exit(Pid, kill) || {Pid, _} <- Callers],
    bed_wait:until(forgotten, fun() ->
        {monitors, Monitors} = process_info(Server, monitors),
        [Pid || {Pid, _} <- Callers, lists:member({process, Pid}, Monitors)] =:= []
    end).

%% Of those who wait for a round too, while it runs, and for the one after it.
rounds_are_kept_for_none_of_the_dead_test() ->
    {ok, Server} = start(#{max_callers => 3}),
    Discovery = await_discovery(),
    Refresh = fun() -> barnacle_cluster:refresh(Server, ?LONG_MS) end,
    Await = fun() -> barnacle_cluster:await(Server, {nodes, 2}, infinity) end,
    Dead = [ask(Ask) || Ask <- [Refresh, Refresh, Await]],
    ok = await_messages(Dead),
    ?assertExit({too_many_callers, 3}, barnacle_cluster:leave(Server)),
    ok = killed(Dead, Server),
    Alive = [ask(Refresh), ask(Await)],
    ok = await_messages(Alive),
    ?assertEqual({ok, []}, barnacle_cluster:leave(Server)),
    ?assertMatch(#{state := left, round := running}, barnacle_cluster:status(Server)),
    %% The round that they asked for comes all the same.
    reply(Discovery, {ok, []}),
    1 = bed_held:answer_until_answered([hd(Alive)], 0),
    [{Pid, _}] = tl(Alive),
    exit(Pid, kill),
    stop(Server).

%% What one more caller costs the server does not grow with those who wait.
cost_of_a_caller_test_() ->
    {timeout, 120, fun() ->
        {ok, Server} = start(#{}),
        _ = await_discovery(),
        Costs = [cost(Server, Count, 1000) || Count <- [1000, 8000]],
        ?assertMatch([Few, Many] when Many < 3 * Few, Costs),
        unlink(Server),
        ok = barnacle_cluster:shutdown(Server),
        _ = bed_held:flush()
    end}.

%% The reductions of so many refreshes, once Count wait.
cost(Server, Count, Refreshes) ->
    Ask = fun(Number) ->
        [Server ! {'$gen_call', {self(), make_ref()}, refresh} || _ <- lists:seq(1, Number)],
        #{state := running} = barnacle_cluster:status(Server),
        element(2, process_info(Server, reductions))
    end,
    Before = Ask(Count - 1),
    Ask(Refreshes) - Before.

%% A paused barnacle is not resumed by one that is refused, nor by its waiting.
refused_refresh_does_not_resume_test() ->
    {ok, Server} = start(#{max_callers => 1}),
    answer_discovery({ok, []}),
    {ok, _} = next_refresh(Server),
    ok = barnacle_cluster:pause(Server),
    Waits = ask(fun() -> barnacle_cluster:await(Server, {nodes, 2}, infinity) end),
    ok = await_messages([Waits]),
    ?assertExit({too_many_callers, 1}, barnacle_cluster:refresh(Server)),
    ?assertMatch(#{state := paused}, barnacle_cluster:status(Server)),
    ?assertExit({too_many_callers, 1}, barnacle_cluster:leave(Server)),
    ?assertMatch(#{state := paused}, barnacle_cluster:status(Server)),
    stop(Server).

%% Ten thousand at once: the default lets them all wait, and one more none.
ten_thousand_callers_test_() ->
    {timeout, 120, fun() ->
        {ok, Server} = start(#{}),
        Discovery = await_discovery(),
        Refresh = fun() -> barnacle_cluster:refresh(Server, ?LONG_MS) end,
        Callers = [ask(Refresh) || _ <- lists:seq(1, 10000)],
        ok = await_messages(Callers),
        ?assertEqual({'EXIT', {too_many_callers, 10000}}, answer(ask(Refresh))),
        reply(Discovery, {ok, []}),
        1 = bed_held:answer_until_answered(Callers, 0),
        stop(Server)
    end}.

%% ---- names of an answer

max_nodes_test_() ->
    [
        {integer_to_list(Count), fun() ->
            Names = [list_to_atom("n" ++ integer_to_list(N) ++ "@h") || N <- lists:seq(1, Count)],
            Functions = #{
                discover => fun() -> {ok, Names ++ Names} end,
                connect => fun(Nodes) -> {ok, Nodes} end
            },
            ?assertEqual(
                Expected,
                barnacle_cluster:run_once(#{strategy => {custom, Functions}, max_nodes => 3})
            )
        end}
     || {Count, Expected} <- [
            {2, {ok, [node()]}},
            {3, {ok, [node()]}},
            {4, {error, {strategy_error, {too_many_nodes, 4, 3}}}}
        ]
    ].

-endif.
