%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_nameserver_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

%% The strategy's check and the core's accept the same texts.
-define(GOOD, [
    "10.0.0.2",
    "10.0.0.2:53",
    "10.0.0.2:1",
    "10.0.0.2:65535",
    "10.0.0.2:0053",
    "0.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "[::1]",
    "[::1]:53",
    "[2001:DB8::1]:5353",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::1:2:3:4:5:6:7",
    "::ffff:10.0.0.2",
    "1:2:3:4:5:6:10.0.0.2",
    "[::ffff:10.0.0.2]:53",
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::53%2]",
    "[febf::53%br-lan.7_x]:5353",
    "fe80::1%abcdefghijklmno"
]).
-define(BAD, [
    "",
    " ",
    "ns.example",
    "localhost",
    "10.0.0",
    "10.0.0.2.1",
    "010.0.0.2",
    "10.0.0.02",
    "0x0a.0.0.2",
    "256.0.0.1",
    "167772162",
    " 10.0.0.2",
    "10.0.0.2 ",
    "10.0.0.2\n",
    [$1, $0, ".0.0.2", 0],
    "10.0.0.2:",
    "10.0.0.2:0",
    "10.0.0.2:000",
    "10.0.0.2:65536",
    "10.0.0.2:4294967349",
    "10.0.0.2:-1",
    "10.0.0.2:+53",
    "10.0.0.2:53x",
    "10.0.0.2:53\n",
    "10.0.0.2: 53",
    "10.0.0.2:53:53",
    "10.0.0.2,10.0.0.3",
    "10.0.0.2#53",
    ":53",
    ":",
    "[10.0.0.2]",
    "[10.0.0.2]:53",
    "[",
    "[]",
    "[]:53",
    "[::1",
    "::1]",
    "[::1]53",
    "[::1]:",
    "[::1]:0",
    "[::1]:65536",
    "[::1]]:53",
    "[[::1]]:53",
    "::1:53x",
    "1::2::3",
    "1:::2",
    "1:2:3:4:5:6:7:8:",
    "1:2:3:4:5:6:7:8:9",
    "::1:2:3:4:5:6:7:8",
    "00001::1",
    "::g",
    "::ffff:10.0.0",
    "::ffff:10.0.0.02",
    "fe80::53%",
    "fe80::53%eth 0",
    "fe80::53%eth0\n",
    "fe80::53%eth0%eth1",
    "fe80::53%an-interface-too-long",
    "[fe80::53]%eth0",
    "[fe80::53%]:53",
    "fec0::1%eth0",
    "fd00::1%eth0",
    "::1%lo",
    "10.0.0.2%eth0",
    "10.0.0.2%eth0:53",
    "%eth0",
    [200],
    unicode:characters_to_binary([16#ff11])
]).

same_as_in_the_core_test_() ->
    [
        {lists:flatten(io_lib:format("~0p", [Text])), fun() ->
            Server = iolist_to_binary(Text),
            ?assertEqual(Expected, kind(barnacle_nameserver:check(Server))),
            ?assertEqual(Expected, kind(core(Server)))
        end}
     || {Expected, Texts} <- [{good, ?GOOD}, {bad, ?BAD}], Text <- Texts
    ].

%% Whatever bytes it consists of, both say the same.
same_for_random_texts_test() ->
    Pieces = [
        "1", "0", "53", "255", "256", "65536", ".", ".", ".", ":", ":", "::", "[", "]", "%",
        "fe80::",
        "eth0", "f", "10.0.0.2", "::1", " ", "x", "-", <<0>>
    ],
    _ = rand:seed(exsss, 14),
    [
        begin
            Count = rand:uniform(6),
            Server = iolist_to_binary([pick(Pieces) || _ <- lists:seq(1, Count)]),
            ?assertEqual(
                {Server, kind(core(Server))}, {Server, kind(barnacle_nameserver:check(Server))}
            )
        end
     || _ <- lists:seq(1, 3000)
    ].

text_names_the_value_and_the_fix_test() ->
    [
        begin
            {error, Text} = barnacle_nameserver:check(Server),
            [
                ?assertNotEqual({Text, nomatch}, {Text, string:find(Text, Part)})
             || Part <- [Named, "\"10.0.0.2:53\"", "1 to 65535"]
            ]
        end
     || {Server, Named} <- [
            {<<"ns.example">>, "\"ns.example\""},
            {<<"10.0.0.2:0">>, "\"10.0.0.2:0\""},
            {<<27, "[0m">>, "<<27,91,48,109>>"}
        ]
    ].

core(Server) ->
    barnacle_native:resolve([], #{timeout => 60000, nameservers => [Server]}).

kind(ok) -> good;
kind({ok, []}) -> good;
kind({error, {bad_nameserver, _}}) -> bad;
kind({error, <<_, _/binary>>}) -> bad.

pick(Pieces) -> lists:nth(rand:uniform(length(Pieces)), Pieces).

-endif.
