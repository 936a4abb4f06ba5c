%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_text).

-include("barnacle_doc.hrl").

-import(barnacle_words, [names/1, count/2, time/1, reason/1, reasons/1, queried/1, term/1]).

?MODULEDOC("The reports of barnacle_log in words.").

-export([format/1]).

?DOC("A report as format and arguments; the report_cb of all reports of barnacles.").
-spec format(logger:report()) -> {io:format(), [term()]}.
format(#{barnacle := Name, what := What} = Report) ->
    {"barnacle ~tp: ~ts", [Name, text(What, Report)]}.

text(joined, #{nodes := Nodes, linked := Count}) ->
    ["joined ", names(Nodes), linked(Count)];
text(left, #{nodes := Nodes, linked := Count}) ->
    ["no longer linked to ", names(Nodes), linked(Count)];
text(asked, #{nodes := Nodes}) ->
    ["departed from discovery, asked to leave: ", names(Nodes)];
text(leaving, #{nodes := Nodes}) ->
    ["this node leaves ", names(Nodes)];
text(hint, #{hint := Hint}) ->
    barnacle_hints:text(Hint);
text(atoms, #{made := Made, max_new_atoms := Max}) ->
    io_lib:format("~b atoms made for node names, ~b may be (max_new_atoms); is the source sound?", [
        Made, Max
    ]);
text(port_program, #{detail := {died, How, Deaths, PauseMs}}) ->
    [
        "the port program ", How, ", and its operations have failed; the next one starts in ",
        time(PauseMs), " (", count(Deaths, "death"), " in quick succession)"
    ];
text(port_program, #{detail := {complains, Reply}}) ->
    ["the port program complains: ", term(Reply)];
text(over, #{trouble := Kind, rounds := Rounds, since_ms := SinceMs}) ->
    [over(Kind), " (after ", time(SinceMs), ", ", count(Rounds, "round"), $)];
text(Kind, #{detail := Detail, rounds := Rounds, since_ms := SinceMs} = Report) ->
    Lasts = [" (for ", time(SinceMs), ", ", count(Rounds, "round"), $)],
    [trouble(Kind, Detail), queried(Report), Lasts];
text(Kind, #{detail := Detail} = Report) ->
    [trouble(Kind, Detail), queried(Report)].

linked(Count) ->
    io_lib:format("; ~b linked", [Count]).

over(discovery) -> "discovery works again";
over(partial) -> "discovery is whole again";
over(connect) -> "nobody is missing any more";
over(refused) -> "all names can be nodes again";
over(departed) -> "nobody is departed any more";
over(suspect) -> "names are believed again";
over(crash) -> "rounds no longer crash".

trouble(discovery, Why) ->
    ["discovery failed, what was known stays: ", reason(Why)];
trouble(partial, Why) ->
    ["discovery is partial, nobody counts as missing: ", reason(Why)];
trouble(connect, Failed) ->
    ["not linked: ", reasons(Failed)];
trouble(refused, Names) ->
    ["names that will not become nodes: ", reasons(Names)];
trouble(departed, Names) ->
    ["departed from discovery, still linked: ", names(Names)];
trouble(suspect, Names) ->
    ["too many names are missing at once to be believed, nobody is sent away: ", names(Names)];
trouble(crash, {Reason, Stacktrace}) ->
    ["a round crashed, the next ones go on: ", crash(Reason, Stacktrace)].

%% The whole trace is in the report.
crash({Reason, [{Module, Function, Arity, _} | _] = Trace}, Trace) ->
    [reason(Reason), io_lib:format(" in ~tp:~tp/~b", [Module, Function, arity(Arity)])];
crash(Reason, _Stacktrace) ->
    reason(Reason).

arity(Arity) when is_integer(Arity) -> Arity;
arity(Args) -> length(Args).
