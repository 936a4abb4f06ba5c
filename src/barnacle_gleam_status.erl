%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_status).

-include("barnacle_doc.hrl").

?MODULEDOC("The status of a barnacle as the record Status of src/barnacle/status.gleam.").

-export([from/1]).

-export_type([status/0]).

-type option(A) :: none | {some, A}.
-type status() ::
    {status, Node :: node(), Name :: option(binary()), Strategy :: binary(),
        Disconnect :: barnacle_plan:mode(), Paused :: boolean(), Refreshing :: boolean(),
        NextPollIn :: option(non_neg_integer()),
        Wanted :: [{binary(), connected | {not_connected, binary()}}], Departed :: [binary()],
        Suspect :: boolean(), Refused :: [{binary(), binary()}],
        LastComplete :: option({[binary()], non_neg_integer()}),
        LastError :: option({binary(), non_neg_integer()}), Rounds :: non_neg_integer(),
        FailedRounds :: non_neg_integer(), CrashedRounds :: non_neg_integer()}.

?DOC("The fields in the order of the Gleam record.").
-spec from(barnacle_status:status()) -> status().
from(Status) ->
    #{
        node := Node,
        name := Name,
        strategy := Strategy,
        disconnect := Disconnect,
        state := State,
        round := Round,
        next_poll_in := NextPollIn,
        wanted := Wanted,
        departed := Departed,
        suspect := Suspect,
        refused := Refused,
        last_complete := LastComplete,
        last_error := LastError,
        rounds := Rounds,
        failed_rounds := FailedRounds,
        crashed_rounds := CrashedRounds
    } = Status,
    {status, Node, option(undefined, Name, fun atom_to_binary/1), atom_to_binary(Strategy),
        Disconnect, State =:= paused, Round =:= running, option(none, NextPollIn, fun same/1),
        [{Peer, linked(Link)} || {Peer, Link} <- lists:sort(maps:to_list(Wanted))],
        lists:sort(maps:keys(Departed)),
        Suspect, [{Refusal, text(Why)} || {Refusal, Why} <- Refused],
        option(none, LastComplete, fun complete/1), option(none, LastError, fun error/1), Rounds,
        FailedRounds, CrashedRounds}.

option(Nothing, Nothing, _Convert) -> none;
option(_Nothing, Value, Convert) -> {some, Convert(Value)}.

same(Value) -> Value.

complete(#{names := Names, age := AgeMs}) ->
    {[barnacle_names:to_binary(Name) || Name <- Names], AgeMs}.

error(#{reason := Reason, age := AgeMs}) -> {text(Reason), AgeMs}.

linked(connected) -> connected;
linked({not_connected, Why}) -> {not_connected, text(Why)}.

text(Why) when is_atom(Why) -> atom_to_binary(Why);
text(Why) -> unicode:characters_to_binary(io_lib:format("~0tp", [Why])).
