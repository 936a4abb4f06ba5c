%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_app_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT_S, 120).
-define(NOT_STARTED, {not_started, barnacle}).

%% Whatever needs the application says so, and works as soon as it is started.
not_started_test_() ->
    [
        {Native, {timeout, ?LIMIT_S, fun() -> not_started(Native) end}}
     || Native <- ["nif", "port"]
    ].

not_started(Native) ->
    {ok, Vm} = bed_node:start(#{
        alive => false, applications => [], args => ["-barnacle", "native", Native]
    }),
    Options = #{strategy => {epmd, []}},
    Calls = [
        {barnacle_cluster, run_once, [Options]},
        {barnacle_dns, lookup, [<<"127.0.0.1">>, 1000]},
        {barnacle_dns, discover_nodes, [<<"app">>, <<"127.0.0.1">>, 1000]}
    ],
    ?assertEqual(
        {error, ?NOT_STARTED}, bed_node:call(Vm, barnacle_cluster, start_link, [Options])
    ),
    %% All bad options at once, also there.
    ?assertMatch(
        {error, {bad_options, [_]}}, bed_node:call(Vm, barnacle_cluster, start_link, [#{}])
    ),
    [
        ?assertEqual({M, F, ?NOT_STARTED}, {M, F, exit_of(Vm, M, F, Args)})
     || {M, F, Args} <- Calls
    ],
    {ok, _} = bed_node:call(Vm, application, ensure_all_started, [barnacle]),
    [?assertMatch({ok, _}, bed_node:call(Vm, M, F, Args)) || {M, F, Args} <- Calls],
    ok = bed_node:stop(Vm).

exit_of(Vm, Module, Function, Args) ->
    try bed_node:call(Vm, Module, Function, Args) of
        Result -> {returned, Result}
    catch
        exit:Reason -> Reason
    end.

says_what_to_do_test() ->
    Text = barnacle_cluster:format_error(?NOT_STARTED),
    [
        ?assertNotEqual({Part, nomatch}, {Part, string:find(Text, Part)})
     || Part <- [
            <<"the application barnacle is not started">>,
            <<"`applications`">>,
            <<"application:ensure_all_started(barnacle)">>
        ]
    ].

%% One that is killed is there again, and the others have not noticed.
each_is_started_again_test() ->
    Others = [whereis(Name) || Name <- [barnacle_port, barnacle_registry]],
    ok = bed_app:killed(barnacle_queue),
    ?assertEqual(Others, [whereis(Name) || Name <- [barnacle_port, barnacle_registry]]),
    ?assertEqual({ok, [{127, 0, 0, 1}]}, barnacle_dns:lookup(<<"127.0.0.1">>, 1000)).

-endif.
