%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_machine).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What a barnacle decides: one pure function of events. The server (barnacle_server) turns messages
into events, and performs the effects.

Each event passes through the sub-machines in this order: membership, leaving, departing, retries,
refreshing, schedule. A sub-machine takes the event, the time, its own state and a view of all
others. None calls another. An effect {signal, Event} is an event for all of them, after the present
one.

The effects of one step have this order: work that stops; timers, the registry, work that begins and
messages to nodes; replies; messages to the listener; telemetry and the log; the end of the server.
Effects of one kind keep the order in which the sub-machines returned them.

No event and no state has a fun, pid, port or reference. Only a tag, which stands for a caller or
for a node that asks, is opaque. Times are monotonic, in ms. A timer has a name and a generation;
the event of an older generation changes nothing.
""").

-export([new/1, step/3]).
-export([mode/1, status/2, is_met/2, known/1]).

-export_type([machine/0, settings/0, event/0, effect/0, tag/0, id/0]).

-type tag() :: term().
-type id() :: pos_integer() | retry.

?DOC("""
The settings of a barnacle that decisions depend on. self, node: the own name in the transport.
own_list: the transport has a list of its own, and results are exact. own_connect, own_disconnect:
it has functions of its own. custom: a complete result is the user's word. distribution: the
transport is distributed Erlang. seed: of the random numbers.
""").
-type settings() :: #{
    self := binary(),
    node := node(),
    disconnect := barnacle_plan:mode(),
    departed_after := non_neg_integer(),
    poll_interval := pos_integer(),
    eager_poll_interval => pos_integer(),
    retry_min := pos_integer(),
    retry_max := pos_integer(),
    connect_timeout := pos_integer(),
    max_nodes := pos_integer(),
    own_list := boolean(),
    own_connect := boolean(),
    own_disconnect := boolean(),
    custom := boolean(),
    distribution := boolean(),
    polls := boolean(),
    seed := integer()
}.

?DOC("docs/machine.md has every event.").
-type event() :: 'begin' | tuple().

?DOC("docs/machine.md has every effect.").
-type effect() :: begin_soon | stop | tuple().

-record(machine, {
    settings :: settings(),
    membership :: barnacle_membership:membership(),
    leaving :: barnacle_leaving:leaving(),
    departing :: barnacle_departing_state:state(),
    retries :: barnacle_retries:retries(),
    refreshing :: barnacle_refreshing:refreshing(),
    schedule :: barnacle_schedule:schedule()
}).

-opaque machine() :: #machine{}.

?DOC("A barnacle that has not started: its first event is {start, _}.").
-spec new(settings()) -> machine().
new(Settings) ->
    #machine{
        settings = Settings,
        membership = barnacle_membership:new(Settings),
        leaving = barnacle_leaving:new(Settings),
        departing = barnacle_departing:new(Settings),
        retries = barnacle_retries:new(Settings),
        refreshing = barnacle_refreshing:new(Settings),
        schedule = barnacle_schedule:new(Settings)
    }.

?DOC("The state after an event at a time, and what is to be done.").
-spec step(event(), NowMs :: integer(), machine()) -> {machine(), [effect()]}.
step({self, Node}, NowMs, #machine{settings = Settings} = Machine) ->
    Named = Settings#{node := Node, self := barnacle_names:to_binary(Node)},
    step({renamed, Node}, NowMs, Machine#machine{settings = Named});
step(Event, NowMs, Machine) ->
    {Next, Effects} = steps([Event], NowMs, Machine, []),
    {Next, ordered(Effects)}.

steps([], _NowMs, Machine, Effects) ->
    {Machine, lists:append(lists:reverse(Effects))};
steps([Event | Events], NowMs, M0, Before) ->
    {Membership, E1} = barnacle_membership:handle(Event, NowMs, M0#machine.membership, view(M0)),
    M1 = M0#machine{membership = Membership},
    {Leaving, E2} = barnacle_leaving:handle(Event, NowMs, M1#machine.leaving, view(M1)),
    M2 = M1#machine{leaving = Leaving},
    {Departing, E3} = barnacle_departing:handle(Event, NowMs, M2#machine.departing, view(M2)),
    M3 = M2#machine{departing = Departing},
    {Retries, E4} = barnacle_retries:handle(Event, NowMs, M3#machine.retries, view(M3)),
    M4 = M3#machine{retries = Retries},
    {Refreshing, E5} = barnacle_refreshing:handle(Event, NowMs, M4#machine.refreshing, view(M4)),
    M5 = M4#machine{refreshing = Refreshing},
    {Schedule, E6} = barnacle_schedule:handle(Event, NowMs, M5#machine.schedule, view(M5)),
    All = lists:append([E1, E2, E3, E4, E5, E6]),
    {Signals, Effects} = lists:partition(fun is_signal/1, All),
    Next = [Signal || {signal, Signal} <- Signals],
    steps(Events ++ Next, NowMs, M5#machine{schedule = Schedule}, [Effects | Before]).

is_signal({signal, _}) -> true;
is_signal(_) -> false.

%% What sub-machines know of each other.
view(#machine{settings = Settings, schedule = Schedule, retries = Retries} = Machine) ->
    (barnacle_membership:view(Machine#machine.membership))#{
        settings => Settings,
        mode => barnacle_leaving:mode(Machine#machine.leaving),
        phase => barnacle_schedule:phase(Schedule),
        trigger => trigger(Machine),
        retries => Retries
    }.

trigger(#machine{refreshing = Refreshing, schedule = Schedule}) ->
    case barnacle_refreshing:trigger(Refreshing) of
        none -> barnacle_schedule:trigger(Schedule);
        Trigger -> Trigger
    end.

%% ---- the order of effects ----

ordered([]) -> [];
ordered([_] = Effects) -> Effects;
ordered(Effects) -> [Effect || {_, Effect} <- lists:keysort(1, [{rank(E), E} || E <- Effects])].

rank(stop) -> 6;
rank(begin_soon) -> 2;
rank(Effect) -> rank_of(element(1, Effect)).

rank_of(stop_work) -> 1;
rank_of(reply) -> 3;
rank_of(notify) -> 4;
rank_of(telemetry) -> 5;
rank_of(log) -> 5;
rank_of(_) -> 2.

%% ---- what others may read ----

?DOC("The mode.").
-spec mode(machine()) -> barnacle_leaving:mode().
mode(#machine{leaving = Leaving}) ->
    barnacle_leaving:mode(Leaving).

?DOC("""
What a discovery needs to know: the plan, names that were this node in the refresh before, and nodes
that fail.
""").
-spec known(machine()) ->
    #{plan := barnacle_plan:plan(), own_names := [binary()], failed := [{node(), term()}]}.
known(#machine{membership = Membership, retries = Retries}) ->
    Failed = maps:to_list(barnacle_retries:failing(Retries)),
    (barnacle_membership:found(Membership))#{failed => Failed}.

?DOC("Whether a condition of await and ready holds.").
-spec is_met(barnacle_conditions:what(), machine()) -> boolean().
is_met(What, Machine) ->
    barnacle_conditions:is_met(What, view(Machine)).

?DOC("What the status shows of the machine (barnacle_status).").
-spec status(NowMs :: integer(), machine()) -> barnacle_status:known().
status(NowMs, #machine{departing = Departing, schedule = Schedule} = Machine) ->
    maps:merge(view(Machine), #{
        now_ms => NowMs,
        departed => barnacle_departing:departed(Departing),
        next_poll_in => barnacle_schedule:next_poll_in(NowMs, Schedule)
    }).
