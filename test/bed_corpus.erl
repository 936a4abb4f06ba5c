%% SPDX-License-Identifier: Apache-2.0
-module(bed_corpus).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Second opinions on the corpus: what the core's parsers make of its inputs, beside what Erlang and
the plain parsers here make of them.

Started by test/step/20-doctest with what `c_src/fuzz/outcomes.cpp` prints, which tells the terms.
""").

-export([check/1]).

-define(day_ms, 86400000).
-define(max_count, 16#7fffffff).
-define(max_depth, 99).

?DOC("Judges the cases in a file, prints the totals and ends the VM.").
-spec check([atom()]) -> no_return().
check([File]) ->
    {ok, Bytes} = file:read_file(atom_to_list(File)),
    Cases = binary_to_term(Bytes),
    Results = [judge(Kind, Cases) || Kind <- [codec, request, epmd_names, epmd_port]],
    Failed = length([failed || failed <- Results]),
    io:format("~b passed, ~b failed, 0 skipped~n", [length(Results) - Failed, Failed]),
    halt(min(Failed, 1)).

judge(Kind, Cases) ->
    Mine = [Case || Case <- Cases, element(1, Case) =:= Kind],
    Wrong = [{Case, Second} || Case <- Mine, Second <- [second(Case)], not agree(Case, Second)],
    case Wrong of
        [] when length(Mine) > 10 ->
            io:format("ok      ~p: ~b inputs, as Erlang has them~n", [Kind, length(Mine)]),
            ok;
        _ ->
            io:format("FAILED  ~p: of ~b inputs, as the core and as Erlang have them:~n  ~p~n", [
                Kind, length(Mine), Wrong
            ]),
            failed
    end.

agree({codec, _, {ok, Copy}}, {Writable, Term}) ->
    Writable =:= ok andalso Term =:= binary_to_term(Copy);
agree({codec, _, Outcome}, {Outcome, _}) ->
    true;
agree({codec, _, unwritable}, {malformed, _}) ->
    %% Copying ends at the first thing that can't be written, whatever comes behind it.
    true;
agree({codec, Bytes, _}, {_, _}) ->
    unusual(Bytes);
agree({request, _, {ok, Copy}}, {ok, Request}) ->
    Request =:= with_source(binary_to_term(Copy));
agree({request, _, {error, Reason}}, {ok, _}) when Reason =/= bad_request ->
    %% Names and name servers are judged in c_src/fuzz/names.cpp.
    true;
agree({request, Bytes, {error, bad_request}}, Second) ->
    Second =:= error orelse unusual(Bytes);
agree(Case, Second) ->
    element(tuple_size(Case), Case) =:= Second.

%% Erlang reads what it never writes, and the core refuses: lists and strings of no elements, small
%% numbers as large ones.
unusual(Bytes) -> binary:match(Bytes, [<<$l, 0:32>>, <<$k, 0:16>>, <<$o, 0:24>>]) =/= nomatch.

second({codec, Bytes, _}) -> codec(Bytes);
second({request, Bytes, _}) -> request(Bytes);
second({epmd_names, MaxNames, MaxBytes, Reply, _}) -> epmd_names(MaxNames, MaxBytes, Reply);
second({epmd_port, Name, Reply, _}) -> epmd_port(Name, Reply).

%% ---------------------------------------------------------------------------------------------
%% Terms

codec(Bytes) ->
    try binary_to_term(Bytes, [used]) of
        {Term, Used} ->
            Kinds = kinds(Term, 0),
            case lists:member(other, Kinds) of
                true -> {malformed, Term};
                false when Kinds =/= [] -> {unwritable, Term};
                false when Used < byte_size(Bytes) -> {unwritable, Term};
                false -> {ok, Term}
            end
    catch
        error:badarg -> {malformed, none}
    end.

%% What is in a term that isn't read at all (other), or is read and can't be written (odd).
kinds(_, Depth) when Depth > ?max_depth -> [odd];
kinds(Term, Depth) when is_tuple(Term) -> all_kinds(tuple_to_list(Term), Depth + 1);
kinds(Term, Depth) when is_map(Term) -> all_kinds(maps:to_list(Term), Depth);
kinds([_ | _] = Term, Depth) -> all_kinds(Term, Depth + 1);
kinds(Term, _) when is_atom(Term) ->
    [other || lists:member(0, atom_to_list(Term))];
kinds(Term, _) when is_integer(Term) ->
    [odd || Term < -(1 bsl 63) orelse Term >= 1 bsl 63];
kinds(Term, _) when is_binary(Term); Term =:= [] -> [];
kinds(_, _) -> [other].

all_kinds([Term | Rest], Depth) -> kinds(Term, Depth) ++ all_kinds(Rest, Depth);
all_kinds([], _) -> [];
all_kinds(Tail, Depth) -> [odd | kinds(Tail, Depth)].

%% ---------------------------------------------------------------------------------------------
%% Requests, as include/barnacle_core.hpp has them

request(Bytes) ->
    try binary_to_term(Bytes, [used]) of
        {{Operation, #{} = Map} = Request, Used} when Used =:= byte_size(Bytes) ->
            Grammar = grammar(Operation),
            Fits =
                lists:sort(maps:keys(Map)) =:= lists:sort(maps:keys(Grammar)) andalso
                    lists:all(
                        fun({Key, Type}) -> fits(Type, maps:get(Key, Map)) end,
                        maps:to_list(Grammar)
                    ),
            case Fits of
                true -> {ok, with_source(Request)};
                false -> error
            end;
        _ ->
            error
    catch
        error:badarg -> error
    end.

grammar(dns) ->
    #{
        name => binary,
        timeout_ms => {1, ?day_ms},
        grace_ms => {0, ?day_ms},
        families => [both, inet, inet6, prefer_inet, prefer_inet6],
        nameservers => {list, binary},
        max_addresses => {1, ?max_count},
        truncated => {list, binary}
    };
grammar(resolve) ->
    #{
        hosts => {list, binary},
        family => [inet, inet6],
        timeout_ms => {1, ?day_ms},
        nameservers => {list, binary},
        concurrency => {1, ?max_count}
    };
grammar(epmd_names) ->
    #{
        hosts => {list, binary},
        port => {1, 65535},
        timeout_ms => {1, ?day_ms},
        nameservers => {list, binary},
        concurrency => {1, ?max_count},
        max_names => {1, ?max_count},
        max_bytes => {1, ?max_count}
    };
grammar(probe) ->
    #{
        targets => {list, target},
        epmd_port => {1, 65535},
        port => {0, 65535},
        family => [inet, inet6],
        source => source,
        depth => [lookup, epmd, port],
        timeout_ms => {1, ?day_ms},
        node_timeout_ms => {1, ?day_ms},
        nameservers => {list, binary},
        concurrency => {1, ?max_count},
        max_names => {1, ?max_count}
    };
grammar(_) ->
    #{no_operation => none}.

fits({list, Type}, [Value | Rest]) -> fits(Type, Value) andalso fits({list, Type}, Rest);
fits({list, _}, Value) -> Value =:= [];
fits({Low, High}, Value) -> is_integer(Value) andalso Value >= Low andalso Value =< High;
fits(binary, Value) -> is_binary(Value);
fits(target, {Name, Host}) ->
    is_binary(Name) andalso is_binary(Host) andalso Name =/= <<>> andalso byte_size(Name) < 256;
fits(source, Value) -> is_binary(Value) andalso (Value =:= <<>> orelse address(Value) =/= none);
fits(Words, Value) when is_list(Words) -> lists:member(Value, Words);
fits(_, _) -> false.

%% An address may be written in several ways.
with_source({probe, #{source := Source} = Map}) when Source =/= <<>> ->
    {probe, Map#{source := address(Source)}};
with_source(Request) ->
    Request.

address(Text) ->
    case inet:parse_strict_address(binary_to_list(Text)) of
        {ok, Address} -> Address;
        {error, einval} -> none
    end.

%% ---------------------------------------------------------------------------------------------
%% What EPMDs reply

epmd_names(MaxNames, MaxBytes, Reply) ->
    Bytes = binary:part(Reply, 0, min(MaxBytes, byte_size(Reply))),
    Rest = Bytes =/= Reply,
    case Bytes of
        <<0:16, Port:16, Text/binary>> when Port > 0 ->
            {Lines, [Tail]} = lists:split(
                length(binary:matches(Text, <<"\n">>)), binary:split(Text, <<"\n">>, [global])
            ),
            names(Lines, MaxNames, Rest, Tail, []);
        <<_:32, _/binary>> ->
            {error, bad_reply};
        _ when Rest ->
            {error, too_long};
        _ ->
            {error, bad_reply}
    end.

names([Line | Lines], MaxNames, Rest, Tail, Names) ->
    Form = "\\Aname ([!-?A-~]{1,255}) at port ([1-9][0-9]{0,4})\\z",
    case re:run(Line, Form, [{capture, all_but_first, binary}]) of
        {match, [Name, Digits]} ->
            case binary_to_integer(Digits) of
                Port when Port > 65535 -> {error, bad_reply};
                _ when length(Names) =:= MaxNames -> {error, too_long};
                Port -> names(Lines, MaxNames, Rest, Tail, [{Name, Port} | Names])
            end;
        nomatch ->
            {error, bad_reply}
    end;
names([], _, Rest, Tail, Names) ->
    Unique = length(lists:ukeysort(1, Names)) =:= length(Names),
    if
        byte_size(Tail) > byte_size(<<"name  at port 65535">>) + 255 -> {error, bad_reply};
        Rest -> {error, too_long};
        Tail =/= <<>>; not Unique -> {error, bad_reply};
        true -> {ok, lists:reverse(Names)}
    end.

epmd_port(_, <<>>) -> unfinished;
epmd_port(_, <<Tag, _/binary>>) when Tag =/= $w -> {error, bad_reply};
epmd_port(_, <<_, Result, _/binary>>) when Result =/= 0 -> not_registered;
epmd_port(Name, <<_, _, Port:16, _:6/binary, Length:16, Rest/binary>>) ->
    case Rest of
        _ when Length =/= byte_size(Name) -> {error, bad_reply};
        <<Other:Length/binary, _:16, _/binary>> when Other =/= Name; Port =:= 0 ->
            {error, bad_reply};
        <<_:Length/binary, Extra:16, _:Extra/binary, _/binary>> -> {ok, Port};
        _ -> unfinished
    end;
epmd_port(_, _) ->
    unfinished.
