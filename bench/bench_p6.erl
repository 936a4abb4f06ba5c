%% SPDX-License-Identifier: Apache-2.0
-module(bench_p6).

%% P6: a lookup with a dead first name server, and one whose sole name server takes 2 s.

-export([run/0]).

-define(NAME, "peers.bench.test").
-define(TIMEOUT_MS, 10000).
-define(ROUNDS, 3).
-define(SLOW_MS, 2000).

-spec run() -> bench_result:result().
run() ->
    Dead = [{RttMs, dead_first(RttMs)} || RttMs <- bench_net:rtts_ms()],
    Slow = slow(),
    #{
        id => p6,
        title => <<"A lookup with a dead first name server, and with a slow one">>,
        plot => <<"ms">>,
        rows =>
            lists:append([
                rows(["first dead, ", bench_net:rtt_text(RttMs)], Samples)
             || {RttMs, Samples} <- Dead
            ]) ++ rows("sole, takes 2 s", Slow),
        figures =>
            [
                bench_result:at_most(
                    ["first dead: time beyond the RTT, ", bench_net:rtt_text(RttMs)],
                    300,
                    {bench_stats:summary([Ms - RttMs || Ms <- Ours]), " ms"}
                )
             || {RttMs, #{barnacle := Ours}} <- Dead
            ] ++
            [
                bench_result:note(
                    ["first dead: inet_res ÷ barnacle, ", bench_net:rtt_text(RttMs)],
                    {bench_stats:ratio(Theirs, Ours), " ×"}
                )
             || {RttMs, #{barnacle := Ours, getbyname := Theirs}} <- Dead
            ] ++
            [
                bench_result:at_most(
                    "sole server that takes 2 s",
                    2200,
                    {bench_stats:summary(maps:get(barnacle, Slow)), " ms"}
                )
            ]
    }.

dead_first(RttMs) ->
    measure([bench_net:silent(), bench_net:name_server(RttMs, 3)], ?ROUNDS).

slow() ->
    measure([bench_net:name_server(?SLOW_MS, 3)], 2).

measure(Servers, Rounds) ->
    Nameservers = [bench_net:nameserver(Server) || Server <- Servers],
    ok = bench_field:use_nameservers(Servers),
    bench_stats:alternate(Rounds, [
        {barnacle, fun() -> ms(fun() -> ours(Nameservers) end) end},
        %% However it ends: with a slow server it may well fail.
        {getbyname, fun() -> ms(fun() -> catch bench_field:getbyname(?NAME) end) end}
    ]).

ours(Nameservers) ->
    {ok, #{a := {addresses, _}, aaaa := {addresses, _}}} = barnacle_native:dns(
        <<?NAME>>, #{timeout => ?TIMEOUT_MS, nameservers => Nameservers}
    ).

ms(Fun) ->
    bench_stats:timed(Fun) / 1000.

rows(Group, #{barnacle := Ours, getbyname := Theirs}) ->
    [
        bench_result:row(Group, "barnacle", "ms", Ours),
        bench_result:row(Group, "inet_res:getbyname, A then AAAA", "ms", Theirs)
    ].
