%% SPDX-License-Identifier: Apache-2.0
-module(bed_member).

%% A node's barnacle, as an application would have it: below a supervisor, by its child
%% specification. Called in the nodes of the test-bed.

-behaviour(supervisor).

-export([start/1, stop/0, server/0]).
-export([init/1]).

-define(SERVER, bed_barnacle).

%% Starts a barnacle with these options under the name that server/0 gives.
-spec start(#{atom() => term()}) -> {ok, pid()} | {error, term()}.
start(Options) ->
    {ok, _} = application:ensure_all_started(barnacle),
    case supervisor:start_link({local, ?MODULE}, ?MODULE, []) of
        {ok, Supervisor} ->
            %% The process that runs this call ends with it.
            true = unlink(Supervisor),
            supervisor:start_child(
                Supervisor, barnacle_cluster:child_spec(Options#{name => ?SERVER})
            );
        {error, _} = Error ->
            Error
    end.

%% Stops the barnacle and its supervisor.
-spec stop() -> ok.
stop() ->
    gen_server:stop(?MODULE).

-spec server() -> atom().
server() ->
    ?SERVER.

-spec init([]) -> {ok, {supervisor:sup_flags(), []}}.
init([]) ->
    {ok, {#{strategy => one_for_one, intensity => 100, period => 1}, []}}.
