%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_load_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% More operations at once than may run, and fewer descriptors than they want: over the NIF and over
%% the port program.

-include_lib("eunit/include/eunit.hrl").

%% Called in another VM.
-export([fail_without_descriptors/0, start_with_nothing/1, time_left/0]).

-define(LIMIT_S, 120).
-define(LIMIT_MS, 60000).
-define(HOUR_MS, 3600000).

load_test_() ->
    [
        {setup, fun() -> use(Native) end, fun(_) -> use_defaults() end, [
            {timeout, ?LIMIT_S, {text(Native, What), Test}}
         || {What, Test} <- [
                {"ten thousand at once", fun ten_thousand/0}
            ]
        ]}
     || Native <- [nif, port]
    ].

text(Native, What) ->
    atom_to_list(Native) ++ ": " ++ What.

%% At most a hundred run, and all end with their deadline.
ten_thousand() ->
    ok = application:set_env(barnacle, max_operations, 100),
    LimitMs = bed_long:stretched(3000),
    bed_silent:server(fun(Server) ->
        Callers = [spawn_monitor(ask(Server, LimitMs)) || _ <- lists:seq(1, 10000)],
        %% Ten thousand callers are to leave it time to look.
        Before = process_flag(priority, high),
        Most = most_operations(0, Callers),
        _ = process_flag(priority, Before),
        {Ran, Waited} = lists:partition(fun ran/1, [outcome(Caller) || Caller <- Callers]),
        ?assertNotEqual([], Ran),
        ?assertEqual([{error, timeout}], lists:usort(Waited)),
        ?assert(Most > 0 andalso Most =< 100, Most),
        works()
    end).

