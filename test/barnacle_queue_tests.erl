%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_queue_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT_MS, 60000).
-define(LIMIT_S, 120).

queue_test_() ->
    {foreach, fun empty/0, fun(_) -> application:unset_env(barnacle, max_operations) end, [
        {timeout, ?LIMIT_S, Test}
     || Test <- [
            {"below and at the limit nobody waits", fun nobody_waits/0},
            {"above it they wait, in order", fun in_order/0},
            {"nobody is overtaken", fun not_overtaken/0},
            {"who waits has a deadline", fun deadline/0},
            {"many deadlines at once", fun many_deadlines/0},
            {"places of killed ones are found", fun killed_ones/0},
            {"killed ones wait no longer", fun killed_waiting/0},
            {"the process may die", fun process_dies/0},
            {"the limit may change", fun limit_changes/0},
            {"never more than the limit", fun never_more/0},
            {"the default", fun default/0}
        ]
    ]}.

nobody_waits() ->
    limit(3),
    Holders = [hold() || _ <- lists:seq(1, 3)],
    [?assertEqual(at_once, how(Holder)) || Holder <- Holders],
    ?assertMatch(#{running := 3, waiting := 0, max := 3}, barnacle_queue:info()),
    release(Holders),
    ?assertMatch(#{running := 0}, barnacle_queue:info()).

in_order() ->
    limit(1),
    First = hold(),
    at_once = how(First),
    Waiting = [hold_waiting(N) || N <- lists:seq(1, 20)],
    %% Each lets the next one in, and nobody else.
    lists:foldl(
        fun(Next, Holder) ->
            release([Holder]),
            ?assertEqual(waited, how(Next)),
            ?assertMatch(#{running := 1}, barnacle_queue:info()),
            Next
        end,
        First,
        Waiting
    ),
    release([lists:last(Waiting)]).

not_overtaken() ->
    limit(2),
    Holders = [_, Second] = [hold(), hold()],
    [at_once = how(Holder) || Holder <- Holders],
    Waiting = hold_waiting(1),
    limit(3),
    %% There would be a place for a newcomer, but somebody is before it.
    Newcomer = hold(),
    ?assertEqual(waited, how(Waiting)),
    release([Second]),
    ?assertEqual(waited, how(Newcomer)),
    release([hd(Holders), Waiting, Newcomer]).

deadline() ->
    limit(1),
    Holder = hold(),
    at_once = how(Holder),
    ?assertEqual(timeout, barnacle_queue:enter(now_ms() + 20)),
    ?assertEqual(timeout, barnacle_queue:enter(now_ms() - 1000)),
    ?assertEqual({messages, []}, process_info(self(), messages)),
    ?assertMatch(#{running := 1, waiting := 0}, barnacle_queue:info()),
    release([Holder]),
    ?assertEqual(at_once, barnacle_queue:enter(now_ms())),
    ok = barnacle_queue:leave().

many_deadlines() ->
    limit(1),
    Holder = hold(),
    at_once = how(Holder),
    DeadlineMs = now_ms() + 200,
    Waiting = [
        spawn_monitor(fun() -> exit({was, barnacle_queue:enter(DeadlineMs)}) end)
     || _ <- lists:seq(1, 10000)
    ],
    [?assertEqual({was, timeout}, outcome(One)) || One <- Waiting],
    ?assertMatch(#{running := 1, waiting := 0}, barnacle_queue:info()),
    release([Holder]).

killed_ones() ->
    limit(5),
    Holders = [hold() || _ <- lists:seq(1, 5)],
    [at_once = how(Holder) || Holder <- Holders],
    kill(Holders),
    Next = [hold() || _ <- lists:seq(1, 5)],
    %% The first of them has waited; whether the others have is open.
    [?assertNotEqual(timeout, how(One)) || One <- Next],
    release(Next).

killed_waiting() ->
    limit(1),
    Holder = hold(),
    at_once = how(Holder),
    Waiting = [hold_waiting(N) || N <- lists:seq(1, 10)],
    Last = hold_waiting(11),
    kill(Waiting),
    release([Holder]),
    ?assertEqual(waited, how(Last)),
    release([Last]).

process_dies() ->
    limit(1),
    Holder = hold(),
    at_once = how(Holder),
    Waiting = hold_waiting(1),
    ok = bed_app:killed(barnacle_queue),
    %% As with a call to a process that dies. What ran before is not counted.
    ?assertMatch({killed, {barnacle_queue, enter, _}}, outcome(Waiting)),
    release([Holder]),
    ?assertMatch(#{running := 0, waiting := 0}, barnacle_queue:info()),
    ?assertEqual(at_once, barnacle_queue:enter(now_ms())),
    ok = barnacle_queue:leave().

limit_changes() ->
    limit(1),
    Holder = hold(),
    at_once = how(Holder),
    Waiting = [hold_waiting(N) || N <- lists:seq(1, 3)],
    limit(2),
    release([Holder]),
    [First, Second, Third] = Waiting,
    ?assertEqual([waited, waited], [how(First), how(Second)]),
    ?assertMatch(#{running := 2, waiting := 1}, barnacle_queue:info()),
    release([First, Second]),
    ?assertEqual(waited, how(Third)),
    release([Third]).

%% Counted by those who are inside. Some are killed there.
never_more() ->
    limit(10),
    Inside = atomics:new(2, []),
    Workers = [
        spawn_monitor(fun() ->
            [true = timeout =/= visit(Inside) || _ <- lists:seq(1, 20)],
            exit(done)
        end)
     || _ <- lists:seq(1, 200)
    ],
    [?assertEqual(done, outcome(Worker)) || Worker <- Workers],
    ?assert(atomics:get(Inside, 2) =< 10),
    ?assert(atomics:get(Inside, 2) > 1),
    ?assertMatch(#{running := 0, waiting := 0}, barnacle_queue:info()).

visit(Inside) ->
    How = barnacle_queue:enter(now_ms() + ?LIMIT_MS),
    Now = atomics:add_get(Inside, 1, 1),
    Now > atomics:get(Inside, 2) andalso atomics:put(Inside, 2, Now),
    erlang:yield(),
    atomics:sub(Inside, 1, 1),
    ok = barnacle_queue:leave(),
    How.

default() ->
    ?assertMatch(#{max := Max} when Max >= 1 andalso Max =< 1000, barnacle_queue:info()),
    [
        begin
            limit(Max),
            ?assertMatch([{max_operations, Max, _}], barnacle_environment:problems()),
            ?assertNotMatch(#{max := Max}, barnacle_queue:info())
        end
     || Max <- [0, 1000001, infinity]
    ],
    [
        begin
            limit(Max),
            ?assertEqual([], barnacle_environment:problems()),
            ?assertMatch(#{max := Max}, barnacle_queue:info())
        end
     || Max <- [1, 1000000]
    ].

%% Help

%% Others' tests may have left places of processes that were killed.
empty() ->
    #{} = barnacle_queue:info(),
    [ets:delete(barnacle_queue, Pid) || {Pid} <- ets:tab2list(barnacle_queue), is_pid(Pid)],
    ok.

limit(Max) ->
    ok = application:set_env(barnacle, max_operations, Max).

%% A process that enters, says how it did, and leaves when it is told to, or with the test.
hold() ->
    Self = self(),
    spawn_monitor(fun() ->
        Monitor = monitor(process, Self),
        Self ! {self(), barnacle_queue:enter(now_ms() + ?LIMIT_MS)},
        receive
            leave -> ok = barnacle_queue:leave();
            {'DOWN', Monitor, process, Self, _} -> ok
        end
    end).

%% The Nth that waits.
hold_waiting(N) ->
    Holder = hold(),
    ok = bed_wait:until(waits, fun() ->
        #{waiting := Waiting} = barnacle_queue:info(),
        Waiting >= N
    end),
    Holder.

how({Pid, _}) ->
    receive
        {Pid, How} -> How
    after ?LIMIT_MS -> never
    end.

release(Holders) ->
    [Pid ! leave || {Pid, _} <- Holders],
    [?assertEqual(normal, outcome(Holder)) || Holder <- Holders].

kill(Holders) ->
    [exit(Pid, kill) || {Pid, _} <- Holders],
    [bed_wait:gone(Pid) || {Pid, _} <- Holders].

outcome({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after ?LIMIT_MS -> still_running
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

-endif.
