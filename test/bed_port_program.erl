%% SPDX-License-Identifier: Apache-2.0
-module(bed_port_program).

%% The port program by hand: frames, and bytes that are none. It runs in a pipeline behind `head`,
%% which closes its standard input after so many bytes; its exit status comes after its last frame.

-export([start/1, send/2, frame/2, frame/3, next/1, status/1, os_pid/1, cut/1, release/1, stop/1]).
-export([path/0, resolve/1]).

-export_type([program/0, options/0]).

%% bytes: of send/2, until its standard input closes (no end). limit: of its descriptors. held: what
%% it is sent first, while nobody reads what it writes until release/1.
-type options() :: #{bytes => pos_integer(), limit => pos_integer(), held => iodata()}.

-type program() :: #{port := port(), pid := pos_integer(), dir := file:filename()}.

-define(LIMIT_MS, 60000).

%% What feeds it is a process of its own, so that it can be cut off; nobody is held for ever.
-define(SHELL,
    "exec 3>&1\n"
    "feed() { sh -c 'echo $$ >\"$0/feeder\"; exec \"$@\"' \"$@\"; }\n"
    "{ if test -n \"$5\"; then feed \"$4\" cat \"$4/frames\" -\n"
    "  else feed \"$4\" stdbuf -o0 head -c \"$1\"; fi; } | {\n"
    "  test -z \"$2\" || ulimit -n \"$2\"\n"
    "  sh -c 'echo $$ >\"$0/pid\"; exec \"$1\"' \"$4\" \"$3\"\n"
    "  { echo $? >\"$4/status\"; } 2>/dev/null\n"
    "} | { test -z \"$5\" || timeout 600 head -n 1 \"$4/gate\" >&2; cat >&3; }\n"
).

%% Starts it and waits until it is ready.
-spec start(options()) -> program().
start(Options) ->
    Dir = bed_os:temp_dir(),
    %% So much that nobody takes would keep this VM from halting if it were in a port.
    ok = file:write_file(filename:join(Dir, "frames"), maps:get(held, Options, [])),
    [[] = os:cmd("mkfifo " ++ filename:join(Dir, "gate")) || #{held := _} <- [Options]],
    Args = [
        integer_to_list(maps:get(bytes, Options, 1 bsl 40)),
        case Options of
            #{limit := Limit} -> integer_to_list(Limit);
            #{} -> ""
        end,
        path(),
        Dir,
        [$h || is_map_key(held, Options)]
    ],
    Port = open_port({spawn_executable, "/bin/sh"}, [
        {args, ["-c", ?SHELL, "sh" | Args]}, binary, stream, exit_status
    ]),
    Pid = bed_wait:until(started, fun() ->
        case file:read_file(filename:join(Dir, "pid")) of
            {ok, Text} when byte_size(Text) > 1 -> {true, binary_to_integer(string:trim(Text))};
            Other -> Other
        end
    end),
    Program = #{port => Port, pid => Pid, dir => Dir},
    [{0, {ok, #{protocol := 2}}} = next(Program) || not is_map_key(held, Options)],
    Program.

-spec path() -> file:filename().
path() ->
    filename:join(code:priv_dir(barnacle), "barnacle_port").

-spec os_pid(program()) -> pos_integer().
os_pid(#{pid := Pid}) ->
    Pid.

%% Sends bytes as they are.
-spec send(program(), iodata()) -> ok.
send(#{port := Port}, Bytes) ->
    true = port_command(Port, Bytes),
    ok.

%% A frame of a kind and an id, with its length.
-spec frame(char(), non_neg_integer()) -> binary().
frame(Kind, Id) ->
    frame(Kind, Id, <<>>).

-spec frame(char(), non_neg_integer(), term()) -> binary().
frame(Kind, Id, Body) when is_binary(Body) ->
    <<(byte_size(Body) + 9):32, Kind, Id:64, Body/binary>>;
frame(Kind, Id, Term) ->
    frame(Kind, Id, term_to_binary(Term)).

%% The next frame from the program, or closed.
-spec next(program()) -> {Id :: non_neg_integer(), Reply :: term()} | closed.
next(#{port := Port} = Program) ->
    case get({Port, held}) of
        <<Length:32, Frame:Length/binary, Rest/binary>> ->
            put({Port, held}, Rest),
            <<Id:64, Reply/binary>> = Frame,
            {Id, binary_to_term(Reply)};
        Held ->
            receive
                {Port, {data, Data}} ->
                    put({Port, held}, <<(held(Held))/binary, Data/binary>>),
                    next(Program);
                {Port, {exit_status, _}} ->
                    %% Never half a frame.
                    <<>> = held(Held),
                    closed
            after ?LIMIT_MS -> error({never, frame})
            end
    end.

held(undefined) -> <<>>;
held(Held) -> Held.

%% The program's exit status, once it has ended; frames before it are dropped.
-spec status(program()) -> non_neg_integer().
status(#{dir := Dir} = Program) ->
    case next(Program) of
        closed ->
            {ok, Text} = file:read_file(filename:join(Dir, "status")),
            ok = file:del_dir_r(Dir),
            binary_to_integer(string:trim(Text));
        {_, _} ->
            status(Program)
    end.

%% Closes its standard input, whatever is still on the way to it.
-spec cut(program()) -> ok.
cut(#{dir := Dir}) ->
    {ok, Pid} = file:read_file(filename:join(Dir, "feeder")),
    [] = os:cmd("kill -s KILL " ++ binary_to_list(Pid)),
    ok.

%% From now on what it writes is read.
-spec release(program()) -> ok.
release(#{dir := Dir}) ->
    ok = file:write_file(filename:join(Dir, "gate"), "\n").

-spec stop(program()) -> ok.
stop(#{port := Port, pid := Pid, dir := Dir}) ->
    true = port_close(Port),
    ok = bed_wait:until({gone, Pid}, fun() -> not bed_node:is_running(Pid) end),
    %% The shell may just be writing the exit status down.
    bed_wait:until({removed, Dir}, fun() -> file:del_dir_r(Dir) =:= ok end).

%% A request that is done at once.
-spec resolve([binary()]) -> term().
resolve(Hosts) ->
    {resolve, #{
        hosts => Hosts,
        family => inet,
        timeout_ms => ?LIMIT_MS,
        nameservers => [],
        concurrency => 64
    }}.
