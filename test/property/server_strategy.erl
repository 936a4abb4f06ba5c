%% SPDX-License-Identifier: Apache-2.0
-module(server_strategy).

%% A strategy whose functions are all held by the test, as a module or as functions of {custom, _},
%% and a listener module. What goes on in them is told to the process of the test.

-ifdef(PROPER).

-behaviour(barnacle_strategy).

-export([strategy/2, result/1]).
-export([init/1, discover/1]).
-export([notify/2]).

%% The option strategy, for settings of server_acts.
strategy(Test, #{strategy := module, functions := []} = Settings) ->
    {?MODULE, {Test, Settings}};
strategy(Test, #{functions := Functions} = Settings) ->
    State = {Test, Settings},
    All = #{
        discover => fun() -> held(discover, [], State) end,
        connect => fun(Nodes) -> connect(Nodes, State) end,
        disconnect => fun(Nodes) -> disconnect(Nodes, State) end,
        list => fun() -> list(State) end
    },
    {custom, maps:with([discover | Functions], All)}.

init(State) -> {ok, State}.

discover(State) ->
    case held(discover, [], State) of
        {ok, Names} -> {{complete, Names}, State};
        Other -> {Other, State}
    end.

connect(Nodes, State) -> held(connect, Nodes, State).

disconnect(Nodes, State) -> held(disconnect, Nodes, State).

list(State) -> held(list, [], State).

held(Function, Nodes, {Test, #{traps := Traps}}) ->
    _ = Traps andalso process_flag(trap_exit, true),
    Test ! {begun, self(), Ref = make_ref(), Function, Nodes},
    receive
        {Ref, Result} -> result(Result)
    end.

result({crash, throw}) -> throw(ball);
result({crash, error}) -> error(broken);
result({crash, exit}) -> exit(hard);
result({crash, bad}) -> rubbish;
result({crash, kill}) -> exit(self(), kill), receive after infinity -> ok end;
result(Result) -> Result.

%% A listener that is gone is one whose function fails.
notify({Test, Gone}, Event) ->
    0 = counters:get(Gone, 1),
    Test ! {told, self(), Event}.

-endif.
