%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_attempts).

-include("barnacle_doc.hrl").

?MODULEDOC("""
In which order a node attempts its connections, and how many attempts run at a time. Pure.

Many nodes that start at once share machines, and the two ends of a connection do the same work. So
the order differs from node to node: two nodes rarely attempt each other, and no node is attempted
by all others at once. The number of attempts falls with the size of the cluster: OTP ends a set-up
after seven seconds (the kernel parameter net_setuptime), and the guard of global makes many lost
connections out of each one.
""").

-export([rank/2, limit/2]).

-export_type([rank/0]).

-opaque rank() :: {boolean(), node()}.

%% The work of a cluster that starts grows with the number of its connections, the square of its
%% size. The two numbers are measured (bench/README.md, P12): five attempts of each of 200 nodes
%% were too many for two busy cores, and two were no slower where nothing else ran.
-define(ATTEMPTS_TIMES_SQUARE, 16000).
-define(FEWEST, 2).

?DOC("""
The place of a node in the order of attempts of Own: the names form a ring, and each node begins
after its own name. The lowest rank comes first.
""").
-spec rank(node(), Own :: node()) -> rank().
rank(Node, Own) ->
    {Node < Own, Node}.

?DOC("""
How many attempts of a node may run at a time. max: the setting max_connects, never exceeded. nodes:
the size of the cluster. stalls: how often no attempt ended for a while although all places were
taken; each adds a place, so that nodes that hang do not keep the places from others.
""").
-spec limit(Max :: pos_integer(), #{
    nodes := non_neg_integer(), stalls := non_neg_integer()
}) -> pos_integer().
limit(Max, #{nodes := Nodes, stalls := Stalls}) ->
    min(Max, max(?FEWEST, ?ATTEMPTS_TIMES_SQUARE div max(1, Nodes * Nodes)) + Stalls).
