%% SPDX-License-Identifier: Apache-2.0
-module(facade_values_SUITE).

%% Gleam values against Erlang's: settings, errors, addresses, the status.

-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([
    every_option_has_a_function/1,
    wrong_settings_are_named/1,
    settings_of_another_strategy_are_named/1,
    validate_returns_every_problem/1,
    every_reason_has_its_constructor/1,
    every_gap_has_its_constructor/1,
    every_failure_has_its_constructor/1,
    every_departure_has_its_constructor/1,
    good_settings_start/1,
    disconnect_is_what_was_set/1,
    every_lookup_error_has_its_constructor/1,
    every_host_error_has_its_constructor/1,
    status_has_its_fields/1,
    status_tells_what_happened/1,
    every_state_is_told/1,
    basename_of_a_node/1,
    gleam_test_passes/1,
    addresses_that_need_no_question/1,
    lookups_that_cannot_be/1
]).

-import(facade_support, [held/0, answer/1, subject/0, next/1]).

-define(LIMIT_MS, 60000).

suite() ->
    [{timetrap, {minutes, 3}}].

all() ->
    facade_support:cases(?MODULE, []).

init_per_suite(Config) ->
    facade_support:started(Config).

end_per_suite(_Config) ->
    ok.

every_option_has_a_function(_) ->
    Exports = barnacle:module_info(exports),
    %% A strategy is an argument; a transport is a module with callbacks, for Erlang and Elixir.
    Options = [Key || {Key, _, _, _} <- barnacle_options:table()] -- [strategy, transport],
    ?assert(length(Options) > 5),
    [
        ?assert(lists:member({list_to_atom("with_" ++ atom_to_list(Key)), 2}, Exports), Key)
     || Key <- Options
    ].

wrong_settings_are_named(_) ->
    Epmd = barnacle:epmd([]),
    Dns = barnacle:dns(<<"app">>, <<"app.test">>, none),
    Hosts = facade@beyond:hosts([<<"127.0.0.1">>], none, none),
    [
        begin
            {error, {init_failed, Text}} = barnacle:start(B),
            [?assertNotEqual(nomatch, string:find(Text, Part), Text) || Part <- Parts]
        end
     || {B, Parts} <- [
            {barnacle:with_poll_interval(Epmd, 0), ["poll_interval => 0"]},
            {barnacle:with_eager_poll_interval(Epmd, 0), ["eager_poll_interval => 0"]},
            {barnacle:with_departed_after(Epmd, -1), ["departed_after => -1"]},
            {barnacle:with_connect_timeout(Epmd, 0), ["connect_timeout => 0"]},
            {barnacle:with_max_connects(Epmd, 0), ["max_connects => 0"]},
            {barnacle:with_probe_timeout(Epmd, 0), ["probe_timeout => 0"]},
            {barnacle:with_strategy_timeout(Epmd, 0), ["strategy_timeout => 0"]},
            {barnacle:with_filter(Epmd, {patterns, []}), ["filter => []"]},
            {barnacle:with_filter(Epmd, rubbish), ["filter => rubbish"]},
            {barnacle:with_max_nodes(Epmd, 0), ["max_nodes => 0"]},
            {barnacle:with_max_callers(Epmd, 0), ["max_callers => 0"]},
            {barnacle:with_retry_max(barnacle:with_retry_min(Epmd, 2), 1),
                ["retry_min => 2", "retry_max, which is 1"]},
            {barnacle:with_log(Epmd, rubbish), ["log => rubbish"]},
            {barnacle:with_disconnect(Epmd, rubbish), ["disconnect => rubbish"]},
            {barnacle:with_grace(Dns, -1), ["grace => -1"]},
            {barnacle:with_max_addresses(Dns, 0), ["max_addresses => 0"]},
            {barnacle:with_families(Dns, rubbish), ["families => rubbish"]},
            {barnacle:with_nameservers(Dns, [rubbish]), ["nameservers", "rubbish"]},
            {barnacle:dns(<<"a@b">>, <<"app.test">>, none), ["basename", "a@b"]},
            {barnacle:dns(<<"app">>, <<"a b">>, none), ["query", "a b"]},
            {barnacle:dns(<<"app">>, <<"app.test">>, {some, 0}), ["timeout => 0"]},
            {barnacle:with_epmd_port(Hosts, 0), ["port => 0"]},
            {barnacle:with_concurrency(Hosts, 0), ["concurrency => 0"]},
            {barnacle:with_max_names(Hosts, 0), ["max_names => 0"]},
            {barnacle:with_max_bytes(Hosts, 3), ["max_bytes => 3"]},
            {facade@beyond:hosts([], none, none), ["hosts => []"]},
            {facade@beyond:hosts([<<"h">>], {some, <<"a@b">>}, none), ["basename", "a@b"]},
            {facade@beyond:hosts([<<"h">>], none, {some, -7}), ["timeout => -7"]},
            {barnacle:epmd(['no-host']), ["no-host"]}
        ]
    ].

