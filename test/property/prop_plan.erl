%% SPDX-License-Identifier: Apache-2.0
-module(prop_plan).

%% Any history of answers: what the plan knows agrees with a naive reading of the whole history.

-ifdef(PROPER).

-include_lib("proper/include/proper.hrl").

-export([
    prop_knowledge_agrees_with_the_history/0,
    prop_only_complete_answers_take_away/0,
    prop_cuts_are_never_made_on_less_than_a_complete_answer/0
]).

-define(AFTER_MS, 60000).
-define(NAMES, [<<"app@10.0.0.", (integer_to_binary(N))/binary>> || N <- lists:seq(1, 8)]).

prop_knowledge_agrees_with_the_history() ->
    ?FORALL(
        History,
        history(),
        begin
            Plan = plan(History),
            NowMs = now_ms(History),
            Ask = fun(Hasty) ->
                barnacle_plan:departed(Plan, NowMs, #{after_ms => ?AFTER_MS, hasty => Hasty})
            end,
            {Verdict, Departed} = Ask(false),
            {Verdict, Hasty} = Ask(true),
            Missing = [Name || Name <- ?NAMES, missing(Name, History)],
            Gone = [Name || Name <- Missing, gone(Name, NowMs, History)],
            Present = [Name || Name <- ?NAMES, present(Name, History)],
            collect(
                {departures, Departed =/= [], Verdict},
                Departed =:= Gone andalso Hasty =:= Missing andalso
                    wanted(Plan) =:= Present andalso
                    Verdict =:= verdict(length(Missing), length(Present))
            )
        end
    ).

prop_only_complete_answers_take_away() ->
    ?FORALL(
        {History, Answer},
        {history(), answer()},
        begin
            Plan = plan(History),
            After = barnacle_plan:observe(Answer, now_ms(History), Plan),
            Lost = wanted(Plan) -- wanted(After),
            case Answer of
                {complete, [_ | _] = Names} -> Lost =:= wanted(Plan) -- Names;
                _ -> Lost =:= []
            end
        end
    ).

prop_cuts_are_never_made_on_less_than_a_complete_answer() ->
    Mode = oneof([departed, undiscovered, never, report]),
    Nodes = list(oneof([a@h, b@h, c@h])),
    ?FORALL(
        {M, Answer, Own, Connected, Others},
        {Mode, answer(), boolean(), Nodes, Nodes},
        begin
            View = view(M, Answer, Own, Connected, Others),
            {R1, _} = barnacle_refreshing:handle({refresh, 1, poll}, 0, none, View),
            Found = #{result => Answer, listed => none, ours => all},
            {R2, E2} = barnacle_refreshing:handle({discovered, 1, Found}, 0, R1, View),
            {_, E3} = barnacle_refreshing:handle({named, 1, [], []}, 0, R2, View),
            Cut = lists:append([Gone || {disconnect, 1, Gone} <- E2 ++ E3]),
            Exact = M =:= undiscovered andalso is_reason_to_cut(Answer, Own),
            lists:sort(Cut) =:=
                [
                    Node
                 || Node <- lists:usort(Connected),
                    Exact,
                    not names(atom_to_binary(Node), Answer),
                    not names(Node, Answer),
                    not lists:member(Node, Others)
                ]
        end
    ).

view(Mode, Answer, Own, Connected, Others) ->
    Settings = #{
        node => self@h,
        self => <<"self@h">>,
        disconnect => Mode,
        own_list => Own,
        own_connect => false,
        own_disconnect => false,
        custom => false
    },
    #{
        settings => Settings,
        mode => running,
        plan => barnacle_plan:observe(Answer, 0, barnacle_plan:new()),
        connected => maps:from_keys(Connected, visible),
        visible => maps:from_keys(Connected, []),
        others => maps:from_keys([atom_to_binary(Node) || Node <- Others], present),
        retries => barnacle_retries:new(Settings)
    }.

is_reason_to_cut({complete, []}, Own) -> Own;
is_reason_to_cut({complete, _}, _Own) -> true;
is_reason_to_cut(_, _Own) -> false.

%% ---- the naive reading ----

%% Answers from the last one back to, not including, the one that named it.
since(Name, History) ->
    lists:takewhile(fun({_, Answer}) -> not names(Name, Answer) end, lists:reverse(History)).

names(Name, {complete, Names}) -> lists:member(Name, Names);
names(Name, {partial, Names, _}) -> lists:member(Name, Names);
names(_Name, {error, _}) -> false.

was_named(Name, History) ->
    lists:any(fun({_, Answer}) -> names(Name, Answer) end, History).

confirmed(Name, History) ->
    lists:any(fun({_, Answer}) -> is_complete(Answer) andalso names(Name, Answer) end, History).

is_complete({complete, _}) -> true;
is_complete(_) -> false.

absences(Name, History) ->
    [AtMs || {AtMs, {complete, [_ | _]}} <- since(Name, History)].

missing(Name, History) ->
    confirmed(Name, History) andalso absences(Name, History) =/= [].

present(Name, History) ->
    was_named(Name, History) andalso absences(Name, History) =:= [].

gone(Name, NowMs, History) ->
    Absences = absences(Name, History),
    length(Absences) >= 3 andalso NowMs - lists:last(Absences) >= ?AFTER_MS.

verdict(Missing, Present) when Missing > 1, 3 * Missing > Missing + Present -> suspect;
verdict(_, _) -> ok.

%% ---- generators ----

history() ->
    ?LET(
        Spells,
        list({range(1, 6), range(0, 40000), answer()}),
        begin
            %% Answers come in spells of the same one: else hardly a name is ever missing for long.
            Steps = lists:append([
                lists:duplicate(Times, {StepMs, Answer})
             || {Times, StepMs, Answer} <- Spells
            ]),
            {History, _} = lists:mapfoldl(
                fun({StepMs, Answer}, AtMs) -> {{AtMs + StepMs, Answer}, AtMs + StepMs} end,
                0,
                Steps
            ),
            History
        end
    ).

answer() ->
    frequency([
        {6, {complete, most()}},
        {1, {complete, some()}},
        {2, {partial, some(), why}},
        {1, {error, why}}
    ]).

%% Usually one or two names are missing: departures are rare where names come and go at random.
most() ->
    ?LET(Less, oneof([[], [<<"app@10.0.0.8">>], some(2)]), ?NAMES -- Less).

some() ->
    some(length(?NAMES)).

some(Most) ->
    ?LET(Names, list(oneof(?NAMES)), lists:sublist(lists:usort(Names), Most)).

plan(History) ->
    lists:foldl(
        fun({AtMs, Answer}, Plan) -> barnacle_plan:observe(Answer, AtMs, Plan) end,
        barnacle_plan:new(),
        History
    ).

wanted(Plan) ->
    lists:sort(maps:keys(barnacle_plan:wanted(Plan))).

now_ms([]) -> 0;
now_ms(History) -> element(1, lists:last(History)).

-endif.
