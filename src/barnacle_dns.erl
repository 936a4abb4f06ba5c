%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Nodes from DNS: the addresses of one name, in both families at once (RFC 1035, RFC 3596).

The resolver is the C++ core's: it applies the system's name servers and search list, asks A and
AAAA at once and goes on over TCP where an answer is truncated.
""").

-export([lookup/2, discover_nodes/3, query/2, query/3, to_names/2]).

-export_type([lookup_error/0, found/0]).

?DOC("""
Why a lookup brought no address. The names are those of inet_res; nxdomain also stands for a name
that exists and has neither A nor AAAA records, qfmterror for a name that cannot be asked for;
port_program_died where the core is a program of its own that died meanwhile.
""").
-type lookup_error() :: barnacle_native:lookup_error() | port_program_died.

?DOC("""
What a lookup brought: addresses by family (a family without addresses is not there), the search
candidate that answered, the families whose question failed, and why the addresses may not be all.
""").
-type found() :: #{
    addresses := #{barnacle_address:family() => [inet:ip_address(), ...]},
    candidate := binary(),
    failed := [{barnacle_address:family(), lookup_error()}],
    doubts := [barnacle_native:doubt()]
}.

-type query_options() :: #{
    timeout := pos_integer(),
    grace => non_neg_integer(),
    nameservers => [binary()],
    max_addresses => pos_integer()
}.

?DOC("""
All addresses of a host name, IPv4 first. TimeoutMs bounds the whole lookup. One family is enough:
the failure of the other one is no error.
""").
-spec lookup(binary(), pos_integer()) -> {ok, [inet:ip_address()]} | {error, lookup_error()}.
lookup(Hostname, TimeoutMs) ->
    case query(Hostname, #{timeout => TimeoutMs}) of
        {ok, #{addresses := Addresses}} -> {ok, addresses(Addresses, [inet, inet6])};
        {error, _} = Error -> Error
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
One lookup with all that it tells. Options: timeout for the whole (ms); grace, how long a family is
waited for once the other has answered (ms); nameservers, each Address or Address:Port, instead of
the system's; max_addresses of a family.
""").
-spec query(binary(), query_options()) -> {ok, found()} | {error, lookup_error()}.
query(Hostname, Options) ->
    {Result, _Truncated} = query(Hostname, Options, []),
    Result.

?DOC("""
query/2 for the same name again and again. Truncated has the names whose responses were found to be
long, at first none. They are also queried with EDNS, so that their responses need no TCP.
""").
-spec query(binary(), query_options(), Truncated :: [binary()]) ->
    {{ok, found()} | {error, lookup_error()}, Truncated :: [binary()]}.
query(Hostname, Options, Truncated) ->
    case barnacle_names:check_host(Hostname) of
        ok ->
            Result = barnacle_native:dns(Hostname, Options#{truncated => Truncated}),
            {found(Result), truncated(Result, Truncated)};
        {error, _} ->
            {{error, qfmterror}, Truncated}
    end.

truncated({ok, #{truncated := Truncated}}, _Before) -> Truncated;
truncated({error, _}, Before) -> Before.

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
    case barnacle_names:to_node(Name) of
        {ok, Node} -> to_nodes(Names, [Node | Nodes]);
        {error, Why} when Why =/= atom_limit -> {error, qfmterror};
        {error, atom_limit} -> {error, unknown}
    end.
