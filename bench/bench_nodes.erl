%% SPDX-License-Identifier: Apache-2.0
-module(bench_nodes).

%% A transport whose nodes are always connected, so that a poll has nothing to do but to discover
%% and to compare.

-behaviour(barnacle_transport).

-export([init/1, connect/3, disconnect/2, connected/1]).

-spec init(pos_integer()) -> {ok, pos_integer()}.
init(Size) ->
    {ok, Size}.

-spec connect(node(), term(), pos_integer()) -> ok.
connect(_Node, _Data, _Size) ->
    ok.

-spec disconnect(node(), pos_integer()) -> ok.
disconnect(_Node, _Size) ->
    ok.

-spec connected(pos_integer()) -> {ok, [node()]}.
connected(Size) ->
    {ok, bench_p8:nodes_of(Size)}.
