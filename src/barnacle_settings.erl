%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_settings).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Settings against a table of them: one row says a setting's name, type, default and meaning, and the
check, the defaults and the documentation all come from it. All that is wrong is told at once.
""").

-import(barnacle_text, [term/1]).

-export([check/2, check/3, check_value/2, check_list/3, nearest/2, format/1, format/2, text/2]).

-export_type([table/0, row/0, type/0, problem/0]).

%% More than any text of barnacle's own has, and no more lines than somebody reads.
-define(TEXT_CHARS, 2000).
-define(MAX_LINES, 50).
%% Of a key, as far as it is compared with others.
-define(LETTERS, 40).

-type table() :: [row()].
-type row() :: {
    Key :: atom(), type(), required | optional | {default, term()}, Meaning :: binary()
}.
-type type() ::
    {integer, unit(), Min :: integer(), Max :: integer()}
    | {one_of, [atom()]}
    | {term, Description :: binary(), fun((term()) -> ok | {ok, term()} | {error, binary()})}.
-type unit() ::
    ms | nodes | addresses | hosts | names | bytes | callers | atoms | operations | port.
-type problem() :: {Key :: term(), Value :: term(), Text :: binary()}.

?DOC("""
Checks a map or property list. Gives the settings with defaults filled in and optional ones left
out, or every problem with its value and what would be right.
""").
-spec check(table(), term()) -> {ok, map()} | {error, [problem()]}.
check(Table, Settings) ->
    check(Table, Settings, []).

?DOC("""
The same where some settings are the ends of ranges: it is a problem that Min is greater than Max.
""").
-spec check(table(), term(), Ranges :: [{Min :: atom(), Max :: atom()}]) ->
    {ok, map()} | {error, [problem()]}.
check(Table, Settings, Ranges) when is_map(Settings) ->
    Keys = [Key || {Key, _, _, _} <- Table],
    Unknown = [
        {Key, Value, text("no such setting.~ts The settings: ~ts", [meant(Key, Keys), join(Keys)])}
     || {Key, Value} <- lists:sort(maps:to_list(Settings)), not lists:member(Key, Keys)
    ],
    {Checked, Problems} = lists:foldr(
        fun(Row, Acc) -> check_row(Row, Settings, Acc) end, {#{}, Unknown}, Table
    ),
    case Problems ++ lists:append([check_range(Range, Checked) || Range <- Ranges]) of
        [] -> {ok, Checked};
        All -> {error, All}
    end;
check(Table, Settings, Ranges) when is_list(Settings) ->
    try
        check(Table, maps:from_list(proplists:unfold(Settings)), Ranges)
    catch
        error:_ -> not_settings(Settings)
    end;
check(_Table, Settings, _Ranges) ->
    not_settings(Settings).

meant(Key, Keys) ->
    case nearest(Key, Keys) of
        {ok, Near} -> text(" Did you mean `~ts`?", [Near]);
        none -> ""
    end.

?DOC("The key that a word is a misspelling of: a third of its letters may be wrong.").
-spec nearest(term(), [Key]) -> {ok, Key} | none when Key :: atom().
nearest(Word, Keys) when is_atom(Word); is_binary(Word) ->
    Letters = letters(Word),
    Most = max(1, length(Letters) div 3),
    Distances = [{distance(Letters, atom_to_list(Key)), Key} || Key <- Keys],
    case lists:sort(Distances) of
        [{Distance, Key} | _] when Distance =< Most -> {ok, Key};
        _ -> none
    end;
nearest(_NoWord, _Keys) ->
    none.

%% Longer words are none of ours.
letters(Word) when is_atom(Word) -> lists:sublist(atom_to_list(Word), ?LETTERS);
letters(Word) -> binary_to_list(binary:part(Word, 0, min(byte_size(Word), ?LETTERS))).

%% How many letters are to be put in, left out or changed (Levenshtein).
distance(A, B) ->
    First = lists:seq(0, length(B)),
    lists:last(lists:foldl(fun(Letter, Row) -> row(Letter, B, Row) end, First, A)).

row(Letter, B, [First | _] = Above) ->
    row(Letter, B, Above, [First + 1]).

row(_Letter, [], _Above, Row) ->
    lists:reverse(Row);
row(Letter, [Other | B], [Diagonal | [Over | _] = Above], [Left | _] = Row) ->
    Changed =
        case Letter of
            Other -> Diagonal;
            _ -> Diagonal + 1
        end,
    row(Letter, B, Above, [lists:min([Changed, Over + 1, Left + 1]) | Row]).

check_range({Min, Max}, Checked) ->
    case Checked of
        #{Min := Least, Max := Most} when Least > Most ->
            [{Min, Least, text("must be no more than ~p, which is ~b: lower it, or raise ~p", [
                Max, Most, Max
            ])}];
        #{} ->
            []
    end.

?DOC("""
Whether a term is a proper list of what a predicate holds for. If not, a text: what was wanted, and
what stands in its place.
""").
-spec check_list(term(), fun((term()) -> boolean() | {false, Why}), Wanted :: unicode:chardata()) ->
    ok | {error, binary()}
when
    Why :: unicode:chardata().
check_list([Element | Rest], Is, Wanted) ->
    case Is(Element) of
        true -> check_list(Rest, Is, Wanted);
        false -> {error, text("~ts, not ~ts", [Wanted, term(Element)])};
        {false, Why} -> {error, text("~ts, not ~ts: ~ts", [Wanted, term(Element), Why])}
    end;
check_list([], _Is, _Wanted) ->
    ok;
check_list(NoList, _Is, Wanted) ->
    {error, text("~ts, not ~ts", [Wanted, term(NoList)])}.

?DOC("""
A text for people, as io_lib:format/2 makes it, in UTF-8. Of arguments that are very long it has the
begin.
""").
-spec text(io:format(), [term()]) -> binary().
text(Format, Args) ->
    unicode:characters_to_binary(io_lib:format(Format, Args, [{chars_limit, ?TEXT_CHARS}])).

?DOC("Problems as a text for people, one a line.").
-spec format([problem()]) -> binary().
format(Problems) ->
    unicode:characters_to_binary(lists:join($\n, lines(Problems))).

?DOC("""
The same for settings within another: each line with the Owner's name before it, and indented but
for the first, which stands behind what they are within.
""").
-spec format(Owner :: atom(), [problem()]) -> binary().
format(Owner, Problems) ->
    Lines = [[atom_to_binary(Owner), ": ", Line] || Line <- lines(Problems)],
    unicode:characters_to_binary(lists:join("\n  ", Lines)).

lines(Problems) ->
    Lines = [line(Problem) || Problem <- lists:sublist(Problems, ?MAX_LINES)],
    case length(Problems) - length(Lines) of
        0 -> Lines;
        More -> Lines ++ [text("and ~b more", [More])]
    end.

%% Whoever has made the problems may have made them up.
line({Key, missing, <<"give ", _/binary>> = Give}) -> [term(Key), " is missing: ", Give];
line({Key, Value, Why}) when is_binary(Why) -> [term(Key), " => ", term(Value), ": ", Why];
line(Problem) -> term(Problem).

check_row({Key, Type, Default, _}, Settings, {Checked, Problems}) ->
    case {Settings, Default} of
        {#{Key := Value}, _} ->
            case check_value(Type, Value) of
                ok -> {Checked#{Key => Value}, Problems};
                {ok, Value1} -> {Checked#{Key => Value1}, Problems};
                {error, Text} -> {Checked, [{Key, Value, Text} | Problems]}
            end;
        {_, {default, Value}} ->
            {Checked#{Key => Value}, Problems};
        {_, optional} ->
            {Checked, Problems};
        {_, required} ->
            {Checked, [{Key, missing, text("give ~ts", [describe(Type)])} | Problems]}
    end.

?DOC("Whether a value is of a type; what the type makes of it, or what would be right.").
-spec check_value(type(), term()) -> ok | {ok, term()} | {error, binary()}.
check_value({integer, _, Min, Max}, Value) when is_integer(Value), Value >= Min, Value =< Max ->
    ok;
check_value({one_of, Atoms} = Type, Value) ->
    case lists:member(Value, Atoms) of
        true -> ok;
        false -> {error, text("must be ~ts", [describe(Type)])}
    end;
check_value({term, _, Check}, Value) ->
    Check(Value);
check_value(Type, _Value) ->
    {error, text("must be ~ts", [describe(Type)])}.

describe({integer, ms, Min, Max}) -> text("a whole number of ms from ~b to ~b", [Min, Max]);
describe({integer, port, Min, Max}) -> text("a port from ~b to ~b", [Min, Max]);
describe({integer, Unit, Min, Max}) -> text("a number of ~p from ~b to ~b", [Unit, Min, Max]);
describe({one_of, Atoms}) -> text("one of ~ts", [join(Atoms)]);
describe({term, Description, _}) -> Description.

not_settings(Settings) ->
    {error, [{settings, Settings, <<"must be a map or a list of {Key, Value}">>}]}.

join(Atoms) ->
    lists:join(", ", [atom_to_list(Atom) || Atom <- Atoms]).
