%% SPDX-License-Identifier: Apache-2.0
-module(server_acts).

%% What may happen to a running server, as terms, and what the strategy's functions give when the
%% test lets them go on. The model and the world read both alike.
%%
%%   {call, api | raw, Request}    a process asks through barnacle_cluster, or by a bare message
%%   {release, How}                the function that is held goes on
%%   release_orphan                so does the one that its killed server left behind
%%   overdue                       its deadline is over
%%   poll                          the poll timer that is armed fires
%%   kill, restart                 of the server
%%   {listener, gone | back}
%%   {drift, Mask}                 links that come and go by themselves
%%   {others, Mask}                whom another barnacle of the VM wants
%%   {stray, Kind}                 messages that are nothing, or come too late
%%
%% Acts of one list happen while the server is held up: it finds their messages all at once.

-ifdef(PROPER).

-include_lib("proper/include/proper.hrl").

-export([settings/0, one/1, several/0, result/4, nodes_of/1, strays/0]).
-export([answer/1, known/2, failures/1, crash/1]).

-define(PEERS, [n1@h, n2@h, n3@h, n4@h]).

%% Which functions the strategy has, what becomes of nodes that it does not name, who listens,
%% whether the server has a name, whether the functions trap exits.
settings() ->
    ?LET(
        {Functions, Disconnect, Strategy, Listener, Named, Traps},
        {
            frequency([
                {4, [connect, disconnect, list]},
                {1, [connect]},
                {1, [connect, list]},
                {1, [list]},
                {1, []}
            ]),
            frequency([{6, undiscovered}, {2, departed}, {1, oneof([never, report])}]),
            oneof([custom, module]),
            oneof([pid, name, module]),
            boolean(),
            boolean()
        },
        #{
            functions => Functions,
            disconnect => Disconnect,
            strategy => Strategy,
            listener => Listener,
            named => Named,
            traps => Traps
        }
    ).

%% Situation: down, idle, or running, where a function is held.
one(down) ->
    frequency([{6, restart}, {1, release_orphan}, {2, call()}, {1, {drift, mask()}}]);
one(idle) ->
    frequency([{4, poll}, {5, {call, kind(), refresh}} | always()]);
one(running) ->
    frequency([
        {30, {release, how()}},
        {3, {release, {crash, oneof([throw, error, exit, bad, kill])}}},
        {1, overdue}
        | always()
    ]).

always() ->
    [
        {3, {call, kind(), refresh}},
        {6, call()},
        {1, kill},
        {1, {listener, oneof([gone, back])}},
        {4, {drift, mask()}},
        {1, {others, mask()}},
        {1, {stray, oneof(strays())}},
        {1, release_orphan}
    ].

several() ->
    ?LET(N, range(2, 6), vector(N, in_a_row())).

%% A worker that kills itself tells the server and the test in no order that is known. Nor do a
%% timer of no time and a worker that has nothing to do.
in_a_row() ->
    frequency([
        {6, {call, kind(), refresh}},
        {4, ?LET(Call, call(), patient(Call))},
        {6, {release, how()}},
        {1, {release, {crash, oneof([throw, error, exit, bad])}}},
        {1, overdue},
        {2, poll},
        {1, {stray, oneof(strays() -- [begin_round])}}
    ]).

call() ->
    {call, kind(),
        frequency([
            {3, refresh},
            {4, pause},
            {1, leave},
            {1, shutdown},
            {2, status},
            {2, {ready, what()}},
            {4, {await, what(), oneof([0, infinity])}}
        ])}.

patient({call, Kind, {await, What, _}}) -> {call, Kind, {await, What, infinity}};
patient(Call) -> Call.

kind() -> oneof([api, raw]).

what() -> oneof([first_round, all, {nodes, range(1, 4)}]).

how() -> frequency([{8, {good, mask()}}, {2, {part, mask()}}, {1, fail}, {1, {good, 0}}]).

mask() -> range(0, 31).

strays() ->
    [
        noise, cast, unknown_call, exit_signal, down, late_poll, late_round, begin_round, nodeup,
        stays, farewell, redial
    ].

%% The first bit is this node.
nodes_of(Mask) ->
    Numbered = lists:zip(lists:seq(0, length(?PEERS)), [node() | ?PEERS]),
    lists:sort([Node || {Number, Node} <- Numbered, Mask band (1 bsl Number) =/= 0]).

%% What a function that was called with these nodes gives, and who is linked afterwards.
result(_Function, _Nodes, {crash, _} = Crash, Linked) ->
    {Crash, Linked};
result(discover, _Nodes, {good, Mask}, Linked) ->
    {{ok, nodes_of(Mask)}, Linked};
result(discover, _Nodes, {part, Mask}, Linked) ->
    {{partial, nodes_of(Mask), half_silent}, Linked};
result(discover, _Nodes, fail, Linked) ->
    {{error, source_is_silent}, Linked};
result(list, _Nodes, fail, Linked) ->
    {{error, list_is_broken}, Linked};
result(list, _Nodes, _Good, Linked) ->
    {{ok, Linked}, Linked};
result(Function, Nodes, {good, _}, Linked) ->
    {{ok, Nodes}, changed(Function, Nodes, Linked)};
result(Function, Nodes, fail, Linked) ->
    result(Function, Nodes, {part, -1}, Linked);
result(Function, Nodes, {part, Mask}, Linked) ->
    Fails = [Node || Node <- Nodes, Mask =:= -1 orelse lists:member(Node, nodes_of(Mask))],
    Failed = [{Node, {in_vain, Function}} || Node <- Fails],
    {{error, Failed}, changed(Function, Nodes -- Fails, Linked)}.

%% What is made of that.
answer({ok, Names}) -> {complete, Names};
answer({partial, Names, _}) -> {partial, Names};
answer({error, Why}) -> {error, Why}.

known({complete, []}, Before) -> Before;
known({complete, Names}, _Before) -> Names;
known({partial, Names}, Before) -> lists:umerge(Names, Before);
known({error, _}, Before) -> Before.

failures({ok, _}) -> [];
failures({error, Failures}) -> Failures.

crash(throw) -> {nocatch, ball};
crash(kill) -> killed;
crash(Kind) -> Kind.

changed(connect, Nodes, Linked) -> lists:umerge(lists:sort(Nodes), Linked);
changed(disconnect, Nodes, Linked) -> Linked -- Nodes.

-endif.
