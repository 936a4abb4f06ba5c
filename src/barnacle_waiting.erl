%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_waiting).

-include("barnacle_doc.hrl").

-import(barnacle_settings, [text/2]).

?MODULEDOC("Callers of a server who wait for something to come about.").

-export([check/1, view/1, is_met/2, new/0, count/1, add/4, answer/2, expired/2, gone/2]).

-export_type([what/0, view/0, waiting/0]).

?DOC("""
first_round: the first round has ended, whatever it brought. {nodes, N}: at least N nodes are
linked, this one counted. all: the last answer was complete, and everybody whom it names is linked.
A node that has left the cluster because nobody names it has nothing to wait for: there all hold.
""").
-type what() :: first_round | {nodes, pos_integer()} | all.

?DOC("How things stand. Names are binaries; listed and linked have this node among them.").
-type view() :: #{
    resting := boolean(),
    rounds := non_neg_integer(),
    answer := none | complete | partial | error,
    listed := [node()],
    linked := fun(() -> #{binary() => _}),
    wanted := fun(() -> #{binary() => _})
}.

-record(waiter, {what :: what(), from :: gen_server:from(), limit :: reference() | none}).

%% Each by the monitor of its process.
-opaque waiting() :: #{reference() => #waiter{}}.

?DOC("Whether a term is something to wait for, or a text that says what is.").
-spec check(term()) -> ok | {error, binary()}.
check(first_round) -> ok;
check(all) -> ok;
check({nodes, N}) when is_integer(N), N >= 1 -> ok;
check(Other) -> {error, text("wait for first_round, {nodes, N} or all, not for ~0tp", [Other])}.

?DOC("How things stand, by the facts of a server.").
-spec view(barnacle_status:facts()) -> view().
view(#{mode := Mode, strategy := Strategy, plan := Plan, history := History} = Facts) ->
    #{linked := Linked, visible := Visible} = Facts,
    Listed =
        case barnacle_strategy:has(list, Strategy) of
            true -> Visible;
            false -> [node() | Visible]
        end,
    #{
        resting => Mode =:= resting,
        rounds => barnacle_history:rounds(History),
        answer => barnacle_history:answer(History),
        listed => Listed,
        linked => fun() -> barnacle_names:set([node() | Linked]) end,
        wanted => fun() -> barnacle_plan:wanted(Plan) end
    }.

?DOC("Whether it has come about.").
-spec is_met(what(), view()) -> boolean().
is_met(_, #{resting := true}) ->
    true;
is_met(first_round, #{rounds := Rounds}) ->
    Rounds > 0;
is_met({nodes, N}, #{listed := Listed}) ->
    length(Listed) >= N;
is_met(all, #{answer := complete, wanted := Wanted, linked := Linked}) ->
    map_size(maps:without(maps:keys(Linked()), Wanted())) =:= 0;
is_met(all, #{}) ->
    false.

?DOC("Nobody waits.").
-spec new() -> waiting().
new() ->
    #{}.

?DOC("How many wait.").
-spec count(waiting()) -> non_neg_integer().
count(Waiting) ->
    map_size(Waiting).

?DOC("""
A caller waits, at most TimeoutMs: then the calling process gets {timeout, _, {waiting, Waiter}},
for expired/2; {'DOWN', Waiter, process, _, _}, for gone/2, where it has died.
""").
-spec add(what(), gen_server:from(), timeout(), waiting()) -> waiting().
add(What, {Pid, _} = From, TimeoutMs, Waiting) ->
    Waiter = monitor(process, Pid),
    Limit =
        case TimeoutMs of
            infinity -> none;
            _ -> erlang:start_timer(TimeoutMs, self(), {waiting, Waiter})
        end,
    Waiting#{Waiter => #waiter{what = What, from = From, limit = Limit}}.

?DOC("Answers ok to all whose wish has come about.").
-spec answer(fun(() -> view()), waiting()) -> waiting().
answer(_View, Waiting) when map_size(Waiting) =:= 0 ->
    Waiting;
answer(View, Waiting) ->
    Now = View(),
    Wishes = lists:usort([What || #waiter{what = What} <- maps:values(Waiting)]),
    Met = maps:from_keys([What || What <- Wishes, is_met(What, Now)], true),
    IsMet = fun(_, #waiter{what = What}) -> is_map_key(What, Met) end,
    lists:foldl(
        fun(Waiter, Acc) -> told(ok, Waiter, Acc) end,
        Waiting,
        maps:keys(maps:filter(IsMet, Waiting))
    ).

?DOC("A caller's time is over: {error, timeout}.").
-spec expired(Waiter :: reference(), waiting()) -> waiting().
expired(Waiter, Waiting) ->
    told({error, timeout}, Waiter, Waiting).

?DOC("A caller has died, if it is one of them.").
-spec gone(Waiter :: reference(), waiting()) -> waiting().
gone(Waiter, Waiting) ->
    element(2, taken(Waiter, Waiting)).

told(Answer, Waiter, Waiting) ->
    {Callers, Rest} = taken(Waiter, Waiting),
    lists:foreach(fun(From) -> gen_server:reply(From, Answer) end, Callers),
    Rest.

%% It may have been answered in the very moment in which its time was over.
taken(Waiter, Waiting) ->
    case maps:take(Waiter, Waiting) of
        {#waiter{from = From, limit = Limit}, Rest} ->
            true = demonitor(Waiter),
            _ = Limit =:= none orelse erlang:cancel_timer(Limit),
            {[From], Rest};
        error ->
            {[], Waiting}
    end.
