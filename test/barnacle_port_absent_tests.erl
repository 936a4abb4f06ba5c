%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_port_absent_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Where there is no port program, or none that works.

-include_lib("eunit/include/eunit.hrl").

%% Called in another VM.
-export([serve/0, join/1, kill_program/0]).

-define(LIMIT_S, 120).
-define(LIMIT_MS, 60000).
-define(HOUR_MS, 3600000).

programs_that_do_not_work_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_priv:with_vm(?MODULE, fun(Vm, Priv) ->
            Program = filename:join(Priv, "barnacle_port"),
            ok = file:delete(Program),
            unavailable(Vm, ["barnacle_port does not exist", "make", "gleam run -m"]),
            ?assertMatch(
                {error, {native_library, <<_, _/binary>>}},
                bed_node:call(Vm, barnacle_native, resolve, [[<<"127.0.0.1">>], #{timeout => 1000}])
            ),
            ?assertError(
                {native_library, <<_, _/binary>>},
                bed_node:call(Vm, barnacle_native, diff, [[a], [b], c])
            ),
            ok = file:write_file(Program, "no program"),
            unavailable(Vm, ["is no program that may be run"]),
            [
                begin
                    ok = bed_priv:replace(Program, Script),
                    unavailable(Vm, [Says])
                end
             || {Script, Says} <- [
                    {"exit 3\n", "ended with status 3"},
                    {"kill -s SEGV $$\n", "was ended by signal 11"},
                    {frames(<<0:64, (term_to_binary({ok, #{protocol => 99}}))/binary>>),
                        "another version"}
                ]
            ],
            %% Built meanwhile:
            ok = bed_priv:install(Program),
            ok = bed_wait:until(available, fun() ->
                bed_node:call(Vm, barnacle_native, available, []) =:= ok
            end),
            ?assertEqual({[a], [b]}, bed_node:call(Vm, barnacle_native, diff, [[a], [b], c]))
        end)
    end}.

%% A comparison needs no program.
refreshes_without_a_program_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_priv:with_vm(?MODULE, fun(Vm, Priv) ->
            Refresh = fun() ->
                bed_node:call(Vm, barnacle_cluster, refresh, [served, ?LIMIT_MS])
            end,
            ok = bed_node:call(Vm, ?MODULE, serve, []),
            ok = bed_wait:until(good, fun() -> Refresh() =:= {ok, peers()} end),
            ok = file:delete(filename:join(Priv, "barnacle_port")),
            ok = bed_node:call(Vm, ?MODULE, kill_program, []),
            ?assertEqual({ok, peers()}, Refresh()),
            ok = bed_node:call(Vm, application, set_env, [barnacle_test, source, gone]),
            ?assertEqual({error, {strategy_error, gone}}, Refresh())
        end)
    end}.

%% A server whose rounds need nothing but the diff.
serve() ->
    Functions = #{
        discover => fun() ->
            case application:get_env(barnacle_test, source) of
                undefined -> {ok, peers()};
                {ok, Why} -> {error, Why}
            end
        end,
        connect => fun ?MODULE:join/1,
        disconnect => fun(Nodes) -> {ok, Nodes} end,
        list => fun() -> {ok, application:get_env(barnacle_test, joined, [])} end
    },
    {ok, Pid} = barnacle_cluster:start_link(#{
        name => served, strategy => {custom, Functions}, poll_interval => ?HOUR_MS, log => none
    }),
    true = unlink(Pid),
    ok.

peers() ->
    [a@h, b@h].

join(Nodes) ->
    Joined = application:get_env(barnacle_test, joined, []),
    ok = application:set_env(barnacle_test, joined, lists:usort(Nodes ++ Joined)),
    {ok, Nodes}.

%% A script that writes one frame and waits.
frames(Frame) ->
    Bytes = <<(byte_size(Frame)):32, Frame/binary>>,
    ["printf '", [io_lib:format("\\~3.8.0b", [Byte]) || <<Byte>> <= Bytes], "'\ncat >/dev/null\n"].

unavailable(Vm, Parts) ->
    bed_wait:until({unavailable, Parts}, fun() ->
        {error, Text} = bed_node:call(Vm, barnacle_native, available, []),
        Said = unicode:characters_to_binary(Text),
        case [Part || Part <- Parts, binary:match(Said, list_to_binary(Part)) =:= nomatch] of
            [] -> true;
            _ -> Said
        end
    end).

kill_program() ->
    {links, Links} = process_info(whereis(barnacle_port), links),
    [Port] = [Link || Link <- Links, is_port(Link)],
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    [] = os:cmd("kill -s KILL " ++ integer_to_list(Pid)),
    ok.

-endif.
