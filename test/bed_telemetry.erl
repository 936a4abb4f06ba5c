%% SPDX-License-Identifier: Apache-2.0
-module(bed_telemetry).

-include("barnacle_doc.hrl").

?MODULEDOC("""
A stand-in for the library telemetry, which Debian does not package: a module of that name whose
execute/3 calls a function of the test.
""").

-export([with/2, without/1, execute/3]).

-define(HANDLER, {?MODULE, handler}).
-define(KNOWN, {barnacle_event, telemetry}).

?DOC("Runs a test while telemetry is there and Handler(Event, Measurements, Metadata) gets all.").
-spec with(fun((list(), map(), map()) -> term()), fun(() -> T)) -> T.
with(Handler, Test) ->
    {ok, telemetry, Beam} = compile:forms([
        {attribute, 1, module, telemetry},
        {attribute, 2, export, [{execute, 3}]},
        {function, 3, execute, 3, [
            {clause, 3, [{var, 3, 'E'}, {var, 3, 'Ms'}, {var, 3, 'Md'}], [], [
                {call, 3, {remote, 3, {atom, 3, ?MODULE}, {atom, 3, execute}}, [
                    {var, 3, 'E'}, {var, 3, 'Ms'}, {var, 3, 'Md'}
                ]}
            ]}
        ]}
    ]),
    {module, telemetry} = code:load_binary(telemetry, "telemetry.erl", Beam),
    persistent_term:put(?HANDLER, Handler),
    _ = persistent_term:erase(?KNOWN),
    try
        Test()
    after
        true = code:delete(telemetry),
        _ = code:purge(telemetry),
        _ = persistent_term:erase(?HANDLER),
        _ = persistent_term:erase(?KNOWN)
    end.

?DOC("Runs a test in a VM that looks for telemetry anew and does not find it.").
-spec without(fun(() -> T)) -> T.
without(Test) ->
    false = code:is_loaded(telemetry),
    _ = persistent_term:erase(?KNOWN),
    Test().

?DOC("What the stand-in calls.").
-spec execute(list(), map(), map()) -> term().
execute(Event, Measurements, Metadata) ->
    (persistent_term:get(?HANDLER))(Event, Measurements, Metadata).
