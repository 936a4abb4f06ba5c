%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log).

-include("barnacle_doc.hrl").
-include_lib("kernel/include/logger.hrl").

?MODULEDOC("""
What barnacles log, through OTP's logger as report maps #{barnacle, what, ...}, in words by
barnacle_log_text.

Everything is at notice or above, since a plain Erlang hides info, and without a domain, since the
default handler drops foreign domains. A change is logged once, and at once unless there is a storm
of them (barnacle_log_rate, barnacle_log_links); troubles that last are told again at growing gaps
(barnacle_trouble). The owner hands in the messages {timeout, Timer, log}, which info/2 knows.
""").

-export([new/3, up/2, down/3, round/2, crashed/3, info/2, close/1]).
-export([fact/3, hints/2, listener/2, environment/2]).
-export([lines/3, crash_lines/4]).

-export_type([name/0, level/0, log/0, line/0]).

?DOC("How a barnacle is called in the log: its registered name, or its pid.").
-type name() :: atom() | pid().

?DOC("The lowest level that is logged.").
-type level() :: notice | warning | error | none.

-type line() :: {notice | warning | error, What :: atom(), Report :: map()}.

%% by: whether events or the lists of rounds tell of connections. timer: of lines that wait. now:
%% the troubles of the last round that came to an end.
-record(log, {
    name :: name(),
    level :: level(),
    by :: events | rounds,
    links :: barnacle_log_links:links(),
    timer = none :: none | reference(),
    hinted = [] :: [atom()],
    now = #{} :: #{atom() => term()},
    troubles :: barnacle_trouble:troubles()
}).

-opaque log() :: #log{}.

%% What was said of the environment last.
-define(ENVIRONMENT, {?MODULE, environment}).

?DOC("""
Nothing is logged yet. These nodes are connected already, and up/2 and down/3 tell of others; or
only rounds do.
""").
-spec new(name(), level(), [node()] | rounds) -> log().
new(Name, Level, Connected) ->
    {By, Nodes} =
        case Connected of
            rounds -> {rounds, []};
            _ -> {events, Connected}
        end,
    #log{
        name = Name,
        level = Level,
        by = By,
        links = barnacle_log_links:new(Nodes),
        troubles = barnacle_trouble:new()
    }.

