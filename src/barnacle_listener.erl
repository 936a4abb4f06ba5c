%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_listener).

-include("barnacle_doc.hrl").

?MODULEDOC("Telling the listener of a barnacle what has happened.").

-export([tell/2]).

?DOC("""
Sends a process {barnacle, ServerPid, Event}, or calls Module:notify(Arg, Event). Called in the
server. A listener that is dead or not registered, or a notify/2 that fails, is ignored.
""").
-spec tell(none | barnacle_options:listener(), barnacle_cluster:event()) -> ok.
tell(none, _Event) ->
    ok;
tell({Module, Arg}, Event) ->
    try
        _ = Module:notify(Arg, Event),
        ok
    catch
        _:_ -> ok
    end;
tell(Listener, Event) ->
    try
        Listener ! {barnacle, self(), Event},
        ok
    catch
        error:badarg -> ok
    end.
