%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_port_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The core as a program of its own, seen from the VM: its owner, its deaths.

-include_lib("eunit/include/eunit.hrl").

%% Called in another VM; a logger's handler.
-export([lookups/1, program/0, log/2]).

-define(LIMIT_S, 120).
-define(LIMIT_MS, 60000).
-define(HOUR_MS, 3600000).

%% Everything that the NIF does, the program does.
as_the_nif_test_() ->
    {setup, fun use_port/0, fun use_default/1, [
        {module, Module} || Module <- [barnacle_native_tests, barnacle_probe_tests]
    ]}.

port_test_() ->
    {foreach, fun use_port/0, fun use_default/1, [
        {timeout, ?LIMIT_S, Test}
     || Test <- [
            {"operations fail when it dies", fun dies/0},
            {"it may die often", fun dies_often/0},
            {"the owner may die too", fun owner_dies/0},
            {"a caller that dies ends its operation", fun caller_dies/0},
            {"who dies before its turn costs nothing", fun caller_dies_before_its_turn/0},
            {"a caller that waits no longer ends its operation", fun caller_gives_up/0},
            {"a program that hangs is replaced", fun hangs/0},
            {"a request too large is refused", fun too_large/0},
            {"replies for nobody are dropped", fun late_replies/0}
        ]
    ]}.

%% Each of 50 that wait hears of it, and the next one works.
dies() ->
    bed_silent:server(fun(Server) ->
        Callers = [spawn_monitor(wait(Server, ?HOUR_MS)) || _ <- lists:seq(1, 50)],
        ok = await_operations(50),
        ok = kill(program()),
        [
            ?assertEqual({said, {error, port_program_died}}, outcome(Caller))
         || Caller <- Callers
        ],
        works()
    end).

dies_often() ->
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => self()}),
    [
        begin
            ok = bed_wait:until(works, fun() -> lookup() =/= {error, port_program_died} end),
            works(),
            ok = barnacle_native:available(),
            ok = kill(program())
        end
     || _ <- lists:seq(1, 5)
    ],
    ok = bed_wait:until(works, fun() -> lookup() =/= {error, port_program_died} end),
    ok = logger:remove_handler(?MODULE),
    %% Of five deaths, at growing gaps; others may have died young before. A death that a write
    %% finds first has other words.
    Said = [{How, Text} || {{died, How, _, _}, Text} <- logged()],
    ?assert(length(Said) >= 1 andalso length(Said) < 5, Said),
    [
        ?assertNotEqual(
            nomatch,
            string:prefix(Text, [
                "barnacle barnacle_port: the port program ", How,
                ", and its operations have failed; the next one starts in "
            ])
        )
     || {How, Text} <- Said
    ].

owner_dies() ->
    bed_silent:server(fun(Server) ->
        Callers = [spawn_monitor(wait(Server, ?HOUR_MS)) || _ <- lists:seq(1, 5)],
        ok = await_operations(5),
        Program = program(),
        exit(whereis(barnacle_port), kill),
        [?assertEqual({said, {error, port_program_died}}, outcome(Caller)) || Caller <- Callers],
        ok = bed_wait:until(gone, fun() -> not bed_node:is_running(Program) end),
        works(),
        ?assertNotEqual(Program, program())
    end).

caller_dies() ->
    bed_silent:server(fun(Server) ->
        Callers = [spawn(wait(Server, ?HOUR_MS)) || _ <- lists:seq(1, 50)],
        ok = await_operations(50),
        [exit(Caller, kill) || Caller <- Callers],
        ok = await_operations(0)
    end).

caller_dies_before_its_turn() ->
    works(),
    bed_silent:server(fun(Server) ->
        ok = sys:suspend(barnacle_port),
        Before = written(),
        Callers = [spawn_monitor(wait(Server, ?HOUR_MS)) || _ <- lists:seq(1, 50)],
        ok = bed_wait:until(asked, fun() ->
            {message_queue_len, Count} = process_info(whereis(barnacle_port), message_queue_len),
            Count >= 50
        end),
        [exit(Caller, kill) || {Caller, _} <- Callers],
        [killed = outcome(Caller) || Caller <- Callers],
        ok = sys:resume(barnacle_port),
        %% It answers after what came before.
        {error, unknown_call} = gen_server:call(barnacle_port, anything),
        ?assertEqual(Before, written())
    end).

%% How many bytes the program has been sent.
written() ->
    erlang:port_info(port(), output).

%% The core keeps its deadline by itself; here the caller has a shorter one.
caller_gives_up() ->
    bed_silent:server(fun(Server) ->
        Request = term_to_binary(bed_silent:request(Server, ?HOUR_MS)),
        ?assertEqual({error, timeout}, barnacle_port:ask({open, Request}, 20)),
        ok = await_operations(0),
        ?assertEqual({messages, []}, process_info(self(), messages))
    end).

hangs() ->
    works(),
    Program = program(),
    [] = os:cmd("kill -s STOP " ++ integer_to_list(Program)),
    Request = term_to_binary(bed_port_program:resolve([<<"127.0.0.1">>])),
    Waits = spawn_monitor(fun() -> exit({said, lookup()}) end),
    ?assertEqual({error, timeout}, barnacle_port:ask({open, Request}, 20)),
    ?assertEqual({said, {error, port_program_died}}, outcome(Waits)),
    ok = bed_wait:until(gone, fun() -> not bed_node:is_running(Program) end),
    works().