%% Types keep Gleam programs from it, as far as the errors of strategies differ.
settings_of_another_strategy_are_named(_) ->
    [
        begin
            {error, {init_failed, Text}} = barnacle:start(Set(barnacle:local_epmd())),
            ?assertNotEqual(nomatch, string:find(Text, Key))
        end
     || {Key, Set} <- [
            {"nameservers", fun(B) -> barnacle:with_nameservers(B, []) end},
            {"grace", fun(B) -> barnacle:with_grace(B, 1) end},
            {"families", fun(B) -> barnacle:with_families(B, both) end},
            {"max_addresses", fun(B) -> barnacle:with_max_addresses(B, 1) end},
            {"port", fun(B) -> barnacle:with_epmd_port(B, 1) end},
            {"concurrency", fun(B) -> barnacle:with_concurrency(B, 1) end},
            {"max_names", fun(B) -> barnacle:with_max_names(B, 1) end},
            {"max_bytes", fun(B) -> barnacle:with_max_bytes(B, 4) end}
        ]
    ].

%% The problems of a strategy stand beside the others, each with its own value.
validate_returns_every_problem(_) ->
    Dns = barnacle:dns(<<"a@b">>, <<"a b">>, {some, 0}),
    Hosts = facade@beyond:hosts([<<"h">>, <<"a b">>], none, {some, -7}),
    [
        begin
            Problems =
                case facade@beyond:validate(B) of
                    {ok, nil} -> [];
                    {error, [_ | _] = Found} -> Found
                end,
            ?assertEqual(Expected, lists:sort([{S, V} || {S, V, _} <- Problems])),
            [?assertMatch(<<_, _/binary>>, Text) || {_, _, Text} <- Problems]
        end
     || {B, Expected} <- [
            {barnacle:local_epmd(), []},
            {barnacle:dns(<<"app">>, <<"app.test">>, none), []},
            {barnacle:with_poll_interval(Dns, 0), [
                {<<"basename">>, <<"\"a@b\"">>},
                {<<"hostname_query">>, <<"\"a b\"">>},
                {<<"poll_interval">>, <<"0">>},
                {<<"timeout">>, <<"0">>}
            ]},
            {barnacle:with_epmd_port(Hosts, 0), [
                {<<"epmd_port">>, <<"0">>},
                {<<"hosts">>, <<"[<<\"h\">>,<<\"a b\">>]">>},
                {<<"timeout">>, <<"-7">>}
            ]},
            {barnacle:epmd([a@h, nonsense]), [{<<"nodes">>, <<"nonsense">>}]}
        ]
    ].

