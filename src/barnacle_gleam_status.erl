%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_status).

-include("barnacle_doc.hrl").

?MODULEDOC("The status of a barnacle as the record Status of src/barnacle/status.gleam.").

-export([from/1]).

-export_type([status/0]).

-type option(A) :: none | {some, A}.
-type peer() ::
    {peer, connected | connecting | failing | backing_off, For :: non_neg_integer(),
        Attempts :: non_neg_integer(), Reason :: option(barnacle_gleam_reason:reason()),
        NextTryIn :: option(non_neg_integer())}.
-type last_error() ::
    {last_error, barnacle_gleam_reason:round_error(), Age :: non_neg_integer(),
        For :: non_neg_integer(), Rounds :: pos_integer(), Lasting :: boolean()}.
-type query() ::
    {query, Name :: binary(), Nameserver :: binary(), Outcome :: no_data | {query_failed, term()}}.
-type listener() ::
    receiving
    | {no_listener, binary()}
    | {listener_not_connected, node()}
    | {listener_crashed, binary()}.
-type status() ::
    {status, Node :: node(), Alive :: boolean(), Name :: option(binary()), Strategy :: binary(),
        Disconnect :: barnacle_plan:mode(), State :: barnacle_status:mode(),
        Refreshing :: boolean(), NextPollIn :: option(non_neg_integer()),
        Rounds :: non_neg_integer(), FailedRounds :: non_neg_integer(),
        CrashedRounds :: non_neg_integer(), Joined :: non_neg_integer(),
        Lost :: non_neg_integer(), Incomplete :: option(barnacle_gleam_reason:incomplete()),
        Queried :: [query()], LastComplete :: option({[node()], non_neg_integer()}),
        LastError :: option(last_error()), Suspect :: boolean(), Filtered :: [binary()],
        Refused :: [{binary(), barnacle_gleam_reason:reason()}], OwnNames :: [binary()],
        Hints :: [binary()], Listener :: option(listener()), Wanted :: [{node(), peer()}],
        Missing :: [{node(), non_neg_integer()}],
        Departed :: [{node(), barnacle_gleam_reason:departure()}], Left :: [node()],
        Others :: [node()]}.

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
        answer := Answer,
        why := Why,
        queried := Queried,
        last_complete := LastComplete,
        last_error := LastError,
        suspect := Suspect,
        filtered := Filtered,
        refused := Refused,
        own_names := OwnNames,
        hints := Hints,
        listener := Listener,
        wanted := Wanted,
        missing := Missing,
        departed := Departed,
        left := Left,
        others := Others
    } = Status,
    Kind = barnacle_gleam_error:kind(Strategy),
    {status, Node, Alive, option(undefined, Name, fun atom_to_binary/1), atom_to_binary(Strategy),
        Disconnect, State, Round =:= running, option(none, NextPollIn, fun same/1), Rounds,
        FailedRounds, CrashedRounds, Joined, Lost, incomplete(Kind, Answer, Why),
        [query(Query) || Query <- Queried], option(none, LastComplete, fun complete/1),
        option(none, LastError, fun(Error) -> last_error(Kind, Error) end), Suspect,
        Filtered, [{Refusal, barnacle_gleam_reason:from(Reason)} || {Refusal, Reason} <- Refused],
        OwnNames, [unicode:characters_to_binary(barnacle_hints:text(Hint)) || Hint <- Hints],
        option(none, Listener, fun listener/1),
        sorted(Wanted, fun peer/1), sorted(Missing, fun same/1),
        sorted(Departed, fun barnacle_gleam_reason:departure/1), to_nodes(Left), to_nodes(Others)}.

option(Nothing, Nothing, _Convert) -> none;
option(_Nothing, Value, Convert) -> {some, Convert(Value)}.

same(Value) -> Value.

sorted(Map, Convert) ->
    [
        {Node, Convert(Value)}
     || {Name, Value} <- lists:sort(maps:to_list(Map)), Node <- to_nodes([Name])
    ].

%% A name that may be no atom is no node either; the status has it among the refused.
to_nodes(Names) ->
    [Node || Name <- Names, {ok, Node} <- [to_node(Name)]].

%% A transport of the user's own names nodes as it likes.
to_node(Name) when is_atom(Name) -> {ok, Name};
to_node(Name) -> barnacle_atom_budget:to_node(Name).

complete(#{names := Names, age := AgeMs}) ->
    {to_nodes(Names), AgeMs}.

incomplete(Kind, Answer, Why) when Answer =:= partial; Answer =:= error ->
    {some, barnacle_gleam_reason:incomplete(Kind, Answer, Why)};
incomplete(_Kind, _Answer, _Why) ->
    none.

query({Name, Nameserver, no_data}) ->
    {query, Name, Nameserver, no_data};
query({Name, Nameserver, Why}) ->
    {query, Name, Nameserver, {query_failed, barnacle_gleam_error:from_lookup_error(Why)}}.

listener(ok) ->
    receiving;
listener({no_process, Process}) ->
    {no_listener, unicode:characters_to_binary(barnacle_text:term(Process))};
listener({not_connected, Node}) ->
    {listener_not_connected, Node};
listener({failed, _, _, _} = Failed) ->
    {listener_crashed, unicode:characters_to_binary(barnacle_listener:text(Failed))}.

last_error(Kind, #{reason := Reason, age := AgeMs, for := ForMs} = Error) ->
    #{rounds := Rounds, lasting := Lasting} = Error,
    {last_error, barnacle_gleam_reason:round_error(Kind, Reason), AgeMs, ForMs, Rounds, Lasting}.

peer(#{state := State, for := ForMs, attempts := Attempts} = Peer) ->
    {peer, State, ForMs, Attempts, given(reason, Peer, fun barnacle_gleam_reason:from/1),
        given(next_try_in, Peer, fun same/1)}.

given(Key, Map, Convert) ->
    case Map of
        #{Key := Value} -> {some, Convert(Value)};
        #{} -> none
    end.
