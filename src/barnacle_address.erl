%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_address).

-include("barnacle_doc.hrl").

?MODULEDOC("IP addresses as the host part of a node name.").

-export([to_text/1, parse/1, is_of_a_host/1, use/1, family/1, own/0]).

-export_type([family/0, misuse/0]).

-type family() :: inet | inet6.
-type misuse() :: unspecified | broadcast | multicast | link_local.

?DOC("An address as text: dotted decimal, or the canonical form of RFC 5952 for IPv6.").
-spec to_text(inet:ip_address()) -> binary().
to_text(Address) ->
    list_to_binary(text(Address)).

%% Thousands of them in a poll: only hexadecimal digits may have to become small.
text({A, B, C, D}) ->
    [integer_to_list(A), $., integer_to_list(B), $., integer_to_list(C), $., integer_to_list(D)];
text(Address) ->
    string:lowercase(inet:ntoa(Address)).

?DOC("The address that a host part is, or error where it is a host name.").
-spec parse(binary()) -> {ok, inet:ip_address()} | error.
parse(Host) ->
    %% Strict: inet:parse_address/1 takes 127.1 for an address, which no peer would be called.
    case inet:parse_strict_address(binary_to_list(Host)) of
        {ok, Address} -> {ok, Address};
        {error, einval} -> error
    end.

?DOC("""
Whether a peer can have this address. Nobody has the unspecified one, which a dial takes for this
host, a multicast one, or the broadcast address of IPv4. A link-local address of IPv6 is nobody's
without its zone, which neither the DNS nor a node's name can say. RFC 4291, RFC 6890.
""").
-spec is_of_a_host(inet:ip_address()) -> boolean().
is_of_a_host(Address) ->
    use(Address) =:= host.

?DOC("What an address is for: host if a host can have it.").
-spec use(inet:ip_address()) -> host | misuse().
use({0, 0, 0, 0}) -> unspecified;
use({255, 255, 255, 255}) -> broadcast;
use({A, _, _, _}) when A >= 224, A =< 239 -> multicast;
use({_, _, _, _}) -> host;
use({0, 0, 0, 0, 0, 0, 0, 0}) -> unspecified;
use({0, 0, 0, 0, 0, 16#ffff, AB, CD}) -> use({AB bsr 8, AB band 255, CD bsr 8, CD band 255});
use({A, _, _, _, _, _, _, _}) when A >= 16#ff00 -> multicast;
use({A, _, _, _, _, _, _, _}) when A band 16#ffc0 =:= 16#fe80 -> link_local;
use({_, _, _, _, _, _, _, _}) -> host.

?DOC("The family of an address.").
-spec family(inet:ip_address()) -> family().
family(Address) when tuple_size(Address) =:= 4 -> inet;
family(Address) when tuple_size(Address) =:= 8 -> inet6.

?DOC("The addresses of this host's interfaces, as text.").
-spec own() -> [binary()].
own() ->
    case inet:getifaddrs() of
        {ok, Interfaces} ->
            [to_text(Address) || {_, Options} <- Interfaces, {addr, Address} <- Options];
        {error, _} ->
            []
    end.
