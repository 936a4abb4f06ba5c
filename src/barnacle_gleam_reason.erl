%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_reason).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Reasons as the Gleam values of src/barnacle/reason.gleam, status.gleam and departure.gleam.

A constructor without arguments is an atom in Gleam, so these reasons stay as they are. Tests
compare them with the tables of barnacle_errors and with the types in Gleam. What no table has
becomes a text, so that no Gleam program ever meets a value that its types do not have.
""").

-export([from/1, incomplete/3, round_error/2, departure/1, plain/0]).

-export_type([reason/0, incomplete/0, round_error/0, departure/0]).

-type reason() ::
    atom()
    | {lookup_failed, term()}
    | {not_registered, [binary()]}
    | {posix, binary()}
    | {at_address, binary(), reason(), [binary()]}
    | {invalid_node_name | unusable_address, binary()}
    | {other, binary()}.
-type gap() ::
    {family_failed, inet | inet6, term()}
    | {family_gone, inet | inet6}
    | {other_candidate, binary(), binary()}
    | {unusable, tuple()}
    | {doubtful_response, binary()}
    | {host_failed, binary(), term()}
    | local_node_is_not_registered
    | {other_gap, binary()}.
-type incomplete() ::
    {discovery_failed, term()}
    | {names_refused, non_neg_integer(), pos_integer()}
    | {partial, [gap()]}.
-type round_error() ::
    {strategy_failed, term()}
    | {too_many_nodes, non_neg_integer(), pos_integer()}
    | {not_connected | not_disconnected, [{node(), reason()}]}
    | {crashed, binary()}.
-type departure() ::
    not_asked | asked | no_answer | {stays, term()} | {other_departure, binary()}.

-define(PLAIN, [
    atom_limit,
    connection_closed,
    disconnect,
    epmd_bad_reply,
    epmd_refused,
    epmd_timeout,
    failed_to_connect,
    failed_to_disconnect,
    failed_unprobed,
    handshake_failed,
    host_silent,
    host_unreachable,
    local_node_is_not_alive,
    long_name,
    net_tick_timeout,
    no_network,
    not_dialled,
    not_probed,
    nxdomain,
    paused,
    port_refused,
    port_silent,
    send_net_tick_failed,
    short_name,
    this_node,
    timeout
]).

?DOC("The reasons without arguments.").
-spec plain() -> [atom()].
plain() -> ?PLAIN.

?DOC("Why a node is not connected, or a name is not used.").
-spec from(term()) -> reason().
from(Why) when is_atom(Why) ->
    case lists:member(Why, ?PLAIN) of
        true -> Why;
        false -> {other, text(Why)}
    end;
from({lookup_failed, Why}) ->
    {lookup_failed, barnacle_gleam_error:from_lookup_error(Why)};
from({not_registered, Names} = Why) ->
    case lists:all(fun is_binary/1, Names) of
        true -> Why;
        false -> {other, text(Why)}
    end;
from({posix, Errno}) when is_atom(Errno) ->
    {posix, atom_to_binary(Errno)};
from({Kind, _} = Why) when Kind =:= invalid_node_name; Kind =:= unusable_address ->
    {Kind, unicode:characters_to_binary(barnacle_words:reason(Why))};
from({at_address, Address, Why, Others}) when is_binary(Address) ->
    {at_address, Address, from(Why), Others};
from(Why) ->
    {other, text(Why)}.

?DOC("Why the last result of a discovery is not complete: its kind, and the reason of the status.").
-spec incomplete(barnacle_gleam_error:kind(), partial | error, term()) -> incomplete().
incomplete(_, error, {too_many_nodes, Count, Max}) -> {names_refused, Count, Max};
incomplete(Kind, error, Why) -> {discovery_failed, barnacle_gleam_error:from(Kind, Why)};
incomplete(_, partial, Gaps) when is_list(Gaps) -> {partial, [gap(Gap) || Gap <- Gaps]};
incomplete(_, partial, Why) -> {partial, [gap(Why)]}.

gap({Family, no_longer}) when Family =:= inet; Family =:= inet6 ->
    {family_gone, Family};
gap({Family, Why}) when Family =:= inet; Family =:= inet6 ->
    {family_failed, Family, barnacle_gleam_error:from_lookup_error(Why)};
gap({Now, instead_of, Before}) when is_binary(Now), is_binary(Before) ->
    {other_candidate, Now, Before};
gap({response, Doubt}) when is_atom(Doubt) ->
    {doubtful_response, atom_to_binary(Doubt)};
gap({unusable, Address}) when is_tuple(Address) ->
    {unusable, barnacle_gleam_error:from_address(Address)};
gap({Host, Why}) when is_binary(Host) ->
    {host_failed, Host, barnacle_gleam_error:from_host_error(Why)};
gap(local_node_is_not_registered) ->
    local_node_is_not_registered;
gap(Why) ->
    {other_gap, text(Why)}.

?DOC("The last error of a refresh, as the status has it.").
-spec round_error(barnacle_gleam_error:kind(), term()) -> round_error().
round_error(_, {strategy_error, {too_many_nodes, Count, Max}}) ->
    {too_many_nodes, Count, Max};
round_error(Kind, {strategy_error, Why}) ->
    case barnacle_gleam_error:is_foreign(Kind, Why) of
        true -> {crashed, text(Why)};
        false -> {strategy_failed, barnacle_gleam_error:from(Kind, Why)}
    end;
round_error(_, {connect_error, Nodes}) ->
    {not_connected, [{Node, from(Why)} || {Node, Why} <- Nodes]};
round_error(_, {disconnect_error, Nodes}) ->
    {not_disconnected, [{Node, from(Why)} || {Node, Why} <- Nodes]};
round_error(_, Why) ->
    {crashed, text(Why)}.

?DOC("What became of asking a departed node to leave.").
-spec departure(barnacle_departing_state:asked() | term()) -> departure().
departure(Asked) when Asked =:= not_asked; Asked =:= asked; Asked =:= no_answer -> Asked;
departure({stays, Why}) -> {stays, stay(Why)};
departure(Other) -> {other_departure, text(Other)}.

stay(Why) when
    Why =:= named;
    Why =:= never_named;
    Why =:= no_complete_answer;
    Why =:= suspect;
    Why =:= paused;
    Why =:= no_barnacle;
    Why =:= not_disconnected;
    Why =:= returned
->
    Why;
stay({Kind, Nodes} = Why) when
    Kind =:= foreign_links; Kind =:= wanted_by_others; Kind =:= wanted_by; Kind =:= no_reply
->
    %% Both come from another node.
    case is_list(Nodes) andalso lists:all(fun is_atom/1, Nodes) of
        true -> Why;
        false -> {other_stay, text(Why)}
    end;
stay({disconnect, Mode} = Why) when
    Mode =:= departed; Mode =:= undiscovered; Mode =:= never; Mode =:= report
->
    Why;
stay(Other) ->
    {other_stay, text(Other)}.

text(Why) ->
    unicode:characters_to_binary(barnacle_words:reason(Why)).