%% The case of facade@beyond has every constructor of Gleam and no other value.
every_reason_has_its_constructor(_) ->
    Rows = lists:append([
        case Error of
            {Kind, [{'Node', Why}]} when Kind =:= connect_error; Kind =:= disconnect_error -> [Why];
            {'Name', Why} -> [Why];
            _ -> []
        end
     || #{error := Error} <- barnacle_errors:table()
    ]),
    ?assert(length(Rows) > 20),
    [
        begin
            Reason = barnacle_gleam_reason:from(example(Why)),
            ?assertNotMatch({other, _}, Reason),
            ?assertMatch(<<_, _/binary>>, facade@beyond:reason(Reason))
        end
     || Why <- Rows
    ],
    ?assertEqual(<<"new">>, facade@beyond:reason(barnacle_gleam_reason:from(new))).

example({lookup_failed, _}) -> {lookup_failed, servfail};
example({not_registered, _}) -> {not_registered, [<<"a">>]};
example({posix, _}) -> {posix, emfile};
example({invalid_node_name, _}) -> {invalid_node_name, no_at};
example({unusable_address, _}) -> {unusable_address, multicast};
example({at_address, _, _, _}) -> {at_address, <<"10.0.0.2">>, port_refused, [<<"10.0.0.3">>]};
example(Why) -> Why.

every_gap_has_its_constructor(_) ->
    [
        ?assertEqual(
            Expected, facade@beyond:incomplete(barnacle_gleam_reason:incomplete(custom, Kind, Why))
        )
     || {Kind, Why, Expected} <- [
            {error, why, [<<"DiscoveryFailed">>]},
            {error, {too_many_nodes, 3, 2}, [<<"NamesRefused">>]},
            {partial, [{inet6, servfail}], [<<"ServerFailure">>]},
            {partial, [{inet, no_longer}], [<<"FamilyGone">>]},
            {partial, [{<<"b.">>, instead_of, <<"a.">>}], [<<"b.">>]},
            {partial, [{unusable, {0, 0, 0, 0}}], [<<"Unusable4">>]},
            {partial, [{unusable, {0, 0, 0, 0, 0, 0, 0, 0}}], [<<"Unusable6">>]},
            {partial, [{<<"h">>, bad_reply}], [<<"BadReply">>]},
            {partial, [{response, garbled}], [<<"garbled">>]},
            {partial, local_node_is_not_registered, [<<"LocalNodeIsNotRegistered">>]},
            {partial, {new, 1}, [<<"{new,1}">>]}
        ]
    ].

every_failure_has_its_constructor(_) ->
    [
        ?assertEqual(
            Expected, facade@beyond:refresh_failure(barnacle_gleam_reason:round_error(custom, Why))
        )
     || {Why, Expected} <- [
            {{strategy_error, why}, <<"StrategyFailed">>},
            {{strategy_error, {too_many_nodes, 3, 2}}, <<"TooManyNodes">>},
            {{connect_error, [{a@h, host_silent}]}, <<"HostSilent">>},
            {{disconnect_error, [{a@h, failed_to_disconnect}]}, <<"FailedToDisconnect">>},
            {{strategy_timeout, discover}, <<"{strategy_timeout,discover}">>}
        ]
    ].

every_departure_has_its_constructor(_) ->
    [
        ?assertEqual(Expected, facade@beyond:departure(barnacle_gleam_reason:departure(Asked)))
     || {Asked, Expected} <- [
            {not_asked, <<"NotAsked">>},
            {asked, <<"Asked">>},
            {no_answer, <<"NoAnswer">>},
            {{stays, named}, <<"Named">>},
            {{stays, never_named}, <<"NeverNamed">>},
            {{stays, no_complete_answer}, <<"NoCompleteAnswer">>},
            {{stays, suspect}, <<"Suspect">>},
            {{stays, {foreign_links, [a@h]}}, <<"ForeignLinks">>},
            {{stays, {wanted_by_others, [a@h]}}, <<"WantedByOthers">>},
            {{stays, {disconnect, departed}}, <<"Departed">>},
            {{stays, {disconnect, never}}, <<"Disconnect">>},
            {{stays, paused}, <<"Paused">>},
            {{stays, no_barnacle}, <<"NoBarnacle">>},
            {{stays, {wanted_by, [a@h]}}, <<"WantedBy">>},
            {{stays, {no_reply, [a@h]}}, <<"NoReply">>},
            {{stays, not_disconnected}, <<"NotDisconnected">>},
            {{stays, returned}, <<"Returned">>},
            {{stays, {foreign_links, [<<"a@h">>]}}, <<"{foreign_links,[<<\"a@h\">>]}">>},
            {new, <<"new">>}
        ]
    ].

