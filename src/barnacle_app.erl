%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_app).

-include("barnacle_doc.hrl").

?MODULEDOC("The application barnacle: what all barnacles of a VM share, under one supervisor.").

-behaviour(application).
-behaviour(supervisor).

-export([check/0, need/0]).
-export([start/2, stop/1, init/1]).

-export_type([not_started/0]).

?DOC("As application:start/1 has it of an application that another one needs.").
-type not_started() :: {not_started, barnacle}.

?DOC("Whether the application is started in this VM.").
-spec check() -> ok | {error, not_started()}.
check() ->
    case whereis(barnacle_sup) of
        undefined -> {error, {not_started, barnacle}};
        _ -> ok
    end.

?DOC("Exits the caller with {not_started, barnacle} if the application is not started.").
-spec need() -> ok.
need() ->
    case check() of
        ok -> ok;
        {error, Reason} -> exit(Reason)
    end.

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
    Children = [
        #{id => Module, start => {Module, start_link, []}}
     || Module <- [barnacle_registry, barnacle_port, barnacle_queue]
    ],
    %% None of them keeps what its next start cannot do without.
    {ok, {#{strategy => one_for_one, intensity => 10, period => 10}, Children}}.
