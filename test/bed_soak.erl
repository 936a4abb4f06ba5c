%% SPDX-License-Identifier: Apache-2.0
-module(bed_soak).

%% A soak: many barnacles in one VM, for minutes or hours, in a world that is hostile in turns. Good
%% name servers and EPMDs stand beside hostile ones, nodes die and return, what works in the soaked
%% VM is killed at random. What that VM holds is sampled all the while; the servers and the other
%% nodes are processes of their own and are not counted. In the end all servers are good, and every
%% barnacle must find and join all nodes.

-export([run/1]).

-export_type([options/0, result/0]).

%% at_least: how many samples there are, however long they take. leak: what to leak in the soaked VM
%% on purpose, with each sample.
-type options() :: #{
    seconds := pos_integer(),
    sample_ms := pos_integer(),
    barnacles := pos_integer(),
    nodes := pos_integer(),
    at_least => pos_integer(),
    leak => [bed_flat:measure()]
}.
-type result() :: #{
    samples := [bed_flat:sample()],
    verdicts := [{bed_flat:measure(), bed_flat:verdict()}],
    done := #{atom() => non_neg_integer()},
    %% Of those barnacles that did not find and join everybody in the end, one.
    unwell := none | term()
}.

-record(world, {
    port :: inet:port_number(),
    epmd_port :: inet:port_number(),
    node :: bed_node:name(),
    others :: [bed_node:name()],
    good :: pid(),
    hostile :: pid(),
    %% Of the EPMDs of hosts: good and hostile ones.
    hosts :: {[binary()], [binary()]},
    %% 1 in times of calm.
    calm :: counters:counters_ref()
}).

-define(POLL_MS, 1000).
-define(LOOKUP_MS, 1000).
-define(CONNECT_MS, 2000).
-define(PROBE_MS, 1000).
-define(STRATEGY_MS, 1000).
-define(DEPARTED_MS, 2000).
-define(RETRY_MS, 500).
-define(RETRY_MAX_MS, 2000).
%% So few that they are used up soon, and the table of atoms must stay as it is.
-define(NEW_ATOMS, "100").
-define(MAX_NODES, 50).
-define(FRESH_NAMES, 5).
-define(TURN_MS, 1000).
-define(HOSTILE_HOSTS, 3).
-define(ENDLESS, <<"name endless at port 1\n">>).
-define(CALM_LIMIT_MS, 300000).
%% As many as verdicts need (bed_flat).
-define(MIN_SAMPLES, 3).

