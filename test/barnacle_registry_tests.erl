%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_registry_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% What barnacles of one VM hear of each other's wants, and what remains of one that has ended. A
%% barnacle is a process that calls the registry as a server does.

-include_lib("eunit/include/eunit.hrl").

-define(A, <<"app@10.0.0.1">>).
-define(B, <<"app@10.0.0.2">>).
-define(LIMIT_MS, 60000).

others_hear_what_it_wants_and_it_does_not_test() ->
    [One, Two] = barnacles(2),
    ok = want(One, [?A]),
    ok = hears(Two, [?A]),
    ok = want(Two, [?A, ?B]),
    ok = hears(One, [?A, ?B]),
    ok = hears(Two, [?A]),
    ok = want(One, []),
    ok = hears(Two, []),
    ok = ended([One, Two]).

%% All of them at once, then one after the other.
many_barnacles_test() ->
    Barnacles = barnacles(50),
    Name = fun(N) -> <<"app@", (integer_to_binary(N))/binary>> end,
    [ok = want(B, [Name(N)]) || {N, B} <- lists:enumerate(Barnacles)],
    All = [Name(N) || N <- lists:seq(1, 50)],
    [ok = hears(B, lists:delete(Name(N), All)) || {N, B} <- lists:enumerate(Barnacles)],
    ok = ended(tl(Barnacles)),
    ok = hears(hd(Barnacles), []),
    ok = ended([hd(Barnacles)]).

