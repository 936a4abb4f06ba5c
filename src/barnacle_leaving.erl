%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_leaving).

-include("barnacle_doc.hrl").

?MODULEDOC("""
A server's part in leaving: asking the departed to leave, being asked, going away. What is said and
how a node goes is in barnacle_farewell, whom to ask in barnacle_departures.

A node that has just left and is linked again leaves again at once (barnacle_relinked). Later a node
that rests looks at its links at each poll, with the same care as when it was asked; one that left
for a planned stop looks at none.

The owner is a server that traps exits; it hands in what rounds bring, what peers say, and the
messages {barnacle_farewell, Ref, Left} and {'EXIT', Pid, Reason}, of which info/2 knows its own.
""").

-export([new/2, rests/1, mode/1, back/1, keep/2, stays/3, departed/1, asked/2, is_asked/1, stay/2]).
-export([round_begins/1, round_ended/3, go/1, go/2, is_going/1, linked_again/1]).
-export([callers/1, caller_gone/2, info/2]).

-export_type([leaving/0]).

-record(leaving, {
    who :: {barnacle_log:name(), barnacle_log:level()},
    %% What stays the same when the server is restarted.
    barnacle :: term(),
    disconnect :: barnacle_plan:mode(),
    departures = barnacle_departures:new() :: barnacle_departures:departures(),
    %% Those who asked since the running round began, and those who asked before.
    later = [] :: [pid()],
    askers = [] :: [pid()],
    farewell = none :: none | barnacle_farewell:farewell(),
    relinked = barnacle_relinked:new() :: barnacle_relinked:relinked(),
    callers = barnacle_callers:new() :: barnacle_callers:callers()
}).

-opaque leaving() :: #leaving{}.

