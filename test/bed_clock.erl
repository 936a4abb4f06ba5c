%% SPDX-License-Identifier: Apache-2.0
-module(bed_clock).

%% A clock of time and date that can be set, for nodes of the test-bed, by libfaketime. What is
%% monotonic goes on as it did.

-export([missing/0, new/0, env/1, set/2]).

-export_type([clock/0]).

-opaque clock() :: {Holder :: pid(), File :: string()}.

%% Why there can be none here, if so.
-spec missing() -> none | string().
missing() ->
    case library() of
        false -> "libfaketime is not installed (Debian: faketime)";
        _ -> none
    end.

%% A clock that shows the right time. Its file goes with the process that called this.
-spec new() -> clock().
new() ->
    Dir = bed_os:temp_dir(),
    {ok, Holder} = bed_os:start_link(#{
        program => bed_os:find("sleep"), args => ["infinity"], remove => Dir
    }),
    Clock = {Holder, filename:join(Dir, "time")},
    ok = set(Clock, 0),
    Clock.

%% The environment of a node that goes by it.
-spec env(clock()) -> [{string(), string()}].
env({_, File}) ->
    [
        {"LD_PRELOAD", library()},
        {"FAKETIME_TIMESTAMP_FILE", File},
        {"FAKETIME_NO_CACHE", "1"},
        {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
        {"DONT_FAKE_MONOTONIC", "1"}
    ].

%% Sets it so many seconds before or after the right time, for all nodes that go by it.
-spec set(clock(), Seconds :: integer()) -> ok.
set({_, File}, Seconds) ->
    Sign = [$+ || Seconds >= 0],
    ok = file:write_file(File ++ ".new", [Sign, integer_to_list(Seconds), "\n"]),
    file:rename(File ++ ".new", File).

%% The one for programs with threads.
library() ->
    case filelib:wildcard("/usr/lib/*/faketime/libfaketimeMT.so.1") of
        [Library | _] -> Library;
        [] -> false
    end.