ran({ok, #{a := {error, timeout}, aaaa := {error, timeout}}}) -> true;
ran(_) -> false.

%% Looks until all have ended.
most_operations(Most, Callers) ->
    Now = operations(),
    case lists:any(fun({Pid, _}) -> is_process_alive(Pid) end, Callers) of
        true -> most_operations(max(Most, Now), Callers);
        false -> Most
    end.

%% Who got in late has what is left of its time, not all of it again: a stand-in for the core gives
%% the timeout that it was asked to keep.
late_ones_have_less_time_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        {ok, Node} = bed_node:start(#{alive => false, args => ["-barnacle", "native", "nif"]}),
        try
            {Given, Left} = bed_node:call(Node, ?MODULE, time_left, []),
            ?assert(Left > 0 andalso Left < Given, {Given, Left})
        after
            bed_node:stop(Node)
        end
    end}.

time_left() ->
    Source = [
        "-module(barnacle_nif).",
        "-export([open/2, step/1, close/1]).",
        "open(Request, _) -> {_, #{timeout_ms := Ms}} = binary_to_term(Request), {ok, Ms}.",
        "step(Ms) -> {done, term_to_binary(Ms)}.",
        "close(_) -> ok."
    ],
    {Module, Code} = bed_stand_in:compile(Source),
    {module, Module} = code:load_binary(Module, "stand-in", Code),
    ok = application:set_env(barnacle, max_operations, 1),
    Resolve = fun() -> barnacle_native:resolve([], #{timeout => ?LIMIT_MS}) end,
    Given = Resolve(),
    at_once = barnacle_queue:enter(erlang:monotonic_time(millisecond)),
    Caller = spawn_monitor(fun() -> exit({outcome, Resolve()}) end),
    BeganMs = erlang:monotonic_time(millisecond),
    ok = bed_wait:until(waits, fun() ->
        maps:get(waiting, barnacle_queue:info()) =:= 1 andalso
            erlang:monotonic_time(millisecond) > BeganMs + 1
    end),
    ok = barnacle_queue:leave(),
    {Given, outcome(Caller)}.

%% No descriptors left: an error that says so, and what comes afterwards works.
descriptors_test_() ->
    [
        {timeout, ?LIMIT_S,
            {text(Native, "no descriptors"), fun() -> without_descriptors(Native) end}}
     || Native <- [nif, port]
    ].

without_descriptors(Native) ->
    case bed_os:find("prlimit") of
        false ->
            io:format(user, "skipped: no descriptors: no prlimit~n", []);
        Prlimit ->
            {ok, Node} = bed_node:start(#{
                alive => false,
                exec => {Prlimit, ["--nofile=120:120", bed_os:find("erl")]},
                args => ["-barnacle", "native", atom_to_list(Native), "max_operations", "100"]
            }),
            try
                ok = bed_node:call(Node, ?MODULE, fail_without_descriptors, [])
            after
                bed_node:stop(Node)
            end
    end.

fail_without_descriptors() ->
    %% There will be none for loading code.
    [{module, _} = code:ensure_loaded(Module) || Module <- [bed_wait, bed_long]],
    bed_silent:server(fun(Server) ->
        works(),
        Callers = [spawn_monitor(ask(Server, ?HOUR_MS)) || _ <- lists:seq(1, 100)],
        %% Some have what they need and wait, the others say what they lack.
        Failed = bed_wait:until(settled, fun() ->
            Running = [Caller || {Pid, _} = Caller <- Callers, is_process_alive(Pid)],
            case operations() =:= length(Running) andalso length(Running) < 100 of
                true -> {true, Callers -- Running};
                false -> length(Running)
            end
        end),
        [
            case outcome(Caller) of
                {error, {posix, emfile}} ->
                    ok;
                {ok, Result} ->
                    #{a := {error, {posix, emfile}}, aaaa := {error, {posix, emfile}}} = Result
            end
         || Caller <- Failed
        ],
        [exit(Pid, kill) || {Pid, _} <- Callers],
        ok = bed_wait:until(ended, fun() -> operations() =:= 0 end),
        works()
    end).

%% The first operation of a VM that has no descriptors, or no ports, left: an error that says so,
%% and the next one works when there are some. Only the port program takes a port.
nothing_to_start_with_test_() ->
    [
        {timeout, ?LIMIT_S,
            {text(Native, lists:concat(["first operation without ", What])), fun() ->
                first_without(What, Native, Expected)
            end}}
     || {What, Native, Expected} <- [
            {descriptors, nif, {error, {posix, emfile}}},
            {descriptors, port, {error, {posix, emfile}}},
            {ports, nif, ok},
            {ports, port, {error, {posix, system_limit}}}
        ]
    ].

first_without(What, Native, Expected) ->
    case bed_os:find("prlimit") of
        false ->
            io:format(user, "skipped: first operation: no prlimit~n", []);
        Prlimit ->
            %% A VM has 1024 ports at least.
            Limit = case What of descriptors -> "120"; ports -> "2048" end,
            {ok, Node} = bed_node:start(#{
                alive => false,
                exec => {Prlimit, ["--nofile=" ++ Limit ++ ":" ++ Limit, bed_os:find("erl")]},
                args => ["+Q", "1024", "-barnacle", "native", atom_to_list(Native)]
            }),
            try
                {First, OfRound, Then} = bed_node:call(Node, ?MODULE, start_with_nothing, [What]),
                ?assertEqual({Expected, ok}, {First, Then}),
                %% A round says the same, or exits with it where it gets as far as comparing names.
                case Expected of
                    {error, Why} ->
                        {Kind, Why} = OfRound,
                        ?assert(Kind =:= strategy_error orelse Kind =:= exit, Kind);
                    ok -> ?assertEqual({strategy_error, {posix, econnrefused}}, OfRound)
                end
            after
                bed_node:stop(Node)
            end
    end.

start_with_nothing(What) ->
    [{module, _} = code:ensure_loaded(Module) || Module <- [bed_wait, bed_long]],
    %% There is nothing to load code with later.
    Beams = filelib:wildcard("*.beam", filename:dirname(code:which(barnacle_native))),
    ok = code:ensure_modules_loaded([list_to_atom(filename:rootname(Beam)) || Beam <- Beams]),
    Taken = take(What, []),
    First = lookup(),
    OfRound = round(),
    [ok = Give() || Give <- Taken],
    ok = bed_wait:until(works, fun() -> lookup() =:= ok end),
    {First, OfRound, lookup()}.

round() ->
    Dns = #{
        basename => <<"a">>, query => <<"a.example.">>, timeout => ?LIMIT_MS,
        nameservers => [<<"127.0.0.1:1">>]
    },
    try barnacle_cluster:run_once(#{strategy => {dns, Dns}}) of
        {error, Error} -> Error
    catch
        exit:{Reason, _Stacktrace} -> {exit, Reason}
    end.

take(descriptors, Taken) ->
    case file:open("/dev/null", [read, raw]) of
        {ok, File} -> take(descriptors, [fun() -> file:close(File) end | Taken]);
        {error, emfile} -> Taken
    end;
take(ports, Taken) ->
    try open_port({spawn_driver, "ram_file_drv"}, []) of
        Port -> take(ports, [fun() -> true = port_close(Port), ok end | Taken])
    catch
        error:system_limit -> Taken
    end.

lookup() ->
    case barnacle_native:resolve([<<"127.0.0.1">>], #{timeout => ?LIMIT_MS}) of
        {ok, [{_, {ok, [_]}}]} -> ok;
        Error -> Error
    end.

%% Help

use(Native) ->
    ok = application:set_env(barnacle, native, Native).

use_defaults() ->
    ok = application:unset_env(barnacle, native),
    ok = application:unset_env(barnacle, max_operations).

works() ->
    {ok, [{_, {ok, _}}]} =
        barnacle_native:resolve([<<"127.0.0.1">>], #{timeout => ?LIMIT_MS}),
    ok.

ask(Server, TimeoutMs) ->
    Options = #{timeout => TimeoutMs, nameservers => [bed_silent:nameserver(Server)]},
    fun() -> exit({outcome, barnacle_native:dns(<<"host.example.">>, Options)}) end.

operations() ->
    maps:get(operations, barnacle_native:info()).

outcome({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, {outcome, Outcome}} -> Outcome
    after ?LIMIT_MS -> still_running
    end.

-endif.
