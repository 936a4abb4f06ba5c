%% SPDX-License-Identifier: Apache-2.0
-module(bench_p2).

%% P2: the names that 1,000 EPMDs know, ten of them on dead hosts, under a deadline of 1 s.

-export([run/0, ours/2, at_once/2, one_by_one/1]).

-define(LIVE, 990).
-define(DEAD, 10).
-define(DEADLINE_MS, 1000).
-define(ROUNDS, 4).

-spec run() -> bench_result:result().
run() ->
    Measured = [{RttMs, measure(RttMs)} || RttMs <- bench_net:rtts_ms()],
    #{
        id => p2,
        title => <<"The names that 1,000 EPMDs know, 10 of them dead, deadline 1 s">>,
        plot => <<"ms">>,
        rows => lists:append([rows(RttMs, Samples) || {RttMs, Samples} <- Measured]),
        figures => lists:append([figures(RttMs, Samples) || {RttMs, Samples} <- Measured])
    }.

measure(RttMs) ->
    Port = bed_ports:port(),
    {Live, Dead} = lists:split(?LIVE, bed_ports:addresses(?LIVE + ?DEAD)),
    Epmds = bench_net:epmds(Port, RttMs, #{live => Live, dead => Dead}),
    Peer = bench_net:peer(#{env => [{"ERL_EPMD_PORT", integer_to_list(Port)}]}),
    Hosts = Live ++ Dead,
    Clock = bench_cpu:start(),
    Call = fun(Function, Args) ->
        fun() ->
            Self = self(),
            Ref = make_ref(),
            CpuMs = bench_cpu:ms(Clock, Peer, fun() ->
                Self ! {Ref, bed_node:call(Peer, ?MODULE, Function, Args)}
            end),
            receive
                {Ref, {WallMs, Answered, Asked}} -> {WallMs, CpuMs, Answered, Asked}
            end
        end
    end,
    Cases = [
        {ours, Call(ours, [[list_to_binary(inet:ntoa(Host)) || Host <- Hosts], Port])},
        {at_once, Call(at_once, [Hosts, ?DEADLINE_MS])}
    ],
    Samples = bench_stats:alternate(?ROUNDS, Cases),
    %% A dead host costs it the two minutes of the system's TCP: here it is spared them.
    Alone = bench_stats:alternate(1, [{one_by_one, Call(one_by_one, [few(RttMs, Live)])}]),
    ok = bed_node:stop(Peer),
    ok = bed_os:stop(Epmds),
    maps:merge(Samples, Alone).

%% As many as make a second or two; the time of all is reckoned from them.
few(RttMs, Live) ->
    lists:sublist(Live, min(length(Live), 1000 div max(1, RttMs))).

%% Each gives {wall ms, hosts that answered, hosts that were asked}.
-spec ours([binary()], inet:port_number()) -> {float(), integer(), integer()}.
ours(Hosts, Port) ->
    counted(fun() ->
        {ok, Results} = barnacle_native:epmd_names(Hosts, #{
            timeout => ?DEADLINE_MS, port => Port
        }),
        [Result || {_Host, Result} <- Results]
    end).

-spec at_once([inet:ip_address()], pos_integer()) -> {float(), integer(), integer()}.
at_once(Hosts, LimitMs) ->
    counted(fun() -> bench_field:names_at_once(Hosts, LimitMs) end).

-spec one_by_one([inet:ip_address()]) -> {float(), integer(), integer()}.
one_by_one(Hosts) ->
    counted(fun() -> bench_field:names_one_by_one(Hosts) end).

counted(Fun) ->
    Self = self(),
    WallUs = bench_stats:timed(fun() -> Self ! {results, Fun()} end),
    receive
        {results, Results} ->
            Answered = length([ok || {ok, [_ | _]} <- Results]),
            {WallUs / 1000, Answered, length(Results)}
    end.

rows(RttMs, #{ours := Ours, at_once := AtOnce, one_by_one := OneByOne}) ->
    Rtt = bench_net:rtt_text(RttMs),
    [
        bench_result:row(Group, Series, "ms", [element(Element, Sample) || Sample <- Samples])
     || {Group, Element} <- [{Rtt, 1}, {[Rtt, ", CPU"], 2}],
        {Series, Samples} <- [{"barnacle", Ours}, {"a process a host, erl_epmd:names", AtOnce}]
    ] ++
        [
            bench_result:row(Rtt, "one after the other, none dead", "ms", [
                WallMs * ?LIVE / Asked
             || {WallMs, _, _, Asked} <- OneByOne
            ])
        ].

figures(RttMs, #{ours := Ours, at_once := AtOnce}) ->
    Rtt = bench_net:rtt_text(RttMs),
    Of = fun(Element, Samples) -> [element(Element, Sample) || Sample <- Samples] end,
    [
        bench_result:at_most(["in all, ", Rtt], 1100, {bench_stats:summary(Of(1, Ours)), " ms"}),
        bench_result:at_least(
            ["hosts that answered, ", Rtt], ?LIVE, {bench_stats:summary(Of(3, Ours)), ""}
        ),
        bench_result:note(
            ["hosts that answered a process each, ", Rtt],
            {bench_stats:summary(Of(3, AtOnce)), ""}
        ),
        bench_result:at_most(
            ["CPU ÷ a process a host, ", Rtt],
            1 / 3,
            {bench_stats:ratio(Of(2, Ours), Of(2, AtOnce)), " ×"}
        )
    ].
