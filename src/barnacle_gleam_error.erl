%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_error).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Errors of a refresh as Gleam values.

barnacle keeps an error as its strategy returned it. The adapter converts it where it hands it to a
Gleam program: the result of refresh and run_once, the message to a listener, the status.
""").

-export([kind/1, result/2, from/2, is_foreign/2, least/1]).
-export([from_lookup_error/1, from_host_error/1, from_address/1]).

-export_type([kind/0, result/0]).

?DOC("""
The error type of a strategy: LookupError, a list of hosts with a HostError each, the type of the
functions of a custom strategy, or Nil.
""").
-type kind() :: dns | hosts | custom | nil.

?DOC("The result of a refresh in Gleam.").
-type result() ::
    {ok, [node()]}
    | {error,
        {strategy_error, term()}
        | {connect_error, [{node(), failed_to_connect | local_node_is_not_alive}]}
        | {disconnect_error, [{node(), failed_to_disconnect | local_node_is_not_alive}]}}.

?DOC("The error type of a strategy, by its module or by the option.").
-spec kind(module() | barnacle_strategy:strategy()) -> kind().
kind(barnacle_strategy_dns) -> dns;
kind(barnacle_strategy_hosts) -> hosts;
kind(barnacle_strategy_custom) -> custom;
kind({Kind, _}) when Kind =:= dns; Kind =:= hosts; Kind =:= custom -> Kind;
kind(_) -> nil.

?DOC("""
The result of a refresh; also the crash of one, as a listener receives it. crashed: Gleam has no
value for it.
""").
-spec result(kind(), barnacle_plan:result() | {error, {crashed, Reason}}) ->
    result() | {crashed, Reason}
when
    Reason :: term().
result(_Kind, {ok, _} = Ok) ->
    Ok;
result(_Kind, {error, {crashed, Reason}}) ->
    {crashed, Reason};
result(Kind, {error, {strategy_error, Why}}) ->
    case is_foreign(Kind, Why) of
        true -> {crashed, Why};
        false -> {error, {strategy_error, from(Kind, Why)}}
    end;
result(_Kind, {error, {connect_error, Nodes}}) ->
    {error, {connect_error, reasons(Nodes, failed_to_connect)}};
result(_Kind, {error, {disconnect_error, Nodes}}) ->
    {error, {disconnect_error, reasons(Nodes, failed_to_disconnect)}}.

reasons(Nodes, Otherwise) ->
    [{Node, reason(Why, Otherwise)} || {Node, Why} <- Nodes].

reason(local_node_is_not_alive = Why, _Otherwise) -> Why;
reason(_Why, Otherwise) -> Otherwise.

?DOC("Why discovery failed, as a value of the strategy's error type.").
-spec from(kind(), term()) -> term().
from(dns, Why) -> from_lookup_error(Why);
from(hosts, [_ | _] = Hosts) -> [{Host, from_host_error(Why)} || {Host, Why} <- Hosts];
from(hosts, _Why) -> least(hosts);
from(nil, _Why) -> least(nil);
from(custom, Why) -> Why.

?DOC("""
Whether an error is barnacle's own where the error type is the user's. No value of that type is
known here.
""").
-spec is_foreign(kind(), term()) -> boolean().
is_foreign(custom, {too_many_nodes, _Count, _Max}) -> true;
is_foreign(custom, {native_library, _Text}) -> true;
is_foreign(custom, port_program_died) -> true;
is_foreign(_Kind, _Why) -> false.

?DOC("The value of the strategy's error type that says least.").
-spec least(dns | hosts | nil) -> unknown | [] | nil.
least(dns) -> unknown;
least(hosts) -> [];
least(nil) -> nil.

?DOC("barnacle_dns:lookup_error/0 as LookupError of src/barnacle/dns.gleam.").
-spec from_lookup_error(barnacle_dns:lookup_error() | term()) -> atom() | {posix_error, binary()}.
from_lookup_error(formerr) -> format_error;
from_lookup_error(qfmterror) -> query_format_error;
from_lookup_error(servfail) -> server_failure;
from_lookup_error(nxdomain) -> no_such_domain;
from_lookup_error(timeout) -> timeout;
from_lookup_error(notimp) -> not_implemented;
from_lookup_error(refused) -> refused;
from_lookup_error(badvers) -> bad_version;
from_lookup_error({posix, Name}) when is_atom(Name) -> {posix_error, atom_to_binary(Name)};
from_lookup_error(_) -> unknown.

?DOC("Why a host's EPMD told no names, as HostError of src/barnacle/hosts.gleam.").
-spec from_host_error(term()) -> atom() | {lookup_failed | connection_failed, term()}.
from_host_error(timeout) -> timed_out;
from_host_error(bad_reply) -> bad_reply;
from_host_error(too_long) -> reply_too_long;
from_host_error({posix, Name}) when is_atom(Name) -> {connection_failed, atom_to_binary(Name)};
from_host_error(Why) ->
    case {from_lookup_error(Why), is_atom(Why)} of
        {unknown, true} when Why =/= unknown -> {connection_failed, atom_to_binary(Why)};
        {LookupError, _} -> {lookup_failed, LookupError}
    end.

?DOC("An address as IpAddress of src/barnacle/dns.gleam.").
-spec from_address(inet:ip_address()) -> tuple().
from_address({A, B, C, D}) -> {ip_v4, A, B, C, D};
from_address({A, B, C, D, E, F, G, H}) -> {ip_v6, A, B, C, D, E, F, G, H}.
