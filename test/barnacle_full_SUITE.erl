%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_full_SUITE).

%% A VM with no room for another process: its barnacle says so, and goes on when there is room.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([rounds_fail_and_go_on/1, nobody_is_dialled/1, lost_links_come_back/1]).
%% Called in the nodes.
-export([rounds/1, dials/2, retries/1]).

-define(MAX, 1024).
-define(FULL, {too_many_processes, ?MAX}).
-define(FILLER, barnacle_full_filler).
-define(NEVER_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [rounds_fail_and_go_on, nobody_is_dialled, lost_links_come_back].

rounds_fail_and_go_on(_) ->
    [First, Second] = Nodes = hosts(),
    ok = bed_story:members([First], (epmd(Nodes))#{poll_interval => 20}),
    ok = bed_nodes:await_mesh(Nodes),
    #{before := Before, server := Server} = Full = bed_node:call(First, ?MODULE, rounds, [3]),
    ?assertEqual(Server, Before),
    ?assertMatch(
        #{
            refresh := ?FULL,
            leave := ?FULL,
            left := #{state := paused},
            run_once := ?FULL,
            start := {error, ?FULL},
            status := #{last_error := #{reason := ?FULL, lasting := true}}
        },
        Full
    ),
    ?assertNotEqual(nomatch, string:find(maps:get(page, Full), "no room for more processes")),
    %% What failed has cut nobody.
    ?assertEqual([bed_node:name(Second)], bed_node:visible(First)),
    ?assertEqual({ok, bed_story:names(Nodes)}, bed_story:refresh(First)),
    ok = bed_story:rounds(First, 2),
    ?assertMatch(#{last_error := #{lasting := false}}, bed_story:status(First)).

%% net_kernel needs processes of its own for a dial, and does not live on without.
nobody_is_dialled(_) ->
    [First, Second] = Nodes = hosts(),
    [
        ?assertEqual(
            {error, {connect_error, [{bed_node:name(Second), ?FULL}]}},
            bed_node:call(First, ?MODULE, dials, [epmd(Nodes), Free])
        )
     || Free <- [3, 4, 5, 6, 8, 12]
    ],
    ?assert(bed_node:call(First, erlang, is_alive, [])),
    ?assertMatch({ok, [_, _]}, bed_node:call(First, barnacle_cluster, run_once, [epmd(Nodes)])).

lost_links_come_back(_) ->
    [First, Second] = Nodes = hosts(),
    ok = bed_story:members([First], (epmd(Nodes))#{
        poll_interval => ?NEVER_MS, retry_min => 20, retry_max => 20
    }),
    ok = bed_nodes:await_mesh(Nodes),
    #{before := Before, server := Server} =
        bed_node:call(First, ?MODULE, retries, [bed_node:name(Second)]),
    ?assertEqual(Server, Before),
    ok = bed_nodes:await_mesh(Nodes),
    ?assertMatch(#{rounds := 1}, bed_story:status(First)).

hosts() ->
    Args = ["+P", integer_to_list(?MAX), "-kernel", "logger_level", "none"],
    Common = #{name => "app", fixed_port => bed_ports:port(), args => Args},
    Nodes = bed_nodes:start_link(Common, [#{host => A} || A <- bed_ports:addresses(2)]),
    Started = bed_nodes:each(Nodes, application, ensure_all_started, [barnacle]),
    [{ok, _} = Ok || Ok <- Started],
    Nodes.

epmd(Nodes) ->
    #{strategy => {epmd, bed_story:names(Nodes)}, log => none}.

%% ---- in the nodes ----

%% Fills the VM, asks, waits for so many more rounds that fail, and makes room again.
-spec rounds(pos_integer()) -> map().
rounds(Count) ->
    Name = bed_member:server(),
    Before = whereis(Name),
    Options = #{strategy => {epmd, [node()]}, log => none},
    {ok, Leaver} = barnacle_cluster:start_link(Options),
    {ok, [_, _]} = barnacle_cluster:refresh(Leaver),
    Full = filled(0, fun() ->
        %% A round that was running has ended then.
        Crashed = crashes(Name, 1),
        Asked = #{
            refresh => exit_of(fun() -> barnacle_cluster:refresh(Name) end),
            leave => exit_of(fun() -> barnacle_cluster:leave(Leaver) end),
            left => barnacle_cluster:status(Leaver),
            run_once => exit_of(fun() -> barnacle_cluster:run_once(Options) end),
            start => barnacle_cluster:start_link(Options)
        },
        true = crashes(Name, Count) > Crashed,
        Status = barnacle_cluster:status(Name),
        Page = unicode:characters_to_binary(barnacle_print:page(Status)),
        Asked#{status => Status, page => Page}
    end),
    true = is_process_alive(Leaver),
    ok = barnacle_cluster:shutdown(Leaver),
    Full#{before => Before, server => whereis(Name)}.

%% Waits for so many more rounds that crash. How many there are then.
crashes(Name, Count) ->
    #{crashed_rounds := Before} = barnacle_cluster:status(Name),
    bed_wait:until(crashed, fun() ->
        #{crashed_rounds := Now} = barnacle_cluster:status(Name),
        case Now >= Before + Count of
            true -> {true, Now};
            false -> Now
        end
    end).

%% One round in a VM with room for so many processes.
-spec dials(map(), non_neg_integer()) -> term().
dials(Options, Free) ->
    filled(Free, fun() -> barnacle_cluster:run_once(Options) end).

%% Loses a link while there is no room, until it was to be dialled in vain twice.
-spec retries(node()) -> map().
retries(Node) ->
    Server = whereis(bed_member:server()),
    Name = atom_to_binary(Node),
    filled(0, fun() ->
        true = erlang:disconnect_node(Node),
        bed_wait:until(retried, fun() ->
            case maps:get(wanted, barnacle_cluster:status(Server)) of
                #{Name := #{reason := ?FULL, attempts := Attempts}} when Attempts > 1 -> true;
                Other -> Other
            end
        end)
    end),
    #{before => Server, server => whereis(bed_member:server())}.

exit_of(Fun) ->
    try
        Fun()
    catch
        exit:Reason -> Reason
    end.

filled(Free, Fun) ->
    {Filler, Monitor} = fill(Free),
    receive
        {full, Filler} -> ok;
        {'DOWN', Monitor, process, _, Why} -> error(Why)
    end,
    try
        Fun()
    after
        Filler ! empty,
        receive
            {'DOWN', Monitor, process, Filler, Ended} -> normal = Ended
        end
    end.

%% Leaves room for so many processes.
fill(Free) ->
    Caller = self(),
    spawn_monitor(fun() ->
        Monitor = monitor(process, Caller),
        Sleepers = sleepers([]),
        {Few, Others} = lists:split(Free, Sleepers),
        ok = ended(Few),
        Caller ! {full, self()},
        ended(kept_full(Monitor, Free, Others))
    end).

%% Where no room is to be left, the room of those that end is taken, too.
kept_full(Monitor, Free, Sleepers) ->
    receive
        empty -> Sleepers;
        {'DOWN', Monitor, process, _, _} -> Sleepers
    after 1 ->
        case Free of
            0 -> kept_full(Monitor, Free, sleepers(Sleepers));
            _ -> kept_full(Monitor, Free, Sleepers)
        end
    end.

sleepers(Sleepers) ->
    try spawn(fun() -> receive after infinity -> ok end end) of
        Sleeper -> sleepers([Sleeper | Sleepers])
    catch
        error:system_limit -> Sleepers
    end.

ended(Pids) ->
    [exit(Pid, kill) || Pid <- Pids],
    lists:foreach(fun bed_wait:gone/1, Pids).
