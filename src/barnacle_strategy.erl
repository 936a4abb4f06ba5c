%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy).

-include("barnacle_doc.hrl").

-import(barnacle_names, [is_list_of/2]).
-import(barnacle_settings, [text/2]).
-import(barnacle_text, [term/1]).
-import(barnacle_words, [reason/1]).

?MODULEDOC("""
Where a barnacle discovers nodes: the behaviour of a strategy, and the built-in strategies.

A strategy is a module with a state. discover/1 runs in the worker process of a refresh, never in
the server: it may wait. If it crashes or exceeds its time limit, that refresh fails, and the server
goes on. How nodes are connected is the matter of barnacle_transport.

The forms of strategy/0 select the built-in strategies; {Module, Arg} is a module of your own.
""").

-export([new/1, discover/1, data/1, functions/1, queried/1, timeout/2, describe/1]).

-export_type([strategy/0, t/0, answer/0, found/0, data/0, queried/0]).

-type name() :: barnacle_names:name().

?DOC("How a strategy is named in the options of a barnacle.").
-type strategy() ::
    {dns, barnacle_strategy_dns:options()}
    | {epmd, [node()]}
    | local_epmd
    | {hosts, barnacle_strategy_hosts:options()}
    | {custom, barnacle_strategy_custom:functions()}
    | {module(), Arg :: term()}.

?DOC("""
What one discovery brought: complete, every source answered; partial, some did, and names that are
not named may exist all the same; error, nothing is known.
""").
-type answer() :: {complete, [name()]} | {partial, [name()], Why :: term()} | {error, term()}.

?DOC("""
What discover/1 of a strategy returns: as answer/0, where each name may be a pair {Name, Data}. The
data reach connect/3 of the transport, for example an address and a port.
""").
-type found() ::
    {complete, [name() | {name(), Data :: term()}]}
    | {partial, [name() | {name(), Data :: term()}], Why :: term()}
    | {error, term()}.

?DOC("The data of names that have some.").
-type data() :: #{Name :: binary() => Data :: term()}.

?DOC("One query of a source without a result: a full name, a server as Address:Port, the outcome.").
-type queried() :: {Name :: binary(), Server :: binary(), Outcome :: term()}.

-opaque t() :: {module(), State :: term(), data()}.

?DOC("Checks the argument and gives the first state; Text says what is wrong and what is right.").
-callback init(Arg :: term()) -> {ok, State :: term()} | {error, Text :: binary()}.

?DOC("Looks for peers. The state that it gives is the one of the next call.").
-callback discover(State :: term()) -> {found(), State :: term()}.

?DOC("""
How long discover/1 may take, in ms. A module without it has the option strategy_timeout.
""").
-callback timeout(State :: term()) -> pos_integer().

?DOC("""
The queries of the last discovery that brought nothing: what was queried, where, and the outcome.
status and the log show them beside a result that is not complete.
""").
-callback queried(State :: term()) -> [queried()].

-optional_callbacks([timeout/1, queried/1]).

?DOC("The strategy that an option names, or a text that says what is wrong with it.").
-spec new(term()) -> {ok, t()} | {error, binary()}.
new({dns, Arg}) -> init(barnacle_strategy_dns, Arg);
new({epmd, Arg}) -> init(barnacle_strategy_epmd, Arg);
new(local_epmd) -> init(barnacle_strategy_local_epmd, []);
new({hosts, Arg}) -> init(barnacle_strategy_hosts, Arg);
new({custom, Arg}) -> init(barnacle_strategy_custom, Arg);
new({Module, Arg}) when is_atom(Module) -> own(Module, Arg);
new(_) -> {error, forms()}.

