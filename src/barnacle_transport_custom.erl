%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_transport_custom).

-include("barnacle_doc.hrl").

-import(barnacle_names, [is_list_of/2]).

?MODULEDOC("""
The transport of a custom strategy: its functions, and distributed Erlang for those that are absent.
""").

?BEHAVIOUR(barnacle_transport).

-export([init/1, name/1, connect/3, disconnect/2, connected/1, leave/1]).

-export_type([functions/0]).

-type failures() :: [{node(), Reason :: term()}].

?DOC("""
connect and disconnect are called with a list of one node, each call in a process of its own. A node
that {ok, Nodes} of connect omits is pending if there is a function list. own_name returns the name
of this node. leave makes this node leave the cluster.
""").
-type functions() :: #{
    connect => fun(([node()]) -> {ok, [node()]} | {error, failures()}),
    disconnect => fun(([node()]) -> {ok, [node()]} | {error, failures()}),
    list => fun(() -> {ok, [node()]} | {error, term()}),
    own_name => fun(() -> node()),
    leave => fun(() -> barnacle_transport:result()),
    _ => _
}.

-spec init(functions()) -> {ok, functions()}.
init(Functions) ->
    {ok, Functions}.

-spec name(functions()) -> node().
name(#{own_name := Name}) -> Name();
name(_Functions) -> node().

-spec connect(node(), Data :: term(), functions()) -> barnacle_transport:result().
connect(Node, _Data, #{connect := Connect} = Functions) ->
    case result(connect, Node, Connect([Node])) of
        {ok, Nodes} -> done(lists:member(Node, Nodes), Functions);
        {error, _} = Error -> Error
    end;
connect(Node, Data, _Functions) ->
    barnacle_dist:connect(Node, Data, []).

done(false, #{list := _}) -> pending;
done(_IsThere, _Functions) -> ok.

-spec disconnect(node(), functions()) -> barnacle_transport:result().
disconnect(Node, #{disconnect := Disconnect}) ->
    case result(disconnect, Node, Disconnect([Node])) of
        {ok, _} -> ok;
        {error, _} = Error -> Error
    end;
disconnect(Node, _Functions) ->
    barnacle_dist:disconnect(Node, []).

-spec connected(functions()) -> {ok, [node()]} | {error, term()}.
connected(#{list := List}) -> List();
connected(_Functions) -> {ok, barnacle_dist:connected()}.

-spec leave(functions()) -> barnacle_transport:result().
leave(#{leave := Leave}) -> Leave().

%% Failures of other nodes than the one that was given say nothing of it.
result(Function, Node, {error, Failures} = Result) ->
    is_list_of(fun is_failure/1, Failures) orelse bad(Function, Result),
    case lists:keyfind(Node, 1, Failures) of
        {Node, Why} -> {error, Why};
        false -> {ok, [Node]}
    end;
result(Function, _Node, {ok, Nodes} = Result) ->
    is_list_of(fun is_atom/1, Nodes) orelse bad(Function, Result),
    Result;
result(Function, _Node, Result) ->
    bad(Function, Result).

-spec bad(atom(), term()) -> no_return().
bad(Function, Result) ->
    error({bad_return, {barnacle_strategy_custom, Function, Result}}).

is_failure({Node, _Reason}) -> is_atom(Node);
is_failure(_) -> false.
