%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_hints_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

hints_test_() ->
    Own = <<"app@10.0.0.1">>,
    Missing = fun(Found, Where) -> [{own_name_missing, Own, Found, Where}] end,
    [
        {lists:flatten(io_lib:format("~0p ~0p", [Facts, Answer])),
            ?_assertEqual(Expected, barnacle_hints:find(facts(Facts), Answer))}
     || {Facts, Answer, Expected} <- [
            {#{}, none, []},
            {#{alive => false}, none, [not_alive]},
            {#{alive => false}, {complete, [<<"app@10.0.0.2">>]}, [not_alive]},
            {#{}, {complete, [Own, <<"app@10.0.0.2">>]}, []},
            {#{}, {complete, ['app@10.0.0.1']}, []},
            {#{}, {error, timeout}, []},
            %% Nobody at all, and some only, say nothing of who is missing.
            {#{}, {complete, []}, []},
            {#{is_listed => false}, {complete, [<<"app@10.0.0.2">>]}, []},
            {#{}, {partial, [<<"app@10.0.0.2">>], why}, []},
            {#{}, {complete, [<<"app@10.0.0.2">>]}, Missing([<<"app@10.0.0.2">>], elsewhere)},
            {#{}, {complete, [<<"web@10.0.0.1">>]},
                Missing([<<"web@10.0.0.1">>], {basename, <<"web@10.0.0.1">>})},
            {#{addresses => fun() -> [<<"::1">>, <<"10.9.9.9">>] end},
                {complete, [<<"app@10.0.0.2">>, <<"app@10.9.9.9">>]},
                Missing([<<"app@10.0.0.2">>, <<"app@10.9.9.9">>], {host, <<"app@10.9.9.9">>})},
            {#{filtered => ['app@10.0.0.1']}, {complete, [<<"app@10.0.0.2">>]},
                Missing([<<"app@10.0.0.2">>], filtered)},
            %% This node by another name, and names that none can have beside it.
            {#{same => [<<"app@10.9.9.9">>]}, {complete, [Own, <<"app@10.9.9.9">>]},
                [{own_names, [<<"app@10.9.9.9">>]}]},
            {#{same => [<<"app@a.b">>]}, {complete, [<<"app@a.b">>]}, [
                {own_names, [<<"app@a.b">>]} | Missing([<<"app@a.b">>], {same, <<"app@a.b">>})
            ]},
            {#{same => [<<"app@10.9.9.9">>, <<"web@10.0.0.1">>]}, {complete, [Own]}, [
                {own_names, [<<"app@10.9.9.9">>]}, {own_listener, [<<"web@10.0.0.1">>], Own}
            ]},
            {#{taken => ['app@127.0.0.12']}, {error, timeout}, [{name_taken, ['app@127.0.0.12']}]},
            {#{proto_dist => {ignored, ["inet6_tcp", "inet6_tcp"], "inet_tcp"}}, {error, timeout},
                [{proto_dist_ignored, ["inet6_tcp", "inet6_tcp"], "inet_tcp"}]},
            {#{form => unknown}, {complete, [Own, <<"app@box">>]}, []},
            %% The form of the name comes first: no other name can be right before that is.
            {#{form => short, own => <<"app@box">>}, {complete, [Own, <<"app@pod">>]},
                [{short_names, [Own], 2}]},
            {#{form => short, own => <<"app@box">>}, {partial, ['app@10.0.0.1'], why},
                [{short_names, ['app@10.0.0.1'], 1}]},
            {#{form => short, own => <<"app@box">>}, {complete, [<<"app@box">>, <<"app@fd00::2">>]},
                []},
            {#{own => <<"app@a.b">>}, {complete, [<<"app@a.b">>, <<"app@box">>]},
                [{long_names, [<<"app@box">>], 2}]},
            {#{own => <<"app@fd00::1">>}, {complete, [<<"app@fd00::1">>, <<"app@fd00::2">>]}, []}
        ]
    ].

texts_name_the_fix_test_() ->
    [
        ?_assertNotEqual(nomatch, string:find(barnacle_hints:text(Hint), Part))
     || {Hint, Parts} <- [
            {not_alive, ["not alive", "-sname"]},
            {{short_names, ['a@1.2.3.4', 'a@1.2.3.5'], 3}, ["2 of 3", "a@1.2.3.4", "-name"]},
            {{long_names, [<<"a@h">>], 1}, ["1 of 1 discovered name ", "a@h", "-sname"]},
            {{own_name_missing, <<"a@h.i">>, ['b@h.i'], {basename, <<"b@h.i">>}}, [
                "this node is a@h.i", "found b@h.i", "the basename"
            ]},
            {{own_name_missing, <<"a@h.i">>, ['a@1.2.3.4'], {host, <<"a@1.2.3.4">>}}, [
                "-name a@1.2.3.4"
            ]},
            {{own_name_missing, <<"a@h.i">>, ['a@j.k'], {same, <<"a@j.k">>}}, [
                "this node by another name", "-name a@j.k"
            ]},
            {{own_names, [<<"a@127.0.0.2">>]}, [
                "a@127.0.0.2 is this node by another name", "-start_epmd false", "basename"
            ]},
            {{own_listener, [<<"b@127.0.0.2">>], <<"a@127.0.0.2">>}, [
                "b@127.0.0.2 is this node by another name", "another basename than a@127.0.0.2",
                "no other node can"
            ]},
            {{name_taken, ['a@127.0.0.2']}, [
                "a@127.0.0.2 cannot run beside this node", "EPMD", "-start_epmd false"
            ]},
            {{proto_dist_ignored, ["inet6_tcp", "inet_tls"], "inet_tcp"}, [
                "inet6_tcp, inet_tls", "uses inet_tcp", "give it once"
            ]},
            {{own_name_missing, <<"a@h.i">>, ['a@1.2.3.4'], filtered}, ["filter"]},
            {{own_name_missing, <<"a@h.i">>, ['a@1.2.3.4'], elsewhere}, ["not ready"]}
        ],
        Part <- Parts
    ].

facts_of_this_node_test() ->
    {ok, Epmd} = barnacle_strategy:new({epmd, []}),
    Refresh = #{filtered => [], same => [], failed => []},
    ?assertMatch(#{is_listed := false}, barnacle_hints:facts(Epmd, Refresh)),
    {ok, Strategy} = barnacle_strategy:new(local_epmd),
    Facts = barnacle_hints:facts(Strategy, Refresh#{filtered := [x@h]}),
    ?assertMatch(
        #{alive := false, own := <<"nonode@nohost">>, filtered := [x@h], is_listed := true}, Facts
    ),
    #{addresses := Addresses} = Facts,
    ?assert(lists:member(<<"127.0.0.1">>, Addresses())).

facts(Other) ->
    maps:merge(
        #{
            alive => true,
            own => <<"app@10.0.0.1">>,
            form => long,
            is_listed => true,
            filtered => [],
            same => [],
            taken => [],
            proto_dist => ok,
            addresses => fun() -> [] end
        },
        Other
    ).

-endif.
