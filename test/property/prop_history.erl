%% SPDX-License-Identifier: Apache-2.0
-module(prop_history).

%% Histories of one barnacle: answers of all kinds, dials that fail, nodes that vanish and return,
%% calls and peers' words at any moment. After each step history_rules hold; history_world says what
%% a step is.

-ifdef(PROPER).

-include_lib("proper/include/proper.hrl").

-export([prop_rules_hold_in_any_history/0, prop_the_same_history_has_the_same_effects/0]).

-define(KINDS, [departure, partial, return, refresh_in_mid_round]).
-define(RARE, [asked_again, expelled, left]).

%% One in so many histories holds all of KINDS, and one in so many each of RARE, or the histories
%% prove little.
-define(ONE_IN, 10).
-define(ONE_RARE_IN, 200).

-define(LONGEST, 80).

%% What a node replies that was asked to leave. goes: it leaves. over: it reports that its reason is
%% over.
-define(REPLIES, {
    named, no_complete_answer, suspect, paused, {foreign_links, [n8@h]}, goes, goes, over
}).

%% Numbers up to the size are equally likely.
-define(STEPS, 16#FFFFF).

prop_rules_hold_in_any_history() ->
    Number = bed_long:either(15000, 100000),
    Count = counters:new(2 + length(?KINDS ++ ?RARE), []),
    Property =
        ?FORALL(
            {Settings, Steps},
            {settings(), resize(?LONGEST, list(noshrink(resize(?STEPS, range(0, ?STEPS)))))},
            case run(Settings, Steps) of
                {ok, World} ->
                    is_rich_enough(Number, count(history_world:seen(World), Count));
                {failed, Why} ->
                    %% What follows makes it smaller, and does not count.
                    ok = counters:put(Count, 1, Number + 1),
                    ?WHENFAIL(
                        io:format("~0p~n~tp~n", [[step(Step) || Step <- Steps], Why]), false
                    )
            end
        ),
    numtests(Number, on_output(fun say/2, Property)).

%% Nor does an event, an effect or a state have anything that is true of one VM only.
prop_the_same_history_has_the_same_effects() ->
    numtests(
        bed_long:either(500, 5000),
        on_output(
            fun say/2,
            ?FORALL(
                {Settings, Steps},
                {settings(), resize(?LONGEST, list(noshrink(resize(?STEPS, range(0, ?STEPS)))))},
                begin
                    Trace = traced(Settings, Steps),
                    Opaque = [Of || Step <- Trace, Of <- tuple_to_list(Step), is_opaque(Of)],
                    ?WHENFAIL(
                        io:format("~0p~n~tp~n", [[step(Step) || Step <- Steps], Opaque]),
                        Trace =:= traced(Settings, Steps) andalso Opaque =:= []
                    )
                end
            )
        )
    ).

traced(Settings, Steps) ->
    Step = fun(Number, World) -> history_world:step(step(Number), World) end,
    history_world:trace(lists:foldl(Step, history_world:new(Settings, []), Steps)).

%% The tags of these histories are numbers.
is_opaque([Head | Tail]) -> is_opaque(Head) orelse is_opaque(Tail);
is_opaque(Tuple) when is_tuple(Tuple) -> is_opaque(tuple_to_list(Tuple));
is_opaque(Map) when is_map(Map) -> is_opaque(maps:to_list(Map));
is_opaque([]) -> false;
is_opaque(Term) -> not (is_atom(Term) orelse is_number(Term) orelse is_bitstring(Term)).

%% What is raised is told here: not every PropEr takes exceptions on every OTP.
run(Settings, Steps) ->
    try
        Step = fun(Number, World) -> history_world:step(step(Number), World) end,
        {ok, lists:foldl(Step, history_world:new(Settings), Steps)}
    catch
        Class:Reason:Stacktrace -> {failed, {Class, Reason, Stacktrace}}
    end.

%% No dot for each history.
say(".", []) -> ok;
say(Format, Args) -> io:format(Format, Args).

%% disconnect, departed_after, and whether the strategy is a custom one.
settings() ->
    {
        frequency([{8, departed}, {2, undiscovered}, {1, report}, {1, never}]),
        oneof([0, 60000]),
        frequency([{5, false}, {1, true}])
    }.

%% A number is a step: the shorter the history and the smaller the numbers, the simpler it is.
step(Number) ->
    Node = 1 + Number div 64 rem 7,
    Any = Number div 64 rem 8,
    Mask = Number div 512,
    step(Number rem 64, {Node, Any, Mask}).

step(N, _) when N < 16 -> round;
step(N, _) when N < 20 -> 'begin';
step(N, {_, _, Mask}) when N < 23 -> {answer, partial, Mask band 16#FF};
step(23, {_, _, Mask}) -> {answer, complete, Mask band (Mask bsr 4) band 16#FF};
step(24, _) -> {answer, error, 0};
step(25, _) -> {answer, empty, 0};
step(26, {_, _, Mask}) -> {dialled, Mask band 16#1FF};
step(27, _) -> report;
step(28, _) -> crash;
step(N, {_, _, Mask}) when N < 33 -> {tick, 1 + Mask * 16};
step(N, {_, Any, _}) when N < 36 -> {vanish, Any};
step(N, _) when N < 39 -> return;
step(39, {Node, _, _}) -> {die, Node};
step(N, {Node, _, _}) when N < 42 -> {revive, Node};
step(42, {Node, _, _}) -> {flap, Node};
step(N, {Node, _, _}) when N < 45 -> {dials_us, Node};
step(45, {_, Any, Mask}) when Any < 4 -> {others, Mask band (Mask bsr 3) band 16#FE};
step(45, {_, Any, Mask}) when Any < 6 -> {wanting, Mask band (Mask bsr 3) band 16#FE};
step(45, {_, _, Mask}) -> {silent, Mask band (Mask bsr 4) band 16#FE};
step(46, {Node, _, _}) -> {leaving, Node};
step(47, {Node, _, Mask}) -> {replies, Node, element(1 + Mask rem 8, ?REPLIES)};
step(N, {Node, _, _}) when N < 50 -> {ask, Node};
step(N, _) when N < 57 -> refresh;
step(57, {_, Any, _}) when Any < 2 -> hang_up;
step(57, {_, Any, _}) -> {await, element(1 + Any rem 3, {first_round, all, {nodes, 4}})};
step(58, _) -> pause;
step(59, _) -> leave;
step(60, {_, Any, _}) when Any < 2 -> kill;
step(60, {_, 2, _}) -> shutdown;
step(61, _) -> {dials_us, 8};
step(62, _) -> {die, 8};
step(_, _) -> round.

%% ---- how rich the histories are ----

%% Counters: histories, those that hold all kinds, those of each kind.
count(Seen, Count) ->
    ok = counters:add(Count, 1, 1),
    lists:all(fun(Kind) -> is_map_key(Kind, Seen) end, ?KINDS) andalso counters:add(Count, 2, 1),
    Kinds = ?KINDS ++ ?RARE,
    lists:foreach(
        fun({Index, Kind}) -> is_map_key(Kind, Seen) andalso counters:add(Count, Index, 1) end,
        lists:zip(lists:seq(3, 2 + length(Kinds)), Kinds)
    ),
    Count.

%% The last history speaks for all.
is_rich_enough(Number, Count) ->
    case counters:get(Count, 1) of
        Number ->
            Kinds = ?KINDS ++ ?RARE,
            [All | Each] = [counters:get(Count, I) || I <- lists:seq(2, 2 + length(Kinds))],
            io:format("~n~b histories; of each kind ~0p, of all kinds ~b~n", [
                Number, lists:zip(Kinds, Each), All
            ]),
            Rare = lists:nthtail(length(?KINDS), Each),
            ?ONE_IN * All >= Number andalso ?ONE_RARE_IN * lists:min(Rare) >= Number;
        _ ->
            true
    end.

-endif.
