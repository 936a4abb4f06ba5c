%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_strategy).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Any strategy, with the errors of its discovery as Gleam values.

They are made at the source, so that a refresh, a round of run_once and a listener tell the same.
""").

-behaviour(barnacle_strategy).

-export([init/1, discover/1, connect/2, disconnect/2, list/1]).
-export([timeout/1, functions/1, describe/1, to_error/2, queried/1]).
-export([from_lookup_error/1, from_host_error/1]).

%% Whose errors: those of the user's own functions stay what they are, and Nil says nothing more.
-type kind() :: dns | hosts | custom | nil.

-record(state, {
    kind :: kind(),
    strategy :: barnacle_strategy:t()
}).

-type failures() :: [{node(), Reason :: term()}].

-spec init(barnacle_strategy:strategy()) -> {ok, #state{}} | {error, binary()}.
init(Strategy) ->
    case barnacle_strategy:new(Strategy) of
        {ok, Inner} -> {ok, #state{kind = kind(Strategy), strategy = Inner}};
        {error, _} = Error -> Error
    end.

-spec discover(#state{}) -> {barnacle_strategy:answer(), #state{}}.
discover(#state{kind = Kind, strategy = Inner} = State) ->
    {Answer, Inner1} = barnacle_strategy:discover(Inner),
    {from_answer(Kind, Answer), State#state{strategy = Inner1}}.

-spec connect([node()], #state{}) -> {ok, [node()]} | {error, failures()}.
connect(Nodes, #state{strategy = Inner}) ->
    barnacle_strategy:call(connect, Nodes, Inner).

-spec disconnect([node()], #state{}) -> {ok, [node()]} | {error, failures()}.
disconnect(Nodes, #state{strategy = Inner}) ->
    barnacle_strategy:call(disconnect, Nodes, Inner).

-spec list(#state{}) -> {ok, [node()]} | {error, term()}.
list(#state{strategy = Inner}) ->
    barnacle_strategy:call(list, [], Inner).

-spec timeout(#state{}) -> pos_integer() | default.
timeout(#state{strategy = Inner}) ->
    barnacle_strategy:timeout(Inner, default).

-spec queried(#state{}) -> [barnacle_strategy:queried()].
queried(#state{strategy = Inner}) ->
    barnacle_strategy:queried(Inner).

-spec functions(#state{}) -> [connect | disconnect | list].
functions(#state{strategy = Inner}) ->
    [Function || Function <- [connect, disconnect, list], barnacle_strategy:has(Function, Inner)].

?DOC("The strategy that is wrapped, for logs and status.").
-spec describe(#state{}) -> module().
describe(#state{strategy = Inner}) ->
    barnacle_strategy:describe(Inner).

?DOC("""
The value of the strategy's type that says least. The user's own type has none that could be known
here: the round crashes with the reason, and so do its callers.
""").
-spec to_error(term(), #state{}) -> unknown | [] | nil.
to_error(_Why, #state{kind = dns}) -> unknown;
to_error(_Why, #state{kind = hosts}) -> [];
to_error(_Why, #state{kind = nil}) -> nil;
to_error(Why, #state{kind = custom}) -> exit(Why).

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

kind({dns, _}) -> dns;
kind({hosts, _}) -> hosts;
kind({custom, _}) -> custom;
kind(_) -> nil.

from_answer(dns, {error, Why}) -> {error, from_lookup_error(Why)};
from_answer(hosts, {error, Hosts}) -> {error, [{H, from_host_error(Why)} || {H, Why} <- Hosts]};
from_answer(nil, {error, _Why}) -> {error, nil};
from_answer(_Kind, Answer) -> Answer.
