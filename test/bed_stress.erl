%% SPDX-License-Identifier: Apache-2.0
-module(bed_stress).

%% All that the native core does in a VM, many times at once, with callers that are killed in the
%% middle and the library loaded anew meanwhile: for those who look for races and leaks in it
%% (test/sanitize). Started as
%%
%%     erl -noshell -pa ... -run bed_stress run SECONDS
%%
%% It prints what was done and a line of totals. Each kind of work must have come to its end, and
%% must have been killed, and nothing may be left.

-export([run/1]).

-define(AT_ONCE, 60).
-define(KILL_WITHIN_MS, 40).
-define(RELOAD_MS, 500).
-define(LONG_MS, 3600000).
%% More names than a diff takes on a normal scheduler.
-define(LONG_LIST, 5000).
-define(KINDS, [dns, dns_silent, resolve, epmd_names, epmd_silent, probe, short_diff, long_diff]).

-record(state, {
    servers :: #{atom() => term()},
    end_ms :: integer(),
    reload_ms :: integer(),
    reloads = 0 :: non_neg_integer(),
    running = #{} :: #{pid() => atom()},
    ended = #{} :: #{{atom(), done | failed | killed} => pos_integer()}
}).

-spec run([string()]) -> no_return().
run([Seconds]) ->
    ok = bed_app:started(),
    %% Random, and told, so that what it does can be had again; when things happen cannot.
    Seed = erlang:phash2(make_ref()),
    _ = rand:seed(exsss, Seed),
    NowMs = now_ms(),
    #state{ended = Ended, reloads = Reloads} = mix(#state{
        servers = servers(),
        end_ms = NowMs + list_to_integer(Seconds) * 1000,
        reload_ms = NowMs + ?RELOAD_MS
    }),
    io:format("seed ~b, ~b schedulers, ~b reloads; done, failed, killed:~n", [
        Seed, erlang:system_info(schedulers_online), Reloads
    ]),
    Rows = [
        {Kind, [count({Kind, How}, Ended) || How <- [done, failed, killed]]}
     || Kind <- ?KINDS
    ],
    [io:format("    ~-12s ~8b ~8b ~8b~n", [Kind | Counts]) || {Kind, Counts} <- Rows],
    Left = left(),
    Checks =
        [{{Kind, done}, is_silent(Kind) orelse Done > 0} || {Kind, [Done | _]} <- Rows] ++
            [{{Kind, killed}, Killed > 0} || {Kind, [_, _, Killed]} <- Rows] ++
            [{reloads, Reloads > 0}, {{left, Left}, Left =:= 0}],
    Failed = [Check || {Check, false} <- Checks],
    [io:format("FAILED  ~0tp~n", [Check]) || Check <- Failed],
    io:format("~b passed, ~b failed, 0 skipped~n", [
        length(Checks) - length(Failed), length(Failed)
    ]),
    halt(min(1, length(Failed))).

is_silent(Kind) ->
    lists:member(Kind, [dns_silent, epmd_silent]).

count(Key, Ended) ->
    maps:get(Key, Ended, 0).

%% Operations that live, once there need be none.
left() ->
    try
        bed_load:await_operations(0),
        0
    catch
        error:{never, _, #{operations := Count}} -> Count
    end.

servers() ->
    Port = bed_ports:port(),
    [Good, Silent, Endless] = bed_ports:addresses(3),
    Names = [{"n" ++ integer_to_list(N), 1024 + N} || N <- lists:seq(1, 50)],
    _ = bed_epmd_script:start_link({Good, Port}, bed_epmd_script:knowing(Names)),
    _ = bed_epmd_script:start_link({Silent, Port}, [hold]),
    _ = bed_epmd_script:start_link({Endless, Port}, [{endless, binary:copy(<<"x">>, 10000)}]),
    Answers = bed_dns_script:start_link([
        {'_', a, [{192, 0, 2, N} || N <- lists:seq(1, 20)]}, {'_', aaaa, nxdomain}
    ]),
    #{
        answers => bed_dns_script:nameserver(Answers),
        says_nothing => bed_dns_script:nameserver(bed_dns_script:start_link([{'_', '_', drop}])),
        epmd_port => Port,
        epmds => [text(Address) || Address <- [Good, Endless]],
        silent_epmd => text(Silent)
    }.

