%% SPDX-License-Identifier: Apache-2.0
-module(demo_judge).

%% Who sees whom, as the nodes themselves say. Runs in a hidden node that takes no part: its links
%% to the nodes are hidden, and nobody discovers it.

-export([look/2, is_mesh/2, complaint/2]).

-export_type([sight/0]).

%% What each node answered when it was asked for nodes(); down where it could not be asked.
-type sight() :: [{node(), [node()] | down}].

-define(ANSWER_MS, 2000).

%% Asks all nodes at once. (Called in the judge's node, through bed_node:call/4.)
-spec look(atom(), [node()]) -> sight().
look(all, Nodes) ->
    Answers = erpc:multicall(Nodes, erlang, nodes, [], ?ANSWER_MS),
    [{Node, answer(Answer)} || {Node, Answer} <- lists:zip(Nodes, Answers)].

%% Whether each of these nodes sees exactly the others of them.
-spec is_mesh([node()], sight()) -> boolean().
is_mesh(Nodes, Sight) ->
    lists:all(
        fun(Node) ->
            case lists:keyfind(Node, 1, Sight) of
                {Node, down} -> false;
                {Node, Seen} -> lists:sort(Seen) =:= lists:sort(lists:delete(Node, Nodes))
            end
        end,
        Nodes
    ).

%% What is missing, a line for each node.
-spec complaint([node()], sight()) -> iolist().
complaint(Nodes, Sight) ->
    [
        case lists:keyfind(Node, 1, Sight) of
            {Node, down} -> io_lib:format("  ~s does not answer~n", [Node]);
            {Node, []} -> io_lib:format("  ~s sees nobody~n", [Node]);
            {Node, Seen} -> io_lib:format("  ~s sees ~w~n", [Node, Seen])
        end
     || Node <- Nodes
    ].

answer({ok, Nodes}) -> Nodes;
answer({_Class, _Reason}) -> down.
