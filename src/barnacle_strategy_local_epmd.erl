%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_local_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The strategy local_epmd: every node that the EPMD of this host knows. One that does not know this
node has been started anew, and learns of its nodes as they register again: its answer is partial.
""").

-behaviour(barnacle_strategy).

-export([init/1, discover/1, timeout/1]).

-define(TIMEOUT_MS, 7000).

-spec init(term()) -> {ok, []}.
init(_) ->
    {ok, []}.

-spec timeout([]) -> pos_integer().
timeout([]) ->
    ?TIMEOUT_MS.

-spec discover([]) -> {barnacle_strategy:answer(), []}.
discover([]) ->
    case barnacle_local_epmd:names() of
        {ok, Names} -> {answer(Names), []};
        {error, Reason} -> {{error, Reason}, []}
    end.

answer(Names) ->
    case lists:member(barnacle_names:self(), Names) of
        true -> {complete, Names};
        false -> {partial, Names, local_node_is_not_registered}
    end.
