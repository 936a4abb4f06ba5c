%% SPDX-License-Identifier: Apache-2.0
-module(history_rules).

%% What a barnacle may do, by a naive reading of everything that it was told: all answers that say
%% something, and what peers and links said, newest first. An act against a rule raises
%% {broken, Rule, Act}.

-ifdef(PROPER).

-import(history_nodes, [to_nodes/1]).

-export([new/0, told/2, told/3, forget/2, forgotten/1, unlinked/2, missing/1]).
-export([knows/2, asks/3, checks/3, expels/3, dials/3, cuts/2, leaves/3, waits/3, due/3]).
-export([dialled_again/2, rested/1, wanted_here/2]).

-define(SELF, 1).

%% past: {complete | partial, AtMs, Names} with at least one name, or {left | back | forget, Nodes}.
%% asked: the nodes that were asked to leave since they were last named or linked; asks: how often
%% in a row, and when last. waived: those that a refresh asked. expelled: nodes without a barnacle
%% that were made to leave, and are not named since.
-record(rules, {past = [], asked = 0, asks = #{}, waived = 0, expelled = 0}).

%% The first interval between two questions; each is twice as long as the one before, this at most.
-define(FIRST_MS, 5000).
-define(LAST_MS, 600000).

new() ->
    #rules{}.

told(Said, Rules) ->
    told(Said, 0, Rules).

%% Before the newest Later things that were said. Answers that name nobody and errors say nothing.
%% The complete result of a custom strategy (exact) says something, also if it names no node.
told({exact, AtMs, Names}, 0, #rules{past = Past, expelled = Expelled} = Rules) ->
    Told = unlinked(Names, Rules#rules{past = [{complete, AtMs, Names} | Past]}),
    Told#rules{expelled = Expelled band bnot Names};
told({Kind, _, Names} = Answer, Later, Rules) when Names =/= 0, Kind =/= error ->
    #rules{past = Past, expelled = Expelled} = Rules,
    {After, Before} = lists:split(Later, Past),
    Told = unlinked(Names, Rules#rules{past = After ++ [Answer | Before]}),
    Told#rules{expelled = Expelled band bnot Names};
told({Kind, Nodes}, 0, #rules{past = Past} = Rules) ->
    Rules#rules{past = [{Kind, Nodes} | Past]};
told(_, _, Rules) ->
    Rules.

%% Departed and not linked: as if never named.
forget(0, Rules) -> Rules;
forget(Nodes, Rules) -> told({forget, Nodes}, Rules).

%% A new server.
forgotten(#rules{}) ->
    #rules{}.

unlinked(Nodes, #rules{asked = Asked, asks = Asks, waived = Waived} = Rules) ->
    Rules#rules{
        asked = Asked band bnot Nodes,
        asks = maps:without(to_nodes(Nodes), Asks),
        waived = Waived band bnot Nodes
    }.

%% The mode was not running meanwhile: each departed node is asked anew.
rested(Rules) ->
    Rules#rules{asked = 0, asks = #{}, waived = 0}.

%% Another barnacle of this VM wants these: each is asked anew when it does so no more.
wanted_here(Nodes, #rules{asks = Asks} = Rules) ->
    Rules#rules{asks = maps:without(to_nodes(Nodes), Asks)}.

missing(Rules) ->
    where(fun is_missing/2, Rules).

%% ---- the rules ----

%% What is wanted is what was named, is not missing, and has not said that it leaves.
knows(Wanted, Rules) ->
    rule(wanted_is_what_was_told, Wanted =:= wanted(Rules), {Wanted, wanted(Rules)}).

%% At: when, the last answer, what began it, the settings, the server's mode. What begins it: a
%% poll, a refresh, another look (again) or a node's report that its reason to decline is over
%% (report).
asks(0, _At, Rules) ->
    Rules;
asks(Nodes, {NowMs, Answer, Trigger, {_, AfterMs}, _} = At, #rules{waived = Waived} = Rules) ->
    ok = may_depart(Nodes, At, Rules),
    Gone = where(fun(Bit, Past) -> is_gone(Bit, NowMs - AfterMs, Past) end, Rules),
    Due = Gone bor Waived bor Rules#rules.expelled,
    IsAtOnce = Trigger =:= refresh orelse element(1, Answer) =:= exact,
    ok = rule(a_poll_asks_only_the_gone, IsAtOnce orelse is_in(Nodes, Due), Nodes),
    asked(Trigger, to_nodes(Nodes), NowMs, Rules#rules{asked = Rules#rules.asked bor Nodes}).

%% A node that declined for a reason that may pass, or has not replied, is asked again at growing
%% intervals. A refresh begins anew; a node that reports that its reason is over is asked at once.
asked(refresh, Nodes, NowMs, #rules{asks = Asks, waived = Waived} = Rules) ->
    Anew = maps:from_keys(Nodes, {1, NowMs}),
    Rules#rules{asks = maps:merge(Asks, Anew), waived = Waived bor history_nodes:mask(Nodes)};
asked(Trigger, Nodes, NowMs, #rules{asks = Asks} = Rules) ->
    Next = fun(Node, Acc) ->
        {Times, LastMs} = maps:get(Node, Acc, {0, NowMs}),
        WaitMs = min(?LAST_MS, (?FIRST_MS bsl Times) div 2),
        IsDue = Times =:= 0 orelse Trigger =:= report orelse NowMs - LastMs >= WaitMs,
        ok = rule(ask_again_at_growing_intervals, IsDue, {Node, Times, NowMs - LastMs}),
        Acc#{Node => {Times + 1, NowMs}}
    end,
    Rules#rules{asks = lists:foldl(Next, Asks, Nodes)}.

%% Whether there is a barnacle is checked before the waiting is over too.
checks(0, _At, _Rules) -> ok;
checks(Nodes, At, Rules) -> may_depart(Nodes, At, Rules).

%% Found: how many checks in a row found no barnacle on the node, the nodes that it is connected to,
%% and what the other barnacles of the cluster say (no: none wants it, or there is none).
expels(Node, {At, Checks, Connections, Wanted}, #rules{expelled = Expelled} = Rules) ->
    ok = may_depart(Node, At, Rules),
    Known = where(fun is_known/2, Rules) bor ?SELF,
    ok = rule(expel_only_after_three_checks, Checks >= 3, {Node, Checks}),
    ok = rule(expel_only_with_connections_of_this_source, is_in(Connections, Known), Connections),
    ok = rule(never_expel_what_another_barnacle_wants, Wanted =:= no, Wanted),
    Rules#rules{expelled = Expelled bor Node}.

may_depart(Nodes, {_, Answer, _, {Setting, _}, Mode}, #rules{expelled = Expelled} = Rules) ->
    IsExact = element(1, Answer) =:= exact,
    IsAsking = Setting =:= departed orelse (IsExact andalso Setting =:= undiscovered),
    ok = rule(never_ask_oneself, Nodes band ?SELF =:= 0, Nodes),
    ok = rule(ask_only_in_mode_departed, IsAsking, Setting),
    ok = rule(ask_only_while_running, Mode =:= running, Mode),
    ok = rule(ask_only_on_a_complete_answer_with_names, is_evidence(Answer), Answer),
    ok = rule(never_ask_where_the_source_is_suspect, IsExact orelse not is_suspect(Rules), Nodes),
    rule(ask_only_the_missing, is_in(Nodes, missing(Rules) bor Expelled), Nodes).

dials(0, _At, _Rules) ->
    ok;
dials(Nodes, {Mode, Rests, Linked}, Rules) ->
    Wanted = wanted(Rules),
    ok = rule(never_dial_oneself, Nodes band ?SELF =:= 0, Nodes),
    ok = rule(dial_only_while_running, Mode =:= running, Mode),
    ok = rule(who_rests_dials_when_named, not Rests orelse is_in(?SELF, Wanted), Nodes),
    ok = rule(never_dial_the_linked, Nodes band Linked =:= 0, Nodes),
    rule(dial_only_the_wanted, is_in(Nodes, Wanted), Nodes).

cuts(0, _At) ->
    ok;
cuts(Nodes, {{Kind, Names}, Setting, Others}) ->
    ok = rule(never_cut_oneself, Nodes band ?SELF =:= 0, Nodes),
    ok = rule(cut_only_in_mode_undiscovered, Setting =:= undiscovered, Setting),
    ok = rule(cut_only_on_a_complete_answer_with_names, Kind =:= complete, Kind),
    ok = rule(cut_only_on_a_complete_answer_with_names, Names =/= 0, Names),
    ok = rule(never_cut_what_another_barnacle_wants, Nodes band Others =:= 0, Nodes),
    rule(never_cut_the_named, Nodes band Names =:= 0, Nodes).

%% This node leaves all that are linked.
leaves(Linked, {Answer, Setting, Mode, IsAsked, Others}, Rules) ->
    ok = rule(leave_only_if_asked, IsAsked, Linked),
    IsExact = element(1, Answer) =:= exact,
    IsAsking = Setting =:= departed orelse (IsExact andalso Setting =:= undiscovered),
    ok = rule(leave_only_in_mode_departed, IsAsking, Setting),
    ok = rule(leave_only_while_running, Mode =:= running orelse Mode =:= standby, Mode),
    ok = rule(leave_only_on_a_complete_answer_with_names, is_evidence(Answer), Answer),
    %% A server that was restarted on standby has never seen its own name.
    IsMissing = is_in(?SELF, missing(Rules)) orelse
        (Mode =:= standby andalso not is_in(?SELF, where(fun is_known/2, Rules))),
    ok = rule(leave_only_if_missing, IsMissing, Answer),
    IsTrusted = IsExact orelse not is_suspect(Rules),
    ok = rule(never_leave_where_the_source_is_suspect, IsTrusted, Answer),
    ok = rule(never_leave_foreign_links, is_in(Linked, where(fun is_known/2, Rules)), Linked),
    rule(never_leave_what_another_barnacle_wants, Linked band Others =:= 0, Linked).

%% Dials that failed: each waits for at least half of its back-off, and never beyond it.
waits(Failed, {NowMs, #{retry_min := MinMs, retry_max := MaxMs}}, Retries) ->
    lists:foreach(
        fun(Node) ->
            #{failures := Failures, next := NextMs} = barnacle_retry:find(Node, Retries),
            WaitMs = NextMs - NowMs,
            Longest = min(MaxMs, MinMs bsl (Failures - 1)),
            IsIn = 2 * WaitMs >= Longest andalso WaitMs =< Longest,
            ok = rule(back_off_has_bounds, IsIn, {Node, Failures, WaitMs})
        end,
        [Node || {Node, Why} <- Failed, Why =/= paused]
    ).

%% Who was dialled is not due at once again: else dials would go on without a pause.
due(Nodes, {NowMs, #{retry_max := MaxMs}}, Retries) ->
    Due = [Node || Node <- barnacle_retry:due(NowMs, Retries), lists:member(Node, Nodes)],
    ok = rule(who_was_dialled_is_not_due, Due =:= [], Due),
    case barnacle_retry:next(Retries) of
        none -> ok;
        NextMs -> rule(nobody_waits_longer_than_retry_max, NextMs =< NowMs + MaxMs, NextMs - NowMs)
    end.

%% Whoever was dialled, is wanted and is not linked, whatever came between, has his time to come.
dialled_again(Nodes, Retries) ->
    Failing = barnacle_retry:failing(Retries),
    Forgotten = [Node || Node <- Nodes, not is_map_key(Node, Failing)],
    rule(who_is_wanted_and_not_linked_is_dialled_again, Forgotten =:= [], Forgotten).

rule(_Rule, true, _Act) -> ok;
rule(Rule, false, Act) -> error({broken, Rule, Act}).

is_in(Nodes, Others) -> Nodes band bnot Others =:= 0.

is_evidence({complete, Names}) -> Names =/= [];
is_evidence({exact, _}) -> true;
is_evidence(_) -> false.

%% ---- the naive reading ----

where(Is, #rules{past = Past}) ->
    lists:foldl(
        fun(Number, Mask) ->
            Bit = 1 bsl Number,
            case Is(Bit, life(Bit, Past)) of
                true -> Mask bor Bit;
                false -> Mask
            end
        end,
        0,
        lists:seq(0, 8)
    ).

wanted(Rules) ->
    where(fun(Bit, Past) -> is_present(Bit, Past) andalso not has_left(Bit, Past) end, Rules).

is_suspect(Rules) ->
    Missing = length(to_nodes(where(fun is_missing/2, Rules))),
    Missing > 1 andalso 3 * Missing > length(to_nodes(where(fun is_known/2, Rules))).

%% Since a name was forgotten, which happens to departed ones that are not linked.
life(Bit, Past) ->
    lists:takewhile(fun(Said) -> not is(forget, Bit, Said) end, Past).

is(Kind, Bit, {Kind, Nodes}) -> Nodes band Bit =/= 0;
is(_Kind, _Bit, _Said) -> false.

names(Bit, {_Kind, _AtMs, Names}) -> Names band Bit =/= 0;
names(_Bit, _Said) -> false.

misses(Bit, {complete, _AtMs, Names}) -> Names band Bit =:= 0;
misses(_Bit, _Said) -> false.

confirms(Bit, {complete, _AtMs, Names}) -> Names band Bit =/= 0;
confirms(_Bit, _Said) -> false.

absences(Bit, Past) ->
    Since = lists:takewhile(fun(Said) -> not names(Bit, Said) end, Past),
    [AtMs || {complete, AtMs, _} <- Since].

is_missing(Bit, Past) ->
    lists:any(fun(Said) -> confirms(Bit, Said) end, Past) andalso absences(Bit, Past) =/= [].

is_gone(Bit, SinceMs, Past) ->
    Absences = absences(Bit, Past),
    length(Absences) >= 3 andalso lists:last(Absences) =< SinceMs.

is_present(Bit, Past) ->
    lists:any(fun(Said) -> names(Bit, Said) end, Past) andalso absences(Bit, Past) =:= [].

is_known(Bit, Past) ->
    is_present(Bit, Past) orelse is_missing(Bit, Past).

%% It said so after it was named and is not back since; an answer without it makes the next one
%% that has it name it anew.
has_left(Bit, Past) ->
    Run = lists:takewhile(fun(Said) -> not misses(Bit, Said) end, Past),
    has_left_in(Bit, Run).

has_left_in(_Bit, []) ->
    false;
has_left_in(Bit, [Said | Before]) ->
    case {is(left, Bit, Said), is(back, Bit, Said)} of
        {true, _} -> lists:any(fun(Earlier) -> names(Bit, Earlier) end, Before);
        {_, true} -> false;
        _ -> has_left_in(Bit, Before)
    end.

-endif.
