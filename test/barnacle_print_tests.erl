%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_print_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

a_whole_page_test() ->
    Page = text(#{
        name => peers,
        wanted => #{
            <<"app@10.0.0.1">> => linked(5000),
            <<"app@10.0.0.2">> => linked(65000),
            <<"app@10.0.0.3">> => #{
                state => backing_off, for => 61000, attempts => 7, reason => timeout,
                next_try_in => 12000
            },
            <<"app@10.0.0.4">> => #{
                state => failing, for => 300, attempts => 0, reason => connection_closed,
                next_try_in => 0
            },
            <<"app@10.0.0.5">> => #{state => connecting, for => 10, attempts => 0}
        },
        missing => #{<<"app@10.0.0.6">> => 7200000},
        departed => #{<<"app@10.0.0.6">> => no_answer},
        left => [<<"app@10.0.0.7">>],
        others => [<<"db@10.0.0.9">>],
        filtered => [<<"web@10.0.0.2">>],
        own_names => [<<"app@10.9.0.1">>],
        refused => [{<<"a b">>, {invalid_node_name, {basename, $\s}}}],
        last_complete => #{names => [a, b, c], age => 2000},
        next_poll_in => 3100
    }),
    [?assertNotEqual({Part, nomatch}, {Part, string:find(Page, Part)}) || Part <- [
        "The barnacle peers of app@10.0.0.1: running, next poll in 3 s\n",
        "last complete answer 2 s ago: 3 names\n",
        "1 of 4 wanted nodes connected, and 1 other",
        "app@10.0.0.1  this node\n",
        "app@10.0.0.2  linked for 1 min 5 s\n",
        "app@10.0.0.3  not linked for 1 min 1 s: timed out; tried 7 times, again in 12 s\n",
        "app@10.0.0.4  link lost for 300 ms: the link was closed; again now\n",
        "app@10.0.0.5  connecting for 10 ms\n",
        "app@10.0.0.6  not in the answer of the source for 2 h; departed, did not answer",
        "app@10.0.0.7  said that it leaves",
        "kept away by the setting filter: web@10.0.0.2",
        "discovered, and this node by another name: app@10.9.0.1",
        "discovered, and not used: not a valid node name: its part before the",
        "the source does not name it: db@10.0.0.9",
        " - timed out: the node accepts connections and does not speak"
    ]],
    ?assert(position("10.0.0.3", Page) < position("app@10.0.0.2 ", Page)).

huge_reasons_make_a_short_page_test_() ->
    Long = binary:copy(<<"long ">>, 100000),
    Why = {failed, [Long, binary_to_list(Long)]},
    [
        ?_test(begin
            Size = length(text(Part)),
            ?assert(Size < 4000, Size)
        end)
     || Part <- [
            #{answer => error, why => Why},
            #{answer => partial, why => Why},
            #{last_error => failure(true, {strategy_error, Why})},
            #{last_error => failure(false, {Why, [{m, f, 1, []}]})},
            #{wanted => #{
                <<"app@10.0.0.2">> => #{
                    state => failing, for => 300, attempts => 1, reason => Why
                }
            }},
            #{wanted => #{
                <<"app@10.0.0.2">> => #{
                    state => failing, for => 300, attempts => 1,
                    reason => {lookup_failed, Why}
                }
            }},
            #{missing => #{<<"a@h">> => 1}, departed => #{<<"a@h">> => {stays, Why}}},
            #{refused => [{Long, {invalid_node_name, too_long}}]},
            #{refused => [
                {<<"a@h">>, {Kind, Why}}
             || Kind <- [invalid_node_name, unusable_address]
            ]},
            #{filtered => [Long]}
        ]
    ].

