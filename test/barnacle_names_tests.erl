%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_names_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

check_test_() ->
    Good = [<<"a@b">>, <<"app-1_x@host.example">>, <<"app@10.0.0.1">>, <<"app@fd00::1">>],
    Bad = [
        {<<>>, no_at},
        {<<"app">>, no_at},
        {<<"@host">>, no_basename},
        {<<"app@">>, no_host},
        {<<"a@b@c">>, {host, $@}},
        {<<"a b@c">>, {basename, $\s}},
        {<<"a.b@c">>, {basename, $.}},
        {<<"a@b c">>, {host, $\s}},
        {<<"a@b\0">>, {host, 0}},
        {<<"a@b/c">>, {host, $/}},
        {<<"ä@b"/utf8>>, {basename, $ä}},
        {<<255, "@b">>, {basename, 255}},
        {<<"a@fe80::1%eth0">>, zone},
        {<<"a@b%eth0">>, {host, $%}},
        {<<"a@", (binary:copy(<<"h">>, 254))/binary>>, too_long}
    ],
    [?_assertEqual(ok, barnacle_names:check(Name)) || Name <- Good] ++
        [
            ?_assertEqual({error, {invalid_node_name, Why}}, barnacle_names:check(Name))
         || {Name, Why} <- Bad
        ] ++
        [?_assertEqual({Why, {ok, []}}, {Why, words({invalid_node_name, Why})}) || {_, Why} <- Bad].

%% A refusal says in words what is wrong, beyond what all of its kind say.
words({Kind, _} = Why) ->
    Text = unicode:characters_to_list(barnacle_words:reason(Why)),
    {ok, Phrase} = barnacle_errors:says(Why),
    {ok, _Fix} = barnacle_errors:fix(Why),
    case string:prefix(Text, [Phrase, ": "]) of
        [_ | _] = Words when Words =/= Text -> {ok, [Words || string:find(Words, "{") =/= nomatch]};
        _ -> {Kind, Text}
    end.

%% Which bytes a basename has, the host of a name, a host that is asked for: all others are refused.
each_byte_test() ->
    Base = lists:seq($a, $z) ++ lists:seq($A, $Z) ++ lists:seq($0, $9) ++ "_-",
    Host = Base ++ ".:",
    All = lists:seq(0, 255),
    Allowed = fun(Check) -> [Byte || Byte <- All, Check(<<"a", Byte, "b">>) =:= ok] end,
    ?assertEqual(lists:sort(Base), Allowed(fun(B) -> barnacle_names:check(<<B/binary, "@h">>) end)),
    ?assertEqual(lists:sort(Host), Allowed(fun(B) -> barnacle_names:check(<<"h@", B/binary>>) end)),
    ?assertEqual(lists:sort(Base), Allowed(fun barnacle_names:check_basename/1)),
    ?assertEqual(lists:sort(Host), Allowed(fun barnacle_names:check_host/1)),
    %% What is refused becomes no atom.
    Refused = [<<"odd", Byte, "odd@h">> || Byte <- All -- Base],
    [?assertMatch({error, _}, barnacle_atom_budget:to_node(Name)) || Name <- Refused],
    [?assertError(badarg, binary_to_existing_atom(Name, latin1)) || Name <- Refused].

