%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_errors_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

%% The table of errors against what the code gives, in Erlang and as Gleam values.

-include_lib("eunit/include/eunit.hrl").

gleam_values_are_those_of_the_adapter_test_() ->
    [
        {lists:flatten(io_lib:format("~0p", [Error])),
            ?_assertEqual(binary_to_list(Gleam), lists:flatten(notation(gleam(Error))))}
     || #{place := result, error := Error, gleam := Gleam} <- barnacle_errors:table(),
        Error =/= {strategy_error, 'Reason'}
    ].

every_lookup_error_has_its_row_test() ->
    Rows = [Why || #{error := {strategy_error, Why}} <- barnacle_errors:table()],
    Types = union(barnacle_native, lookup_error),
    ?assert(length(Types) > 5),
    ?assertEqual([], [Type || Type <- Types, not lists:member(Type, Rows)]),
    ?assert(lists:keymember(posix, 1, [Why || {_, _} = Why <- Rows])).

reasons_of_disconnects_and_connects_have_their_rows_test_() ->
    Reasons = fun(Kind) ->
        [Why || #{error := {K, [{'Node', Why}]}} <- barnacle_errors:table(), K =:= Kind]
    end,
    [
        ?_assertEqual([], union(barnacle_dial, reason) -- Reasons(connect_error)),
        ?_assertEqual([], union(barnacle_native, probe_error) -- Reasons(connect_error)),
        ?_assertEqual(
            [], union(barnacle_atom_budget, refusal) -- [atom_limit | Reasons(connect_error)]
        )
    ].

phrases_test_() ->
    [
        ?_assertMatch({Why, {ok, <<_, _/binary>>}}, {Why, barnacle_errors:says(Why)})
     || Why <- union(barnacle_native, lookup_error) ++
            union(barnacle_dial, reason) ++
            union(barnacle_native, probe_error) ++
            union(barnacle_atom_budget, refusal) ++
            doubts() ++
            [{posix, econnrefused}, econnrefused, bad_reply, {too_many_nodes, 3, 2},
                {lookup_failed, timeout}, {not_registered, [<<"a">>]}, {posix, emfile},
                {native_library, <<"no program">>}, {not_started, barnacle}]
    ] ++
        [
            ?_assertEqual(error, barnacle_errors:says(Why))
         || Why <- [strange, {a, b}, {response, strange}, []]
        ].

%% Every way in which discovery fails has a remedy.
remedies_of_discovery_test_() ->
    Native = union(barnacle_native, lookup_error) ++ [{posix, econnrefused}, {posix, emfile}],
    Hosts = [timeout, econnrefused, bad_reply, too_long],
    [
        ?_assertMatch({_, {ok, <<_, _/binary>>}}, {Why, barnacle_errors:discovery_fix(Why)})
     || Why <- Native ++ Hosts ++ doubts()
    ].

%% A terminal has no table beside the text, and shows what there is in the place of variables.
remedies_have_no_variables_test_() ->
    Values = #{
        'Address' => <<"10.0.0.1">>, 'Others' => [<<"10.0.0.2">>, <<"10.0.0.3">>], 'Why' => timeout,
        'Names' => [<<"b">>], 'Count' => 3, 'Max' => 2
    },
    Concrete = fun
        (Tuple) when is_tuple(Tuple) ->
            list_to_tuple([maps:get(E, Values, E) || E <- tuple_to_list(Tuple)]);
        (Why) ->
            Why
    end,
    Errnos = [econnrefused, enodev, enetunreach, ehostunreach, emfile, emsgsize, enobufs],
    Reasons =
        [Concrete(W) || #{says := {W, _}} <- barnacle_errors:table(), W =/= {posix, 'Errno'}] ++
            [{posix, Errno} || Errno <- Errnos] ++
            [{lookup_failed, {posix, Errno}} || Errno <- Errnos],
    [
        ?_assertEqual({Fix, nomatch}, {Fix, re:run(Fix, "`[A-Z][a-z]+`|Gleam|StrategyError")})
     || Why <- Reasons,
        {ok, Fix} <- [barnacle_errors:fix(Why), barnacle_errors:discovery_fix(Why)]
    ].

remedies_name_what_there_is_test_() ->
    Fix = fun(Why) ->
        {ok, Text} = barnacle_errors:fix(Why),
        Text
    end,
    [
        ?_assertMatch({_, {_, _}}, {Text, binary:match(Text, Part)})
     || {Text, Part} <- [
            {Fix({at_address, <<"10.0.0.1">>, timeout, [<<"10.0.0.2">>, <<"10.0.0.3">>]}),
                <<"OTP connects to 10.0.0.1 alone, and of 10.0.0.2, 10.0.0.3 one works">>},
            {Fix({lookup_failed, {posix, enodev}}), <<"no network interface of this host">>},
            {Fix({lookup_failed, {posix, enetunreach}}), <<"no route">>},
            {Fix({posix, emfile}), <<"ulimit -n">>},
            {Fix(handshake_failed), <<"a short name (`-sname`) and the other a long one">>},
            {Fix(failed_unprobed), <<"a short name (`-sname`) and the other a long one">>}
        ]
    ].

%% A terminal has no table beside the text.
remedies_stand_alone_test_() ->
    [
        ?_assertEqual(
            {Fix, nomatch}, {Fix, re:run(Fix, "above|below|column|`(Why|Names|Text|Errno)`")}
        )
     || #{says := {Why, _}} <- barnacle_errors:table(),
        {ok, Fix} <- [barnacle_errors:fix(Why), barnacle_errors:discovery_fix(Why)]
    ].

what_start_gives_is_in_words_test_() ->
    [
        ?_assertMatch(<<_, _/binary>>, barnacle_cluster:format_error(Reason))
     || #{place := start, error := {Kind, _}} <- barnacle_errors:table(),
        Reason <- [{Kind, instance(Kind)}]
    ].

%% Those that need neither a network nor a distributed VM.
real_errors_have_their_rows_test_() ->
    Custom = fun(Discover) -> #{strategy => {custom, #{discover => Discover}}} end,
    Crash = Custom(fun() -> exit(why) end),
    Hang = Custom(fun() -> receive after infinity -> ok end end),
    Run = fun(Options) ->
        try barnacle_cluster:run_once(Options) of
            {error, Error} -> {result, Error}
        catch
            exit:Reason -> {exit, Reason}
        end
    end,
    [
        {lists:flatten(io_lib:format("~0p", [Error])),
            ?_test(begin
                {Place, Value} = Run(Options),
                ?assert(lists:any(
                    fun(Row) -> Row =:= {Place, Error} end,
                    [{P, E} || #{place := P, error := E} <- barnacle_errors:table()]
                )),
                ?assertEqual(shape(Error), shape(Value))
            end)}
     || {Options, Error} <- [
            {#{strategy => {epmd, [a@h]}}, {connect_error, [{'Node', local_node_is_not_alive}]}},
            {#{strategy => {epmd, [a@h, b@h]}, max_nodes => 1},
                {strategy_error, {too_many_nodes, 'Count', 'Max'}}},
            {Crash, 'Reason'},
            {Hang#{strategy_timeout => 20}, {strategy_timeout, 'Function'}},
            {#{}, {bad_options, 'Problems'}}
        ]
    ].

%% ---------------------------------------------------------------------------------------------

%% The atoms of a module's union type, by its debug information.
union(Module, Name) ->
    {ok, {_, [{abstract_code, {_, Forms}}]}} =
        beam_lib:chunks(code:which(Module), [abstract_code]),
    [{type, _, union, Types}] = [Type || {attribute, _, type, {N, Type, _}} <- Forms, N =:= Name],
    [Atom || {atom, _, Atom} <- Types].

doubts() ->
    [{response, Doubt} || Doubt <- union(barnacle_native, doubt)].

instance(bad_options) -> [{key, value, <<"text">>}];
instance(already_started) -> self();
instance(not_started) -> barnacle;
instance(native_library) -> <<"text">>.

gleam(Error) ->
    Tag = make_ref(),
    Kind =
        case Error of
            {strategy_error, [_ | _]} -> hosts;
            _ -> dns
        end,
    ok = barnacle_gleam:notify({Kind, {subject, self(), Tag}}, {refresh, {error, Error}}),
    receive
        {Tag, {refresh_response, {error, Value}}} -> Value
    after 0 -> error(not_told)
    end.

%% A Gleam value as it is written: constructors in camel case, other atoms as variables.
notation(Text) when is_binary(Text) ->
    [$", binary_to_list(Text), $"];
notation(List) when is_list(List) ->
    ["[", lists:join(", ", [notation(Element) || Element <- List]), "]"];
notation({Variable, Value}) when Variable =:= 'Node'; Variable =:= 'Host' ->
    ["#(", string:lowercase(atom_to_list(Variable)), ", ", notation(Value), ")"];
notation({Constructor, Value}) ->
    [notation(Constructor), "(", notation(Value), ")"];
notation(Constructor) when is_atom(Constructor) ->
    [string:titlecase(Word) || Word <- string:split(atom_to_list(Constructor), "_", all)].

%% As far as an example of the table says it.
shape({Kind, [{_, Why}]}) when is_atom(Why) -> {Kind, Why};
shape({Kind, Why}) when is_tuple(Why) -> {Kind, element(1, Why), tuple_size(Why)};
shape({Kind, _}) -> Kind;
shape('Reason') -> why;
shape(Other) -> Other.

-endif.
