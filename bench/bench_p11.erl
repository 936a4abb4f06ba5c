%% SPDX-License-Identifier: Apache-2.0
-module(bench_p11).

%% P11: links between nodes that live and belong together, and that are lost all the same, under
%% 1,000 faults of the matrix in random order; beside pollers that cut what an answer does not name.

-export([run/0]).

-define(NODES, 6).
-define(FAULTS, 1000).
-define(SEED, 20261123).
%% The first ones of the same storm. Who cuts wrongly must be joined again, so others take longer.
-define(FAULTS_OF_OTHERS, 100).
-define(POLL_MS, 20).
-define(TIMEOUT_MS, 150).

-spec run() -> bench_result:result().
run() ->
    Seed = list_to_integer(os:getenv("STORM_SEED", integer_to_list(?SEED))),
    Agents = [
        {"barnacle", ?FAULTS, bed_storm:barnacles(#{})},
        {"barnacle, disconnect undiscovered", ?FAULTS_OF_OTHERS,
            bed_storm:barnacles(#{disconnect => undiscovered})},
        {"one that believes answers", ?FAULTS_OF_OTHERS, poller(answers)},
        {"one that believes everything", ?FAULTS_OF_OTHERS, poller(everything)}
    ],
    [{_, Ours} | _] = Counts = [
        {Series, counts(Agent, bed_storm_faults:steps(Seed, Faults, ?NODES))}
     || {Series, Faults, Agent} <- Agents
    ],
    #{
        id => p11,
        title => <<"Links of living members that were cut, of 1,000 faults in random order">>,
        plot => <<"of 1,000 faults">>,
        seed => Seed,
        rows => [
            bench_result:row(Group, Series, "", [maps:get(Key, Count)])
         || {Key, Group} <- [{links, "links"}, {faults, "faults with one"}],
            {Series, Count} <- Counts
        ],
        figures =>
            [
                bench_result:at_most("wrong cuts, barnacle", 0, {maps:get(links, Ours), ""})
                | [
                    bench_result:note([Text, ", ", Series], {maps:get(Key, Count), ""})
                 || {Series, Count} <- tl(Counts),
                    {Key, Text} <- [{links, "wrong cuts"}, {faults, "faults with one"}]
                ]
            ]
    }.

%% Of 1,000 faults.
counts(Agent, Steps) ->
    Of1000 = fun(Count) -> round(1000 * Count / length(Steps)) end,
    Storm = bed_storm:start_link(?NODES, Agent),
    Losses = bed_storm:play(Storm, Steps),
    ok = bed_storm:stop(Storm),
    #{
        links => Of1000(length(lists:append([Links || {_, Links} <- Losses]))),
        faults => Of1000(length(Losses))
    }.

poller(Belief) ->
    #{
        start => fun(Node, {Address, Port}) ->
            bed_node:call(Node, bench_field_poller, start, [
                #{
                    basename => "app",
                    query => "nodes.cluster.test",
                    nameserver => {Address, Port},
                    poll_ms => ?POLL_MS,
                    timeout_ms => ?TIMEOUT_MS,
                    belief => Belief
                }
            ])
        end,
        rounds => fun(Node) -> bed_node:call(Node, bench_field_poller, rounds, []) end,
        refresh => fun(Node) ->
            Rounds = fun() -> bed_node:call(Node, bench_field_poller, rounds, []) end,
            Before = Rounds(),
            ok = bed_node:call(Node, bench_field_poller, poll_now, []),
            bed_wait:until(polled, fun() -> Rounds() > Before end)
        end
    }.
