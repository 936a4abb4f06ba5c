%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_filter).

-include("barnacle_doc.hrl").

-import(barnacle_settings, [text/2]).

?MODULEDOC("""
Which of the discovered names are this barnacle's business: a filter, and a cap on how many.

A name that does not pass is as good as never discovered: it is not joined, not missed and not cut.
""").

-export([new/1, partition/2, answer/3]).

-export_type([spec/0, filter/0]).

?DOC("""
The setting: a predicate on a name as a binary, or patterns of which one must fit the whole name. In
a pattern, * stands for any characters, none too; everything else for itself.
""").
-type spec() :: fun((Name :: binary()) -> boolean()) | [Pattern :: binary()].

-opaque filter() ::
    {predicate, fun((binary()) -> boolean())} | {patterns, [[binary(), ...]]}.

?DOC("Checks a setting and makes the filter that it stands for.").
-spec new(term()) -> {ok, filter()} | {error, binary()}.
new(Predicate) when is_function(Predicate, 1) ->
    {ok, {predicate, Predicate}};
new(Predicate) when is_function(Predicate) ->
    {error, <<"the function must take one argument, a name as a binary">>};
new([]) ->
    {error, <<"no name fits an empty list; leave the filter out to take all">>};
new(Patterns) ->
    Wanted = "must be a function, or a list of binaries such as <<\"app@10.0.*\">>",
    case barnacle_settings:check_list(Patterns, fun is_pattern/1, Wanted) of
        ok -> {ok, {patterns, [compile(Pattern) || Pattern <- Patterns]}};
        {error, _} = Error -> Error
    end.

?DOC("""
The names that pass, and those that do not. What a predicate raises is raised here; one that gives
no boolean is error:{bad_return, {filter, Name, Value}}.
""").
-spec partition([barnacle_names:name()], filter()) ->
    {Kept :: [barnacle_names:name()], Filtered :: [barnacle_names:name()]}.
partition(Names, Filter) ->
    lists:partition(fun(Name) -> passes(barnacle_names:to_binary(Name), Filter) end, Names).

?DOC("""
An answer without the names that do not pass, and those names. What passes may be Max names at most;
an answer with more brings none at all.
""").
-spec answer(barnacle_plan:answer(), fun(([Name]) -> {[Name], [Name]}), pos_integer()) ->
    {barnacle_plan:answer(), Filtered :: [Name]}
when
    Name :: barnacle_names:name().
answer({error, _} = Answer, _Partition, _Max) ->
    {Answer, []};
answer({complete, Names}, Partition, Max) ->
    {Kept, Filtered} = Partition(Names),
    {capped({complete, Kept}, Kept, Max), Filtered};
answer({partial, Names, Why}, Partition, Max) ->
    {Kept, Filtered} = Partition(Names),
    {capped({partial, Kept, Why}, Kept, Max), Filtered}.

%% Names are counted once only where there may be too many: an honest answer repeats none.
capped(Answer, Names, Max) ->
    case length(Names) > Max andalso length(lists:usort(Names)) of
        Count when is_integer(Count), Count > Max -> {error, {too_many_nodes, Count, Max}};
        _ -> Answer
    end.

passes(Name, {predicate, Predicate}) ->
    case Predicate(Name) of
        Passes when is_boolean(Passes) -> Passes;
        Other -> error({bad_return, {filter, Name, Other}})
    end;
passes(Name, {patterns, Patterns}) ->
    lists:any(fun(Pattern) -> fits(Name, Pattern) end, Patterns).

is_pattern(Pattern) ->
    is_binary(Pattern) andalso Pattern =/= <<>>.

%% The texts between the stars; the first is where a name begins, the last where it ends.
compile(Pattern) ->
    binary:split(Pattern, <<"*">>, [global]).

fits(Name, [Whole]) ->
    Name =:= Whole;
fits(Name, [First | Rest]) ->
    case Name of
        <<First:(byte_size(First))/binary, Left/binary>> -> follow(Left, Rest);
        _ -> false
    end.

%% The leftmost place of each text leaves the most room for those after it.
follow(Name, [Last]) ->
    byte_size(Name) >= byte_size(Last) andalso
        binary:longest_common_suffix([Name, Last]) =:= byte_size(Last);
follow(Name, [<<>> | Rest]) ->
    follow(Name, Rest);
follow(Name, [Text | Rest]) ->
    case binary:split(Name, Text) of
        [_, Left] -> follow(Left, Rest);
        [_] -> false
    end.
