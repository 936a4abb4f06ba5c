%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_retry_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_retry, [
    new/0, dialled/4, down/4, up/3, reset/3, keep/3, due/2, failing/1, find/2
]).

-define(S, #{retry_min => 1000, retry_max => 30000}).

failures_wait_twice_as_long_each_time_test() ->
    Waits = [wait_after(N) || N <- lists:seq(1, 8), _ <- lists:seq(1, 100)],
    Whole = [min(30000, 1000 bsl (N - 1)) || N <- lists:seq(1, 8), _ <- lists:seq(1, 100)],
    [?assert(Wait =< W andalso Wait * 2 >= W) || {Wait, W} <- lists:zip(Waits, Whole)],
    ?assert(wait_after(100000) =< 30000).

waits_differ_by_seed_and_by_node_test() ->
    Of = fun(Node, Seed) ->
        barnacle_retry:next(failed([{Node, timeout}], 0, (?S)#{seed => Seed}, new()))
    end,
    ?assert(length(lists:usort([Of(a@h, Seed) || Seed <- lists:seq(1, 50)])) > 1),
    Nodes = [list_to_atom("n" ++ integer_to_list(N) ++ "@h") || N <- lists:seq(1, 50)],
    ?assert(length(lists:usort([Of(Node, 1) || Node <- Nodes])) > 1).

wait_of_one_ms_test() ->
    R = failed([{a@h, why}], 0, #{retry_min => 1, retry_max => 1}, new()),
    ?assertEqual(1, barnacle_retry:next(R)).

failing_node_is_left_alone_until_its_time_test() ->
    R = failed([{a@h, timeout}], 0, ?S, new()),
    ?assertEqual(#{a@h => timeout}, failing(R)),
    ?assertEqual([], due(499, R)),
    ?assertEqual([a@h], due(1000, R)),
    ?assertMatch(#{since := 0, attempts := 1, reason := timeout}, find(a@h, R)).

nobody_is_left_alone_for_what_is_not_his_fault_test() ->
    R = failed([{a@h, paused}, {b@h, local_node_is_not_alive}], 0, ?S, new()),
    ?assertEqual({none, #{}}, {find(a@h, R), failing(R)}),
    ?assertMatch(#{reason := local_node_is_not_alive}, find(b@h, R)).

%% Else it would be dialled again and again without a pause.
what_is_not_his_fault_puts_off_the_next_dial_test_() ->
    Down = down({a@h, connection_closed}, 0, ?S, new()),
    [
        ?_test(begin
            Off = failed([{a@h, Why}], 600, ?S, Down),
            ?assertEqual([], due(1099, Off)),
            ?assertEqual([a@h], due(1600, Off)),
            ?assertMatch(#{attempts := 0, reason := connection_closed}, find(a@h, Off))
        end)
     || Why <- [paused, local_node_is_not_alive]
    ].

%% Many nodes were not attempted in time: all go on together and soon, and none of them backs off.
not_attempted_goes_on_soon_test() ->
    Nodes = [a@h, b@h, c@h],
    R = failed([{Node, not_dialled} || Node <- Nodes], 0, ?S, new()),
    ?assertEqual([], due(249, R)),
    ?assertEqual(Nodes, lists:sort(due(250, R))),
    ?assertMatch(#{attempts := 0, failures := 0, reason := not_dialled}, find(a@h, R)),
    Again = failed([{a@h, not_dialled}], 250, ?S, R),
    ?assertEqual([a@h], due(500, Again) -- [b@h, c@h]),
    ?assertMatch(#{attempts := 0, failures := 0}, find(a@h, Again)).

%% A node that failed before keeps why, and what it backs off for.
not_attempted_after_a_failure_test() ->
    R = failed([{a@h, not_dialled}], 1000, ?S, failed([{a@h, timeout}], 0, ?S, new())),
    ?assertEqual([a@h], due(1250, R)),
    ?assertMatch(#{attempts := 1, failures := 1, reason := timeout}, find(a@h, R)).

%% Its link was made by the other side, so nobody tells of one that is made.
linked_without_a_word_is_not_dialled_again_test() ->
    Failing = failed([{a@h, timeout}], 0, ?S, new()),
    R = linked([a@h], 1000, Failing),
    ?assertEqual(none, barnacle_retry:next(R)),
    ?assertEqual(#{}, failing(R)).

lost_link_is_dialled_soon_and_once_test() ->
    Down = down({a@h, connection_closed}, 0, ?S, new()),
    ?assertEqual([a@h], due(500, Down)),
    Failed = failed([{a@h, timeout}], 500, ?S, Down),
    ?assertEqual([], due(999, Failed)),
    ?assertEqual([a@h], due(1500, Failed)).

%% It backs off as one that fails does, but no dial has failed.
flapping_link_backs_off_test() ->
    Flap = fun(NowMs, R) -> down({a@h, closed}, NowMs, ?S, up(a@h, NowMs, R)) end,
    R = lists:foldl(Flap, new(), [0, 100, 200, 300, 400]),
    ?assertMatch(#{attempts := 0, since := 400}, find(a@h, R)),
    ?assertEqual([], due(4399, R)),
    ?assertEqual([a@h], due(8400, R)).

%% A link that has lasted starts anew.
link_that_lasted_is_dialled_soon_again_test() ->
    Lost = fun(UpMs, DownMs) ->
        Failing = lists:foldl(
            fun(_, R) -> failed([{a@h, timeout}], 0, ?S, R) end, new(), [1, 2, 3, 4, 5]
        ),
        down({a@h, closed}, DownMs, ?S, up(a@h, UpMs, Failing))
    end,
    ?assertEqual([a@h], due(40500, Lost(10000, 40000))),
    ?assertEqual([], due(40498, Lost(10001, 40000))),
    ?assertEqual([], due(47999, Lost(10001, 40000))).

%% Whatever was before a link, that was over: status would else count the time of the link too.
counts_afresh_after_a_time_linked_test() ->
    Failing = failed([{a@h, timeout}], 1000, ?S, failed([{a@h, timeout}], 0, ?S, new())),
    ?assertMatch(#{attempts := 2, since := 0}, find(a@h, Failing)),
    Up = up(a@h, 2000, Failing),
    Down = down({a@h, closed}, 20000, ?S, Up),
    ?assertMatch(#{attempts := 0, since := 20000, reason := closed}, find(a@h, Down)),
    Again = failed([{a@h, timeout}], 21000, ?S, Down),
    ?assertMatch(#{attempts := 1, since := 20000}, find(a@h, Again)),
    %% Also where nobody said that the link was lost.
    ?assertMatch(
        #{attempts := 1, since := 20000}, find(a@h, failed([{a@h, timeout}], 20000, ?S, Up))
    ).

%% A round that finds it linked again and again makes its link no younger.
linked_since_it_was_first_seen_test() ->
    Up = up(a@h, 0, failed([{a@h, timeout}], 0, ?S, new())),
    ?assertEqual(Up, linked([a@h], 20000, Up)).

linked_node_is_not_dialled_test() ->
    R = up(a@h, 0, failed([{a@h, timeout}], 0, ?S, new())),
    ?assertEqual([], due(100000, R)),
    ?assertEqual(none, barnacle_retry:next(R)),
    ?assertEqual(#{}, failing(R)).

reset_brings_long_waits_near_test() ->
    Long = lists:foldl(fun(_, R) -> failed([{a@h, timeout}], 0, ?S, R) end, new(), [1, 2, 3, 4, 5]),
    Reset = reset(0, ?S, Long),
    ?assertEqual([a@h], due(1000, Reset)),
    ?assertEqual([], due(499, Reset)),
    ?assertMatch(#{since := 0, attempts := 5}, find(a@h, Reset)),
    ?assertEqual([], due(1999, failed([{a@h, timeout}], 1000, ?S, Reset))),
    ?assertEqual([a@h], due(3000, failed([{a@h, timeout}], 1000, ?S, Reset))),
    %% Again and again makes nothing sooner or later.
    ?assertEqual(Reset, reset(300, ?S, Reset)).

%% Told when nobody knew yet that the node is wanted, so it was told to nobody.
link_that_is_gone_when_its_dial_is_heard_of_is_lost_test() ->
    R = gone([a@h], 100, new()),
    #{attempts := 0, failures := 0, reason := connection_closed, next := Next} = find(a@h, R),
    ?assert(Next > 100 andalso Next =< 600),
    %% It was to be dialled, and was; its link is gone before that was heard of.
    #{next := Due} = find(a@h, Failing = failed([{a@h, timeout}], 0, ?S, new())),
    ?assertMatch(
        #{attempts := 1, failures := 2, reason := connection_closed},
        find(a@h, gone([a@h], Due, Failing))
    ).

loss_that_was_told_counts_once_test() ->
    Up = up(a@h, 50, failed([{a@h, timeout}], 0, ?S, new())),
    Down = down({a@h, net_tick_timeout}, 100, ?S, Up),
    ?assertEqual(Down, gone([a@h], 101, Down)).

only_wanted_nodes_are_kept_test() ->
    R = failed([{a@h, timeout}, {b@h, timeout}], 0, ?S, new()),
    Kept = keep(fun(Node) -> Node =:= a@h end, {0, ?S}, R),
    ?assertEqual({none, timeout}, {find(b@h, Kept), maps:get(reason, find(a@h, Kept))}).

links_that_lasted_are_forgotten_test() ->
    R = up(a@h, 500, down({a@h, closed}, 0, ?S, new())),
    All = fun(_) -> true end,
    ?assertNotEqual(none, find(a@h, keep(All, {30499, ?S}, R))),
    ?assertEqual(none, find(a@h, keep(All, {30500, ?S}, R))).

%% ---- the sub-machine ----

connected_node_is_a_reason_to_connect_the_others_test() ->
    Fail = fun(_, Own) -> element(1, ended([a@h], Own)) end,
    Failing = lists:foldl(Fail, barnacle_retries:new(settings()), [1, 2, 3]),
    #{attempts := 3, next := Before} = barnacle_retries:find(a@h, Failing),
    {Now, [{timer, retry, _, _}]} = barnacle_retries:handle({up, b@h, visible}, 1, Failing, view()),
    #{attempts := 3, next := After} = barnacle_retries:find(a@h, Now),
    ?assert(After < Before - 3600000).

node_that_leaves_while_it_is_connected_is_not_connected_again_test() ->
    {Waiting, [{timer, retry, Generation, _}]} =
        ended([a@h, b@h], barnacle_retries:new(settings())),
    LaterMs = 36000000,
    {Connecting, [{connect, retry, [a@h, b@h]}]} =
        barnacle_retries:handle({timeout, retry, Generation}, LaterMs, Waiting, view()),
    {Left, []} = barnacle_retries:handle({leaving, a@h}, LaterMs, Connecting, view()),
    Failures = [{a@h, timeout}, {b@h, timeout}],
    {After, [{timer, retry, Newer, _}]} =
        barnacle_retries:handle({connected, retry, Failures}, LaterMs, Left, view()),
    ?assertEqual(none, barnacle_retries:find(a@h, After)),
    ?assertMatch(#{attempts := 2}, barnacle_retries:find(b@h, After)),
    %% A timer of before.
    ?assert(Newer > Generation),
    ?assertEqual(
        {After, []},
        barnacle_retries:handle({timeout, retry, Generation}, 2 * LaterMs, After, view())
    ).

retries_rest_while_paused_and_beside_a_refresh_test() ->
    {Waiting, _} = ended([a@h], barnacle_retries:new(settings())),
    {_, Paused} = barnacle_retries:handle({mode, paused}, 1, Waiting, view()),
    ?assertEqual([{cancel_timer, retry}], Paused),
    Refresh = (view())#{phase := asked, trigger := refresh},
    {_, Rested} = barnacle_retries:handle('begin', 1, Waiting, Refresh),
    ?assertEqual([{cancel_timer, retry}], Rested).

ended(Nodes, Own) ->
    Outcome = #{tried => Nodes, failed => [{Node, timeout} || Node <- Nodes]},
    barnacle_retries:handle({ended, Outcome}, 0, Own, view()).

settings() ->
    #{
        retry_min => 3600000,
        retry_max => 36000000,
        seed => 1,
        own_list => false,
        own_connect => false,
        node => self@h
    }.

view() ->
    Names = [<<"a@h">>, <<"b@h">>],
    #{
        settings => settings(),
        plan => barnacle_plan:observe({complete, Names}, 0, barnacle_plan:new()),
        mode => running,
        phase => none,
        trigger => none,
        announced => #{},
        connected => #{}
    }.

failed(Failures, NowMs, Settings, Retries) ->
    Nodes = [Node || {Node, _} <- Failures],
    dialled({Nodes, Failures}, fun(_) -> false end, {NowMs, Settings}, Retries).

gone(Nodes, NowMs, Retries) ->
    dialled({Nodes, []}, fun(_) -> false end, {NowMs, ?S}, Retries).

linked(Nodes, NowMs, Retries) ->
    dialled({Nodes, []}, fun(_) -> true end, {NowMs, ?S}, Retries).

wait_after(Failures) ->
    R = lists:foldl(
        fun(_, Acc) -> failed([{a@h, timeout}], 0, ?S, Acc) end, new(), lists:seq(1, Failures)
    ),
    barnacle_retry:next(R).


%% Its attempt failed, but it has connected this node before the refresh has ended.
node_that_has_connected_itself_does_not_fail_test() ->
    Settings = #{own_list => false, node => a@h, retry_min => 1000, retry_max => 30000, seed => 1},
    View = #{
        settings => Settings,
        plan => barnacle_plan:observe({complete, [b@h]}, 0, barnacle_plan:new()),
        announced => #{},
        connected => #{b@h => visible},
        mode => running,
        trigger => none
    },
    Ended = {ended, #{tried => [b@h], failed => [{b@h, failed_to_connect}]}},
    {Own, []} = barnacle_retries:handle(Ended, 0, barnacle_retries:new(Settings), View),
    ?assertEqual(#{}, barnacle_retries:failing(Own)).

-endif.
