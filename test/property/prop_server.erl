%% SPDX-License-Identifier: Apache-2.0
-module(prop_server).

%% The real server among callers, functions and links that do anything in any order. After each step
%% everything that can be seen is what server_model says.

-ifdef(PROPER).

-include_lib("proper/include/proper.hrl").

-export([prop_server_keeps_its_promises/0]).
-export([initial_state/0, command/1, precondition/2, next_state/3, postcondition/3]).

-define(LONGEST, 80).

%% What all sequences together must hold, each in so many of a thousand at least.
-define(RICH, [
    {{refresh, in_mid_round}, 2500},
    {shared, 1000},
    {shared_follower, 1000},
    {{pause, in_mid_round}, 400},
    {gate_closed, 100},
    {{kill, in_mid_round}, 100},
    {{shutdown, in_mid_round}, 100},
    {{leave, in_mid_round}, 100},
    {{callers_gone, killed}, 100},
    {{callers_gone, normal}, 100},
    {poll, 400},
    {{held, disconnect}, 100},
    {{overdue, discover}, 100},
    {listener_gone, 100},
    {{kept, paused}, 50}
]).

prop_server_keeps_its_promises() ->
    Number = bed_long:either(150, 2000),
    Seen = ets:new(?MODULE, [private]),
    Property =
        ?FORALL(
            Commands,
            sequence(),
            begin
                {History, State, Result} = ran(Commands),
                ok = server_world:stop(),
                ?WHENFAIL(
                    failed(History, State, Result, Commands),
                    Result =:= ok andalso is_rich_enough(Number, count(Commands, State, Seen))
                )
            end
        ),
    numtests(Number, on_output(fun say/2, Property)).

ran(Commands) ->
    try
        proper_statem:run_commands(?MODULE, Commands)
    catch
        Class:Reason:Stacktrace -> {[], none, {Class, Reason, Stacktrace}}
    end.

%% ---- proper_statem ----

initial_state() -> none.

%% As proper_statem:commands/1, but of any length, whatever the size of the test.
sequence() ->
    ?LET(
        {Start, Length},
        {command(initial_state()), range(1, ?LONGEST)},
        ?LET(
            Steps,
            noshrink(steps(Length, 2, next_state(initial_state(), none, Start))),
            ?LET(Fewer, proper_types:shrink_list(Steps), [{set, {var, 1}, Start} | Fewer])
        )
    ).

steps(0, _Number, _Model) ->
    [];
steps(Length, Number, Model) ->
    ?LAZY(
        ?LET(
            Call,
            command(Model),
            ?LET(
                Steps,
                steps(Length - 1, Number + 1, next_state(Model, none, Call)),
                [{set, {var, Number}, Call} | Steps]
            )
        )
    ).

command(none) ->
    {call, server_world, start, [server_acts:settings()]};
command(Model) ->
    Situation = server_model:situation(Model),
    One = ?LET(Act, server_acts:one(Situation), [Act]),
    Acts =
        case Situation of
            down -> One;
            _ -> frequency([{4, One}, {1, server_acts:several()}])
        end,
    {call, server_world, run, [Acts]}.

precondition(none, {call, _, start, _}) -> true;
precondition(none, _) -> false;
precondition(_, {call, _, Function, _}) -> Function =:= run.

next_state(Model, _, Call) -> element(1, expected(Model, Call)).

postcondition(Model, Call, Seen) -> element(2, expected(Model, Call)) =:= Seen.

expected(none, {call, _, start, [Settings]}) -> server_model:start(Settings);
expected(Model, {call, _, run, [Acts]}) -> server_model:run(Acts, Model).

%% ---- telling ----

failed(History, State, Result, Commands) ->
    io:format("~n~0p~n~tp~n", [[Args || {set, _, {call, _, _, [Args]}} <- Commands], Result]),
    case {History, Result} of
        {[_ | _], {postcondition, false}} ->
            {Before, Seen} = lists:last(History),
            {set, _, Call} = lists:nth(length(History), Commands),
            {_, Expected} = expected(Before, Call),
            is_map(Seen) orelse io:format("~tp~n", [Seen]),
            Differ = maps:filter(
                fun(Key, Value) -> is_map(Seen) andalso map_get(Key, Seen) =/= Value end, Expected
            ),
            io:format("acts ~tp~nexpected ~tp~nseen ~tp~n", [
                Call, Differ, is_map(Seen) andalso maps:with(maps:keys(Differ), Seen)
            ]);
        _ ->
            io:format("~tp~n", [State])
    end.

%% No dot for each sequence.
say(".", []) -> ok;
say(Format, Args) -> io:format(Format, Args).

%% ---- how rich the sequences are ----

count(Commands, Model, Seen) ->
    Add = fun(Key, N) -> ets:update_counter(Seen, Key, N, {Key, 0}) end,
    _ = Add(steps, length(Commands)),
    _ = [Add(What, Times) || {What, Times} <- maps:to_list(server_model:seen(Model))],
    {Add(sequences, 1), Seen}.

is_rich_enough(Number, {Number, Seen}) ->
    io:format("~n~0tp~n", [lists:sort(ets:tab2list(Seen))]),
    lists:all(
        fun({What, InAThousand}) ->
            Times = ets:lookup_element(Seen, What, 2),
            1000 * Times >= InAThousand * Number orelse (io:format("too few: ~0tp~n", [What]) > 0)
        end,
        ?RICH
    );
is_rich_enough(_Number, _) ->
    true.

-endif.
