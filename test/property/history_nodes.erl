%% SPDX-License-Identifier: Apache-2.0
-module(history_nodes).

%% The nodes of histories: numbers, and sets of them as bit masks, so that a step costs little.
%% 0 is this node; 8 is a node that no source ever names.

-ifdef(PROPER).

-export([node_of/1, number/1, has/2, to_nodes/1, mask/1]).

-define(ATOMS, {
    n0@h, n1@h, n2@h, n3@h, n4@h, n5@h, n6@h, n7@h, n8@h
}).
-define(NUMBERS, #{
    n0@h => 0, n1@h => 1, n2@h => 2, n3@h => 3, n4@h => 4, n5@h => 5, n6@h => 6, n7@h => 7,
    n8@h => 8,
    <<"n0@h">> => 0, <<"n1@h">> => 1, <<"n2@h">> => 2, <<"n3@h">> => 3, <<"n4@h">> => 4,
    <<"n5@h">> => 5, <<"n6@h">> => 6, <<"n7@h">> => 7, <<"n8@h">> => 8
}).

node_of(Number) ->
    element(Number + 1, ?ATOMS).

%% Of a node or its name.
number(Name) ->
    maps:get(Name, ?NUMBERS).

has(Name, Mask) ->
    Mask band (1 bsl number(Name)) =/= 0.

to_nodes(Mask) ->
    [node_of(Number) || Number <- lists:seq(0, 8), Mask band (1 bsl Number) =/= 0].

mask(Names) ->
    lists:foldl(fun(Name, Mask) -> Mask bor (1 bsl number(Name)) end, 0, Names).

-endif.
