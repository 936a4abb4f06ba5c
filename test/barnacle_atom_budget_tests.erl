%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_atom_budget_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

%% A logger's handler.
-export([log/2]).

atoms_are_bounded_test() ->
    {Made, _} = barnacle_atom_budget:used(),
    with_max(Made + 2, fun(Name) ->
        ?assertMatch({ok, _}, barnacle_atom_budget:to_node(Name(1))),
        ?assertMatch({ok, _}, barnacle_atom_budget:to_node(Name(2))),
        ?assertEqual({error, atom_limit}, barnacle_atom_budget:to_node(Name(3))),
        ?assertEqual({error, atom_limit}, barnacle_atom_budget:to_node(Name(3))),
        ?assertError(badarg, binary_to_existing_atom(Name(3))),
        %% What is an atom already passes.
        ?assertMatch({ok, _}, barnacle_atom_budget:to_node(Name(1))),
        ?assertEqual({Made + 2, Made + 2}, barnacle_atom_budget:used())
    end).

%% Half of this bound is reached by the fifth name.
half_of_the_bound_is_logged_once_test() ->
    {Made, _} = barnacle_atom_budget:used(),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => self()}),
    try
        with_max(2 * (Made + 5), fun(Name) ->
            Makers = [
                spawn_monitor(fun() -> {ok, _} = barnacle_atom_budget:to_node(Name(N)) end)
             || N <- lists:seq(1, 9)
            ],
            [
                receive
                    {'DOWN', Monitor, process, _, Reason} -> ?assertEqual(normal, Reason)
                end
             || {_, Monitor} <- Makers
            ],
            [{Process, Text}] = logged(),
            ?assert(lists:keymember(Process, 1, Makers)),
            Wanted = io_lib:format(
                "barnacle ~p: ~b atoms made for node names, ~b may be (max_new_atoms); "
                "is the source sound?",
                [Process, Made + 5, 2 * (Made + 5)]
            ),
            ?assertEqual(lists:flatten(Wanted), Text)
        end)
    after
        ok = logger:remove_handler(?MODULE)
    end.

%% The counter is of the VM, not of the module's code.
counter_outlives_the_code_test() ->
    {ok, _} = barnacle_atom_budget:to_node(unique_name(1)),
    {Before, _} = barnacle_atom_budget:used(),
    ?assert(Before >= 1),
    _ = code:purge(barnacle_atom_budget),
    {module, _} = code:load_file(barnacle_atom_budget),
    ?assertMatch({Before, _}, barnacle_atom_budget:used()).

with_max(Max, Test) ->
    Before = application:get_env(barnacle, max_new_atoms),
    ok = application:set_env(barnacle, max_new_atoms, Max),
    Names = maps:from_list([{N, unique_name(N)} || N <- lists:seq(1, 9)]),
    try
        Test(fun(N) -> maps:get(N, Names) end)
    after
        case Before of
            undefined -> application:unset_env(barnacle, max_new_atoms);
            {ok, Value} -> application:set_env(barnacle, max_new_atoms, Value)
        end
    end.

unique_name(N) ->
    Unique = erlang:unique_integer([positive]),
    iolist_to_binary(io_lib:format("bounded~b@~b", [N, Unique])).

log(#{msg := {report, #{what := atoms} = Report}, meta := #{report_cb := Format}}, Handler) ->
    #{config := Test} = Handler,
    {Text, Args} = Format(Report),
    #{barnacle := Process} = Report,
    Test ! {logged, Process, lists:flatten(io_lib:format(Text, Args))};
log(_Event, _Handler) ->
    ok.

logged() ->
    receive
        {logged, Process, Text} -> [{Process, Text} | logged()]
    after 0 -> []
    end.

-endif.
