%% SPDX-License-Identifier: Apache-2.0
-module(bed_held).

%% Barnacles whose discovery the test holds in its hand: it sees each one begin, and says what it
%% brings and when. No network, no clock.

-export([
    start/1, start/2, start_with_caller/1, start_with_caller/2, stop/1,
    await_discovery/0, reply/2, answer_discovery/1,
    next_event/1, next_refresh/1,
    ask/1, answer/1, await_messages/1, answer_until_answered/2,
    flush/0
]).

-define(LIMIT_MS, 10000).
-define(NEVER_MS, 3600000).

-type asker() :: {pid(), reference()}.
-type discovery() :: {Worker :: pid(), reference()}.

%% A barnacle that discovers what answer_discovery/1 says, and tells this process all.
-spec start(map()) -> {ok, pid()} | {error, term()}.
start(Options) ->
    start(Options, #{}).

%% The same with more functions of a custom strategy.
-spec start(map(), map()) -> {ok, pid()} | {error, term()}.
start(Options, Functions) ->
    Test = self(),
    Discover = fun() ->
        Test ! {discover, self(), Ref = make_ref()},
        receive
            {Ref, Answer} -> Answer
        end
    end,
    barnacle_cluster:start_link(
        maps:merge(
            #{
                strategy => {custom, Functions#{discover => Discover}},
                listener => self(),
                poll_interval => ?NEVER_MS
            },
            Options
        )
    ).

%% A barnacle of these functions, and a process whose refresh shares its first round or the next.
-spec start_with_caller(map()) -> {pid(), asker()}.
start_with_caller(Functions) ->
    start_with_caller(Functions, #{}).

%% The discovery goes on only when the refresh is there.
-spec start_with_caller(map(), map()) -> {pid(), asker()}.
start_with_caller(#{discover := Discover} = Functions, Options) ->
    Test = self(),
    Held = fun() ->
        Test ! {discover, self(), Ref = make_ref()},
        receive
            {Ref, go} -> Discover()
        end
    end,
    {ok, Server} = barnacle_cluster:start_link(
        Options#{strategy => {custom, Functions#{discover => Held}}, poll_interval => ?NEVER_MS}
    ),
    Caller = ask(fun() -> barnacle_cluster:refresh(Server) end),
    ok = await_messages([Caller]),
    release(Caller),
    {Server, Caller}.

%% Lets every discovery go on until the caller has its answer.
release({Pid, _} = _Caller) ->
    Monitor = monitor(process, Pid),
    release_until(Monitor).

release_until(Monitor) ->
    receive
        {discover, Worker, Ref} ->
            Worker ! {Ref, go},
            release_until(Monitor);
        {'DOWN', Monitor, process, _, _} ->
            ok
    after ?LIMIT_MS -> error(caller_not_answered)
    end.

%% The next discovery that begins.
-spec await_discovery() -> discovery().
await_discovery() ->
    receive
        {discover, Worker, Ref} -> {Worker, Ref}
    after ?LIMIT_MS -> error(no_discovery)
    end.

-spec reply(discovery(), term()) -> term().
reply({Worker, Ref}, Answer) ->
    Worker ! {Ref, Answer}.

-spec answer_discovery(term()) -> term().
answer_discovery(Answer) ->
    reply(await_discovery(), Answer).

%% What the listener hears next.
-spec next_event(pid()) -> barnacle_cluster:event().
next_event(Server) ->
    receive
        {barnacle, Server, Event} -> Event
    after ?LIMIT_MS -> error(no_event)
    end.

-spec next_refresh(pid()) -> barnacle_plan:result().
next_refresh(Server) ->
    {refresh, Result} = next_event(Server),
    Result.

%% A process that asks, and tells the answer, or the reason it exited with.
-spec ask(fun(() -> term())) -> asker().
ask(Fun) ->
    Test = self(),
    spawn_monitor(fun() ->
        Test ! {asking, self()},
        Answer =
            try
                Fun()
            catch
                exit:Reason -> {'EXIT', Reason}
            end,
        Test ! {answer, self(), Answer}
    end).

-spec answer(asker()) -> term().
answer({Pid, _}) ->
    receive
        {answer, Pid, Answer} -> Answer
    after ?LIMIT_MS -> error(no_answer)
    end.

%% Until the askers wait in their calls: what they sent is in the server's queue.
-spec await_messages([asker()]) -> ok.
await_messages(Callers) ->
    lists:foreach(
        fun({Pid, _}) ->
            receive
                {asking, Pid} -> ok
            after ?LIMIT_MS -> error(not_asking)
            end,
            await_waiting(Pid)
        end,
        Callers
    ).

await_waiting(Pid) ->
    case process_info(Pid, [status, current_function]) of
        [{status, waiting}, {current_function, {gen, do_call, _}}] -> ok;
        undefined -> ok;
        _ -> erlang:yield(), await_waiting(Pid)
    end.

%% Answers discoveries until all have their answer, and gives the number of discoveries.
-spec answer_until_answered([asker()], non_neg_integer()) -> non_neg_integer().
answer_until_answered([], Rounds) ->
    Rounds;
answer_until_answered([{Pid, _} | Rest] = Callers, Rounds) ->
    receive
        {discover, Worker, Ref} ->
            Worker ! {Ref, {ok, []}},
            answer_until_answered(Callers, Rounds + 1);
        {answer, Pid, Answer} ->
            {ok, _} = Answer,
            answer_until_answered(Rest, Rounds)
    after ?LIMIT_MS -> error(not_answered)
    end.

-spec stop(pid()) -> ok.
stop(Server) ->
    unlink(Server),
    ok = barnacle_cluster:shutdown(Server),
    _ = flush(),
    ok.

%% What is in the mailbox.
-spec flush() -> [term()].
flush() ->
    receive
        Message -> [Message | flush()]
    after 0 -> []
    end.
