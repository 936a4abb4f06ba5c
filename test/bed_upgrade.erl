%% SPDX-License-Identifier: Apache-2.0
-module(bed_upgrade).

%% The native library loaded anew, purged and unloaded while operations of it run; and work that is
%% at all stages at any moment, for a VM that is to end in the middle of it. Called in a VM that is
%% there for this.

-export([rounds/3, held/0, work_and_end/1]).

-define(WORKERS, 10).
-define(WAITING, 10).
-define(UNLOAD_EVERY, 5).
-define(LOOKUP_MS, 60000).
-define(WITHIN_MS, 200).

%% So many rounds: lookups begin, the library is loaded anew, its old code is purged, now and then
%% all of it is, and the lookups go on in it or end. Other lookups come and go all the time. Gives
%% how these ended, by kind.
-spec rounds({Answering :: binary(), Silent :: binary()}, pos_integer(), term()) ->
    #{term() => pos_integer()}.
rounds({Answering, Silent}, Count, Seed) ->
    _ = rand:seed(exsss, Seed),
    Answers = counters:new(1, []),
    Workers = [spawn_link(fun() -> work(Answering, Answers) end) || _ <- lists:seq(1, ?WORKERS)],
    lists:foreach(fun(N) -> round(N, Silent) end, lists:seq(1, Count)),
    %% After the last round lookups are answered again.
    Before = counters:get(Answers, 1),
    ok = bed_wait:until(answered, fun() -> counters:get(Answers, 1) > Before end),
    Outcomes = [stop(Worker) || Worker <- Workers],
    ok = bed_load:await_operations(0),
    _ = code:purge(barnacle_nif),
    lists:foldl(
        fun(Of, All) -> maps:fold(fun(K, N, Acc) -> add(K, N, Acc) end, All, Of) end,
        #{},
        Outcomes
    ).

round(N, Silent) ->
    Waiting = [waiting(Silent) || _ <- lists:seq(1, ?WAITING)],
    %% Some have begun, some not.
    {Early, Late} = lists:split(rand:uniform(?WAITING), Waiting),
    [exit(Pid, kill) || Pid <- Early],
    _ = code:purge(barnacle_nif),
    {module, barnacle_nif} =
        case N rem ?UNLOAD_EVERY of
            0 ->
                %% Whoever comes first loads it; OTP 25 forgets who then calls code:load_file/1.
                true = code:delete(barnacle_nif),
                _ = code:purge(barnacle_nif),
                code:ensure_loaded(barnacle_nif);
            _ ->
                code:load_file(barnacle_nif)
        end,
    _ = rand:uniform(2) =:= 1 andalso code:purge(barnacle_nif),
    [exit(Pid, kill) || Pid <- Late],
    [_ = bed_wait:gone(Pid) || Pid <- Waiting],
    ok.

waiting(Silent) ->
    Self = self(),
    Pid = spawn(fun() ->
        Self ! {began, self()},
        barnacle_native:dns(<<"x.test.">>, #{timeout => ?LOOKUP_MS, nameservers => [Silent]})
    end),
    receive
        {began, Pid} -> Pid
    end.

%% One lookup after another, each by a process of its own, which a purge may kill.
work(Answering, Answers) ->
    work(Answering, Answers, #{}).

work(Answering, Answers, Outcomes) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({outcome, lookup(Answering)}) end),
    Outcome =
        receive
            {'DOWN', Monitor, process, Pid, {outcome, Result}} -> kind(Result);
            {'DOWN', Monitor, process, Pid, Reason} -> Reason
        end,
    Now = add(Outcome, 1, Outcomes),
    receive
        {stop, Caller} -> Caller ! {outcomes, self(), Now}
    after 0 ->
        Outcome =:= ok andalso counters:add(Answers, 1, 1),
        work(Answering, Answers, Now)
    end.

lookup(Answering) ->
    barnacle_native:dns(<<"x.test.">>, #{timeout => ?LOOKUP_MS, nameservers => [Answering]}).

kind({ok, _}) -> ok;
kind({error, Reason}) -> Reason.

%% Ends a worker, and gives how its lookups ended.
stop(Worker) ->
    Worker ! {stop, self()},
    receive
        {outcomes, Worker, Outcomes} -> Outcomes
    end.

add(Key, N, Counts) ->
    maps:update_with(Key, fun(Count) -> Count + N end, N, Counts).

%% What this VM holds: descriptors and resident memory, threads, and how many pieces of the library
%% are mapped.
-spec held() -> #{atom() => non_neg_integer()}.
held() ->
    {ok, Threads} = file:list_dir("/proc/self/task"),
    (bed_load:costs())#{threads => length(Threads), mapped => mapped()}.

%% A file of /proc says no size, so it is read by a port program.
mapped() ->
    Maps = os:cmd("cat /proc/" ++ os:getpid() ++ "/maps"),
    length(string:split(Maps, "barnacle_nif.so", all)) - 1.

%% For a VM that is started for this: works at all stages, says so on its output, and ends after a
%% random time, as it is told; with "wait" it is ended from outside. [Answering, Silent, How]
-spec work_and_end([string()]) -> ok.
work_and_end([Answering, Silent, How]) ->
    {ok, _} = application:ensure_all_started(barnacle),
    Servers = [list_to_binary(Server) || Server <- [Answering, Silent]],
    _ = spawn(fun() -> kill_at_random(Servers) end),
    _ = [waiting(lists:last(Servers)) || _ <- lists:seq(1, ?WAITING)],
    _ = lookup(hd(Servers)),
    io:format("at work~n"),
    receive
    after rand:uniform(?WITHIN_MS) -> ok
    end,
    case How of
        "halt" -> halt();
        "stop" -> init:stop();
        "wait" -> ok
    end.

kill_at_random([Answering, Silent] = Servers) ->
    ok = bed_load:kill_at_random(Answering, Silent, 1000),
    kill_at_random(Servers).
