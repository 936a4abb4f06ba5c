%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_status).

-include("barnacle_doc.hrl").

?MODULEDOC("What a barnacle knows, as a map for people and programs.").

-export([new/0, observe/3, crashed/3, rounds/1, answer/1, map/2]).

-export_type([status/0, mode/0, history/0]).

?DOC("""
running; paused, by pause; left, by leave; resting: asked to leave, it has left, and joins again
when its source names it again.
""").
-type mode() :: running | paused | left | resting.

?DOC("""
state: what it does. round: whether one runs. next_poll_in: ms until the next round, or none.
wanted: each wanted node as a binary, connected or why not. departed: names that complete answers
have missed long enough and that are still linked, and what became of asking them to leave.
suspect: too many names are missing at once to be believed. refused: names that did not become
atoms, and why. last_complete and last_error: the answer or error and its age in ms. rounds,
failed_rounds, crashed_rounds: totals.
""").
-type status() :: #{
    name := atom(),
    node := node(),
    strategy := module(),
    disconnect := barnacle_plan:mode(),
    state := mode(),
    round := idle | running,
    next_poll_in := non_neg_integer() | none,
    wanted := #{binary() => connected | {not_connected, Reason :: term()}},
    departed := #{binary() => barnacle_departures:asked()},
    suspect := boolean(),
    refused := [{binary(), barnacle_names:refusal()}],
    last_complete := none | #{names := [barnacle_names:name()], age := non_neg_integer()},
    last_error := none | #{reason := term(), age := non_neg_integer()},
    rounds := non_neg_integer(),
    failed_rounds := non_neg_integer(),
    crashed_rounds := non_neg_integer()
}.

-record(history, {
    outcome = none :: none | barnacle_round:outcome(),
    answer = none :: none | complete | partial | error,
    complete = none :: none | {[barnacle_names:name()], integer()},
    error = none :: none | {term(), integer()},
    rounds = 0 :: non_neg_integer(),
    failed = 0 :: non_neg_integer(),
    crashed = 0 :: non_neg_integer()
}).

-opaque history() :: #history{}.

?DOC("Nothing has happened yet.").
-spec new() -> history().
new() ->
    #history{}.

?DOC("The history after a round that ended at NowMs (monotonic).").
-spec observe(barnacle_round:outcome(), integer(), history()) -> history().
observe(#{answer := Answer, result := Result} = Outcome, NowMs, #history{} = H) ->
    Complete =
        case Answer of
            {complete, Names} -> {Names, NowMs};
            _ -> H#history.complete
        end,
    {Error, Failed} =
        case Result of
            {error, Reason} -> {{Reason, NowMs}, H#history.failed + 1};
            {ok, _} -> {H#history.error, H#history.failed}
        end,
    H#history{
        outcome = maps:with([departed, refused, failed], Outcome),
        answer = element(1, Answer),
        complete = Complete,
        error = Error,
        rounds = H#history.rounds + 1,
        failed = Failed
    }.

?DOC("The history after a round that crashed.").
-spec crashed(term(), integer(), history()) -> history().
crashed(Reason, NowMs, #history{rounds = Rounds, crashed = Crashed} = History) ->
    History#history{error = {Reason, NowMs}, rounds = Rounds + 1, crashed = Crashed + 1}.

?DOC("How many rounds have ended.").
-spec rounds(history()) -> non_neg_integer().
rounds(#history{rounds = Rounds}) ->
    Rounds.

?DOC("What the last discovery gave.").
-spec answer(history()) -> none | complete | partial | error.
answer(#history{answer = Answer}) ->
    Answer.

?DOC("The status: what the server adds of itself, and the history at this moment.").
-spec map(map(), {history(), barnacle_plan:plan(), Listed :: [node()], NowMs :: integer()}) ->
    status().
map(Server, {#history{} = H, Plan, Listed, NowMs}) ->
    {Verdict, _} = last(departed, H, {ok, []}),
    Server#{
        wanted => wanted(Plan, Listed, last(failed, H, [])),
        suspect => Verdict =:= suspect,
        refused => last(refused, H, []),
        last_complete => aged(names, H#history.complete, NowMs),
        last_error => aged(reason, H#history.error, NowMs),
        rounds => H#history.rounds,
        failed_rounds => H#history.failed,
        crashed_rounds => H#history.crashed
    }.

last(_Key, #history{outcome = none}, Default) -> Default;
last(Key, #history{outcome = Outcome}, _Default) -> maps:get(Key, Outcome).

aged(_Key, none, _NowMs) -> none;
aged(Key, {Value, AtMs}, NowMs) -> #{Key => Value, age => NowMs - AtMs}.

wanted(Plan, Listed, Failed) ->
    Links = maps:from_list([{barnacle_names:to_binary(Node), true} || Node <- Listed]),
    Reasons = maps:from_list([{barnacle_names:to_binary(Node), Why} || {Node, Why} <- Failed]),
    Self = barnacle_names:self(),
    maps:map(
        fun
            (Name, _) when is_map_key(Name, Links); Name =:= Self -> connected;
            (Name, _) -> {not_connected, maps:get(Name, Reasons, connecting)}
        end,
        barnacle_plan:wanted(Plan)
    ).
