%% SPDX-License-Identifier: Apache-2.0
-module(bed_epmd).

%% An EPMD of one's own: the program of OTP on a port of 127.0.0.1 that nobody else uses.

-export([start/0, start_link/0, port/1, stop/1, kill/1, restart/1, program/0]).

-export_type([epmd/0]).

-opaque epmd() :: {Server :: pid(), inet:port_number()}.

-define(ATTEMPTS, 20).

%% Starts it and waits until it answers; start/0 doesn't link it to the caller.
-spec start() -> epmd().
start() ->
    start(fun bed_os:start/1, ?ATTEMPTS).

-spec start_link() -> epmd().
start_link() ->
    start(fun bed_os:start_link/1, ?ATTEMPTS).

%% For ERL_EPMD_PORT.
-spec port(epmd()) -> inet:port_number().
port({_, Port}) ->
    Port.

-spec stop(epmd()) -> ok.
stop({Server, _}) ->
    bed_os:stop(Server).

%% Kills it; restart/1 can follow.
-spec kill(epmd()) -> ok.
kill({Server, _}) ->
    bed_os:signal(Server, "KILL").

%% Ends it, and starts one that knows nobody on the same port, linked to the caller.
-spec restart(epmd()) -> epmd().
restart({Server, Port}) ->
    ok = stop({Server, Port}),
    bed_wait:until({epmd, Port}, fun() ->
        {ok, Next} = bed_os:start_link(options(Port)),
        case bed_wait:until({epmd, Port}, fun() -> answers(Next, Port) end) of
            yes -> {true, {Next, Port}};
            no -> bed_os:stop(Next)
        end
    end).

%% The port may be taken between our look and its start: then it ends at once, and another one is
%% tried.
start(Start, Attempts) when Attempts > 0 ->
    Port = bed_ports:port(),
    {ok, Server} = Start(options(Port)),
    case bed_wait:until({epmd, Port}, fun() -> answers(Server, Port) end) of
        yes ->
            {Server, Port};
        no ->
            ok = bed_os:stop(Server),
            start(Start, Attempts - 1)
    end.

%% It binds the loopback addresses of both families, and nothing else.
options(Port) ->
    Args = ["-port", integer_to_list(Port), "-address", "127.0.0.1"],
    #{program => program(), args => Args}.

answers(Server, Port) ->
    case gen_tcp:connect({127, 0, 0, 1}, Port, []) of
        {ok, Socket} ->
            ok = gen_tcp:close(Socket),
            %% Another's EPMD may be the one that answered.
            {true, running(Server)};
        {error, _} ->
            case running(Server) of
                yes -> not_yet;
                no -> {true, no}
            end
    end.

running(Server) ->
    case bed_os:output(Server) of
        {running, _} -> yes;
        {{exited, _}, _} -> no
    end.

%% Its path: Debian has it in PATH; an OTP built by hand keeps it with the emulator.
-spec program() -> string().
program() ->
    case bed_os:find("epmd") of
        false ->
            [Program | _] = filelib:wildcard(filename:join(code:root_dir(), "erts-*/bin/epmd")),
            Program;
        Program ->
            Program
    end.
