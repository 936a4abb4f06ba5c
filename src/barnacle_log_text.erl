%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_text).

-include("barnacle_doc.hrl").

-import(barnacle_text, [names/1, count/2, time/1, term/1]).
-import(barnacle_words, [reason/1, reasons/1, queried/2]).

?MODULEDOC("The reports of barnacle_log in words.").

-export([format/1]).

?DOC("A report as format and arguments; the report_cb of all reports of barnacles.").
-spec format(logger:report()) -> {io:format(), [term()]}.
format(#{barnacle := Name, what := What} = Report) ->
    {"barnacle ~ts: ~ts", [term(Name), text(What, Report)]}.

text(joined, #{nodes := Nodes} = Report) ->
    ["connected to ", at(Nodes, Report), connected(Report)];
text(left, Report) ->
    ["connection lost: ", lost(Report), connected(Report)];
text(left_on_purpose, #{nodes := Nodes} = Report) ->
    ["left on purpose: ", at(Nodes, Report), connected(Report)];
text(back, Report) ->
    ["lost and connected again: ", lost(Report), connected(Report)];
text(gone_again, Report) ->
    ["connected and lost again: ", lost(Report), connected(Report)];
text(asked, #{nodes := Nodes}) ->
    ["departed from discovery, asked to leave: ", names(Nodes)];
text(expelled, #{nodes := Nodes}) ->
    ["departed and without a barnacle, made to leave: ", names(Nodes)];
text(disconnecting, #{nodes := Nodes}) ->
    ["departed and without a barnacle, disconnected: ", names(Nodes)];
text(undiscovered, #{nodes := Nodes}) ->
    ["not discovered any more, disconnected: ", names(Nodes)];
text(leaving, #{nodes := Nodes}) ->
    ["this node leaves ", names(Nodes)];
text(hint, #{hint := Hint}) ->
    barnacle_hints:text(Hint);
text(listener, #{detail := ok}) ->
    "the listener receives messages again";
text(listener, #{detail := Why}) ->
    ["the listener receives nothing: ", barnacle_listener:text(Why)];
text(environment, #{detail := Keys}) ->
    [
        "in the environment of the application barnacle, ",
        lists:join("; ", [[term(Key), $\s, Text] || {Key, Text} <- Keys])
    ];
text(over, #{trouble := Kind, rounds := Rounds, since_ms := SinceMs}) ->
    [over(Kind), " (after ", time(SinceMs), ", ", count(Rounds, "round"), $)];
text(Kind, #{detail := Detail, rounds := Rounds, since_ms := SinceMs} = Report) ->
    Lasts = [" (for ", time(SinceMs), ", ", count(Rounds, "round"), $)],
    [trouble(Kind, Detail), queried(Detail, Report), Lasts, more(Kind, Report)];
text(Kind, #{detail := Detail, times := Times, ago_ms := AgoMs} = Report) ->
    [
        trouble(Kind, Detail), " (", count(Times, "time"),
        " since the last line, and passed; the last time ended ", time(AgoMs), " ago)",
        more(Kind, Report)
    ];
text(Kind, #{detail := Detail} = Report) ->
    [trouble(Kind, Detail), queried(Detail, Report), more(Kind, Report)].

%% What to do does not fit on a line.
more(connect, #{barnacle := Name}) ->
    Server =
        case is_atom(Name) of
            true -> term(Name);
            false -> "Server"
        end,
    ["; ", barnacle_text:call(barnacle_cluster, print, Server), " says what to do"];
more(_Kind, _Report) ->
    "".

connected(#{linked := Count} = Report) ->
    [changes(Report), "; ", count(Count, "node"), " connected"].

%% Nodes by the reason for which they were lost.
lost(#{nodes := Nodes, reasons := Reasons} = Report) ->
    Groups = maps:groups_from_list(
        fun(Node) -> unicode:characters_to_binary(lost_by(maps:get(Node, Reasons, unknown))) end,
        Nodes
    ),
    lists:join("; ", [[at(Of, Report), Why] || {Why, Of} <- lists:sort(maps:to_list(Groups))]).

lost_by(leaving) -> " (this node left on purpose)";
lost_by(left) -> " (it left on purpose)";
lost_by(unknown) -> "";
lost_by(Why) -> [" (", reason(Why), ")"].

%% Of a late line each node has the time of its own change.
at(Nodes, #{at := At}) ->
    barnacle_text:names(Nodes, fun(Node) ->
        case At of
            #{Node := SystemMs} -> [" at ", clock(SystemMs)];
            #{} -> ""
        end
    end);
at(Nodes, _Report) ->
    names(Nodes).

clock(SystemMs) ->
    calendar:system_time_to_rfc3339(SystemMs div 1000, []).

changes(#{changes := Changes}) when map_size(Changes) > 0 ->
    [
        " (", count(lists:sum(maps:values(Changes)), "change"), " of ", names(maps:keys(Changes)),
        " since the last line)"
    ];
changes(#{}) ->
    "".

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
    [reason(Reason), " in ", term(Module), io_lib:format(":~tp/~b", [Function, arity(Arity)])];
crash(Reason, _Stacktrace) ->
    reason(Reason).

arity(Arity) when is_integer(Arity) -> Arity;
arity(Args) -> length(Args).
