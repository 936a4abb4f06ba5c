%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_diff).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What two lists of names do not have in common. Pure. The core compares them. If its library is not
loaded in this VM, Erlang does, so that a comparison cannot fail.
""").

-export([names/3]).

-type name() :: barnacle_names:name().

?DOC("""
The names of Wanted that Listed does not contain, and those of Listed that Wanted does not contain,
as the terms of the given lists. Self is in neither. A name is a binary or an atom.
""").
-spec names(Wanted :: [name()], Listed :: [name()], Self :: name()) -> {[name()], [name()]}.
names(Wanted, Listed, Self) ->
    try
        barnacle_nif:diff(Wanted, Listed, Self)
    catch
        error:not_loaded -> {without(Wanted, [Self | Listed]), without(Listed, [Self | Wanted])}
    end.

without(Names, Others) ->
    Known = barnacle_names:set(Others),
    {Kept, _} = lists:foldl(
        fun(Name, {Acc, Seen}) ->
            Key = barnacle_names:to_binary(Name),
            case Seen of
                #{Key := _} -> {Acc, Seen};
                #{} -> {[Name | Acc], Seen#{Key => true}}
            end
        end,
        {[], Known},
        Names
    ),
    lists:reverse(Kept).
