%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_options_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

defaults_test() ->
    {ok, Options} = barnacle_options:new(#{strategy => {epmd, []}}),
    ?assertMatch(
        #{
            poll_interval := 5000,
            departed_after := 60000,
            connect_timeout := 5000,
            max_connects := 64,
            probe := true,
            probe_timeout := 1000,
            strategy_timeout := 30000,
            disconnect := departed
        },
        Options
    ),
    [?assertNot(is_map_key(Key, Options)) || Key <- [name, listener, eager_poll_interval]].

property_list_test() ->
    ?assertMatch(
        {ok, #{poll_interval := 7}},
        barnacle_options:new([{strategy, {epmd, []}}, {poll_interval, 7}])
    ).

name_servers_test_() ->
    [
        ?_assertMatch(
            {ok, _},
            barnacle_options:new(#{
                strategy =>
                    {dns, #{basename => <<"a">>, query => <<"b">>, nameservers => [Server]}}
            })
        )
     || Server <- [<<"10.0.0.1">>, <<"10.0.0.1:5353">>, <<"[::1]:53">>]
    ].

own_list_function_means_undiscovered_test() ->
    Discover = fun() -> {ok, []} end,
    Custom = fun(Functions) ->
        {ok, Options} = barnacle_options:new(#{strategy => {custom, Functions}}),
        maps:get(disconnect, Options)
    end,
    ?assertEqual(departed, Custom(#{discover => Discover})),
    ?assertEqual(undiscovered, Custom(#{discover => Discover, list => Discover})).

every_problem_is_told_test() ->
    {error, {bad_options, Problems}} = barnacle_options:new(#{
        strategy => {epmd, [x]}, poll_interval => 0, listener => 1, name => "n", nonsense => 2
    }),
    ?assertEqual(
        [listener, name, nonsense, poll_interval, strategy],
        lists:sort([Key || {Key, _, _} <- Problems])
    ),
    Text = barnacle_options:format_error({bad_options, Problems}),
    [
        ?assertNotEqual(nomatch, string:find(Text, Word))
     || Word <- ["poll_interval => 0", "from 1 to", "nonsense", "[x]", "listener"]
    ].

%% Both are said, be one of them the default; and beside all else that is wrong.
retry_min_above_retry_max_test_() ->
    [
        ?_test(begin
            {error, {bad_options, Problems} = Reason} = barnacle_options:new(
                maps:merge(#{strategy => {epmd, []}}, Options)
            ),
            ?assertEqual(Keys, lists:sort([Key || {Key, _, _} <- Problems])),
            Text = barnacle_options:format_error(Reason),
            [?assertNotEqual({Part, nomatch}, {Part, string:find(Text, Part)}) || Part <- Parts]
        end)
     || {Options, Keys, Parts} <- [
            {#{retry_min => 500, retry_max => 400}, [retry_min],
                ["retry_min => 500: ", "retry_max, which is 400", "raise retry_max"]},
            {#{retry_min => 30001}, [retry_min], ["retry_max, which is 30000"]},
            {#{retry_max => 999}, [retry_min], ["retry_min => 1000: ", "retry_max, which is 999"]},
            {#{retry_min => 2, retry_max => 1, max_connects => 0}, [max_connects, retry_min], []},
            %% One that is wrong by itself is no end of a range.
            {#{retry_min => 2, retry_max => 0}, [retry_max], ["retry_max => 0: must be"]}
        ]
    ] ++
        [
            ?_assertMatch({ok, _}, barnacle_options:new(#{
                strategy => {epmd, []}, retry_min => Ms, retry_max => Ms
            }))
         || Ms <- [1, 86400000]
        ].

%% Whoever hands it in, whatever it is: a text, and not too long a one.
anything_is_an_error_in_words_test_() ->
    Long = binary:copy(<<"long">>, 100000),
    Junk = [
        junk, [], [junk], [junk | tail], [{key, value, no_text}], [{key, Long, Long}], Long,
        [{list_to_atom("key" ++ integer_to_list(N)), Long, <<"text">>} || N <- lists:seq(1, 500)],
        <<255>>, [<<255>>], [16#110000], self(), #{}
    ],
    [
        ?_test(begin
            Text = barnacle_cluster:format_error(Reason),
            ?assert(is_binary(Text) andalso Text =/= <<>>),
            ?assert(is_list(unicode:characters_to_list(Text))),
            ?assert(byte_size(Text) =< 20100, byte_size(Text))
        end)
     || Reason <- Junk ++ [
            {Kind, Why}
         || Kind <- [
                bad_options, already_started, native_library, 'Kind', Long
            ],
            Why <- Junk
        ]
    ] ++
        [
            ?_assertNotEqual(nomatch, string:find(barnacle_cluster:format_error(Reason), "junk"))
         || Reason <- [{bad_options, junk}, {bad_options, [junk]}, {native_library, {junk}}]
        ].

%% A strategy's own timeout isn't to be taken for one of the barnacle's.
problem_of_a_strategy_names_it_test() ->
    {error, Reason} = barnacle_options:new(#{
        strategy => {dns, #{basename => <<"a">>, timeout => 0}}, poll_interval => 0
    }),
    [_, First, Second, Own] = binary:split(
        barnacle_options:format_error(Reason), <<"\n">>, [global]
    ),
    ?assertMatch({_, _}, binary:match(First, <<"}: dns: query is missing: give a host name">>)),
    ?assertMatch(<<"  dns: timeout => 0: must be", _/binary>>, Second),
    ?assertMatch(<<"poll_interval => 0: must be", _/binary>>, Own),
    {error, OfHosts} = barnacle_options:new(#{strategy => {hosts, #{hosts => []}}}),
    ?assertMatch({_, _},
        binary:match(barnacle_options:format_error(OfHosts), <<"}: hosts: hosts => []: must be">>)
    ).

bad_test_() ->
    Dns = fun(More) -> {dns, maps:merge(#{basename => <<"a">>, query => <<"b">>}, More)} end,
    Hosts = fun(More) -> {hosts, maps:merge(#{hosts => [<<"h">>]}, More)} end,
    Strategies = [
        Dns(#{basename => <<"a@b">>}),
        Dns(#{basename => a}),
        Dns(#{query => <<"a b">>}),
        Dns(#{query => <<>>}),
        Dns(#{timeout => 0}),
        Dns(#{families => all}),
        Dns(#{nameservers => <<"10.0.0.1">>}),
        Dns(#{nameservers => ["10.0.0.1"]}),
        Dns(#{nameservers => [<<"10.0.0.1">> | <<"10.0.0.2">>]}),
        Dns(#{nameservers => [<<"ns.example">>]}),
        Dns(#{nameservers => [<<"10.0.0.1:99999">>]}),
        Dns(#{nameservers => [<<"10.0.0.1:0">>]}),
        Dns(#{typo => 1}),
        {dns, #{basename => <<"a">>}},
        {dns, nonsense},
        Hosts(#{hosts => []}),
        Hosts(#{hosts => [h]}),
        Hosts(#{port => 65536}),
        {epmd, nodes},
        {epmd, ['a@b' | 'c@d']},
        {epmd, [<<"a@b">>]},
        {custom, #{}},
        {custom, #{discover => fun(_) -> ok end}},
        {custom, #{discover => fun() -> ok end, conect => fun(_) -> ok end}},
        {no_such_module_at_all, []},
        {lists, []},
        nonsense
    ],
    [
        ?_assertMatch(
            {error, {bad_options, [{strategy, Strategy, <<_, _/binary>>}]}},
            barnacle_options:new(#{strategy => Strategy})
        )
     || Strategy <- Strategies
    ] ++
        [
            ?_assertMatch({error, {bad_options, [{Key, Value, <<_, _/binary>>}]}},
                barnacle_options:new(#{strategy => {epmd, []}, Key => Value})
            )
         || {Key, Value} <- [
                {name, undefined},
                {name, barnacle_registry},
                {listener, {no_such_module_at_all, x}},
                {listener, {lists, x}},
                {disconnect, cut},
                {departed_after, -1},
                {connect_timeout, infinity},
                {max_connects, 0},
                {probe, yes},
                {probe_timeout, 0},
                {strategy_timeout, 1.5},
                {eager_poll_interval, 0}
            ]
        ].

not_options_test_() ->
    [
        ?_assertMatch({error, {bad_options, [_ | _]}}, barnacle_options:new(Options))
     || Options <- [nonsense, 1, [1, 2], [{strategy, {epmd, []}} | tail], #{}]
    ].

%% A word that is close to a key suggests it; another one does not.
suggestions_test_() ->
    Keys = [poll_interval, name, max_nodes],
    [
        ?_assertEqual({Word, Near}, {Word, barnacle_settings:nearest(Word, Keys)})
     || {Word, Near} <- [
            {pol_interval, {ok, poll_interval}},
            {pollInterval, {ok, poll_interval}},
            {<<"poll_interval">>, {ok, poll_interval}},
            {interval, none},
            {nmae, none},
            {names, {ok, name}},
            {colour, none},
            {<<>>, none},
            {"poll_interval", none},
            {binary:copy(<<"x">>, 100000), none}
        ]
    ].

unknown_options_name_the_likely_one_test() ->
    {error, Problems} = barnacle_options:new(#{strategy => local_epmd, polling_interval => 5}),
    Text = barnacle_options:format_error({bad_options, Problems}),
    Meant = "no such setting. Did you mean `poll_interval`? The settings: ",
    ?assertNotEqual(nomatch, string:find(Text, Meant)).

-endif.
