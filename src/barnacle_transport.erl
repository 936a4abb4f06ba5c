%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_transport).

-include("barnacle_doc.hrl").

-import(barnacle_settings, [text/2]).
-import(barnacle_text, [term/1]).
-import(barnacle_words, [reason/1]).

?MODULEDOC("""
How nodes are connected: the behaviour of a transport, and the transport of a barnacle.

The default is distributed Erlang (barnacle_dist). The option transport takes {Module, Arg}, a
module with this behaviour. The functions connect, disconnect and list of a custom strategy form a
transport too.

Every callback except init/1 and name/1 runs in a process of its own under a time limit. A callback
may wait, and it may be ended at any point. barnacle calls connect/3 and disconnect/2 once for each
node, at most max_connects at a time. A node that fails has its own retry delay.
""").

-export([new/1, default/0, custom/1, name/1, module/1]).
-export([is_distribution/1, has_list/1, connects_by_distribution/1, watches/1, has_leave/1]).
-export([connect/3, disconnect/2, connected/1, leave/1, hints/1, watch/1, event/1]).

-export_type([t/0, result/0, listed/0, event/0, notify/0]).

?DOC("""
What an attempt returned. ok: it is done. pending: it has begun. The transport's list is then
checked until the time limit connect_timeout.
""").
-type result() :: ok | pending | {error, Reason :: term()}.

?DOC("""
connected: the nodes that need no attempt. known: the members, which may be disconnected when
discovery omits them. Both may contain this node.
""").
-type listed() :: #{connected := [node()], known := [node()]}.

-type type() :: visible | hidden.
-type event() :: {up, node(), type()} | {down, node(), type(), Reason :: term()}.

?DOC("Reports that a node was connected (up) or disconnected (down). It may run in any process.").
-type notify() :: fun((up | down, node()) -> ok).

%% connect, list: whether attempts and lists are those of distributed Erlang.
-record(transport, {
    module :: module(),
    state :: term(),
    connect :: distribution | own,
    list :: distribution | own
}).

-opaque t() :: #transport{}.

?DOC("Checks the argument and returns the state. Text states what is wrong, and the fix.").
-callback init(Arg :: term()) -> {ok, State :: term()} | {error, Text :: unicode:chardata()}.

?DOC("""
Begins to connect a node. Data is what discovery returned with its name, or undefined. {error,
Reason} is reported for this node, which then has its retry delay.
""").
-callback connect(node(), Data :: term(), State :: term()) -> result().

?DOC("Begins to disconnect a node. It may remove the node from the whole cluster.").
-callback disconnect(node(), State :: term()) -> result().

?DOC("Returns the connected nodes.").
-callback connected(State :: term()) -> {ok, [node()]} | {error, Reason :: term()}.

?DOC("Returns the members of the cluster, connected or not. Default: connected/1.").
-callback known(State :: term()) -> {ok, [node()]} | {error, Reason :: term()}.

?DOC("Returns the name of this node in the transport. Default: node().").
-callback name(State :: term()) -> node().

?DOC("""
Subscribes to nodes that come and go. Notify(up | down, Node) wakes the barnacle, which then lists
the nodes. The function runs in a process of its own, which ends with the barnacle. It may return,
or receive messages for as long as the barnacle runs.
""").
-callback watch(notify(), State :: term()) -> term().

?DOC("Makes this node leave the cluster. Default: disconnect/2 of each node.").
-callback leave(State :: term()) -> result().

?DOC("Returns what may be wrong, one text for each. status and the log show the texts.").
-callback hints(State :: term()) -> [unicode:chardata()].

-optional_callbacks([known/1, name/1, watch/2, leave/1, hints/1]).

-define(REQUIRED, [{init, 1}, {connect, 3}, {disconnect, 2}, {connected, 1}]).

?DOC("The transport that the option transport states, or a text with what is wrong.").
-spec new(term()) -> {ok, t()} | {error, binary()}.
new({Module, Arg}) when is_atom(Module) ->
    case code:ensure_loaded(Module) of
        {module, Module} ->
            case [F || {Name, Arity} = F <- ?REQUIRED, not exported(Module, Name, Arity)] of
                [] -> init(Module, Arg);
                Absent -> {error, absent(Module, Absent)}
            end;
        {error, Why} ->
            {error, text("no module ~ts (~p); a transport is {Module, Arg}", [term(Module), Why])}
    end;
