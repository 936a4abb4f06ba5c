%% SPDX-License-Identifier: Apache-2.0
-module(bed_log).

%% What barnacles log in the calling node: each line with its text and the time of its event. Also
%% events of telemetry there.

-export([watch/0, unwatch/0, forget/0, lines/0, texts/1, log/2]).
-export([watch_events/0, events/0]).

-define(TABLE, bed_log).
-define(EVENTS, bed_log_events).

%% From now on keeps what barnacles log, at notice and above.
-spec watch() -> ok.
watch() ->
    ?TABLE = ets:new(?TABLE, [named_table, public, ordered_set, {heir, whereis(init), none}]),
    ok = logger:add_handler(?TABLE, ?MODULE, #{level => notice}).

-spec unwatch() -> ok.
unwatch() ->
    ok = logger:remove_handler(?TABLE),
    true = ets:delete(?TABLE),
    ok.

%% What was kept is forgotten.
-spec forget() -> ok.
forget() ->
    true = ets:delete_all_objects(?TABLE),
    ok.

%% {What, Report}, in order.
-spec lines() -> [{atom(), map()}].
lines() ->
    [{What, Report} || {_, #{what := What} = Report} <- ets:tab2list(?TABLE)].

%% The texts of one kind of line.
-spec texts(atom()) -> [string()].
texts(Kind) ->
    [
        begin
            {Format, Args} = barnacle_log_text:format(Report),
            lists:flatten(io_lib:format(Format, Args))
        end
     || {What, Report} <- lines(), What =:= Kind
    ].

%% The handler.
-spec log(logger:log_event(), logger:handler_config()) -> term().
log(#{msg := {report, #{barnacle := _} = Report}}, _Config) ->
    ets:insert(?TABLE, {erlang:unique_integer([monotonic]), Report});
log(_Event, _Config) ->
    ok.

%% A stand-in for the library telemetry, for as long as the node lives.
-spec watch_events() -> ok.
watch_events() ->
    ?EVENTS = ets:new(?EVENTS, [named_table, public, ordered_set, {heir, whereis(init), none}]),
    Caller = self(),
    Keep = fun(Event, Measurements, Metadata) ->
        ets:insert(?EVENTS, {erlang:unique_integer([monotonic]), Event, Measurements, Metadata})
    end,
    Keeper = spawn(fun() ->
        bed_telemetry:with(Keep, fun() ->
            Caller ! {watching, self()},
            receive
                never -> ok
            end
        end)
    end),
    receive
        {watching, Keeper} -> ok
    end.

-spec events() -> [{list(), map(), map()}].
events() ->
    Rows = ets:tab2list(?EVENTS),
    [{Event, Measurements, Metadata} || {_, Event, Measurements, Metadata} <- Rows].
