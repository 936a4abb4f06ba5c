%% SPDX-License-Identifier: Apache-2.0
-module(bed_os).

%% A program of the operating system that lives no longer than the process that started it.
%%
%% It runs below a small shell whose standard input is a port of ours. The shell ends the program
%% and all that this has forked, and removes its directory, when that input closes: that happens
%% also when this VM is killed. Lines written to the shell are names of signals for the program.

-behaviour(gen_server).

-export([start/1, start_link/1, pid/1, signal/2, output/1, stop/1]).
-export([temp_dir/0, temp_dir_link/0, find/1, is_root/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([options/0]).

%% program: a path. remove: a directory that goes when the program has ended. env: as in
%% open_port/2. Standard output and error are kept and can be read with output/1.
-type options() :: #{
    program := string(),
    args => [string()],
    env => [{string(), string() | false}],
    remove => string()
}.

-record(state, {
    port :: port(),
    pid :: undefined | pos_integer(),
    exit_status :: undefined | non_neg_integer(),
    output = <<>> :: binary()
}).

-define(STOP_MS, 3000).
-define(KILL_MS, 30000).

%% setsid gives the program a process group of its own, so that what it has forked ends with it and
%% a terminal's Ctrl-C doesn't reach it; the group may not be there yet when it is to be killed.
%% What dies of that may still be writing when its directory is removed. The first line tells the
%% program's process id.
-define(SHELL,
    "dir=$1; shift; exec 3<&0\n"
    "setsid \"$@\" </dev/null 3<&- &\n"
    "pid=$!; echo $pid\n"
    "{ while read -r name; do kill -s \"$name\" $pid; done <&3\n"
    "  kill -s KILL -- -$pid $pid; } 2>/dev/null &\n"
    "reader=$!\n"
    "wait $pid; status=$?\n"
    "kill -s KILL $reader -$pid 2>/dev/null\n"
    "if [ -n \"$dir\" ]; then\n"
    "  for _ in 1 2 3 4 5 6 7 8 9; do rm -rf -- \"$dir\" 2>/dev/null && break; sleep 0.2; done\n"
    "fi\n"
    "exit $status\n"
).

%% Starts a program; start/1 doesn't link to the caller. It is not said to be ready: look yourself.
-spec start(options()) -> {ok, pid()} | {error, term()}.
start(Options) ->
    gen_server:start(?MODULE, {none, Options}, []).

-spec start_link(options()) -> {ok, pid()} | {error, term()}.
start_link(Options) ->
    gen_server:start(?MODULE, {self(), Options}, []).

%% The program's process id.
-spec pid(pid()) -> pos_integer().
pid(Server) ->
    gen_server:call(Server, pid, infinity).

%% Sends the program a signal: "HUP", "STOP", "KILL", ..
-spec signal(pid(), string()) -> ok.
signal(Server, Name) ->
    gen_server:call(Server, {signal, Name}, infinity).

%% Whether the program runs, and what it has written so far.
-spec output(pid()) -> {running | {exited, Status :: non_neg_integer()}, binary()}.
output(Server) ->
    gen_server:call(Server, output, infinity).

%% Ends the program (SIGTERM, after 3 s SIGKILL). When this returns, it and its directory are gone.
-spec stop(pid()) -> ok.
stop(Server) ->
    gen_server:stop(Server, normal, infinity).

%% A new empty directory. Who asks for it gives it to a program as remove, or removes it.
-spec temp_dir() -> string().
temp_dir() ->
    Base = os:getenv("TMPDIR", "/tmp"),
    Name = io_lib:format("barnacle-~s-~.36b", [os:getpid(), rand:uniform(1 bsl 48)]),
    Dir = filename:join(Base, lists:flatten(Name)),
    ok = file:make_dir(Dir),
    Dir.

%% A new empty directory that goes with the caller, when that ends or this VM is killed.
-spec temp_dir_link() -> string().
temp_dir_link() ->
    Dir = temp_dir(),
    {ok, _} = start_link(#{program => find("sleep"), args => ["infinity"], remove => Dir}),
    Dir.

%% The path of a program; those that Debian keeps in /usr/sbin count though they are not in PATH.
-spec find(string()) -> string() | false.
find(Program) ->
    case os:find_executable(Program) of
        false -> os:find_executable(Program, "/usr/sbin:/sbin:/usr/local/sbin");
        Path -> Path
    end.

-spec is_root() -> boolean().
is_root() ->
    string:trim(os:cmd("id -u")) =:= "0".

-spec init({Owner :: pid() | none, options()}) -> {ok, #state{}} | {stop, term()}.
init({Owner, #{program := Program} = Options}) ->
    process_flag(trap_exit, true),
    [link(Owner) || is_pid(Owner)],
    Port = open_port({spawn_executable, "/bin/sh"}, [
        {args, ["-c", ?SHELL, "sh", maps:get(remove, Options, ""), Program] ++
            maps:get(args, Options, [])},
        {env, maps:get(env, Options, [])},
        binary,
        exit_status,
        stderr_to_stdout
    ]),
    first_line(#state{port = Port}).

first_line(#state{port = Port, output = Output} = State) ->
    case binary:split(Output, <<"\n">>) of
        [Pid, Rest] ->
            {ok, State#state{pid = binary_to_integer(Pid), output = Rest}};
        [_] ->
            receive
                {Port, {data, Data}} ->
                    first_line(State#state{output = <<Output/binary, Data/binary>>});
                {Port, {exit_status, Status}} ->
                    {stop, {exited, Status, Output}}
            end
    end.

-spec handle_call(pid | {signal, string()} | output, gen_server:from(), #state{}) ->
    {reply, term(), #state{}}.
handle_call(pid, _From, State) ->
    {reply, State#state.pid, State};
handle_call({signal, Name}, _From, State) ->
    {reply, send(Name, State), State};
handle_call(output, _From, #state{exit_status = undefined, output = Output} = State) ->
    {reply, {running, Output}, State};
handle_call(output, _From, #state{exit_status = Status, output = Output} = State) ->
    {reply, {{exited, Status}, Output}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({Port, {data, Data}}, #state{port = Port, output = Output} = State) ->
    {noreply, State#state{output = <<Output/binary, Data/binary>>}};
handle_info({Port, {exit_status, Status}}, #state{port = Port} = State) ->
    {noreply, State#state{exit_status = Status}};
handle_info({'EXIT', Owner, _}, State) when is_pid(Owner) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{exit_status = undefined} = State) ->
    ok = send("TERM", State),
    case exited(?STOP_MS, State) of
        true ->
            ok;
        false ->
            ok = send("KILL", State),
            true = exited(?KILL_MS, State),
            ok
    end;
terminate(_Reason, _State) ->
    ok.

send(_Name, #state{exit_status = Status}) when Status =/= undefined ->
    ok;
send(Name, #state{port = Port}) ->
    Port ! {self(), {command, [Name, $\n]}},
    ok.

exited(LimitMs, #state{port = Port}) ->
    receive
        {Port, {exit_status, _}} -> true
    after LimitMs -> false
    end.
