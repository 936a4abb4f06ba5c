%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_single).

-include("barnacle_doc.hrl").

?MODULEDOC("""
A gen_server that all barnacles of a VM share, registered under its module's name. It runs below the
application's supervisor; where barnacle is used without its application, its first user starts it.
""").

-export([start_link/1, ensure/1]).

?DOC("Starts the server of this module, or links to the one that runs already.").
-spec start_link(module()) -> {ok, pid()} | {error, term()}.
start_link(Module) ->
    case gen_server:start_link({local, Module}, Module, [], []) of
        {error, {already_started, Pid}} ->
            link(Pid),
            {ok, Pid};
        Result ->
            Result
    end.

?DOC("Makes sure that the server of this module runs. An error is that of its start.").
-spec ensure(module()) -> {ok, pid()} | {error, term()}.
ensure(Module) ->
    case whereis(Module) of
        undefined ->
            case gen_server:start({local, Module}, Module, [], []) of
                {error, {already_started, Pid}} -> {ok, Pid};
                Result -> Result
            end;
        Pid ->
            {ok, Pid}
    end.
