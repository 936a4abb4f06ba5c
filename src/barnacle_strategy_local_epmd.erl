%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_local_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("The strategy local_epmd: every node that the EPMD of this host knows.").

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
        {ok, Names} -> {{complete, Names}, []};
        {error, Reason} -> {{error, Reason}, []}
    end.
