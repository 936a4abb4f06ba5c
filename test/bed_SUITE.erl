%% SPDX-License-Identifier: Apache-2.0
-module(bed_SUITE).

%% The test-bed keeps its own promise: nothing of it is left, however it ends.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([stopped/1, owner_ended/1, vm_killed/1, vm_halted_at_once/1, runs_do_not_meet/1]).
%% Called in other VMs.
-export([hold/0, leave_at_once/0, show_addresses/0]).

%% A VM that starts others, one after another.
-define(VM_LIMIT_MS, 180000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [stopped, owner_ended, vm_killed, vm_halted_at_once, runs_do_not_meet].

stopped(_Config) ->
    {Stop, Left} = everything(),
    ?assertNotEqual([], still_there(Left)),
    [ok = Fun() || Fun <- Stop],
    ok = await_gone(Left).

%% Ends normally, as a test case does that has passed.
owner_ended(_Config) ->
    Test = self(),
    {_, Monitor} = spawn_monitor(fun() -> Test ! everything() end),
    receive
        {_Stop, Left} -> ok
    end,
    receive
        {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(normal, Reason)
    end,
    ok = await_gone(Left).

vm_killed(_Config) ->
    {Vm, Left} = vm("hold"),
    ?assertNotEqual([], still_there(Left)),
    ok = bed_os:signal(Vm, "KILL"),
    ok = await_gone(Left).

%% Before the programs have had time to do anything.
vm_halted_at_once(_Config) ->
    [
        begin
            {_Vm, Left} = vm("leave_at_once"),
            ok = await_gone(Left)
        end
     || _ <- lists:seq(1, 5)
    ].

runs_do_not_meet(_Config) ->
    {_One, First} = vm("show_addresses"),
    {_Two, Second} = vm("show_addresses"),
    ?assertEqual([], [Address || Address <- First, lists:member(Address, Second)]),
    ?assertEqual(length(First), length(lists:usort(First))).

%% ---- in other VMs

%% Starts everything, tells what could be left, and waits to be killed.
-spec hold() -> ok.
hold() ->
    {_Stop, Left} = everything(),
    tell(Left),
    receive
        never -> ok
    end.

-spec leave_at_once() -> no_return().
leave_at_once() ->
    Dir = bed_os:temp_dir(),
    {ok, Sleep} = bed_os:start_link(#{
        program => bed_os:find("sleep"), args => ["infinity"], remove => Dir
    }),
    tell([{file, Dir}, {pid, bed_os:pid(Sleep)}]),
    halt().

-spec show_addresses() -> ok.
show_addresses() ->
    tell(bed_ports:addresses(300) ++ [bed_ports:port() || _ <- lists:seq(1, 100)]),
    receive
        never -> ok
    end.

tell(Term) ->
    io:format("~s~n", [base64:encode(term_to_binary(Term))]).

%% ---- what there is, and what is left of it

%% One of each, started by the caller: how each is stopped, and what of it the system knows.
everything() ->
    Epmd = bed_epmd:start_link(),
    {ok, Node} = bed_node:start_link(#{
        name => "held", host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd)
    }),
    Dir = bed_os:temp_dir_link(),
    {ok, Sleep} = bed_os:start_link(#{program => bed_os:find("sleep"), args => ["infinity"]}),
    Left = [{pid, bed_node:os_pid(Node)}, {pid, bed_os:pid(Sleep)}, {file, Dir},
        {port, bed_epmd:port(Epmd)}],
    Stop = [fun() -> bed_node:stop(Node) end, fun() -> bed_epmd:stop(Epmd) end,
        fun() -> bed_os:stop(Sleep) end],
    case bed_dns_real:is_there(nsd) of
        false ->
            {Stop ++ [stop_dir(Dir)], Left};
        true ->
            Dns = bed_dns_real:start_link(nsd, {"held.test", []}),
            {
                Stop ++ [stop_dir(Dir), fun() -> bed_dns_real:stop(Dns) end],
                [{dns, bed_dns_real:address(Dns)} | Left]
            }
    end.

%% A directory alone goes with its owner; here its owner goes on.
stop_dir(Dir) ->
    fun() -> file:del_dir_r(Dir) end.

await_gone(Left) ->
    bed_wait:until(gone, fun() -> still_there(Left) =:= [] orelse still_there(Left) end).

still_there(Left) ->
    [What || What <- Left, is_there(What)].

is_there({pid, Pid}) ->
    bed_node:is_running(Pid);
is_there({file, Path}) ->
    filelib:is_file(Path);
is_there({port, Port}) ->
    connects({127, 0, 0, 1}, Port);
is_there({dns, {Address, Port}}) ->
    connects(Address, Port).

connects(Address, Port) ->
    case gen_tcp:connect(Address, Port, []) of
        {ok, Socket} ->
            ok = gen_tcp:close(Socket),
            true;
        {error, _} ->
            false
    end.

%% A VM that runs one of the functions above, and what it tells.
vm(Function) ->
    {ok, Vm} = bed_os:start_link(#{
        program => bed_os:find("erl"),
        args => ["-noinput", "-pa" | bed_node:code_path()] ++ ["-s", "bed_SUITE", Function]
    }),
    Told = bed_wait:until({told, Function}, fun() ->
        {_, Output} = bed_os:output(Vm),
        case binary:split(Output, <<"\n">>) of
            [Line, _] -> {true, Line};
            _ -> Output
        end
    end, ?VM_LIMIT_MS),
    {Vm, binary_to_term(base64:decode(Told))}.
