%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_plan).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What a barnacle knows of its peers, and what follows from it. Pure: no process, clock or network.

Knowledge is a map from names to what answers said of them. Only a complete answer can make a name
missing; a partial one adds names and brings missing ones back; an error changes nothing. An empty
complete answer is no evidence against anybody.
""").

-export([new/0, observe/3, none/2, unknown/2, wanted/1, is_wanted/2, standing/2, standings/2]).
-export([left/2, back/2, forget/2, bounded/3, shared/2]).
-export([departed/3, is_suspect/1, result/3, parts/1, kind/1]).

-export_type([plan/0, answer/0, mode/0, standing/0, departed/0, result/0]).

-type name() :: binary().
-type answer() ::
    {complete, [barnacle_names:name()]}
    | {partial, [barnacle_names:name()], term()}
    | {error, term()}.
-type mode() :: departed | undiscovered | never | report.
%% wanted: named last. absent: complete answers have named it and miss it now. left: it is named,
%% and said itself that it leaves.
-type standing() :: unknown | wanted | absent | left.
-type departed() :: {ok | suspect, [name()]}.
-type failures() :: [{node(), term()}].
-type result() ::
    {ok, [node()]}
    | {error,
        {strategy_error, term()} | {connect_error, failures()} | {disconnect_error, failures()}}.

%% Absence counts from the first complete answer without the name.
-record(absence, {since_ms :: integer(), rounds :: pos_integer()}).

%% confirmed: a complete answer has named it, so that its absence from one means something.
%% left: it said that it leaves, and has been named in every answer since.
-record(peer, {
    confirmed :: boolean(), left = false :: boolean(), absence :: undefined | #absence{}
}).

%% named is what nearly all are: confirmed, not left, not absent. It takes no room.
-opaque plan() :: #{name() => named | #peer{}}.

%% A name is departed after as many complete rounds without it, whatever the poll interval.
-define(DEPARTED_ROUNDS, 3).

?DOC("Knows nobody.").
-spec new() -> plan().
new() ->
    #{}.

?DOC("Knowledge after an answer that came at NowMs (monotonic).").
-spec observe(answer(), integer(), plan()) -> plan().
observe({complete, []}, _NowMs, Plan) ->
    Plan;
observe({complete, Names}, NowMs, Plan) ->
    case is_same(Names, Plan) of
        true -> Plan;
        false -> changed(Names, NowMs, Plan)
    end;
observe({partial, Names, _Why}, _NowMs, Plan) ->
    maps:merge_with(
        fun(_, Before, Seen) -> packed((peer(Seen))#peer{confirmed = is_confirmed(Before)}) end,
        Plan,
        still_left(named(Names, #peer{confirmed = false}), Plan)
    );
observe({error, _}, _NowMs, Plan) ->
    Plan.

?DOC("""
Knowledge after an exact result without a name, at NowMs: that of a custom strategy, whose complete
results are the user's word.
""").
-spec none(integer(), plan()) -> plan().
none(NowMs, Plan) ->
    changed([], NowMs, Plan).

?DOC("Those of some names that are not known.").
-spec unknown([barnacle_names:name()], plan()) -> [barnacle_names:name()].
unknown(Names, Plan) ->
    [Name || Name <- Names, not is_map_key(barnacle_names:to_binary(Name), Plan)].

?DOC("The names that are known, not missing, and have not said that they leave.").
-spec wanted(plan()) -> #{name() => present}.
wanted(Plan) ->
    maps:filtermap(
        fun
            (_, named) -> {true, present};
            (_, #peer{absence = undefined, left = false}) -> {true, present};
            (_, _) -> false
        end,
        Plan
    ).

?DOC("Whether a name is one of wanted/1.").
-spec is_wanted(barnacle_names:name(), plan()) -> boolean().
is_wanted(Name, Plan) ->
    standing(Name, Plan) =:= wanted.

?DOC("What is known of a name.").
-spec standing(barnacle_names:name(), plan()) -> standing().
standing(Name, Plan) ->
    case maps:get(barnacle_names:to_binary(Name), Plan, undefined) of
        undefined -> unknown;
        named -> wanted;
        #peer{absence = undefined, left = false} -> wanted;
        #peer{absence = undefined, left = true} -> left;
        #peer{} -> absent
    end.

?DOC("Every name that is known, those that are missing with for how many ms at NowMs.").
-spec standings(integer(), plan()) -> #{name() => wanted | left | {absent, non_neg_integer()}}.
standings(NowMs, Plan) ->
    maps:map(
        fun
            (_, named) -> wanted;
            (_, #peer{absence = undefined, left = false}) -> wanted;
            (_, #peer{absence = undefined, left = true}) -> left;
            (_, #peer{absence = #absence{since_ms = SinceMs}}) -> {absent, NowMs - SinceMs}
        end,
        Plan
    ).

?DOC("A node said that it leaves: it is not wanted until it is back/2, or named anew.").
-spec left(barnacle_names:name(), plan()) -> plan().
left(Name, Plan) ->
    with_left(Name, true, Plan).

?DOC("A node that had left is linked again.").
-spec back(barnacle_names:name(), plan()) -> plan().
back(Name, Plan) ->
    with_left(Name, false, Plan).

?DOC("""
The names that are gone: missing for AfterMs and for three complete rounds. A hasty question, which
an explicit refresh asks, wants one complete round only. The source is suspect where more than one
name and more than a third of the known ones are missing: then nobody is to be sent away.
""").
-spec departed(plan(), integer(), #{after_ms := non_neg_integer(), hasty := boolean()}) ->
    departed().
departed(Plan, NowMs, #{after_ms := AfterMs, hasty := Hasty}) ->
    Missing = missing(Plan),
    Gone = [Name || {Name, Absence} <- Missing, Hasty orelse is_over(Absence, NowMs, AfterMs)],
    {verdict(length(Missing), Plan), lists:sort(Gone)}.

?DOC("Whether the source is suspect.").
-spec is_suspect(plan()) -> boolean().
is_suspect(Plan) ->
    verdict(length(missing(Plan)), Plan) =:= suspect.

?DOC("Knowledge without some names: they are gone and no longer connected.").
-spec forget([barnacle_names:name()], plan()) -> plan().
forget([], Plan) ->
    Plan;
forget(Names, Plan) ->
    maps:without([barnacle_names:to_binary(Name) || Name <- Names], Plan).

?DOC("""
Knowledge of at most Max names, where forgetting those suffices that only partial answers brought
and this partial answer does not bring. Without it a source that is never complete, and names others
each time, would fill the memory: partial answers take nothing away.
""").
-spec bounded(answer(), pos_integer(), plan()) -> plan().
bounded({partial, Names, _Why}, Max, Plan) when map_size(Plan) > Max ->
    Named = named(Names, named),
    maps:filter(
        fun(Name, Known) -> is_confirmed(Known) orelse is_map_key(Name, Named) end, Plan
    );
bounded(_Answer, _Max, Plan) ->
    Plan.

?DOC("The same names, those that are known as the very terms that are known: they take room once.").
-spec shared([barnacle_names:name()], plan()) -> [barnacle_names:name()].
shared(Names, Plan) ->
    Known = maps:from_list([{Name, Name} || Name <- maps:keys(Plan)]),
    [maps:get(Name, Known, Name) || Name <- Names].

?DOC("""
What a round reports: an error of the strategy before one of connecting before one of
disconnecting, else the list.
""").
-spec result(ok | {error, term()}, #{connect := failures(), disconnect := failures()}, [node()]) ->
    result().
result({error, Reason}, _Failed, _Listed) -> {error, {strategy_error, Reason}};
result(ok, #{connect := [_ | _] = Failed}, _Listed) -> {error, {connect_error, Failed}};
result(ok, #{disconnect := [_ | _] = Failed}, _Listed) -> {error, {disconnect_error, Failed}};
result(ok, _, Listed) -> {ok, Listed}.

?DOC("What an answer is, the names that it brought, and why it is not complete (none if it is).").
-spec parts(answer()) -> {complete | partial | error, [barnacle_names:name()], Why :: term()}.
parts({complete, Names}) -> {complete, Names, none};
parts({partial, Names, Why}) -> {partial, Names, Why};
parts({error, Why}) -> {error, [], Why}.

?DOC("""
What an answer is good for: only a complete one that names somebody says anything against others.
""").
-spec kind(answer()) -> complete | empty | partial | error.
kind({complete, []}) -> empty;
kind(Answer) -> element(1, Answer).

missing(Plan) ->
    [{Name, Absence} || {Name, #peer{absence = #absence{} = Absence}} <- maps:to_list(Plan)].

verdict(Missing, Plan) when Missing > 1, 3 * Missing > map_size(Plan) -> suspect;
verdict(_Missing, _Plan) -> ok.

with_left(Name, Left, Plan) ->
    Key = barnacle_names:to_binary(Name),
    case Plan of
        #{Key := Known} -> Plan#{Key := packed((peer(Known))#peer{left = Left})};
        _ -> Plan
    end.

%% Nearly every answer names whom the last one named: then there is nothing to know anew. Some name
%% a peer twice.
is_same(Names, Plan) ->
    Is = fun(Name) ->
        case Plan of
            #{Name := named} -> true;
            #{Name := #peer{confirmed = true, absence = undefined}} -> true;
            _ -> false
        end
    end,
    map_size(maps:from_keys(Names, named)) =:= map_size(Plan) andalso lists:all(Is, Names).

changed(Names, NowMs, Plan) ->
    Named = named(Names, named),
    Absent = maps:filtermap(
        fun(_, Known) -> absent(peer(Known), NowMs) end, maps:without(maps:keys(Named), Plan)
    ),
    maps:merge(Absent, still_left(Named, Plan)).

%% To be named all the time is not to be named anew.
still_left(Named, Plan) ->
    Left = [
        Name
     || {Name, #peer{left = true, absence = undefined}} <- maps:to_list(Plan),
        is_map_key(Name, Named)
    ],
    lists:foldl(fun left/2, Named, Left).

named(Names, Peer) ->
    maps:from_list([{barnacle_names:to_binary(Name), Peer} || Name <- Names]).

peer(named) -> #peer{confirmed = true};
peer(#peer{} = Peer) -> Peer.

packed(#peer{confirmed = true, left = false, absence = undefined}) -> named;
packed(Peer) -> Peer.

is_confirmed(Known) -> (peer(Known))#peer.confirmed.

%% A name that only partial answers brought has no claim to be missed.
absent(#peer{confirmed = false}, _NowMs) ->
    false;
absent(#peer{absence = undefined} = Peer, NowMs) ->
    {true, Peer#peer{absence = #absence{since_ms = NowMs, rounds = 1}}};
absent(#peer{absence = #absence{rounds = Rounds} = Absence} = Peer, _NowMs) ->
    {true, Peer#peer{absence = Absence#absence{rounds = Rounds + 1}}}.

is_over(#absence{since_ms = SinceMs, rounds = Rounds}, NowMs, AfterMs) ->
    Rounds >= ?DEPARTED_ROUNDS andalso NowMs - SinceMs >= AfterMs.
