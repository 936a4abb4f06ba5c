%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_print).

-include("barnacle_doc.hrl").

-import(barnacle_text, [count/2, names/2, printable/1, time/1, term/1]).
-import(barnacle_words, [reason/1, queried/2]).

?MODULEDOC("""
A status as a page for a person on a shell, 80 columns wide: what the barnacle does, every node with
why it is not linked, what to do, and which names are not used. Pure.
""").

-export([page/1]).

-define(WIDTH, 80).
-define(MAX_ROWS, 100).
-define(MAX_NAMES, 20).

?DOC("The page of a status.").
-spec page(barnacle_status:status()) -> unicode:chardata().
page(Status) ->
    [
        head(Status), table(Status), fixes(Status), listener(Status), rest(Status), hints(Status)
    ].

%% ---- what it does ----

head(#{node := Node, name := Name} = Status) ->
    Title =
        case Name of
            undefined -> io_lib:format("A barnacle of ~ts", [Node]);
            _ -> io_lib:format("The barnacle ~ts of ~ts", [term(Name), Node])
        end,
    [
        wrapped([Title, ": ", does(Status)], ""),
        field("source", source(Status)),
        field("rounds", rounds(Status)),
        field("links", links(Status))
    ].

does(#{alive := false}) ->
    "this node is not alive, so it links nobody";
does(#{state := paused}) ->
    "paused; refresh resumes";
does(#{state := left}) ->
    "left the cluster; refresh joins again";
does(#{state := resting}) ->
    "rests: its source names this node no longer, so it has left, and joins again when named";
does(#{round := running}) ->
    "a round is running";
does(#{next_poll_in := none}) ->
    "running";
does(#{next_poll_in := Ms}) ->
    ["running, next poll in ", time(Ms)].

source(#{strategy := Strategy, last_complete := Complete} = Status) ->
    Last =
        case Complete of
            none -> "no complete answer yet";
            #{names := Names, age := AgeMs} -> [
                "last complete answer ", time(AgeMs), " ago: ", count(length(Names), "name")
            ]
        end,
    [term(Strategy), "; ", Last, answer(Status), suspect(Status)].

answer(#{answer := partial, why := Why} = S) -> ["; now partial: ", reason(Why), queried(Why, S)];
answer(#{answer := error, why := Why} = S) -> ["; now fails: ", reason(Why), queried(Why, S)];
answer(#{}) -> "".

suspect(#{suspect := true}) -> "; suspect: too many names are missing at once, nobody is sent away";
suspect(#{}) -> "".

rounds(#{rounds := Rounds, failed_rounds := Failed, crashed_rounds := Crashed} = Status) ->
    #{last_error := Error} = Status,
    [
        io_lib:format("~b, ~b with an error, ~b crashed", [Rounds, Failed, Crashed]),
        last_error(Error)
    ].

last_error(none) ->
    "";
last_error(#{lasting := true, reason := Reason, for := ForMs, rounds := Rounds}) ->
    ["; for ", time(ForMs), " (", count(Rounds, "round"), "): ", round_error(Reason)];
last_error(#{reason := Reason, age := AgeMs}) ->
    ["; the last error was ", time(AgeMs), " ago: ", round_error(Reason)].

round_error({connect_error, Failed}) -> [count(length(Failed), "node"), " not linked"];
round_error({disconnect_error, Failed}) -> [count(length(Failed), "node"), " not cut"];
round_error({strategy_error, Reason}) -> reason(Reason);
round_error({Reason, [{_, _, _, _} | _]}) -> ["crashed: ", reason(Reason)];
round_error(Reason) -> ["crashed: ", reason(Reason)].

%% This node is none of its own connections.
links(#{wanted := Wanted, node := Node} = Status) ->
    #{others := Others, joined := Joined, lost := Lost} = Status,
    Own = barnacle_names:to_binary(Node),
    Peers = maps:remove(Own, Wanted),
    Connected = length([peer || #{state := connected} <- maps:values(Peers)]),
    [
        io_lib:format("~b of ~b wanted nodes connected", [Connected, map_size(Peers)]),
        [[", and ", count(length(Rest), "other")] || [_ | _] = Rest <- [lists:delete(Own, Others)]],
        io_lib:format("; since the start ~b made, ~b lost", [Joined, Lost]),
        departed_count(Status)
    ].

departed_count(#{departed := Departed}) when map_size(Departed) > 0 ->
    io_lib:format("; ~b departed", [map_size(Departed)]);
departed_count(#{}) ->
    "".

%% ---- the nodes: after this one, those that fail come first ----

table(#{wanted := Wanted} = Status) ->
    Rows = lists:sort([row(Name, Peer, Status) || {Name, Peer} <- maps:to_list(Wanted)]),
    Texts = [{Name, What} || {_, Name, What} <- Rows] ++ gone(Status),
    Shown = lists:sublist(Texts, ?MAX_ROWS),
    Widest = lists:max([0 | [string:length(Name) || {Name, _} <- Shown]]),
    Column = min(Widest, ?WIDTH div 2),
    [
        [$\n || Shown =/= []],
        [line(Name, What, Column) || {Name, What} <- Shown],
        more(length(Texts) - length(Shown))
    ].

more(0) -> "";
more(More) -> ["... and ", count(More, "node"), " more\n"].

row(Name, #{state := State, for := ForMs} = Peer, #{node := Node}) ->
    case barnacle_names:to_binary(Node) of
        Name -> {0, Name, "this node"};
        _ -> {rank(State), printable(Name), [word(State, Peer), ago(ForMs), why(Peer), next(Peer)]}
    end.

ago(Ms) -> [" for ", time(Ms)].

rank(failing) -> 1;
rank(backing_off) -> 1;
rank(connecting) -> 2;
rank(connected) -> 3.

word(backing_off, #{attempts := 0}) -> "link lost";
word(backing_off, _) -> "not linked";
word(failing, #{attempts := 0}) -> "link lost";
word(failing, _) -> "not linked";
word(connecting, _) -> "connecting";
word(connected, _) -> "linked".

why(#{reason := Reason}) -> [": ", reason(Reason)];
why(#{}) -> "".

next(#{attempts := Attempts, next_try_in := 0}) -> [$;, tried(Attempts), " again now"];
next(#{attempts := Attempts, next_try_in := Ms}) -> [$;, tried(Attempts), " again in ", time(Ms)];
next(#{attempts := 0}) -> "";
next(#{attempts := Attempts}) -> ["; tried ", times(Attempts)].

tried(0) -> "";
tried(Attempts) -> [" tried ", times(Attempts), $,].

times(1) -> "once";
times(Number) -> [integer_to_list(Number), " times"].

%% Names that no answer brings now, and those that will not have this node.
gone(#{missing := Missing, departed := Departed, left := Left}) ->
    Names = lists:sort(maps:to_list(Missing)),
    [{printable(Name), missing(Name, Ms, Departed)} || {Name, Ms} <- Names] ++
        [{Name, "said that it leaves; joined again when it is back"} || Name <- Left].

missing(Name, Ms, Departed) ->
    ["not in the answer of the source for ", time(Ms), asked(maps:get(Name, Departed, none))].

asked(none) -> "";
asked(not_asked) -> "; departed, not asked to leave";
asked(asked) -> "; departed, asked to leave";
asked(no_answer) -> "; departed, did not answer when asked to leave";
asked({stays, Why}) -> ["; departed, stays: ", stays(Why)].

stays(named) -> "its own source names it";
stays(never_named) -> "its own source has never named it";
stays(no_complete_answer) -> "its own source gave no complete answer";
stays(suspect) -> "it does not believe its own source";
stays({foreign_links, Nodes}) -> ["it has links of others: ", names(Nodes, 5)];
stays({wanted_by_others, Nodes}) -> ["another barnacle there wants ", names(Nodes, 5)];
stays({disconnect, Mode}) -> ["its setting disconnect is ", atom_to_list(Mode)];
stays(no_barnacle) -> "no barnacle of this source is there; it is looked at";
stays({wanted_by, Nodes}) -> ["no barnacle is there, and it is wanted by ", names(Nodes, 5)];
stays({no_reply, Nodes}) -> ["no barnacle is there, and no reply came from ", names(Nodes, 5)];
stays(not_disconnected) -> "no barnacle is there; it was made to leave and has not left";
stays(returned) -> "no barnacle is there; it left, and came back";
stays(Why) -> reason(Why).

%% ---- what to do about those that fail ----

fixes(#{wanted := Wanted} = Status) ->
    Reasons = [
        {Reason, barnacle_errors:fix(Reason)}
     || #{state := State, reason := Reason} <- maps:values(Wanted), State =/= connected
    ],
    Fixes = lists:usort([
        unicode:characters_to_binary([reason(Reason), ": ", plain(Fix)])
     || {Reason, {ok, Fix}} <- discovery_fixes(Status) ++ Reasons
    ]),
    block("What to do", Fixes).

discovery_fixes(#{answer := Answer, why := Why}) when Answer =:= error; Answer =:= partial ->
    [{Reason, barnacle_errors:discovery_fix(Reason)} || Reason <- reasons(Why)];
discovery_fixes(#{}) ->
    [].

%% Of several sources, or address families, each has its own reason.
reasons(Why) when length(Why) >= 0 -> lists:usort([reason_of(Of) || {_, _} = Of <- Why]);
reasons(Why) -> [Why].

reason_of({response, _} = Reason) -> Reason;
reason_of({_Source, Reason}) -> Reason.

listener(#{listener := State}) when State =/= none, State =/= ok ->
    block("The listener receives nothing", [barnacle_listener:text(State)]);
listener(#{}) ->
    "".

%% The marks of code are for pages with a layout.
plain(Fix) ->
    string:replace(Fix, "`", "", all).

%% ---- names that are not used ----

rest(#{filtered := Filtered, refused := Refused, others := Others, node := Node} = Status) ->
    #{own_names := OwnNames} = Status,
    Own = barnacle_names:to_binary(Node),
    For = fun(Why) -> [Name || {Name, Reason} <- Refused, Reason =:= Why] end,
    block("Other names", [
        [Title, ": ", names(Names, ?MAX_NAMES)]
     || {Title, Names} <- [
            {"discovered, and kept away by the setting filter", Filtered},
            {"discovered, and this node by another name", OwnNames},
            {"linked, though the source does not name it", lists:delete(Own, Others)}
            | [
                {["discovered, and not used: ", reason(Why)], For(Why)}
             || Why <- lists:usort([Why || {_, Why} <- Refused])
            ]
        ],
        Names =/= []
    ]).

hints(#{hints := Hints}) ->
    [
        block("About this node", [barnacle_hints:text(Hint) || Hint <- Hints]),
        "\nA name that stands nowhere above is in no answer that the source has given.\n"
    ].

%% ---- layout ----

block(_Title, []) -> "";
block(Title, Texts) -> [$\n, Title, ":\n" | [wrapped([" - ", Text], "   ") || Text <- Texts]].

field(Name, Text) ->
    wrapped([string:pad(Name, 8), Text], "        ").

line(Name, What, Column) ->
    case string:length(Name) > Column of
        true -> [Name, $\n, wrapped(["    ", What], "    ")];
        false -> wrapped([string:pad(Name, Column), "  ", What], lists:duplicate(Column + 2, $\s))
    end.

%% Breaks a text at blanks; lines after the first begin with Indent. What has no blank stays whole.
wrapped(Text, Indent) ->
    Flat = unicode:characters_to_list(Text),
    [First | Words] = string:split(Flat, " ", all),
    fill(Words, First, Indent).

fill([], Line, _Indent) ->
    [Line, $\n];
fill([Word | Words], Line, Indent) ->
    case string:length(Line) + 1 + string:length(Word) > ?WIDTH of
        true -> [Line, $\n | fill(Words, Indent ++ Word, Indent)];
        false -> fill(Words, Line ++ [$\s | Word], Indent)
    end.