new_barnacle_reads_what_others_want_test() ->
    [One] = barnacles(1),
    ok = want(One, [?A]),
    Two = barnacle(make_ref()),
    ?assertMatch({running, #{?A := _}}, back(Two)),
    ok = ended([One, Two]).

shut_down_barnacle_wants_nothing_test() ->
    [One, Two] = barnacles(2),
    ok = want(One, [?A]),
    ok = hears(Two, [?A]),
    ok = ended([One]),
    ok = hears(Two, []),
    ok = ended([Two]).

%% Else another barnacle disconnects what it wants before its supervisor has started it again.
killed_barnacle_wants_on_until_it_is_back_test() ->
    [One, Two] = barnacles(2),
    ok = want(One, [?A]),
    ok = hears(Two, [?A]),
    ok = killed(One),
    New = barnacle(make_ref()),
    ?assertMatch({_, #{?A := _}}, back(New)),
    ok = want(New, [?B]),
    ok = hears(Two, [?B]),
    ok = ended([New, Two]).

mode_outlives_a_crash_test_() ->
    [
        {lists:flatten(io_lib:format("~p", [Kept])), fun() ->
            Name = make_ref(),
            One = barnacle(Name),
            ok = want(One, [?A]),
            ok = keep(One, Kept),
            %% Another one of the same options is not its successor.
            Twin = barnacle(Name),
            ?assertMatch({running, _}, back(Twin)),
            ok = ended([Twin]),
            ok = killed(One),
            Next = barnacle(Name),
            ?assertMatch({Kept, _}, back(Next)),
            ok = keep(Next, running),
            ok = killed(Next),
            Last = barnacle(Name),
            ?assertMatch({running, _}, back(Last)),
            ok = ended([Last])
        end}
     || Kept <- [paused, left, standby, {paused, standby}]
    ].

%% A barnacle that is paused does not discover, so what it wanted is known from before alone.
paused_successor_wants_what_it_wanted_test() ->
    Name = make_ref(),
    [Other] = barnacles(1),
    One = barnacle(Name),
    ok = want(One, [?A]),
    ok = keep(One, paused),
    ok = killed(One),
    Next = barnacle(Name),
    ?assertMatch({paused, _}, back(Next)),
    ok = hears(Other, [?A]),
    ok = want(Next, []),
    ok = hears(Other, []),
    ok = ended([Next, Other]).

mode_ends_with_a_shutdown_test_() ->
    [
        {lists:flatten(io_lib:format("~p, ~p", [Kept, After])), fun() ->
            Name = make_ref(),
            One = barnacle(Name),
            ok = keep(One, Kept),
            case IsTold of
                true -> ok = keep(One, ended);
                false -> ok
            end,
            ok = ended([One]),
            Next = barnacle(Name),
            ?assertMatch({After, _}, back(Next)),
            ok = keep(Next, running),
            ok = ended([Next])
        end}
     || {Kept, After} <- [
            {paused, running}, {left, running}, {standby, standby}, {{paused, standby}, standby}
        ],
        IsTold <- [true, false]
    ].

killed_registry_is_told_again_test() ->
    [One, Two] = barnacles(2),
    ok = want(One, [?A]),
    ok = hears(Two, [?A]),
    ok = bed_app:killed(barnacle_registry),
    %% Each says in each refresh what it wants.
    ok = want(Two, []),
    ok = want(One, [?A]),
    ok = hears(Two, [?A]),
    ok = ended([One, Two]).

same_wants_are_not_told_again_test() ->
    [One] = barnacles(1),
    ok = want(One, [?A]),
    Registry = whereis(barnacle_registry),
    _ = sys:get_state(Registry),
    1 = erlang:trace(Registry, true, ['receive']),
    ok = want(One, [?A]),
    _ = sys:get_state(Registry),
    1 = erlang:trace(Registry, false, ['receive']),
    Told = fun Told() ->
        receive
            {trace, Registry, 'receive', {'$gen_cast', {want, _, _, _}}} -> true;
            {trace, Registry, 'receive', _} -> Told()
        after 0 -> false
        end
    end,
    ?assertNot(Told()),
    ok = ended([One]).

questions_of_peers_test() ->
    [One] = barnacles(1),
    ?assertEqual(unknown, is_wanted(?A)),
    ok = want(One, [?B]),
    ?assertEqual(no, is_wanted(?A)),
    ?assertEqual(yes, is_wanted(?B)),
    ok = want(One, []),
    ?assertEqual(unknown, is_wanted(?A)),
    ok = ended([One]),
    ?assertEqual(no, is_wanted(?A)).

messages_of_later_versions_are_ignored_test() ->
    ok = bed_app:started(),
    Registry = whereis(barnacle_registry),
    _ = [
        Registry ! Message
     || Message <- [
            {barnacle, 1, {of_a_later_version, 1}}, {barnacle, 2, {ask, self()}},
            {barnacle, 1, {ask, a}}, {barnacle, 1, {wants, ?A, a}},
            {barnacle, 1, {leaving, a, a}}, rubbish
        ]
    ],
    _ = sys:get_state(Registry),
    ?assertEqual(Registry, whereis(barnacle_registry)).

is_wanted(Name) ->
    ok = bed_app:started(),
    Ref = make_ref(),
    barnacle_registry ! {barnacle, 1, {wants, Name, {self(), Ref}}},
    receive
        {Ref, Node, Said} when Node =:= node() -> Said
    after ?LIMIT_MS -> error(no_reply)
    end.

%% ---- barnacles ----

barnacles(Count) ->
    [barnacle(make_ref()) || _ <- lists:seq(1, Count)].

barnacle(Name) ->
    ok = bed_app:started(),
    {Pid, _} = spawn_monitor(fun() ->
        Back = barnacle_registry:back(Name),
        barnacle(Name, Back, element(2, Back))
    end),
    _ = back(Pid),
    Pid.

barnacle(Name, Back, Others) ->
    receive
        {From, {want, Names}} ->
            From ! {self(), barnacle_registry:want(maps:from_keys(Names, present))},
            barnacle(Name, Back, Others);
        {From, {keep, Mode}} ->
            From ! {self(), barnacle_registry:keep(Name, Mode)},
            barnacle(Name, Back, Others);
        {From, back} ->
            From ! {self(), Back},
            barnacle(Name, Back, Others);
        {From, others} ->
            From ! {self(), Others},
            barnacle(Name, Back, Others);
        {barnacle_others, Now} ->
            barnacle(Name, Back, Now);
        stop ->
            ok
    end.

want(Barnacle, Names) -> ask(Barnacle, {want, Names}).

keep(Barnacle, Mode) -> ask(Barnacle, {keep, Mode}).

back(Barnacle) -> ask(Barnacle, back).

hears(Barnacle, Names) ->
    bed_wait:until({hears, Names}, fun() ->
        %% Servers that other tests have killed want their names for a while.
        Now = lists:sort([Name || <<"app@", _/binary>> = Name <- maps:keys(ask(Barnacle, others))]),
        Now =:= lists:sort(Names) orelse Now
    end).

ask(Barnacle, Question) ->
    Barnacle ! {self(), Question},
    receive
        {Barnacle, Said} -> Said
    after ?LIMIT_MS -> error(no_reply)
    end.

ended(Barnacles) ->
    lists:foreach(fun(Barnacle) -> Barnacle ! stop end, Barnacles),
    gone(Barnacles).

killed(Barnacle) ->
    exit(Barnacle, kill),
    gone([Barnacle]).

%% The registry has heard of it when it has handled the message that its end has caused.
gone(Barnacles) ->
    lists:foreach(
        fun(Barnacle) ->
            receive
                {'DOWN', _, process, Barnacle, _} -> ok
            after ?LIMIT_MS -> error(not_gone)
            end
        end,
        Barnacles
    ),
    bed_wait:until(gone, fun() ->
        {monitors, Monitors} = process_info(whereis(barnacle_registry), monitors),
        [ok || {process, Pid} <- Monitors, lists:member(Pid, Barnacles)] =:= []
    end).

-endif.
