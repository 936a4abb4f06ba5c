%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log).

-include("barnacle_doc.hrl").
-include_lib("kernel/include/logger.hrl").

?MODULEDOC("""
What barnacles log, through OTP's logger as report maps #{barnacle, what, ...}, in words by
barnacle_log_text.

Everything is at notice or above, since a plain Erlang hides info, and without a domain, since the
default handler drops foreign domains. Changes are told once, and held down where they come thick
(barnacle_log_rate); troubles that last are told again at growing gaps (barnacle_trouble).
""").

-export([new/3, round/2, crashed/3, asked/2, leaving/2, hints/2, half_of_atoms/2, port_program/1]).
-export([lines/3, crash_lines/4]).

-export_type([name/0, level/0, log/0, line/0]).

?DOC("How a barnacle is called in the log: its registered name, or its pid.").
-type name() :: atom() | pid().

?DOC("The lowest level that is logged.").
-type level() :: notice | warning | error | none.

-type line() :: {notice | warning | error, What :: atom(), Report :: map()}.

%% linked: as it was last. told: as it was told last. now: the troubles of the last round that came
%% to an end.
-record(log, {
    name :: name(),
    level :: level(),
    linked :: [node()],
    told :: [node()],
    rate :: barnacle_log_rate:rate(),
    hinted = [] :: [atom()],
    now = #{} :: #{atom() => term()},
    troubles :: barnacle_trouble:troubles()
}).

-opaque log() :: #log{}.

?DOC("Has told nothing; some nodes are linked already.").
-spec new(name(), level(), [node()]) -> log().
new(Name, Level, Linked) ->
    #log{
        name = Name,
        level = Level,
        linked = Linked,
        told = Linked,
        rate = barnacle_log_rate:new(),
        troubles = barnacle_trouble:new()
    }.

?DOC("Logs what a round has changed.").
-spec round(barnacle_round:outcome(), log()) -> log().
round(Outcome, Log) ->
    write(lines(Outcome, now_ms(), Log)).

?DOC("Logs that a round crashed, as any other trouble.").
-spec crashed(term(), list(), log()) -> log().
crashed(Reason, Stacktrace, Log) ->
    write(crash_lines(Reason, Stacktrace, now_ms(), Log)).

?DOC("The departed are asked to leave.").
-spec asked({name(), level()}, [binary()]) -> ok.
asked(Who, Nodes) ->
    one(Who, asked, Nodes).

?DOC("This node leaves others.").
-spec leaving({name(), level()}, [node()]) -> ok.
leaving(Who, Nodes) ->
    one(Who, leaving, Nodes).

?DOC("What is wrong with this node, each kind of mistake once.").
-spec hints([barnacle_hints:hint()], log()) -> log().
hints(Hints, Log) ->
    write(hint_lines(Hints, Log)).

?DOC("Half of the atoms that may be made for node names are made.").
-spec half_of_atoms(non_neg_integer(), non_neg_integer()) -> true.
half_of_atoms(Count, Max) ->
    ok = log(warning, self(), atoms, #{made => Count, max_new_atoms => Max}),
    true.

?DOC("""
The port program has died, how, the how manieth time without living long, and how many ms pass until
the next start; or it complains of what it was told. Said at growing gaps.
""").
-spec port_program(
    {died, How :: binary(), Deaths :: pos_integer(), PauseMs :: non_neg_integer()}
    | {complains, term()}
) -> ok.
port_program({died, _How, Deaths, _PauseMs}) when Deaths band (Deaths - 1) =/= 0 ->
    ok;
port_program(What) ->
    log(warning, barnacle_port, port_program, #{detail => What}).

?DOC("What there is to say of a round that ended at NowMs (monotonic); logs nothing.").
-spec lines(barnacle_round:outcome(), integer(), log()) -> {[line()], log()}.
lines(#{visible := Visible} = Outcome, NowMs, Log) ->
    {Hints, Log1} = hint_lines(maps:get(hints, Outcome), Log),
    {Links, Log2} = links(lists:sort(Visible), NowMs, Log1),
    {Troubles, Log3} = troubles(troubles_of(Outcome), NowMs, Log2),
    Queried = maps:get(queried, Outcome),
    {Hints ++ Links ++ [with_queried(Line, Queried) || Line <- Troubles], Log3}.

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

links(Linked, NowMs, #log{linked = Before, rate = Rate0} = Log0) ->
    Rate =
        case Linked of
            Before -> Rate0;
            _ -> barnacle_log_rate:change(NowMs, Rate0)
        end,
    #log{told = Told} = Log = Log0#log{linked = Linked, rate = Rate},
    case Linked =/= Told andalso barnacle_log_rate:allows(NowMs, Rate) of
        true ->
            Lines = [
                {notice, What, #{nodes => Nodes, linked => length(Linked)}}
             || {What, [_ | _] = Nodes} <- [{joined, Linked -- Told}, {left, Told -- Linked}]
            ],
            {Lines, Log#log{told = Linked, rate = barnacle_log_rate:told(NowMs, Rate)}};
        false when Linked =:= Told ->
            %% One list in the place of two.
            {[], Log#log{told = Linked}};
        false ->
            {[], Log}
    end.

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

one({Name, Level}, What, Nodes) ->
    _ = is_logged(notice, Level) andalso log(notice, Name, What, #{nodes => Nodes}),
    ok.

is_logged(_LineLevel, none) -> false;
is_logged(LineLevel, Level) -> logger:compare_levels(LineLevel, Level) =/= lt.

log(Level, Name, What, Report) ->
    ?LOG(Level, Report#{barnacle => Name, what => What}, #{
        report_cb => fun barnacle_log_text:format/1
    }).

now_ms() ->
    erlang:monotonic_time(millisecond).
