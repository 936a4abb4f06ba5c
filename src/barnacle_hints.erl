%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_hints).

-include("barnacle_doc.hrl").

-import(barnacle_words, [names/1, count/2]).

?MODULEDOC("""
Mistakes in how a node is named or set up, which no single connect can tell of: what is known of the
node and of an answer, and what is wrong with the two together. Pure but for facts/2.
""").

-export([facts/2, find/2, kind/1, text/1]).

-export_type([hint/0, facts/0]).

-type name() :: barnacle_names:name().

?DOC("""
A mistake: this node is not alive; it has a short name and others have long ones, or the other way
round (which, of how many); a complete answer does not name it, and where a name of it is to be
looked for: named differently at this host, by an address of this host, by another host, filtered.
""").
-type hint() ::
    not_alive
    | {short_names | long_names, [name(), ...], Of :: pos_integer()}
    | {own_name_missing, Own :: binary(), Found :: [name(), ...],
        {basename | host, binary()} | filtered | elsewhere}.

?DOC("""
form: of this node's name. is_listed: whether answers should name this node; a list that somebody
wrote may leave out its reader. addresses: of this host, asked for where they matter.
""").
-type facts() :: #{
    alive := boolean(),
    own := binary(),
    form := barnacle_form:form(),
    is_listed := boolean(),
    filtered := [name()],
    addresses := fun(() -> [binary()])
}.

?DOC("The facts of this node, with the names that the filter kept away.").
-spec facts(barnacle_strategy:t(), [name()]) -> facts().
facts(Strategy, Filtered) ->
    #{
        alive => is_alive(),
        own => barnacle_names:self(),
        form => barnacle_form:own(),
        is_listed => barnacle_strategy:describe(Strategy) =/= barnacle_strategy_epmd,
        filtered => Filtered,
        addresses => fun barnacle_address:own/0
    }.

?DOC("What is wrong, given what discovery brought last; none before it brought anything.").
-spec find(facts(), barnacle_plan:answer() | none) -> [hint()].
find(#{alive := false}, _Answer) ->
    [not_alive];
find(_Facts, none) ->
    [];
find(Facts, Answer) ->
    {_, Names, _} = barnacle_plan:parts(Answer),
    case forms(Names, Facts) of
        %% A name of the wrong form is never the one that the source has, either.
        [_ | _] = Hints -> Hints;
        [] -> own(Answer, Facts)
    end.

?DOC("What tells one hint from another where each is told once.").
-spec kind(hint()) -> atom().
kind(not_alive) -> not_alive;
kind(Hint) -> element(1, Hint).

?DOC("A hint in words, with what to do.").
-spec text(hint()) -> unicode:chardata().
text(not_alive) ->
    "this node is not alive, so it can join nobody; start it with -name or -sname";
text({short_names, Names, Of}) ->
    [
        "this node has a short name, but ", few_of(Names, Of), " a dot in the host (",
        names(Names), "): short and long names never link; start it with -name, a release with "
        "RELEASE_DISTRIBUTION=name"
    ];
text({long_names, Names, Of}) ->
    [
        "this node has a long name, but ", few_of(Names, Of), " no dot in the host (",
        names(Names), "): short and long names never link; start it with -sname, or give the hosts "
        "their domain"
    ];
text({own_name_missing, Own, Found, Where}) ->
    [
        "this node is ", Own, ", which discovery does not name; it found ", names(Found), $.,
        where(Where)
    ].

few_of(Names, Of) ->
    [integer_to_list(length(Names)), " of ", count(Of, "discovered name"), " have"].

where({basename, Name}) ->
    [
        " ", Name, " is at the same host: if that is this node, start it under that name or "
        "correct the basename; else it is another node of this host"
    ];
where({host, Name}) ->
    [
        " ", Name, " has an address of this host: peers look for this node by it; start it with ",
        "-name ", Name
    ];
where(filtered) ->
    " The filter of this barnacle keeps its name away; peers with the same filter will not join it";
where(elsewhere) ->
    " Peers that ask the same source will not find it: it is not ready or not registered there "
    "yet, or it is started with a name or an address that the source does not use".

forms(Names, #{form := Form}) ->
    Kind =
        case Form of
            short -> short_names;
            long -> long_names
        end,
    [
        {Kind, Wrong, length(Names)}
     || [_ | _] = Wrong <- [[Name || Name <- Names, not barnacle_form:fits(Form, Name)]]
    ].

own({complete, [_ | _] = Names}, #{is_listed := true, own := Own, filtered := Filtered} = Facts) ->
    Is = fun(Name) -> barnacle_names:to_binary(Name) =:= Own end,
    case {lists:any(Is, Names), lists:any(Is, Filtered)} of
        {true, _} -> [];
        {false, true} -> [{own_name_missing, Own, Names, filtered}];
        {false, false} -> [{own_name_missing, Own, Names, elsewhere(Own, Names, Facts)}]
    end;
own(_Answer, _Facts) ->
    [].

elsewhere(Own, Names, #{addresses := Addresses}) ->
    [Basename, OwnHost] = binary:split(Own, <<"@">>),
    case [Name || Name <- Names, barnacle_names:host(Name) =:= OwnHost] of
        [Name | _] ->
            {basename, barnacle_names:to_binary(Name)};
        [] ->
            Here = barnacle_names:set([
                barnacle_names:join(Basename, Address)
             || Address <- Addresses()
            ]),
            case [Name || Name <- Names, is_map_key(barnacle_names:to_binary(Name), Here)] of
                [Name | _] -> {host, barnacle_names:to_binary(Name)};
                [] -> elsewhere
            end
    end.
