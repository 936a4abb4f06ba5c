%% SPDX-License-Identifier: Apache-2.0
-module(bench_p5).

%% P5: what to connect and what to disconnect, from two lists of names to two lists of names.
%% One name in ten differs.

-export([run/0]).

-define(KINDS, [binaries, atoms, mixed]).
-define(SIZES, [10, 100, 1000, 100000]).

-type names() :: [binary() | atom()].

-spec run() -> bench_result:result().
run() ->
    Measured = [{Kind, Size, measure(Kind, Size)} || Kind <- ?KINDS, Size <- ?SIZES],
    #{
        id => p5,
        title => <<"Diff of two lists of names">>,
        plot => <<"µs"/utf8>>,
        rows => lists:append([rows(Kind, Size, Samples) || {Kind, Size, Samples} <- Measured]),
        figures => lists:append([figures(Kind, Size, Samples) || {Kind, Size, Samples} <- Measured])
    }.

measure(Kind, Size) ->
    {Wanted, Listed, Self} = names(Kind, Size),
    Cases = [
        {barnacle, fun barnacle_native:diff/3},
        {maps, fun with_maps/3},
        {sets, fun with_sets/3},
        {ordsets, fun with_ordsets/3},
        {'--', fun with_subtraction/3}
    ],
    [Same] = lists:usort([sorted(Case(Wanted, Listed, Self)) || {_, Case} <- Cases]),
    {true, _} = {length(element(1, Same)) > 0, Same},
    {Rounds, Repeats} = effort(Size),
    bench_stats:alternate(Rounds, [
        {Name, fun() ->
            true = erlang:garbage_collect(),
            bench_stats:timed(fun() -> repeat(Repeats, Case, Wanted, Listed, Self) end) / Repeats
        end}
     || {Name, Case} <- Cases
    ]).

effort(10) -> {40, 500};
effort(100) -> {40, 50};
effort(1000) -> {40, 10};
effort(100000) -> {7, 1}.

repeat(0, _Case, _Wanted, _Listed, _Self) ->
    ok;
repeat(Times, Case, Wanted, Listed, Self) ->
    _ = Case(Wanted, Listed, Self),
    repeat(Times - 1, Case, Wanted, Listed, Self).

%% The order of the names is that of nobody's hash or sort.
names(Kind, Size) ->
    New = max(1, Size div 10),
    Old = Size - New,
    Name = fun(N) ->
        iolist_to_binary(
            io_lib:format("my_app@10.~b.~b.~b", [N div 65536, N div 256 rem 256, N rem 256])
        )
    end,
    Wanted = shuffled([Name(N) || N <- lists:seq(1, Size)]),
    Listed = shuffled([Name(N) || N <- lists:seq(1, Old) ++ lists:seq(Size + 1, Size + New)]),
    Self = Name(1),
    case Kind of
        binaries -> {Wanted, Listed, Self};
        atoms -> {atoms(Wanted), atoms(Listed), binary_to_atom(Self)};
        mixed -> {Wanted, atoms(Listed), binary_to_atom(Self)}
    end.

atoms(Names) ->
    [binary_to_atom(Name) || Name <- Names].

shuffled(Names) ->
    [Name || {_, Name} <- lists:sort([{rand:uniform(), Name} || Name <- Names])].

sorted({Connect, Disconnect}) ->
    {lists:sort(to_binaries(Connect)), lists:sort(to_binaries(Disconnect))}.

%% What names nodes as a binary and what nodes() gives must be made alike first.
alike([Name | _] = Wanted, Listed, Self) when is_binary(Name) ->
    {Wanted, to_binaries(Listed), hd(to_binaries([Self]))};
alike(Wanted, Listed, Self) ->
    {Wanted, Listed, Self}.

to_binaries([Name | _] = Names) when is_atom(Name) -> [atom_to_binary(N) || N <- Names];
to_binaries(Names) -> Names.

-spec with_maps(names(), names(), binary() | atom()) -> {names(), names()}.
with_maps(Wanted0, Listed0, Self0) ->
    {Wanted, Listed, Self} = alike(Wanted0, Listed0, Self0),
    IsWanted = maps:from_keys([Self | Wanted], true),
    IsListed = maps:from_keys([Self | Listed], true),
    {
        [Name || Name <- Wanted, not is_map_key(Name, IsListed)],
        [Name || Name <- Listed, not is_map_key(Name, IsWanted)]
    }.

with_sets(Wanted0, Listed0, Self0) ->
    {Wanted, Listed, Self} = alike(Wanted0, Listed0, Self0),
    WantedSet = sets:from_list([Self | Wanted], [{version, 2}]),
    ListedSet = sets:from_list([Self | Listed], [{version, 2}]),
    {
        sets:to_list(sets:subtract(WantedSet, ListedSet)),
        sets:to_list(sets:subtract(ListedSet, WantedSet))
    }.

with_ordsets(Wanted0, Listed0, Self0) ->
    {Wanted, Listed, Self} = alike(Wanted0, Listed0, Self0),
    WantedSet = ordsets:from_list([Self | Wanted]),
    ListedSet = ordsets:from_list([Self | Listed]),
    {ordsets:subtract(WantedSet, ListedSet), ordsets:subtract(ListedSet, WantedSet)}.

with_subtraction(Wanted0, Listed0, Self0) ->
    {Wanted, Listed, Self} = alike(Wanted0, Listed0, Self0),
    {Wanted -- [Self | Listed], Listed -- [Self | Wanted]}.

rows(Kind, Size, Samples) ->
    [
        bench_result:row(group(Kind, Size), Series, "µs", maps:get(Case, Samples))
     || {Case, Series} <- [
            {barnacle, "barnacle"},
            {maps, "maps"},
            {sets, "sets (version 2)"},
            {ordsets, "ordsets"},
            {'--', "--"}
        ]
    ].

figures(Kind, Size, #{barnacle := Ours} = Samples) ->
    Others = maps:values(maps:remove(barnacle, Samples)),
    %% The best of the others in each round.
    Best = lists:foldl(
        fun(Other, Least) -> lists:zipwith(fun erlang:min/2, Other, Least) end, hd(Others),
        tl(Others)
    ),
    Reached = {bench_stats:ratio(Best, Ours), " ×"},
    What = ["best of the others ÷ barnacle, ", group(Kind, Size)],
    case Size of
        10 -> [bench_result:note(What, Reached)];
        100000 -> [bench_result:at_least(What, 3, Reached)];
        _ -> [bench_result:at_least(What, 1, Reached)]
    end.

group(Kind, Size) ->
    [integer_to_list(Size), " ", atom_to_list(Kind)].
