%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_otp_names_tests).

%% Which outcome counts, and how many queries to OTP are outstanding. The core and the second
%% operation are stand-ins; OTP itself is queried, for names of inet_db:add_host/2.

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(ADDRESS, {127, 0, 0, 77}).
-define(OTHER, {127, 0, 0, 78}).
%% For what is meant to wait until its time limit.
-define(SHORT_MS, 200).
-define(LONG_MS, 60000).

names_test_() ->
    {setup, fun known_to_otp/0, fun forgotten/1, [
        {"an outcome of the core counts, and OTP is not queried", fun core_counts/0},
        {"the address that OTP knows counts", fun otp_counts/0},
        {"without one the core's reason stays", fun reason_of_the_core/0},
        {"the core wins if it is first", fun core_is_first/0},
        {"the first address decides", fun first_address/0},
        {"the first address decides once OTP tells it", fun first_address_unknown/0},
        {"no place, no query", fun no_place/0},
        {"a place that becomes free is used", fun free_place/0},
        {"two queries at a time", fun two_at_a_time/0},
        {"nothing stays in the mailbox", fun nothing_is_left/0}
    ]}.

known_to_otp() ->
    Lookup = inet_db:res_option(lookup),
    ok = inet_db:set_lookup([file]),
    ok = inet_db:add_host(?ADDRESS, ["known.test"]),
    Lookup.

forgotten(Lookup) ->
    ok = inet_db:del_host(?ADDRESS),
    ok = inet_db:set_lookup(Lookup).

core_counts() ->
    Core = fun(OnPart, _) ->
        OnPart([{<<"known.test">>, {ok, core}}]),
        [{<<"known.test">>, {ok, core}}, {<<"::1">>, {error, core}}]
    end,
    Wanted = #{<<"known.test">> => {ok, core}, <<"::1">> => {error, core}},
    ?assertEqual(Wanted, run([<<"known.test">>, <<"::1">>], Core)),
    ?assertEqual([{<<"known.test">>, {ok, core}}, {<<"::1">>, {error, core}}], told()).

