%% SPDX-License-Identifier: Apache-2.0
-module(bed_rooms).

-include("barnacle_doc.hrl").

?MODULEDOC("The table of rooms: which modules are in which room, and which room may call which.").

-export([read/0, problems/2, impurities/2, picture/1, write/1, figures/1]).

-export_type([table/0]).

-define(FILE_NAME, "test/rooms.eterm").

-type room() :: {Name :: atom(), What :: string(), [module()], MayCall :: [Name :: atom()]}.
-type table() :: #{rooms := [room()], pure := [module()]}.
-type codes() :: #{module() => bed_calls:code()}.

?DOC("The table in test/rooms.eterm, rooms from the bottom to the top.").
-spec read() -> table().
read() ->
    {ok, Terms} = file:consult(?FILE_NAME),
    Rooms = [Room || {_, _, _, _} = Room <- Terms],
    [Pure] = [Names || {pure, Names} <- Terms],
    #{rooms => Rooms, pure => lists:flatmap(fun(Name) -> modules_of(Name, Rooms) end, Pure)}.

modules_of(Name, Rooms) ->
    case lists:keyfind(Name, 1, Rooms) of
        {_, _, Modules, _} -> Modules;
        false -> [Name]
    end.

%% ---------------------------------------------------------------------------------------------
%% Checks

