%% SPDX-License-Identifier: Apache-2.0
-module(bench_p8).

%% P8: what a barnacle costs that polls the DNS, and a process that does the same by OTP's calls:
%% the memory of 1,000 in one VM whose answer has 50 names, the CPU time of a poll, and whether
%% either grows over 10,000 polls.

-export([run/0, memory/2, polls/3, growth/2, start/2, poll/2, nodes_of/1, is_hibernating/1]).
-export([init/1, discover/1, timeout/1]).

-define(BARNACLES, 1000).
-define(NAMES, 50).
-define(SIZES, [3, 50, 200]).
-define(POLLS, 100).
-define(ROUNDS, 10).
-define(MANY_POLLS, 10000).
-define(DAY_MS, 86400000).
-define(LIMIT_MS, 300000).
-define(ZONE, "bench.test").

-type nameserver() :: {inet:ip_address(), inet:port_number()}.

-spec run() -> bench_result:result().
run() ->
    %% One of those that are found.
    Peer = bench_net:peer(#{
        alive => true,
        applications => [barnacle],
        name => "my_app",
        host => address(1),
        fixed_port => bed_ports:port(address(1)),
        args => ["-kernel", "logger_level", "emergency"]
    }),
    Zone = [{label(Size), address(N)} || Size <- ?SIZES, N <- lists:seq(1, Size)],
    Nameserver = bed_dns_real:address(bed_dns_real:start_link(nsd, {?ZONE, Zone})),
    Call = fun(Function, Args) -> bed_node:call(Peer, ?MODULE, Function, Args, ?LIMIT_MS) end,
    {Bytes, AnswerBytes} = Call(memory, [ours, Nameserver]),
    {PlainBytes, _} = Call(memory, [plain, Nameserver]),
    Clock = bench_cpu:start(),
    Measured = [
        {Size, cpu(Clock, Peer, {Size, Nameserver})}
     || Size <- ?SIZES
    ],
    Grown = Call(growth, [?MANY_POLLS, Nameserver]),
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
                {ours, "barnacle"}, {plain, "inet_res:lookup, A then AAAA, and ordsets"}
            ]
        ],
        figures => [
            bench_result:at_most(
                "memory of a barnacle beyond its answer", 10, {(Bytes - AnswerBytes) / 1024, " kB"}
            ),
            bench_result:note("its answer of 50 names, once", {AnswerBytes / 1024, " kB"}),
            bench_result:note("memory of a plain process, answer included", {
                PlainBytes / 1024, " kB"
            })
            | [
                bench_result:at_most(
                    ["CPU of a poll ÷ plain, ", integer_to_list(Size), " names"],
                    1,
                    {bench_stats:ratio(Ours, Plain), " ×"}
                )
             || {Size, #{ours := Ours, plain := Plain}} <- Measured
            ] ++
                [bench_result:at_most("grown after 10,000 polls", 0.5, {Grown / 1024, " kB"})]
        ]
    }.

%% Bytes of one of a thousand after its first poll, and of one answer as it is known.
-spec memory(ours | plain, nameserver()) ->
    {float(), non_neg_integer()}.
memory(Who, Nameserver) ->
    Before = used(),
    Pids = [start(Who, {?NAMES, Nameserver}) || _ <- lists:seq(1, ?BARNACLES)],
    lists:foreach(fun(Pid) -> poll(Who, Pid) end, Pids),
    ok = at_rest(Who, Pids),
    After = used(),
    lists:foreach(fun(Pid) -> stop(Who, Pid) end, Pids),
    Names = barnacle_dns:to_names(<<"my_app">>, [
        address(N) || N <- lists:seq(1, ?NAMES)
    ]),
    {(After - Before) / ?BARNACLES, erts_debug:flat_size(Names) * erlang:system_info(wordsize)}.

%% A barnacle that waits for its next poll hibernates. To collect garbage then would make room for
%% more.
at_rest(plain, Pids) ->
    lists:foreach(fun erlang:garbage_collect/1, Pids);
at_rest(ours, Pids) ->
    bed_wait:until(hibernation, fun() -> lists:all(fun is_hibernating/1, Pids) end).

is_hibernating(Pid) ->
    process_info(Pid, current_function) =:= {current_function, {erlang, hibernate, 3}}.

used() ->
    _ = [erlang:garbage_collect(Pid) || Pid <- processes(), not is_hibernating(Pid)],
    erlang:memory(processes_used) + erlang:memory(binary) + erlang:memory(ets).

