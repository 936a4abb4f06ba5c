%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_refusals_SUITE).

%% What is reported of nodes that OTP or barnacle refuses: the actual cause, the likeliest first.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    proto_dist_given_twice/1,
    names_that_are_refused/1,
    cookie_on_a_host_that_does_not_resolve/1,
    cookie_beyond_the_probe/1
]).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [
        proto_dist_given_twice, names_that_are_refused, cookie_on_a_host_that_does_not_resolve,
        cookie_beyond_the_probe
    ].

%% OTP 25 takes a flag that is given twice for one that is not given, OTP 27 takes the first.
proto_dist_given_twice(_Config) ->
    case list_to_integer(erlang:system_info(otp_release)) of
        Release when Release < 26 -> ignored();
        Release when Release > 26 -> first_taken();
        _ -> {skip, "not known of this OTP"}
    end.

first_taken() ->
    Epmd = bed_epmd:start_link(),
    Common = #{host => {0, 0, 0, 0, 0, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
    Flag = ["-proto_dist", "inet6_tcp"],
    {ok, Right} = bed_node:start_link(Common#{name => "right", args => Flag}),
    {ok, Node} = bed_node:start_link(Common#{name => "twice", args => Flag ++ Flag}),
    ok = bed_story:members([Node], #{strategy => {epmd, [bed_node:name(Right)]}}),
    ok = bed_story:linked({Node, [Right]}),
    ?assertEqual([], maps:get(hints, bed_story:status(Node))).

ignored() ->
    Epmd = bed_epmd:start_link(),
    Common = #{host => {0, 0, 0, 0, 0, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
    Flag = ["-proto_dist", "inet6_tcp"],
    {ok, Right} = bed_node:start_link(Common#{name => "right", args => Flag}),
    {ok, Node} = bed_node:start_link(Common#{
        name => "twice",
        args => Flag ++ Flag,
        address => {0, 0, 0, 0},
        applications => [barnacle]
    }),
    RightName = bed_node:name(Right),
    %% OTP refuses the address too.
    ?assertNot(bed_node:call(Node, net_kernel, connect_node, [RightName])),
    ?assertEqual(
        {error, {connect_error, [{RightName, {lookup_failed, {posix, eafnosupport}}}]}},
        bed_node:call(Node, barnacle_cluster, run_once, [bed_story:patient([RightName])])
    ),
    ok = bed_story:members([Node, Right], #{strategy => {epmd, [RightName]}}),
    ok = bed_story:rounds(Node, 1),
    ok = bed_story:rounds(Right, 1),
    ?assertEqual(
        [{proto_dist_ignored, ["inet6_tcp", "inet6_tcp"], "inet_tcp"}],
        maps:get(hints, bed_story:status(Node))
    ),
    ?assertEqual([], maps:get(hints, bed_story:status(Right))),
    Page = bed_page:page(Node),
    found("give it once", bed_page:section("About this node", Page)),
    ?assertEqual(nomatch, string:find(Page, "cookie")).

%% From a function of the user's own, as an atom, and from the options.
names_that_are_refused(_Config) ->
    Epmd = bed_epmd:start_link(),
    {ok, Node} = bed_node:start_link(#{
        name => "app",
        host => {127, 0, 0, 1},
        epmd_port => bed_epmd:port(Epmd),
        applications => [barnacle]
    }),
    Names = [
        {'app@fe80::2%lo', {invalid_node_name, zone}, "its address has a zone"},
        {'app@fe80::2', {unusable_address, link_local}, "a link-local address"},
        {'app@0.0.0.0', {unusable_address, unspecified}, "the unspecified address"},
        {'a b@h.example', {invalid_node_name, {basename, $\s}}, "before the @ has a blank"},
        {'app@h/example.org', {invalid_node_name, {host, $/}}, "its host has the character /"},
        {app, {invalid_node_name, no_at}, "it has no @"}
    ],
    [
        begin
            ok = bed_node:call(Node, application, set_env, [barnacle_bed, names, [Name]]),
            ?assertEqual(
                {error, {connect_error, [{Name, Why}]}},
                bed_node:call(Node, barnacle_cluster, run_once, [
                    #{strategy => {bed_answer, []}, disconnect => never}
                ])
            ),
            {error, Problems} = bed_node:call(Node, barnacle_options, new, [
                #{strategy => {epmd, [Name]}}
            ]),
            found(Words, binary_to_list(barnacle_options:format_error(Problems)))
        end
     || {Name, Why, Words} <- Names
    ],
    ok = bed_node:call(Node, application, set_env, [
        barnacle_bed, names, [atom_to_binary(Name) || {Name, _, _} <- Names]
    ]),
    ok = bed_story:members([Node], #{strategy => {bed_answer, []}}),
    ok = bed_story:rounds(Node, 1),
    Page = re:replace(bed_page:page(Node), "\\s+", " ", [global, {return, list}]),
    [found(Words, Page) || {_, _, Words} <- Names].

%% The core does not find the host, which the operating system knows: nothing speaks against an
%% attempt, and it fails.
cookie_on_a_host_that_does_not_resolve(_Config) ->
    Epmd = bed_epmd:start_link(),
    Host = "box-" ++ integer_to_list(bed_epmd:port(Epmd)),
    [Node, Other] = [
        begin
            {ok, Started} = bed_node:start_link(#{
                name => Name,
                host => Host,
                address => {127, 0, 0, 1},
                cookie => Cookie,
                applications => [barnacle],
                epmd_port => bed_epmd:port(Epmd)
            }),
            ok = bed_node:call(Started, inet_db, set_lookup, [[file, native]]),
            ok = bed_node:call(Started, inet_db, add_host, [{127, 0, 0, 1}, [Host]]),
            Started
        end
     || {Name, Cookie} <- [{"one", "barnacle_bed"}, {"two", "another"}]
    ],
    OtherName = bed_node:name(Other),
    {error, {connect_error, [{OtherName, Why}]}} =
        bed_node:call(Node, barnacle_cluster, run_once, [bed_story:patient([OtherName])]),
    %% The second is of a core that asks OTP for names that it does not find.
    ?assert(lists:member(Why, [failed_unprobed, handshake_failed]), Why),
    {ok, Fix} = barnacle_errors:fix(Why),
    ?assertMatch(<<"most likely the two nodes have different cookies", _/binary>>, Fix),
    ok = bed_story:members([Node], #{strategy => {epmd, [OtherName]}}),
    ok = bed_story:rounds(Node, 1),
    ?assertEqual(nomatch, string:find(bed_page:page(Node), "nothing more is known")),
    %% Without a probe that is so.
    Options = bed_story:patient([OtherName]),
    ?assertMatch(
        {error, {connect_error, [{OtherName, failed_to_connect}]}},
        bed_node:call(Node, barnacle_cluster, run_once, [Options#{probe => false}])
    ).

%% An option of connections that the probe cannot take (a raw one: SO_KEEPALIVE).
cookie_beyond_the_probe(_Config) ->
    Epmd = bed_epmd:start_link(),
    Common = #{host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)},
    {ok, Node} = bed_node:start_link(Common#{
        name => "one",
        applications => [barnacle],
        args => ["-kernel", "inet_dist_connect_options", "[{raw,1,9,<<1:32/native>>}]"]
    }),
    {ok, Other} = bed_node:start_link(Common#{name => "two", cookie => "another"}),
    OtherName = bed_node:name(Other),
    ?assertEqual(
        {error, {connect_error, [{OtherName, failed_unprobed}]}},
        bed_node:call(Node, barnacle_cluster, run_once, [bed_story:patient([OtherName])])
    ),
    {ok, Fix} = barnacle_errors:fix(failed_unprobed),
    ?assertMatch(<<"most likely the two nodes have different cookies", _/binary>>, Fix).

found(Part, Text) ->
    ?assertNotEqual({Part, nomatch}, {Part, string:find(Text, Part)}).
