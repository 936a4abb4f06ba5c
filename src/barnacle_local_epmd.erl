%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_local_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The nodes of this host, from its EPMD (Erlang Port Mapper Daemon, NAMES_REQ of its protocol).
""").

-export([discover_nodes/0, names/0]).

-export_type([reason/0]).

?DOC("""
Why the EPMD told no names: econnrefused where none runs, timeout after 5 s, bad_reply or too_long
for a reply that is not one, local_node_is_not_alive where this node has no host part (yet).
""").
-type reason() :: atom() | {posix, atom()} | {atom(), term()}.

-define(TIMEOUT_MS, 5000).

?DOC("""
The nodes of this host, this one included. The host part is this node's own, so distribution must
be on. Names past the bound on new atoms are left out.
""").
-spec discover_nodes() -> {ok, [node()]} | {error, reason()}.
discover_nodes() ->
    case names() of
        {ok, Names} ->
            {ok, [Node || Name <- Names, {ok, Node} <- [barnacle_names:to_node(Name)]]};
        {error, _} = Error ->
            Error
    end.

?DOC("The same as names, before any of them becomes an atom.").
-spec names() -> {ok, [binary()]} | {error, reason()}.
names() ->
    case erlang:is_alive() andalso barnacle_form:own_host() of
        {ok, Host} ->
            Hosts = [<<"127.0.0.1">>],
            asked(barnacle_native:epmd_names(Hosts, #{timeout => ?TIMEOUT_MS}), Host);
        _ ->
            {error, local_node_is_not_alive}
    end.

asked({ok, [{_, {ok, Registered}}]}, Host) ->
    {ok, [barnacle_names:join(Name, Host) || {Name, _Port} <- Registered]};
asked({ok, [{_, {error, Reason}}]}, _Host) ->
    {error, Reason};
asked({error, Reason}, _Host) ->
    {error, Reason}.