too_large() ->
    Huge = {open, binary:copy(<<0>>, 64 * 1024 * 1024 + 1)},
    {error, {bad_request, Text}} = barnacle_port:ask(Huge, ?LIMIT_MS),
    ?assertNotEqual(nomatch, binary:match(Text, <<"too long">>)),
    works().

late_replies() ->
    Port = port(),
    Owner = whereis(barnacle_port),
    Owner ! {Port, {data, <<(1 bsl 60):64, 131, 106>>}},
    Owner ! {overdue, make_ref()},
    Owner ! something,
    ?assertEqual({error, unknown_call}, gen_server:call(Owner, something)),
    works(),
    ?assertEqual(Owner, whereis(barnacle_port)).

log(#{msg := {report, #{what := port_program} = Report}, meta := Meta}, #{config := Pid}) ->
    #{report_cb := Format} = Meta,
    {Text, Args} = Format(Report),
    Pid ! {logged, {maps:get(detail, Report), lists:flatten(io_lib:format(Text, Args))}};
log(_Event, _Config) ->
    ok.

logged() ->
    receive
        {logged, Line} -> [Line | logged()]
    after 0 -> []
    end.

%% What the VM maps, and what is left of it

nothing_native_is_loaded_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_priv:with_vm(?MODULE, fun(Vm, _) ->
            ok = bed_node:call(Vm, ?MODULE, lookups, [10]),
            {ok, Maps} = file:read_file("/proc/" ++ bed_node:call(Vm, os, getpid, []) ++ "/maps"),
            ?assertEqual(nomatch, binary:match(Maps, [<<"barnacle">>, <<"cares">>, <<"libuv">>])),
            ?assertEqual(false, bed_node:call(Vm, code, is_loaded, [barnacle_nif])),
            %% The same, were it otherwise.
            ok = bed_node:call(Vm, application, set_env, [barnacle, native, nif]),
            ok = bed_node:call(Vm, ?MODULE, lookups, [1]),
            {ok, Other} = file:read_file("/proc/" ++ bed_node:call(Vm, os, getpid, []) ++ "/maps"),
            ?assertNotEqual(nomatch, binary:match(Other, <<"barnacle_nif">>))
        end)
    end}.

lookups(Count) ->
    [works() || _ <- lists:seq(1, Count)],
    {[a], [b]} = barnacle_native:diff([a], [b], c),
    ok.

%% Whether it waits for something or not when the VM is killed.
nothing_is_left_of_a_killed_vm_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_silent:server(fun(Server) ->
            [
                begin
                    {ok, Node} = bed_node:start(#{
                        alive => false, args => ["-barnacle", "native", "port"]
                    }),
                    ok = bed_node:call(Node, ?MODULE, lookups, [1]),
                    Wait = [barnacle_native, dns, dns_arguments(Server, ?HOUR_MS)],
                    [bed_node:call(Node, erlang, spawn, Wait) || _ <- lists:seq(1, Waiting)],
                    ok = bed_node:call(Node, bed_load, await_operations, [Waiting]),
                    Program = bed_node:call(Node, ?MODULE, program, []),
                    ok = bed_node:kill(Node),
                    ok = bed_wait:until(gone, fun() -> not bed_node:is_running(Program) end),
                    ok = bed_node:stop(Node)
                end
             || Waiting <- [0, 50]
            ]
        end)
    end}.

%% Settings of the VM

environment_test() ->
    ?assertEqual([], barnacle_environment:problems()),
    ok = application:set_env(barnacle, native, elsewhere),
    ok = application:set_env(barnacle, max_new_atoms, -1),
    {error, {bad_options, Problems}} = barnacle_cluster:start_link(#{strategy => local_epmd}),
    ?assertMatch([{native, elsewhere, _}, {max_new_atoms, -1, _}], Problems),
    [{_, _, Text} | _] = Problems,
    ?assertEqual(
        <<"in the environment of the application barnacle: must be one of nif, port">>, Text
    ),
    ?assertEqual(nif, barnacle_environment:get(native)),
    ok = application:unset_env(barnacle, native),
    ok = application:unset_env(barnacle, max_new_atoms).

%% Help

use_port() ->
    ok = application:set_env(barnacle, native, port).

use_default(_) ->
    ok = application:unset_env(barnacle, native).

works() ->
    ?assertMatch({ok, [{_, {ok, _}}]}, lookup()).

lookup() ->
    barnacle_native:resolve([<<"127.0.0.1">>], #{timeout => ?LIMIT_MS}).

wait(Server, TimeoutMs) ->
    fun() -> exit({said, apply(barnacle_native, dns, dns_arguments(Server, TimeoutMs))}) end.

dns_arguments(Server, TimeoutMs) ->
    [<<"host.example.">>, #{timeout => TimeoutMs, nameservers => [bed_silent:nameserver(Server)]}].

outcome({Pid, Monitor}) ->
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> Reason
    after ?LIMIT_MS -> still_running
    end.

await_operations(Count) ->
    bed_wait:until({operations, Count}, fun() ->
        maps:get(operations, barnacle_native:info()) =:= Count
    end).

port() ->
    {links, Links} = process_info(whereis(barnacle_port), links),
    [Port] = [Link || Link <- Links, is_port(Link)],
    Port.

program() ->
    {os_pid, Pid} = erlang:port_info(port(), os_pid),
    Pid.

kill(Pid) ->
    [] = os:cmd("kill -s KILL " ++ integer_to_list(Pid)),
    bed_wait:until(gone, fun() -> not bed_node:is_running(Pid) end).

-endif.
