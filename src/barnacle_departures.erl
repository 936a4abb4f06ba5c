%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_departures).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Who has departed from discovery and is still linked, and what became of asking him to leave. Each is
asked once; an explicit refresh asks again. Pure.
""").

-export([new/0, update/4, stays/3, to_map/1]).

-export_type([departures/0, asked/0]).

?DOC("""
not_asked: the setting disconnect is report. asked: no answer yet; no_answer: none for three rounds,
there may be no barnacle. {stays, Why}: it decided so.
""").
-type asked() :: not_asked | asked | no_answer | {stays, barnacle_farewell:stay()}.

%% rounds: since it was asked.
-record(departure, {asked :: asked(), rounds = 0 :: non_neg_integer()}).

-opaque departures() :: #{binary() => #departure{}}.

-define(ANSWER_ROUNDS, 3).

?DOC("Nobody has departed.").
-spec new() -> departures().
new() ->
    #{}.

?DOC("""
After a round that found these names departed. Gives those to be asked to leave now: in the mode
departed, all that were not asked yet, and with a refresh those that were, too. Who was asked is
remembered for as long as it is still missing and linked: a refresh asks some that are not departed.
""").
-spec update(
    {Departed :: [binary()], IsMissing :: fun((binary()) -> boolean())},
    barnacle_plan:mode(),
    barnacle_round:trigger(),
    departures()
) ->
    {[binary()], departures()}.
update({Names, IsMissing}, departed, Trigger, Before) ->
    Ask = [Name || Name <- Names, Trigger =:= refresh orelse not is_map_key(Name, Before)],
    Asked = maps:from_keys(Ask, #departure{asked = asked}),
    Waiting = maps:filtermap(
        fun(Name, Departure) -> IsMissing(Name) andalso {true, later(Departure)} end, Before
    ),
    {Ask, maps:merge(Waiting, Asked)};
update({Names, _}, _Mode, _Trigger, _Before) ->
    {[], maps:from_keys(Names, #departure{asked = not_asked})}.

?DOC("One that was asked stays.").
-spec stays(binary(), barnacle_farewell:stay(), departures()) -> departures().
stays(Name, Why, Departures) ->
    case Departures of
        #{Name := Departure} -> Departures#{Name := Departure#departure{asked = {stays, Why}}};
        _ -> Departures
    end.

?DOC("For the status.").
-spec to_map(departures()) -> #{binary() => asked()}.
to_map(Departures) ->
    maps:map(fun(_, #departure{asked = Asked}) -> Asked end, Departures).

later(#departure{asked = asked, rounds = Rounds}) when Rounds + 1 >= ?ANSWER_ROUNDS ->
    #departure{asked = no_answer, rounds = Rounds + 1};
later(#departure{rounds = Rounds} = Departure) ->
    Departure#departure{rounds = Rounds + 1}.
