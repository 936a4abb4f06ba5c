%% SPDX-License-Identifier: Apache-2.0
-module(bed_priv).

%% A VM with a directory priv of its own, in which the port program can be missing or another one.

-export([with_vm/2, replace/2, install/1]).

%% Calls Test(Node, Priv) with a VM that uses the port program, and has the modules and what is
%% built of the core in a directory of its own; the tests' modules are where Module is.
-spec with_vm(module(), fun((bed_node:name(), file:filename()) -> Result)) -> Result.
with_vm(Module, Test) ->
    Temporary = bed_os:temp_dir(),
    Directory = filename:join(Temporary, "barnacle"),
    Ebin = filename:dirname(code:which(barnacle_native)),
    ok = filelib:ensure_dir(filename:join([Directory, "ebin", "x"])),
    [] = os:cmd(lists:flatten(["cp '", Ebin, "'/barnacle* '", Directory, "/ebin'"])),
    [] = os:cmd(lists:flatten(["cp -rL '", code:priv_dir(barnacle), "' '", Directory, "/priv'"])),
    {ok, Node} = bed_node:start(#{
        alive => false,
        args => ["-barnacle", "native", "port"],
        code_path => [filename:dirname(code:which(Module)), filename:join(Directory, "ebin")]
    }),
    try
        Test(Node, filename:join(Directory, "priv"))
    after
        bed_node:stop(Node),
        ok = file:del_dir_r(Temporary)
    end.

%% A shell script in the place of the program; what runs keeps the file that it was started from.
-spec replace(file:filename(), iodata()) -> ok.
replace(Program, Script) ->
    _ = file:delete(Program),
    ok = file:write_file(Program, ["#!/bin/sh\n", Script]),
    ok = file:change_mode(Program, 8#755).

%% The program that was built.
-spec install(file:filename()) -> ok.
install(Program) ->
    _ = file:delete(Program),
    {ok, _} = file:copy(bed_port_program:path(), Program),
    file:change_mode(Program, 8#755).
