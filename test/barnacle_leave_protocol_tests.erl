%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leave_protocol_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_leave_protocol, [event/1]).

messages_are_events_test_() ->
    [
        ?_assertEqual(Expected, event(Message))
     || {Message, Expected} <- [
            {{barnacle_peer, {ask, self()}}, {ok, {asked, self(), node()}}},
            {{barnacle_peer, {leaving, a@h}}, {ok, {leaving, a@h}}},
            {{barnacle_peer, {reason_over, a@h}}, {ok, {reason_over, a@h}}},
            {{barnacle_peer, {stays, a@h, named}}, {ok, {declined, a@h, named}}},
            {{barnacle_others, #{}}, {ok, {others, #{}}}},
            {{barnacle_leave_protocol, {left, []}}, {ok, {left, []}}},
            {{barnacle_peer, {ask, a@h}}, ignored},
            {{barnacle_peer, {of_a_later_version, a@h}}, ignored},
            {{barnacle_peer, {stays, 1, named}}, ignored},
            {{barnacle_peer, {leaving, self()}}, ignored},
            {rubbish, ignored}
        ]
    ].

%% No event holds a process, a function or a reference of another node.
reasons_of_other_nodes_are_plain_test_() ->
    [
        ?_assertEqual({ok, {declined, a@h, Plain}}, event({barnacle_peer, {stays, a@h, Why}}))
     || {Why, Plain} <- [
            {{foreign_links, [b@h, c@h]}, {foreign_links, [b@h, c@h]}},
            {{disconnect, never}, {disconnect, never}},
            {of_a_later_version, of_a_later_version},
            {{foreign_links, [self()]}, foreign_links},
            {{foreign_links, [b@h | self()]}, foreign_links},
            {{disconnect, self()}, unknown},
            {self(), unknown},
            {fun() -> ok end, unknown},
            {"text", unknown}
        ]
    ].

%% The caller stands for global making two nodes known to each other.
goes_when_global_is_not_at_it_test() ->
    Lock = {global, self()},
    true = global:set_lock(Lock, [node()], 0),
    1 = erlang:trace_pattern({global, set_lock, 3}, true, [global]),
    _ = erlang:trace(new_processes, true, [call]),
    {ok, Pid} = barnacle_leave_protocol:leave([]),
    _ = erlang:trace(new_processes, false, [call]),
    %% The second time, it has not had the lock the first time.
    ok = asks_for_the_lock(Pid),
    ok = asks_for_the_lock(Pid),
    true = global:del_lock(Lock, [node()]),
    receive
        {barnacle_leave_protocol, {left, Left}} -> ?assertEqual([], Left)
    after 60000 -> error(never)
    end,
    1 = erlang:trace_pattern({global, set_lock, 3}, false, [global]),
    %% It has given the lock back.
    ok = bed_wait:until(unlocked, fun() -> global:set_lock(Lock, [node()], 0) end),
    true = global:del_lock(Lock, [node()]),
    ok.

asks_for_the_lock(Pid) ->
    receive
        {trace, Pid, call, {global, set_lock, [{global, Pid}, _Nodes, 0]}} -> ok;
        {barnacle_leave_protocol, _} -> error(has_gone)
    after 60000 -> error(never)
    end.

-endif.
