%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_waiting).

-include("barnacle_doc.hrl").

-import(barnacle_settings, [text/2]).

?MODULEDOC("Callers of a server who wait for something to come about.").

-export([check/1, view/1, is_met/2, new/0, count/1, add/4, answer/2, expired/2]).

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

-opaque waiting() :: [#waiter{}].

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
    [].

?DOC("How many wait.").
-spec count(waiting()) -> non_neg_integer().
count(Waiting) ->
    length(Waiting).

?DOC("""
A caller waits, at most TimeoutMs: then the calling process gets {timeout, Limit, waiting}, for
expired/2.
""").
-spec add(what(), gen_server:from(), timeout(), waiting()) -> waiting().
add(What, From, infinity, Waiting) ->
    [#waiter{what = What, from = From, limit = none} | Waiting];
add(What, From, TimeoutMs, Waiting) ->
    Limit = erlang:start_timer(TimeoutMs, self(), waiting),
    [#waiter{what = What, from = From, limit = Limit} | Waiting].

?DOC("Answers ok to all whose wish has come about, and forgets those who are gone.").
-spec answer(fun(() -> view()), waiting()) -> waiting().
answer(_View, []) ->
    [];
answer(View, Waiting) ->
    Now = View(),
    lists:filter(
        fun(#waiter{what = What, from = From, limit = Limit}) ->
            case is_met(What, Now) of
                true ->
                    _ = Limit =:= none orelse erlang:cancel_timer(Limit),
                    gen_server:reply(From, ok),
                    false;
                false ->
                    is_there(From)
            end
        end,
        Waiting
    ).

?DOC("A caller's time is over: {error, timeout}.").
-spec expired(reference(), waiting()) -> waiting().
expired(Limit, Waiting) ->
    {Expired, Rest} = lists:partition(fun(#waiter{limit = L}) -> L =:= Limit end, Waiting),
    lists:foreach(
        fun(#waiter{from = From}) -> gen_server:reply(From, {error, timeout}) end, Expired
    ),
    Rest.

is_there({Pid, _}) when node(Pid) =:= node() -> is_process_alive(Pid);
is_there(_) -> true.
