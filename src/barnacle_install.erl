%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_install).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Builds the native library where the package's sources are: gleam run -m barnacle/install.

Gleam links priv into its build directory and runs no hook of rebar3; what the link points to has
the package's root above it, with c_src beside.
""").

-export([main/0]).

?DOC("""
Builds the library, in parallel, and loads it. Prints two lines. If the build fails, prints what
make and the compiler say, and halts with status 1.
""").
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
            io:format("barnacle: building the native library; this can take a minute~n"),
            Args = ["--no-print-directory", "-C", Sources, "PRIV=" ++ Priv],
            case run(Make, Args) of
                {0, _Output} ->
                    loaded(Priv);
                {Status, Output} ->
                    io:put_chars(standard_error, text(Output)),
                    {error, io_lib:format("make failed (exit status ~b); see above", [Status])}
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

%% What make and compilers say is shown only if they fail. How long a compiler takes has no limit
%% here: the person at the terminal can end it.
run(Program, Args) ->
    Port = open_port({spawn_executable, Program}, [
        {args, Args}, exit_status, stderr_to_stdout, binary
    ]),
    output(Port, []).

output(Port, Output) ->
    receive
        {Port, {data, Data}} -> output(Port, [Output, Data]);
        {Port, {exit_status, Status}} -> {Status, iolist_to_binary(Output)}
    end.

%% Compilers quote names as the locale says, or write bytes of no encoding.
text(Output) ->
    case unicode:characters_to_binary(Output) of
        Text when is_binary(Text) -> Text;
        _ -> unicode:characters_to_binary(Output, latin1)
    end.

%% The library may have been missing when its module was loaded.
loaded(Priv) ->
    _ = code:purge(barnacle_nif),
    _ = code:load_file(barnacle_nif),
    case barnacle_native:available() of
        ok -> {ok, Priv};
        {error, Text} -> {error, ["built, but it doesn't load: ", Text]}
    end.
