%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_connector).

-include("barnacle_doc.hrl").

?MODULEDOC("""
A worker that connects or disconnects nodes through a transport, or makes this node leave.

The worker coordinates (barnacle_dial) and never runs a function of the transport itself. Thus
stop/1 is prompt: after it has returned, nothing begins, and no message of the worker arrives.

The owner receives one message, {barnacle_connector, Ref, {done, Failures}} or
{barnacle_connector, Ref, {crashed, Reason, Stacktrace}}. The worker ends when its owner ends.
""").

-export([start/1, stop/1, up/2]).

-export_type([work/0, failure/0]).

-type failure() :: {node(), Reason :: term()}.

?DOC("""
do: what is done with nodes. leave: the transport's own way, or else disconnect of each node.
own: the name of this node in the transport, which is neither connected nor disconnected. data: what
discovery returned with names. options: connect_timeout (ms, the one time limit),
max_connects, probe and probe_timeout; see barnacle_options:table/0. metadata: of the telemetry
events connect and disconnect; {emitter, _} for those of a refresh; none for no events.
""").
-type work() :: #{
    do := connect | disconnect | leave,
    nodes := [node()],
    transport := barnacle_transport:t(),
    own => node(),
    options := #{connect_timeout := pos_integer(), max_connects := pos_integer(), _ => _},
    data => #{binary() => term()},
    metadata => #{atom() => term()} | {emitter, barnacle_event:emitter()} | none
}.

?DOC("Starts a worker, linked to the calling process, which owns and monitors it.").
-spec start(work()) -> barnacle_worker:worker().
start(Work) ->
    barnacle_worker:start(fun(Owner, Ref) -> worker(Owner, Ref, Work) end, []).

?DOC("""
Ends a worker, and waits for its end. Nodes that it has connected stay connected. A connection that
OTP is setting up may still come.
""").
-spec stop(barnacle_worker:worker()) -> ok.
stop(#{pid := Pid} = Worker) ->
    ok = barnacle_dial:stop(Pid),
    barnacle_worker:await_end(?MODULE, Worker).

?DOC("A node has come: the worker checks a pending attempt at once.").
-spec up(barnacle_worker:worker(), node()) -> ok.
up(#{pid := Pid}, Node) ->
    barnacle_dial:up(Pid, Node).

worker(Owner, Ref, #{do := Do, nodes := Nodes0} = Work0) ->
    process_flag(trap_exit, true),
    is_process_alive(Owner) orelse exit(normal),
    Own = maps:get(own, Work0, node()),
    Nodes = lists:delete(Own, Nodes0),
    Work = Work0#{own => Own, nodes := Nodes},
    Events = events(Work),
    StartedAt = erlang:monotonic_time(),
    case run(Owner, Work) of
        {done, Failures} ->
            ok = told(Do, Nodes, Failures, StartedAt, Events),
            Owner ! {?MODULE, Ref, {done, Failures}},
            ok;
        {stopped, Failures} ->
            told(Do, Nodes, Failures, StartedAt, Events);
        {crashed, Reason, Stacktrace} ->
            Owner ! {?MODULE, Ref, {crashed, Reason, Stacktrace}},
            ok;
        owner_is_gone ->
            ok
    end.

events(#{metadata := {emitter, Emitter}}) -> Emitter;
events(#{metadata := Metadata}) when is_map(Metadata) -> barnacle_event:open(Metadata);
events(_Work) -> barnacle_event:none().

told(connect, Nodes, Failures, StartedAt, Events) ->
    barnacle_event:links(connect, Nodes, Failures, StartedAt, Events);
told(_Do, Nodes, Failures, StartedAt, Events) ->
    barnacle_event:links(disconnect, Nodes, Failures, StartedAt, Events).

run(Owner, #{do := Do, nodes := Nodes, transport := Transport} = Work) ->
    Common = common(Owner, Work),
    case Do of
        connect ->
            connect(barnacle_transport:connects_by_distribution(Transport), Common, Work);
        disconnect ->
            disconnect(Nodes, Common, Transport);
        leave ->
            leave(barnacle_transport:has_leave(Transport), Common, Work)
    end.

common(Owner, #{own := Own, options := Options}) ->
    #{connect_timeout := TimeoutMs, max_connects := Max} = Options,
    #{
        owner => Owner,
        own => Own,
        deadline_ms => erlang:monotonic_time(millisecond) + TimeoutMs,
        max => Max,
        cluster => none,
        crash => reported
    }.

connect(true, Common, #{nodes := Nodes, options := Options}) ->
    #{failed := Refused} = Prepared = barnacle_dist:prepare(Nodes, Options),
    Outcome = barnacle_dial:all(
        Prepared,
        maps:merge(
            (barnacle_dist:probe(Options))#{
                cluster => length(Nodes) + length(barnacle_dist:connected()),
                attempt => fun(Node) -> barnacle_dist:connect(Node, undefined, []) end,
                is_done => fun(Node) -> lists:member(Node, barnacle_dist:connected()) end,
                crash => failed
            },
            maps:without([cluster, crash], Common)
        )
    ),
    case Outcome of
        {Verb, Failed} when is_list(Failed) ->
            %% An attempt that the time limit ended may have succeeded.
            Connected = maps:from_keys(barnacle_dist:connected(), true),
            {Verb, Refused ++ [F || {Node, _} = F <- Failed, not is_map_key(Node, Connected)]};
        _ ->
            Outcome
    end;
connect(false, Common, #{nodes := Nodes, transport := Transport} = Work) ->
    Data = maps:get(data, Work, #{}),
    barnacle_dial:all(#{at_once => Nodes, probed => []}, Common#{
        attempt => fun(Node) ->
            Name = barnacle_names:to_binary(Node),
            barnacle_transport:connect(Node, maps:get(Name, Data, undefined), Transport)
        end,
        list => list(connected, Transport),
        until => listed
    }).

disconnect(Nodes, Common, Transport) ->
    barnacle_dial:all(#{at_once => Nodes, probed => []}, Common#{
        attempt => fun(Node) -> barnacle_transport:disconnect(Node, Transport) end,
        list => list(known, Transport),
        until => unlisted
    }).

%% This node leaves as one attempt, which is pending for each node that it is to lose.
leave(false, Common, #{nodes := Nodes, transport := Transport}) ->
    disconnect(Nodes, Common, Transport);
leave(true, #{own := Own} = Common, #{nodes := Nodes, transport := Transport}) ->
    List = list(connected, Transport),
    Outcome = barnacle_dial:all(#{at_once => [Own], probed => []}, Common#{
        attempt => fun(_) -> barnacle_transport:leave(Transport) end,
        list => fun() -> still(List(), Own, Nodes) end,
        until => unlisted
    }),
    case Outcome of
        {Verb, [{Own, Reason}]} -> {Verb, [{Node, Reason} || Node <- Nodes]};
        _ -> Outcome
    end.

%% This node is there for as long as one of the nodes is.
still({ok, Listed}, Own, Nodes) -> {ok, [Own || Node <- Nodes, lists:member(Node, Listed)]};
still({error, _} = Error, _Own, _Nodes) -> Error.

list(Which, Transport) ->
    fun() ->
        case barnacle_transport:connected(Transport) of
            {ok, #{Which := Nodes}} -> {ok, Nodes};
            {error, _} = Error -> Error
        end
    end.
