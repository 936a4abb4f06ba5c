%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_install).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Builds the native library where the package's sources are: gleam run -m barnacle/install.

Gleam links priv into its build directory and runs no hook of rebar3; what the link points to has
the package's root above it, with c_src beside.
""").

-export([main/0]).

?DOC("Builds, shows what make says, and loads the library. Halts with 1 where that fails.").
-spec main() -> nil.
main() ->
    case install() of
        {ok, Priv} ->
            io:format("barnacle: the native library in ~ts works~n", [Priv]),
            nil;
        {error, Text} ->
            io:format(standard_error, "barnacle: ~ts~n", [Text]),
            halt(1)
    end.

install() ->
    case code:priv_dir(barnacle) of
        {error, bad_name} ->
            {error, "no application barnacle on the code path; run this with gleam, in a project "
                "that has barnacle among its dependencies"};
        Dir ->
            Priv = followed(Dir),
            case sources(filename:dirname(Priv)) of
                {ok, Sources} -> built(Sources, Priv);
                {error, _} = Error -> Error
            end
    end.

followed(Dir) ->
    case file:read_link_all(Dir) of
        {ok, Target} -> filename:absname(Target, filename:dirname(filename:absname(Dir)));
        {error, _} -> filename:absname(Dir)
    end.

sources(Root) ->
    Sources = filename:join(Root, "c_src"),
    case filelib:is_regular(filename:join(Sources, "Makefile")) of
        true ->
            {ok, Sources};
        false ->
            {error, [
                "no Makefile in ", Sources, ", so this is not barnacle's source tree; "
                "make barnacle a path or git dependency"
            ]}
    end.

built(Sources, Priv) ->
    case make() of
        {ok, Make} ->
            case run(Make, ["-C", Sources, "PRIV=" ++ Priv]) of
                0 -> loaded(Priv);
                S -> {error, io_lib:format("make failed (exit status ~b); see above", [S])}
            end;
        {error, _} = Error ->
            Error
    end.

make() ->
    case os:find_executable(gnu_make(os:type())) of
        false ->
            {error,
                "no make on the PATH. What building needs is in these packages:\n"
                "  Debian, Ubuntu:  apt-get install g++ make pkg-config libc-ares-dev libuv1-dev "
                "erlang-dev\n"
                "  Alpine:          apk add g++ make pkgconf c-ares-dev libuv-dev erlang-dev\n"
                "  Homebrew:        brew install pkg-config c-ares libuv erlang"};
        Make ->
            {ok, Make}
    end.

gnu_make({unix, System}) when System =:= freebsd; System =:= netbsd; System =:= openbsd -> "gmake";
gnu_make(_) -> "make".

%% make writes to our own output as it goes; how long a compiler takes is for whoever watches it.
run(Program, Args) ->
    Port = open_port({spawn_executable, Program}, [{args, Args}, exit_status, nouse_stdio]),
    receive
        {Port, {exit_status, Status}} -> Status
    end.

%% The library may have been missing when its module was loaded.
loaded(Priv) ->
    _ = code:purge(barnacle_nif),
    _ = code:load_file(barnacle_nif),
    case barnacle_native:available() of
        ok -> {ok, Priv};
        {error, Text} -> {error, ["built, but it doesn't load: ", Text]}
    end.
