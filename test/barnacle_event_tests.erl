%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_event_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(LIMIT_MS, 60000).

rows_are_whole_test() ->
    Events = [Event || {Event, _, _, _} <- barnacle_event:table()],
    ?assertEqual(lists:sort(Events), lists:usort(Events)),
    [
        ?assertEqual({Event, length(Keys)}, {Event, length(lists:usort(Keys))})
     || {Event, Measurements, Metadata, <<_, _/binary>>} <- barnacle_event:table(),
        Keys <- [[Key || {Key, <<_, _/binary>>} <- Measurements ++ Metadata]]
    ].

nothing_without_telemetry_test() ->
    bed_telemetry:without(fun() ->
        Emitter = barnacle_event:open(common()),
        ?assertEqual(none, Emitter),
        ok = barnacle_event:start(round, #{}, Emitter),
        ok = barnacle_event:stop(round, #{}, #{}, Emitter),
        ok = barnacle_event:failed(error, why, [], Emitter),
        ok = barnacle_event:links(connect, [a@h], [], 0, Emitter)
    end).

a_whole_round_test() ->
    Events = told(fun(Emitter) ->
        ok = barnacle_event:start(round, #{}, Emitter),
        ok = barnacle_event:start(discovery, #{}, Emitter),
        ok = barnacle_event:stop(
            discovery, #{names => 3}, #{outcome => complete, reason => none}, Emitter
        ),
        Began = erlang:monotonic_time(),
        ok = barnacle_event:links(connect, [a@h, b@h, c@h], [{c@h, timeout}], Began, Emitter),
        ok = barnacle_event:links(disconnect, [d@h, e@h], [{e@h, paused}], Began, Emitter),
        ok = barnacle_event:stop(round, #{nodes => 2}, #{result => {ok, []}}, Emitter)
    end),
    ?assertEqual(
        [
            [round, start],
            [discovery, start],
            [discovery, stop],
            [connect, ok],
            [connect, ok],
            [connect, error],
            [disconnect, ok],
            [disconnect, error],
            [round, stop]
        ],
        [Name || {[barnacle | Name], _, _} <- Events]
    ),
    ?assertEqual(
        [{a@h, none}, {b@h, none}, {c@h, timeout}],
        [
            {maps:get(node, Metadata), maps:get(reason, Metadata, none)}
         || {[barnacle, connect, _], _, Metadata} <- Events
        ]
    ),
    [?assert(Duration >= 0) || {_, #{duration := Duration}, _} <- Events],
    as_documented(Events).

%% Both spans end, the inner one first.
a_crash_test() ->
    Events = told(fun(Emitter) ->
        ok = barnacle_event:start(round, #{}, Emitter),
        ok = barnacle_event:start(discovery, #{}, Emitter),
        ok = barnacle_event:failed(error, why, [{m, f, 1, []}], Emitter)
    end),
    ?assertMatch(
        [
            {[barnacle, discovery, exception], _, #{
                kind := error, reason := why, stacktrace := [_]
            }},
            {[barnacle, round, exception], _, #{kind := error, reason := why}}
        ],
        lists:nthtail(2, Events)
    ),
    as_documented(Events).

killed_from_outside_test() ->
    Events = told(fun(Emitter) ->
        ok = barnacle_event:start(round, #{}, Emitter),
        ok = bed_wait:until(monitored, fun() ->
            {monitored_by, By} = process_info(self(), monitored_by),
            lists:member(Emitter, By)
        end),
        exit(self(), kill)
    end),
    ?assertMatch([_, {[barnacle, round, exception], _, #{kind := exit, reason := killed}}], Events),
    as_documented(Events).

%% Neither a handler that crashes nor one that hangs is any matter of the worker's.
handlers_are_kept_away_test_() ->
    {timeout, ?LIMIT_MS div 1000, fun handlers_are_kept_away/0}.

handlers_are_kept_away() ->
    Test = self(),
    Handler = fun(_, _, _) ->
        Test ! {handler, self()},
        receive
            never -> ok
        end
    end,
    bed_telemetry:with(Handler, fun() ->
        Emitter = barnacle_event:open(common()),
        ok = barnacle_event:start(round, #{}, Emitter),
        receive
            {handler, Pid} -> ?assertNotEqual(self(), Pid)
        after ?LIMIT_MS -> error(no_handler)
        end,
        ok = barnacle_event:stop(round, #{nodes => 0}, #{result => {ok, []}}, Emitter),
        Monitor = monitor(process, Emitter),
        receive
            {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(killed, Reason)
        after ?LIMIT_MS -> error(a_handler_hangs_for_ever)
        end
    end).

a_handler_that_crashes_test() ->
    Test = self(),
    Handler = fun([_, _ | Last], _, _) ->
        Test ! {called, Last},
        Last =:= [stop] orelse error(why)
    end,
    bed_telemetry:with(Handler, fun() ->
        Emitter = barnacle_event:open(common()),
        ok = barnacle_event:start(round, #{}, Emitter),
        ok = barnacle_event:stop(round, #{nodes => 0}, #{result => {ok, []}}, Emitter),
        [
            receive
                {called, Last} -> ok
            after ?LIMIT_MS -> error({not_called, Last})
            end
         || Last <- [[start], [stop]]
        ]
    end).

%% In order, as documented, and by another emitter where a handler was ended.
connections_test() ->
    Test = self(),
    Handler = fun
        (_, _, #{node := slow@h}) -> exit(self(), kill);
        (Event, Numbers, Metadata) -> Test ! {told, Event, Numbers, Metadata}
    end,
    bed_telemetry:with(Handler, fun() ->
        Tell = fun(Change, Emitter) -> barnacle_event:connection(Change, common(), Emitter) end,
        First = Tell({up, a@h}, barnacle_event:none()),
        First = Tell({down, a@h, left, {linked, 1000}}, First),
        Ended = monitor(process, First),
        First = Tell({up, slow@h}, First),
        receive
            {'DOWN', Ended, process, _, _} -> ok
        after ?LIMIT_MS -> error(still_there)
        end,
        Second = Tell({up, b@h}, First),
        ?assertNotEqual(First, Second),
        Events = [
            receive
                {told, Event, Numbers, Metadata} -> {Event, Numbers, Metadata}
            after ?LIMIT_MS -> error(not_told)
            end
         || _ <- "123"
        ],
        as_documented(Events),
        ?assertMatch(
            [
                {[barnacle, connection, up], _, #{node := a@h}},
                {[barnacle, connection, down], #{duration := _}, #{node := a@h, reason := left}},
                {[barnacle, connection, up], _, #{node := b@h}}
            ],
            Events
        )
    end).

common() ->
    #{server => me, strategy => s, trigger => poll}.

%% The events of a worker that ends.
told(Work) ->
    Test = self(),
    Handler = fun(Event, Numbers, Metadata) -> Test ! {told, Event, Numbers, Metadata} end,
    bed_telemetry:with(Handler, fun() ->
        {_, Monitor} = spawn_monitor(fun() ->
            Emitter = barnacle_event:open(common()),
            Test ! {emitter, Emitter},
            Work(Emitter)
        end),
        receive
            {'DOWN', Monitor, process, _, _} -> ok
        end,
        Emitter =
            receive
                {emitter, Pid} -> Pid
            end,
        Ended = monitor(process, Emitter),
        receive
            {'DOWN', Ended, process, _, _} -> ok
        after ?LIMIT_MS -> error(still_there)
        end,
        flush()
    end).

flush() ->
    receive
        {told, Event, Measurements, Metadata} -> [{Event, Measurements, Metadata} | flush()]
    after 0 -> []
    end.

as_documented(Events) ->
    Table = maps:from_list([
        {Event, {keys(Measurements), keys(Metadata)}}
     || {Event, Measurements, Metadata, _} <- barnacle_event:table()
    ]),
    [
        ?assertEqual(
            {Event, maps:get(Event, Table)},
            {Event, {lists:sort(maps:keys(Measurements)), lists:sort(maps:keys(Metadata))}}
        )
     || {Event, Measurements, Metadata} <- Events
    ].

keys(Described) ->
    lists:sort([Key || {Key, _} <- Described]).

-endif.
