%% SPDX-License-Identifier: Apache-2.0
-module(example_app).

%% The application and its supervisor, with a barnacle as a child: what a user writes.

-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

start(_Type, _Args) ->
    supervisor:start_link({local, example_sup}, ?MODULE, []).

stop(_State) ->
    ok.

init([]) ->
    {ok, {#{}, [barnacle_cluster:child_spec(#{name => peers, strategy => local_epmd})]}}.
