%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_status).

-include("barnacle_doc.hrl").

?MODULEDOC("The status of a barnacle as the record Status of src/barnacle/status.gleam.").

-export([from/1]).

-export_type([status/0]).

-type option(A) :: none | {some, A}.
-type peer() ::
    {peer, connected | connecting | failing | backing_off, For :: non_neg_integer(),
        Attempts :: non_neg_integer(), Reason :: option(binary()),
        NextTryIn :: option(non_neg_integer())}.
-type last_error() ::
    {last_error, binary(), Age :: non_neg_integer(), For :: non_neg_integer(),
        Rounds :: pos_integer(), Lasting :: boolean()}.
-type status() ::
    {status, Node :: node(), Alive :: boolean(), Name :: option(binary()), Strategy :: binary(),
        Disconnect :: barnacle_plan:mode(), State :: barnacle_status:mode(),
        Refreshing :: boolean(), NextPollIn :: option(non_neg_integer()),
        Rounds :: non_neg_integer(), FailedRounds :: non_neg_integer(),
        CrashedRounds :: non_neg_integer(), Joined :: non_neg_integer(),
        Lost :: non_neg_integer(), Incomplete :: option(binary()),
        LastComplete :: option({[binary()], non_neg_integer()}),
        LastError :: option(last_error()), Suspect :: boolean(), Filtered :: [binary()],
        Refused :: [{binary(), binary()}], Hints :: [binary()], Wanted :: [{binary(), peer()}],
        Missing :: [{binary(), non_neg_integer()}], Departed :: [{binary(), binary()}],
        Left :: [binary()], Others :: [binary()]}.

?DOC("The fields in the order of the Gleam record.").
-spec from(barnacle_status:status()) -> status().
from(Status) ->
    #{
        node := Node,
        alive := Alive,
        name := Name,
        strategy := Strategy,
        disconnect := Disconnect,
        state := State,
        round := Round,
        next_poll_in := NextPollIn,
        rounds := Rounds,
        failed_rounds := FailedRounds,
        crashed_rounds := CrashedRounds,
        joined := Joined,
        lost := Lost,
        why := Why,
        last_complete := LastComplete,
        last_error := LastError,
        suspect := Suspect,
        filtered := Filtered,
        refused := Refused,
        hints := Hints,
        wanted := Wanted,
        missing := Missing,
        departed := Departed,
        left := Left,
        others := Others
    } = Status,
    {status, Node, Alive, option(undefined, Name, fun atom_to_binary/1), atom_to_binary(Strategy),
        Disconnect, State, Round =:= running, option(none, NextPollIn, fun same/1), Rounds,
        FailedRounds, CrashedRounds, Joined, Lost, option(none, Why, fun text/1),
        option(none, LastComplete, fun complete/1), option(none, LastError, fun error/1), Suspect,
        Filtered, [{Refusal, text(Reason)} || {Refusal, Reason} <- Refused],
        [unicode:characters_to_binary(barnacle_hints:text(Hint)) || Hint <- Hints],
        sorted(Wanted, fun peer/1), sorted(Missing, fun same/1), sorted(Departed, fun text/1), Left,
        Others}.

option(Nothing, Nothing, _Convert) -> none;
option(_Nothing, Value, Convert) -> {some, Convert(Value)}.

same(Value) -> Value.

sorted(Map, Convert) ->
    [{Name, Convert(Value)} || {Name, Value} <- lists:sort(maps:to_list(Map))].

complete(#{names := Names, age := AgeMs}) ->
    {[barnacle_names:to_binary(Name) || Name <- Names], AgeMs}.

error(#{reason := Reason, age := AgeMs, for := ForMs, rounds := Rounds, lasting := Lasting}) ->
    {last_error, text(Reason), AgeMs, ForMs, Rounds, Lasting}.

peer(#{state := State, for := ForMs, attempts := Attempts} = Peer) ->
    {peer, State, ForMs, Attempts, given(reason, Peer, fun text/1),
        given(next_try_in, Peer, fun same/1)}.

given(Key, Map, Convert) ->
    case Map of
        #{Key := Value} -> {some, Convert(Value)};
        #{} -> none
    end.

text(Why) when is_atom(Why) -> atom_to_binary(Why);
text(Why) -> unicode:characters_to_binary(barnacle_words:term(Why)).
