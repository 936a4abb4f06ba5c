%% SPDX-License-Identifier: Apache-2.0
-module(bench).

%% Runs measurements: prints their tables and writes bench/results/ID.json, ID.svg and the figures
%% into bench/README.md. Each is a module bench_ID with run/0.

-export([main/1]).

-define(RESULTS, "bench/results").
-define(README, "bench/README.md").
-define(ALL, [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12]).

%% Called as `erl -s bench main p1 p5`, or with `all`.
-spec main([atom()]) -> no_return().
main([all]) ->
    main([]);
main(Wanted) ->
    ok = io:setopts([{encoding, unicode}]),
    ok = bed_app:started(),
    There = [Id || Id <- ?ALL, code:ensure_loaded(module(Id)) =:= {module, module(Id)}],
    case Wanted -- There of
        [] ->
            Ids =
                case Wanted of
                    [] -> There;
                    _ -> Wanted
                end,
            ok = bench_machine:say(),
            %% A measurement's processes and programs are linked to it, and end with it.
            Failed = [Id || Id <- Ids, not measured(Id)],
            halt(min(length(Failed), 1));
        Unknown ->
            io:format("no measurement ~p; there are ~p~n", [Unknown, There]),
            halt(2)
    end.

module(Id) ->
    list_to_atom("bench_" ++ atom_to_list(Id)).

measured(Id) ->
    {Pid, Monitor} = spawn_monitor(fun() -> measure(Id) end),
    receive
        {'DOWN', Monitor, process, Pid, normal} ->
            true;
        {'DOWN', Monitor, process, Pid, Reason} ->
            io:format("~n~p FAILED: ~p~n", [Id, Reason]),
            false
    end.

measure(Id) ->
    Before = erlang:monotonic_time(millisecond),
    Module = module(Id),
    Result = #{id := Id} = Module:run(),
    ok = bench_report:show(Result),
    TookS = (erlang:monotonic_time(millisecond) - Before) / 1000,
    io:format("  took ~.1f s~n", [TookS]),
    File = filename:join(?RESULTS, atom_to_list(Id)),
    ok = filelib:ensure_dir(File),
    Machine = bench_machine:description(),
    Whole = Result#{machine => Machine, took_s => TookS},
    ok = file:write_file(File ++ ".json", bench_json:encode(Whole)),
    ok = bench_plot:draw(Result, File ++ ".svg"),
    {ok, Readme} = file:read_file(?README),
    Described = bench_report:machine_into_readme(Machine, Readme),
    ok = file:write_file(?README, bench_report:into_readme(Result, Described)).
