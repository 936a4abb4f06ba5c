%% SPDX-License-Identifier: Apache-2.0
-module(bed_purity).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Whether modules are pure: which functions their exports reach, and what of these is more than data.

Calls are followed through the modules of the application. In OTP, the functions that are listed
here are pure, and all others count as impure. So do messages, receive, and calls of a module that
only a variable names. A fun counts where it is written, not where it is called, so that pure code
must be handed pure funs.
""").

-export([check/2]).

%% Each function of these is pure.
-define(PURE, [
    array, base64, binary, gb_sets, gb_trees, io_lib, lists, maps, math, orddict, ordsets,
    proplists, queue, re, sets, string, unicode
]).

%% Of erlang, beyond what is allowed in guards. Functions that make atoms change the VM.
-define(BIFS, [
    append_element, atom_to_binary, atom_to_list, binary_part, binary_to_float, binary_to_integer,
    binary_to_list, binary_to_term, bitstring_to_list, crc32, delete_element, error, exit,
    float_to_binary, float_to_list, insert_element, integer_to_binary, integer_to_list,
    iolist_size, iolist_to_binary, iolist_to_iovec, list_to_binary, list_to_bitstring,
    list_to_float, list_to_integer, list_to_tuple, make_tuple, max, md5, min, phash2, raise,
    setelement, split_binary, term_to_binary, throw, tuple_to_list
]).

-type problem() :: {Path :: [mfa()], Impure :: mfa() | dynamic | 'receive' | '!'}.

?DOC("""
How many functions the exports of these modules reach, themselves included. Each problem is a
shortest path to an impure function.
""").
-spec check([module()], #{module() => bed_calls:code()}) -> {pos_integer(), [problem()]}.
check(Modules, Codes) ->
    Exports = [
        [{Module, Name, Arity}]
     || Module <- Modules,
        {Name, Arity} <- maps:get(exports, maps:get(Module, Codes))
    ],
    {Visited, Problems} = visit(Exports, [], Codes, #{}, []),
    {map_size(Visited), lists:reverse(Problems)}.

%% Breadth first: what is found later stands in Next. A path is from its end to its begin.
visit([], [], _Codes, Visited, Problems) ->
    {Visited, Problems};
visit([], Next, Codes, Visited, Problems) ->
    visit(lists:reverse(Next), [], Codes, Visited, Problems);
visit([[Function | _] | Paths], Next, Codes, Visited, Problems) when
    is_map_key(Function, Visited)
->
    visit(Paths, Next, Codes, Visited, Problems);
visit([[{Module, Name, Arity} = Function | _] = Path | Paths], Next, Codes, Visited, Problems) ->
    #{Module := #{functions := #{{Name, Arity} := References}}} = Codes,
    {Ours, Others} = lists:partition(fun(Reference) -> is_ours(Reference, Codes) end, References),
    Impure = [{lists:reverse(Path), Other} || Other <- Others, not is_pure(Other)],
    visit(
        Paths,
        lists:reverse([[Called | Path] || Called <- Ours], Next),
        Codes,
        Visited#{Function => true},
        lists:reverse(Impure, Problems)
    ).

is_ours({Module, Name, Arity}, Codes) ->
    case Codes of
        #{Module := #{functions := #{{Name, Arity} := _}}} -> true;
        #{} -> false
    end;
is_ours(_, _Codes) ->
    false.

%% A tuple that may start something is data here.
is_pure({start, _}) ->
    true;
is_pure({erlang, node, _}) ->
    false;
is_pure({erlang, self, 0}) ->
    false;
%% The stub of a native function. The only one that pure code may call compares lists.
is_pure({erlang, nif_error, 1}) ->
    true;
is_pure({erlang, Name, Arity}) ->
    erl_internal:guard_bif(Name, Arity) orelse erl_internal:type_test(Name, Arity) orelse
        lists:member(Name, ?BIFS);
%% The state is an argument. Without a seed, it comes from the clock.
is_pure({rand, seed_s, 1}) ->
    false;
is_pure({rand, Name, _}) ->
    lists:suffix("_s", atom_to_list(Name));
is_pure({inet, Name, 1}) ->
    lists:member(Name, [
        ntoa, parse_address, parse_ipv4_address, parse_ipv4strict_address, parse_ipv6_address,
        parse_ipv6strict_address, parse_strict_address
    ]);
is_pure({Module, _, _}) ->
    lists:member(Module, ?PURE);
is_pure(_) ->
    false.
