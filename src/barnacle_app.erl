%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_app).

-include("barnacle_doc.hrl").

?MODULEDOC("The application barnacle: what all barnacles of a VM share, under one supervisor.").

-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

-spec start(application:start_type(), term()) -> {ok, pid()} | {error, term()}.
start(_Type, _Args) ->
    case supervisor:start_link({local, barnacle_sup}, ?MODULE, []) of
        {ok, Pid} -> {ok, Pid};
        ignore -> {error, ignore};
        {error, Reason} -> {error, Reason}
    end.

-spec stop(term()) -> ok.
stop(_State) ->
    ok.

-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    Registry = #{id => barnacle_registry, start => {barnacle_registry, start_link, []}},
    Port = #{id => barnacle_port, start => {barnacle_port, start_link, []}},
    Queue = #{id => barnacle_queue, start => {barnacle_queue, start_link, []}},
    {ok, {#{strategy => one_for_one}, [Registry, Port, Queue]}}.
