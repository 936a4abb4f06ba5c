%% SPDX-License-Identifier: Apache-2.0
-module(facade_strategy_SUITE).

%% Strategies of one's own as a Gleam program writes them, and rounds without a barnacle.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([
    functions_decide_the_result/1,
    functions_get_the_nodes/1,
    filter_decides_who_is_joined/1,
    too_many_nodes_are_an_error_of_each_strategy/1,
    functions_that_fail_fail_their_round_only/1,
    hanging_function_has_a_deadline/1,
    run_once_is_one_round/1,
    run_once_exits_where_settings_are_wrong/1
]).

-import(facade_support, [ask/1, result/1]).

-define(NEVER_MS, 3600000).
-define(LIMIT_MS, 60000).

suite() ->
    [{timetrap, {minutes, 3}}].

all() ->
    facade_support:cases(?MODULE, []).

init_per_suite(Config) ->
    facade_support:started(Config).

end_per_suite(_Config) ->
    ok.

functions_decide_the_result(_) ->
    Given = fun(Result) -> fun(_) -> Result end end,
    Base = fun(Discovered, Listed) ->
        barnacle:with_list_nodes_function(
            barnacle:new_strategy(fun() -> Discovered end), fun() -> Listed end
        )
    end,
    [DisconnectFailed, NotAlive] = facade@page:disconnect_errors(),
    New = Base({ok, [a@h]}, {ok, [b@h]}),
    Connect = fun(R) -> barnacle:with_connect_nodes_function(New, Given(R)) end,
    Both = fun(R) ->
        barnacle:with_disconnect_nodes_function(Connect({ok, [a@h]}), Given(R))
    end,
    [
        ?assertEqual(Expected, barnacle:run_once(barnacle:custom(Strategy)))
     || {Strategy, Expected} <- [
            {Base({error, why}, {ok, []}), {error, {strategy_error, why}}},
            {Base({ok, []}, {error, why}), {error, {strategy_error, why}}},
            {Base({ok, [a@h]}, {ok, [a@h]}), {ok, [a@h]}},
            {Connect({error, [{a@h, failed_to_connect}]}),
                {error, {connect_error, [{a@h, failed_to_connect}]}}},
            {Connect({error, [{a@h, local_node_is_not_alive}]}),
                {error, {connect_error, [{a@h, local_node_is_not_alive}]}}},
            {Both({error, [{b@h, DisconnectFailed}]}),
                {error, {disconnect_error, [{b@h, DisconnectFailed}]}}},
            {Both({error, [{b@h, NotAlive}]}), {error, {disconnect_error, [{b@h, NotAlive}]}}},
            {Both({ok, [b@h]}), {ok, [b@h]}}
        ]
    ].

filter_decides_who_is_joined(_) ->
    Strategy = barnacle:with_connect_nodes_function(
        barnacle:with_list_nodes_function(
            barnacle:new_strategy(fun() -> {ok, [a@h, b@h]} end), fun() -> {ok, []} end
        ),
        fun(Nodes) -> {error, [{Node, failed_to_connect} || Node <- Nodes]} end
    ),
    [
        ?assertEqual(
            {error, {connect_error, [{a@h, failed_to_connect}]}},
            barnacle:run_once(barnacle:with_filter(barnacle:custom(Strategy), Filter))
        )
     || Filter <- [facade@beyond:only(<<"a@h">>), {patterns, [<<"a*">>]}]
    ].

