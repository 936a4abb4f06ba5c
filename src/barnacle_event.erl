%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_event).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Events of rounds and connections for telemetry (the library of that name on Hex, which is no
dependency): where the host has it, each event of table/0 is handed to telemetry:execute/3; where
not, nothing is done.

Whether it is there is looked up once in the life of the VM. Handlers are the host's own code, so
none of them runs in the server or in the worker of a round: a process for each round, which its
worker starts, calls them in order. It also sees when a worker is ended from outside, and tells that
as an exception. A handler that takes too long is ended together with the events that are left of
its round.
""").

-export([table/0, metadata/3, none/0, open/1, close/1]).
-export([start/3, stop/4, failed/4, links/5, connection/3]).

-export_type([emitter/0, row/0]).

-type span() :: round | discovery.
-type measurements() :: #{atom() => number()}.
-type metadata() :: #{atom() => term()}.

?DOC("An event: its name, measurements and metadata with what each is, and when it happens.").
-type row() :: {
    Event :: [atom(), ...], [{atom(), binary()}], [{atom(), binary()}], When :: binary()
}.

?DOC("Who hands events on; none if there is no telemetry.").
-opaque emitter() :: none | pid().

-define(KEY, {?MODULE, telemetry}).

%% How long all handlers of one event may take.
-define(HANDLERS_MS, 2000).

-record(emitter, {
    telemetry :: module(),
    common :: metadata(),
    open = [] :: [{span(), Started :: integer(), metadata()}]
}).

?DOC("""
Every event. Times are in native units (erlang:convert_time_unit/3), as telemetry has them.
""").
-spec table() -> [row(), ...].
table() ->
    Start = [
        {monotonic_time, <<"when, by the monotonic clock">>},
        {system_time, <<"when, by the system's clock">>}
    ],
    Duration = {duration, <<"how long it took">>},
    Stop = [Duration, {monotonic_time, <<"when it ended">>}],
    Server = {server, <<"the name of the barnacle, or its pid">>},
    Strategy = {strategy, <<"the module of the strategy">>},
    Trigger =
        {trigger, <<
            "`poll`, `refresh` if it was called, `retry` between rounds, `connection` if a "
            "connection was made or lost"
        >>},
    Crash = [
        {kind, <<"`error`, `exit` or `throw`">>},
        {reason, <<"what was raised, or why it was ended">>},
        {stacktrace, <<"where, if known">>}
    ],
    Node = {node, <<"the node">>},
    Why = {reason, <<"why not">>},
    Phase = [{duration, <<"since the round began to connect or disconnect">>}],
    Common = [Server, Strategy, Trigger],
    [
        {[barnacle, round, start], Start, Common, <<"a round begins">>},
        {[barnacle, round, stop], [{nodes, <<"how many nodes are linked">>} | Stop],
            [{result, <<"as `refresh` gives it">>} | Common], <<"it ended">>},
        {[barnacle, round, exception], Stop, Crash ++ Common,
            <<"it crashed, or was ended at a deadline or by a shutdown">>},
        {[barnacle, discovery, start], Start, Common, <<"the strategy is asked">>},
        {[barnacle, discovery, stop],
            [{names, <<"how many names it gave, after the filter">>} | Stop],
            [
                {outcome, <<"`complete`, `partial` or `error`">>},
                {reason, <<"why not complete; `none` if it is">>}
                | Common
            ],
            <<"it answered">>},
        {[barnacle, discovery, exception], Stop, Crash ++ Common,
            <<"it crashed or overstayed, or the round was ended">>},
        {[barnacle, connect, ok], Phase, [Node | Common], <<"a node was dialled and is linked">>},
        {[barnacle, connect, error], Phase, [Node, Why | Common],
            <<"a node was dialled and is not linked">>},
        {[barnacle, disconnect, ok], Phase, [Node | Common], <<"a node was cut">>},
        {[barnacle, disconnect, error], Phase, [Node, Why | Common],
            <<"a node could not be cut">>},
        {[barnacle, connection, up], Start, [Node | Common],
            <<"a connection was made, whichever node began it">>},
        {[barnacle, connection, down],
            [{duration, <<"how long the connection is known to have lasted">>} | Start],
            [
                Node,
                {reason, <<
                    "`left`, the node left on purpose; `leaving`, this node did; else as in "
                    "`net_kernel:monitor_nodes/2`; `unknown` with a list function of your own"
                >>},
                {since, <<"since when, by the system's clock">>}
                | Common
            ],
            <<"a connection was lost">>}
    ].

?DOC("The metadata that all events of a round, or of a retry between rounds, have.").
-spec metadata(pid(), poll | refresh | retry | connection, barnacle_options:checked()) ->
    metadata().
metadata(Owner, Trigger, #{strategy := Strategy} = Options) ->
    #{
        server => maps:get(name, Options, Owner),
        strategy => barnacle_strategy:describe(Strategy),
        trigger => Trigger
    }.

?DOC("No emitter yet.").
-spec none() -> emitter().
none() ->
    none.

?DOC("An emitter for the calling process, with metadata that all its events have.").
-spec open(metadata()) -> emitter().
open(Common) ->
    case telemetry() of
        none -> none;
        Module -> begun(Module, Common)
    end.

begun(Module, Common) ->
    Owner = self(),
    spawn(fun() ->
        loop(monitor(process, Owner), #emitter{telemetry = Module, common = Common})
    end).

?DOC("No more events come from an emitter.").
-spec close(emitter()) -> ok.
close(Emitter) ->
    tell(Emitter, close).

?DOC("A span begins; Metadata joins that of its stop or exception too.").
-spec start(span(), metadata(), emitter()) -> ok.
start(Span, Metadata, Emitter) ->
    tell(Emitter, {start, Span, now_native(), erlang:system_time(), Metadata}).

?DOC("The span that began last ends.").
-spec stop(span(), measurements(), metadata(), emitter()) -> ok.
stop(Span, Measurements, Metadata, Emitter) ->
    tell(Emitter, {stop, Span, now_native(), Measurements, Metadata}).

?DOC("All open spans end with what was caught.").
-spec failed(error | exit | throw, term(), list(), emitter()) -> ok.
failed(Kind, Reason, Stacktrace, Emitter) ->
    tell(Emitter, {failed, now_native(), crash(Kind, Reason, Stacktrace)}).

?DOC("Nodes that were to be linked or cut since StartedAt (native), and those that were not.").
-spec links(connect | disconnect, [node()], [{node(), term()}], integer(), emitter()) -> ok.
links(_Verb, _Nodes, _Failed, _StartedAt, none) ->
    ok;
links(Verb, Nodes, Failed, StartedAt, Emitter) ->
    Done = Nodes -- [Node || {Node, _} <- Failed],
    Measurements = #{duration => now_native() - StartedAt},
    Ok = [{[barnacle, Verb, ok], #{node => Node}} || Node <- Done],
    %% This node by another name is no node that failed.
    Error = [
        {[barnacle, Verb, error], #{node => Node, reason => Why}}
     || {Node, Why} <- Failed, Why =/= this_node
    ],
    tell(Emitter, {events, Measurements, Ok ++ Error}).

?DOC("""
A connection was made or lost; peer/3 of barnacle_history says for how long it was there. Gives the
emitter for the next one, which waits for nothing.
""").
-spec connection(
    {up, node()} | {down, node(), barnacle_log_links:why(), tuple()}, metadata(), emitter()
) -> emitter().
connection(Change, Common, Before) ->
    case telemetry() of
        none ->
            none;
        Module ->
            Emitter = alive(Before, Module, Common),
            {Verb, Measurements, Metadata} = connection(Change),
            ok = tell(Emitter, {events, Measurements, [{[barnacle, connection, Verb], Metadata}]}),
            Emitter
    end.

connection({up, Node}) ->
    {up, now_both(), #{node => Node}};
connection({down, Node, Why, Known}) ->
    LastedMs =
        case Known of
            {linked, Ms} -> Ms;
            _ -> 0
        end,
    Lasted = erlang:convert_time_unit(LastedMs, millisecond, native),
    #{system_time := SystemTime} = Now = now_both(),
    {down, Now#{duration => Lasted}, #{
        node => Node, reason => Why, since => SystemTime - Lasted
    }}.

now_both() ->
    #{monotonic_time => now_native(), system_time => erlang:system_time()}.

%% One that was ended for a slow handler is replaced.
alive(Before, Module, Common) ->
    case is_pid(Before) andalso is_process_alive(Before) of
        true ->
            Before;
        false ->
            begun(Module, Common)
    end.

tell(none, _) ->
    ok;
tell(Emitter, Message) ->
    Emitter ! Message,
    ok.

loop(Monitor, Emitter) ->
    receive
        {'DOWN', Monitor, process, _, Reason} ->
            fail(now_native(), crash(exit, Reason, []), Emitter);
        close ->
            ok;
        Message ->
            loop(Monitor, handle(Message, Emitter))
    end.

handle({start, Span, At, SystemTime, Metadata}, #emitter{open = Open} = Emitter) ->
    Measurements = #{monotonic_time => At, system_time => SystemTime},
    execute([{[barnacle, Span, start], Measurements, Metadata}], Emitter),
    Emitter#emitter{open = [{Span, At, Metadata} | Open]};
handle({stop, Span, At, Measurements, Metadata}, #emitter{open = [Opened | Open]} = Emitter) ->
    {Span, StartedAt, StartMetadata} = Opened,
    execute(
        [{[barnacle, Span, stop], ended(StartedAt, At, Measurements),
            maps:merge(StartMetadata, Metadata)}],
        Emitter
    ),
    Emitter#emitter{open = Open};
handle({failed, At, Crash}, Emitter) ->
    fail(At, Crash, Emitter);
handle({events, Measurements, Events}, Emitter) ->
    execute([{Event, Measurements, Metadata} || {Event, Metadata} <- Events], Emitter),
    Emitter.

fail(At, Crash, #emitter{open = Open} = Emitter) ->
    execute(
        [
            {[barnacle, Span, exception], ended(StartedAt, At, #{}), maps:merge(Metadata, Crash)}
         || {Span, StartedAt, Metadata} <- Open
        ],
        Emitter
    ),
    Emitter#emitter{open = []}.

ended(StartedAt, At, Measurements) ->
    Measurements#{duration => At - StartedAt, monotonic_time => At}.

crash(Kind, Reason, Stacktrace) ->
    #{kind => Kind, reason => Reason, stacktrace => Stacktrace}.

execute(Events, #emitter{telemetry = Telemetry, common = Common}) ->
    lists:foreach(
        fun({Event, Measurements, Metadata}) ->
            {ok, Limit} = timer:kill_after(?HANDLERS_MS),
            try
                Telemetry:execute(Event, Measurements, maps:merge(Common, Metadata))
            catch
                %% Its application may not run; handlers that crash are its own affair.
                _:_ -> ok
            end,
            timer:cancel(Limit)
        end,
        Events
    ).

telemetry() ->
    case persistent_term:get(?KEY, unknown) of
        unknown ->
            Found =
                case code:ensure_loaded(telemetry) of
                    {module, Module} -> Module;
                    {error, _} -> none
                end,
            persistent_term:put(?KEY, Found),
            Found;
        Found ->
            Found
    end.

now_native() ->
    erlang:monotonic_time().
