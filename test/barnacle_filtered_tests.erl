%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_filtered_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% Filter, cap and events in rounds of real servers, whose strategies link nobody in truth.

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT_MS, 60000).

filtered_names_are_not_joined_test() ->
    with_server(#{filter => [<<"a@*">>]}, [a@1, b@1, a@2], fun(Server) ->
        {ok, _} = barnacle_cluster:refresh(Server, ?LIMIT_MS),
        ?assertEqual([a@1, a@2], connected()),
        #{wanted := Wanted} = barnacle_cluster:status(Server),
        ?assertEqual([<<"a@1">>, <<"a@2">>], lists:sort(maps:keys(Wanted)))
    end).

%% A name that the predicate once let pass is neither missing nor departed when it does no more.
a_predicate_that_changes_its_mind_test() ->
    Counter = counters:new(1, []),
    Filter = fun(Name) -> Name =/= <<"b@1">> orelse counters:get(Counter, 1) =:= 0 end,
    Options = #{filter => Filter, departed_after => 0, disconnect => departed},
    with_server(Options, [a@1, b@1], [a@1, b@1], fun(Server) ->
        {ok, _} = barnacle_cluster:refresh(Server, ?LIMIT_MS),
        #{wanted := Both} = barnacle_cluster:status(Server),
        ok = counters:add(Counter, 1, 1),
        [{ok, _} = barnacle_cluster:refresh(Server, ?LIMIT_MS) || _ <- "1234"],
        #{wanted := One, departed := Departed, suspect := Suspect} =
            barnacle_cluster:status(Server),
        ?assertEqual({[<<"b@1">>], #{}}, {maps:keys(Both) -- maps:keys(One), Departed}),
        ?assertNot(Suspect)
    end).

%% Listed nodes that do not pass are none of this barnacle's, named or not.
filtered_nodes_are_not_cut_test() ->
    Options = #{filter => [<<"a@*">>], disconnect => undiscovered},
    with_server(Options, [a@1, b@1], [a@1, a@2, b@1, c@1], fun(Server) ->
        {ok, _} = barnacle_cluster:refresh(Server, ?LIMIT_MS),
        ?assertEqual([a@2], cut())
    end).

a_filter_that_crashes_fails_its_round_only_test() ->
    Counter = counters:new(1, []),
    Filter = fun(_) -> counters:get(Counter, 1) > 0 orelse error(why) end,
    with_server(#{filter => Filter}, [a@1], fun(Server) ->
        ?assertExit({why, _}, barnacle_cluster:refresh(Server, ?LIMIT_MS)),
        ok = counters:add(Counter, 1, 1),
        ?assertMatch({ok, _}, barnacle_cluster:refresh(Server, ?LIMIT_MS))
    end).

a_filter_that_overstays_test() ->
    Filter = fun(_) ->
        receive
            never -> true
        end
    end,
    with_server(#{filter => Filter, strategy_timeout => 20}, [a@1], fun(Server) ->
        ?assertExit({strategy_timeout, filter}, barnacle_cluster:refresh(Server, ?LIMIT_MS))
    end).

too_many_names_are_refused_test() ->
    with_server(#{max_nodes => 2}, [a@1, a@2, a@3], fun(Server) ->
        ?assertEqual(
            {error, {strategy_error, {too_many_nodes, 3, 2}}},
            barnacle_cluster:refresh(Server, ?LIMIT_MS)
        ),
        ?assertEqual([], connected())
    end).

events_of_a_server_test() ->
    Test = self(),
    Handler = fun(Event, _, Metadata) -> Test ! {event, Event, Metadata} end,
    bed_telemetry:with(Handler, fun() ->
        with_server(#{disconnect => undiscovered}, [a@1], [a@2], fun(Server) ->
            {ok, _} = barnacle_cluster:refresh(Server, ?LIMIT_MS),
            [
                receive
                    {event, [barnacle | Event], #{server := Server} = Metadata} ->
                        ?assertMatch(#{strategy := barnacle_strategy_custom}, Metadata),
                        ?assert(lists:member(maps:get(trigger, Metadata), [poll, refresh]))
                after ?LIMIT_MS -> error({no_event, Event})
                end
             || Event <- [
                    [round, start],
                    [discovery, start],
                    [discovery, stop],
                    [connect, ok],
                    [disconnect, ok],
                    [round, stop]
                ]
            ]
        end)
    end).

%% ---------------------------------------------------------------------------------------------

with_server(Options, Discovered, Test) ->
    with_server(Options, Discovered, [], Test).

with_server(Options, Discovered, Listed, Test) ->
    Self = self(),
    Told = fun(What) ->
        fun(Nodes) ->
            Self ! {What, Nodes},
            {ok, Nodes}
        end
    end,
    Strategy =
        {custom, #{
            discover => fun() -> {ok, Discovered} end,
            list => fun() -> {ok, Listed} end,
            connect => Told(connected),
            disconnect => Told(cut)
        }},
    _ = {told(connected), told(cut)},
    {ok, Server} = barnacle_cluster:start_link(Options#{strategy => Strategy}),
    try
        Test(Server)
    after
        barnacle_cluster:shutdown(Server, ?LIMIT_MS)
    end.

connected() -> told(connected).

cut() -> told(cut).

%% What was told last, for every round tells the same.
told(What) ->
    receive
        {What, Nodes} -> lists:usort(Nodes ++ told(What))
    after 0 -> []
    end.

-endif.
