%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_farewell_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-import(barnacle_farewell, [consent/1]).

%% What this node must know to leave.
-define(LEAVES, #{
    mode => departed,
    answer => complete,
    own => absent,
    is_suspect => fun() -> false end,
    visible => fun() -> [a@h, b@h] end,
    is_known => fun(_) -> true end,
    wanted_by_others => fun(_) -> false end
}).

consent_test_() ->
    Stays = [
        {{disconnect, never}, #{mode => never}},
        {{disconnect, report}, #{mode => report}},
        {{disconnect, undiscovered}, #{mode => undiscovered}},
        {no_complete_answer, #{answer => empty}},
        {no_complete_answer, #{answer => error}},
        {no_complete_answer, #{answer => partial}},
        {named, #{own => wanted}},
        {named, #{own => left}},
        {never_named, #{own => unknown}},
        {suspect, #{is_suspect => fun() -> true end}},
        {{foreign_links, [b@h]}, #{is_known => fun(Node) -> Node =:= a@h end}},
        {{wanted_by_others, [a@h]}, #{wanted_by_others => fun(Node) -> Node =:= a@h end}}
    ],
    [
        ?_assertEqual(leave, consent(?LEAVES)),
        ?_assertEqual(leave, consent(?LEAVES#{visible => fun() -> [] end}))
        | [?_assertEqual({stay, Why}, consent(maps:merge(?LEAVES, But))) || {Why, But} <- Stays]
    ].

-endif.
