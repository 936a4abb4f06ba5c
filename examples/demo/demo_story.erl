%% SPDX-License-Identifier: Apache-2.0
-module(demo_story).

%% What happens: five nodes form a cluster, one is killed, it comes back. Told once by DNS and once
%% by local EPMD. Each step ends when the judge has seen what it is about, or at its limit.

-export([tell/1]).

-type options() :: #{look := live | plain, break := none | dns | join, limit_ms := pos_integer()}.
-type times() :: #{formed := integer(), dropped := integer(), healed := integer()}.

-define(VICTIM, 3).
-define(PAUSE_MS, 20).

%% The story with everything stopped at its end, and the last words.
-spec tell(options()) -> {seen | not_seen, unicode:chardata()}.
tell(Options) ->
    try
        Times = [{Kind, play(Kind, Options)} || Kind <- [dns, local_epmd]],
        {seen, summary(Times)}
    catch
        throw:{not_seen, Text} -> {not_seen, Text}
    end.

-spec play(demo_stage:kind(), options()) -> times().
play(Kind, #{break := Break, look := Look} = Options) ->
    Stage = demo_stage:open(Kind, Break),
    try
        All = demo_stage:names(Stage),
        Rest = All -- [lists:nth(?VICTIM, All)],
        Victim = integer_to_list(?VICTIM),
        P0 = demo_picture:title(demo_stage:title(Stage), demo_picture:new(Look, All)),

        P1 = demo_picture:step("all five start a barnacle", P0),
        ok = start(demo_stage:nodes(Stage)),
        P2 = await(All, "everybody sees everybody", P1, Stage, Options),
        {FormedMs, P3} = demo_picture:done("everybody sees everybody", P2),

        P4 = demo_picture:step(Victim ++ " is killed (SIGKILL)" ++ zone(Kind, " and leaves"), P3),
        ok = demo_stage:leave(?VICTIM, Stage),
        P5 = await(Rest, "the others have dropped it", P4, Stage, Options),
        {DroppedMs, P6} = demo_picture:done("the others see each other, and it no more", P5),

        P7 = demo_picture:step(Victim ++ " starts again" ++ zone(Kind, " and is back in"), P6),
        ok = demo_stage:come_back(?VICTIM, Stage),
        ok = start([lists:nth(?VICTIM, demo_stage:nodes(Stage))]),
        P8 = await(All, "everybody sees everybody again", P7, Stage, Options),
        {HealedMs, _} = demo_picture:done("everybody sees everybody again, its boot included,", P8),
        #{formed => FormedMs, dropped => DroppedMs, healed => HealedMs}
    after
        ok = demo_stage:close(Stage)
    end.

zone(dns, Verb) -> Verb ++ " the zone";
zone(local_epmd, _Verb) -> "".

%% At the same time, and while the judge is looking.
start(Nodes) ->
    lists:foreach(
        fun({Node, Options}) ->
            spawn_link(fun() -> {ok, _} = bed_node:call(Node, bed_member, start, [Options]) end)
        end,
        Nodes
    ).

%% Looks until these nodes see exactly each other.
await(Nodes, What, Picture, Stage, #{limit_ms := LimitMs} = Options) ->
    await(Nodes, What, Picture, Stage, Options, now_ms() + LimitMs).

await(Nodes, What, Picture0, Stage, Options, DeadlineMs) ->
    Everybody = demo_stage:names(Stage),
    Sight = bed_node:call(demo_stage:judge(Stage), demo_judge, look, [all, Everybody]),
    Picture = demo_picture:show(Sight, Picture0),
    case demo_judge:is_mesh(Nodes, Sight) of
        true ->
            Picture;
        false ->
            now_ms() > DeadlineMs andalso
                throw({not_seen, failure(Nodes, What, Sight, Stage, Options)}),
            receive
            after ?PAUSE_MS -> ok
            end,
            await(Nodes, What, Picture, Stage, Options, DeadlineMs)
    end.

failure(Nodes, What, Sight, Stage, #{limit_ms := LimitMs, break := Break}) ->
    {Node, _} = hd(demo_stage:nodes(Stage)),
    #{last_error := Error} = bed_node:call(
        Node, barnacle_cluster, status, [bed_node:call(Node, bed_member, server, [])]
    ),
    [
        io_lib:format("~nFAILED: not seen within ~b s: ~s.~n", [LimitMs div 1000, What]),
        demo_judge:complaint(Nodes, Sight),
        io_lib:format("  the barnacle of ~s says: ~0p~n", [bed_node:name(Node), reason(Error)]),
        broken(Break)
    ].

reason(none) -> no_error;
reason(#{reason := Reason}) -> Reason.

broken(none) -> "";
broken(dns) -> "That is as it should be: BREAK=dns left the nodes out of the zone.\n";
broken(join) -> "That is as it should be: BREAK=join took the connecting out.\n".

summary(Times) ->
    [
        "\nA hidden node that takes no part saw everybody see everybody, each time.\n\n",
        io_lib:format("  ~-12s~10s~10s~10s~n", ["", "formed", "dropped", "healed"]),
        [
            io_lib:format("  ~-12s~10s~10s~10s~n", [
                name(Kind) | [seconds(maps:get(Key, T)) || Key <- [formed, dropped, healed]]
            ])
         || {Kind, T} <- Times
        ]
    ].

name(dns) -> "DNS";
name(local_epmd) -> "local EPMD".

seconds(Ms) ->
    io_lib:format("~.3f s", [Ms / 1000]).

now_ms() ->
    erlang:monotonic_time(millisecond).
