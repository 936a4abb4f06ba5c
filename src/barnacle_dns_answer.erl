%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns_answer).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the answer to a lookup means for a cluster. Pure.

An answer is complete where every question got its answer: a name with A records only is complete.
It is partial where one family failed while the other answered, where a family that had addresses
has none now, and where another candidate of the search list answers than before. The last two
become the new normal after ten equal answers in a row. A family that is not wanted makes no answer
partial.

Addresses that no host can have (barnacle_address:is_of_a_host/1) name nobody, and whoever has them
in an answer blocks the name, or is mistaken: such an answer is never complete.
""").

-export([new/0, queried/2, usable/1, judge/2, names/4]).

-export_type([memory/0, families/0]).

?DOC("Which addresses name peers; own: those of the own family, if there are any.").
-type families() :: own | both | inet | inet6.

%% Who answered, and in which families.
-type shape() :: {Candidate :: binary(), [barnacle_address:family()]}.

-record(memory, {
    usual = none :: none | shape(),
    unusual = none :: none | shape(),
    seen = 0 :: non_neg_integer()
}).

-opaque memory() :: #memory{}.

-define(NEW_NORMAL, 10).

?DOC("Nothing has been answered yet.").
-spec new() -> memory().
new() ->
    #memory{}.

?DOC("""
The families to query for a node that is called Self. If both answer and Self has an address, own
takes the family of that address alone; the other one is queried for a name that has none of it.
""").
-spec queried(families(), binary()) -> both | inet | inet6 | prefer_inet | prefer_inet6.
queried(own, Self) ->
    case barnacle_address:parse(barnacle_names:host(Self)) of
        {ok, Own} -> prefer(barnacle_address:family(Own));
        error -> both
    end;
queried(Families, _Self) ->
    Families.

prefer(inet) -> prefer_inet;
prefer(inet6) -> prefer_inet6.

?DOC("""
What is found without the addresses that no host can have, and why that makes it partial. none where
nothing is left.
""").
-spec usable(barnacle_dns:found()) ->
    {barnacle_dns:found(), [{unusable, inet:ip_address()}]} | none.
usable(#{addresses := Addresses} = Found) ->
    Split = maps:map(
        fun(_, List) -> lists:partition(fun barnacle_address:is_of_a_host/1, List) end, Addresses
    ),
    Families = maps:to_list(Split),
    case [{Family, Usable} || {Family, {[_ | _] = Usable, _}} <- Families] of
        [] ->
            none;
        Kept ->
            %% One of each family is enough to say what is wrong.
            Why = [{unusable, Address} || {_, {_, [Address | _]}} <- Families],
            {Found#{addresses := maps:from_list(Kept)}, Why}
    end.

?DOC("Why the answer is partial (an empty list: it is complete), and the memory of it.").
-spec judge(barnacle_dns:found(), memory()) -> {[term()], memory()}.
judge(#{candidate := Candidate, failed := Failed} = Found, Memory) ->
    #{addresses := Addresses, not_wanted := NotWanted} = Found,
    Shape = {Candidate, lists:sort(maps:keys(Addresses))},
    Change = change(Shape, Memory#memory.usual) -- gone(NotWanted),
    case {Change, Failed} of
        {[], []} -> {[], Memory#memory{usual = Shape, unusual = none, seen = 0}};
        %% A failed family says nothing of what is usual.
        {_, [_ | _]} -> {Failed ++ (Change -- gone([F || {F, _} <- Failed])), Memory};
        {_, []} -> unusual(Shape, Change, Memory)
    end.

?DOC("The node names that the addresses stand for, for a node that is itself called Self.").
-spec names(
    #{barnacle_address:family() => [inet:ip_address()]}, binary(), families(), binary()
) -> [binary()].
names(Addresses, Basename, Families, Self) ->
    Own = barnacle_address:parse(barnacle_names:host(Self)),
    Wanted = lists:append([
        maps:get(Family, Addresses, [])
     || Family <- families(Families, Own, maps:keys(Addresses))
    ]),
    Names = barnacle_dns:to_names(Basename, Wanted),
    Names -- canonical_self(Own, Basename, Self).

%% A family more brings names and takes none away; another candidate is another name's answer.
change(_Shape, none) ->
    [];
change({Candidate, Families}, {Candidate, Before}) ->
    gone(Before -- Families);
change({Candidate, _}, {Before, _}) ->
    [{Candidate, instead_of, Before}].

gone(Families) ->
    [{Family, no_longer} || Family <- Families].

unusual(Shape, _Change, #memory{unusual = Shape, seen = Seen}) when Seen + 1 >= ?NEW_NORMAL ->
    {[], #memory{usual = Shape}};
unusual(Shape, Change, #memory{unusual = Shape, seen = Seen} = Memory) ->
    {Change, Memory#memory{seen = Seen + 1}};
unusual(Shape, Change, Memory) ->
    {Change, Memory#memory{unusual = Shape, seen = 1}}.

families(own, {ok, Own}, [_, _]) -> [barnacle_address:family(Own)];
families(inet, _, _) -> [inet];
families(inet6, _, _) -> [inet6];
families(_, _, _) -> [inet, inet6].

%% This node may be called by its address in another form than RFC 5952's. The name that its
%% address makes then names nobody.
canonical_self({ok, Own}, Basename, Self) ->
    Canonical = barnacle_names:join(Basename, barnacle_address:to_text(Own)),
    case binary:split(Self, <<"@">>) of
        [Basename, _] when Self =/= Canonical -> [Canonical];
        _ -> []
    end;
canonical_self(error, _Basename, _Self) ->
    [].
