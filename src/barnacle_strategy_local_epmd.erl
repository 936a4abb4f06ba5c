%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_local_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The strategy local_epmd: every node that the EPMD of this host knows.

One that has known this node and does not any more was started anew, and learns of its nodes as they
register again: its answer is partial until it knows this one.
""").

-behaviour(barnacle_strategy).

-export([init/1, discover/1, timeout/1]).

-define(TIMEOUT_MS, 7000).

%% The name under which EPMD has known this node. Not every node is registered there.
-type state() :: unknown | binary().

-spec init(term()) -> {ok, state()}.
init(_) ->
    {ok, unknown}.

-spec timeout(state()) -> pos_integer().
timeout(_) ->
    ?TIMEOUT_MS.

-spec discover(state()) -> {barnacle_strategy:answer(), state()}.
discover(KnownAs) ->
    case barnacle_local_epmd:names() of
        {ok, Names} -> answer(Names, barnacle_names:self(), KnownAs);
        {partial, Names, Reason} -> {{partial, Names, Reason}, KnownAs};
        {error, Reason} -> {{error, Reason}, KnownAs}
    end.

answer(Names, Own, KnownAs) ->
    case {lists:member(Own, Names), KnownAs} of
        {true, _} -> {{complete, Names}, Own};
        {false, Own} -> {{partial, Names, local_node_is_not_registered}, Own};
        {false, _} -> {{complete, Names}, KnownAs}
    end.
