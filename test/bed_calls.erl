%% SPDX-License-Identifier: Apache-2.0
-module(bed_calls).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the functions and modules of an application call, from the abstract code in their beams.

A reference is a call, a fun of another module, a module that gen_server or supervisor starts, or a
tuple {Module, Function, Arguments} as supervisors take it. A call through a variable names no
module, so no graph has it; `dynamic` stands for it.
""").

-export([modules/1, code/1, calls/1, types/1, cycles/1, cycle/1]).

-export_type([code/0, reference_to/0, graph/0]).

-type reference_to() :: mfa() | {start, mfa()} | dynamic | 'receive' | '!'.

-type code() :: #{
    module := module(),
    exports := [{atom(), arity()}],
    functions := #{{atom(), arity()} => [reference_to()]},
    behaviours := [module()],
    types := [module()]
}.

-type graph() :: #{module() => [module()]}.

?DOC("The code of each module whose beam is in a directory.").
-spec modules(file:filename()) -> #{module() => code()}.
modules(Dir) ->
    Beams = filelib:wildcard(filename:join(Dir, "*.beam")),
    Codes = [code(Beam) || Beam <- Beams],
    maps:from_list([{Module, Code} || #{module := Module} = Code <- Codes]).

?DOC("The code of one module: a file, or what compile:forms/2 gives.").
-spec code(file:filename() | binary()) -> code().
code(Beam) ->
    {ok, {Module, [{abstract_code, {raw_abstract_v1, Forms}}, {exports, Exports}]}} =
        beam_lib:chunks(Beam, [abstract_code, exports]),
    Local = maps:from_list([{{Name, Arity}, Module} || {function, _, Name, Arity, _} <- Forms]),
    Homes = lists:foldl(
        fun({Of, Names}, Acc) -> maps:merge(Acc, maps:from_keys(Names, Of)) end,
        Local,
        [Import || {attribute, _, import, Import} <- Forms]
    ),
    #{
        module => Module,
        exports => [Export || {Name, _} = Export <- Exports, Name =/= module_info],
        functions => maps:from_list([
            {{Name, Arity}, lists:usort(references(Clauses, Homes))}
         || {function, _, Name, Arity, Clauses} <- Forms
        ]),
        behaviours => [Of || {attribute, _, behaviour, Of} <- Forms],
        types => lists:usort([Of || {attribute, _, _, Type} <- Forms, Of <- types_in(Type)])
    }.

references({call, _, {remote, _, {atom, _, Module}, {atom, _, Name}}, Args}, Homes) ->
    Started = [
        {start, {Of, init, 1}}
     || {atom, _, Of} <- Args, Module =:= gen_server orelse Module =:= supervisor
    ],
    [{Module, Name, length(Args)} | Started ++ references(Args, Homes)];
references({call, _, {remote, _, Module, Name}, Args}, Homes) ->
    [dynamic | references([Module, Name | Args], Homes)];
references({call, _, {atom, _, Name}, Args}, Homes) ->
    [home(Name, length(Args), Homes) | references(Args, Homes)];
references({'fun', _, {function, Name, Arity}}, Homes) ->
    [home(Name, Arity, Homes)];
references({'fun', _, {function, {atom, _, Module}, {atom, _, Name}, {integer, _, Arity}}}, _) ->
    [{Module, Name, Arity}];
references({'fun', _, {function, _, _, _}}, _Homes) ->
    [dynamic];
references({tuple, _, [{atom, _, Module}, {atom, _, Name}, Args]} = Tuple, Homes) ->
    Parts = references(tuple_to_list(Tuple), Homes),
    case arguments(Args) of
        {ok, Arity} -> [{start, {Module, Name, Arity}} | Parts];
        no_list -> Parts
    end;
references({op, _, '!', To, What}, Homes) ->
    ['!' | references([To, What], Homes)];
references({'receive', _, Clauses}, Homes) ->
    ['receive' | references(Clauses, Homes)];
references({'receive', _, Clauses, Wait, After}, Homes) ->
    ['receive' | references([Clauses, Wait, After], Homes)];
references([First | Rest], Homes) ->
    references(First, Homes) ++ references(Rest, Homes);
references(Tuple, Homes) when is_tuple(Tuple) ->
    references(tuple_to_list(Tuple), Homes);
references(_, _Homes) ->
    [].

home(Name, Arity, Homes) ->
    {maps:get({Name, Arity}, Homes, erlang), Name, Arity}.

arguments({nil, _}) ->
    {ok, 0};
arguments({cons, _, _, Rest}) ->
    case arguments(Rest) of
        {ok, Arity} -> {ok, Arity + 1};
        no_list -> no_list
    end;
arguments(_) ->
    no_list.

types_in({remote_type, _, [{atom, _, Module}, _, Args]}) -> [Module | types_in(Args)];
types_in([First | Rest]) -> types_in(First) ++ types_in(Rest);
types_in(Tuple) when is_tuple(Tuple) -> types_in(tuple_to_list(Tuple));
types_in(_) -> [].

?DOC("Which modules of the application each module calls, with a call of each pair.").
-spec calls(#{module() => code()}) ->
    #{module() => #{module() => {Caller :: mfa(), Callee :: mfa()}}}.
calls(Codes) ->
    maps:map(fun(_, Code) -> callees(Code, Codes) end, Codes).

callees(#{module := Module, functions := Functions}, Codes) ->
    maps:from_list([
        {Of, {{Module, Name, Arity}, Callee}}
     || {{Name, Arity}, References} <- lists:reverse(lists:sort(maps:to_list(Functions))),
        {Of, _, _} = Callee <- [callee(Reference) || Reference <- References],
        Of =/= Module,
        is_map_key(Of, Codes)
    ]).

callee({start, Callee}) -> Callee;
callee(Reference) -> Reference.

?DOC("Which modules of the application have types that each module names.").
-spec types(#{module() => code()}) -> graph().
types(Codes) ->
    maps:map(
        fun(Module, #{types := Types}) ->
            [Of || Of <- Types, Of =/= Module, is_map_key(Of, Codes)]
        end,
        Codes
    ).

?DOC("The sets of modules that call each other, be it through others.").
-spec cycles(graph()) -> [[module()]].
cycles(Graph) ->
    with_digraph(Graph, fun(Digraph) ->
        Components = digraph_utils:strong_components(Digraph),
        lists:sort([lists:sort(Component) || [_, _ | _] = Component <- Components])
    end).

?DOC("A shortest cycle: its modules in order, the first one also at the end. Or none.").
-spec cycle(graph()) -> [module()] | none.
cycle(Graph) ->
    with_digraph(Graph, fun(Digraph) ->
        Cycles = [digraph:get_short_cycle(Digraph, Module) || Module <- maps:keys(Graph)],
        case lists:sort([{length(Cycle), Cycle} || [_ | _] = Cycle <- Cycles]) of
            [{_, Cycle} | _] -> Cycle;
            [] -> none
        end
    end).

with_digraph(Graph, Fun) ->
    Digraph = digraph:new(),
    _ = [digraph:add_vertex(Digraph, Module) || Module <- maps:keys(Graph)],
    _ = [
        digraph:add_edge(Digraph, Module, Of)
     || {Module, Callees} <- maps:to_list(Graph), Of <- Callees, is_map_key(Of, Graph)
    ],
    try
        Fun(Digraph)
    after
        digraph:delete(Digraph)
    end.
