%% SPDX-License-Identifier: Apache-2.0
-module(bench_machine).

%% Where and on what a measurement ran.

-export([description/0, say/0]).

-spec description() -> #{atom() => binary() | number()}.
description() ->
    #{cares := Cares, libuv := Libuv} = barnacle_native:info(),
    #{
        cores => erlang:system_info(logical_processors_available),
        processor => processor(),
        kernel => command("uname -sr"),
        otp => otp(),
        cares => Cares,
        libuv => Libuv,
        compiler => command("c++ --version | head -n 1"),
        load_1min => load(),
        date => date_text()
    }.

-spec say() -> ok.
say() ->
    maps:foreach(
        fun
            (Key, Value) when is_binary(Value) -> io:format("  ~-10s ~ts~n", [Key, Value]);
            (Key, Value) -> io:format("  ~-10s ~p~n", [Key, Value])
        end,
        description()
    ).

processor() ->
    command("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1").

otp() ->
    Release = erlang:system_info(otp_release),
    File = filename:join([code:root_dir(), "releases", Release, "OTP_VERSION"]),
    case file:read_file(File) of
        {ok, Version} -> string:trim(Version);
        {error, _} -> list_to_binary(erlang:system_info(otp_release))
    end.

load() ->
    {ok, Text} = file:read_file("/proc/loadavg"),
    binary_to_float(hd(binary:split(Text, <<" ">>))).

date_text() ->
    {{Year, Month, Day}, _} = calendar:universal_time(),
    iolist_to_binary(io_lib:format("~b-~2..0b-~2..0b", [Year, Month, Day])).

command(Command) ->
    unicode:characters_to_binary(string:trim(os:cmd(Command))).
