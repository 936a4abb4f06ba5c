%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_registry_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(A, <<"app@10.0.0.1">>).
-define(LIMIT_MS, 60000).

wanted_by_others_but_not_by_oneself_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ?assert(is_wanted('app@10.0.0.1', self())),
    ?assert(is_wanted(?A, self())),
    ?assertNot(is_wanted(?A, Owner)),
    ?assertNot(is_wanted(<<"app@10.0.0.2">>, self())),
    gone(Owner, Monitor).

last_word_counts_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ok = barnacle_registry:want(Owner, #{}),
    ?assertNot(is_wanted(?A, self())),
    gone(Owner, Monitor).

dead_owner_wants_nothing_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    gone(Owner, Monitor),
    until(fun() -> not is_wanted(?A, self()) end, erlang:monotonic_time(millisecond) + ?LIMIT_MS).

%% Else another barnacle cuts what it wants before its supervisor has started it again.
killed_owner_wants_on_until_it_is_back_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ok = killed(Owner, Monitor),
    ?assert(is_wanted(?A, self())),
    {Next, NextMonitor} = owner(),
    ok = barnacle_registry:want(Next, #{}),
    ?assertNot(is_wanted(?A, self())),
    gone(Next, NextMonitor).

%% Also where it paused before it said what it wants.
paused_newcomer_takes_nobody_for_alive_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ok = killed(Owner, Monitor),
    ok = barnacle_registry:keep(?MODULE, paused),
    ok = barnacle_registry:want(self(), #{}),
    ok = barnacle_registry:keep(?MODULE, running),
    ?assertNot(is_wanted(?A, self())).

%% Whoever is paused asks nobody, so what it wanted is known from before alone.
killed_while_paused_test() ->
    Test = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        ok = barnacle_registry:keep(?MODULE, paused),
        Test ! kept,
        receive stop -> ok end
    end),
    receive kept -> ok end,
    ok = barnacle_registry:want(Owner, #{?A => present}),
    %% Another one of the same options is not its successor.
    ?assertEqual(running, barnacle_registry:back(?MODULE)),
    ok = killed(Owner, Monitor),
    ?assertEqual(paused, barnacle_registry:back(?MODULE)),
    ?assert(is_wanted(?A, Owner)),
    ?assertNot(is_wanted(?A, self())),
    ok = barnacle_registry:want(self(), #{}),
    ok = barnacle_registry:keep(?MODULE, running),
    ?assertEqual(running, barnacle_registry:back(?MODULE)).

shut_down_while_paused_test() ->
    Test = self(),
    {Owner, Monitor} = spawn_monitor(fun() ->
        ok = barnacle_registry:keep(?MODULE, paused),
        ok = barnacle_registry:want(self(), #{?A => present}),
        Test ! kept,
        receive stop -> ok end
    end),
    receive kept -> ok end,
    gone(Owner, Monitor),
    until(fun() -> not is_wanted(?A, self()) end, erlang:monotonic_time(millisecond) + ?LIMIT_MS),
    ?assertEqual(running, barnacle_registry:back(?MODULE)).

killed_registry_is_told_again_test() ->
    {Owner, Monitor} = owner(),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ok = bed_app:killed(barnacle_registry),
    ok = barnacle_registry:want(Owner, #{?A => present}),
    ?assert(is_wanted(?A, self())),
    gone(Owner, Monitor).

atom_counter_outlives_the_registry_test() ->
    {ok, _} = barnacle_names:to_node(<<"counted_", (unique())/binary, "@h">>),
    {Before, _} = barnacle_names:new_atoms(),
    ?assert(Before >= 1),
    ok = bed_app:restarted(barnacle_registry),
    ?assertMatch({Before, _}, barnacle_names:new_atoms()).

gate_lets_through_while_it_is_open_test() ->
    Gate = barnacle_gate:new(),
    Pass = fun() -> barnacle_gate:pass(Gate, fun() -> passed end) end,
    ?assertEqual(passed, Pass()),
    ok = barnacle_gate:close(Gate),
    ?assertEqual(closed, Pass()),
    ok = barnacle_gate:open(Gate),
    ?assertEqual(passed, Pass()).

is_wanted(Name, Asker) ->
    (barnacle_registry:wanted_by_others(Asker))(Name).

%% The registry has heard of it when it has answered a question asked after that.
killed(Owner, Monitor) ->
    exit(Owner, kill),
    receive
        {'DOWN', Monitor, process, _, killed} -> ok
    after ?LIMIT_MS -> error(not_gone)
    end,
    until(
        fun() -> not is_map_key(Owner, sys:get_state(barnacle_registry)) end,
        erlang:monotonic_time(millisecond) + ?LIMIT_MS
    ).

owner() ->
    spawn_monitor(fun() -> receive stop -> ok end end).

gone(Owner, Monitor) ->
    Owner ! stop,
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    after ?LIMIT_MS -> error(not_gone)
    end.

%% The news of a death reaches the registry and this process in no certain order.
until(Condition, DeadlineMs) ->
    case Condition() of
        true ->
            ok;
        false ->
            ?assert(erlang:monotonic_time(millisecond) < DeadlineMs),
            erlang:yield(),
            until(Condition, DeadlineMs)
    end.

unique() ->
    integer_to_binary(erlang:unique_integer([positive])).

-endif.
