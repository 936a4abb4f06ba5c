%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_own_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(ANY, {0, 0, 0, 0}).
-define(ANY6, {0, 0, 0, 0, 0, 0, 0, 0}).
-define(HERE, [{10, 0, 0, 1}, {10, 1, 0, 1}, {127, 0, 0, 2}, {16#fd00, 0, 0, 0, 0, 0, 0, 1}]).

%% This node is app@10.0.0.1 on a host with the addresses ?HERE.
verdicts_test_() ->
    Fixed = fun(At) -> #{port => 9100, listeners => [{At, 9100}]} end,
    [
        {lists:flatten(io_lib:format("~0p ~ts", [Changed, Name])),
            ?_assertEqual([{Name, Verdict}], barnacle_own:judge([Name], facts(Changed)))}
     || {Changed, Name, Verdict} <- [
            %% One port for all nodes, and a listener for every address.
            {Fixed(?ANY), <<"app@10.1.0.1">>, same},
            {Fixed(?ANY), <<"app@127.0.0.2">>, same},
            {Fixed(?ANY), <<"APP@10.1.0.1">>, same},
            {Fixed(?ANY), <<"app@10.0.0.2">>, other},
            %% The basename decides nothing there, only the listener does.
            {Fixed(?ANY), <<"web@10.1.0.1">>, same},
            {Fixed(?ANY), <<"web@10.0.0.1">>, same},
            {Fixed(?ANY), <<"application@10.1.0.1">>, same},
            {Fixed(?ANY), <<"web@10.0.0.2">>, other},
            {Fixed({10, 0, 0, 1}), <<"web@10.0.0.1">>, same},
            {Fixed({10, 0, 0, 1}), <<"web@10.1.0.1">>, other},
            {#{port => 9100, listeners => [{?ANY, 9101}]}, <<"web@10.0.0.1">>, other},
            {#{port => 9100, listeners => []}, <<"web@10.0.0.1">>, other},
            %% With EPMDs it does, whatever an EPMD tells.
            {#{}, <<"web@10.0.0.1">>, other},
            {#{}, <<"application@10.1.0.1">>, other},
            {#{registered => registered([{<<"web">>, 4000}])}, <<"web@10.0.0.1">>, other},
            %% Forms of an address that OTP takes.
            {Fixed(?ANY), <<"app@127.2">>, same},
            {Fixed(?ANY), <<"app@127.0.2">>, same},
            {Fixed(?ANY), <<"app@0x7f.2">>, same},
            {Fixed(?ANY), <<"app@127.3">>, other},
            {#{}, <<"app@10.1.1">>, same},
            {#{own => <<"app@10.0.0.1">>, listeners => []}, <<"app@10.1">>, same},
            %% IPv6 does not reach a listener of IPv4.
            {Fixed(?ANY), <<"app@fd00::1">>, other},
            %% The listener of another port is another node's.
            {#{port => 9100, listeners => [{?ANY, 9101}]}, <<"app@10.1.0.1">>, other},
            %% A listener for one address: nodes of one basename at other addresses are others.
            {Fixed({10, 0, 0, 1}), <<"app@10.1.0.1">>, other},
            {Fixed({10, 1, 0, 1}), <<"app@10.1.0.1">>, same},
            {#{port => 9100, listeners => []}, <<"app@10.1.0.1">>, other},
            %% A packet filter sends connections to that address elsewhere: a real peer is there.
            {(Fixed(?ANY))#{arrives => fun(_, _) -> false end}, <<"app@10.1.0.1">>, other},
            {#{arrives => fun(_, _) -> false end}, <<"app@10.1.0.1">>, other},
            %% What the EPMD there says.
            {#{}, <<"app@10.1.0.1">>, same},
            {#{}, <<"app@10.0.0.2">>, other},
            {#{registered => registered([{<<"app">>, 4001}])}, <<"app@10.1.0.1">>, other},
            {#{registered => registered([{<<"web">>, 4000}])}, <<"app@10.1.0.1">>, other},
            {#{registered => fun(_) -> #{} end}, <<"app@10.1.0.1">>, other},
            {#{listeners => [{{10, 0, 0, 1}, 4000}]}, <<"app@10.1.0.1">>, other},
            %% An EPMD tells APP from app.
            {#{}, <<"APP@10.1.0.1">>, other},
            {#{registered => registered([{<<"APP">>, 4000}])}, <<"APP@10.1.0.1">>, same},
            %% IPv6 distribution reaches IPv4 addresses in their mapped form.
            {#{listeners => [{?ANY6, 4000}]}, <<"app@fd00::1">>, same},
            {#{listeners => [{?ANY6, 4000}]}, <<"app@10.1.0.1">>, same},
            %% Host names: all their addresses, and nothing without one.
            {#{}, <<"app@one.example">>, same},
            {#{}, <<"app@two.example">>, same},
            {#{}, <<"app@half.example">>, other},
            {#{}, <<"app@elsewhere.example">>, other},
            {#{}, <<"app@nowhere.example">>, unresolved},
            %% Other letters, and other forms of an address, need no listener.
            {#{own => <<"app@host.example">>, listeners => []}, <<"app@HOST.Example">>, same},
            {#{own => <<"App@host">>, listeners => []}, <<"App@HOST">>, same},
            {#{own => <<"app@host">>, listeners => []}, <<"APP@HOST">>, other},
            {#{own => <<"app@fd00::1">>, listeners => []}, <<"app@fd00:0::1">>, same},
            {#{own => <<"app@fd00::1">>, listeners => []}, <<"app@FD00::1">>, same},
            %% No name yet, and so none by another name.
            {#{own => <<"nonode@nohost">>}, <<"nonode@NOHOST">>, other},
            {#{own => <<"nonode@nohost">>}, <<"app@10.1.0.1">>, other}
        ]
    ].

%% Nothing is asked where nothing can come of it.
no_questions_in_vain_test() ->
    Never = fun(Question) -> error({asked, Question}) end,
    Facts = facts(#{port => 9100, listeners => [{{10, 0, 0, 1}, 9100}]}),
    Names = [<<"web@10.1.0.1">>, <<"app@10.1.0.1">>, <<"app@10.0.0.2">>],
    ?assertEqual(
        [{Name, other} || Name <- Names],
        barnacle_own:judge(Names, Facts#{
            here := fun([]) -> []; (Some) -> Never(Some) end, registered := Never, resolve := Never
        })
    ),
    %% Nor are other hosts' EPMDs.
    Asked = fun(Addresses) ->
        ?assertEqual([{10, 1, 0, 1}], Addresses),
        #{}
    end,
    [{_, other}, {_, other}] = barnacle_own:judge(
        [<<"app@10.1.0.1">>, <<"app@10.0.0.2">>], facts(#{registered => Asked})
    ).

%% A VM that is not alive has none; the test of a node that is alive is in barnacle_own_SUITE.
nothing_is_this_vm_test() ->
    ?assertEqual([], barnacle_own:listeners()),
    ?assertNot(barnacle_own:is_this('app@127.0.0.1')),
    Answer = {complete, [<<"app@127.0.0.1">>, 'nonode@NOHOST']},
    ?assertEqual({Answer, []}, barnacle_own:answer(Answer, [], barnacle_plan:new())).

own_name_takes_the_place_test() ->
    Own = atom_to_binary(node()),
    Without = fun(Answer) -> barnacle_own:without([<<"a@h">>], Answer) end,
    ?assertEqual({complete, [Own, b@h]}, Without({complete, [a@h, b@h]})),
    ?assertEqual({complete, [Own]}, Without({complete, [<<"a@h">>, Own]})),
    ?assertEqual({partial, [Own], why}, Without({partial, [<<"a@h">>], why})),
    ?assertEqual({error, why}, Without({error, why})),
    ?assertEqual({complete, [b@h]}, barnacle_own:without([], {complete, [b@h]})).

addresses_of_this_host_test() ->
    Here = [{127, 0, 0, 1}, {127, 9, 8, 7}],
    ?assertEqual(Here, barnacle_own:here(Here ++ [{192, 0, 2, 1}, {198, 51, 100, 1}])),
    ?assertEqual([], barnacle_own:here([])),
    ?assertEqual([], barnacle_own:here([{16#2001, 16#db8, 0, 0, 0, 0, 0, 1}])).

%% Names that the core does not resolve. The core has no time to find anything else, either.
resolved_by_otp_test_() ->
    Lookup = inet_db:res_option(lookup),
    {setup,
        fun() ->
            ok = inet_db:set_lookup([file]),
            ok = inet_db:add_host({127, 0, 0, 79}, ["own.db.test"])
        end,
        fun(_) ->
            ok = inet_db:del_host({127, 0, 0, 79}),
            ok = inet_db:set_lookup(Lookup)
        end,
        fun() ->
            ?assertEqual(
                #{<<"own.db.test">> => [{127, 0, 0, 79}]},
                barnacle_own:resolve([<<"own.db.test">>, <<"no.db.test">>], 2000)
            ),
            ?assertEqual(#{}, barnacle_own:resolve([<<"own.db.test">>], 0)),
            %% A result that comes too late does not reach this process.
            ?assert(lists:member(
                barnacle_otp_lookup:wait(<<"own.db.test">>, [inet], 0),
                [error, {ok, {127, 0, 0, 79}}]
            )),
            ok = bed_wait:until(free, fun() -> places() =:= [] orelse places() end),
            ?assertEqual({messages, []}, process_info(self(), messages)),
            %% Without a place for a query.
            Holders = [held(Place) || Place <- barnacle_otp_lookup:places()],
            ?assertEqual(busy, barnacle_otp_lookup:wait(<<"own.db.test">>, [inet], 2000)),
            ?assertEqual(#{}, barnacle_own:resolve([<<"own.db.test">>], 600)),
            [exit(Holder, kill) || Holder <- Holders],
            ok = bed_wait:until(free, fun() -> places() =:= [] orelse places() end),
            ?assertEqual({messages, []}, process_info(self(), messages))
        end}.

places() ->
    [Place || Place <- barnacle_otp_lookup:places(), whereis(Place) =/= undefined].

held(Place) ->
    Holder = spawn(fun() ->
        receive
            never -> ok
        end
    end),
    true = register(Place, Holder),
    Holder.

facts(Changed) ->
    maps:merge(
        #{
            own => <<"app@10.0.0.1">>,
            listeners => [{?ANY, 4000}],
            port => epmd,
            here => fun(Addresses) -> [A || A <- Addresses, lists:member(A, ?HERE)] end,
            registered => registered([{<<"web">>, 3999}, {<<"app">>, 4000}]),
            arrives => fun(_, _) -> true end,
            resolve => fun(Hosts) ->
                maps:with(Hosts, #{
                    <<"one.example">> => [{10, 1, 0, 1}],
                    <<"two.example">> => [{10, 1, 0, 1}, {10, 0, 0, 1}],
                    <<"half.example">> => [{10, 1, 0, 1}, {10, 0, 0, 2}],
                    <<"elsewhere.example">> => [{10, 0, 0, 2}]
                })
            end
        },
        Changed
    ).

registered(Names) ->
    fun(Addresses) -> maps:from_keys(Addresses, Names) end.

-endif.
