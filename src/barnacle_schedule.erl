%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_schedule).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The sub-machine of callers and times: when a refresh begins, which calls share it, what the callers
are told, and when the next poll is due. Pure.

A call of refresh shares a refresh whose discovery has not begun. All later calls share the refresh
after that. A refresh itself is the matter of barnacle_refreshing.
""").

-export([new/1, handle/4, phase/1, trigger/1, next_poll_in/2]).

-export_type([schedule/0, phase/0]).

-type phase() :: none | asked | running.

%% callers, followers: of the refresh that is there, and of the one after it; none if no call asked
%% for it, also one whose caller has died. waiters: callers of await. again: a poll is to follow.
-record(schedule, {
    born_ms = 0 :: integer(),
    id = 0 :: non_neg_integer(),
    phase = none :: phase(),
    callers = none :: none | [barnacle_machine:tag()],
    followers = none :: none | [barnacle_machine:tag()],
    again = false :: boolean(),
    waiters = #{} :: #{barnacle_machine:tag() => barnacle_conditions:what()},
    generation = 0 :: non_neg_integer(),
    poll_ms = none :: none | integer(),
    crashes = 0 :: non_neg_integer(),
    failed = false :: boolean()
}).

-opaque schedule() :: #schedule{}.

-type done() :: {schedule(), [Effect :: term()]}.

-define(YOUNG_MS, 60000).
%% A strategy that crashes is asked less and less often, but at least this often.
-define(LONGEST_BACKOFF_MS, 60000).

?DOC("No refresh, and none to come.").
-spec new(barnacle_machine:settings()) -> schedule().
new(_Settings) ->
    #schedule{}.

?DOC("Whether a refresh is to begin, or runs.").
-spec phase(schedule()) -> phase().
phase(#schedule{phase = Phase}) ->
    Phase.

?DOC("What begins the refresh that is to begin; none without one.").
-spec trigger(schedule()) -> none | poll | refresh.
trigger(#schedule{phase = asked, callers = none}) -> poll;
trigger(#schedule{phase = asked}) -> refresh;
trigger(#schedule{}) -> none.

?DOC("In how many ms the next poll is due; none if there is none.").
-spec next_poll_in(NowMs :: integer(), schedule()) -> none | non_neg_integer().
next_poll_in(_NowMs, #schedule{poll_ms = none}) -> none;
next_poll_in(NowMs, #schedule{poll_ms = AtMs}) -> max(0, AtMs - NowMs).

?DOC("Takes one event. An event of another sub-machine changes nothing.").
-spec handle(term(), NowMs :: integer(), schedule(), View :: map()) -> done().
handle({start, _}, NowMs, Own, #{mode := Mode, settings := Settings}) ->
    Born = Own#schedule{born_ms = NowMs},
    case is_stopped(Mode) orelse not maps:get(polls, Settings) of
        true -> {Born, []};
        false -> asked(Born)
    end;
handle({call, refresh, Tag}, _NowMs, #schedule{phase = none} = Own, _View) ->
    asked(Own#schedule{callers = [Tag]});
handle({call, refresh, Tag}, _NowMs, #schedule{phase = asked, callers = Callers} = Own, _View) ->
    {Own#schedule{callers = added(Tag, Callers)}, []};
handle({call, refresh, Tag}, _NowMs, #schedule{followers = Followers} = Own, _View) ->
    {Own#schedule{followers = added(Tag, Followers)}, []};
handle({call, shutdown, Tag}, _NowMs, Own, _View) ->
    Work = [{stop_work, Work} || Work <- [discover, connect, retry]],
    {Own, Work ++ [{reply, Tag, ok}, {notify, shutdown}, stop]};
handle({call, {await, What, TimeoutMs}, Tag}, _NowMs, #schedule{waiters = W} = Own, View) ->
    case barnacle_conditions:is_met(What, View) of
        true ->
            {Own, [{reply, Tag, ok}]};
        false ->
            Timer = [{timer, {await, Tag}, 0, TimeoutMs} || TimeoutMs =/= infinity],
            {Own#schedule{waiters = W#{Tag => What}}, Timer}
    end;
handle({caller_down, Tag}, _NowMs, #schedule{waiters = Waiters} = Own, _View) ->
    Gone = Own#schedule{
        callers = removed(Tag, Own#schedule.callers),
        followers = removed(Tag, Own#schedule.followers),
        waiters = maps:remove(Tag, Waiters)
    },
    {Gone, [{cancel_timer, {await, Tag}} || is_map_key(Tag, Waiters)]};
handle({timeout, {await, Tag}, _}, _NowMs, #schedule{waiters = Waiters} = Own, _View) when
    is_map_key(Tag, Waiters)
->
    {Own#schedule{waiters = maps:remove(Tag, Waiters)}, [{reply, Tag, {error, timeout}}]};
handle({timeout, poll, Generation}, _NowMs, #schedule{poll_ms = AtMs} = Own, _View) when
    AtMs =/= none, Generation =:= Own#schedule.generation
->
    asked(Own#schedule{poll_ms = none});
handle(poll_now, _NowMs, #schedule{phase = none} = Own, #{mode := Mode}) ->
    case is_stopped(Mode) of
        true -> {Own, []};
        false -> asked(Own)
    end;
handle(poll_now, _NowMs, #schedule{phase = running} = Own, _View) ->
    {Own#schedule{again = true}, []};
handle('begin', _NowMs, #schedule{phase = asked, id = Id} = Own, _View) ->
    {Own#schedule{phase = running, id = Id + 1}, [{signal, {refresh, Id + 1, trigger(Own)}}]};
handle({mode, Mode}, _NowMs, Own, View) ->
    case is_stopped(Mode) of
        true -> unscheduled(Own#schedule{again = false});
        %% On standby all conditions hold.
        false -> met(Own, View)
    end;
handle({up, _, _}, _NowMs, Own, View) ->
    met(Own, View);
%% The list of a transport comes with it.
handle({discovered, _, _}, _NowMs, Own, View) ->
    met(Own, View);
handle({ended, Outcome}, NowMs, Own, View) ->
    ended(Outcome, NowMs, Own, View);
handle(_Event, _NowMs, Own, _View) ->
    {Own, []}.

is_stopped(Mode) ->
    Mode =:= paused orelse Mode =:= left.

added(Tag, none) -> [Tag];
added(Tag, Tags) -> [Tag | Tags].

removed(_Tag, none) -> none;
removed(Tag, Tags) -> lists:delete(Tag, Tags).

%% ---- when a refresh begins ----

%% Its discovery begins when all messages that are there now have been read.
asked(Own) ->
    {Asked, Effects} = unscheduled(Own#schedule{phase = asked, again = false}),
    {Asked, Effects ++ [begin_soon]}.

unscheduled(#schedule{poll_ms = none} = Own) ->
    {Own, []};
unscheduled(#schedule{generation = Generation} = Own) ->
    {Own#schedule{poll_ms = none, generation = Generation + 1}, [{cancel_timer, poll}]}.

%% ---- when it has ended ----

ended(Outcome, NowMs, #schedule{callers = Callers, crashes = Crashes} = Own, View) ->
    {Answer, Result, Over} =
        case Outcome of
            {crashed, Reason} ->
                {{crashed, Reason}, {error, {crashed, Reason}}, Own#schedule{
                    crashes = Crashes + 1, failed = true
                }};
            #{result := Of} ->
                {{result, Of}, Of, Own#schedule{crashes = 0, failed = element(1, Of) =:= error}}
        end,
    Replies = [{reply, Tag, Answer} || Callers =/= none, Tag <- lists:reverse(Callers)],
    {Answered, Met} = met(Over#schedule{phase = none, callers = none}, View),
    {Next, Effects} = next(NowMs, Answered, View),
    {Next, Replies ++ [{notify, {refresh, Result}}] ++ Met ++ Effects}.

%% A tag is in the map until it is replied to, so the order of replies is that of the tags.
met(#schedule{waiters = Waiters} = Own, _View) when map_size(Waiters) =:= 0 ->
    {Own, []};
met(#schedule{waiters = Waiters} = Own, View) ->
    Conditions = lists:usort(maps:values(Waiters)),
    Met = [What || What <- Conditions, barnacle_conditions:is_met(What, View)],
    Tags = [Tag || {Tag, What} <- maps:to_list(Waiters), lists:member(What, Met)],
    Effects = [{cancel_timer, {await, Tag}} || Tag <- Tags] ++ [{reply, Tag, ok} || Tag <- Tags],
    {Own#schedule{waiters = maps:without(Tags, Waiters)}, Effects}.

next(_NowMs, #schedule{followers = Followers} = Own, _View) when Followers =/= none ->
    asked(Own#schedule{callers = Followers, followers = none});
next(NowMs, #schedule{again = IsAgain} = Own, #{mode := Mode, settings := Settings}) ->
    case {is_stopped(Mode) orelse not maps:get(polls, Settings), IsAgain} of
        {true, _} -> {Own, []};
        {false, true} -> asked(Own);
        {false, false} -> scheduled(NowMs, Settings, Own)
    end.

%% Up to a tenth sooner, so that nodes that started together do not poll together for ever.
scheduled(NowMs, #{seed := Seed} = Settings, #schedule{generation = Generation} = Own) ->
    IntervalMs = interval(NowMs, Settings, Own),
    WaitMs = IntervalMs - erlang:phash2({Generation, NowMs, Seed}, IntervalMs div 10 + 1),
    Scheduled = Own#schedule{generation = Generation + 1, poll_ms = NowMs + WaitMs},
    {Scheduled, [{timer, poll, Generation + 1, WaitMs}]}.

%% The poll interval; the eager one, if there is one, while the barnacle is young or its last
%% refresh failed; after crashes in a row, twice as long for each.
interval(_NowMs, #{poll_interval := Ms}, #schedule{crashes = Crashes}) when Crashes > 0 ->
    min(max(Ms, ?LONGEST_BACKOFF_MS), Ms bsl min(Crashes, 20));
interval(NowMs, #{eager_poll_interval := Eager, poll_interval := Ms}, Own) ->
    case Own#schedule.failed orelse NowMs - Own#schedule.born_ms < ?YOUNG_MS of
        true -> min(Eager, Ms);
        false -> Ms
    end;
interval(_NowMs, #{poll_interval := Ms}, _Own) ->
    Ms.