new(_) ->
    {error, <<"a transport is {Module, Arg}, a module with the behaviour barnacle_transport">>}.

absent(Module, Functions) ->
    Texts = [[atom_to_list(Name), $/, $0 + Arity] || {Name, Arity} <- Functions],
    text("the module ~ts does not export ~ts", [term(Module), lists:join(", ", Texts)]).

init(barnacle_dist, Arg) ->
    case barnacle_dist:init(Arg) of
        {ok, _} -> {ok, default()};
        {error, _} = Error -> Error
    end;
init(Module, Arg) ->
    try Module:init(Arg) of
        {ok, State} ->
            named(#transport{module = Module, state = State, connect = own, list = own});
        {error, Text} ->
            {error, unicode:characters_to_binary(Text)};
        Other ->
            {error, unicode:characters_to_binary(reason({bad_return, {Module, init, Other}}))}
    catch
        Class:Reason ->
            {error, text("~ts:init/1 ended with ~p ~ts", [term(Module), Class, reason(Reason)])}
    end.

%% A name that cannot be had now is an error of the start, not of each refresh.
named(#transport{module = Module} = Transport) ->
    try name(Transport) of
        _ -> {ok, Transport}
    catch
        Class:Reason ->
            {error,
                text("the own name cannot be had: ~ts:name/1 ended with ~p ~ts", [
                    term(Module), Class, reason(Reason)
                ])}
    end.

?DOC("The transport of distributed Erlang.").
-spec default() -> t().
default() ->
    #transport{module = barnacle_dist, state = [], connect = distribution, list = distribution}.

?DOC("The transport that the functions of a custom strategy form.").
-spec custom(barnacle_transport_custom:functions()) -> {ok, t()} | {error, binary()}.
custom(Functions) when map_size(Functions) =:= 0 ->
    {ok, default()};
custom(Functions) ->
    {module, Module} = code:ensure_loaded(barnacle_transport_custom),
    named(#transport{
        module = Module,
        state = Functions,
        connect = own(connect, Functions),
        list = own(list, Functions)
    }).

own(Function, Functions) when is_map_key(Function, Functions) -> own;
own(_Function, _Functions) -> distribution.

?DOC("The name of this node in the transport.").
-spec name(t()) -> node().
name(#transport{module = Module, state = State}) ->
    case exported(Module, name, 1) andalso Module:name(State) of
        false -> node();
        Name when is_atom(Name), Name =/= undefined, Name =/= true -> Name;
        Other -> error({bad_return, {Module, name, Other}})
    end.

?DOC("The module, for logs and status.").
-spec module(t()) -> module().
module(#transport{module = Module}) -> Module.

?DOC("Whether nodes are connected and listed by distributed Erlang.").
-spec is_distribution(t()) -> boolean().
is_distribution(#transport{connect = Connect, list = List}) ->
    Connect =:= distribution andalso List =:= distribution.

?DOC("Whether attempts are those of distributed Erlang, so that its rules for names apply.").
-spec connects_by_distribution(t()) -> boolean().
connects_by_distribution(#transport{connect = Connect}) -> Connect =:= distribution.

?DOC("Whether the transport has a list of its own, instead of the connections of this VM.").
-spec has_list(t()) -> boolean().
has_list(#transport{list = List}) -> List =:= own.

?DOC("Whether the transport reports nodes that come and go.").
-spec watches(t()) -> boolean().
watches(#transport{list = distribution}) -> true;
watches(#transport{module = Module}) -> exported(Module, watch, 2).

?DOC("Whether the transport has its own way to leave the cluster.").
-spec has_leave(t()) -> boolean().
has_leave(#transport{module = barnacle_transport_custom, state = Functions}) ->
    is_map_key(leave, Functions);
has_leave(#transport{module = Module}) ->
    exported(Module, leave, 1).

?DOC("Runs one attempt to connect a node, in the calling process.").
-spec connect(node(), Data :: term(), t()) -> result().
connect(Node, Data, #transport{module = Module, state = State}) ->
    result(connect, Module:connect(Node, Data, State), Module).

?DOC("Runs one attempt to disconnect a node, in the calling process.").
-spec disconnect(node(), t()) -> result().
disconnect(Node, #transport{module = Module, state = State}) ->
    result(disconnect, Module:disconnect(Node, State), Module).

?DOC("Makes this node leave, in the calling process. Only a transport with has_leave/1 can do so.").
-spec leave(t()) -> result().
leave(#transport{module = Module, state = State}) ->
    result(leave, Module:leave(State), Module).

result(_Function, ok, _Module) -> ok;
result(_Function, pending, _Module) -> pending;
result(_Function, {error, _} = Error, _Module) -> Error;
result(Function, Other, Module) -> error({bad_return, {Module, Function, Other}}).

?DOC("""
Lists the nodes, in the calling process. For distributed Erlang, known contains the visible nodes.
""").
-spec connected(t()) -> {ok, listed()} | {error, Reason :: term()}.
connected(#transport{list = distribution}) ->
    {ok, #{connected => barnacle_dist:connected(), known => barnacle_dist:visible()}};
connected(#transport{module = Module} = Transport) ->
    case {call(connected, Transport), exported(Module, known, 1)} of
        {{ok, Connected}, false} ->
            {ok, #{connected => Connected, known => Connected}};
        {{ok, Connected}, true} ->
            case call(known, Transport) of
                {ok, Known} -> {ok, #{connected => Connected, known => Known}};
                {error, _} = Error -> Error
            end;
        {{error, _} = Error, _} ->
            Error
    end.

call(Function, #transport{module = Module, state = State}) ->
    Result = Module:Function(State),
    is_listed(Result) orelse error({bad_return, returned(Function, Result, Module)}),
    Result.

is_listed({ok, Nodes}) -> barnacle_names:is_list_of(fun is_atom/1, Nodes);
is_listed({error, _}) -> true;
is_listed(_) -> false.

%% A function of a custom strategy goes by its own name.
returned(connected, Result, barnacle_transport_custom) -> {barnacle_strategy_custom, list, Result};
returned(Function, Result, Module) -> {Module, Function, Result}.

?DOC("What the transport itself has to say of what may be wrong.").
-spec hints(t()) -> [binary()].
hints(#transport{module = Module, state = State}) ->
    case exported(Module, hints, 1) of
        true -> [unicode:characters_to_binary(Text) || Text <- Module:hints(State)];
        false -> []
    end.

?DOC("""
Sends the calling process a message for each node that comes or goes; event/1 reads it. Does nothing
if the transport does not report them. Never blocks.
""").
-spec watch(t()) -> ok.
watch(#transport{list = distribution}) ->
    barnacle_dist:watch();
watch(#transport{module = Module, state = State} = Transport) ->
    case watches(Transport) of
        true ->
            Owner = self(),
            Notify = fun(Change, Node) when Change =:= up; Change =:= down ->
                Owner ! {?MODULE, Change, Node},
                ok
            end,
            _ = spawn(fun() -> guard(Owner, fun() -> Module:watch(Notify, State) end) end),
            ok;
        false ->
            ok
    end.

%% The watcher may trap exits and may never return, so its end needs a process too.
guard(Owner, Watch) ->
    Monitor = monitor(process, Owner),
    {Watcher, Ref} = spawn_monitor(Watch),
    receive
        {'DOWN', Monitor, process, _, _} -> exit(Watcher, kill);
        {'DOWN', Ref, process, _, _} -> ok
    end.

?DOC("The event that a message stands for, or none if it is not one of watch/1.").
-spec event(term()) -> event() | none.
event({?MODULE, up, Node}) ->
    {up, Node, visible};
event({?MODULE, down, Node}) ->
    {down, Node, visible, unknown};
event({nodeup, Node, Info}) when is_atom(Node) ->
    {up, Node, barnacle_dist:type(Info)};
event({nodedown, Node, Info}) when is_atom(Node) ->
    {down, Node, barnacle_dist:type(Info), barnacle_dist:down_reason(Info)};
event(_) ->
    none.

exported(Module, Function, Arity) ->
    erlang:function_exported(Module, Function, Arity).
