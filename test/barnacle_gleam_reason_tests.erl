%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam_reason_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The reasons of the tables in Erlang against the types in src/barnacle/*.gleam: a reason that one
%% side lacks fails here.

-include_lib("eunit/include/eunit.hrl").

reasons_are_those_of_the_tables_test() ->
    Rows = lists:append([
        case Error of
            {Kind, [{'Node', Why}]} when Kind =:= connect_error; Kind =:= disconnect_error -> [Why];
            {'Name', Why} -> [Why];
            _ -> []
        end
     || #{error := Error} <- barnacle_errors:table()
    ]),
    Plain = lists:usort([Why || Why <- Rows, is_atom(Why)]),
    ?assertEqual(Plain, lists:usort(barnacle_gleam_reason:plain())),
    ?assertEqual(
        lists:usort([other | [kind(Why) || Why <- Rows]]), constructors("reason", "Reason")
    ).

gaps_that_are_plain_have_their_constructor_test() ->
    Plain = [Why || #{place := status, error := Why} <- barnacle_errors:table(), is_atom(Why)],
    ?assertNotEqual([], Plain),
    ?assertEqual([], Plain -- constructors("reason", "Gap")).

departures_are_those_of_the_types_test() ->
    ?assertEqual(
        lists:usort([other_departure | kinds(barnacle_departing_state, asked)]),
        constructors("departure", "Departure")
    ),
    ?assertEqual(
        lists:usort([other_stay | kinds(barnacle_departing_state, stays)]),
        constructors("departure", "Stay")
    ).

lookup_and_host_errors_are_those_of_the_adapter_test() ->
    Lookup = [kind(barnacle_gleam_error:from_lookup_error(Why)) || Why <- lookup_errors()],
    ?assertEqual(lists:usort(Lookup), constructors("dns", "LookupError")),
    Host = [
        kind(barnacle_gleam_error:from_host_error(Why))
     || Why <- [timeout, bad_reply, too_long, econnrefused, nxdomain]
    ],
    ?assertEqual(lists:usort(Host), constructors("hosts", "HostError")).

states_and_settings_are_those_of_the_types_test_() ->
    [
        ?_assertEqual(lists:usort(Erlang), constructors(File, Type))
     || {Erlang, File, Type} <- [
            {kinds(barnacle_status, mode), "status", "State"},
            {[connected, connecting, failing, backing_off], "status", "PeerState"},
            {kinds(barnacle_plan, mode), "setting", "Disconnect"},
            {kinds(barnacle_dns_answer, families), "setting", "Families"}
        ]
    ].

%% ---------------------------------------------------------------------------------------------

lookup_errors() ->
    [Why || Why <- kinds(barnacle_native, lookup_error), Why =/= posix] ++ [{posix, emfile}].

kind(Value) when is_tuple(Value) -> element(1, Value);
kind(Value) -> Value.

%% The constructors of a type as atoms: Gleam's own rule for those is snake case.
constructors(File, Type) ->
    {ok, Text} = file:read_file(["src/barnacle/", File, ".gleam"]),
    Pattern = ["^pub type ", Type, "(?:\\(\\w+\\))? {\n(.*?)^}"],
    {match, [Body]} = re:run(Text, Pattern, [multiline, dotall, {capture, [1], list}]),
    {match, Names} = re:run(Body, "^  ([A-Z]\\w*)", [multiline, global, {capture, [1], list}]),
    lists:usort([snake_case(Name) || [Name] <- Names]).

snake_case(Name) ->
    Text = re:replace(Name, "(?<=[a-z0-9])(?=[A-Z])", "_", [global, {return, list}]),
    list_to_atom(string:lowercase(Text)).

%% The atoms of a module's union type, and the first ones of its tuples, by its debug information.
kinds(Module, Name) ->
    {ok, {_, [{abstract_code, {_, Forms}}]}} =
        beam_lib:chunks(code:which(Module), [abstract_code]),
    [{type, _, union, Types}] = [Type || {attribute, _, type, {N, Type, _}} <- Forms, N =:= Name],
    [
        case Type of
            {atom, _, Atom} -> Atom;
            {type, _, tuple, [{atom, _, Atom} | _]} -> Atom
        end
     || Type <- Types
    ].

-endif.
