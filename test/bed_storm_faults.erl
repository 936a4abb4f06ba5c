%% SPDX-License-Identifier: Apache-2.0
-module(bed_storm_faults).

%% The faults of a storm (bed_storm): which there are, which come when, and what a name server says
%% in each. Pure: the same seed gives the same storm.

-export([steps/3, script/2, truth/1, is_killed/1]).

-export_type([step/0, seed/0, view/0]).

%% What can be wrong with a name server's answers, in the views of some nodes.
-type dns() ::
    servfail | refused | formerr | notimp | nxdomain | no_data | silence | late | too_late
    | every_other_lost | truncated | always_truncated | garbage | wrong_id | wrong_question
    | cname_loop | ipv4_fails | ipv6_fails | half_and_ipv6_fails
    | half | changing_part | own_name_missing | a_name_missing | missing_for_others | only_itself
    | strangers_too.

%% What can be wrong with a host. dead: nothing gets through to it, its links stay. cut_off: half of
%% all hosts and the other half. killed and the two after it: its node is gone meanwhile.
-type host() :: none | dead | slow | hung | cut_off | killed | killed_refusing | killed_silent.

%% rounds: of every barnacle while it lasts. drive: what makes them. healed: all is well between
%% this fault and the next one, else the name servers go from one to the other.
-type step() :: #{
    number := pos_integer(),
    dns := none | dns(),
    views := [Node :: pos_integer()],
    host := host(),
    victim := Node :: pos_integer(),
    salt := non_neg_integer(),
    rounds := pos_integer(),
    drive := polls | refreshes,
    healed := boolean()
}.

-type seed() :: integer().

%% What one node's name server knows: the addresses of all nodes and its own.
-type view() :: #{all := [inet:ip_address()], own := inet:ip_address()}.

-define(DNS, [
    servfail, refused, formerr, notimp, nxdomain, no_data, silence, late, too_late,
    every_other_lost, truncated, always_truncated, garbage, wrong_id, wrong_question, cname_loop,
    ipv4_fails, ipv6_fails, half_and_ipv6_fails,
    half, changing_part, own_name_missing, a_name_missing, missing_for_others, only_itself,
    strangers_too
]).
-define(HOSTS, [dead, slow, hung, cut_off]).
%% To start a node takes longer than all the rest.
-define(KILLS, [killed, killed_refusing, killed_silent]).
-define(KILLS_PERCENT, 4).
-define(HOSTS_PERCENT, 26).
-define(BOTH_PERCENT, 10).
-define(REFRESHES_PERCENT, 30).
-define(HEALED_PERCENT, 70).
-define(MOST_ROUNDS, 5).
-define(LATE_MS, 30).
-define(TOO_LATE_MS, 400).