good_settings_start(_) ->
    Dns = barnacle:dns(<<"app">>, <<"127.0.0.1">>, {some, 1}),
    [
        begin
            {ok, Subject} = barnacle:start(B),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS)
        end
     || B <- [
            facade@beyond:with_every_setting(barnacle:epmd([])),
            facade@beyond:with_every_setting(facade@beyond:with_every_dns_setting(Dns)),
            barnacle:with_filter(Dns, facade@beyond:only(<<"app@127.0.0.1">>))
        ] ++
            [barnacle:with_families(Dns, Families) || Families <- facade@beyond:families()] ++
            [barnacle:with_log(Dns, Level) || Level <- facade@beyond:log_levels()]
    ].

disconnect_is_what_was_set(_) ->
    [
        begin
            {ok, Subject} = barnacle:start(barnacle:with_disconnect(barnacle:epmd([]), Disconnect)),
            {_, _, _, Told} = facade@beyond:status_flags(barnacle:status(Subject)),
            ?assertEqual(Disconnect, Told),
            nil = barnacle:shutdown(Subject, ?LIMIT_MS)
        end
     || Disconnect <- facade@beyond:disconnects()
    ].

every_lookup_error_has_its_constructor(_) ->
    [
        ?assertEqual(
            Constructor,
            facade@beyond:lookup_error(barnacle_gleam_error:from_lookup_error(Reason))
        )
     || {Reason, Constructor} <- [
            {formerr, <<"FormatError">>},
            {qfmterror, <<"QueryFormatError">>},
            {servfail, <<"ServerFailure">>},
            {nxdomain, <<"NoSuchDomain">>},
            {timeout, <<"Timeout">>},
            {notimp, <<"NotImplemented">>},
            {refused, <<"Refused">>},
            {badvers, <<"BadVersion">>},
            {{posix, econnrefused}, <<"econnrefused">>},
            {unknown, <<"Unknown">>},
            {{bad_request, <<"anything else">>}, <<"Unknown">>}
        ]
    ].

every_host_error_has_its_constructor(_) ->
    [
        ?assertEqual(
            Constructor,
            facade@beyond:host_error(barnacle_gleam_error:from_host_error(Reason))
        )
     || {Reason, Constructor} <- [
            {timeout, <<"TimedOut">>},
            {bad_reply, <<"BadReply">>},
            {too_long, <<"ReplyTooLong">>},
            {econnrefused, <<"econnrefused">>},
            {{posix, econnreset}, <<"econnreset">>},
            {nxdomain, <<"NoSuchDomain">>},
            {servfail, <<"ServerFailure">>},
            {unknown, <<"Unknown">>},
            {{bad_name, <<"anything else">>}, <<"Unknown">>}
        ]
    ].

