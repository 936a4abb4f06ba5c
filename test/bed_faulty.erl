%% SPDX-License-Identifier: Apache-2.0
-module(bed_faulty).

%% Commits a fault in native code in this VM, on purpose: what runs the tests under a sanitizer must
%% see it (test/sanitize). Started as
%%
%%     erl -noshell -pa ... -run bed_faulty run LIBRARY FAULT

-export([run/1, in_node/1]).
%% Called in another VM.
-export([commit_all/2]).

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
    ok = erlang:load_nif(Library, 0),
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

commit(_Fault) ->
    erlang:nif_error(not_loaded).
