%% SPDX-License-Identifier: Apache-2.0
-module(bed_faulty).

%% Commits a fault in native code in this VM, on purpose: what runs the tests under a sanitizer must
%% see it (test/sanitize). Started as
%%
%%     erl -noshell -pa ... -run bed_faulty run LIBRARY FAULT

-export([run/1, in_node/1, build/0]).
%% Called in another VM.
-export([commit_all/2, load/1, commit/1]).

-nifs([commit/1]).

%% [Library, without .so, Fault]. The VM halts in good order if it still can.
-spec run([string()]) -> no_return().
run([Library, Fault]) ->
    ok = commit_all(Library, Fault),
    halt().

%% The same in a node of the test-bed, that is then put away.
-spec in_node([string()]) -> no_return().
in_node([Library, Fault]) ->
    {ok, Node} = bed_node:start_link(#{alive => false}),
    ok = bed_node:call(Node, ?MODULE, commit_all, [Library, Fault]),
    ok = bed_node:stop(Node),
    halt().

-spec commit_all(string(), string()) -> ok.
commit_all(Library, Fault) ->
    ok = load(Library),
    Commit = fun() -> commit(list_to_atom(Fault)) end,
    %% Two at the same time, on schedulers of their own.
    Processes = [spawn_monitor(Commit) || _ <- schedulers(Fault), _ <- lists:seq(1, 100)],
    [
        receive
            {'DOWN', Monitor, process, _, normal} -> ok
        end
     || {_, Monitor} <- Processes
    ],
    _ = Commit(),
    ok.

schedulers("data_race") -> [first, second];
schedulers(_) -> [].

%% Builds the library as it is, for a VM that no sanitizer watches. Its file, without .so.
-spec build() -> file:filename().
build() ->
    Test = filename:dirname(proplists:get_value(source, module_info(compile))),
    Source = filename:join([Test, "sanitize", "faulty_nif.cpp"]),
    Library = filename:join(bed_os:temp_dir(), "faulty_nif"),
    Command = "c++ -std=c++20 -shared -fPIC -isystem '~ts/usr/include' -o '~ts.so' '~ts'",
    [] = os:cmd(lists:flatten(io_lib:format(Command, [code:root_dir(), Library, Source]))),
    Library.

-spec load(file:filename()) -> ok.
load(Library) ->
    ok = erlang:load_nif(Library, 0).

%% Gives what the fault gives, where the VM outlives it.
-spec commit(atom()) -> integer().
commit(_Fault) ->
    erlang:nif_error(not_loaded).
