%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_vm_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% barnacle_native in VMs of its own: without the library, with a stand-in for it, with an EPMD on
%% another port.

-include_lib("eunit/include/eunit.hrl").

%% Called in another VM.
-export([in_fresh/1]).

-define(EUNIT_LIMIT_S, 120).

%% The modules without the library.
missing_library_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        with_vm(fun(Vm, Directory) ->
            {error, Text} = call(Vm, barnacle_native, available, []),
            Said = unicode:characters_to_binary(Text),
            [
                ?assertNotEqual({Part, nomatch}, {Part, binary:match(Said, Part)})
             || Part <- [
                    unicode:characters_to_binary(filename:join(Directory, "priv/barnacle_nif")),
                    <<"make">>,
                    <<"gleam run -m barnacle/install">>
                ]
            ],
            Options = #{timeout => 1000},
            [
                ?assertMatch(
                    {error, {native_library, <<_, _/binary>>}},
                    call(Vm, barnacle_native, Function, Args)
                )
             || {Function, Args} <- [
                    {dns, [<<"a.example">>, Options]},
                    {resolve, [[<<"127.0.0.1">>], Options]},
                    {epmd_names, [[<<"127.0.0.1">>], Options]}
                ]
            ],
            ?assertError(
                {native_library, <<_, _/binary>>}, call(Vm, barnacle_native, diff, [[a], [b], c])
            ),
            ?assertMatch(#{available := false}, call(Vm, barnacle_native, info, [])),
            %% Built meanwhile:
            copy(library(), filename:join(Directory, "priv")),
            ?assertEqual(ok, call(Vm, barnacle_native, available, [])),
            ?assertEqual({[a], [b]}, call(Vm, barnacle_native, diff, [[a], [b], c]))
        end)
    end}.

%% A core that never comes to an end, and one that sends more messages than are waited for.
stand_in_core_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        with_vm(fun(Vm, _) ->
            [
                begin
                    load_stand_in(Vm, Step),
                    Call = {barnacle_native, resolve, [[], #{timeout => 1}]},
                    Came = call(Vm, ?MODULE, in_fresh, [Call]),
                    ?assertEqual({Expected, closed, []}, Came)
                end
             || {Step, Expected} <- [
                    {"{wait, infinity}", {error, timeout}},
                    {"{wait, 0}", {error, timeout}},
                    {"self() ! {select, Op, Ref, ready_input}, {wait, infinity}", {error, timeout}},
                    {"[self() ! {select, Op, Ref, ready_input} || _ <- \"123\"], "
                        "{done, term_to_binary({ok, []})}",
                        {ok, []}},
                    {"{error, closed}", {error, {internal, <<"closed">>}}}
                ]
            ]
        end)
    end}.

epmd_port_test_() ->
    {timeout, ?EUNIT_LIMIT_S, fun() ->
        Epmd = bed_epmd:start(),
        Port = integer_to_list(bed_epmd:port(Epmd)),
        Node = bed_epmd_entry:register("own", 40003, bed_epmd:port(Epmd)),
        Call = fun(Vm) ->
            call(Vm, barnacle_native, epmd_names, [[<<"127.0.0.1">>], #{timeout => 60000}])
        end,
        Known = {ok, [{<<"127.0.0.1">>, {ok, [{<<"own">>, 40003}]}}]},
        [
            with_vm(Options, fun(Vm, _) -> ?assertEqual(Known, Call(Vm)) end)
         || Options <- [#{env => [{"ERL_EPMD_PORT", Port}]}, #{args => ["-epmd_port", Port]}]
        ],
        with_vm(#{env => [{"ERL_EPMD_PORT", "no number"}]}, fun(Vm, _) ->
            ?assertMatch({error, {bad_options, [{port, "no number", _}]}}, Call(Vm))
        end),
        ok = gen_tcp:close(Node),
        bed_epmd:stop(Epmd)
    end}.

%% Help

with_vm(Test) ->
    with_vm(#{}, Test).

%% Calls Test(Peer, Directory) with a VM that runs copies of the modules, in a directory without
%% the library unless options ask for more than the modules.
with_vm(Options, Test) ->
    Temporary = bed_os:temp_dir(),
    %% code:priv_dir/1 goes by this name.
    Directory = filename:join(Temporary, "barnacle"),
    Ebin = filename:join(Directory, "ebin"),
    ok = filelib:ensure_dir(filename:join(Directory, "priv/x")),
    ok = filelib:ensure_dir(filename:join(Ebin, "x")),
    Modules = filename:join(filename:dirname(code:which(barnacle_native)), "barnacle*.{app,beam}"),
    [copy(File, Ebin) || File <- [code:which(?MODULE) | filelib:wildcard(Modules)]],
    [copy(library(), filename:join(Directory, "priv")) || map_size(Options) > 0],
    {ok, Vm, _} = peer:start_link(Options#{
        connection => standard_io, args => ["-pa", Ebin | maps:get(args, Options, [])]
    }),
    {ok, _} = peer:call(Vm, application, ensure_all_started, [barnacle]),
    try
        Test(Vm, Directory)
    after
        peer:stop(Vm),
        ok = file:del_dir_r(Temporary)
    end.

library() ->
    filename:join(code:priv_dir(barnacle), "barnacle_nif.so").

copy(File, Directory) ->
    {ok, _} = file:copy(File, filename:join(Directory, filename:basename(File))).

%% A barnacle_nif that does Step.
load_stand_in(Vm, Step) ->
    Source = [
        "-module(barnacle_nif).",
        "-export([open/2, step/1, close/1]).",
        "open(_, Ref) -> {ok, {operation, Ref}}.",
        "step({operation, Ref} = Op) -> _ = {Op, Ref}, " ++ Step ++ ".",
        "close(_) -> put(closed, closed), ok."
    ],
    {Module, Code} = bed_stand_in:compile(Source),
    {module, Module} = call(Vm, code, load_binary, [Module, "stand-in", Code]),
    _ = call(Vm, persistent_term, erase, [{Module, load_error}]).

%% The result of a call in a process of its own, whether it closed, and what it left in its mailbox.
in_fresh({Module, Function, Args}) ->
    {Pid, Monitor} = spawn_monitor(fun() ->
        Result = apply(Module, Function, Args),
        {messages, Messages} = process_info(self(), messages),
        exit({Result, get(closed), Messages})
    end),
    receive
        {'DOWN', Monitor, process, Pid, Outcome} -> Outcome
    end.

%% With more time than the 5 s of peer:call/4, for a busy machine.
call(Vm, Module, Function, Args) ->
    peer:call(Vm, Module, Function, Args, ?EUNIT_LIMIT_S * 1000).

-endif.
