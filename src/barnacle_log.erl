%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log).

-include("barnacle_doc.hrl").
-include_lib("kernel/include/logger.hrl").

?MODULEDOC("""
What barnacles log, through OTP's logger as report maps #{barnacle, what, ...}.

Everything is at notice or above, since a plain Erlang hides info, and without a domain, since the
default handler drops foreign domains.
""").

-export([round/3, crashed/3, not_alive/1, half_of_atoms/2, format/1]).

-export_type([name/0]).

?DOC("How a barnacle is called in the log: its registered name, or its pid.").
-type name() :: atom() | pid().

?DOC("Logs what a round has changed, and gives the troubles for the next one.").
-spec round(name(), barnacle_round:outcome() | crashed, {[node()], barnacle_trouble:troubles()}) ->
    barnacle_trouble:troubles().
round(_Name, crashed, {_, Troubles}) ->
    Troubles;
round(Name, #{visible := Visible} = Outcome, {Before, Troubles}) ->
    Joined = Visible -- Before,
    Left = Before -- Visible,
    Joined =/= [] andalso log(notice, Name, joined, #{nodes => Joined}),
    Left =/= [] andalso log(notice, Name, left, #{nodes => Left}),
    {Said, Troubles1} = barnacle_trouble:update(
        troubles(Outcome), erlang:monotonic_time(millisecond), Troubles
    ),
    lists:foreach(fun(Words) -> say(Name, Words) end, Said),
    Troubles1.

?DOC("A function of the strategy crashed or overstayed.").
-spec crashed(name(), term(), list()) -> ok.
crashed(Name, Reason, Stacktrace) ->
    log(error, Name, strategy_crashed, #{reason => Reason, stacktrace => Stacktrace}).

?DOC("This node is not alive, so nothing can be connected.").
-spec not_alive(name()) -> ok.
not_alive(Name) ->
    log(warning, Name, local_node_is_not_alive, #{}).

?DOC("Half of the atoms that may be made for node names are made.").
-spec half_of_atoms(non_neg_integer(), non_neg_integer()) -> true.
half_of_atoms(Count, Max) ->
    ok = log(warning, self(), atoms, #{made => Count, max_new_atoms => Max}),
    true.

?DOC("A report as format and arguments; the report_cb of all reports here.").
-spec format(logger:report()) -> {io:format(), [term()]}.
format(#{barnacle := Name, what := What} = Report) ->
    {Format, Args} = text(What, Report),
    {"barnacle ~tp: " ++ Format, [Name | Args]}.

troubles(#{answer := Answer, failed := Failed, refused := Refused, departed := Departed}) ->
    maps:from_list(
        [{discovery, Why} || {error, Why} <- [Answer]] ++
            [{partial, Why} || {partial, _, Why} <- [Answer]] ++
            [{connect, lists:sort(Failed)} || Failed =/= []] ++
            [{refused, lists:sort(Refused)} || Refused =/= []] ++
            [{Verdict, Names} || {Verdict, Names} <- [departed(Departed)], Names =/= []]
    ).

departed({ok, Names}) -> {departed, Names};
departed({suspect, Names}) -> {suspect, Names}.

say(Name, {over, Kind, Detail, Rounds, SinceMs}) ->
    log(notice, Name, over, #{
        trouble => Kind, detail => Detail, rounds => Rounds, since_ms => SinceMs
    });
say(Name, {lasts, Kind, Detail, Rounds, SinceMs}) ->
    log(level(Kind), Name, Kind, #{detail => Detail, rounds => Rounds, since_ms => SinceMs});
say(Name, {_BeganOrChanged, Kind, Detail}) ->
    log(level(Kind), Name, Kind, #{detail => Detail}).

level(partial) -> notice;
level(departed) -> notice;
level(refused) -> error;
level(_) -> warning.

log(Level, Name, What, Report) ->
    ?LOG(Level, Report#{barnacle => Name, what => What}, #{report_cb => fun ?MODULE:format/1}).

text(joined, #{nodes := Nodes}) ->
    {"joined ~0tp", [Nodes]};
text(left, #{nodes := Nodes}) ->
    {"no longer linked to ~0tp", [Nodes]};
text(strategy_crashed, #{reason := Reason}) ->
    {"a function of the strategy failed, and its round with it: ~0tp", [Reason]};
text(local_node_is_not_alive, _) ->
    {"this node is not alive, so it can join nobody; start it with -name or -sname", []};
text(atoms, #{made := Made, max_new_atoms := Max}) ->
    {"~b atoms made for node names, ~b may be (max_new_atoms); is the source sound?", [Made, Max]};
text(over, #{trouble := Kind, rounds := Rounds, since_ms := SinceMs}) ->
    {"~p is over, after ~b rounds in ~b ms", [Kind, Rounds, SinceMs]};
text(Kind, #{detail := Detail} = Report) ->
    {Format, Args} = trouble(Kind, Detail),
    case Report of
        #{rounds := Rounds, since_ms := SinceMs} ->
            {Format ++ " (for ~b rounds in ~b ms)", Args ++ [Rounds, SinceMs]};
        _ ->
            {Format, Args}
    end.

trouble(discovery, Why) ->
    {"discovery failed, what was known stays: ~0tp", [Why]};
trouble(partial, Why) ->
    {"discovery is partial, nobody counts as missing: ~0tp", [Why]};
trouble(connect, Failed) ->
    {"not connected: ~0tp", [Failed]};
trouble(refused, Names) ->
    {"names that will not become nodes: ~0tp", [Names]};
trouble(departed, Names) ->
    {"departed from discovery, still linked: ~0tp", [Names]};
trouble(suspect, Names) ->
    {"too many names are missing at once to be believed, nobody is sent away: ~0tp", [Names]}.
