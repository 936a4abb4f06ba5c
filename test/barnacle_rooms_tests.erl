%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_rooms_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Which module calls which, by the table in test/rooms.eterm.

-include_lib("eunit/include/eunit.hrl").

rooms_test_() ->
    {timeout, 60, fun() ->
        Codes = bed_calls:modules(filename:dirname(code:where_is_file("barnacle_cluster.beam"))),
        Table = bed_rooms:read(),
        {Reached, Impure} = bed_rooms:impurities(Table, Codes),
        Problems = bed_rooms:problems(Table, Codes) ++ Impure,
        %% EUnit cuts long texts.
        [io:format(user, "rooms: ~ts~n", [Problem]) || Problem <- Problems],
        ?assertEqual(0, length(Problems)),
        io:format(user, "~b modules, ~b pure functions~n", [map_size(Codes), Reached])
    end}.

picture_test() ->
    {ok, Contributing} = file:read_file("CONTRIBUTING.md"),
    ?assertEqual(Contributing, bed_rooms:write(Contributing), "`make readme` writes the picture").

%% What the check says of code that breaks the rules.

calls_and_cycles_test_() ->
    [
        ?_assertEqual(Texts, bed_rooms:problems(table(), Codes))
     || {Texts, Codes} <- [
            {[], codes([{low, []}, {high, [{low, f, 0}, {lists, sort, 1}]}, {other, []}])},
            {
                [<<"low:f/0 (room below) calls high:f/0 (room above): room below may call "
                    "no other and not above">>],
                codes([{low, [{high, f, 0}]}, {high, []}, {other, []}])
            },
            {
                [<<"a cycle: high:f/0 (room above) calls other:f/0 (room above); "
                    "other:f/0 (room above) calls high:f/0 (room above)">>],
                codes([{low, []}, {high, [{other, f, 0}]}, {other, [{start, {high, f, 0}}]}])
            }
        ]
    ].

behaviours_test() ->
    #{low := Low} = Codes = codes([{low, []}, {high, []}, {other, []}]),
    ?assertEqual(
        [<<"low has the behaviour high: room below may call no other and not above">>],
        bed_rooms:problems(table(), Codes#{low := Low#{behaviours := [high, gen_server]}})
    ).

modules_and_order_test() ->
    Rooms = [{below, "", [low, low, gone], [above]}, {above, "", [high], [below]}],
    ?assertEqual(
        [
            <<"other is in no room of test/rooms.eterm">>,
            <<"gone is in test/rooms.eterm and not in src">>,
            <<"low is more than once in the rooms of test/rooms.eterm">>,
            <<"below may not call above, which is not below it">>
        ],
        bed_rooms:problems(
            #{rooms => Rooms, pure => []}, codes([{low, []}, {high, []}, {other, []}])
        )
    ).

%% Also through another module that is not declared pure.
impure_test_() ->
    [
        ?_assertEqual(
            {2, [
                iolist_to_binary(["high:f/0 -> low:f/0 is not pure: it reaches ", Text])
             || Text <- Texts
            ]},
            bed_rooms:impurities(
                #{rooms => [], pure => [high]}, codes([{high, [{low, f, 0}]}, {low, [Reference]}])
            )
        )
     || {Reference, Texts} <- [
            {{lists, sort, 1}, []},
            {{erlang, map_size, 1}, []},
            {{rand, uniform_s, 2}, []},
            {{low, f, 0}, []},
            {{rand, uniform, 1}, ["rand:uniform/1"]},
            {{erlang, self, 0}, ["erlang:self/0"]},
            {{erlang, node, 0}, ["erlang:node/0"]},
            {{erlang, spawn, 1}, ["erlang:spawn/1"]},
            {{erlang, put, 2}, ["erlang:put/2"]},
            {{erlang, monotonic_time, 1}, ["erlang:monotonic_time/1"]},
            {{ets, lookup, 2}, ["ets:lookup/2"]},
            {{persistent_term, get, 1}, ["persistent_term:get/1"]},
            {'!', ["!"]},
            {'receive', ["receive"]},
            {dynamic, ["dynamic"]}
        ]
    ].

%% References are read from each form in which code can have them.
references_test() ->
    Lines = [
        "-module(sample).",
        "-export([f/1]).",
        "-import(lists, [sort/1]).",
        "f(X) when map_size(X) > 0 -> g(fun h/0, fun other:k/2, {child, {started, start, [X]}});"
        "f(X) -> X:run(), gen_server:start_link(server, X, []), [sort(Y) || Y <- X].",
        "g(A, B, C) -> self() ! {A, B, C}, receive D -> D after 0 -> ok end.",
        "h() -> try remote:call() catch _:_ -> node() end."
    ],
    Forms = [
        begin
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, Form} = erl_parse:parse_form(Tokens),
            Form
        end
     || Line <- Lines
    ],
    {ok, sample, Beam} = compile:forms(Forms, [debug_info, nowarn_unused_function]),
    #{functions := Functions, exports := Exports} = bed_calls:code(Beam),
    ?assertEqual([{f, 1}], Exports),
    ?assertEqual(
        #{
            {f, 1} => lists:sort([
                {erlang, map_size, 1}, {sample, g, 3}, {sample, h, 0}, {other, k, 2},
                {start, {started, start, 1}}, dynamic, {gen_server, start_link, 3},
                {start, {server, init, 1}}, {lists, sort, 1}
            ]),
            {g, 3} => lists:sort(['!', 'receive', {erlang, self, 0}]),
            {h, 0} => lists:sort([{remote, call, 0}, {erlang, node, 0}])
        },
        Functions
    ).

table() ->
    #{rooms => [{below, "", [low], []}, {above, "", [high, other], [below]}], pure => []}.

codes(Modules) ->
    maps:from_list([
        {Module, #{
            module => Module,
            exports => [{f, 0}],
            functions => #{{f, 0} => References},
            behaviours => [],
            types => []
        }}
     || {Module, References} <- Modules
    ]).

-endif.