-spec run(options()) -> result().
run(#{seconds := Seconds, sample_ms := SampleMs} = Options) ->
    World = world(Options),
    Node = World#world.node,
    ok = bed_node:call(Node, bed_soak_node, start, [
        [barnacle(N, World) || N <- lists:seq(1, maps:get(barnacles, Options))]
    ]),
    Leaks = maps:get(leak, Options, []),
    %% Nothing of OTP's starts threads while a VM runs.
    [load_faulty(Node) || lists:member(threads, Leaks)],
    Weather = spawn_link(fun() -> weather(World, Options) end),
    AtLeast = maps:get(at_least, Options, ?MIN_SAMPLES),
    Samples = samples({now_ms(), Seconds * 1000, SampleMs}, AtLeast, Leaks, Node),
    Unwell = calm(Weather, World),
    Done = bed_node:call(Node, bed_soak_node, done, []),
    ok = bed_nodes:stop([Node | World#world.others]),
    #{
        samples => Samples,
        verdicts => bed_flat:verdicts(bed_soak_node:measures(), Samples),
        done => Done,
        unwell => Unwell
    }.

load_faulty(Node) ->
    Library = bed_faulty:build(),
    ok = bed_node:call(Node, bed_faulty, load, [Library]),
    ok = file:del_dir_r(filename:dirname(Library)).

world(#{nodes := Count}) ->
    Port = bed_ports:port(),
    EpmdPort = bed_ports:port(),
    Calm = counters:new(1, []),
    Common = #{
        name => "app",
        fixed_port => Port,
        args => ["-connect_all", "false", "-kernel", "logger_level", "emergency"]
    },
    [Own | Addresses] = bed_ports:addresses(Count + 1),
    Hostile = bed_ports:addresses(?HOSTILE_HOSTS),
    #{args := Args} = Common,
    {ok, Node} = bed_node:start_link(Common#{
        host => Own,
        args => Args ++ ["-barnacle", "max_new_atoms", ?NEW_ATOMS],
        %% With an arena for each thread, memory creeps until the last of them has seen its peak.
        env => [{"MALLOC_ARENA_MAX", "1"}]
    }),
    [bed_epmd_script:start_link({A, EpmdPort}, bed_epmd_script:names([{"app", Port}]))
     || A <- [Own | Addresses]],
    [bed_epmd_script:start_link({A, EpmdPort}, fun() -> epmd(is_calm(Calm), Port) end)
     || A <- Hostile],
    Others = bed_nodes:start_link(Common, [#{host => A} || A <- Addresses]),
    World = #world{
        port = Port,
        epmd_port = EpmdPort,
        node = Node,
        others = Others,
        good = bed_dns_script:start_link(good([Node | Others])),
        hostile = bed_dns_script:start_link([]),
        hosts = {[text(A) || A <- [Own | Addresses]], [text(A) || A <- Hostile]},
        calm = Calm
    },
    ok = bed_dns_script:script(World#world.hostile, hostile(World)),
    World.

%% One of four kinds of barnacles.
barnacle(N, #world{hosts = {Good, Hostile}} = World) ->
    Strategy =
        case N rem 4 of
            0 -> dns(World#world.good);
            1 -> dns(World#world.hostile);
            2 -> hosts(Good ++ Hostile, World);
            3 -> {custom, #{discover => bed_soak_node:custom(texts(World))}}
        end,
    #{
        name => list_to_atom("soaked_" ++ integer_to_list(N)),
        strategy => Strategy,
        poll_interval => ?POLL_MS,
        connect_timeout => ?CONNECT_MS,
        probe_timeout => ?PROBE_MS,
        strategy_timeout => ?STRATEGY_MS,
        departed_after => ?DEPARTED_MS,
        retry_min => ?RETRY_MS,
        retry_max => ?RETRY_MAX_MS,
        max_nodes => ?MAX_NODES
    }.

dns(Server) ->
    #{strategy := Strategy} = bed_story:dns(
        bed_dns_script:nameserver(Server), #{timeout => ?LOOKUP_MS}
    ),
    Strategy.

hosts(Hosts, #world{epmd_port = Port}) ->
    {hosts, #{hosts => Hosts, port => Port, timeout => ?LOOKUP_MS}}.

texts(#world{node = Node, others = Others}) ->
    bed_story:texts([Node | Others]).

%% What a hostile EPMD does with a connection. In times of calm it knows nobody.
epmd(true, Port) ->
    bed_epmd_script:names([], Port);
epmd(false, Port) ->
    [{send, Good}] = bed_epmd_script:names([{"app", Port}, {"other", Port}], Port),
    case rand:uniform(7) of
        1 -> [{endless, ?ENDLESS}];
        2 -> [hold];
        3 -> [reset];
        4 -> [{send, Good}, hold];
        5 -> bed_epmd_script:names([{fresh(), Port} || _ <- lists:seq(1, ?FRESH_NAMES)], Port);
        _ -> [{send, bed_nonsense:mangle(bed_nonsense:random(), iolist_to_binary(Good))}]
    end.

fresh() ->
    io_lib:format("n~.36b", [rand:uniform(1 bsl 60)]).

%% What a hostile name server says to each question.
hostile(#world{node = Node, others = Others}) ->
    Good = good([Node | Others]),
    fun(#{type := Type, transport := Transport}) ->
        Records = proplists:get_value(Type, [{T, Records} || {_, T, Records} <- Good], []),
        case rand:uniform(10) of
            1 -> drop;
            2 -> {wrong_id, Records};
            3 -> {truncated, Records};
            4 when Transport =:= udp -> {truncated, Records};
            4 -> close;
            5 -> {oversize, lists:duplicate(100, {192, 0, 2, 1})};
            6 -> {all, [{wrong_question, Records}, Records]};
            7 -> one_of([servfail, refused, nxdomain, formerr, notimp]);
            8 -> {delay, rand:uniform(2 * ?LOOKUP_MS), Records};
            _ -> {mangled, Records, fun(M) -> bed_nonsense:mangle(bed_nonsense:random(), M) end}
        end
    end.

good(Nodes) ->
    bed_story:answering(Nodes).

%% Every turn a node dies or returns, and the good name server falls ill or is well again.
weather(#world{others = Others, good = Good, hostile = Hostile} = World, Options) ->
    receive
        {calm, From} -> From ! {calm, self()}
    after ?TURN_MS ->
        Other = one_of(Others),
        ok = bed_node:restart(Other),
        rand:uniform(2) =:= 1 andalso bed_node:kill(Other),
        Up = [Node || Node <- Others, Node =/= Other],
        ok = bed_dns_script:script(Good, one_of([
            good([World#world.node | Others]),
            good([World#world.node | Up]),
            [{'_', '_', servfail}],
            [{'_', '_', drop}],
            []
        ])),
        %% Its record of questions begins anew.
        ok = bed_dns_script:script(Hostile, hostile(World)),
        weather(World, Options)
    end.

%% For so long, and at least so many.
samples({BeganMs, ForMs, EveryMs} = Times, AtLeast, Leaks, Node) ->
    Sample = bed_node:call(Node, bed_soak_node, sample, []),
    %% Not by the clock: a machine that is slow to look would have ever more to look at.
    ok = bed_node:call(Node, bed_soak_node, leak, [Leaks]),
    AtMs = now_ms() - BeganMs,
    [
        Sample#{at_s => AtMs / 1000}
        | case AtMs < ForMs orelse AtLeast > 1 of
            true ->
                receive
                after EveryMs -> samples(Times, AtLeast - 1, Leaks, Node)
                end;
            false ->
                []
        end
    ].

calm(Weather, #world{node = Node, others = Others, good = Good, hostile = Hostile} = World) ->
    Weather ! {calm, self()},
    receive
        {calm, Weather} -> ok
    end,
    ok = counters:put(World#world.calm, 1, 1),
    ok = bed_node:call(Node, bed_soak_node, calm, []),
    [ok = bed_node:restart(Other) || Other <- Others],
    try
        bed_wait:until(
            all_well,
            fun() ->
                %% Their records of questions would slow them down.
                [
                    ok = bed_dns_script:script(Server, good([Node | Others]))
                 || Server <- [Good, Hostile]
                ],
                case bed_node:call(Node, bed_soak_node, unwell, []) of
                    [] -> true;
                    [First | _] = Unwell -> {length(Unwell), First}
                end
            end,
            ?CALM_LIMIT_MS
        )
    of
        ok -> none
    catch
        error:{never, all_well, Last} -> Last
    end.

is_calm(Calm) ->
    counters:get(Calm, 1) =:= 1.

text(Address) ->
    list_to_binary(bed_ports:text(Address)).

one_of(List) ->
    lists:nth(rand:uniform(length(List)), List).

now_ms() ->
    erlang:monotonic_time(millisecond).
