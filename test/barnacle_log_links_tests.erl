%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_links_tests).

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

the_first_change_is_a_line_at_once_test() ->
    Links = barnacle_log_links:up(a@h, 0, barnacle_log_links:new([])),
    ?assertMatch(
        {[{joined, #{nodes := [a@h], linked := 1, late_ms := Late}}], _} when Late =:= #{},
        barnacle_log_links:lines(0, Links)
    ).

%% Lost, then back 13 s later: each a line in its own second.
lost_and_back_are_two_lines_at_once_test() ->
    ?assertMatch(
        [
            {0, [{left, #{nodes := [a@h], reasons := #{a@h := connection_closed}}}]},
            {13000, [{joined, #{nodes := [a@h]}}]}
        ],
        history([{0, {down, a@h, connection_closed}}, {13000, {up, a@h}}], [a@h])
    ).

left_on_purpose_test() ->
    ?assertMatch(
        [{5, [{left_on_purpose, #{nodes := [a@h], linked := 1}}]}],
        history([{5, {down, a@h, left}}], [a@h, b@h])
    ).

%% Linked again before there was a line, by global: that it left on purpose stays known.
left_on_purpose_and_connected_again_test() ->
    Events = [{0, {down, b@h, left}}, {100, {down, a@h, left}}, {200, {up, a@h}}],
    ?assertMatch(
        {1000, [{back, #{nodes := [a@h], reasons := #{a@h := left}, changes := #{a@h := 2}}}]},
        lists:last(history(Events, [a@h, b@h]))
    ).

%% Fifty at once are two lines: the first at once, the others a second later with their time.
many_at_once_test() ->
    Nodes = [list_to_atom("n" ++ integer_to_list(N) ++ "@h") || N <- lists:seq(1, 50)],
    Lines = history([{N, {up, Node}} || {N, Node} <- lists:zip(lists:seq(1, 50), Nodes)], []),
    ?assertMatch([{1, [{joined, _}]}, {1001, [{joined, #{linked := 50}}]}], Lines),
    ?assertEqual(lists:sort(Nodes), lists:sort(nodes_of(Lines))).

%% A connection that comes and goes for an hour: few lines, and every change is in one of them.
a_storm_is_held_down_and_counted_test() ->
    Flaps = [
        {Second * 1000,
            case Second rem 2 of
                0 -> {down, a@h, connection_closed};
                1 -> {up, a@h}
            end}
     || Second <- lists:seq(0, 3599)
    ],
    Lines = lists:append([L || {_, L} <- history(Flaps, [a@h])]),
    ?assert(length(Lines) =< 20, length(Lines)),
    ?assertEqual(3600, lists:sum([changes(Line) || Line <- Lines])).

%% What waits in a storm has the time of its event, and comes without another change.
a_late_line_says_when_test() ->
    Storm = [{N * 1000, {up, list_to_atom([$a + N, $@, $h])}} || N <- lists:seq(0, 4)],
    Lines = history(Storm ++ [{4500, {down, a@h, left}}], []),
    ?assertMatch(
        {14000, [{left_on_purpose, #{nodes := [a@h], late_ms := #{a@h := 9500}}}]},
        lists:last(Lines)
    ).

nothing_waits_for_ever_at_the_end_test() ->
    Storm = [{N * 1000, {up, list_to_atom([$a + N, $@, $h])}} || N <- lists:seq(0, 4)],
    {_, Links} = run(Storm, barnacle_log_links:new([])),
    Waiting = barnacle_log_links:down(a@h, left, 4500, Links),
    ?assertMatch({[], _}, barnacle_log_links:lines(4500, Waiting)),
    ?assertMatch({[{left_on_purpose, _}], _}, barnacle_log_links:rest(4500, Waiting)).

this_node_is_never_counted_test() ->
    Links = barnacle_log_links:list([node(), a@h], 0, barnacle_log_links:new([node()])),
    ?assertMatch(
        {[{joined, #{nodes := [a@h], linked := 1}}], _}, barnacle_log_links:lines(0, Links)
    ).

%% ---------------------------------------------------------------------------------------------

%% All lines with their times; the owner's timer is the clock between events.
history(Events, Nodes) ->
    {Lines, Links} = run(Events, barnacle_log_links:new(Nodes)),
    Lines ++ timers(infinity, Links).

run([], Links) ->
    {[], Links};
run([{AtMs, Event} | Events], Links) ->
    Due = timers_until(AtMs, Links),
    {Before, Waited} = Due,
    Changed =
        case Event of
            {up, Node} -> barnacle_log_links:up(Node, AtMs, Waited);
            {down, Node, Why} -> barnacle_log_links:down(Node, Why, AtMs, Waited)
        end,
    {Now, Told} = barnacle_log_links:lines(AtMs, Changed),
    {Later, Last} = run(Events, Told),
    {Before ++ [{AtMs, Now} || Now =/= []] ++ Later, Last}.

timers(UntilMs, Links) ->
    element(1, timers_until(UntilMs, Links)).

timers_until(UntilMs, Links) ->
    case barnacle_log_links:next(Links) of
        AtMs when is_integer(AtMs), AtMs =< UntilMs ->
            {[_ | _] = Lines, Told} = barnacle_log_links:lines(AtMs, Links),
            {More, Last} = timers_until(UntilMs, Told),
            {[{AtMs, Lines} | More], Last};
        _ ->
            {[], Links}
    end.

nodes_of(Lines) ->
    [Node || {_, Of} <- Lines, {_, #{nodes := Nodes}} <- Of, Node <- Nodes].

changes({_, #{nodes := Nodes, changes := Changes}}) ->
    lists:sum([maps:get(Node, Changes, 1) || Node <- Nodes]);
changes({_, #{nodes := Nodes}}) ->
    length(Nodes).

-endif.
