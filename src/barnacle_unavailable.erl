%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_unavailable).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Why the native library or the port program cannot be used, with what to do: it is not built, a
shared library that it needs is missing, or it was built for another system or another Erlang/OTP.
Pure.
""").

-export([explain/1, cause/1]).

-export_type([cause/0]).

?DOC("shared_library: its name, where the loader gives it.").
-type cause() ::
    not_built | {shared_library, binary() | unknown} | other_system | other_otp | other.

-define(MISSING, [
    %% glibc, for what a library or a program needs; musl; what musl says without a file name.
    "(?:^|[\\s'\":])([^\\s'\"/]+\\.so[.0-9]*): cannot open shared object file",
    "Error loading shared library ([^\\s:/]+\\.so[.0-9]*): No such file"
]).

%% The loader of a library for another machine says that the library itself is not there.
-define(OTHER_SYSTEM, [
    "wrong ELF class",
    "invalid ELF header",
    "file too short",
    "Exec format error",
    "GLIBC(XX)?_[0-9.]+' not found",
    "undefined symbol",
    "symbol not found",
    "/barnacle_nif\\.so: cannot open shared object file",
    %% ENOENT and ENOEXEC of exec(2): no such loader, no such machine.
    "ended with status (2|8)$"
]).

?DOC("What was seen, with its cause and what to do.").
-spec explain(unicode:chardata()) -> binary().
explain(Seen) ->
    unicode:characters_to_binary([string:trim(Seen, trailing, "."), ". ", remedy(cause(Seen))]).

?DOC("The cause, by what the VM, the system's loader or a shell said.").
-spec cause(unicode:chardata()) -> cause().
cause(Seen) ->
    Text = unicode:characters_to_binary(Seen),
    Is = fun(Patterns) ->
        lists:any(fun(Pattern) -> re:run(Text, Pattern) =/= nomatch end, Patterns)
    end,
    case library(Text, ?MISSING) of
        {ok, Library} ->
            {shared_library, Library};
        none ->
            first([
                {Is(["does not exist$", "is missing \\("]), not_built},
                {Is(["ended with status 127$"]), {shared_library, unknown}},
                {Is(?OTHER_SYSTEM), other_system},
                {Is(["Library version .* not compatible", "needs erts-"]), other_otp},
                {true, other}
            ])
    end.

first([{true, Cause} | _]) -> Cause;
first([{false, _} | Rest]) -> first(Rest).

library(_Text, []) ->
    none;
library(Text, [Pattern | Patterns]) ->
    case re:run(Text, Pattern, [{capture, all_but_first, binary}]) of
        {match, [<<"barnacle_nif.so">>]} -> none;
        {match, [Library]} -> {ok, Library};
        nomatch -> library(Text, Patterns)
    end.

remedy({shared_library, Library}) ->
    [
        "It is built, but this system lacks ", lacking(Library), ". Install the runtime packages:\n"
        "  Debian 12 (bookworm):  apt-get install libc-ares2 libuv1\n"
        "  Debian 13 (trixie):    apt-get install libcares2 libuv1t64\n"
        "  Alpine:                apk add c-ares libuv libstdc++"
    ];
remedy(other_system) ->
    "It was built for another processor or another C library. Build it on the system on which it "
    "runs, or in the same image: " ++ build();
remedy(other_otp) ->
    "It was built for a newer Erlang/OTP than this one. Build it again with the Erlang/OTP that "
    "runs it: " ++ build();
remedy(_) ->
    "Build it: " ++ build().

lacking(unknown) -> "a shared library that it needs (the line before, on standard error, names it)";
lacking(Library) -> ["the shared library ", Library].

build() ->
    "run `make` in the directory of barnacle, or, in a Gleam project, "
    "`gleam run -m barnacle/install`".
