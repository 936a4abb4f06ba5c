%% SPDX-License-Identifier: Apache-2.0
-module(bed_skips).

%% Tests that cannot work where they are run now, by name: the environment's BED_SKIPS names a file
%% with lines such as
%%
%%     barnacle_nif_SUITE:killed_workers_leave_nothing: freed memory is kept for a while
%%
%% Each of them is skipped with its reason, and counted. Other lines are not for it.

-export([all/0, reason/2]).

%% All that are named.
-spec all() -> [{module(), atom(), Reason :: string()}].
all() ->
    case os:getenv("BED_SKIPS") of
        false -> [];
        File -> in(file:read_file(File))
    end.

%% Why this one is skipped, if it is.
-spec reason(module(), atom()) -> {skip, string()} | none.
reason(Module, Name) ->
    case [Reason || {M, N, Reason} <- all(), M =:= Module, N =:= Name] of
        [Reason | _] -> {skip, Reason};
        [] -> none
    end.

in({ok, Text}) ->
    Pattern = "^(\\w+):(\\w+): (.+)$",
    Options = [global, multiline, {capture, all_but_first, list}],
    case re:run(Text, Pattern, Options) of
        {match, Lines} -> [{list_to_atom(M), list_to_atom(N), Why} || [M, N, Why] <- Lines];
        nomatch -> []
    end;
in({error, enoent}) ->
    [].
