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
    run_once_returns_errors_of_input/1,
    run_once_ignores_what_it_does_not_use/1,
    run_once_exits_only_for_strategies_of_ones_own/1,
    refresh_without_time_is_an_error_of_input/1,
    crash_is_sent_to_the_listener/1
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
            {Both({ok, [b@h]}), {ok, [b@h]}},
            %% This node under the transport's name is neither connected nor disconnected.
            {barnacle:with_own_name_function(Both({error, []}), fun() -> a@h end), {ok, [b@h]}}
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
    Listener = facade_support:subject(),
    Polled = barnacle:with_poll_interval(Capped(Custom), ?NEVER_MS),
    {ok, Subject} = barnacle:start(barnacle:with_listener(Polled, Listener)),
    ?assertEqual(
        {exit, {too_many_nodes, 2, 1}},
        result(ask(fun() -> barnacle:refresh(Subject, ?LIMIT_MS) end))
    ),
    ?assertEqual(
        facade@page:refresh_response({error, facade@page:connect_error([])}),
        facade_support:next(Listener)
    ),
    {_, _, {some, LastError}} = facade@beyond:status_history(barnacle:status(Subject)),
    ?assertMatch({{too_many_nodes, 2, 1}, _, _, _, _}, facade@beyond:last_error(LastError)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS),
    [
        begin
            Error = {error, {strategy_error, {too_many_nodes, 2, 1}}},
            ?assertEqual(
                {error, {strategy_error, Expected}}, barnacle_gleam_error:result(Kind, Error)
            )
        end
     || {Kind, Expected} <- [{dns, unknown}, {hosts, []}, {nil, nil}]
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

run_once_returns_errors_of_input(_) ->
    Long = binary:copy(<<"l">>, 64),
    Dns = fun(Basename, Query, Timeout) ->
        {dns, barnacle:dns(Basename, Query, Timeout)}
    end,
    Hosts = fun(Names, Basename, Timeout) ->
        {hosts, facade@beyond:hosts(Names, Basename, Timeout)}
    end,
    [
        begin
            {error, {strategy_error, Error}} = barnacle:run_once(B),
            ?assertEqual(Expected, input_error(Kind, Error))
        end
     || {{Kind, B}, Expected} <-
            [
                {Dns(<<"app">>, Name, none), <<"QueryFormatError">>}
             || Name <- [<<>>, <<"a b">>, <<"a..b">>, Long, <<"a", 0>>, <<"a@b">>, <<255>>]
            ] ++
                [
                    {Dns(Base, <<"app.test">>, none), <<"QueryFormatError">>}
                 || Base <- [<<>>, <<"a@b">>, <<"a b">>]
                ] ++
                [
                    {Dns(<<"a@b">>, <<"app.test">>, {some, 0}), <<"QueryFormatError">>},
                    {Dns(<<"app">>, <<"app.test">>, {some, 0}), <<"Timeout">>},
                    {Dns(<<"app">>, <<"app.test">>, {some, -1}), <<"Timeout">>},
                    {{dns, barnacle:with_grace(dns(), -1)}, <<"Unknown">>},
                    {{dns, barnacle:with_nameservers(dns(), [<<"x">>])}, <<"Unknown">>},
                    {{dns, barnacle:with_max_connects(dns(), 0)}, <<"Unknown">>},
                    {Hosts([<<"a b">>, <<"h">>, <<"0.0.0.0">>], none, none), [
                        {<<"a b">>, <<"QueryFormatError">>}, {<<"0.0.0.0">>, <<"QueryFormatError">>}
                    ]},
                    {Hosts([<<"h">>], {some, <<"a@b">>}, none), [
                        {<<"h">>, <<"QueryFormatError">>}
                    ]},
                    {Hosts([<<"h">>, <<"i">>], none, {some, 0}), [
                        {<<"h">>, <<"TimedOut">>}, {<<"i">>, <<"TimedOut">>}
                    ]},
                    {Hosts([], none, none), []},
                    {{hosts, barnacle:with_probe_timeout(hosts(), 0)}, []},
                    {{hosts, barnacle:with_epmd_port(hosts(), 0)}, []},
                    {{nil, barnacle:with_max_connects(barnacle:local_epmd(), 0)}, nil},
                    {{nil, barnacle:with_max_connects(barnacle:epmd([a@h]), 0)}, nil}
                ]
    ],
    ?assertEqual(
        {error, {connect_error, [{nonsense, failed_to_connect}]}},
        barnacle:run_once(barnacle:epmd([a@h, nonsense]))
    ),
    %% A time limit past what a lookup may have is no error.
    Longest = barnacle:dns(<<"app">>, <<"127.0.0.1">>, {some, (1 bsl 70)}),
    ?assertMatch({error, {connect_error, [_]}}, barnacle:run_once(Longest)).

input_error(dns, Error) ->
    facade@beyond:lookup_error(Error);
input_error(hosts, Hosts) ->
    [{Host, facade@beyond:host_error(Error)} || {Host, Error} <- Hosts];
input_error(nil, nil) ->
    nil.

dns() -> barnacle:dns(<<"app">>, <<"app.test">>, none).

hosts() -> facade@beyond:hosts([<<"127.0.0.1">>], none, none).

run_once_ignores_what_it_does_not_use(_) ->
    Dead = {named_subject, facade_nobody},
    Set = [
        fun(B) -> barnacle:with_poll_interval(B, 0) end,
        fun(B) -> barnacle:with_eager_poll_interval(B, -1) end,
        fun(B) -> barnacle:with_name(B, <<"undefined">>) end,
        fun(B) -> barnacle:with_name(B, binary:copy(<<"n">>, 256)) end,
        fun(B) -> barnacle:with_listener(B, Dead) end,
        fun(B) -> barnacle:with_departed_after(B, -1) end,
        fun(B) -> barnacle:with_retry_min(B, 0) end,
        fun(B) -> barnacle:with_retry_max(B, 0) end,
        fun(B) -> barnacle:with_max_callers(B, 0) end,
        fun(B) -> barnacle:with_log(B, rubbish) end
    ],
    B = lists:foldl(fun(Wrong, Acc) -> Wrong(Acc) end, barnacle:epmd([]), Set),
    ?assertEqual({ok, [node()]}, barnacle:run_once(B)),
    ?assertMatch({error, {init_failed, _}}, barnacle:start(B)).

run_once_exits_only_for_strategies_of_ones_own(_) ->
    Custom = barnacle:custom(barnacle:new_strategy(fun() -> {ok, []} end)),
    B = barnacle:with_max_connects(Custom, 0),
    {exit, Text} = result(ask(fun() -> barnacle:run_once(B) end)),
    ?assertNotEqual(nomatch, string:find(Text, "max_connects => 0")).

refresh_without_time_is_an_error_of_input(_) ->
    [
        begin
            {ok, Subject} = barnacle:start(barnacle:with_poll_interval(B, ?NEVER_MS)),
            [
                ?assertEqual(
                    {ok, {error, {strategy_error, Error}}},
                    result(ask(fun() -> barnacle:refresh(Subject, Ms) end))
                )
             || Ms <- [0, -1]
            ],
            nil = barnacle:shutdown(Subject, ?LIMIT_MS)
        end
     || {B, Error} <- [{dns(), timeout}, {hosts(), []}]
    ],
    {ok, Subject} = barnacle:start(barnacle:epmd([])),
    [
        ?assertMatch(
            {exit, {timeout, _}}, result(ask(fun() -> barnacle:refresh(Subject, Ms) end))
        )
     || Ms <- [0, -1]
    ],
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

%% No constructor of the documented types is of a crash, and no other error is one without nodes.
crash_is_sent_to_the_listener(_) ->
    Listener = facade_support:subject(),
    Crash = barnacle:custom(barnacle:new_strategy(fun() -> exit(why) end)),
    B = barnacle:with_poll_interval(Crash, ?NEVER_MS),
    {ok, Subject} = barnacle:start(barnacle:with_listener(B, Listener)),
    ?assertEqual(
        facade@page:refresh_response({error, facade@page:connect_error([])}),
        facade_support:next(Listener)
    ),
    {_, _, {some, Error}} = facade@beyond:status_history(barnacle:status(Subject)),
    ?assertMatch({{crashed, <<"why">>}, _, _, 1, _}, facade@beyond:last_error(Error)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

take_turn(What) ->
    receive
        {turn, Worker} -> Worker ! What
    after ?LIMIT_MS -> error(no_turn)
    end.
