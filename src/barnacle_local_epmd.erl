%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_local_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The nodes of this host, from its EPMD (Erlang Port Mapper Daemon, NAMES_REQ of its protocol).

A node registers at the loopback address of its own address family, and an EPMD may listen at one of
the two only. So both are queried. ERL_EPMD_ADDRESS is for the EPMD: it adds addresses to the
loopback ones, and nodes do not read it.
""").

-export([discover_nodes/0, names/0]).

-export_type([reason/0]).

?DOC("""
Why the EPMD told no names: econnrefused where none runs, timeout after 5 s, bad_reply or too_long
for a reply that is not one, local_node_is_not_alive where this node has no host part (yet).
""").
-type reason() :: atom() | {posix, atom()} | {atom(), term()}.

-define(TIMEOUT_MS, 5000).
-define(LOOPBACK, [<<"127.0.0.1">>, <<"::1">>]).

?DOC("""
The nodes of this host, this one included. The host part is this node's own, so distribution must
be on. Names past the bound on new atoms are left out.
""").
-spec discover_nodes() -> {ok, [node()]} | {error, reason()}.
discover_nodes() ->
    case names() of
        {error, _} = Error ->
            Error;
        Found ->
            Names = element(2, Found),
            {ok, [Node || Name <- Names, {ok, Node} <- [barnacle_atom_budget:to_node(Name)]]}
    end.

?DOC("""
The same as names, before any of them becomes an atom. partial: an EPMD listens at both loopback
addresses, and one of them gave no names.
""").
-spec names() -> {ok, [binary()]} | {partial, [binary()], reason()} | {error, reason()}.
names() ->
    case erlang:is_alive() andalso barnacle_form:own_host() of
        {ok, Host} ->
            asked(barnacle_native:epmd_names(?LOOPBACK, #{timeout => ?TIMEOUT_MS}), Host);
        _ ->
            {error, local_node_is_not_alive}
    end.

asked({ok, Results}, Host) ->
    Found = [Registered || {_, {ok, Registered}} <- Results],
    Names = [
        barnacle_names:join(Name, Host)
     || Name <- lists:uniq([Name || Registered <- Found, {Name, _Port} <- Registered])
    ],
    Reasons = [Reason || {_, {error, Reason}} <- Results],
    case {Found, [Reason || Reason <- Reasons, is_epmd(Reason)]} of
        {[], Bad} -> {error, hd(Bad ++ Reasons)};
        {_, []} -> {ok, Names};
        {_, [Reason | _]} -> {partial, Names, Reason}
    end;
asked({error, Reason}, _Host) ->
    {error, Reason}.

%% Whether something listens there, by why it gave no names.
is_epmd(Reason) -> lists:member(Reason, [timeout, bad_reply, too_long]).
