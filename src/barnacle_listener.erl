%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_listener).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Tells the listener of a barnacle what has happened, and knows whether it can be told. The owner is
the server; it hands in the 'DOWN' messages of monitors, of which info/2 knows its own.
""").

-export([new/1, tell/2, info/2, state/1, text/1]).

-export_type([listening/0, state/0]).

?DOC("""
ok; no_process, there is no such process (any more); not_connected, its node is not; failed, its
notify/2 ended with an exception.
""").
-type state() ::
    ok
    | {no_process, pid() | atom()}
    | {not_connected, node()}
    | {failed, module(), error | exit | throw, Reason :: term()}.

-record(listening, {
    listener :: barnacle_options:listener(),
    monitor = none :: none | reference(),
    state = ok :: state()
}).

-opaque listening() :: none | #listening{}.

?DOC("A listener, or none.").
-spec new(none | barnacle_options:listener()) -> listening().
new(none) -> none;
new(Pid) when is_pid(Pid) -> #listening{listener = Pid, monitor = monitor(process, Pid)};
new(Listener) -> #listening{listener = Listener}.

?DOC("""
Sends a process {barnacle, ServerPid, Event}, or calls Module:notify(Arg, Event). Called in the
server. No listener makes it fail.
""").
-spec tell(barnacle_cluster:event(), listening()) -> listening().
tell(_Event, none) ->
    none;
tell(Event, #listening{listener = {Module, Arg}} = Listening) ->
    try
        _ = Module:notify(Arg, Event),
        Listening#listening{state = ok}
    catch
        %% The Gleam adapter's word for a subject without a process.
        error:{no_process, Name} -> Listening#listening{state = {no_process, Name}};
        Class:Reason -> Listening#listening{state = {failed, Module, Class, Reason}}
    end;
tell(Event, #listening{listener = Listener} = Listening) ->
    Message = {barnacle, self(), Event},
    try
        %% No event connects to a node that this one has left, or waits for one that reads nothing.
        erlang:send(Listener, Message, [noconnect, nosuspend])
    of
        ok -> reached(Listening);
        nosuspend -> Listening;
        noconnect -> Listening#listening{state = {not_connected, node(Listener)}}
    catch
        error:badarg -> Listening#listening{state = {no_process, Listener}}
    end.

%% A process that has ended never lives again; a name, or a node, may be back.
reached(#listening{listener = Name} = Listening) when is_atom(Name) ->
    Listening#listening{state = ok};
reached(#listening{listener = Pid, state = {not_connected, Node}} = Listening) ->
    case lists:member(Node, nodes(connected)) of
        true -> Listening#listening{state = ok, monitor = monitor(process, Pid)};
        false -> Listening
    end;
reached(Listening) ->
    Listening.

?DOC("Takes a message of its own: {ok, Listening}. Others are ignored.").
-spec info(term(), listening()) -> {ok, listening()} | ignored.
info({'DOWN', Monitor, process, Pid, Reason}, #listening{monitor = Monitor} = Listening) ->
    State =
        case Reason of
            noconnection -> {not_connected, node(Pid)};
            _ -> {no_process, Pid}
        end,
    {ok, Listening#listening{monitor = none, state = State}};
info(_, _Listening) ->
    ignored.

?DOC("Whether it can be told; none without a listener.").
-spec state(listening()) -> none | state().
state(none) -> none;
state(#listening{state = State}) -> State.

?DOC("Why it cannot, with what to do.").
-spec text(state()) -> unicode:chardata().
text({no_process, Pid}) when is_pid(Pid) ->
    [
        "the process ", barnacle_text:term(Pid), " has ended; give the option listener a "
        "registered name, which lasts longer than a process"
    ];
text({no_process, Name}) ->
    ["no process is registered as ", barnacle_text:term(Name), "; start it, or correct the name"];
text({not_connected, Node}) ->
    ["its node ", barnacle_text:term(Node), " is not connected"];
text({failed, Module, Class, Reason}) ->
    [
        barnacle_text:term(Module), ":notify/2 ended with ", atom_to_list(Class), $\s,
        barnacle_words:reason(Reason)
    ];
text(ok) ->
    "it receives messages".
