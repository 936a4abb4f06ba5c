%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_custom).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The strategy {custom, Functions}: functions in the place of a module. Those that connect, disconnect
and list are called by barnacle_transport_custom.
""").

?BEHAVIOUR(barnacle_strategy).

-export([init/1, discover/1]).

-export_type([functions/0]).

-type failures() :: [{node(), Reason :: term()}].

?DOC("""
discover is required. connect, disconnect and list replace those of distributed Erlang, for example
for Partisan; see barnacle_transport_custom:functions/0, also for own_name and leave. A node that
discover returns may be a pair {Node, Data}.
""").
-type functions() :: #{
    discover :=
        fun(() -> {ok, [found()]} | {partial, [found()], Why :: term()} | {error, term()}),
    connect => fun(([node()]) -> {ok, [node()]} | {error, failures()}),
    disconnect => fun(([node()]) -> {ok, [node()]} | {error, failures()}),
    list => fun(() -> {ok, [node()]} | {error, term()}),
    own_name => fun(() -> node()),
    leave => fun(() -> ok | pending | {error, Reason :: term()})
}.

-type found() :: node() | {node(), Data :: term()}.

-spec init(term()) -> {ok, functions()} | {error, binary()}.
init(#{discover := _} = Functions) ->
    case [Key || {Key, Fun} <- maps:to_list(Functions), not is_function(Fun, arity(Key))] of
        [] -> {ok, Functions};
        Bad -> {error, wrong(Bad)}
    end;
init(Functions) when is_list(Functions) ->
    try
        init(maps:from_list(Functions))
    catch
        error:badarg -> {error, wrong(Functions)}
    end;
init(_) ->
    {error, <<"{custom, Functions} takes a map with at least discover => fun(() -> {ok, Nodes})">>}.

-spec discover(functions()) -> {barnacle_strategy:found(), functions()}.
discover(#{discover := Discover} = Functions) ->
    case Discover() of
        {ok, Nodes} -> {{complete, Nodes}, Functions};
        {partial, _, _} = Partial -> {Partial, Functions};
        {error, _} = Error -> {Error, Functions};
        Other -> error({bad_return, {?MODULE, discover, Other}})
    end.

%% A key that is not known is wrong whatever stands there: nobody writes 255 arguments.
arity(discover) -> 0;
arity(list) -> 0;
arity(own_name) -> 0;
arity(leave) -> 0;
arity(connect) -> 1;
arity(disconnect) -> 1;
arity(_) -> 255.

wrong(Keys) ->
    barnacle_settings:text(
        "~0p: {custom, Functions} has discover, list, own_name and leave, functions of no "
        "argument, and connect and disconnect, functions of a list of nodes",
        [Keys]
    ).
