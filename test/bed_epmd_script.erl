%% SPDX-License-Identifier: Apache-2.0
-module(bed_epmd_script).

%% EPMDs that do what they are told to, each on a loopback address of its own: many hosts, and all
%% that can be wrong with one. (A real EPMD always binds 127.0.0.1 too, so there can be one only.)

-export([start_link/2, names/1, names/2, knowing/1, stop/1]).

-export_type([script/0, step/0]).

%% What a connection does once the NAMES_REQ has been read; it is closed at the end. One that knows
%% names tells their ports too, and one that holds does so whatever it is asked; all others close
%% where anything but the names is asked for.
-type script() :: [step()] | [{knowing, [{Name :: string(), inet:port_number()}]}].
-type step() ::
    {send, iodata()}
    | {pause, Ms :: non_neg_integer()}
    %% The same bytes until the other side closes.
    | {endless, iodata()}
    %% Nothing, until the other side closes.
    | hold
    %% Closed with a reset (RST).
    | reset.

-define(NAMES_REQ, 110).
-define(PORT_PLEASE2_REQ, 122).
-define(PORT2_RESP, 119).

%% Starts one on {Address, Port}, linked to the caller; every connection runs the script.
-spec start_link({inet:ip_address(), inet:port_number()}, script()) -> pid().
start_link({Address, Port}, Script) ->
    Owner = self(),
    Ref = make_ref(),
    %% It traps exits so that it ends with its owner also where that ends normally.
    Pid = spawn_link(fun() ->
        process_flag(trap_exit, true),
        {ok, Listen} = gen_tcp:listen(Port, [
            binary, {ip, Address}, {active, false}, {packet, 2}, {backlog, 128}, {nodelay, true}
        ]),
        _ = spawn_link(fun() -> accept(Listen, Script) end),
        Owner ! Ref,
        receive
            {'EXIT', _, _} -> exit(shutdown)
        end
    end),
    receive
        Ref -> Pid
    end.

%% The steps of a well-behaved EPMD that knows these names: NAMES_RESP of the EPMD protocol.
-spec names([{Name :: iodata(), inet:port_number()}]) -> script().
names(Names) ->
    names(Names, 4369).

%% The same, telling this port as its own.
-spec names([{Name :: iodata(), inet:port_number()}], inet:port_number()) -> script().
names(Names, Port) ->
    [{send, [<<Port:32>> | [line(Name) || Name <- Names]]}].

%% The same that tells the names' ports too: PORT2_RESP, of a node of today.
-spec knowing([{Name :: string(), inet:port_number()}]) -> script().
knowing(Names) ->
    [{knowing, Names}].

-spec stop(pid()) -> ok.
stop(Pid) ->
    unlink(Pid),
    exit(Pid, shutdown),
    _ = bed_wait:gone(Pid),
    ok.

line({Name, Port}) ->
    ["name ", Name, " at port ", integer_to_list(Port), "\n"].

accept(Listen, Script) ->
    {ok, Socket} = gen_tcp:accept(Listen),
    Server = spawn_link(fun() ->
        receive
            go -> connection(Socket, Script)
        end
    end),
    ok = gen_tcp:controlling_process(Socket, Server),
    Server ! go,
    accept(Listen, Script).

connection(Socket, Script) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Request} ->
            ok = inet:setopts(Socket, [{packet, raw}]),
            run(steps(Request, Script), Socket);
        _ ->
            gen_tcp:close(Socket)
    end.

steps(Request, Script) when is_function(Script) -> steps(Request, Script());
steps(<<?NAMES_REQ>>, [{knowing, Names}]) -> names(Names);
steps(<<?NAMES_REQ>>, Script) -> Script;
steps(<<?PORT_PLEASE2_REQ, Name/binary>>, [{knowing, Names}]) -> [{send, port(Name, Names)}];
steps(_, [hold]) -> [hold];
steps(_, _) -> [].

port(Name, Names) ->
    case lists:keyfind(binary_to_list(Name), 1, Names) of
        {_, Port} ->
            <<?PORT2_RESP, 0, Port:16, $M, 0, 6:16, 5:16, (byte_size(Name)):16, Name/binary, 0:16>>;
        false ->
            <<?PORT2_RESP, 1>>
    end.

run([{send, Bytes} | Script], Socket) ->
    case gen_tcp:send(Socket, Bytes) of
        ok -> run(Script, Socket);
        {error, _} -> gen_tcp:close(Socket)
    end;
run([{pause, Ms} | Script], Socket) ->
    receive
    after Ms -> run(Script, Socket)
    end;
run([{endless, Bytes}] = Script, Socket) ->
    case gen_tcp:send(Socket, Bytes) of
        ok -> run(Script, Socket);
        {error, _} -> gen_tcp:close(Socket)
    end;
run([hold | _], Socket) ->
    _ = gen_tcp:recv(Socket, 1),
    gen_tcp:close(Socket);
run([reset | _], Socket) ->
    ok = inet:setopts(Socket, [{linger, {true, 0}}]),
    gen_tcp:close(Socket);
run([], Socket) ->
    gen_tcp:close(Socket).