%% Every field has a value of its own, so that two in each other's place show.
status_has_its_fields(_) ->
    Of = fun(State, More) -> maps:merge(#{state => State, for => 7, attempts => 8}, More) end,
    Map = #{
        name => a_name,
        node => 'n@h',
        alive => true,
        strategy => a_strategy,
        disconnect => never,
        state => paused,
        round => idle,
        next_poll_in => 4,
        rounds => 1,
        failed_rounds => 2,
        crashed_rounds => 3,
        joined => 9,
        lost => 10,
        answer => partial,
        why => [{inet, timeout}],
        queried => [
            {<<"app.corp">>, <<"10.0.0.2:53">>, timeout},
            {<<"app">>, <<"[::1]:53">>, no_data}
        ],
        last_complete => #{names => [<<"c@h">>, 'e@h'], age => 5},
        last_error =>
            #{reason => {why, 1}, age => 6, for => 11, rounds => 12, lasting => true},
        suspect => true,
        filtered => [<<"f@h">>],
        refused => [{<<"r">>, {invalid_node_name, no_at}}],
        own_names => [<<"o@h">>],
        hints => [not_alive],
        listener => {no_process, a_listener},
        wanted => #{
            <<"d@h">> => Of(backing_off, #{reason => {why, 2}, next_try_in => 13}),
            <<"c@h">> => Of(failing, #{reason => timeout}),
            <<"b@h">> => Of(connecting, #{}),
            <<"a@h">> => Of(connected, #{})
        },
        missing => #{<<"g@h">> => 14},
        departed => #{<<"h@h">> => asked},
        left => [<<"i@h">>],
        others => [<<"j@h">>]
    },
    Status = barnacle_gleam_status:from(Map),
    ?assertEqual({1, 2, 3, {some, 4}}, facade@beyond:status_numbers(Status)),
    ?assertEqual({9, 10}, facade@beyond:status_links(Status)),
    ?assertEqual({true, false, true, never}, facade@beyond:status_flags(Status)),
    ?assertEqual(
        {'n@h', true, {some, <<"a_name">>}, <<"a_strategy">>}, facade@beyond:status_names(Status)
    ),
    {Wanted, Missing, Departed, Left, Others} = facade@beyond:status_nodes(Status),
    ?assertEqual(
        [
            {a@h, {<<"Connected">>, 7, 8, none, none}},
            {b@h, {<<"Connecting">>, 7, 8, none, none}},
            {c@h, {<<"Failing">>, 7, 8, {some, timeout}, none}},
            {d@h, {<<"BackingOff">>, 7, 8, {some, {other, <<"{why,2}">>}}, {some, 13}}}
        ],
        [{Node, facade@beyond:peer(Peer)} || {Node, Peer} <- Wanted]
    ),
    ?assertEqual(
        {[{g@h, 14}], [{h@h, asked}], [i@h], [j@h]},
        {Missing, Departed, Left, Others}
    ),
    {Filtered, Refused, OwnNames, [Hint]} = facade@beyond:status_lists(Status),
    NoAt = {invalid_node_name, <<"not a valid node name: it has no @">>},
    ?assertEqual({[<<"f@h">>], [{<<"r">>, NoAt}], [<<"o@h">>]}, {Filtered, Refused, OwnNames}),
    ?assertNotEqual(nomatch, string:find(Hint, <<"not alive">>)),
    ?assertEqual(
        [
            {<<"app.corp">>, <<"10.0.0.2:53">>, <<"Timeout">>},
            {<<"app">>, <<"[::1]:53">>, <<"NoData">>}
        ],
        facade@beyond:status_queried(Status)
    ),
    Listener = fun(State) ->
        facade@beyond:status_listener(barnacle_gleam_status:from(Map#{listener := State}))
    end,
    ?assertEqual({ok, <<"a_listener">>}, Listener({no_process, a_listener})),
    ?assertEqual({ok, list_to_binary(pid_to_list(self()))}, Listener({no_process, self()})),
    ?assertEqual({ok, <<"m:notify/2 ended with error why">>}, Listener({failed, m, error, why})),
    ?assertEqual({ok, <<"Receiving">>}, Listener(ok)),
    ?assertEqual({error, {some, l@h}}, Listener({not_connected, l@h})),
    ?assertEqual({error, none}, Listener(none)),
    {Incomplete, Complete, {some, Error}} = facade@beyond:status_history(Status),
    ?assertEqual({some, {partial, [{family_failed, inet, timeout}]}}, Incomplete),
    ?assertEqual({some, {[c@h, e@h], 5}}, Complete),
    ?assertEqual({{crashed, <<"{why,1}">>}, 6, 11, 12, true}, facade@beyond:last_error(Error)).

status_tells_what_happened(_) ->
    Listener = subject(),
    {ok, Subject} = barnacle:start(barnacle:with_listener(held(), Listener)),
    Before = barnacle:status(Subject),
    ?assertMatch({false, true, false, departed}, facade@beyond:status_flags(Before)),
    ?assertEqual({none, none, none}, facade@beyond:status_history(Before)),
    ?assertEqual({0, 0, 0, none}, facade@beyond:status_numbers(Before)),
    %% The strategy's own module, not the one that wraps it.
    ?assertEqual(
        {node(), false, none, <<"barnacle_strategy_custom">>}, facade@beyond:status_names(Before)
    ),
    answer({error, why}),
    _ = next(Listener),
    After = barnacle:status(Subject),
    ?assertEqual({{ok, <<"Receiving">>}, []}, {
        facade@beyond:status_listener(After), facade@beyond:status_queried(After)
    }),
    ?assertMatch({1, 1, 0, {some, _}}, facade@beyond:status_numbers(After)),
    {{some, Incomplete}, none, {some, Error}} = facade@beyond:status_history(After),
    ?assertEqual({discovery_failed, why}, Incomplete),
    ?assertMatch({{strategy_failed, why}, _, _, 1, true}, facade@beyond:last_error(Error)),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

every_state_is_told(_) ->
    [Running, Paused, Left, Resting] = facade@beyond:states(),
    ?assertEqual([running, paused, left, resting], [Running, Paused, Left, Resting]),
    {ok, Subject} = barnacle:start(barnacle:epmd([])),
    nil = facade@beyond:print(Subject),
    nil = barnacle:shutdown(Subject, ?LIMIT_MS).

%% What `gleam test` runs in the root of the package.
gleam_test_passes(_) ->
    ?assertEqual(nil, barnacle_test:main()).

basename_of_a_node(_) ->
    [
        ?assertEqual(Expected, barnacle:get_node_basename(Node))
     || {Node, Expected} <- [
            {gleam@erlang@node:self(), {ok, <<"nonode">>}},
            {'app@10.0.0.2', {ok, <<"app">>}},
            {'app@fd00::2', {ok, <<"app">>}},
            {app, {error, nil}},
            {'app@', {error, nil}},
            {'@host', {error, nil}},
            {'a@b@c', {error, nil}}
        ]
    ].

addresses_that_need_no_question(_) ->
    [
        begin
            {ok, [Address]} = facade@beyond:dns_lookup(Text, ?LIMIT_MS),
            ?assertEqual(Numbers, facade@beyond:address(Address)),
            ?assertEqual(
                {ok, [binary_to_atom(<<"app@", Text/binary>>)]},
                facade@beyond:dns_discover_nodes(<<"app">>, Text, ?LIMIT_MS)
            )
        end
     || {Text, Numbers} <- [
            {<<"127.1.2.3">>, [127, 1, 2, 3]},
            {<<"fd00::1:2">>, [16#fd00, 0, 0, 0, 0, 0, 1, 2]}
        ]
    ].

lookups_that_cannot_be(_) ->
    Error = fun({error, Why}) -> facade@beyond:lookup_error(Why) end,
    [
        ?assertEqual(<<"QueryFormatError">>, Error(facade@beyond:dns_lookup(Name, ?LIMIT_MS)))
     || Name <- [<<>>, <<"a b">>, <<"a..b">>, binary:copy(<<"l">>, 64), <<"a", 0>>, <<"a@b">>]
    ],
    ?assertEqual(<<"Timeout">>, Error(facade@beyond:dns_lookup(<<"app.test">>, 0))),
    ?assertEqual(
        <<"Timeout">>, Error(facade@beyond:dns_discover_nodes(<<"app">>, <<"app.test">>, -1))
    ),
    ?assertEqual(
        <<"QueryFormatError">>,
        Error(facade@beyond:dns_discover_nodes(<<"a@b">>, <<"app.test">>, ?LIMIT_MS))
    ).
