%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_names).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Node names on their way from the network to the VM.

Discovery works with names as binaries. A name becomes an atom only if its node is about to be
connected (barnacle_atom_budget), and only if it has the form that OTP accepts for a node name.
""").

-export([
    check/1,
    check_basename/1,
    check_host/1,
    host/1,
    join/2,
    self/0,
    split/1,
    set/1,
    are_keys/3,
    is_list_of/2,
    to_binary/1
]).

-export_type([name/0, problem/0, misnomer/0, misuse/0]).

-type name() :: binary() | node().
-type problem() :: {invalid_node_name, misnomer()} | {unusable_address, misuse()}.

?DOC("""
What is wrong with a name: it has no @, nothing before or after it, more than 255 bytes, a character
that a basename or a host cannot have, or an address with a zone.
""").
-type misnomer() ::
    no_at | no_basename | no_host | too_long | zone | {basename | host, Character :: char()}.

?DOC("Why no host has an address; see barnacle_address:use/1.").
-type misuse() :: barnacle_address:misuse().

%% RFC 1035 leaves a host 255 octets; an atom holds 255 characters: the whole name must fit both.
-define(MAX_NAME_BYTES, 255).

?DOC("""
Says whether a binary is a node name that may be dialled: a basename, one @ and a host of letters,
digits, dots, hyphens and underscores, or an IPv6 address; 255 bytes at most. An address must be one
that a host can have (unusable_address).
""").
-spec check(binary()) -> ok | {error, problem()}.
check(Name) when byte_size(Name) =< ?MAX_NAME_BYTES ->
    case binary:split(Name, <<"@">>) of
        [_] ->
            {error, {invalid_node_name, no_at}};
        [<<>>, _] ->
            {error, {invalid_node_name, no_basename}};
        [_, <<>>] ->
            {error, {invalid_node_name, no_host}};
        [Base, Host] ->
            case {all(fun is_base_char/1, Base), all(fun is_host_char/1, Host)} of
                {true, true} -> check_address(Host);
                {false, _} -> odd(basename, fun is_base_char/1, Base);
                {_, false} -> odd_host(Host)
            end
    end;
check(_) ->
    {error, {invalid_node_name, too_long}}.

%% A zone is of use on one host only, and OTP drops it when it connects.
odd_host(Host) ->
    case {binary:match(Host, <<"%">>), barnacle_address:parse(Host)} of
        {{_, _}, {ok, _}} -> {error, {invalid_node_name, zone}};
        _ -> odd(host, fun is_host_char/1, Host)
    end.

odd(Part, IsFine, Text) ->
    Characters =
        case unicode:characters_to_list(Text) of
            List when is_list(List) -> List;
            _NotUnicode -> binary_to_list(Text)
        end,
    [Odd | _] = [Character || Character <- Characters, not IsFine(Character)],
    {error, {invalid_node_name, {Part, Odd}}}.

check_address(Host) ->
    case barnacle_address:parse(Host) of
        {ok, Address} ->
            case barnacle_address:use(Address) of
                host -> ok;
                Other -> {error, {unusable_address, Other}}
            end;
        error ->
            ok
    end.

?DOC("Says what is wrong with the part of a node name before the @, or ok.").
-spec check_basename(term()) -> ok | {error, binary()}.
check_basename(Base) when is_binary(Base), Base =/= <<>>, byte_size(Base) < ?MAX_NAME_BYTES ->
    case all(fun is_base_char/1, Base) of
        true -> ok;
        false -> {error, <<"a basename has only letters, digits, '_' and '-'">>}
    end;
check_basename(_) ->
    {error, <<"a basename is a binary of 1 to 254 bytes, the part of a node name before the '@'">>}.

?DOC("""
Says what is wrong with a host name or a domain name to ask for (RFC 1035, 2.3.4: labels of 1 to 63
bytes, 253 bytes in all; a dot at the end is allowed), or ok. IP addresses are fine.
""").
-spec check_host(term()) -> ok | {error, binary()}.
check_host(Host) when is_binary(Host), Host =/= <<>>, byte_size(Host) =< 254 ->
    Labels = binary:split(without_root(Host), <<".">>, [global]),
    Sizes = [byte_size(Label) || Label <- Labels],
    case all(fun is_host_char/1, Host) of
        false ->
            {error, <<"a host name has only letters, digits, '-', '_' and dots">>};
        true ->
            case lists:min(Sizes) >= 1 andalso lists:max(Sizes) =< 63 of
                true -> ok;
                false -> {error, <<"each label of a host name has 1 to 63 bytes">>}
            end
    end;
check_host(_) ->
    {error, <<"a host name is a binary of 1 to 253 bytes">>}.

?DOC("The parts of a node name before and after the @; the second is empty without one.").
-spec split(name()) -> {binary(), binary()}.
split(Name) ->
    case binary:split(to_binary(Name), <<"@">>) of
        [Base, Host] -> {Base, Host};
        [Base] -> {Base, <<>>}
    end.

?DOC("The host part of a node name; empty for a name without @.").
-spec host(name()) -> binary().
host(Name) ->
    {_, Host} = split(Name),
    Host.

?DOC("Basename and host make a node name.").
-spec join(binary(), binary()) -> binary().
join(Base, Host) ->
    %% <<Base/binary, ..>> would make a binary that can be appended to: off the heap, 256 bytes.
    iolist_to_binary([Base, $@, Host]).

?DOC("The name of this node.").
-spec self() -> binary().
self() ->
    to_binary(node()).

?DOC("A set of names, as binaries.").
-spec set([name()]) -> #{binary() => true}.
set(Names) ->
    maps:from_keys([to_binary(Name) || Name <- Names], true).

?DOC("""
Whether some different nodes, the own one left out, are all keys of a map and the only ones.
""").
-spec are_keys([node()], Own :: node(), #{node() => _}) -> boolean().
are_keys(Nodes, Own, Map) ->
    are_keys(Nodes, Own, Map, map_size(Map)).

are_keys([], _Own, _Map, Left) -> Left =:= 0;
are_keys([Own | Nodes], Own, Map, Left) -> are_keys(Nodes, Own, Map, Left);
are_keys([Node | Nodes], Own, Map, Left) ->
    is_map_key(Node, Map) andalso are_keys(Nodes, Own, Map, Left - 1).

?DOC("""
Whether a term is a list whose elements all satisfy a predicate. An improper list is none, and
lists:all/2 would crash.
""").
-spec is_list_of(fun((term()) -> boolean()), term()) -> boolean().
is_list_of(Is, [Element | Rest]) -> Is(Element) andalso is_list_of(Is, Rest);
is_list_of(_Is, Rest) -> Rest =:= [].

?DOC("A name as a binary, whichever form it came in.").
-spec to_binary(name()) -> binary().
to_binary(Name) when is_binary(Name) -> Name;
to_binary(Name) when is_atom(Name) -> atom_to_binary(Name, utf8).

without_root(Host) ->
    case binary:last(Host) of
        $. -> binary:part(Host, 0, byte_size(Host) - 1);
        _ -> Host
    end.

all(Pred, Bin) ->
    lists:all(Pred, binary_to_list(Bin)).

is_base_char(C) ->
    is_alphanumeric(C) orelse C =:= $_ orelse C =:= $-.

is_host_char(C) ->
    is_alphanumeric(C) orelse C =:= $. orelse C =:= $- orelse C =:= $_ orelse C =:= $:.

is_alphanumeric(C) ->
    (C >= $0 andalso C =< $9) orelse (C >= $A andalso C =< $Z) orelse (C >= $a andalso C =< $z).