text(Address) ->
    list_to_binary(inet:ntoa(Address)).

mix(#state{end_ms = EndMs, running = Running} = State) ->
    case now_ms() of
        NowMs when NowMs >= EndMs, map_size(Running) =:= 0 ->
            State;
        NowMs when NowMs >= EndMs ->
            [exit(Pid, kill) || Pid <- maps:keys(Running)],
            mix(await(State));
        NowMs when NowMs >= State#state.reload_ms ->
            mix(reloaded(State#state{reload_ms = NowMs + ?RELOAD_MS}));
        _ when map_size(Running) < ?AT_ONCE ->
            mix(begun(lists:nth(rand:uniform(length(?KINDS)), ?KINDS), State));
        _ ->
            mix(await(State))
    end.

%% Every other is killed for sure, after a time that is often in the middle of a step.
begun(Kind, #state{servers = Servers, running = Running} = State) ->
    {Pid, _} = spawn_monitor(fun() -> exit({came, work(Kind, Servers)}) end),
    _ = [
        erlang:send_after(rand:uniform(?KILL_WITHIN_MS + 1) - 1, self(), {kill, Pid})
     || is_silent(Kind) orelse rand:uniform(2) =:= 1
    ],
    State#state{running = Running#{Pid => Kind}}.

await(#state{running = Running, ended = Ended} = State) ->
    receive
        {kill, Pid} ->
            exit(Pid, kill),
            State;
        {'DOWN', _, process, Pid, Reason} when is_map_key(Pid, Running) ->
            {Kind, Left} = maps:take(Pid, Running),
            Key = {Kind, how(Reason)},
            [ok = failed(Error) || {came, {error, Error}} <- [Reason]],
            State#state{running = Left, ended = Ended#{Key => count(Key, Ended) + 1}}
    end.

%% Anything else is a fault, and ends this.
how({came, {ok, _}}) -> done;
how({came, {error, _}}) -> failed;
how(killed) -> killed.

%% An operation that belonged to a library that was loaded anew meanwhile.
failed({internal, <<"closed">>}) -> ok.

%% Whoever runs old code is killed by the purge, in the library too.
reloaded(#state{reloads = Reloads} = State) ->
    {module, barnacle_nif} = code:load_file(barnacle_nif),
    _ = code:purge(barnacle_nif),
    State#state{reloads = Reloads + 1}.

work(dns, #{answers := Nameserver}) ->
    barnacle_native:dns(<<"x.test.">>, options(Nameserver));
work(dns_silent, #{says_nothing := Nameserver}) ->
    barnacle_native:dns(<<"x.test.">>, options(Nameserver));
work(resolve, #{answers := Nameserver}) ->
    Names = [<<"a.test.">>, <<"b.test.">>, <<"127.0.0.1">>, <<"localhost">>],
    barnacle_native:resolve(Names, options(Nameserver));
work(epmd_names, #{epmds := Epmds, epmd_port := Port}) ->
    barnacle_native:epmd_names(Epmds, #{port => Port, timeout => ?LONG_MS});
work(epmd_silent, #{silent_epmd := Epmd, epmd_port := Port}) ->
    barnacle_native:epmd_names([Epmd], #{port => Port, timeout => ?LONG_MS});
work(probe, #{epmds := [Epmd | _], epmd_port := Port}) ->
    Targets = [{Name, Epmd} || Name <- [<<"n1">>, <<"n2">>, <<"none">>]],
    barnacle_native:probe(Targets, #{epmd_port => Port, timeout => ?LONG_MS});
work(short_diff, _) ->
    diff(20);
work(long_diff, _) ->
    diff(?LONG_LIST).

options(Nameserver) ->
    #{nameservers => [Nameserver], timeout => ?LONG_MS}.

diff(Count) ->
    Wanted = [name(N) || N <- lists:seq(1, Count)],
    Listed = [name(N) || N <- lists:seq(Count div 2, Count * 2)],
    {[_ | _], [_ | _]} = barnacle_native:diff(Wanted, Listed, name(1)),
    {ok, diff}.

name(N) ->
    <<"node", (integer_to_binary(N))/binary, "@host.example">>.

now_ms() ->
    erlang:monotonic_time(millisecond).
