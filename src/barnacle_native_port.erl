%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_port).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The core in a program of its own: operations that barnacle_port hands to it. No native code is
loaded into the VM.
""").

?BEHAVIOUR(barnacle_native).

-export([available/0, run/3, diff/3, info/0]).

%% For what waits for no network.
-define(TIMEOUT_MS, 10000).

-spec available() -> ok | barnacle_native:unavailable().
available() ->
    case barnacle_port:ask(ready, ?TIMEOUT_MS) of
        ok -> ok;
        {unavailable, _} = Unavailable -> Unavailable;
        %% Out of descriptors or ports for now, as each operation says: there is nothing to build.
        {error, {posix, _}} -> ok;
        Error -> {unavailable, io_lib:format("the port program does not answer: ~0tp", [Error])}
    end.

-spec run(term(), integer(), fun((term()) -> term())) -> term() | barnacle_native:unavailable().
run(Request, DeadlineMs, OnPart) ->
    TimeoutMs = max(0, DeadlineMs - erlang:monotonic_time(millisecond)),
    barnacle_port:ask({open, term_to_binary(Request)}, TimeoutMs, OnPart).

%% The names go to the program as binaries, and positions come back.
-spec diff([Name], [Name], Name) -> {[Name], [Name]} | barnacle_native:unavailable() when
    Name :: barnacle_native:name().
diff(Wanted, Listed, Self) ->
    Names = {to_binaries(Wanted), to_binaries(Listed), to_binary(Self)},
    case ask_diff({diff, term_to_binary(Names)}) of
        {ok, {Connect, Disconnect}} -> {select(Connect, Wanted), select(Disconnect, Listed)};
        {unavailable, _} = Unavailable -> Unavailable;
        {error, Reason} -> erlang:error(Reason)
    end.

-spec info() -> map().
info() ->
    case barnacle_port:ask(info, ?TIMEOUT_MS) of
        {ok, Info} -> Info;
        _ -> #{}
    end.

%% Asking twice does no harm.
ask_diff(Names) ->
    case barnacle_port:ask(Names, ?TIMEOUT_MS) of
        {error, port_program_died} -> barnacle_port:ask(Names, ?TIMEOUT_MS);
        Reply -> Reply
    end.

%% A badarg for what isn't a proper list.
to_binaries(Names) when length(Names) >= 0 -> [to_binary(Name) || Name <- Names];
to_binaries(_) -> erlang:error(badarg).

to_binary(Name) when is_binary(Name) -> Name;
to_binary(Name) when is_atom(Name) -> atom_to_binary(Name);
to_binary(_) -> erlang:error(badarg).

%% The elements at some positions, which are in order and counted from 0.
select(Positions, List) ->
    select(Positions, 0, List).

select([], _, _) -> [];
select([Position | Positions], Position, [Element | Rest]) ->
    [Element | select(Positions, Position + 1, Rest)];
select(Positions, Position, [_ | Rest]) ->
    select(Positions, Position + 1, Rest).