%% As many faults for so many nodes.
-spec steps(seed(), non_neg_integer(), pos_integer()) -> [step()].
steps(Seed, Count, Nodes) ->
    {Steps, _} = lists:mapfoldl(
        fun(Number, {Random, Before}) ->
            {Step, Random1} = step(Number, Nodes, Before, Random),
            {Step, {Random1, Step}}
        end,
        {rand:seed_s(exsss, Seed), #{healed => true}},
        lists:seq(1, Count)
    ),
    Steps.

step(Number, Nodes, #{healed := Healed}, Random0) ->
    {{Dns, Host}, Random1} = kind(Random0),
    {Some, Random2} = views(Nodes, Random1),
    {[Victim, Rounds, Salt, Percent, Percent2], Random} = uniforms(
        [Nodes, ?MOST_ROUNDS, 1 bsl 20, 100, 100], Random2
    ),
    Views =
        case Dns of
            missing_for_others -> lists:delete(Salt rem Nodes + 1, lists:seq(1, Nodes));
            _ -> Some
        end,
    May = Healed andalso Dns =/= a_name_missing,
    Step = #{
        number => Number,
        dns => Dns,
        views => Views,
        host => Host,
        victim => Victim,
        salt => Salt,
        rounds => Rounds,
        %% A refresh asks a node at once to leave that answers don't name, and it agrees if its own
        %% don't either: that is no fault, but what refresh is for. If its own do, it has to stay.
        drive => either(May andalso Percent =< ?REFRESHES_PERCENT, refreshes, polls),
        %% A node that was killed knows nobody, so it wants a sound source afterwards.
        healed => lists:member(Host, ?KILLS) orelse Percent2 =< ?HEALED_PERCENT
    },
    {Step, Random}.

kind(Random0) ->
    {Percent, Random1} = rand:uniform_s(100, Random0),
    {Dns, Random2} = one_of(?DNS, Random1),
    {Host, Random3} = one_of(?HOSTS, Random2),
    {Kill, Random} = one_of(?KILLS, Random3),
    Kind =
        if
            Percent =< ?KILLS_PERCENT -> {none, Kill};
            Percent =< ?HOSTS_PERCENT -> {none, Host};
            Percent =< ?HOSTS_PERCENT + ?BOTH_PERCENT -> {Dns, Host};
            true -> {Dns, none}
        end,
    {Kind, Random}.

%% Often everybody, else one or any.
views(Nodes, Random0) ->
    {Percent, Random1} = rand:uniform_s(100, Random0),
    {One, Random2} = rand:uniform_s(Nodes, Random1),
    {Coins, Random} = uniforms([2 || _ <- lists:seq(1, Nodes)], Random2),
    Some = [Node || {Node, 1} <- lists:zip(lists:seq(1, Nodes), Coins)],
    Views =
        if
            Percent =< 50 -> lists:seq(1, Nodes);
            Percent =< 75; Some =:= [] -> [One];
            true -> Some
        end,
    {Views, Random}.

one_of(List, Random) ->
    {Index, Random1} = rand:uniform_s(length(List), Random),
    {lists:nth(Index, List), Random1}.

uniforms(Tops, Random) ->
    lists:mapfoldl(fun(Top, State) -> rand:uniform_s(Top, State) end, Random, Tops).

either(true, Yes, _No) -> Yes;
either(false, _Yes, No) -> No.

%% Whether the victim's links are lost by the fault itself.
-spec is_killed(step()) -> boolean().
is_killed(#{host := Host}) ->
    lists:member(Host, ?KILLS).

%% What a node's name server says when nothing is wrong.
-spec truth(view()) -> bed_dns_script:script().
truth(#{all := All}) ->
    [{'_', a, All}, {'_', aaaa, []}].

%% And during a step, in whose view this node is.
-spec script(step(), view()) -> bed_dns_script:script().
script(#{dns := Dns, salt := Salt}, View) ->
    fun(#{type := Type, number := Number}) -> reply(Dns, {Type, Number + Salt}, Salt, View) end.

%% The number counts this node's questions, the salt is the same for all nodes.
reply(ipv4_fails, {a, _}, _Salt, _View) -> servfail;
reply(ipv6_fails, {aaaa, _}, _Salt, _View) -> servfail;
reply(half_and_ipv6_fails, {aaaa, _}, _Salt, _View) -> drop;
reply(half_and_ipv6_fails, Asked, Salt, View) -> reply(half, Asked, Salt, View);
reply(Rcode, _, _Salt, _View) when
    Rcode =:= servfail; Rcode =:= refused; Rcode =:= formerr; Rcode =:= notimp; Rcode =:= nxdomain
->
    Rcode;
reply(no_data, _, _Salt, _View) -> [];
reply(silence, _, _Salt, _View) -> drop;
reply(late, {Type, _}, _Salt, View) -> {delay, ?LATE_MS, good(Type, View)};
reply(too_late, {Type, _}, _Salt, View) -> {delay, ?TOO_LATE_MS, good(Type, View)};
reply(every_other_lost, {Type, Number}, _Salt, View) ->
    either(Number rem 2 =:= 0, drop, good(Type, View));
reply(truncated, {Type, _}, _Salt, View) -> {truncated, good(Type, View)};
reply(always_truncated, {Type, _}, _Salt, View) -> {always_truncated, good(Type, View)};
reply(garbage, _, Salt, _View) -> {bytes, <<Salt:160>>};
reply(wrong_id, {Type, _}, _Salt, View) -> {wrong_id, good(Type, View)};
reply(wrong_question, {Type, _}, _Salt, View) -> {wrong_question, good(Type, View)};
reply(cname_loop, _, _Salt, _View) -> [{cname, "nodes.cluster.test"}];
reply(Part, {a, Number}, Salt, View) -> part(Part, {Number, Salt}, View);
reply(_Part, {aaaa, _}, _Salt, _View) -> [].

good(a, #{all := All}) -> All;
good(aaaa, _View) -> [].

%% The names that an answer has in the place of all.
part(half, {_, Salt}, #{all := All}) ->
    lists:sublist(rotated(Salt, All), length(All) div 2);
part(changing_part, {Number, _}, #{all := All}) ->
    lists:sublist(rotated(Number, All), length(All) div 2);
part(own_name_missing, _, #{all := All, own := Own}) ->
    All -- [Own];
%% The one at position Salt rem length(All), as step/4 knows.
part(Missing, {_, Salt}, #{all := All}) when
    Missing =:= a_name_missing; Missing =:= missing_for_others
->
    tl(rotated(Salt, All));
part(only_itself, _, #{own := Own}) ->
    [Own];
part(strangers_too, _, #{all := All, own := {A, B, _, _}}) ->
    [{A, B, 254, 1}, {A, B, 254, 2} | All];
%% Both families have their answer, where one only fails.
part(_Family, _, #{all := All}) ->
    All.

rotated(By, List) ->
    {Before, After} = lists:split(By rem length(List), List),
    After ++ Before.
