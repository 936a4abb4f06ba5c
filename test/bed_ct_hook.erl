%% SPDX-License-Identifier: Apache-2.0
-module(bed_ct_hook).

%% A Common Test hook that skips what cannot work here (bed_skips), and says which cases were
%% skipped or failed, and why, in lines that test/run shows.

-export([id/1, init/2, pre_init_per_testcase/4, on_tc_fail/4, on_tc_skip/4]).

-spec id(term()) -> ?MODULE.
id(_Options) ->
    ?MODULE.

-spec init(term(), term()) -> {ok, []}.
init(_Id, _Options) ->
    {ok, []}.

%% Skips what cannot work here.
-spec pre_init_per_testcase(module(), atom(), Config, []) -> {Config | {skip, string()}, []}.
pre_init_per_testcase(Suite, Case, Config, State) ->
    case bed_skips:reason(Suite, Case) of
        none -> {Config, State};
        Skip -> {Skip, State}
    end.

%% One line, so that the end of a run can name every failure; Common Test tells the rest.
-spec on_tc_fail(module(), term(), term(), []) -> [].
on_tc_fail(Suite, {Case, Group}, Why, State) ->
    say_failed(Suite, io_lib:format("~ts (~ts)", [Case, Group]), Why, State);
on_tc_fail(Suite, Case, Why, State) ->
    say_failed(Suite, io_lib:format("~tp", [Case]), Why, State).

say_failed(Suite, Case, Why, State) ->
    io:format(user, "FAILED  ~ts:~ts: ~0tP~n", [Suite, Case, Why, 40]),
    State.

-spec on_tc_skip(module(), term(), term(), []) -> [].
on_tc_skip(_Suite, {Configuration, _Group}, _Why, State) when
    Configuration =:= init_per_group; Configuration =:= end_per_group
->
    State;
on_tc_skip(Suite, {Case, Group}, {tc_user_skip, Why}, State) ->
    say(Suite, io_lib:format("~ts (~ts)", [Case, Group]), Why, State);
on_tc_skip(Suite, Case, {tc_user_skip, Why}, State) ->
    say(Suite, io_lib:format("~tp", [Case]), Why, State);
on_tc_skip(Suite, Case, {tc_auto_skip, Why}, State) ->
    %% What Common Test skips by itself counts as failed.
    on_tc_fail(Suite, Case, Why, State).

say(Suite, Case, Why, State) ->
    %% The test server's own output is elsewhere.
    io:format(user, "skipped: ~ts: ~ts: ~ts~n", [Suite, Case, text(Why)]),
    State.

text({skipped, Why}) -> text(Why);
text({skip, Why}) -> text(Why);
text(Why) when is_list(Why) -> Why;
text(Why) -> io_lib:format("~0tp", [Why]).
