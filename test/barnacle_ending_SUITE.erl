%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_ending_SUITE).

%% The native core is taken away in the middle of its work: its module is upgraded, purged and
%% unloaded, its VM halts, stops, or gets a SIGTERM. FAULTS=long: a thousand rounds, a hundred VMs
%% of each kind.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([upgrades_leave_nothing/1, vms_end_in_good_order/1]).

-define(ENDINGS, [{Native, How} || Native <- ["nif", "port"], How <- ["halt", "stop", "wait"]]).
-define(VMS_AT_ONCE, 3).
-define(END_LIMIT_MS, 120000).
%% Room for the allocators' coming and going. Old code that stayed would take 30 KB a round, an
%% operation that stayed 50 KB.
-define(FLAT_BYTES, 6000000).
-define(TIMES, 3).
-define(LOOK_MS, 200).
-define(MARK, "BARNACLE_ENDING").

suite() ->
    [{timetrap, {minutes, bed_long:either(10, 90)}}].

all() ->
    [upgrades_leave_nothing, vms_end_in_good_order].

upgrades_leave_nothing(_Config) ->
    Rounds = bed_long:either(50, 1000),
    {ok, Node} = bed_node:start_link(#{alive => false, env => [{"MALLOC_ARENA_MAX", "1"}]}),
    Servers = {nameserver(answering()), nameserver(silent())},
    Seed = rand:uniform(1 bsl 32),
    Arguments = [Servers, Rounds, Seed],
    Run = fun() -> bed_node:call(Node, bed_upgrade, rounds, Arguments, infinity) end,
    _ = Run(),
    {Outcomes, Held} = flat(Run, Node, settled(Node), ?TIMES),
    %% What has begun may find its library gone, and is killed only where it runs in it.
    ?assertEqual([], maps:keys(Outcomes) -- [ok, killed, {internal, <<"closed">>}]),
    ?assert(maps:get(ok, Outcomes) > 0),
    {comment, comment("~b rounds: ~0p, ~0p", [Rounds, Outcomes, Held])}.

%% A busy machine may have more under way at once than in any run before, which takes room once.
%% What stays grows with each run.
flat(Run, Node, #{resident_bytes := Before} = Held, Times) ->
    Outcomes = Run(),
    %% Operations that were under way, and old code with them, go within a moment.
    #{resident_bytes := After} = Ended = bed_wait:until(ended, fun() ->
        Now = held(Node),
        case more(Now, Held) of
            [] -> {true, Now};
            More -> {More, Now, Held}
        end
    end),
    case After - Before < ?FLAT_BYTES of
        true ->
            {Outcomes, Held};
        false ->
            ?assert(Times > 1, {Held, Ended}),
            flat(Run, Node, Ended, Times - 1)
    end.

%% What it holds once two looks agree: the last operations may be going.
settled(Node) ->
    bed_wait:until(settled, fun() ->
        Before = held(Node),
        receive
        after ?LOOK_MS -> ok
        end,
        Now = held(Node),
        case counts(Now) =:= counts(Before) of
            true -> {true, Now};
            false -> {Before, Now}
        end
    end).

held(Node) -> bed_node:call(Node, bed_upgrade, held, []).

%% Of what there is more now, but for memory.
more(Now, Held) ->
    [What || {What, Count} <- maps:to_list(counts(Now)), Count > maps:get(What, Held)].

counts(Held) -> maps:remove(resident_bytes, Held).

vms_end_in_good_order(_Config) ->
    Count = bed_long:either(2, 100),
    All = [Ending || Ending <- ?ENDINGS, _ <- lists:seq(1, Count)],
    Times = lists:append([ended_at_once(Some) || Some <- some_at_a_time(All)]),
    {comment, comment("~b VMs; ~b ms at most", [length(All), lists:max(Times)])}.

%% Name servers of their own: each keeps what it was asked, which is much.
ended_at_once(Endings) ->
    Servers = [answering(), silent()],
    Addresses = [binary_to_list(nameserver(Server)) || Server <- Servers],
    Times = bed_nodes:at_once(fun(Ending) -> ended(Ending, Addresses) end, Endings),
    lists:foreach(fun bed_dns_script:stop/1, Servers),
    Times.

%% How long it took one to end.
ended({Native, How}, Servers) ->
    Mark = integer_to_list(rand:uniform(1 bsl 60)),
    Dir = bed_os:temp_dir(),
    Args = ["-noinput", "-pa" | bed_node:code_path()] ++
        ["-barnacle", "native", Native, "-run", "bed_upgrade", "work_and_end" | Servers] ++ [How],
    {ok, Vm} = bed_os:start_link(#{
        program => bed_os:find("erl"),
        args => Args,
        env => [{?MARK, Mark}, {"ERL_CRASH_DUMP", filename:join(Dir, "dump")}]
    }),
    Ending = {Native, How},
    ok = bed_wait:until({at_work, Ending}, fun() ->
        {_, Output} = Now = bed_os:output(Vm),
        string:find(Output, "at work") =/= nomatch orelse Now
    end, ?END_LIMIT_MS),
    BeganMs = erlang:monotonic_time(millisecond),
    How =:= "wait" andalso terminate(Vm),
    {Status, Output} = bed_wait:until({ended, Ending}, fun() ->
        case bed_os:output(Vm) of
            {running, _} = Running -> Running;
            {{exited, Status}, Output} -> {true, {Status, Output}}
        end
    end, ?END_LIMIT_MS),
    TookMs = erlang:monotonic_time(millisecond) - BeganMs,
    ?assertEqual({Ending, 0}, {Ending, Status}, Output),
    ok = bed_wait:until({left, Ending}, fun() ->
        case marked(Mark) of
            [] -> true;
            Left -> Left
        end
    end),
    ?assertEqual({ok, []}, file:list_dir(Dir)),
    ok = file:del_dir(Dir),
    ok = bed_os:stop(Vm),
    TookMs.

terminate(Vm) ->
    receive
    after rand:uniform(200) -> bed_os:signal(Vm, "TERM")
    end.

%% Processes that were started by that VM, or are it.
marked(Mark) ->
    Sought = list_to_binary([?MARK, $=, Mark, 0]),
    [
        File
     || File <- filelib:wildcard("/proc/[0-9]*/environ"),
        {ok, Environment} <- [read(File)],
        binary:match(Environment, Sought) =/= nomatch
    ].

%% Files of /proc have no size to go by.
read(File) ->
    case file:open(File, [read, raw, binary]) of
        {ok, Device} ->
            try
                file:read(Device, 1 bsl 17)
            after
                file:close(Device)
            end;
        {error, _} = Error ->
            Error
    end.

some_at_a_time(List) when length(List) > ?VMS_AT_ONCE ->
    {Some, Rest} = lists:split(?VMS_AT_ONCE, List),
    [Some | some_at_a_time(Rest)];
some_at_a_time(List) ->
    [List].

nameserver(Server) -> bed_dns_script:nameserver(Server).

answering() ->
    bed_dns_script:start_link([{'_', a, [{192, 0, 2, 1}]}, {'_', aaaa, []}]).

silent() ->
    bed_dns_script:start_link([{'_', '_', drop}]).

comment(Format, Args) ->
    lists:flatten(io_lib:format(Format, Args)).
