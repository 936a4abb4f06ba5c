%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_nameserver).

-include("barnacle_doc.hrl").

?MODULEDOC("Name servers as text. A test compares this check with the core's (nameserver.cpp).").

-export([check/1]).

-define(MAX_PORT, 65535).
-define(PORT, "^0*[1-9][0-9]{0,4}$").
%% The name of an interface in Linux.
-define(ZONE, "^[0-9A-Za-z._-]{1,15}$").

?DOC("""
Whether a binary is Address, Address:Port or [Address]:Port, brackets for IPv6 alone. An address of
fe80::/10 (RFC 4291, 2.5.6) may have a zone.
""").
-spec check(binary()) -> ok | {error, Text :: binary()}.
check(Server) ->
    case is_address(Server) orelse is_address_with_port(Server) of
        true -> ok;
        false -> {error, text(Server)}
    end.

is_address_with_port(<<"[", Rest/binary>>) ->
    case binary:split(Rest, <<"]">>) of
        [Address, <<>>] -> is_address6(Address);
        [Address, <<":", Port/binary>>] -> is_address6(Address) andalso is_port_number(Port);
        _ -> false
    end;
is_address_with_port(Server) ->
    case binary:split(Server, <<":">>) of
        [Address, Port] -> is_tuple(parse(Address)) andalso is_port_number(Port);
        [_] -> false
    end.

is_address6(Text) ->
    binary:match(Text, <<":">>) =/= nomatch andalso is_address(Text).

is_address(Text) ->
    case binary:split(Text, <<"%">>) of
        [Address] -> is_tuple(parse(Address));
        [Address, Zone] -> is_of_a_link(parse(Address)) andalso is_zone(Zone)
    end.

parse(Text) ->
    case binary:match(Text, <<"%">>) =:= nomatch andalso barnacle_address:parse(Text) of
        {ok, Address} -> Address;
        _ -> none
    end.

is_of_a_link({A, _, _, _, _, _, _, _}) -> A band 16#ffc0 =:= 16#fe80;
is_of_a_link(_) -> false.

is_zone(Text) ->
    matches(Text, ?ZONE).

is_port_number(Text) ->
    matches(Text, ?PORT) andalso binary_to_integer(Text) =< ?MAX_PORT.

matches(Text, Pattern) ->
    re:run(Text, Pattern, [dollar_endonly, {capture, none}]) =:= match.

text(Server) ->
    barnacle_settings:text(
        "name server \"~ts\" is not an IP address with an optional port of 1 to ~b: write it like "
        "\"10.0.0.2\", \"10.0.0.2:53\" or \"[::1]:53\"; only an address of fe80::/10 has a zone, "
        "as in \"fe80::1%eth0\"",
        [barnacle_text:printable(Server), ?MAX_PORT]
    ).
