%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_text).

-include("barnacle_doc.hrl").

?MODULEDOC("Names, numbers, times and terms as text: in messages, in logs and in what is printed.").

-export([printable/1, names/1, names/2, count/2, time/1]).
-export([term/1, call/3, elixir/3, cut/2]).

-define(FEW, 5).
%% As long as a node's name may be.
-define(NAME_CHARS, 255).
-define(TERM_CHARS, 500).

?DOC("""
A name as it can be shown: what no terminal should get is shown as Erlang writes it, and the end of
what is too long to be a node's is left out.
""").
-spec printable(binary()) -> binary().
printable(Name) when byte_size(Name) > ?NAME_CHARS ->
    <<(printable(binary:part(Name, 0, ?NAME_CHARS)))/binary, "...">>;
printable(Name) ->
    case unicode:characters_to_list(Name) of
        Characters when is_list(Characters) ->
            case lists:all(fun is_printable/1, Characters) of
                true -> Name;
                false -> as_term(Name)
            end;
        _NotUnicode ->
            as_term(Name)
    end.

%% io_lib's notion has escape and line breaks among it.
is_printable(Character) ->
    Character >= $\s andalso io_lib:printable_unicode_list([Character]).

as_term(Name) ->
    iolist_to_binary(io_lib:format("~w", [Name])).

?DOC("The first few of some names, and how many more there are.").
-spec names([barnacle_names:name()]) -> unicode:chardata().
names(Names) ->
    names(Names, ?FEW).

?DOC("""
The first Max of some names, and how many more there are; or the first few, each with what a
function gives for it.
""").
-spec names([Name], pos_integer() | fun((Name) -> unicode:chardata())) -> unicode:chardata() when
    Name :: barnacle_names:name().
names([], _) ->
    "none";
names(Names, More) when is_function(More, 1) ->
    {Shown, Rest} = lists:split(min(?FEW, length(Names)), lists:sort(Names)),
    [
        lists:join(", ", [[printable(barnacle_names:to_binary(N)), More(N)] || N <- Shown]),
        [io_lib:format(" and ~b more", [length(Rest)]) || Rest =/= []]
    ];
names(Names, Max) ->
    Sorted = lists:sort([printable(barnacle_names:to_binary(Name)) || Name <- Names]),
    Shown = lists:sublist(Sorted, Max),
    case length(Sorted) - length(Shown) of
        0 -> lists:join(", ", Shown);
        More -> [lists:join(", ", Shown), io_lib:format(" and ~b more", [More])]
    end.

?DOC("A number of things: no rounds, 1 round, 2 rounds.").
-spec count(non_neg_integer(), string()) -> unicode:chardata().
count(0, Thing) -> ["no ", Thing, "s"];
count(1, Thing) -> ["1 ", Thing];
count(Number, Thing) -> [integer_to_list(Number), $\s, Thing, "s"].

?DOC("A time in its two largest units: 0 ms, 900 ms, 12 s, 3 min 5 s, 2 h, 4 d 1 h.").
-spec time(non_neg_integer()) -> unicode:chardata().
time(Ms) when Ms < 1000 ->
    [integer_to_list(Ms), " ms"];
time(Ms) ->
    Seconds = Ms div 1000,
    Parts = [
        {Seconds div 86400, "d"},
        {Seconds div 3600 rem 24, "h"},
        {Seconds div 60 rem 60, "min"},
        {Seconds rem 60, "s"}
    ],
    [First | Rest] = lists:dropwhile(fun({Number, _}) -> Number =:= 0 end, Parts),
    Second = [Part || {Number, _} = Part <- lists:sublist(Rest, 1), Number > 0],
    lists:join($\s, [[integer_to_list(N), $\s, Unit] || {N, Unit} <- [First | Second]]).

?DOC("""
A term as Erlang writes it, or as Elixir does where that runs, without the end of a long one: errors
of others have any size.
""").
-spec term(term()) -> unicode:chardata().
term(Term) ->
    Options = [{limit, 50}, {printable_limit, ?TERM_CHARS}, {width, infinity}],
    case elixir('Elixir.Kernel', inspect, [Term, Options]) of
        {ok, Text} -> Text;
        error -> cut(io_lib:format("~0tp", [Term], [{chars_limit, ?TERM_CHARS}]), 2 * ?TERM_CHARS)
    end.

?DOC("A call, as a shell of Erlang takes it, or of Elixir where that runs.").
-spec call(module(), Function :: atom(), Args :: unicode:chardata() | none) -> unicode:chardata().
call(Module, Function, Args) ->
    Separator =
        case is_elixir() of
            true -> $.;
            false -> $:
        end,
    [term(Module), Separator, atom_to_list(Function), [[$(, Args, $)] || Args =/= none]].

%% An Elixir host has Kernel loaded.
is_elixir() ->
    erlang:function_exported('Elixir.Kernel', inspect, 2).

?DOC("""
The text that a function of Elixir gives, cut at its end if it is very long. It is an error if there
is no Elixir, or if the function fails: a struct may have an inspect of its own.
""").
-spec elixir(module(), Function :: atom(), Args :: [term()]) -> {ok, unicode:chardata()} | error.
elixir(Module, Function, Args) ->
    case is_elixir() of
        true ->
            try apply(Module, Function, Args) of
                Text when is_binary(Text) -> {ok, cut(Text, 2 * ?TERM_CHARS)};
                _ -> error
            catch
                _:_ -> error
            end;
        false ->
            error
    end.

?DOC("A text, the end of a long one left out.").
-spec cut(unicode:chardata(), pos_integer()) -> unicode:chardata().
cut(Text, Max) ->
    case string:slice(Text, Max, 1) of
        Rest when Rest =:= <<>>; Rest =:= [] -> Text;
        _ -> [string:slice(Text, 0, Max), "..."]
    end.
