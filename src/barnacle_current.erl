%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_current).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The round that a server has now, if any: its worker, the callers who wait for it, those who wait for
the one after it, and what was heard of nodes meanwhile.

A refresh shares a round whose discovery has not begun; all later ones share the one after it. The
owner is a server that traps exits; it hands in the messages of barnacle_round and {'DOWN', Monitor,
process, _, _}, of which info/2 and caller_gone/2 know their own.
""").

-export([new/0, is_there/1, may_begin/1, trigger/1, callers/1]).
-export([ask/1, join/2, follow_up/1, start/2, heard/2, heard/1, info/2, caller_gone/2]).
-export([answer/2, cancel/1]).

-export_type([current/0]).

-type said() :: {left | back, node()}.

%% phase: asked until its discovery may begin. heard: nodes that said during the round that they
%% leave, or that were linked; the newest first. The round has a plan of its own.
-record(current, {
    phase = none :: none | asked | begun,
    worker = none :: none | barnacle_round:worker(),
    callers = barnacle_callers:new() :: barnacle_callers:callers(),
    followers = barnacle_callers:new() :: barnacle_callers:callers(),
    heard = [] :: [said()]
}).

-opaque current() :: #current{}.

?DOC("No round, and nobody waits for one.").
-spec new() -> current().
new() ->
    #current{}.

?DOC("Whether there is a round.").
-spec is_there(current()) -> boolean().
is_there(#current{phase = Phase}) ->
    Phase =/= none.

?DOC("Whether there is one whose discovery has not begun.").
-spec may_begin(current()) -> boolean().
may_begin(#current{phase = Phase}) ->
    Phase =:= asked.

?DOC("Whether somebody asked for the round, be it one who has died.").
-spec trigger(current()) -> none | barnacle_round:trigger().
trigger(#current{phase = none}) ->
    none;
trigger(#current{callers = Callers}) ->
    case barnacle_callers:is_asked(Callers) of
        true -> refresh;
        false -> poll
    end.

?DOC("How many callers wait.").
-spec callers(current()) -> non_neg_integer().
callers(#current{callers = Callers, followers = Followers}) ->
    barnacle_callers:count(Callers) + barnacle_callers:count(Followers).

?DOC("There is to be a round.").
-spec ask(current()) -> current().
ask(#current{phase = none} = Current) ->
    Current#current{phase = asked, heard = []}.

?DOC("A refresh: new where there was no round for it to share or to wait for.").
-spec join(gen_server:from(), current()) -> {new | joined, current()}.
join(From, #current{phase = begun, followers = Followers} = Current) ->
    {joined, Current#current{followers = barnacle_callers:add(From, Followers)}};
join(From, #current{phase = asked, callers = Callers} = Current) ->
    {joined, Current#current{callers = barnacle_callers:add(From, Callers)}};
join(From, #current{phase = none} = Current) ->
    Asked = ask(Current),
    {new, Asked#current{callers = barnacle_callers:add(From, barnacle_callers:new())}}.

?DOC("Whether, after a round, somebody has asked for another one; that is to be then.").
-spec follow_up(current()) -> {true, current()} | false.
follow_up(#current{phase = none, followers = Followers} = Current) ->
    case barnacle_callers:is_asked(Followers) of
        true ->
            Asked = ask(Current),
            {true, Asked#current{callers = Followers, followers = barnacle_callers:new()}};
        false ->
            false
    end.

?DOC("Starts the worker.").
-spec start(barnacle_round:work(), current()) -> current().
start(Work, #current{phase = asked} = Current) ->
    Current#current{phase = begun, worker = barnacle_round:start(Work)}.

?DOC("Something was heard of a node; without a round there is nothing to remember it for.").
-spec heard(said(), current()) -> current().
heard(_Said, #current{phase = none} = Current) ->
    Current;
heard(Said, #current{heard = Before} = Current) ->
    Current#current{heard = [Said | Before]}.

?DOC("What was heard during the round, the newest first.").
-spec heard(current()) -> [said()].
heard(#current{heard = Heard}) ->
    Heard.

?DOC("Takes a message of the round's worker: what became of it. Others are ignored.").
-spec info(term(), current()) ->
    {overdue, atom()}
    | {done, barnacle_round:outcome()}
    | {crashed, Reason :: term(), Stacktrace :: list()}
    | ignored.
info({barnacle_round, Ref, Event}, #current{worker = #{ref := Ref}}) -> Event;
info({'DOWN', M, process, _, Reason}, #current{worker = #{monitor := M}}) -> {crashed, Reason, []};
info(_, #current{}) -> ignored.

?DOC("Who is monitored so, if it is one of the callers, waits no more.").
-spec caller_gone(reference(), current()) -> current().
caller_gone(Monitor, #current{callers = Callers, followers = Followers} = Current) ->
    Current#current{
        callers = barnacle_callers:gone(Monitor, Callers),
        followers = barnacle_callers:gone(Monitor, Followers)
    }.

?DOC("Ends the round, with an answer to all who wait for it.").
-spec answer(term(), current()) -> current().
answer(Answer, #current{callers = Callers} = Current) ->
    ok = barnacle_callers:answer(Answer, Callers),
    cancel(Current).

?DOC("Ends the round. Who waits for it is answered by nobody.").
-spec cancel(current()) -> current().
cancel(#current{worker = Worker, followers = Followers}) ->
    _ = Worker =:= none orelse barnacle_round:cancel(Worker),
    #current{followers = Followers}.
