%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("The strategy {epmd, Nodes}: a list of nodes that is known beforehand.").

-behaviour(barnacle_strategy).

-export([init/1, discover/1]).

-spec init(term()) -> {ok, [node()]} | {error, binary()}.
init(Nodes) when is_list(Nodes) ->
    case [Node || Node <- Nodes, not is_node_name(Node)] of
        [] ->
            {ok, Nodes};
        Bad ->
            {error,
                unicode:characters_to_binary(
                    io_lib:format("not node names of the form 'name@host': ~0p", [Bad])
                )}
    end;
init(_) ->
    {error, <<"{epmd, Nodes} takes a list of nodes, for example ['app@10.0.0.2']">>}.

-spec discover([node()]) -> {{complete, [node()]}, [node()]}.
discover(Nodes) ->
    {{complete, Nodes}, Nodes}.

is_node_name(Node) ->
    is_atom(Node) andalso barnacle_names:check(barnacle_names:to_binary(Node)) =:= ok.
