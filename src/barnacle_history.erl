%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_history).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What a server remembers of its rounds and links, for its status. Pure: the clock comes from outside,
in monotonic ms.
""").

-export([new/3, renamed/2, observe/3, crashed/3, up/3, down/2, uncounted/2, changes/2]).
-export([rounds/1, answer/1, last/1, peer/3, totals/1, complete/2, error/2]).

-export_type([history/0, last/0]).

-type name() :: barnacle_names:name().

%% links: since when; told of by events, or by the lists of rounds where the strategy lists itself.
%% error: the last one, when, and since when and for how many rounds they came one after the other.
-record(history, {
    own :: node(),
    born_ms :: integer(),
    links_by :: events | rounds,
    links :: #{node() => integer()},
    joined = 0 :: non_neg_integer(),
    lost = 0 :: non_neg_integer(),
    last :: last(),
    ended_ms :: integer(),
    complete = none :: none | {[name()], integer()},
    error = none :: none | {term(), integer(), integer(), pos_integer()},
    lasting = false :: boolean(),
    rounds = 0 :: non_neg_integer(),
    failed = 0 :: non_neg_integer(),
    crashed = 0 :: non_neg_integer()
}).

-opaque history() :: #history{}.

?DOC("""
What the last round brought. answer: none before the first. why: it is not complete. queried: the
queries behind that. hints: what is wrong with this node.
""").
-type last() :: #{
    answer := none | complete | partial | error,
    why := term(),
    queried := [barnacle_strategy:queried()],
    suspect := boolean(),
    refused := [{binary(), barnacle_atom_budget:refusal()}],
    filtered := [binary()],
    own_names := [binary()],
    hints := [barnacle_hints:hint()]
}.

?DOC("Nothing has happened yet, but some nodes are linked; or only rounds tell who is.").
-spec new([node()] | rounds, Own :: node(), integer()) -> history().
new(Linked, Own, NowMs) ->
    {By, Links} =
        case Linked of
            rounds -> {rounds, #{}};
            _ -> {events, maps:from_keys(Linked, NowMs)}
        end,
    #history{
        own = Own,
        born_ms = NowMs,
        links_by = By,
        links = Links,
        last = #{
            answer => none,
            why => none,
            queried => [],
            suspect => false,
            refused => [],
            filtered => [],
            own_names => [],
            hints => []
        },
        ended_ms = NowMs
    }.

?DOC("This node has another name.").
-spec renamed(node(), history()) -> history().
renamed(Own, #history{} = H) ->
    H#history{own = Own}.

?DOC("A round ended at NowMs.").
-spec observe(barnacle_refreshing:outcome(), integer(), history()) -> history().
observe(#{answer := Answer, result := Result} = Outcome, NowMs, #history{} = Before) ->
    #{visible := Visible, plan := Plan, departed := {Verdict, _}} = Outcome,
    {Kind, Names, Why} = barnacle_plan:parts(Answer),
    H0 = listed(Visible, NowMs, Before),
    H1 = H0#history{
        last = #{
            answer => Kind,
            why => Why,
            queried => maps:get(queried, Outcome),
            suspect => Verdict =:= suspect,
            refused => maps:get(refused, Outcome),
            filtered => [barnacle_names:to_binary(N) || N <- maps:get(filtered, Outcome)],
            own_names => maps:get(own_names, Outcome),
            hints => maps:get(hints, Outcome)
        },
        ended_ms = NowMs,
        rounds = Before#history.rounds + 1
    },
    H2 =
        case Kind of
            complete -> H1#history{complete = {barnacle_plan:shared(Names, Plan), NowMs}};
            _ -> H1
        end,
    case Result of
        {ok, _} -> H2#history{lasting = false};
        {error, Reason} -> failed(Reason, NowMs, H2)
    end.

?DOC("A round crashed at NowMs.").
-spec crashed(term(), integer(), history()) -> history().
crashed(Reason, NowMs, #history{rounds = Rounds, crashed = Crashed} = H) ->
    erred(Reason, NowMs, H#history{rounds = Rounds + 1, crashed = Crashed + 1, ended_ms = NowMs}).

?DOC("A node is linked. This one never is, even if a list function of a strategy lists it.").
-spec up(node(), integer(), history()) -> history().
up(Node, _NowMs, #history{links = Links, own = Own} = H) when
    is_map_key(Node, Links); Node =:= Own
->
    H;
up(Node, NowMs, #history{links = Links, joined = Joined} = H) ->
    H#history{links = Links#{Node => NowMs}, joined = Joined + 1}.

?DOC("A node is linked no more.").
-spec down(node(), history()) -> history().
down(Node, #history{links = Links, lost = Lost} = H) when is_map_key(Node, Links) ->
    H#history{links = maps:remove(Node, Links), lost = Lost + 1};
down(_Node, H) ->
    H.

?DOC("A history after a change that the totals do not count: that of a hidden node.").
-spec uncounted(After :: history(), Before :: history()) -> history().
uncounted(#history{} = After, #history{joined = Joined, lost = Lost}) ->
    After#history{joined = Joined, lost = Lost}.

?DOC("Which connections were made, and which were lost, between two histories.").
-spec changes(history(), history()) -> {Made :: [node()], Lost :: [node()]}.
changes(#history{links = Same}, #history{links = Same}) ->
    {[], []};
changes(#history{links = Before}, #history{links = After}) ->
    {
        maps:keys(maps:without(maps:keys(Before), After)),
        maps:keys(maps:without(maps:keys(After), Before))
    }.

?DOC("How many rounds have ended.").
-spec rounds(history()) -> non_neg_integer().
rounds(#history{rounds = Rounds}) ->
    Rounds.

?DOC("What the last discovery gave.").
-spec answer(history()) -> none | complete | partial | error.
answer(#history{last = #{answer := Answer}}) ->
    Answer.

?DOC("What the last round brought.").
-spec last(history()) -> last().
last(#history{last = Last}) ->
    Last.

?DOC("Whether a node is linked at NowMs, and for how many ms; this node always is.").
-spec peer(node(), integer(), history()) -> {linked | unknown, Ms :: non_neg_integer()}.
peer(Node, NowMs, #history{links = Links, own = Own} = H) ->
    case Links of
        #{Node := SinceMs} -> {linked, NowMs - SinceMs};
        #{} when Node =:= Own -> {linked, NowMs - H#history.born_ms};
        #{} -> {unknown, NowMs - H#history.ended_ms}
    end.

?DOC("How many rounds ended, failed, crashed; how many links came and went.").
-spec totals(history()) -> #{atom() => non_neg_integer()}.
totals(#history{} = H) ->
    #{
        rounds => H#history.rounds,
        failed_rounds => H#history.failed,
        crashed_rounds => H#history.crashed,
        joined => H#history.joined,
        lost => H#history.lost
    }.

?DOC("The names of the last complete answer, and its age in ms at NowMs.").
-spec complete(integer(), history()) -> none | #{names := [name()], age := non_neg_integer()}.
complete(_NowMs, #history{complete = none}) -> none;
complete(NowMs, #history{complete = {Names, AtMs}}) -> #{names => Names, age => NowMs - AtMs}.

?DOC("""
The last error. age: since it came. for: since the first of those that came one after the other,
rounds of them. lasting: whether the last round had it.
""").
-spec error(integer(), history()) ->
    none
    | #{
        reason := term(),
        age := non_neg_integer(),
        for := non_neg_integer(),
        rounds := pos_integer(),
        lasting := boolean()
    }.
error(_NowMs, #history{error = none}) ->
    none;
error(NowMs, #history{error = {Reason, AtMs, SinceMs, Rounds}, lasting = Lasting}) ->
    #{
        reason => Reason,
        age => NowMs - AtMs,
        for => NowMs - SinceMs,
        rounds => Rounds,
        lasting => Lasting
    }.

failed(Reason, NowMs, #history{failed = Failed} = H) ->
    erred(Reason, NowMs, H#history{failed = Failed + 1}).

erred(Reason, NowMs, #history{lasting = true, error = {_, _, SinceMs, Rounds}} = H) ->
    H#history{error = {Reason, NowMs, SinceMs, Rounds + 1}};
erred(Reason, NowMs, H) ->
    H#history{error = {Reason, NowMs, NowMs, 1}, lasting = true}.

listed(_Visible, _NowMs, #history{links_by = events} = H) ->
    H;
listed(Visible, NowMs, #history{links = Links, own = Own} = H) ->
    Up = lists:foldl(fun(Node, Acc) -> up(Node, NowMs, Acc) end, H, Visible),
    lists:foldl(fun down/2, Up, gone(Visible, Own, Links)).

%% Nearly every list is the one before, and maps:without/2 is dear.
gone(Visible, Own, Links) ->
    case barnacle_names:are_keys(lists:usort(Visible), Own, Links) of
        true -> [];
        false -> maps:keys(maps:without(Visible, Links))
    end.