?DOC("A visible node is connected.").
-spec up(node(), log()) -> log().
up(Node, #log{links = Links} = Log) ->
    changed(Log#log{links = barnacle_log_links:up(Node, now_ms(), Links)}).

?DOC("A visible node is no longer connected.").
-spec down(node(), barnacle_log_links:why(), log()) -> log().
down(Node, Why, #log{links = Links} = Log) ->
    changed(Log#log{links = barnacle_log_links:down(Node, Why, now_ms(), Links)}).

?DOC("Takes a message of its own: {ok, Log}. Others are ignored.").
-spec info(term(), log()) -> {ok, log()} | ignored.
info({timeout, Timer, log}, #log{timer = Timer} = Log) -> {ok, changed(Log#log{timer = none})};
info(_, #log{}) -> ignored.

?DOC("Logs what still waits: the server ends.").
-spec close(log()) -> log().
close(#log{links = Links} = Log) ->
    {Lines, Links1} = barnacle_log_links:rest(now_ms(), Links),
    write({connections(Lines), Log#log{links = Links1}}).

changed(Log) ->
    waited(write(links(now_ms(), Log))).

waited(#log{timer = none, links = Links} = Log) ->
    case barnacle_log_links:next(Links) of
        none -> Log;
        AtMs -> Log#log{timer = erlang:start_timer(AtMs, self(), log, [{abs, true}])}
    end;
waited(Log) ->
    Log.

?DOC("Logs what a round has changed.").
-spec round(barnacle_refreshing:outcome(), log()) -> log().
round(Outcome, Log) ->
    waited(write(lines(Outcome, now_ms(), Log))).

?DOC("Logs that a round crashed, as any other trouble.").
-spec crashed(term(), list(), log()) -> log().
crashed(Reason, Stacktrace, Log) ->
    write(crash_lines(Reason, Stacktrace, now_ms(), Log)).

?DOC("""
Logs one fact. asked: departed nodes are asked to leave. leaving: this node leaves these. expelled:
a departed node without a barnacle is made to leave. disconnecting: such a node is disconnected.
undiscovered: the setting disconnect, or a custom strategy, disconnects nodes.
""").
-spec fact(asked | leaving | expelled | disconnecting | undiscovered, Nodes, log()) -> ok when
    Nodes :: [node()] | node().
fact(What, Node, Log) when is_atom(Node) ->
    fact(What, [Node], Log);
fact(What, Nodes, #log{name = Name, level = Level}) ->
    _ = is_logged(notice, Level) andalso log(notice, Name, What, #{nodes => Nodes}),
    ok.

?DOC("What is wrong with this node, each kind of mistake once.").
-spec hints([barnacle_hints:hint()], log()) -> log().
hints(Hints, Log) ->
    write(hint_lines(Hints, Log)).

?DOC("The listener cannot be told of anything, and why; or it can again.").
-spec listener({name(), level()}, barnacle_listener:state()) -> ok.
listener({Name, Level}, State) ->
    LineLevel =
        case State of
            ok -> notice;
            _ -> warning
        end,
    _ = is_logged(LineLevel, Level) andalso log(LineLevel, Name, listener, #{detail => State}),
    ok.

?DOC("""
Keys in the environment of the application that have no effect, each with what would have one. Once
for the VM, however many barnacles start.
""").
-spec environment({name(), level()}, [{atom(), Text :: binary()}]) -> ok.
environment({Name, Level}, Keys) ->
    case persistent_term:get(?ENVIRONMENT, []) of
        Keys ->
            ok;
        _ ->
            ok = persistent_term:put(?ENVIRONMENT, Keys),
            _ = Keys =/= [] andalso is_logged(warning, Level) andalso
                log(warning, Name, environment, #{detail => Keys}),
            ok
    end.

?DOC("What there is to say of a round that ended at NowMs (monotonic); logs nothing.").
-spec lines(barnacle_refreshing:outcome(), integer(), log()) -> {[line()], log()}.
lines(Outcome, NowMs, Log) ->
    {Hints, Log1} = hint_lines(maps:get(hints, Outcome), Log),
    {Links, Log2} = links(NowMs, listed(Outcome, NowMs, Log1)),
    {Troubles, Log3} = troubles(troubles_of(Outcome), NowMs, Log2),
    Queried = maps:get(queried, Outcome),
    {Hints ++ Links ++ [with_queried(Line, Queried) || Line <- Troubles], Log3}.

listed(#{visible := Visible}, NowMs, #log{by = rounds, links = Links} = Log) ->
    Log#log{links = barnacle_log_links:list(Visible, NowMs, Links)};
listed(_Outcome, _NowMs, Log) ->
    Log.

?DOC("What there is to say of a round that crashed; what was known before stays as it is.").
-spec crash_lines(term(), list(), integer(), log()) -> {[line()], log()}.
crash_lines(Reason, Stacktrace, NowMs, #log{now = Now} = Log) ->
    {Lines, Log1} = troubles(Now#{crash => {Reason, Stacktrace}}, NowMs, Log),
    {Lines, Log1#log{now = Now}}.

hint_lines(Hints, #log{hinted = Hinted} = Log) ->
    New = [Hint || Hint <- Hints, not lists:member(barnacle_hints:kind(Hint), Hinted)],
    {
        [{warning, hint, #{hint => Hint}} || Hint <- New],
        Log#log{hinted = [barnacle_hints:kind(Hint) || Hint <- New] ++ Hinted}
    }.

links(NowMs, #log{links = Links} = Log) ->
    {Lines, Links1} = barnacle_log_links:lines(NowMs, Links),
    {connections(Lines), Log#log{links = Links1}}.

connections(Lines) ->
    [{notice, What, Report} || {What, Report} <- Lines].

troubles(Now, NowMs, #log{troubles = Troubles} = Log) ->
    {Said, Troubles1} = barnacle_trouble:update(Now, NowMs, Troubles),
    {[line(Words) || Words <- Said], Log#log{now = Now, troubles = Troubles1}}.

troubles_of(#{answer := Answer, failed := Failed0, refused := Refused, departed := Departed}) ->
    %% Neither is a trouble of the network, and both were told when they came about.
    Failed = [
        Failure
     || {_, Why} = Failure <- Failed0, Why =/= paused, Why =/= local_node_is_not_alive
    ],
    maps:from_list(
        [{discovery, Why} || {error, Why} <- [Answer]] ++
            [{partial, Why} || {partial, _, Why} <- [Answer]] ++
            [{connect, lists:sort(Failed)} || Failed =/= []] ++
            [{refused, lists:sort(Refused)} || Refused =/= []] ++
            [{Verdict, Names} || {Verdict, Names} <- [departed(Departed)], Names =/= []]
    ).

%% What was queried where stands beside the trouble. It is no part of it: the same trouble with
%% another name server is no news.
with_queried({Level, What, Report}, [_ | _] = Queried) when What =:= discovery; What =:= partial ->
    {Level, What, Report#{queried => Queried}};
with_queried(Line, _Queried) ->
    Line.

departed({ok, Names}) -> {departed, Names};
departed({suspect, Names}) -> {suspect, Names}.

line({over, Kind, Detail, Rounds, SinceMs}) ->
    {notice, over, #{trouble => Kind, detail => Detail, rounds => Rounds, since_ms => SinceMs}};
line({lasts, Kind, Detail, Rounds, SinceMs}) ->
    {level(Kind), Kind, #{detail => Detail, rounds => Rounds, since_ms => SinceMs}};
line({passed, Kind, Detail, Times, AgoMs}) ->
    {level(Kind), Kind, #{detail => Detail, times => Times, ago_ms => AgoMs}};
line({_BeganOrChanged, Kind, Detail}) ->
    {level(Kind), Kind, #{detail => Detail}}.

level(partial) -> notice;
level(departed) -> notice;
level(refused) -> error;
level(crash) -> error;
level(_) -> warning.

write({Lines, #log{name = Name, level = Level} = Log}) ->
    lists:foreach(
        fun({LineLevel, What, Report}) ->
            is_logged(LineLevel, Level) andalso log(LineLevel, Name, What, Report)
        end,
        Lines
    ),
    Log.

is_logged(_LineLevel, none) -> false;
is_logged(LineLevel, Level) -> logger:compare_levels(LineLevel, Level) =/= lt.

log(Level, Name, What, Report0) ->
    Report = with_times(Report0),
    ?LOG(Level, Report#{barnacle => Name, what => What}, #{
        report_cb => fun barnacle_log_text:format/1
    }).

%% When late changes happened, by the system's clock, in ms.
with_times(#{late_ms := LateMs} = Report) ->
    SystemMs = erlang:system_time(millisecond),
    Report#{at => maps:map(fun(_, Ms) -> SystemMs - Ms end, LateMs)};
with_times(Report) ->
    Report.

now_ms() ->
    erlang:monotonic_time(millisecond).
