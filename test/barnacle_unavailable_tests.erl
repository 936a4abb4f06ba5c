%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_unavailable_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% What a person reads if the native core is not built, lacks a shared library, or was built for
%% another system: real files, made from the ones that were built here.

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT_S, 120).

%% The VM's own loader, and that of the system, say what is wrong.
files_that_cannot_be_used_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_priv:with_vm(?MODULE, fun(Vm, Priv) ->
            [
                begin
                    ok = bed_node:call(Vm, application, set_env, [barnacle, native, Native]),
                    File = filename:join(Priv, Name),
                    {ok, Built} = file:read_file(File),
                    [
                        begin
                            _ = file:delete(File),
                            _ = Broken =:= none orelse write(File, Broken),
                            says(Vm, {Native, What}, Parts, Not)
                        end
                     || {What, Broken, Parts, Not} <- broken(Native, Built)
                    ],
                    _ = file:delete(File),
                    ok = write(File, Built),
                    ok = bed_wait:until({works, Native}, fun() ->
                        bed_node:call(Vm, barnacle_native, available, []) =:= ok
                    end)
                end
             || {Native, Name} <- [{port, "barnacle_port"}, {nif, "barnacle_nif.so"}]
            ]
        end)
    end}.

broken(Native, Built) ->
    %% What no system has, in as many letters.
    Lacking = binary:replace(Built, <<"libcares.so.2">>, <<"libcarez.so.2">>),
    <<Head:18/binary, _Machine:16, Tail/binary>> = Built,
    AnotherMachine = <<Head/binary, 16#f3:16/little, Tail/binary>>,
    Packages = ["apt-get install libc-ares2 libuv1\n", "libcares2 libuv1t64", "apk add c-ares"],
    Names = case Native of nif -> ["libcarez.so.2"]; port -> [] end,
    [
        {not_built, none, ["does not exist", "run `make`", "gleam run -m"], ["apt-get"]},
        {lacking, Lacking, Names ++ Packages, ["`make`"]},
        {other_machine, AnotherMachine, ["another processor", "run `make`"], ["apt-get"]}
    ].

other_otp_test_() ->
    {timeout, ?LIMIT_S, fun() ->
        bed_priv:with_vm(?MODULE, fun(Vm, Priv) ->
            ok = bed_node:call(Vm, application, set_env, [barnacle, native, nif]),
            File = filename:join(Priv, "barnacle_nif.so"),
            ok = file:delete(File),
            Source = filename:join(Priv, "newer.c"),
            ok = file:write_file(Source, [
                "#include <erl_nif.h>\n#undef ERL_NIF_MINOR_VERSION\n"
                "#define ERL_NIF_MINOR_VERSION 99\n"
                "static ErlNifFunc functions[] = {};\n"
                "ERL_NIF_INIT(barnacle_nif, functions, 0, 0, 0, 0)\n"
            ]),
            Include = filename:join([code:root_dir(), "usr", "include"]),
            [] = os:cmd(lists:flatten([
                "cc -shared -fPIC -I", Include, " -o ", File, $\s, Source
            ])),
            says(Vm, other_otp, ["a newer Erlang/OTP", "run `make`"], ["apt-get"])
        end)
    end}.

%% What other loaders say.
causes_test_() ->
    [
        ?_assertEqual({Text, Cause}, {Text, barnacle_unavailable:cause(Text)})
     || {Cause, Text} <- [
            {{shared_library, <<"libuv.so.1">>},
                "priv/barnacle_nif.so Failed to load NIF library: 'Error loading shared library "
                "libuv.so.1: No such file or directory (needed by priv/barnacle_nif.so)'"},
            {other_system,
                "Failed to load NIF library: '/lib/libc.so.6: version `GLIBC_2.38' not found'"},
            {other_system, "Failed to load NIF library: 'x.so: undefined symbol: ares_x'"},
            {other, "was built for another version of barnacle"},
            {other, "the port program does not answer: {error,timeout}"}
        ]
    ].

says(Vm, What, Parts, Not) ->
    bed_wait:until(What, fun() ->
        case bed_node:call(Vm, barnacle_native, available, []) of
            {error, Text} ->
                Said = unicode:characters_to_list(Text),
                Is = fun(Part) -> string:find(Said, Part) =/= nomatch end,
                lists:all(Is, Parts) andalso not lists:any(Is, Not) orelse Said;
            ok ->
                works
        end
    end).

write(File, Bytes) ->
    ok = file:write_file(File, Bytes),
    file:change_mode(File, 8#755).

-endif.