otp_counts() ->
    ?assertEqual(#{<<"known.test">> => {ok, ?ADDRESS}}, run([<<"known.test">>], failing())),
    ?assertEqual([{<<"known.test">>, {ok, ?ADDRESS}}], told()).

reason_of_the_core() ->
    ?assertEqual(#{<<"no.test">> => {error, core}}, run([<<"no.test">>], failing())).

%% OTP has the second place: it knows the name as soon as the core has given it up.
core_is_first() ->
    Core = fun(OnPart, OnHost) ->
        OnHost(<<"slow.test">>, []),
        OnPart([{<<"slow.test">>, {ok, core}}]),
        [{<<"slow.test">>, {ok, core}}]
    end,
    in_both_places(fun(_) ->
        ?assertEqual(#{<<"slow.test">> => {ok, core}}, run([<<"slow.test">>], Core))
    end).

first_address() ->
    Run = fun(Core, Again) ->
        [{_, Outcome}] = maps:to_list(
            run([<<"known.test">>], several(Core), Again, #{first => true})
        ),
        Outcome
    end,
    Dead = {error, host_silent},
    ?assertEqual({ok, there}, Run({ok, core}, {ok, there})),
    ?assertEqual({ok, there}, Run({error, core}, {ok, there})),
    ?assertEqual(Dead, Run({error, core}, Dead)),
    ?assertEqual(
        {error, {at_address, <<"127.0.0.77">>, host_silent, [<<"127.0.0.78">>]}},
        Run({ok, core}, Dead)
    ).

%% Not for long: net_kernel would be as slow.
first_address_unknown() ->
    in_both_places(fun(_) ->
        ?assertEqual(
            #{<<"known.test">> => {ok, core}},
            run([<<"known.test">>], several({ok, core}), {ok, there}, #{first => true})
        )
    end).

no_place() ->
    in_both_places(fun(_) ->
        Options = #{deadline_ms => now_ms() + ?SHORT_MS},
        ?assertEqual(
            #{<<"known.test">> => {error, core}},
            run([<<"known.test">>], failing(), {ok, there}, Options)
        )
    end).

free_place() ->
    in_both_places(fun([Holder | _]) ->
        Core = fun(OnPart, OnHost) ->
            Outcomes = (failing())(OnPart, OnHost),
            exit(Holder, kill),
            Outcomes
        end,
        ?assertEqual(#{<<"known.test">> => {ok, ?ADDRESS}}, run([<<"known.test">>], Core))
    end).

two_at_a_time() ->
    Hosts = [<<(integer_to_binary(N))/binary, ".many.test">> || N <- lists:seq(1, 50)],
    Most = counters:new(1, []),
    Watcher = spawn_link(fun() -> watch(Most) end),
    Core = fun(_, OnHost) ->
        lists:foreach(fun(Host) -> OnHost(Host, []) end, Hosts),
        [{Host, {error, core}} || Host <- Hosts]
    end,
    ?assertEqual(maps:from_keys(Hosts, {error, core}), run(Hosts, Core)),
    unlink(Watcher),
    exit(Watcher, kill),
    ?assert(counters:get(Most, 1) =< 2).

%% Processes inside a query to OTP, by what they call.
watch(Most) ->
    Queries = [
        Pid
     || Pid <- processes(),
        {current_stacktrace, Stack} <- [process_info(Pid, current_stacktrace)],
        lists:any(fun({M, F, _, _}) -> {M, F} =:= {barnacle_otp_lookup, first} end, Stack)
    ],
    counters:put(Most, 1, max(counters:get(Most, 1), length(Queries))),
    watch(Most).

nothing_is_left() ->
    _ = flush(),
    Trapped = process_flag(trap_exit, true),
    _ = run([<<"known.test">>, <<"no.test">>], failing()),
    _ = told(),
    process_flag(trap_exit, Trapped),
    ?assertEqual([], flush()),
    ?assertEqual({monitors, []}, process_info(self(), monitors)).

%% A core that has no address for any host.
failing() ->
    fun(OnPart, OnHost) ->
        Outcomes = [{Host, {error, core}} || Host <- [<<"known.test">>, <<"no.test">>]],
        lists:foreach(fun({Host, _}) -> OnHost(Host, []) end, Outcomes),
        OnPart(Outcomes),
        Outcomes
    end.

several(Outcome) ->
    fun(OnPart, OnHost) ->
        OnHost(<<"known.test">>, [?OTHER, ?ADDRESS]),
        OnPart([{<<"known.test">>, Outcome}]),
        [{<<"known.test">>, Outcome}]
    end.

run(Hosts, Core) ->
    run(Hosts, Core, address, #{}).

run(Hosts, Core, Again, Options) ->
    Self = self(),
    Mine = fun(Outcomes) -> [Own || {Host, _} = Own <- Outcomes, lists:member(Host, Hosts)] end,
    barnacle_otp_names:run(
        maps:merge(
            #{
                keys => maps:from_list([{Host, [Host]} || Host <- Hosts]),
                core => fun(OnPart, OnHost) ->
                    Mine(Core(fun(Outcomes) -> OnPart(Mine(Outcomes)) end, OnHost))
                end,
                again => fun([Host], Address, _) ->
                    case Again of
                        address -> [{Host, {ok, Address}}];
                        _ -> [{Host, Again}]
                    end
                end,
                families => [inet],
                first => false,
                on_outcomes => fun(Outcomes) -> Self ! {told, Outcomes} end,
                deadline_ms => now_ms() + ?LONG_MS
            },
            Options
        )
    ).

told() ->
    receive
        {told, Outcomes} -> Outcomes ++ told()
    after 0 -> []
    end.

%% With processes in both places, as if OTP did not return.
in_both_places(Test) ->
    Holders = [
        begin
            Pid = spawn(fun() -> receive never -> ok end end),
            true = register(Place, Pid),
            Pid
        end
     || Place <- barnacle_otp_lookup:places()
    ],
    try
        Test(Holders)
    after
        lists:foreach(
            fun(Pid) ->
                Monitor = monitor(process, Pid),
                exit(Pid, kill),
                receive
                    {'DOWN', Monitor, process, _, _} -> ok
                end
            end,
            Holders
        ),
        told()
    end.

flush() ->
    receive
        Message -> [Message | flush()]
    after 0 -> []
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

-endif.
