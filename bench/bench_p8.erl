%% SPDX-License-Identifier: Apache-2.0
-module(bench_p8).

%% P8: what a barnacle costs: the memory of 1,000 in one VM whose answer has 50 names, and the CPU
%% time of a poll.

-export([run/0, memory/0, polls/2, plain_polls/2]).

-define(BARNACLES, 1000).
-define(NAMES, 50).
-define(SIZES, [3, 50, 200]).
-define(POLLS, 100).
-define(ROUNDS, 10).
-define(DAY_MS, 86400000).

-spec run() -> bench_result:result().
run() ->
    Peer = bench_net:peer(#{args => ["-kernel", "logger_level", "emergency"]}),
    {Bytes, AnswerBytes} = bed_node:call(Peer, ?MODULE, memory, []),
    Clock = bench_cpu:start(),
    Measured = [{Size, cpu(Clock, Peer, Size)} || Size <- ?SIZES],
    ok = bed_node:stop(Peer),
    #{
        id => p8,
        title => <<"What a barnacle costs: memory of one in a thousand, CPU time of a poll">>,
        plot => <<"CPU: ms a poll">>,
        rows => [
            bench_result:row(
                [integer_to_list(Size), " names"], Series, "ms", maps:get(Case, Samples)
            )
         || {Size, Samples} <- Measured,
            {Case, Series} <- [
                {ours, "barnacle, a poll"}, {plain, "a plain poll: ordsets, all connected"}
            ]
        ],
        figures => [
            bench_result:at_most(
                "memory of a barnacle beyond its answer", 10, {(Bytes - AnswerBytes) / 1024, " kB"}
            ),
            bench_result:note("its answer of 50 names, once", {AnswerBytes / 1024, " kB"})
            | [
                bench_result:at_most(
                    ["CPU of a poll ÷ plain, ", integer_to_list(Size), " names"],
                    1,
                    {bench_stats:ratio(Ours, Plain), " ×"}
                )
             || {Size, #{ours := Ours, plain := Plain}} <- Measured
            ]
        ]
    }.

names(Size) ->
    [
        list_to_binary(io_lib:format("my_app@10.9.~b.~b", [N div 256, N rem 256]))
     || N <- lists:seq(1, Size)
    ].

%% Bytes of the processes of one barnacle, and of one answer as it knows it.
-spec memory() -> {float(), non_neg_integer()}.
memory() ->
    Discover = fun() -> {ok, [binary_to_atom(Name) || Name <- names(?NAMES)]} end,
    Collect = fun() -> [erlang:garbage_collect(Pid) || Pid <- processes()] end,
    _ = Collect(),
    Before = erlang:memory(processes_used) + erlang:memory(binary),
    Servers = [start(Discover) || _ <- lists:seq(1, ?BARNACLES)],
    ok = bed_wait:until(first_rounds, fun() ->
        [] =:= [S || S <- Servers, maps:get(round, barnacle_cluster:status(S)) =/= idle]
    end),
    _ = Collect(),
    After = erlang:memory(processes_used) + erlang:memory(binary),
    lists:foreach(fun barnacle_cluster:shutdown/1, Servers),
    Answer = erts_debug:flat_size(names(?NAMES)) * erlang:system_info(wordsize),
    {(After - Before) / ?BARNACLES, Answer}.

start(Discover) ->
    {ok, Server} = barnacle_cluster:start_link(#{
        %% All that is discovered is there already, as in nearly every poll.
        strategy => {custom, #{discover => Discover, list => Discover}},
        poll_interval => ?DAY_MS
    }),
    Server.

cpu(Clock, Peer, Size) ->
    Case = fun(Function) ->
        fun() ->
            Call = fun() -> bed_node:call(Peer, ?MODULE, Function, [Size, ?POLLS]) end,
            bench_cpu:ms(Clock, Peer, Call) / ?POLLS
        end
    end,
    Cases = [{ours, Case(polls)}, {plain, Case(plain_polls)}],
    _ = bench_stats:alternate(1, Cases),
    bench_stats:alternate(?ROUNDS, Cases).

-spec polls(pos_integer(), pos_integer()) -> ok.
polls(Size, Polls) ->
    Nodes = [binary_to_atom(Name) || Name <- names(Size)],
    Server = start(fun() -> {ok, Nodes} end),
    repeat(Polls, fun() -> barnacle_cluster:refresh(Server) end),
    barnacle_cluster:shutdown(Server).

%% What the field's strategies do in a poll: what is new is dialled, what is gone is cut.
-spec plain_polls(pos_integer(), pos_integer()) -> ok.
plain_polls(Size, Polls) ->
    Nodes = [binary_to_atom(Name) || Name <- names(Size)],
    repeat(Polls, fun() ->
        Wanted = ordsets:from_list(Nodes),
        Listed = ordsets:from_list(Nodes),
        _ = bench_field:connect_one_by_one(ordsets:subtract(Wanted, Listed)),
        [erlang:disconnect_node(Node) || Node <- ordsets:subtract(Listed, Wanted)]
    end).

repeat(Times, Fun) ->
    lists:foreach(fun(_) -> Fun() end, lists:seq(1, Times)).
