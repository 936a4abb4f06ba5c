%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_custom_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Functions of one's own in the place of discovery, connect, disconnect and list: what they decide,
%% and what becomes of a round in which one fails.

-include_lib("eunit/include/eunit.hrl").

-import(bed_held, [start_with_caller/1, start_with_caller/2, answer/1, stop/1, flush/0]).

custom_functions_that_fail_fail_their_round_only_test_() ->
    Failures = [
        {fun() -> throw(ball) end, {nocatch, ball}},
        {fun() -> exit(hard) end, hard},
        {fun() -> exit(self(), kill), receive after infinity -> ok end end, killed}
    ],
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(#{discover => Fun}),
            ?assertEqual({'EXIT', Reason}, answer(Caller)),
            ?assertMatch(
                #{last_error := #{reason := Reason}, state := running},
                barnacle_cluster:status(Server)
            ),
            stop(Server)
        end)
     || {Fun, Reason} <- Failures
    ] ++
        [
            ?_test(begin
                {Server, Caller} = start_with_caller(#{discover => fun() -> Rubbish end}),
                ?assertMatch({'EXIT', {{bad_return, _}, [_ | _]}}, answer(Caller)),
                stop(Server)
            end)
         || Rubbish <- [ok, {ok, node}, {ok, [1]}, {ok, [a | b]}, {partial, [a]}, undefined]
        ].

hanging_function_is_ended_at_its_deadline_test() ->
    {Server, Caller} = start_with_caller(
        #{discover => fun() -> receive after infinity -> ok end end}, #{strategy_timeout => 20}
    ),
    ?assertEqual({'EXIT', {strategy_timeout, discover}}, answer(Caller)),
    stop(Server).

rubbish_of_other_functions_fails_the_round_test_() ->
    Discover = fun() -> {ok, [x@h]} end,
    [
        ?_test(begin
            {Server, Caller} = start_with_caller(Functions#{discover => Discover}),
            ?assertMatch({'EXIT', {{bad_return, _}, _}}, answer(Caller)),
            stop(Server)
        end)
     || Functions <- [
            #{list => fun() -> nodes end},
            #{list => fun() -> {ok, [1]} end},
            #{connect => fun(_) -> ok end},
            #{connect => fun(_) -> {error, why} end},
            #{list => fun() -> {ok, [y@h]} end, connect => fun(N) -> {ok, N} end,
                disconnect => fun(_) -> {error, [y@h]} end}
        ]
    ].

custom_functions_decide_the_result_test_() ->
    Ok = fun(Nodes) -> {ok, Nodes} end,
    Fail = fun(Nodes) -> {error, [{Node, why} || Node <- Nodes]} end,
    All = #{
        discover => fun() -> {ok, [x@h]} end,
        connect => Ok,
        disconnect => Ok,
        list => fun() -> {ok, [y@h]} end
    },
    Result = fun(Functions) ->
        barnacle_cluster:run_once(#{strategy => {custom, maps:merge(All, Functions)}})
    end,
    [
        ?_assertEqual({ok, [y@h]}, Result(#{})),
        ?_assertEqual(
            {error, {strategy_error, why}}, Result(#{discover => fun() -> {error, why} end})
        ),
        ?_assertEqual({error, {strategy_error, why}}, Result(#{list => fun() -> {error, why} end})),
        ?_assertEqual({error, {connect_error, [{x@h, why}]}}, Result(#{connect => Fail})),
        ?_assertEqual({error, {disconnect_error, [{y@h, why}]}}, Result(#{disconnect => Fail})),
        ?_assertEqual(
            {error, {connect_error, [{x@h, why}]}}, Result(#{connect => Fail, disconnect => Fail})
        ),
        %% Partial discovery is no failure, and cuts nobody.
        ?_assertEqual(
            {ok, [y@h]},
            Result(#{discover => fun() -> {partial, [x@h], why} end, disconnect => Fail})
        )
    ].

functions_get_what_is_new_and_what_is_gone_test() ->
    Test = self(),
    Tell = fun(What) -> fun(Nodes) -> Test ! {What, lists:sort(Nodes)}, {ok, Nodes} end end,
    {ok, _} = barnacle_cluster:run_once(#{
        strategy =>
            {custom, #{
                discover => fun() -> {ok, [a@h, b@h, node(), b@h]} end,
                list => fun() -> {ok, [b@h, c@h, node()]} end,
                connect => Tell(connect),
                disconnect => Tell(disconnect)
            }}
    }),
    Told = [{What, Nodes} || {What, Nodes} <- flush(), is_list(Nodes)],
    ?assertEqual([{connect, [a@h]}, {disconnect, [c@h]}], Told).

-endif.
