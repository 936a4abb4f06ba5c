%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_conditions).

-include("barnacle_doc.hrl").

?MODULEDOC("The conditions of await and ready. Pure.").

-export([is_met/2]).

-export_type([what/0]).

?DOC("""
first_round: the first refresh has ended, whatever its result. {nodes, N}: at least N nodes are
connected, this one counted. all: the last result was complete, and all of its nodes are connected.
On standby all conditions hold: there is nothing to wait for.
""").
-type what() :: first_round | {nodes, pos_integer()} | all.

?DOC("Whether a condition holds, in the view of the machine.").
-spec is_met(what(), View :: map()) -> boolean().
is_met(_, #{mode := standby}) ->
    true;
is_met(first_round, #{history := History}) ->
    barnacle_history:rounds(History) > 0;
is_met({nodes, N}, #{connected := Connected, settings := #{own_list := true}}) ->
    map_size(Connected) >= N;
is_met({nodes, N}, #{visible := Visible}) ->
    map_size(Visible) + 1 >= N;
is_met(all, #{history := History, plan := Plan, connected := Connected, settings := Settings}) ->
    #{node := Node} = Settings,
    barnacle_history:answer(History) =:= complete andalso
        begin
            Names = barnacle_names:set([Node | maps:keys(Connected)]),
            maps:without(maps:keys(Names), barnacle_plan:wanted(Plan)) =:= #{}
        end.
