%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Nodes from DNS: the addresses of one name, in both families at once (RFC 1035, RFC 3596).

The resolver is the C++ core's: it applies the system's name servers and search list, asks A and
AAAA at once and goes on over TCP where an answer is truncated.
""").

-export([lookup/2, discover_nodes/3, query/2, to_names/2]).

-export_type([lookup_error/0, found/0, queried/0, details/0]).

?DOC("""
Why a lookup brought no address. The names are those of inet_res; nxdomain also stands for a name
that exists and has neither A nor AAAA records, qfmterror for a name that cannot be asked for;
port_program_died where the core is a program of its own that died meanwhile.
""").
-type lookup_error() :: barnacle_native:lookup_error() | port_program_died.

?DOC("""
What a lookup brought: addresses by family (a family without addresses is not there), the search
candidate that answered, the families whose query failed, those that were not wanted, and why the
addresses may not be all.
""").
-type found() :: #{
    addresses := #{barnacle_address:family() => [inet:ip_address(), ...]},
    candidate := binary(),
    failed := [{barnacle_address:family(), lookup_error()}],
    not_wanted := [barnacle_address:family()],
    doubts := [barnacle_native:doubt()]
}.

?DOC("Queries without addresses: barnacle_native:queried/0.").
-type queried() :: [barnacle_native:queried()].

?DOC("""
queried: the queries without addresses. truncated: the names whose responses are too long for a
query without EDNS. Give them to the next lookup of the same name: its responses then need no TCP.
""").
-type details() :: #{queried := queried(), truncated := [binary()]}.

-type query_options() :: #{
    timeout := pos_integer(),
    grace => non_neg_integer(),
    families => both | inet | inet6 | prefer_inet | prefer_inet6,
    nameservers => [binary()],
    max_addresses => pos_integer(),
    truncated => [binary()]
}.

?DOC("""
All addresses of a host name, IPv4 first. TimeoutMs is the time limit of the whole lookup. One
family is enough: the failure of the other one is no error. Exits with {bad_argument, Text} if
TimeoutMs is not a whole number of ms from 1 to 86400000. Exits with {not_started, barnacle} if the
application barnacle is not started.
""").
-spec lookup(binary(), pos_integer()) -> {ok, [inet:ip_address()]} | {error, lookup_error()}.
lookup(Hostname, TimeoutMs) ->
    ok = check_timeout(TimeoutMs),
    case query(Hostname, #{timeout => TimeoutMs}) of
        {{ok, #{addresses := Addresses}}, _} -> {ok, addresses(Addresses, [inet, inet6])};
        {{error, _} = Error, _} -> Error
    end.

check_timeout(TimeoutMs) ->
    case barnacle_settings:check_value({integer, ms, 1, 86400000}, TimeoutMs) of
        ok -> ok;
        {error, Text} ->
            Whole = barnacle_settings:text("the timeout ~0tp: ~ts", [TimeoutMs, Text]),
            exit({bad_argument, Whole})
    end.

?DOC("""
The nodes Basename@Address of all addresses of a host name that a host can have, as lookup/2 gives
them; nxdomain without any. A basename or name that cannot be one is qfmterror; unknown where the
bound on new atoms is reached.
""").
-spec discover_nodes(binary(), binary(), pos_integer()) ->
    {ok, [node()]} | {error, lookup_error()}.
discover_nodes(Basename, Hostname, TimeoutMs) ->
    case barnacle_names:check_basename(Basename) of
        ok ->
            case lookup(Hostname, TimeoutMs) of
                {ok, Addresses} -> of_hosts(Basename, Addresses);
                {error, _} = Error -> Error
            end;
        {error, _} ->
            {error, qfmterror}
    end.

?DOC("The names Basename@Address.").
-spec to_names(binary(), [inet:ip_address()]) -> [binary()].
to_names(Basename, Addresses) ->
    [barnacle_names:join(Basename, barnacle_address:to_text(Address)) || Address <- Addresses].

?DOC("""
One lookup with all that it tells: its result and the details. Options:
timeout for the whole (ms); grace, how long a family is waited for once the other has answered (ms);
families, as in barnacle_native:dns_options/0; nameservers, each Address or Address:Port, instead of
the system's; max_addresses of a family; truncated of the details of an earlier lookup.
""").
-spec query(binary(), query_options()) -> {{ok, found()} | {error, lookup_error()}, details()}.
query(Hostname, Options) ->
    case barnacle_names:check_host(Hostname) of
        ok ->
            Reply = barnacle_native:dns(Hostname, Options),
            {found(Reply), details(Reply, Options)};
        {error, _} ->
            {{error, qfmterror}, details(none, Options)}
    end.

details({ok, #{queried := Queried, truncated := Truncated}}, _Options) ->
    #{queried => Queried, truncated => Truncated};
details(_Failed, Options) ->
    #{queried => [], truncated => maps:get(truncated, Options, [])}.

found({ok, #{candidate := Candidate, a := A, aaaa := Aaaa, doubts := Doubts}}) ->
    Outcomes = [{inet, A}, {inet6, Aaaa}],
    Addresses = maps:from_list([{F, List} || {F, {addresses, [_ | _] = List}} <- Outcomes]),
    Failed = [{F, Why} || {F, {error, Why}} <- Outcomes, Why =/= nxdomain],
    case {map_size(Addresses), Failed} of
        {0, []} -> {error, nxdomain};
        {0, [{_, Why} | _]} -> {error, Why};
        _ ->
            {ok, #{
                addresses => Addresses,
                candidate => Candidate,
                failed => Failed,
                not_wanted => [Family || {Family, not_wanted} <- Outcomes],
                doubts => Doubts
            }}
    end;
found({error, {bad_name, _Text}}) ->
    {error, qfmterror};
found({error, {posix, _} = Why}) ->
    {error, Why};
found({error, Why}) when is_atom(Why) ->
    {error, Why};
found({error, _}) ->
    {error, unknown}.

addresses(Addresses, Families) ->
    lists:append([maps:get(Family, Addresses, []) || Family <- Families]).

of_hosts(Basename, Addresses) ->
    case lists:filter(fun barnacle_address:is_of_a_host/1, Addresses) of
        [] -> {error, nxdomain};
        Usable -> to_nodes(to_names(Basename, Usable), [])
    end.

to_nodes([], Nodes) ->
    {ok, lists:reverse(Nodes)};
to_nodes([Name | Names], Nodes) ->
    case barnacle_atom_budget:to_node(Name) of
        {ok, Node} -> to_nodes(Names, [Node | Nodes]);
        {error, Why} when Why =/= atom_limit -> {error, qfmterror};
        {error, atom_limit} -> {error, unknown}
    end.