?DOC("What is wrong with the table, and which calls it does not allow, each as a text.").
-spec problems(table(), codes()) -> [binary()].
problems(#{rooms := Rooms} = Table, Codes) ->
    Problems = modules(Table, Codes) ++ order(Rooms) ++ upward(Rooms, Codes) ++ cycle(Rooms, Codes),
    [unicode:characters_to_binary(Problem) || Problem <- Problems].

modules(#{rooms := Rooms, pure := Pure}, Codes) ->
    Named = [Module || {_, _, Modules, _} <- Rooms, Module <- Modules],
    Known = maps:keys(Codes),
    [[name(Module), " is in no room of ", ?FILE_NAME] || Module <- Known -- Named] ++
        [
            [name(Module), " is in ", ?FILE_NAME, " and not in src"]
         || Module <- lists:usort(Named ++ Pure) -- Known
        ] ++
        [
            [name(Module), " is more than once in the rooms of ", ?FILE_NAME]
         || Module <- lists:usort(Named -- lists:usort(Named))
        ].

order(Rooms) ->
    {Problems, _} = lists:mapfoldl(
        fun({Room, _, _, MayCall}, Below) ->
            Wrong = [
                [name(Room), " may not call ", name(Other), ", which is not below it"]
             || Other <- MayCall -- Below
            ],
            {Wrong, [Room | Below]}
        end,
        [],
        Rooms
    ),
    lists:append(Problems).

upward(Rooms, Codes) ->
    MayCall = maps:from_list([{Room, May} || {Room, _, _, May} <- Rooms]),
    RoomOf = rooms_of(Rooms),
    [
        [
            Text, ": room ", name(Room), " may call ",
            lists:join(", ", names(maps:get(Room, MayCall))), " and not ", name(Other)
        ]
     || {Module, Needed, Text} <- needs(Codes, RoomOf),
        #{Module := Room, Needed := Other} <- [RoomOf],
        Room =/= Other,
        not lists:member(Other, maps:get(Room, MayCall))
    ].

%% Calls and behaviours.
needs(Codes, RoomOf) ->
    [
        {Module, Called, [in_room(Caller, RoomOf), " calls ", in_room(Callee, RoomOf)]}
     || {Module, Calls} <- maps:to_list(bed_calls:calls(Codes)),
        {Called, {Caller, Callee}} <- maps:to_list(Calls)
    ] ++
        [
            {Module, Behaviour, [name(Module), " has the behaviour ", name(Behaviour)]}
         || {Module, #{behaviours := Behaviours}} <- maps:to_list(Codes),
            Behaviour <- Behaviours,
            is_map_key(Behaviour, Codes)
        ].

cycle(Rooms, Codes) ->
    Calls = bed_calls:calls(Codes),
    case bed_calls:cycle(maps:map(fun(_, Called) -> maps:keys(Called) end, Calls)) of
        none ->
            [];
        [_ | Rest] = Cycle ->
            RoomOf = rooms_of(Rooms),
            Pairs = lists:zip(lists:droplast(Cycle), Rest),
            Texts = [
                [in_room(Caller, RoomOf), " calls ", in_room(Callee, RoomOf)]
             || {Module, Next} <- Pairs,
                #{Next := {Caller, Callee}} <- [maps:get(Module, Calls)]
            ],
            [["a cycle: ", lists:join("; ", Texts)]]
    end.

rooms_of(Rooms) ->
    maps:from_list([{Module, Room} || {Room, _, Modules, _} <- Rooms, Module <- Modules]).

in_room({Module, Name, Arity}, RoomOf) ->
    Room = maps:get(Module, RoomOf, none),
    io_lib:format("~tp:~tp/~b (room ~tp)", [Module, Name, Arity, Room]).

?DOC("How many functions pure modules reach, and which impure functions, each as a text.").
-spec impurities(table(), codes()) -> {pos_integer(), [binary()]}.
impurities(#{pure := Pure}, Codes) ->
    {Count, Problems} = bed_purity:check(Pure, Codes),
    {Count, [
        iolist_to_binary([
            lists:join(" -> ", [function(Function) || Function <- Path]),
            " is not pure: it reaches ",
            function(Impure)
        ])
     || {Path, Impure} <- Problems
    ]}.

function({Module, Name, Arity}) -> io_lib:format("~tp:~tp/~b", [Module, Name, Arity]);
function(Other) -> atom_to_list(Other).

name(Name) -> atom_to_list(Name).

names([]) -> ["no other"];
names(Names) -> [name(Name) || Name <- Names].

%% ---------------------------------------------------------------------------------------------
%% The picture

?DOC("The rooms from the top to the bottom, as CONTRIBUTING.md shows them.").
-spec picture(table()) -> unicode:chardata().
picture(#{rooms := Rooms}) ->
    Width = lists:max([length(name(Room)) || {Room, _, _, _} <- Rooms]) + 2,
    lists:join("\n", [drawn(Room, Width) || Room <- lists:reverse(Rooms)]).

drawn({Room, What, Modules, MayCall}, Width) ->
    Short = [without_prefix(name(Module)) || Module <- Modules],
    Calls = string:lexemes(lists:append(["may call " | lists:join(", ", names(MayCall))]), " "),
    Lines = [What | wrapped(Short, 90 - Width)] ++
        lists:append([wrapped(Calls, 90 - Width) || MayCall =/= []]),
    Firsts = [name(Room) | ["" || _ <- tl(Lines)]],
    [["    ", string:pad(First, Width), Line, $\n] || {First, Line} <- lists:zip(Firsts, Lines)].

without_prefix("barnacle" ++ Rest) -> Rest.

wrapped(Words, Max) ->
    {Line, Lines} = lists:foldl(
        fun
            (Word, {"", Lines}) -> {Word, Lines};
            (Word, {Line, Lines}) when length(Line) + 1 + length(Word) =< Max ->
                {Line ++ " " ++ Word, Lines};
            (Word, {Line, Lines}) -> {Word, [Line | Lines]}
        end,
        {"", []},
        Words
    ),
    lists:reverse([Line | Lines]).

?DOC("CONTRIBUTING.md with the picture that the table gives.").
-spec write(binary()) -> binary().
write(Contributing) ->
    bed_readme_tables:section("rooms", picture(read()), Contributing).

%% ---------------------------------------------------------------------------------------------
%% Figures

?DOC("Prints cycles, fan-out and purity of the beams in a directory, and ends the VM.").
-spec figures([atom()]) -> no_return().
figures([Dir]) ->
    Codes = bed_calls:modules(atom_to_list(Dir)),
    Calls = maps:map(fun(_, Called) -> maps:keys(Called) end, bed_calls:calls(Codes)),
    Types = bed_calls:types(Codes),
    Both = maps:map(fun(Module, Called) -> Called ++ maps:get(Module, Types) end, Calls),
    io:format("modules: ~b~n", [map_size(Codes)]),
    [
        io:format("cycles of ~s: ~b, of ~w modules~n", [
            Of, length(Cycles), [length(Cycle) || Cycle <- Cycles]
        ])
     || {Of, Cycles} <- [
            {"calls", bed_calls:cycles(Calls)},
            {"calls and types", bed_calls:cycles(Both)}
        ]
    ],
    FanOut = lists:sort(fun({_, A}, {_, B}) -> A >= B end, [
        {Module, length(Called)}
     || {Module, Called} <- lists:sort(maps:to_list(Calls))
    ]),
    io:format("fan-out: ~s~n", [
        lists:join(", ", [io_lib:format("~s ~b", [M, Count]) || {M, Count} <- FanOut, Count > 0])
    ]),
    #{pure := Pure} = read(),
    %% Code of another time may not have all of them.
    {Reached, Impure} = bed_purity:check([M || M <- Pure, is_map_key(M, Codes)], Codes),
    io:format("functions that pure modules reach: ~b; impure: ~b~n", [Reached, length(Impure)]),
    halt(0).
