%% SPDX-License-Identifier: Apache-2.0
-module(demo_no_join).

%% Another strategy with its connecting taken out, for BREAK=join: it discovers what that one
%% discovers, says that it has connected to it, and has not.

-behaviour(barnacle_strategy).

-export([init/1, discover/1, connect/2]).

-spec init(term()) -> {ok, barnacle_strategy:t()} | {error, binary()}.
init(Strategy) ->
    barnacle_strategy:new(Strategy).

-spec discover(barnacle_strategy:t()) -> {barnacle_strategy:answer(), barnacle_strategy:t()}.
discover(Strategy) ->
    barnacle_strategy:discover(Strategy).

-spec connect([node()], barnacle_strategy:t()) -> {ok, [node()]}.
connect(Nodes, _Strategy) ->
    {ok, Nodes}.
