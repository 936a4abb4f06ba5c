%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_queue).

-include("barnacle_doc.hrl").

?MODULEDOC("""
How many operations of the native core run at once in this VM: max_operations of
barnacle_environment. Who comes when they are that many waits in order, up to its own deadline.

Whoever runs an operation has a row in a table, which it makes and removes by itself; only who has
to wait speaks to the process here. Rows of processes that were killed are found while others wait.
""").

-behaviour(gen_server).

-export([start_link/0, run/2, enter/1, leave/0, info/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TABLE, ?MODULE).
%% A row that is there while somebody waits, with how many: nobody overtakes those.
-define(WAITING, waiting).

-define(DEFAULT_MAX, {?MODULE, default_max}).
-define(MOST_BY_DEFAULT, 1000).
%% Of the VM's file descriptors: an operation takes about six, and the rest of the VM needs some.
-define(SHARE_OF_DESCRIPTORS, 16).

%% How often rows of the dead are looked for, while somebody waits.
-define(SEARCH_MS, 50).

%% Who waits, in order, and where in it.
-record(state, {
    queue = gb_trees:empty() :: gb_trees:tree(pos_integer(), {reference(), pid()}),
    places = #{} :: #{reference() => pos_integer()},
    next = 1 :: pos_integer(),
    search = none :: none | reference()
}).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?DOC("""
Calls the function when its turn has come, with what is then left of the time until DeadlineMs, a
monotonic time in ms: infinity where nobody was waited for. Past DeadlineMs, {error, timeout}.
""").
-spec run(DeadlineMs :: integer(), fun((LeftMs :: timeout()) -> Result)) ->
    Result | {error, timeout}.
run(DeadlineMs, Fun) ->
    case enter(DeadlineMs) of
        timeout ->
            {error, timeout};
        How ->
            try
                Fun(left_ms(How, DeadlineMs))
            after
                leave()
            end
    end.

left_ms(at_once, _DeadlineMs) -> infinity;
left_ms(waited, DeadlineMs) -> max(1, DeadlineMs - now_ms()).

?DOC("""
For the process that will run an operation, and then calls leave/0: whether it may, at once or after
it has waited for others. DeadlineMs is a monotonic time in ms.
""").
-spec enter(DeadlineMs :: integer()) -> at_once | waited | timeout.
enter(DeadlineMs) ->
    case ets:member(?TABLE, ?WAITING) orelse not take_place() of
        true -> wait(DeadlineMs);
        false -> at_once
    end.

?DOC("The end of what enter/1 has let begin.").
-spec leave() -> ok.
leave() ->
    try
        true = ets:delete(?TABLE, self()),
        ets:member(?TABLE, ?WAITING) andalso (?MODULE ! left),
        ok
    catch
        error:badarg -> ok
    end.

?DOC("How many run, how many wait, and how many may run; without a word to the process here.").
-spec info() -> #{running := non_neg_integer(), waiting := non_neg_integer(), max := pos_integer()}.
info() ->
    #{running => running(), waiting => waiting(), max => max_operations()}.

take_place() ->
    true = ets:insert(?TABLE, {self()}),
    case ets:info(?TABLE, size) =< max_operations() of
        true ->
            true;
        false ->
            true = ets:delete(?TABLE, self()),
            false
    end.

wait(DeadlineMs) ->
    Alias = monitor(process, ?MODULE, [{alias, reply_demonitor}]),
    ?MODULE ! {wait, Alias, self()},
    receive
        {Alias, go} ->
            waited;
        {'DOWN', Alias, process, _, Reason} ->
            exit({Reason, {?MODULE, enter, [DeadlineMs]}})
    after max(0, DeadlineMs - now_ms()) ->
        %% It may have been let in meanwhile. The process here answers at once, or is gone.
        _ = (catch gen_server:call(?MODULE, {gone, Alias, self()}, infinity)),
        demonitor(Alias, [flush]),
        receive
            {Alias, go} -> ok
        after 0 -> ok
        end,
        timeout
    end.

max_operations() ->
    case barnacle_environment:get(max_operations) of
        undefined -> persistent_term:get(?DEFAULT_MAX, ?MOST_BY_DEFAULT);
        Max -> Max
    end.

-spec init([]) -> {ok, #state{}}.
init([]) ->
    ?TABLE = ets:new(?TABLE, [named_table, public, {write_concurrency, true}]),
    ok = persistent_term:put(?DEFAULT_MAX, default_max()),
    {ok, #state{}}.

default_max() ->
    Descriptors = lists:max([
        Max
     || Poll <- erlang:system_info(check_io), {max_fds, Max} <- Poll
    ]),
    max(1, min(?MOST_BY_DEFAULT, Descriptors div ?SHARE_OF_DESCRIPTORS)).

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call({gone, Alias, Pid}, _From, #state{queue = Queue, places = Places} = State) ->
    case maps:take(Alias, Places) of
        {Place, Places1} ->
            Queue1 = gb_trees:delete(Place, Queue),
            true = ets:insert(?TABLE, {?WAITING, map_size(Places1)}),
            {reply, ok, let_in(State#state{queue = Queue1, places = Places1})};
        error ->
            true = ets:delete(?TABLE, Pid),
            {reply, ok, let_in(State)}
    end;
handle_call(_, _From, State) ->
    {reply, {error, unknown_call}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({wait, Alias, Pid}, #state{queue = Queue, places = Places, next = Place} = State) ->
    %% First the row, then the look at how many there are: who leaves does it the other way round.
    true = ets:insert(?TABLE, {?WAITING, map_size(Places) + 1}),
    {noreply,
        let_in(State#state{
            queue = gb_trees:insert(Place, {Alias, Pid}, Queue),
            places = Places#{Alias => Place},
            next = Place + 1
        })};
handle_info(left, State) ->
    {noreply, let_in(State)};
handle_info({timeout, Search, search}, #state{search = Search} = State) ->
    ok = remove_dead(),
    {noreply, let_in(State#state{search = none})};
handle_info(_, State) ->
    {noreply, State}.

let_in(#state{queue = Queue} = State) ->
    case {gb_trees:is_empty(Queue), running() < max_operations()} of
        {true, _} ->
            true = ets:delete(?TABLE, ?WAITING),
            State;
        {false, true} ->
            {_Place, {Alias, Pid}, Queue1} = gb_trees:take_smallest(Queue),
            is_process_alive(Pid) andalso let_in(Alias, Pid),
            Places = maps:remove(Alias, State#state.places),
            true = ets:insert(?TABLE, {?WAITING, map_size(Places)}),
            let_in(State#state{queue = Queue1, places = Places});
        {false, false} ->
            search(State)
    end.

let_in(Alias, Pid) ->
    true = ets:insert(?TABLE, {Pid}),
    Alias ! {Alias, go}.

%% Without the row that says that somebody waits.
running() ->
    %% An error where there is no table, and no number.
    Waiting = length(ets:lookup(?TABLE, ?WAITING)),
    ets:info(?TABLE, size) - Waiting.

waiting() ->
    case ets:lookup(?TABLE, ?WAITING) of
        [{?WAITING, Count}] -> Count;
        [] -> 0
    end.

search(#state{search = none} = State) ->
    State#state{search = erlang:start_timer(?SEARCH_MS, self(), search)};
search(State) ->
    State.

remove_dead() ->
    lists:foreach(
        fun
            ({Pid}) when is_pid(Pid) -> is_process_alive(Pid) orelse ets:delete(?TABLE, Pid);
            (_) -> ok
        end,
        ets:tab2list(?TABLE)
    ).

now_ms() ->
    erlang:monotonic_time(millisecond).
