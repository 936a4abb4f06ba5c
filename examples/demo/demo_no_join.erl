%% SPDX-License-Identifier: Apache-2.0
-module(demo_no_join).

%% A transport for BREAK=join: it says that it has connected a node, and has not.

-behaviour(barnacle_transport).

-export([init/1, connect/3, disconnect/2, connected/1]).

-spec init(term()) -> {ok, nil}.
init(_) ->
    {ok, nil}.

-spec connect(node(), term(), nil) -> ok.
connect(_Node, _Data, nil) ->
    ok.

-spec disconnect(node(), nil) -> ok.
disconnect(_Node, nil) ->
    ok.

-spec connected(nil) -> {ok, [node()]}.
connected(nil) ->
    {ok, nodes()}.
