%% SPDX-License-Identifier: Apache-2.0
-module(bench_json).

%% JSON (RFC 8259) of the results: maps with atoms as keys, lists of values, binaries in UTF-8.
%% OTP has a module for it from 27 on only.

-export([encode/1]).

-type value() ::
    null | boolean() | number() | binary() | atom() | [value()] | #{atom() => value()}.

-spec encode(value()) -> iodata().
encode(Value) ->
    [encode(Value, "\n"), $\n].

encode(Map, Line) when is_map(Map) ->
    Inner = [Line, "  "],
    Pairs = [
        [Inner, string(atom_to_binary(Key)), ": ", encode(Value, Inner)]
     || {Key, Value} <- lists:sort(maps:to_list(Map))
    ],
    [${, lists:join($,, Pairs), Line, $}];
encode([], _Line) ->
    "[]";
encode(List, Line) when is_list(List) ->
    Inner = [Line, "  "],
    [$[, lists:join($,, [[Inner, encode(Value, Inner)] || Value <- List]), Line, $]];
encode(Value, _Line) when is_integer(Value) ->
    integer_to_binary(Value);
encode(Value, _Line) when is_float(Value) ->
    float_to_binary(Value, [{decimals, 4}, compact]);
encode(Value, _Line) when Value =:= null; is_boolean(Value) ->
    atom_to_binary(Value);
encode(Value, _Line) when is_atom(Value) ->
    string(atom_to_binary(Value));
encode(Value, _Line) when is_binary(Value) ->
    string(Value).

string(Text) ->
    [$", [escaped(Char) || <<Char/utf8>> <= Text], $"].

escaped($") -> "\\\"";
escaped($\\) -> "\\\\";
escaped(Char) when Char < 32 -> io_lib:format("\\u~4.16.0b", [Char]);
escaped(Char) -> <<Char/utf8>>.