what_it_does_test_() ->
    [
        ?_assertNotEqual(nomatch, string:find(one_line(text(Part)), Expected))
     || {Part, Expected} <- [
            {#{state => paused}, ": paused"},
            {#{state => left}, ": left the cluster"},
            {#{state => resting}, ": rests"},
            {#{alive => false, hints => [not_alive]}, "not alive"},
            {#{round => running}, "a round is running"},
            {#{answer => partial, why => timeout}, "now partial: timed out"},
            {
                #{answer => partial, why => [{response, several_cnames}]},
                "now partial: a response may not be whole: several CNAME records for one name"
            },
            {
                #{answer => partial, why => [{response, several_cnames}]},
                "correct the zone: a name has one CNAME record at most"
            },
            {
                #{answer => partial, why => [{inet6, servfail}, {response, garbled}]},
                "the name server failed: inet6; a response may not be whole: its sections"
            },
            {
                #{answer => partial, why => [{response, strange}]},
                "now partial: [{response,strange}]"
            },
            {#{answer => error, why => servfail}, "now fails: the name server failed"},
            {
                #{
                    answer => error,
                    why => refused,
                    queried => [{<<"app.corp">>, <<"10.0.0.2:53">>, refused}]
                },
                "now fails: the name server refuses to answer: app.corp at 10.0.0.2:53"
            },
            {
                #{
                    answer => error,
                    why => {posix, econnrefused},
                    queried => [{<<"app.test">>, <<"127.0.0.1:5338">>, {posix, econnrefused}}]
                },
                "now fails: no name server listens there (econnrefused): app.test at 127.0.0.1:5338"
            },
            {
                #{
                    answer => error,
                    why => {posix, enodev},
                    queried => [{<<"app.test">>, <<"fe80::1%no">>, {posix, enodev}}]
                },
                "now fails: the system failed (enodev): app.test at fe80::1%no"
            },
            {#{suspect => true}, "suspect"},
            {#{last_error => failure(true, {strategy_error, servfail})},
                "; for 1 min (12 rounds): the name server failed"},
            {#{last_error => failure(false, {connect_error, [{a@h, timeout}]})},
                "last error was 5 s ago: 1 node not linked"},
            {#{last_error => failure(true, {badarg, [{m, f, 1, []}]})}, "crashed: badarg"},
            {#{hints => [{short_names, ['a@1.2.3.4'], 1}]}, "short name"}
        ]
    ].

eighty_columns_test() ->
    Long = list_to_binary(["app@", lists:duplicate(60, $h), ".example"]),
    Names = [list_to_binary(io_lib:format("app@10.0.~b.~b", [N, N])) || N <- lists:seq(1, 150)],
    Page = text(#{
        wanted => maps:from_keys([Long | Names], #{
            state => failing, for => 1, attempts => 3, reason => {strange, lists:seq(1, 9)}
        }),
        others => Names,
        hints => [{own_name_missing, <<"a@h.i">>, Names, elsewhere}]
    }),
    ?assertEqual([], [
        Line
     || Line <- string:split(Page, "\n", all), string:length(Line) > 80
    ]),
    ?assertNotEqual(nomatch, string:find(Page, "... and 51 nodes more")).

%% The group leader of the caller gets it: that of a remote shell is at the other end.
a_server_is_printed_test() ->
    {ok, Server} = barnacle_cluster:start_link(#{
        strategy => {custom, #{discover => fun() -> {ok, [a@h]} end}}
    }),
    {error, _} = barnacle_cluster:refresh(Server, 60000),
    Test = self(),
    Leader = spawn_link(fun() -> leader(Test) end),
    Before = group_leader(),
    true = group_leader(Leader, self()),
    try
        ok = barnacle_cluster:print(Server)
    after
        true = group_leader(Before, self())
    end,
    receive
        {printed, Page} ->
            ?assertNotEqual(nomatch, string:find(Page, "a@h  not linked")),
            ?assertNotEqual(nomatch, string:find(Page, "start the VM with a name"))
    after 60000 -> error(nothing_printed)
    end,
    ok = barnacle_cluster:shutdown(Server).

format_status_is_the_status_test() ->
    {ok, Server} = barnacle_cluster:start_link(#{strategy => {epmd, []}}),
    _ = barnacle_cluster:refresh(Server, 60000),
    {status, Server, _, [_, _, _, _, Misc]} = sys:get_status(Server),
    Maps = [State || {data, Data} <- Misc, {"State", State} <- Data],
    #{rounds := Rounds} = barnacle_cluster:status(Server),
    ?assertMatch([#{wanted := _, rounds := Rounds, state := running}], Maps),
    ok = barnacle_cluster:shutdown(Server).

%% ---------------------------------------------------------------------------------------------

leader(Test) ->
    receive
        {io_request, From, Ref, {put_chars, unicode, Page}} ->
            From ! {io_reply, Ref, ok},
            Test ! {printed, Page}
    end.

linked(Ms) -> #{state => connected, for => Ms, attempts => 0}.

failure(Lasting, Reason) ->
    #{reason => Reason, age => 5000, for => 60000, rounds => 12, lasting => Lasting}.

position(Part, Page) ->
    string:length(Page) - string:length(string:find(Page, Part)).

one_line(Text) ->
    re:replace(Text, "\\s+", " ", [global, {return, list}]).

text(Part) ->
    unicode:characters_to_list(barnacle_print:page(maps:merge(status(), Part))).

status() ->
    #{
        name => undefined,
        node => 'app@10.0.0.1',
        alive => true,
        strategy => barnacle_strategy_dns,
        disconnect => departed,
        state => running,
        round => idle,
        next_poll_in => 100,
        rounds => 1,
        failed_rounds => 0,
        crashed_rounds => 0,
        joined => 0,
        lost => 0,
        answer => complete,
        why => none,
        queried => [],
        last_complete => none,
        last_error => none,
        suspect => false,
        filtered => [],
        refused => [],
        own_names => [],
        hints => [],
        listener => none,
        wanted => #{},
        missing => #{},
        departed => #{},
        left => [],
        others => []
    }.

-endif.
