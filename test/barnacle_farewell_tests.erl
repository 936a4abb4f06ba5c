%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_farewell_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_farewell, [consent/1]).

%% What this node must know to leave.
-define(LEAVES, #{
    mode => departed,
    answer => complete,
    own => absent,
    is_suspect => fun() -> false end,
    visible => fun() -> [a@h, b@h] end,
    is_known => fun(_) -> true end,
    wanted_by_others => fun(_) -> false end
}).

consent_test_() ->
    Stays = [
        {{disconnect, never}, #{mode => never}},
        {{disconnect, report}, #{mode => report}},
        {{disconnect, undiscovered}, #{mode => undiscovered}},
        {no_complete_answer, #{answer => empty}},
        {no_complete_answer, #{answer => error}},
        {no_complete_answer, #{answer => partial}},
        {named, #{own => wanted}},
        {named, #{own => left}},
        {never_named, #{own => unknown}},
        {suspect, #{is_suspect => fun() -> true end}},
        {{foreign_links, [b@h]}, #{is_known => fun(Node) -> Node =:= a@h end}},
        {{wanted_by_others, [a@h]}, #{wanted_by_others => fun(Node) -> Node =:= a@h end}}
    ],
    [
        ?_assertEqual(leave, consent(?LEAVES)),
        ?_assertEqual(leave, consent(?LEAVES#{visible => fun() -> [] end}))
        | [?_assertEqual({stay, Why}, consent(maps:merge(?LEAVES, But))) || {Why, But} <- Stays]
    ].

%% The caller stands for global making two nodes known to each other.
goes_when_global_is_not_at_it_test() ->
    Lock = {global, self()},
    true = global:set_lock(Lock, [node()], 0),
    1 = erlang:trace_pattern({global, set_lock, 3}, true, [global]),
    _ = erlang:trace(new_processes, true, [call]),
    #{pid := Pid, ref := Ref} = barnacle_farewell:leave([]),
    _ = erlang:trace(new_processes, false, [call]),
    %% The second time, it has not had the lock the first time.
    ok = asks_for_the_lock(Pid, Ref),
    ok = asks_for_the_lock(Pid, Ref),
    true = global:del_lock(Lock, [node()]),
    receive
        {barnacle_farewell, Ref, Left} -> ?assertEqual([], Left)
    after 60000 -> error(never)
    end,
    1 = erlang:trace_pattern({global, set_lock, 3}, false, [global]),
    %% It has given the lock back.
    ok = bed_wait:until(unlocked, fun() -> global:set_lock(Lock, [node()], 0) end),
    true = global:del_lock(Lock, [node()]),
    ok.

asks_for_the_lock(Pid, Ref) ->
    receive
        {trace, Pid, call, {global, set_lock, [{global, Pid}, _Nodes, 0]}} -> ok;
        {barnacle_farewell, Ref, _} -> error(has_gone)
    after 60000 -> error(never)
    end.

-endif.