%% At both ends of each range.
addresses_of_hosts_test_() ->
    Good = [
        <<"0.0.0.1">>, <<"127.0.0.1">>, <<"169.254.0.1">>, <<"223.255.255.255">>, <<"240.0.0.0">>,
        <<"255.255.255.254">>, <<"::1">>, <<"fe7f:ffff::1">>, <<"fec0::1">>, <<"feff::1">>,
        <<"::ffff:10.0.0.1">>, <<"0.0.0.0.example">>, <<"224">>
    ],
    Bad = [
        {<<"0.0.0.0">>, unspecified}, {<<"224.0.0.0">>, multicast},
        {<<"239.255.255.255">>, multicast}, {<<"255.255.255.255">>, broadcast},
        {<<"::">>, unspecified}, {<<"fe80::1">>, link_local}, {<<"febf::1">>, link_local},
        {<<"ff00::">>, multicast}, {<<"ff02::1">>, multicast}, {<<"ffff::1">>, multicast},
        {<<"::ffff:0.0.0.0">>, unspecified}, {<<"::ffff:224.0.0.1">>, multicast},
        {<<"::ffff:255.255.255.255">>, broadcast}
    ],
    Check = fun(Host) -> barnacle_names:check(<<"app@", Host/binary>>) end,
    [?_assertEqual({Host, ok}, {Host, Check(Host)}) || Host <- Good] ++
        [
            ?_assertEqual({Host, {error, {unusable_address, Why}}}, {Host, Check(Host)})
         || {Host, Why} <- Bad
        ] ++
        [
            ?_assertEqual({Why, {ok, []}}, {Why, words({unusable_address, Why})})
         || {_, Why} <- Bad
        ] ++
        [
            ?_assertMatch(
                {error, {bad_options, [{strategy, _, _}]}},
                barnacle_options:new(#{strategy => Strategy})
            )
         || {Host, _} <- Bad,
            Strategy <- [
                {hosts, #{hosts => [Host]}}, {epmd, [binary_to_atom(<<"app@", Host/binary>>)]}
            ]
        ].

longest_name_is_an_atom_test() ->
    Name = <<"a@", (binary:copy(<<"h">>, 253))/binary>>,
    ?assertMatch({ok, Node} when is_atom(Node), barnacle_atom_budget:to_node(Name)).

check_host_test_() ->
    Label63 = binary:copy(<<"a">>, 63),
    Name253 = <<Label63/binary, ".", Label63/binary, ".", Label63/binary, ".",
        (binary:copy(<<"a">>, 61))/binary>>,
    Good = [<<"a">>, <<"a.b.">>, <<"_sip.a">>, Label63, Name253, <<Name253/binary, ".">>],
    Bad = [
        <<>>,
        <<".">>,
        <<"a..b">>,
        <<".a">>,
        <<"a@b">>,
        <<"a b">>,
        <<"a\0b">>,
        <<"\303\244.b">>,
        <<Label63/binary, "a">>,
        <<Name253/binary, "aa">>,
        undefined,
        "a"
    ],
    [?_assertEqual(ok, barnacle_names:check_host(Host)) || Host <- Good] ++
        [?_assertMatch({error, <<_, _/binary>>}, barnacle_names:check_host(H)) || H <- Bad].

check_basename_test_() ->
    [?_assertEqual(ok, barnacle_names:check_basename(B)) || B <- [<<"a">>, <<"A_b-1">>]] ++
        [
            ?_assertMatch({error, <<_, _/binary>>}, barnacle_names:check_basename(B))
         || B <- [<<>>, <<"a@b">>, <<"a b">>, <<"a\0">>, <<"é"/utf8>>, <<"a.b">>, a, "a"]
        ].

host_test() ->
    ?assertEqual(<<"h">>, barnacle_names:host(a@h)),
    ?assertEqual(<<>>, barnacle_names:host(<<"a">>)).

addresses_are_written_as_rfc_5952_says_test_() ->
    [
        ?_assertEqual(Text, barnacle_address:to_text(Address))
     || {Address, Text} <- [
            {{10, 0, 0, 1}, <<"10.0.0.1">>},
            {{0, 0, 0, 0, 0, 0, 0, 1}, <<"::1">>},
            {{16#2001, 16#DB8, 0, 0, 1, 0, 0, 1}, <<"2001:db8::1:0:0:1">>},
            {{16#2001, 16#DB8, 0, 1, 1, 1, 1, 1}, <<"2001:db8:0:1:1:1:1:1">>},
            {{1, 0, 0, 2, 0, 0, 0, 3}, <<"1:0:0:2::3">>},
            {{16#FD00, 16#ABC, 0, 0, 0, 0, 0, 16#F}, <<"fd00:abc::f">>},
            {{0, 0, 0, 0, 0, 16#FFFF, 16#0A00, 1}, <<"::ffff:10.0.0.1">>}
        ]
    ].

-endif.