?DOC("Discovers, and checks the result. Its names are without data; data/1 has those.").
-spec discover(t()) -> {answer(), t()}.
discover({Module, State, Data}) ->
    case Module:discover(State) of
        {Found, State1} ->
            is_found(Found) orelse error({bad_return, {Module, discover, returned(Module, Found)}}),
            {Answer, Data1} = split(Found, Data),
            {Answer, {Module, State1, Data1}};
        Other ->
            error({bad_return, {Module, discover, Other}})
    end.

%% What the user's function returned. A state may have secrets.
returned(barnacle_strategy_custom, {complete, Nodes}) -> {ok, Nodes};
returned(barnacle_strategy_custom, Found) -> Found;
returned(_Module, Found) -> {Found, state}.

?DOC("""
The data that discovery returned with names. A partial result and an error keep the data of names
that they do not contain.
""").
-spec data(t()) -> data().
data({_Module, _State, Data}) -> Data.

split({complete, Found}, _Before) ->
    {Names, Data} = split_all(Found, #{}),
    {{complete, Names}, Data};
split({partial, Found, Why}, Before) ->
    {Names, Data} = split_all(Found, Before),
    {{partial, Names, Why}, Data};
split({error, _} = Error, Before) ->
    {Error, Before}.

split_all(Found, Before) ->
    lists:mapfoldl(
        fun
            ({Name, Of}, Data) -> {Name, Data#{barnacle_names:to_binary(Name) => Of}};
            (Name, Data) -> {Name, Data}
        end,
        Before,
        Found
    ).

?DOC("The functions of a custom strategy that connect, disconnect and list nodes.").
-spec functions(t()) -> barnacle_transport_custom:functions().
functions({barnacle_strategy_custom, Functions, _Data}) ->
    maps:remove(discover, Functions);
functions({_Module, _State, _Data}) ->
    #{}.

?DOC("The queries of the last discovery that brought nothing, if the strategy knows them.").
-spec queried(t()) -> [queried()].
queried({Module, State, _}) ->
    case erlang:function_exported(Module, queried, 1) of
        true -> Module:queried(State);
        false -> []
    end.

?DOC("How long a discovery may take; Default for a strategy that does not say.").
-spec timeout(t(), Default) -> pos_integer() | Default.
timeout({Module, State, _Data}, Default) ->
    case erlang:function_exported(Module, timeout, 1) of
        true -> Module:timeout(State);
        false -> Default
    end.

?DOC("The strategy's module, for logs and status.").
-spec describe(t()) -> module().
describe({Module, _State, _Data}) ->
    Module.

own(Module, Arg) ->
    case code:ensure_loaded(Module) of
        {module, Module} ->
            case erlang:function_exported(Module, discover, 1) of
                true -> init(Module, Arg);
                false -> {error, text("the module ~ts exports no discover/1", [term(Module)])}
            end;
        {error, Reason} ->
            {error, text("no module ~ts (~p); ~ts", [term(Module), Reason, forms()])}
    end.

init(Module, Arg) ->
    {module, Module} = code:ensure_loaded(Module),
    try Module:init(Arg) of
        {ok, State} ->
            {ok, {Module, State, #{}}};
        {error, Text} ->
            {error, unicode:characters_to_binary(Text)};
        Other ->
            {error, unicode:characters_to_binary(reason({bad_return, {Module, init, Other}}))}
    catch
        Class:Reason ->
            {error, text("~ts:init/1 ended with ~p ~ts", [term(Module), Class, reason(Reason)])}
    end.

forms() ->
    <<
        "a strategy is {dns, Options}, {epmd, Nodes}, local_epmd, {hosts, Options}, "
        "{custom, Functions} or {Module, Arg}"
    >>.

is_found({complete, Names}) -> is_list_of(fun is_named/1, Names);
is_found({partial, Names, _Why}) -> is_list_of(fun is_named/1, Names);
is_found({error, _}) -> true;
is_found(_) -> false.

is_named({Name, _Data}) -> is_name(Name);
is_named(Name) -> is_name(Name).

is_name(Name) ->
    is_atom(Name) orelse is_binary(Name).
