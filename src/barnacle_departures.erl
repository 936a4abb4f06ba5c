%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departures).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What happens to a node that discovery no longer returns, as one table. The setting disconnect is
departed, or the strategy is a custom one. Pure.

The sub-machine barnacle_departing looks up each of its decisions here. docs/departures.md is made
from the table.
""").

-export([table/0, columns/0, meanings/0, decide/1, result/1, is_passing/1]).

-export_type([facts/0, row/0, act/0, there/0]).

?DOC("""
What begins a decision: a poll, a call of refresh, another look (a timer, or a node's report that
its reason to decline is over), or the return of a node that was made to leave.
""").
-type trigger() :: poll | refresh | again | returned.

?DOC("""
Whether the waiting has passed: departed_after and three complete results. waived: there is none.
""").
-type waiting() :: running | over | waived.

?DOC("The last result. exact: the complete result of a custom strategy, empty or not.").
-type result() :: complete | exact | empty | partial | error | suspect.

?DOC("What is known of a barnacle on the node.").
-type there() :: unknown | there | asked | passing | declined | checking | none.

?DOC("The nodes that the node is connected to.").
-type connections() :: unknown | alone | source | others.

-type act() :: stay | check | ask | look | disconnect | expel.

-type facts() :: {trigger(), waiting(), result(), there(), connections()}.

?DOC("A column of a row: any value, one of some values, or one value.").
-type column() :: any | [atom()] | atom().

-type row() :: {column(), column(), column(), column(), column(), act()}.

?DOC("The titles of the columns, in order.").
-spec columns() -> [binary()].
columns() ->
    [
        <<"Trigger">>,
        <<"Waiting">>,
        <<"Result">>,
        <<"Barnacle there?">>,
        <<"Its connections">>,
        <<"Act">>
    ].

?DOC("The rows. The first row that fits decides; the last one fits always.").
-spec table() -> [row()].
table() ->
    Passed = [over, waived],
    NotByPoll = [refresh, again, returned],
    [
        {any, any, [empty, partial, error, suspect], any, any, stay},
        {poll, running, any, [unknown, checking], any, check},
        {any, running, any, any, any, stay},
        {any, Passed, any, [unknown, there], any, ask},
        {NotByPoll, Passed, any, [asked, passing], any, ask},
        {refresh, Passed, any, declined, any, ask},
        {any, Passed, any, checking, any, check},
        {any, Passed, any, none, unknown, look},
        {NotByPoll, Passed, any, none, others, look},
        {any, Passed, any, none, alone, disconnect},
        {any, Passed, any, none, source, expel},
        {any, any, any, any, any, stay}
    ].

?DOC("What each value means, by column, for the documentation.").
-spec meanings() -> [{Column :: binary(), [{atom(), binary()}]}].
meanings() ->
    [
        {<<"Trigger">>, [
            {poll, <<"a refresh that the timer started">>},
            {refresh, <<"a call of `refresh`">>},
            {again,
                <<"another look: at growing intervals, or because the node reports that its reason "
                    "to decline is over">>},
            {returned, <<"a node that was made to leave is connected again">>}
        ]},
        {<<"Waiting">>, [
            {running, <<"`departed_after` or three complete results have not passed">>},
            {over, <<"both have passed">>},
            {waived, <<"there is no waiting: a call of `refresh`, or a custom strategy">>}
        ]},
        {<<"Result">>, [
            {complete, <<"the last discovery was complete and returned names">>},
            {exact, <<"the `Ok` list of a custom strategy, empty or not">>},
            {empty, <<"complete, without a name">>},
            {partial, <<"some sources failed">>},
            {error, <<"the discovery failed">>},
            {suspect, <<"more than one name and more than a third of the known names are absent">>}
        ]},
        {<<"Barnacle there?">>, [
            {unknown, <<"the node did not reply to a check, or there was none yet">>},
            {there, <<"a check found one, or one that is stopped">>},
            {asked, <<"the node was asked to leave and has not replied">>},
            {passing, <<"the node declined for a reason that may pass">>},
            {declined, <<"the node declined for another reason">>},
            {checking, <<"one or two checks in a row found none">>},
            {none, <<"three checks over the waiting found none">>}
        ]},
        {<<"Its connections">>, [
            {unknown, <<"not looked at">>},
            {alone, <<"its only connection is to this node, and this node has no other">>},
            {source,
                <<"all are to nodes of this source, and no barnacle of the cluster wants the "
                    "node">>},
            {others,
                <<"some are to nodes outside this source, or a barnacle of the cluster wants the "
                    "node "
                    "or does not reply">>}
        ]},
        {<<"Act">>, [
            {stay, <<"the node stays connected">>},
            {check, <<"look for a barnacle on the node, over the existing connection">>},
            {ask, <<"ask the node to leave; the node decides">>},
            {look,
                <<"ask the node for its connections, and each connected barnacle whether it wants "
                    "the node">>},
            {disconnect, <<"disconnect the node">>},
            {expel, <<"make the node run `global:disconnect/0`">>}
        ]}
    ].

?DOC("The last result that a view of the machine has, as the table has it.").
-spec result(View :: map()) -> result().
result(#{settings := #{custom := true}, result := R}) when R =:= complete; R =:= empty -> exact;
result(#{result := complete, suspect := true}) -> suspect;
result(#{result := none}) -> error;
result(#{result := Result}) -> Result.

?DOC("Whether a reason to stay may pass, so that the node is to be asked again.").
-spec is_passing(Why :: term()) -> boolean().
is_passing(no_complete_answer) -> true;
is_passing(suspect) -> true;
is_passing(paused) -> true;
is_passing({foreign_links, _}) -> true;
is_passing({wanted_by_others, _}) -> true;
is_passing(_) -> false.

?DOC("The act of the first row that fits.").
-spec decide(facts()) -> act().
decide(Facts) ->
    decide(tuple_to_list(Facts), table()).

decide(Facts, [Row | Rows]) ->
    {Columns, [Act]} = lists:split(length(Facts), tuple_to_list(Row)),
    case lists:all(fun({Fact, Column}) -> fits(Fact, Column) end, lists:zip(Facts, Columns)) of
        true -> Act;
        false -> decide(Facts, Rows)
    end.

fits(_Fact, any) -> true;
fits(Fact, Column) when is_list(Column) -> lists:member(Fact, Column);
fits(Fact, Column) -> Fact =:= Column.
