%% SPDX-License-Identifier: Apache-2.0
-module(bed_dns_kinds).

%% Name servers for bed_differential, and what they know: the name x.test with two IPv4 addresses
%% and one IPv6 address.

-export([good/0, good/1, gives/1, by_type/2, by_name/1, pair_loser/0, nsd/0, nsd/1]).
-export([answer/2, truncated_bit/1, zone/1, ipv4/1, ipv6/1, many/3, whole/1]).

-define(NAME, "x.test").
-define(A, [{192, 0, 2, 1}, {192, 0, 2, 2}]).
-define(AAAA, [{16#2001, 16#db8, 0, 0, 0, 0, 0, 1}]).

%% Gives the addresses of every name.
-spec good() -> bed_differential:server().
good() ->
    {raw, fun(Query) -> [good(Query)] end}.

-spec good(bed_dns_raw:query()) -> binary().
good(#{type := a} = Query) -> answer(?A, Query);
good(#{type := aaaa} = Query) -> answer(?AAAA, Query).

%% Gives the same for each query.
-spec gives(bed_dns_message:reply()) -> bed_differential:server().
gives(Reply) ->
    {raw, fun(Query) -> [answer(Reply, Query)] end}.

-spec by_type(A :: bed_dns_message:reply(), Aaaa :: bed_dns_message:reply()) ->
    bed_differential:server().
by_type(A, Aaaa) ->
    {raw, fun
        (#{type := a} = Query) -> [answer(A, Query)];
        (#{type := aaaa} = Query) -> [answer(Aaaa, Query)]
    end}.

%% Knows no other name.
-spec by_name(string()) -> bed_differential:server().
by_name(Name) ->
    {raw, fun
        (#{name := Same} = Query) when Same =:= Name -> [good(Query)];
        (Query) -> [answer(nxdomain, Query)]
    end}.

%% Forgets a query if another one arrives within 50 ms, and the other one too.
-spec pair_loser() -> bed_differential:server().
pair_loser() ->
    {raw, fun
        (#{gap_ms := GapMs}) when GapMs < 50 -> [];
        (Query) -> [{unless_asked, 50, good(Query)}]
    end}.

%% A real server, with as many IPv4 addresses.
-spec nsd() -> bed_differential:server().
nsd() -> {real, nsd, zone("x")}.

-spec nsd(pos_integer()) -> bed_differential:server().
nsd(Count) -> {real, nsd, [{"x", Address} || Address <- ipv4(Count)]}.

-spec answer(bed_dns_message:reply(), bed_dns_raw:query()) -> binary().
answer(Reply, Query) -> bed_dns_raw:answer(Reply, Query).

%% The response with its TC bit.
-spec truncated_bit(binary()) -> binary().
truncated_bit(<<Head:2/binary, Flags:6, _:1, Rest/bitstring>>) ->
    <<Head/binary, Flags:6, 1:1, Rest/bitstring>>.

%% The addresses as records of a zone.
-spec zone(Name :: string()) -> [bed_dns_real:record()].
zone(Name) -> [{Name, Address} || Address <- ?A ++ ?AAAA].

-spec ipv4(non_neg_integer()) -> [inet:ip4_address()].
ipv4(Count) -> [{10, 0, N div 256, N rem 256} || N <- lists:seq(1, Count)].

-spec ipv6(non_neg_integer()) -> [inet:ip6_address()].
ipv6(Count) -> [{16#fd00, 0, 0, 0, 0, 0, 0, N} || N <- lists:seq(1, Count)].

%% A kind whose name has so many addresses.
-spec many(A :: non_neg_integer(), Aaaa :: non_neg_integer(), map()) -> map().
many(A, Aaaa, Kind) -> Kind#{a => ipv4(A), aaaa => ipv6(Aaaa)}.

%% A kind with the name and its addresses, unless it has its own.
-spec whole(map()) -> bed_differential:kind().
whole(Kind) ->
    maps:merge(#{name => ?NAME, a => ?A, aaaa => ?AAAA}, Kind).
