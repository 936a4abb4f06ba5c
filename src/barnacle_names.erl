%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_names).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Node names on their way from the network to the VM.

Discovery works with names as binaries. A name becomes an atom only when its node is about to be
connected, and only when it has the form that OTP accepts for a node name. Atoms are never
collected, so the number of atoms made here over the life of the VM is bounded by the environment
value max_new_atoms of the application barnacle (default: a tenth of the VM's atom limit).
Names that are atoms already never count against it.
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
    to_binary/1,
    to_node/1,
    new_atoms/0,
    make_counter/0
]).

-export_type([name/0, refusal/0, misnomer/0, misuse/0]).

-type name() :: binary() | node().
-type refusal() :: {invalid_node_name, misnomer()} | {unusable_address, misuse()} | atom_limit.

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
-define(COUNTER, {?MODULE, new_atoms}).

?DOC("""
Says whether a binary is a node name that may be dialled: a basename, one @ and a host of letters,
digits, dots, hyphens and underscores, or an IPv6 address; 255 bytes at most. An address must be one
that a host can have (unusable_address).
""").
-spec check(binary()) ->
    ok | {error, {invalid_node_name, misnomer()} | {unusable_address, misuse()}}.
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

?DOC("A name as a binary, whichever form it came in.").
-spec to_binary(name()) -> binary().
to_binary(Name) when is_binary(Name) -> Name;
to_binary(Name) when is_atom(Name) -> atom_to_binary(Name, utf8).

?DOC("""
The node of a name. Refuses what check/1 refuses, and a name that would be a new atom past the bound
(atom_limit).
""").
-spec to_node(name()) -> {ok, node()} | {error, refusal()}.
to_node(Name) when is_atom(Name) ->
    case check(to_binary(Name)) of
        ok -> {ok, Name};
        Error -> Error
    end;
to_node(Name) when is_binary(Name) ->
    case check(Name) of
        ok -> existing_or_new(Name);
        Error -> Error
    end.

?DOC("How many atoms were made so far, and how many may be made.").
-spec new_atoms() -> {non_neg_integer(), non_neg_integer()}.
new_atoms() ->
    {atomics:get(counter(), 1), max_new_atoms()}.

?DOC("Makes the counter of new atoms unless it is there; called by the registry alone.").
-spec make_counter() -> ok.
make_counter() ->
    case persistent_term:get(?COUNTER, undefined) of
        undefined -> persistent_term:put(?COUNTER, atomics:new(1, []));
        _ -> ok
    end.

existing_or_new(Name) ->
    try
        {ok, binary_to_existing_atom(Name, utf8)}
    catch
        error:badarg -> new(Name)
    end.

new(Name) ->
    Counter = counter(),
    Max = max_new_atoms(),
    case atomics:add_get(Counter, 1, 1) of
        Count when Count > Max ->
            atomics:sub(Counter, 1, 1),
            {error, atom_limit};
        Count ->
            Count =:= (Max + 1) div 2 andalso barnacle_log:half_of_atoms(Count, Max),
            {ok, binary_to_atom(Name, utf8)}
    end.

max_new_atoms() ->
    case barnacle_environment:get(max_new_atoms) of
        undefined -> erlang:system_info(atom_limit) div 10;
        Max -> Max
    end.

%% The registry is one process, so there is one counter and it outlives the registry.
counter() ->
    persistent_term:get(?COUNTER).

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
