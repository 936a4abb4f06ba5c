%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_epmd).

-include("barnacle_doc.hrl").

?MODULEDOC("The strategy {epmd, Nodes}: a list of nodes that is known beforehand.").

?BEHAVIOUR(barnacle_strategy).

-export([init/1, discover/1]).

-spec init(term()) -> {ok, [node()]} | {error, binary()}.
init(Nodes) ->
    Wanted = ["{epmd, Nodes} takes a list of atoms such as ", barnacle_text:term('app@10.0.0.2')],
    case barnacle_settings:check_list(Nodes, fun is_node_name/1, Wanted) of
        ok -> {ok, Nodes};
        {error, _} = Error -> Error
    end.

-spec discover([node()]) -> {{complete, [node()]}, [node()]}.
discover(Nodes) ->
    {{complete, Nodes}, Nodes}.

is_node_name(Node) when is_atom(Node) ->
    case barnacle_names:check(barnacle_names:to_binary(Node)) of
        ok -> true;
        {error, Why} -> {false, barnacle_words:reason(Why)}
    end;
is_node_name(_) ->
    false.
