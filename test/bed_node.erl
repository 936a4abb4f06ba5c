%% SPDX-License-Identifier: Apache-2.0
-module(bed_node).

%% An Erlang node in an operating system process of its own, held by its standard input: it ends
%% with the process that started it, and when this VM is killed. It is spoken to over that
%% connection, so distribution is left to what is tested, and this VM needs none.
%%
%% With a fixed port, one basename lives on many loopback addresses, as on many hosts, and no EPMD
%% is needed (OTP: -erl_epmd_port). With an EPMD, nodes of different names share a host.

-behaviour(gen_server).

-export([start/1, start_link/1, stop/1]).
-export([name/1, call/4, call/5, os_pid/1, visible/1, kill/1, suspend/1, resume/1, restart/1]).
-export([code_path/0, is_running/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([options/0, name/0]).

%% name and host: those of the node's name; host is an address or a name. longnames: whether the
%% name is a long one (it is if host is an address or has a dot). address: to listen on, where host
%% is a name. fixed_port, epmd_port: exactly one of them. hidden: takes no part, and
%% accepts no links (so it doesn't register in an EPMD). exec: a program in the place of erl.
%% code_path: in the place of this VM's.
%% owner: a process to be linked to from the very beginning. alive: false is a node without
%% distribution, which needs none of the others. applications: started before start/1 returns; none,
%% but barnacle without distribution.
-type options() :: #{
    alive => boolean(),
    name => string(),
    host => inet:ip_address() | string(),
    longnames => boolean(),
    address => inet:ip_address(),
    fixed_port => inet:port_number(),
    epmd_port => inet:port_number(),
    hidden => boolean(),
    cookie => string(),
    args => [string()],
    env => [{string(), string()}],
    exec => {string(), [string()]} | string(),
    code_path => [file:filename()],
    applications => [atom()],
    owner => pid()
}.
-type name() :: pid().

-record(state, {
    options :: options(),
    node :: node(),
    peer :: undefined | pid(),
    os_pid :: undefined | pos_integer()
}).

-define(BOOT_MS, 120000).
-define(CALL_MS, 60000).
-define(HALT_MS, 60000).

%% Starts a node and waits until it has booted; start/1 doesn't link it to the caller.
-spec start(options()) -> {ok, name()} | {error, term()}.
start(Options) ->
    gen_server:start(?MODULE, Options, []).

-spec start_link(options()) -> {ok, name()} | {error, term()}.
start_link(Options) ->
    start(Options#{owner => self()}).

%% Kills the node (there is nothing in it worth an orderly end) and forgets it. With
%% BED_NODES_END=halt in the environment it ends in good order, for those who look then at what it
%% leaves.
-spec stop(name()) -> ok.
stop(Server) ->
    gen_server:stop(Server, normal, infinity).

%% The node's name; known also while it is down.
-spec name(name()) -> node().
name(Server) ->
    gen_server:call(Server, name, infinity).

%% Applies a function in the node. What it throws, exits or errors with comes out as in erpc:call/5.
-spec call(name(), module(), atom(), [term()]) -> term().
call(Server, Module, Function, Args) ->
    call(Server, Module, Function, Args, bed_long:stretched(?CALL_MS)).

-spec call(name(), module(), atom(), [term()], timeout()) -> term().
call(Server, Module, Function, Args, TimeoutMs) ->
    peer:call(peer(Server), Module, Function, Args, TimeoutMs).

%% The operating system's process id.
-spec os_pid(name()) -> pos_integer().
os_pid(Server) ->
    gen_server:call(Server, os_pid, infinity).

%% The nodes that it sees, sorted: its visible links.
-spec visible(name()) -> [node()].
visible(Server) ->
    lists:sort(call(Server, erlang, nodes, [])).

%% SIGKILL: what a dead host's process looks like to those whose connections are reset. When this
%% returns, the process is gone.
-spec kill(name()) -> ok.
kill(Server) ->
    gen_server:call(Server, kill, infinity).

%% SIGSTOP and SIGCONT: a host that hangs with its connections open.
-spec suspend(name()) -> ok.
suspend(Server) ->
    signal("STOP", os_pid(Server)).

-spec resume(name()) -> ok.
resume(Server) ->
    signal("CONT", os_pid(Server)).

%% A new node of the same name and options in the place of the old one.
-spec restart(name()) -> ok.
restart(Server) ->
    gen_server:call(Server, restart, infinity).

-spec init(options()) -> {ok, #state{}} | {stop, term()}.
init(Options) ->
    process_flag(trap_exit, true),
    [link(Owner) || #{owner := Owner} <- [Options]],
    boot(#state{options = Options, node = node_name(Options)}).

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(name, _From, #state{node = Node} = State) ->
    {reply, Node, State};
handle_call(peer, _From, #state{peer = Peer} = State) ->
    {reply, Peer, State};
handle_call(os_pid, _From, #state{os_pid = Pid} = State) ->
    {reply, Pid, State};
handle_call(kill, _From, State) ->
    {reply, ok, killed(State)};
handle_call(restart, _From, State) ->
    {ok, State1} = boot(killed(State)),
    {reply, ok, State1}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({'EXIT', Peer, _}, #state{peer = Peer} = State) ->
    {noreply, State#state{peer = undefined, os_pid = undefined}};
handle_info({'EXIT', Owner, _}, State) when is_pid(Owner) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, State) ->
    _ = killed(halted(os:getenv("BED_NODES_END"), State)),
    ok.

halted("halt", #state{peer = Peer, os_pid = Pid} = State) when is_pid(Peer) ->
    ok = signal("CONT", Pid),
    ok = peer:cast(Peer, erlang, halt, []),
    receive
        {'EXIT', Peer, _} ->
            ok = bed_wait:until({halted, Pid}, fun() -> not is_running(Pid) end),
            State#state{peer = undefined, os_pid = undefined}
    after ?HALT_MS -> State
    end;
halted(_, State) ->
    State.

peer(Server) ->
    case gen_server:call(Server, peer, infinity) of
        undefined -> error({node_is_down, name(Server)});
        Peer -> Peer
    end.

boot(#state{options = Options, node = Node} = State) ->
    Start = #{
        connection => standard_io,
        wait_boot => bed_long:stretched(?BOOT_MS),
        args => args(Options),
        env => env(Options)
    },
    Run = maps:merge(Start, maps:with([exec], Options)),
    case peer:start_link(maps:merge(Run, long_name(Options))) of
        {ok, Peer, Node} ->
            Pid = list_to_integer(call_peer(Peer, os, getpid, [])),
            [
                {ok, _} = call_peer(Peer, application, ensure_all_started, [Name])
             || Name <- applications(Options)
            ],
            {ok, State#state{peer = Peer, os_pid = Pid}};
        {error, Reason} ->
            {stop, Reason}
    end.

applications(#{applications := Names}) -> Names;
applications(#{alive := false}) -> [barnacle];
applications(#{}) -> [].

%% Without a limit of one's own it would have five seconds.
call_peer(Peer, Module, Function, Args) ->
    peer:call(Peer, Module, Function, Args, bed_long:stretched(?CALL_MS)).

killed(#state{peer = undefined} = State) ->
    State;
killed(#state{peer = Peer, os_pid = Pid} = State) ->
    ok = signal("KILL", Pid),
    receive
        {'EXIT', Peer, _} -> ok
    end,
    ok = bed_wait:until({gone, Pid}, fun() -> not is_running(Pid) end),
    State#state{peer = undefined, os_pid = undefined}.

%% Whether the operating system runs this process. One that has ended stays in its table until the
%% parent has looked, and doesn't count.
-spec is_running(pos_integer()) -> boolean().
is_running(Pid) ->
    case file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/stat") of
        {ok, Stat} ->
            [_, <<" ", State, _/binary>>] = string:split(Stat, ")", trailing),
            State =/= $Z;
        {error, _} ->
            false
    end.

signal(Name, Pid) ->
    _ = os:cmd("kill -s " ++ Name ++ " " ++ integer_to_list(Pid)),
    ok.

node_name(#{alive := false}) -> nonode@nohost;
node_name(#{name := Name, host := Host}) -> list_to_atom(Name ++ "@" ++ host_text(Host)).

long_name(#{alive := false}) -> #{};
long_name(#{name := Name, host := Host} = Options) ->
    Long = maps:get(longnames, Options, is_long(Host)),
    #{name => Name, host => host_text(Host), longnames => Long}.

%% OTP's rule: an address, or a name with a dot.
is_long(Host) when is_tuple(Host) -> true;
is_long(Host) -> lists:member($., Host).

args(#{alive := false} = Options) ->
    code_path(Options) ++ maps:get(args, Options, []);
args(Options) ->
    Listen =
        case Options of
            #{hidden := true} -> ["-hidden", "-dist_listen", "false"];
            #{} -> ["-kernel", "inet_dist_use_interface", io_lib:format("~p", [address(Options)])]
        end,
    Port =
        case Options of
            #{fixed_port := Fixed} -> ["-erl_epmd_port", integer_to_list(Fixed)];
            #{} -> []
        end,
    ["-start_epmd", "false", "-setcookie", maps:get(cookie, Options, "barnacle_bed")] ++
        Port ++
        [lists:flatten(Arg) || Arg <- Listen] ++
        code_path(Options) ++ maps:get(args, Options, []).

address(#{address := Address}) -> Address;
address(#{host := Host}) -> Host.

env(#{epmd_port := Port} = Options) ->
    [{"ERL_EPMD_PORT", integer_to_list(Port)} | maps:get(env, Options, [])];
env(Options) ->
    maps:get(env, Options, []).

code_path(Options) ->
    case maps:get(code_path, Options, code_path()) of
        [] -> [];
        Dirs -> ["-pa" | Dirs]
    end.

%% What this VM runs that is not OTP's own: the build under test, and the tests.
-spec code_path() -> [file:filename()].
code_path() ->
    Otp = code:lib_dir(),
    [filename:absname(Dir) || Dir <- code:get_path(), not lists:prefix(Otp, Dir), Dir =/= "."].

host_text(Host) when is_tuple(Host) -> inet:ntoa(Host);
host_text(Host) -> Host.