?DOC("For a barnacle of this name, which logs from this level on, with these options.").
-spec new({barnacle_log:name(), barnacle_log:level()}, barnacle_options:checked()) -> leaving().
new(Who, #{disconnect := Mode} = Options) ->
    Same = erlang:phash2(maps:with([name, strategy], Options), 1 bsl 32),
    #leaving{who = Who, barnacle = Same, disconnect = Mode}.

?DOC("Whether this barnacle has left and not come back, also as another process.").
-spec rests(leaving()) -> boolean().
rests(#leaving{barnacle = Barnacle}) ->
    barnacle_registry:rests(Barnacle).

?DOC("Who rests goes on resting until his source names him.").
-spec mode(leaving()) -> resting | running.
mode(Leaving) ->
    case rests(Leaving) of
        true -> resting;
        false -> running
    end.

?DOC("The mode to begin with: one that crashed while it was paused, or had left, is so still.").
-spec back(leaving()) -> barnacle_status:mode().
back(#leaving{barnacle = Barnacle} = Leaving) ->
    case barnacle_registry:back(Barnacle) of
        running -> mode(Leaving);
        Mode -> Mode
    end.

?DOC("A mode that the barnacle is to have also as another process.").
-spec keep(running | paused | left, leaving()) -> ok.
keep(Mode, #leaving{barnacle = Barnacle}) ->
    barnacle_registry:keep(Barnacle, Mode).

?DOC("A node that was asked stays.").
-spec stays(node(), barnacle_farewell:stay(), leaving()) -> leaving().
stays(Node, Why, #leaving{departures = Departures} = Leaving) ->
    Name = barnacle_names:to_binary(Node),
    Leaving#leaving{departures = barnacle_departures:stays(Name, Why, Departures)}.

?DOC("Who has departed, and what became of asking.").
-spec departed(leaving()) -> #{binary() => barnacle_departures:asked()}.
departed(#leaving{departures = Departures}) ->
    barnacle_departures:to_map(Departures).

?DOC("A peer asks this node to leave. It is answered by what the source says after that.").
-spec asked(pid(), leaving()) -> leaving().
asked(Asker, #leaving{later = Later} = Leaving) ->
    Leaving#leaving{later = [Asker | lists:delete(Asker, Later)]}.

?DOC("Whether somebody waits for a round that has not begun.").
-spec is_asked(leaving()) -> boolean().
is_asked(#leaving{later = Later}) ->
    Later =/= [].

?DOC("A round begins: it answers all who have asked so far.").
-spec round_begins(leaving()) -> leaving().
round_begins(#leaving{later = Later, askers = Askers} = Leaving) ->
    Leaving#leaving{later = [], askers = Later ++ Askers}.

?DOC("""
After a round, with what is known now. Who rests and is named again is running. Who runs asks those
to leave that have departed, if the answer was complete and named somebody. Then this node leaves or
stays; who stays tells all who asked. Nobody decides unasked, but a node that rests and was linked
again. Gives leave where it leaves now, else the mode.
""").
-spec round_ended({barnacle_round:outcome(), barnacle_plan:plan()}, Mode, leaving()) ->
    {leave | Mode, leaving()}
when
    Mode :: barnacle_status:mode().
round_ended({#{answer := Answer} = Outcome, Plan}, Before, Leaving) ->
    Mode = named_again(Outcome, Before, Leaving),
    Kind = barnacle_plan:kind(Answer),
    case {Kind, Mode} of
        {complete, running} -> decide({Kind, Plan}, Mode, ask({Outcome, Plan}, Leaving));
        _ -> decide({Kind, Plan}, Mode, Leaving)
    end.

named_again(#{resting := false}, resting, #leaving{barnacle = Barnacle}) ->
    ok = barnacle_registry:rest(Barnacle, false),
    running;
named_again(_Outcome, Mode, _Leaving) ->
    Mode.

%% Asks whom no other barnacle of this VM wants.
ask({#{departed := {suspect, _}}, _Plan}, Leaving) ->
    Leaving;
ask({#{departed := {ok, Names}, visible := Visible, trigger := Trigger}, Plan}, Leaving) ->
    #leaving{departures = Before, disconnect = Mode, who = Who} = Leaving,
    IsWanted = barnacle_registry:wanted_by_others(self()),
    Unwanted = [Name || Name <- Names, not IsWanted(Name)],
    IsMissing = fun(Name) ->
        barnacle_plan:standing(Name, Plan) =:= absent andalso
            lists:member(binary_to_existing_atom(Name), Visible)
    end,
    {Ask, Departures} = barnacle_departures:update({Unwanted, IsMissing}, Mode, Trigger, Before),
    Ask =/= [] andalso barnacle_log:asked(Who, Ask),
    lists:foreach(fun(Name) -> barnacle_farewell:ask(binary_to_existing_atom(Name)) end, Ask),
    Leaving#leaving{departures = Departures}.

decide(_Known, Mode, #leaving{askers = []} = Leaving) when Mode =/= resting ->
    {Mode, Leaving};
decide({Answer, Plan}, Mode, #leaving{disconnect = Disconnect} = Leaving) ->
    View = #{
        mode => Disconnect,
        answer => Answer,
        own => own(Mode, Plan),
        is_suspect => fun() -> barnacle_plan:is_suspect(Plan) end,
        visible => fun barnacle_links:visible/0,
        is_known => fun(Node) -> barnacle_plan:standing(Node, Plan) =/= unknown end,
        wanted_by_others => barnacle_registry:wanted_by_others(self())
    },
    case barnacle_farewell:consent(View) of
        leave ->
            ok = barnacle_registry:rest(Leaving#leaving.barnacle, true),
            {leave, Leaving#leaving{askers = []}};
        {stay, Why} ->
            {Mode, stay(Why, Leaving)}
    end.

%% Who rests was named and is no more, though one that was restarted has not seen it.
own(Mode, Plan) ->
    case {barnacle_plan:standing(node(), Plan), Mode} of
        {unknown, resting} -> absent;
        {Standing, _} -> Standing
    end.

?DOC("Tells all who have asked that this node stays.").
-spec stay(barnacle_farewell:stay(), leaving()) -> leaving().
stay(Why, #leaving{askers = Askers, later = Later} = Leaving) ->
    lists:foreach(fun(Asker) -> barnacle_farewell:stay(Asker, Why) end, Askers ++ Later),
    Leaving#leaving{askers = [], later = []}.

?DOC("Leaves all visible nodes unasked.").
-spec go(leaving()) -> leaving().
go(Leaving) ->
    go([], Leaving).

?DOC("Leaves all visible nodes. The callers are answered {ok, Left} when that is done.").
-spec go([gen_server:from()], leaving()) -> leaving().
go(Callers, #leaving{farewell = none, who = Who, relinked = Before} = Leaving) ->
    case {barnacle_links:visible(), Callers} of
        {[], []} ->
            Leaving;
        {Visible, _} ->
            Farewell = barnacle_farewell:leave(Visible),
            ok = barnacle_log:leaving(Who, Visible),
            Left = #{nodes => Visible, asked => Callers =/= []},
            Leaving#leaving{
                farewell = Farewell,
                relinked = barnacle_relinked:left(Left, now_ms(), Before),
                callers = joined(Callers, barnacle_callers:new())
            }
    end;
go(Callers, #leaving{callers = Others} = Leaving) ->
    Leaving#leaving{callers = joined(Callers, Others)}.

joined(Callers, Others) -> lists:foldl(fun barnacle_callers:add/2, Others, Callers).

?DOC("Whether it is about to leave.").
-spec is_going(leaving()) -> boolean().
is_going(#leaving{farewell = Farewell}) ->
    Farewell =/= none.

?DOC("""
Whether a node that has left is to leave again, since it is linked again; asked whenever a link has
come, and when a farewell has ended.
""").
-spec linked_again(leaving()) -> {boolean(), leaving()}.
linked_again(#leaving{farewell = none, relinked = Before} = Leaving) ->
    {Again, Relinked} = barnacle_relinked:again(barnacle_links:visible(), now_ms(), Before),
    {Again, Leaving#leaving{relinked = Relinked}};
linked_again(Leaving) ->
    {false, Leaving}.

?DOC("How many callers wait for that.").
-spec callers(leaving()) -> non_neg_integer().
callers(#leaving{callers = Callers}) ->
    barnacle_callers:count(Callers).

?DOC("Who is monitored so, if it is one of those, waits no more.").
-spec caller_gone(reference(), leaving()) -> leaving().
caller_gone(Monitor, #leaving{callers = Callers} = Leaving) ->
    Leaving#leaving{callers = barnacle_callers:gone(Monitor, Callers)}.

?DOC("Takes a message of its own: {ok, Leaving}. Others are ignored.").
-spec info(term(), leaving()) -> {ok, leaving()} | ignored.
info({barnacle_farewell, Ref, Left}, #leaving{farewell = #{ref := Ref}} = Leaving) ->
    {ok, gone(Left, Leaving)};
info({'EXIT', Pid, _Crash}, #leaving{farewell = #{pid := Pid}} = Leaving) ->
    {ok, gone([], Leaving)};
info(_, #leaving{}) ->
    ignored.

gone(Left, #leaving{callers = Callers} = Leaving) ->
    ok = barnacle_callers:answer({ok, Left}, Callers),
    Leaving#leaving{farewell = none, callers = barnacle_callers:new()}.

now_ms() ->
    erlang:monotonic_time(millisecond).