%% Where the type of the strategy's errors is the user's own, no value of it can be known.
too_many_nodes_are_an_error_of_each_strategy(_) ->
    Capped = fun(Barnacle) -> barnacle:with_max_nodes(Barnacle, 1) end,
    ?assertEqual(
        {error, {strategy_error, nil}}, barnacle:run_once(Capped(barnacle:epmd([a@h, b@h])))
    ),
    Custom = barnacle:custom(barnacle:new_strategy(fun() -> {ok, [a@h, b@h]} end)),
    ?assertEqual(
        {exit, {too_many_nodes, 2, 1}}, result(ask(fun() -> barnacle:run_once(Capped(Custom)) end))
    ),
    [
        begin
            {ok, State} = barnacle_gleam_strategy:init(Strategy),
            Error = barnacle_gleam_strategy:to_error({too_many_nodes, 2, 1}, State),
            ?assertEqual(Expected, Error)
        end
     || {Strategy, Expected} <- [
            {{dns, #{basename => <<"a">>, query => <<"b">>}}, unknown},
            {{hosts, #{hosts => [<<"127.0.0.1">>]}}, []},
            {local_epmd, nil}
        ]
    ].

functions_get_the_nodes(_) ->
    Test = self(),
    Tell = fun(What) ->
        fun(Nodes) ->
            Test ! {What, lists:sort(Nodes)},
            {ok, Nodes}
        end
    end,
    S0 = barnacle:new_strategy(fun() -> {ok, [a@h, b@h, node()]} end),
    S1 = barnacle:with_list_nodes_function(S0, fun() -> {ok, [b@h, c@h]} end),
    S2 = barnacle:with_connect_nodes_function(S1, Tell(connect)),
    S3 = barnacle:with_disconnect_nodes_function(S2, Tell(disconnect)),
    ?assertEqual({ok, [b@h, c@h]}, barnacle:run_once(barnacle:custom(S3))),
    [
        receive
            {What, Nodes} -> ?assertEqual(Expected, Nodes)
        after 0 -> error({not_called, What})
        end
     || {What, Expected} <- [{connect, [a@h]}, {disconnect, [c@h]}]
    ].

functions_that_fail_fail_their_round_only(_) ->
    Test = self(),
    Failures = [
        {fun() -> throw(ball) end, fun(R) -> R =:= {nocatch, ball} end},
        {fun() -> exit(hard) end, fun(R) -> R =:= hard end},
        {fun() -> error(wrong) end, fun({R, _}) -> R =:= wrong end},
        {fun() -> rubbish end, fun({{bad_return, _}, _}) -> true end}
    ],
    [
        begin
            Turn = fun() ->
                Test ! {turn, self()},
                receive
                    fail -> Fail();
                    work -> {ok, []}
                end
            end,
            B = barnacle:custom(barnacle:new_strategy(Turn)),
            {ok, Subject} = barnacle:start(barnacle:with_poll_interval(B, ?NEVER_MS)),
            take_turn(work),
            Failed = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
            take_turn(fail),
            {exit, Reason} = result(Failed),
            ?assert(IsReason(Reason)),
            Worked = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
            take_turn(work),
            ?assertEqual({ok, {ok, [node()]}}, result(Worked)),
            ?assertMatch({_, _, 1, _}, facade@beyond:status_numbers(barnacle:status(Subject))),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS)
        end
     || {Fail, IsReason} <- Failures
    ].

hanging_function_has_a_deadline(_) ->
    B = barnacle:with_strategy_timeout(
        barnacle:custom(barnacle:new_strategy(fun() -> receive after infinity -> ok end end)), 20
    ),
    ?assertEqual(
        {exit, {strategy_timeout, discover}}, result(ask(fun() -> barnacle:run_once(B) end))
    ),
    {ok, Subject} = barnacle:start(B),
    Refresh = ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end),
    ?assertEqual({exit, {strategy_timeout, discover}}, result(Refresh)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

run_once_is_one_round(_) ->
    Test = self(),
    Count = fun() ->
        Test ! discovered,
        {ok, []}
    end,
    B = barnacle:with_poll_interval(barnacle:custom(barnacle:new_strategy(Count)), 1),
    ?assertEqual({ok, [node()]}, barnacle:run_once(B)),
    receive
        discovered -> ok
    after 0 -> error(not_discovered)
    end,
    ?assertEqual({links, []}, element(2, result(ask(fun() ->
        {ok, _} = barnacle:run_once(barnacle:epmd([])),
        process_info(self(), links)
    end)))).

run_once_exits_where_settings_are_wrong(_) ->
    B = barnacle:with_max_connects(barnacle:epmd([]), 0),
    {exit, Text} = result(ask(fun() -> barnacle:run_once(B) end)),
    ?assertNotEqual(nomatch, string:find(Text, "max_connects => 0")).

take_turn(What) ->
    receive
        {turn, Worker} -> Worker ! What
    after ?LIMIT_MS -> error(no_turn)
    end.
