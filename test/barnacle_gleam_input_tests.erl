%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_input_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Input of Gleam programs that cannot be used is a value; test/facade has it as a program sees it.

-include_lib("eunit/include/eunit.hrl").

dns_test_() ->
    Dns = #{basename => <<"app">>, query => <<"app.test">>},
    [
        ?_assertEqual({error, {strategy_error, Error}}, once({dns, maps:merge(Dns, Wrong)}))
     || {Wrong, Error} <- [
            {#{query => <<"a b">>}, query_format_error},
            {#{basename => <<"a@b">>}, query_format_error},
            {#{query => <<>>, timeout => 0}, query_format_error},
            {#{timeout => 0}, timeout},
            {#{timeout => -1, grace => -1}, timeout},
            {#{grace => -1}, unknown}
        ]
    ] ++ [?_assertMatch({ok, _}, once({dns, Dns#{timeout => 1 bsl 70}}))].

hosts_test_() ->
    Hosts = #{hosts => [<<"a b">>, <<"h">>]},
    NotQueried = {lookup_failed, query_format_error},
    [
        ?_assertEqual({error, {strategy_error, Error}}, once({hosts, maps:merge(Hosts, Wrong)}))
     || {Wrong, Error} <- [
            {#{}, [{<<"a b">>, NotQueried}]},
            {#{hosts => [<<"h">>], basename => <<"a@b">>}, [{<<"h">>, NotQueried}]},
            {#{hosts => [<<"h">>], timeout => 0}, [{<<"h">>, timed_out}]},
            {#{hosts => [<<"h">>], port => 0}, []},
            {#{hosts => []}, []}
        ]
    ].

others_test_() ->
    [
        ?_assertEqual(
            {error, {connect_error, [{nonsense, failed_to_connect}]}},
            once({epmd, [a@h, nonsense]})
        ),
        ?_assertMatch({ok, _}, once(local_epmd)),
        ?_assertExit(<<"bad options:", _/binary>>, once({custom, #{}}))
    ].

%% Settings that every strategy has: the value of its error type that says least.
general_settings_test_() ->
    [
        ?_assertEqual(
            {error, {strategy_error, Error}},
            barnacle_gleam_input:once(#{strategy => Strategy, max_connects => 0})
        )
     || {Strategy, Error} <- [
            {{dns, #{basename => <<"app">>, query => <<"app.test">>}}, unknown},
            {{hosts, #{hosts => [<<"h">>]}}, []},
            {{epmd, [a@h]}, nil},
            {local_epmd, nil}
        ]
    ].

problems_test() ->
    ?assertMatch(
        [
            {problem, <<"hostname_query">>, <<"\"a b\"">>, <<_, _/binary>>},
            {problem, <<"max_connects">>, <<"0">>, <<_, _/binary>>}
        ],
        lists:sort(
            barnacle_gleam_input:problems(#{
                strategy => {dns, #{basename => <<"app">>, query => <<"a b">>}}, max_connects => 0
            })
        )
    ).

once(Strategy) ->
    barnacle_gleam_input:once(#{strategy => Strategy}).

-endif.
