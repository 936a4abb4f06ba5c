%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_error_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

%% One error of a strategy, as each Gleam function returns it.
strategy_errors_test_() ->
    [
        {lists:flatten(io_lib:format("~0p", [{Kind, Why}])), fun() ->
            Error = {strategy_error, Why},
            ?assertEqual(Result, barnacle_gleam_error:result(Kind, {error, Error})),
            ?assertEqual(LastError, barnacle_gleam_reason:round_error(Kind, Error)),
            ?assertEqual(Told, told(Kind, {refresh, {error, Error}}))
        end}
     || {Kind, Why, Value} <- [
            {dns, nxdomain, no_such_domain},
            {dns, {posix, emfile}, {posix_error, <<"emfile">>}},
            {dns, port_program_died, unknown},
            {hosts, [{<<"h">>, timeout}], [{<<"h">>, timed_out}]},
            {hosts, port_program_died, []},
            {nil, econnrefused, nil},
            {custom, nxdomain, nxdomain},
            {custom, {anything, 1}, {anything, 1}}
        ],
        Result <- [{error, {strategy_error, Value}}],
        LastError <- [{strategy_failed, Value}],
        Told <- [Result]
    ].

%% No value of the user's type is known for barnacle's own errors: callers exit.
foreign_errors_test_() ->
    [
        {element(1, Name), fun() ->
            Error = {strategy_error, Why},
            ?assertEqual({crashed, Why}, barnacle_gleam_error:result(custom, {error, Error})),
            ?assertEqual({error, {connect_error, []}}, told(custom, {refresh, {error, Error}})),
            ?assertMatch({LastError, _}, first(barnacle_gleam_reason:round_error(custom, Error)))
        end}
     || {Why, LastError} = Name0 <- [
            {{too_many_nodes, 2, 1}, too_many_nodes},
            {{native_library, <<"text">>}, crashed},
            {port_program_died, crashed}
        ],
        Name <- [{lists:flatten(io_lib:format("~0p", [Name0]))}]
    ].

crashes_have_no_value_test() ->
    Crash = {refresh, {error, {crashed, why}}},
    ?assertEqual({crashed, why}, barnacle_gleam_error:result(dns, element(2, Crash))),
    ?assertEqual({error, {connect_error, []}}, told(dns, Crash)).

kinds_test() ->
    [
        begin
            {ok, Strategy} = barnacle_strategy:new(Option),
            ?assertEqual(Kind, barnacle_gleam_error:kind(Option)),
            ?assertEqual(Kind, barnacle_gleam_error:kind(barnacle_strategy:describe(Strategy)))
        end
     || {Kind, Option} <- [
            {dns, {dns, #{basename => <<"a">>, query => <<"b">>}}},
            {hosts, {hosts, #{hosts => [<<"127.0.0.1">>]}}},
            {custom, {custom, #{discover => fun() -> {ok, []} end}}},
            {nil, {epmd, []}},
            {nil, local_epmd}
        ]
    ].

told(Kind, Event) ->
    Tag = make_ref(),
    ok = barnacle_gleam:notify({Kind, {subject, self(), Tag}}, Event),
    receive
        {Tag, {refresh_response, Result}} -> Result
    after 0 -> not_told
    end.

first(Tuple) -> {element(1, Tuple), Tuple}.

-endif.
