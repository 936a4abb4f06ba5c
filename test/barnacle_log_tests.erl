%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(POLL_MS, 5000).
-define(HOUR_MS, 3600000).

%% Fifty nodes die within the first minute; why they don't answer is another reason every round.
%% The source comes and goes as well, and half of an hour later all are back.
an_hour_of_outage_test() ->
    Outage = [outage(Ms) || Ms <- lists:seq(0, ?HOUR_MS, ?POLL_MS)],
    Lines = lists:append(said(Outage)),
    ?assert(length(Lines) =< 40, Lines),
    ?assert(length([joined || {_, joined, _} <- Lines]) =:= 0),
    ?assertEqual(
        lists:sort(dead()),
        lists:usort([Node || {_, left, #{nodes := Nodes}} <- Lines, Node <- Nodes])
    ),
    ?assert(length([again || {_, connect, #{rounds := _}} <- Lines] ++
        [changed || {_, connect, #{}} <- Lines]) >= 5).

%% The same with a source that flaps and a strategy that crashes now and then.
an_hour_of_everything_test() ->
    Outage = [
        case {Ms div ?POLL_MS rem 3, Ms div ?POLL_MS rem 17} of
            {_, 0} -> crash;
            {0, _} -> (outage(Ms))#{answer := {error, timeout}};
            _ -> outage(Ms)
        end
     || Ms <- lists:seq(0, ?HOUR_MS, ?POLL_MS)
    ],
    Lines = lists:append(said(Outage)),
    ?assert(length(Lines) =< 80, length(Lines)).

%% Whatever a function of somebody's own has said.
huge_reasons_make_short_lines_test_() ->
    Long = binary:copy(<<"long ">>, 100000),
    Why = {failed, [Long, binary_to_list(Long)]},
    Node = fun(N) -> list_to_atom("a" ++ integer_to_list(N) ++ "@h") end,
    Outcome = round_of([], []),
    [
        {What,
            ?_test(begin
                {[_ | _] = Lines, _} = Make(barnacle_log:new(a, notice, [])),
                [
                    begin
                        {Format, Args} = barnacle_log_text:format(Report#{
                            barnacle => a, what => Kind
                        }),
                        Size = iolist_size(unicode:characters_to_binary(
                            io_lib:format(Format, Args)
                        )),
                        ?assert(Size < Max, {Kind, Size})
                    end
                 || {_, Kind, Report} <- Lines
                ]
            end)}
     || {What, Max, Make} <- [
            {"discovery", 1000, fun(Log) ->
                barnacle_log:lines(Outcome#{answer := {error, Why}}, 0, Log)
            end},
            {"partial", 1000, fun(Log) ->
                barnacle_log:lines(Outcome#{answer := {partial, [], Why}}, 0, Log)
            end},
            {"connect", 1000, fun(Log) ->
                barnacle_log:lines(round_of([], [{a@h, Why}]), 0, Log)
            end},
            {"many reasons", 40000, fun(Log) ->
                Failed = [{Node(N), {N, Why}} || N <- lists:seq(1, 30)],
                barnacle_log:lines(round_of([], Failed), 0, Log)
            end},
            {"refused", 1000, fun(Log) ->
                Refused = [{Long, {invalid_node_name, too_long}}],
                barnacle_log:lines(Outcome#{refused => Refused}, 0, Log)
            end},
            {"crash", 1000, fun(Log) ->
                Trace = [{m, f, [Why], []}],
                barnacle_log:crash_lines({Why, Trace}, Trace, 0, Log)
            end}
        ]
    ].

quiet_is_silent_test() ->
    Calm = [round_of(live() ++ dead(), []) || _ <- lists:seq(1, 1000)],
    ?assertEqual([], lists:append(said(Calm))).

joined_and_left_test() ->
    Said = said([round_of([a@h, b@h], []), round_of([a@h], []), round_of([a@h], [])]),
    ?assertMatch(
        [
            [
                {notice, joined, #{nodes := [a@h, b@h], linked := 2}},
                {notice, left, #{nodes := [_ | _], linked := 2}}
            ],
            [{notice, left, #{nodes := [b@h], linked := 1}}],
            []
        ],
        Said
    ).

%% Down and up between two polls: each is logged at once.
a_short_loss_test() ->
    All = live() ++ dead(),
    ?assertMatch(
        [[{notice, left, _}], [{notice, joined, _}], [], []],
        said([round_of(Nodes, []) || Nodes <- [live(), All, All, All]])
    ).

a_crash_keeps_what_was_known_test() ->
    Failing = round_of(live(), [{x@h, timeout}]),
    ?assertMatch(
        [
            [{notice, left, _}, {warning, connect, _}],
            [{error, crash, _}],
            [],
            [{notice, over, #{trouble := crash}}],
            [{notice, over, #{trouble := connect, rounds := 4}}]
        ],
        said([Failing, crash, crash, Failing, round_of(live(), [])])
    ).

a_hint_is_told_once_test() ->
    Hint = fun(N) -> {short_names, ['a@1.2.3.4'], N} end,
    Calm = round_of(live() ++ dead(), []),
    ?assertEqual(
        [[{warning, hint, #{hint => Hint(1)}}], [], []],
        said([Calm#{hints => Hints} || Hints <- [[Hint(1)], [Hint(2)], []]])
    ).

%% Another server with the same trouble is no news, and what is told says where.
queried_is_told_beside_the_trouble_test() ->
    Failed = fun(Server) ->
        (round_of(live() ++ dead(), []))#{
            answer := {error, servfail}, queried := [{<<"app">>, Server, servfail}]
        }
    end,
    ?assertMatch(
        [
            [{warning, discovery, #{detail := servfail, queried := [{_, <<"10.0.0.2:53">>, _}]}}],
            []
        ],
        said([Failed(<<"10.0.0.2:53">>), Failed(<<"10.0.0.3:53">>)])
    ).

paused_and_not_alive_are_no_trouble_test() ->
    Failed = [{x@h, paused}, {y@h, local_node_is_not_alive}],
    ?assertEqual([[]], said([round_of(live() ++ dead(), Failed)])).

levels_test_() ->
    [
        {atom_to_list(Level),
            ?_assertEqual(Expected, [What || {_, What} <- logged(Level)])}
     || {Level, Expected} <- [
            {notice, [left, connect, refused]},
            {warning, [connect, refused]},
            {error, [refused]},
            {none, []}
        ]
    ].

texts_test_() ->
    Report = fun(What, More) -> More#{barnacle => peers, what => What} end,
    Failed = [{a@h, timeout}, {b@h, paused}, {c@h, timeout}, {d@h, {odd, [<<"x">>]}}],
    [
        ?_assertEqual(Expected, text(Report(What, More)))
     || {What, More, Expected} <- [
            {joined, #{nodes => [b@h, a@h], linked => 2},
                "connected to a@h, b@h; 2 nodes connected"},
            {left, #{nodes => dead(), linked => 2, reasons => #{}},
                "connection lost: d10@h, d11@h, d12@h, d13@h, d14@h and 45 more; 2 nodes "
                "connected"},
            {left,
                #{
                    nodes => [a@h, b@h, c@h], linked => 0,
                    reasons => #{a@h => net_tick_timeout, b@h => connection_closed, c@h => leaving}
                },
                "connection lost: b@h (the link was closed); a@h (the node fell silent "
                "(net_ticktime)); c@h (this node left on purpose); no nodes connected"},
            {back,
                #{
                    nodes => [a@h], linked => 1, changes => #{a@h => 4}, at => #{},
                    reasons => #{a@h => left}
                },
                "lost and connected again: a@h (it left on purpose) (4 changes of a@h since the "
                "last line); 1 node connected"},
            {left_on_purpose, #{nodes => [a@h], linked => 1},
                "left on purpose: a@h; 1 node connected"},
            {connect, #{detail => Failed, times => 3, ago_ms => 2000},
                "not linked: paused: b@h; timed out: a@h, c@h; {odd,[<<\"x\">>]}: d@h "
                "(3 times since the last line, and passed; the last time ended 2 s ago); "
                "barnacle_cluster:print(peers) says what to do"},
            {listener, #{detail => {no_process, peers}},
                "the listener receives nothing: no process is registered as peers; start it, or "
                "correct the name"},
            {connect, #{detail => Failed},
                "not linked: paused: b@h; timed out: a@h, c@h; {odd,[<<\"x\">>]}: d@h; "
                "barnacle_cluster:print(peers) says what to do"},
            {discovery,
                #{
                    detail => {posix, econnrefused},
                    queried => [{<<"app.test">>, <<"127.0.0.1:5338">>, {posix, econnrefused}}]
                },
                "discovery failed, what was known stays: no name server listens there "
                "(econnrefused): app.test at 127.0.0.1:5338"},
            {discovery, #{detail => servfail, rounds => 12, since_ms => 65000},
                "discovery failed, what was known stays: the name server failed "
                "(for 1 min 5 s, 12 rounds)"},
            {discovery,
                #{
                    detail => refused,
                    queried => [
                        {<<"app.internal">>, <<"10.0.0.2:53">>, nxdomain},
                        {<<"app.internal.corp">>, <<"10.0.0.2:53">>, refused},
                        {<<"app.internal">>, <<"10.0.0.3:53">>, nxdomain}
                    ],
                    rounds => 2,
                    since_ms => 5000
                },
                "discovery failed, what was known stays: the name server refuses to answer "
                "(nxdomain: app.internal at 10.0.0.2:53, app.internal at 10.0.0.3:53; "
                "refused: app.internal.corp at 10.0.0.2:53) (for 5 s, 2 rounds)"},
            {over, #{trouble => connect, detail => [], rounds => 1, since_ms => 900},
                "nobody is missing any more (after 900 ms, 1 round)"},
            {crash, #{detail => {{badarg, [{m, f, [1], []}]}, [{m, f, [1], []}]}},
                "a round crashed, the next ones go on: badarg in m:f/1"},
            {refused,
                #{
                    detail => [
                        {<<255, "b">>, {invalid_node_name, {basename, 255}}},
                        {<<27, "c">>, atom_limit}
                    ]
                },
                "names that will not become nodes: no more atoms for new names (max_new_atoms): "
                "<<27,99>>; not a valid node name: its part before the @ has the character \x{ff}: "
                "<<255,98>>"},
            {refused, #{detail => [{<<"a b">>, {invalid_node_name, {basename, $\s}}}]},
                "names that will not become nodes: not a valid node name: its part before the @ "
                "has a blank: a b"}
        ]
    ].

%% ---------------------------------------------------------------------------------------------

live() -> [l1@h, l2@h].

dead() -> [list_to_atom("d" ++ integer_to_list(N) ++ "@h") || N <- lists:seq(1, 50)].

%% One node more is gone every 1.2 s.
outage(Ms) ->
    Gone = lists:sublist(dead(), Ms div 1200),
    Failed = [
        {Node, lists:nth(1 + erlang:phash2({Node, Ms}, 3), [timeout, failed_to_connect, refused])}
     || Node <- Gone
    ],
    round_of(live() ++ (dead() -- Gone), Failed).

round_of(Visible, Failed) ->
    #{
        answer => {complete, []},
        queried => [],
        visible => Visible,
        failed => Failed,
        refused => [],
        own_names => [],
        hints => [],
        departed => {ok, []}
    }.

%% What is said of rounds that end one poll interval after the other.
said(Outcomes) ->
    {Said, _} = lists:mapfoldl(
        fun
            (crash, {NowMs, Log}) ->
                {Lines, Log1} = barnacle_log:crash_lines(why, [], NowMs, Log),
                {Lines, {NowMs + ?POLL_MS, Log1}};
            (Outcome, {NowMs, Log}) ->
                {Lines, Log1} = barnacle_log:lines(Outcome, NowMs, Log),
                {Lines, {NowMs + ?POLL_MS, Log1}}
        end,
        {-1000000, knowing(-1000000, barnacle_log:new(test, notice, rounds))},
        Outcomes
    ),
    Said.

%% All were connected long ago.
knowing(NowMs, Log) ->
    {_, Knowing} = barnacle_log:lines(round_of(live() ++ dead(), []), NowMs - 9000000, Log),
    Knowing.

%% What OTP's logger gets.
logged(Level) ->
    Test = self(),
    Ref = make_ref(),
    ok = logger:add_primary_filter(?MODULE, {
        fun
            (#{msg := {report, #{barnacle := Who} = Report}, level := L}, _) when Who =:= Ref ->
                Test ! {Ref, {L, maps:get(what, Report)}},
                stop;
            (_, _) ->
                ignore
        end,
        none
    }),
    #{level := Before} = logger:get_primary_config(),
    ok = logger:set_primary_config(level, notice),
    try
        Outcome = round_of(live(), [{x@h, timeout}]),
        Refused = Outcome#{refused => [{<<"a b">>, {invalid_node_name, {basename, $\s}}}]},
        NowMs = erlang:monotonic_time(millisecond),
        _ = barnacle_log:round(Refused, knowing(NowMs, barnacle_log:new(Ref, Level, rounds))),
        flush(Ref)
    after
        ok = logger:set_primary_config(level, Before),
        ok = logger:remove_primary_filter(?MODULE)
    end.

flush(Ref) ->
    receive
        {Ref, Line} -> [Line | flush(Ref)]
    after 0 -> []
    end.

text(Report) ->
    {Format, Args} = barnacle_log_text:format(Report),
    Text = lists:flatten(io_lib:format(Format, Args)),
    "barnacle peers: " ++ Words = Text,
    Words.

-endif.