cpu(Clock, Peer, {Size, Nameserver}) ->
    Case = fun(Who) ->
        fun() ->
            Call = fun() ->
                bed_node:call(Peer, ?MODULE, polls, [Who, {Size, Nameserver}, ?POLLS])
            end,
            bench_cpu:ms(Clock, Peer, Call) / ?POLLS
        end
    end,
    Cases = [{ours, Case(ours)}, {plain, Case(plain)}],
    _ = bench_stats:alternate(1, Cases),
    bench_stats:alternate(?ROUNDS, Cases).

-spec polls(ours | plain, {pos_integer(), nameserver()}, pos_integer()) -> ok.
polls(Who, Answer, Polls) ->
    Pid = start(Who, Answer),
    lists:foreach(fun(_) -> poll(Who, Pid) end, lists:seq(1, Polls)),
    stop(Who, Pid).

%% By how many bytes a barnacle that has polled a while has grown after so many polls more: its
%% process, what the registry knows, and what lies off all heaps.
-spec growth(pos_integer(), nameserver()) -> integer().
growth(Polls, Nameserver) ->
    Pid = start(ours, {?NAMES, Nameserver}),
    Bytes = fun(Count) ->
        lists:foreach(fun(_) -> poll(ours, Pid) end, lists:seq(1, Count)),
        ok = at_rest(ours, [Pid]),
        _ = used(),
        {memory, Heap} = process_info(Pid, memory),
        Table = ets:info(barnacle_registry, memory) * erlang:system_info(wordsize),
        Heap + Table + erlang:memory(binary)
    end,
    Before = Bytes(?POLLS),
    After = Bytes(Polls),
    ok = stop(ours, Pid),
    After - Before.

start(ours, {Size, Nameserver}) ->
    {ok, Server} = barnacle_cluster:start_link(#{
        strategy => {?MODULE, {Size, bench_net:nameserver(Nameserver)}},
        transport => {bench_nodes, Size},
        poll_interval => ?DAY_MS
    }),
    Server;
start(plain, {Size, Nameserver}) ->
    ok = bench_field:use_nameservers([Nameserver]),
    spawn_link(fun() -> plain({query(Size), nodes_of(Size)}, []) end).

poll(ours, Server) ->
    {ok, _} = barnacle_cluster:refresh(Server);
poll(plain, Pid) ->
    Pid ! {poll, self()},
    receive
        {polled, Pid} -> ok
    end.

stop(ours, Server) ->
    barnacle_cluster:shutdown(Server);
stop(plain, Pid) ->
    Pid ! stop,
    ok.

%% What the field's pollers do: what is new is dialled, what is gone is cut. It keeps its last
%% answer, as they do.
plain({Query, Linked} = What, _LastAnswer) ->
    receive
        {poll, From} ->
            Addresses = inet_res:lookup(Query, in, a) ++ inet_res:lookup(Query, in, aaaa),
            Named = ordsets:from_list([
                list_to_atom("my_app@" ++ inet:ntoa(Address))
             || Address <- Addresses
            ]),
            _ = bench_field:connect_one_by_one(ordsets:subtract(Named, Linked)),
            _ = [erlang:disconnect_node(Node) || Node <- ordsets:subtract(Linked, Named)],
            From ! {polled, self()},
            plain(What, Named);
        stop ->
            ok
    end.

%% The DNS strategy, in a VM where all that it finds is linked already, as in nearly every poll.
-spec init({pos_integer(), binary()}) -> {ok, term()}.
init({Size, Nameserver}) ->
    {ok, Dns} = barnacle_strategy_dns:init(#{
        basename => <<"my_app">>, query => list_to_binary(query(Size)), nameservers => [Nameserver]
    }),
    {ok, {Size, Dns}}.

-spec discover(term()) -> {barnacle_strategy:answer(), term()}.
discover({Size, Dns}) ->
    {Answer, Dns1} = barnacle_strategy_dns:discover(Dns),
    {Answer, {Size, Dns1}}.

-spec timeout(term()) -> pos_integer().
timeout({_Size, Dns}) ->
    barnacle_strategy_dns:timeout(Dns).

nodes_of(Size) ->
    case persistent_term:get({?MODULE, Size}, none) of
        none ->
            Nodes = lists:sort([
                list_to_atom("my_app@" ++ inet:ntoa(address(N)))
             || N <- lists:seq(1, Size)
            ]),
            ok = persistent_term:put({?MODULE, Size}, Nodes),
            Nodes;
        Nodes ->
            Nodes
    end.

address(N) ->
    {127, 1, N div 256, N rem 256}.

query(Size) ->
    label(Size) ++ "." ++ ?ZONE.

label(Size) ->
    "peers" ++ integer_to_list(Size).
