%% SPDX-License-Identifier: Apache-2.0
-module(bed_readme_tables).

-include("barnacle_doc.hrl").

?MODULEDOC("The tables of README.md, made from those in the code.").

-export([write/1, departures/1, section/3, term/1]).

?DOC("README.md with each of its tables as the code has it.").
-spec write(binary()) -> binary().
write(Readme) ->
    lists:foldl(
        fun({Name, Text}, Acc) -> section(Name, Text, Acc) end,
        Readme,
        [
            {"settings", settings()},
            {"settings of the VM", settings("Setting", barnacle_environment:table())},
            {"errors of start", errors(start)},
            {"errors of rounds", errors(result)},
            {"exits", errors(exit)},
            {"events", events()}
        ]
    ).

?DOC("docs/departures.md with its tables as the code has them.").
-spec departures(binary()) -> binary().
departures(Page) ->
    Columns = barnacle_departures:columns(),
    Rows = [
        [["`", column(Cell), "`"] || Cell <- tuple_to_list(Row)]
     || Row <- barnacle_departures:table()
    ],
    Values = [
        [[First, [["`", atom_to_list(Value), "`"]], Meaning]
         || {First, {Value, Meaning}} <- lists:zip(
                [Column | ["" || _ <- tl(Meanings)]], Meanings
            )]
     || {Column, Meanings} <- barnacle_departures:meanings()
    ],
    section(
        "departures",
        table(Columns, Rows),
        section("values", table(["Column", "Value", "Meaning"], lists:append(Values)), Page)
    ).

column(List) when is_list(List) -> lists:join("`, `", [atom_to_list(Value) || Value <- List]);
column(Value) -> atom_to_list(Value).

?DOC("A text in which the section of this name is replaced.").
-spec section(string(), unicode:chardata(), binary()) -> binary().
section(Name, Text, Readme) ->
    Begin = ["<!-- ", Name, ": `make readme` writes this from the code -->\n"],
    End = ["<!-- end of ", Name, " -->\n"],
    [Before, Rest] = binary:split(Readme, iolist_to_binary(Begin)),
    [_, After] = binary:split(Rest, iolist_to_binary(End)),
    unicode:characters_to_binary([Before, Begin, "\n", Text, "\n", End, After]).

settings() ->
    lists:join("\n", [
        settings("Option", barnacle_options:table()),
        settings("Option of `dns`", barnacle_strategy_dns:table()),
        settings("Option of `hosts`", barnacle_strategy_hosts:table())
    ]).

settings(Title, Rows) ->
    table([Title, "Value", "Default", "Meaning"], [
        [["`", atom_to_list(Key), "`"], value(Type), default(Default), Meaning]
     || {Key, Type, Default, Meaning} <- Rows
    ]).

value({integer, port, Min, Max}) -> io_lib:format("port, ~b to ~b", [Min, Max]);
value({integer, Unit, Min, Max}) -> io_lib:format("~b to ~b ~s", [Min, Max, Unit]);
value({one_of, Atoms}) -> lists:join(", ", [["`", atom_to_list(Atom), "`"] || Atom <- Atoms]);
value({term, Description, _}) -> Description.

default(required) -> "must be given";
default(optional) -> "–";
default({default, Value}) -> io_lib:format("~0p", [Value]).

errors(Place) ->
    table(["Erlang, Elixir", "Gleam", "What to do"], [
        [["`", term(Error), "`"], gleam(Gleam), [Fix, note(Row)]]
     || #{place := P, error := Error, gleam := Gleam, fix := Fix} = Row <- barnacle_errors:table(),
        P =:= Place
    ]).

note(#{gleam_note := Note}) -> ["; ", Note];
note(#{}) -> "".

gleam(Gleam) ->
    case string:find(Gleam, "(") of
        nomatch -> Gleam;
        _ -> ["`", Gleam, "`"]
    end.

?DOC("A term of the table of errors; what stands for any term as a variable.").
-spec term(term()) -> unicode:chardata().
term(Term) ->
    Text = string:replace(io_lib:format("~0tp", [Term]), ",", ", ", all),
    re:replace(Text, "'([A-Z][A-Za-z]*)'", "\\1", [global, unicode]).

events() ->
    table(["Event", "When", "Measurements", "Metadata"], [
        [["`", term(Event), "`"], When, described(Measurements), described(Metadata)]
     || {Event, Measurements, Metadata, When} <- barnacle_event:table()
    ]).

described(Keys) ->
    lists:join(", ", [["`", atom_to_list(Key), "`"] || {Key, _} <- Keys, not is_common(Key)]).

%% README says these once for all.
is_common(Key) ->
    lists:member(Key, [server, strategy, trigger]).

table(Titles, Rows) ->
    [row(Titles), ["|", ["---|" || _ <- Titles], "\n"] | [row(Cells) || Cells <- Rows]].

row(Cells) ->
    ["|", lists:join("|", [[$\s, Cell, $\s] || Cell <- Cells]), "|\n"].
