%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_dns).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The strategy {dns, Options}: a node Basename@Address for each address of one name.
barnacle_dns_answer says which answers are complete.

No address of an answer is taken for what it cannot be. The unspecified addresses (0.0.0.0 and ::),
multicast, the broadcast address, and link-local ones of IPv6, whose zone no answer can say, name
nobody and make the answer partial; an answer of nothing else is nxdomain. IPv4-mapped addresses
(::ffff:10.0.0.1) are of the family inet6 and name nodes that call themselves so. Every other
address may be a peer's. An address of this host at which this node listens makes another name of
this node, to which barnacle does not connect (barnacle_own).
""").

?BEHAVIOUR(barnacle_strategy).

-export([init/1, discover/1, timeout/1, queried/1, table/0]).

-export_type([options/0]).

?DOC("""
basename: of the peers. query: the name to query. timeout: of the whole lookup, in ms. grace: the
time limit for the second family once the first has addresses, in ms. nameservers: Address or
Address:Port, instead of the system's. max_addresses: of a family. table/0 has the defaults.

families: which addresses name peers. own (the default): if this node's name has an address, those
of its family; the other family counts only for a name without any, and is not waited for. both:
those of both families. inet, inet6: one family, and the other one is not queried.
""").
-type options() :: #{
    basename := binary(),
    query := binary(),
    timeout => pos_integer(),
    grace => non_neg_integer(),
    nameservers => [binary()],
    families => barnacle_dns_answer:families(),
    max_addresses => pos_integer()
}.

-record(state, {
    basename :: binary(),
    query :: binary(),
    families :: barnacle_dns_answer:families(),
    lookup :: map(),
    details = #{queried => [], truncated => []} :: barnacle_dns:details(),
    memory :: barnacle_dns_answer:memory()
}).

-define(MARGIN_MS, 2000).

-spec init(term()) -> {ok, #state{}} | {error, binary()}.
init(Arg) ->
    case barnacle_settings:check(table(), Arg) of
        {ok, Options} ->
            {ok, #state{
                basename = maps:get(basename, Options),
                query = maps:get(query, Options),
                families = maps:get(families, Options),
                lookup = maps:with([timeout, grace, nameservers, max_addresses], Options),
                memory = barnacle_dns_answer:new()
            }};
        {error, Errors} ->
            {error, barnacle_settings:format(dns, Errors)}
    end.

-spec timeout(#state{}) -> pos_integer().
timeout(#state{lookup = #{timeout := TimeoutMs}}) ->
    TimeoutMs + ?MARGIN_MS.

-spec discover(#state{}) -> {barnacle_strategy:answer(), #state{}}.
discover(#state{query = Query, lookup = Lookup, details = #{truncated := Truncated}} = State) ->
    Families = barnacle_dns_answer:queried(State#state.families, barnacle_names:self()),
    Options = Lookup#{families => Families, truncated => Truncated},
    {Result, Details} = barnacle_dns:query(Query, Options),
    State1 = State#state{details = Details},
    case Result of
        {ok, Found} -> answer(barnacle_dns_answer:usable(Found), State1);
        {error, _} = Error -> {Error, State1}
    end.

?DOC("The queries of the last discovery that brought no addresses.").
-spec queried(#state{}) -> barnacle_dns:queried().
queried(#state{details = #{queried := Queried}}) ->
    Queried.

answer(none, State) ->
    {{error, nxdomain}, State};
answer({#{addresses := Addresses} = Found, Unusable}, #state{memory = Memory} = State) ->
    {Unlike, Memory1} = barnacle_dns_answer:judge(Found, Memory),
    Why = Unlike ++ Unusable,
    Names = barnacle_dns_answer:names(
        Addresses, State#state.basename, State#state.families, barnacle_names:self()
    ),
    Answer =
        case Why of
            [] -> {complete, Names};
            _ -> {partial, Names, Why}
        end,
    {Answer, State#state{memory = Memory1}}.

?DOC("Every option of this strategy: its name, type, default and meaning.").
-spec table() -> barnacle_settings:table().
table() ->
    #{grace := GraceMs, max_addresses := MaxAddresses} = barnacle_native:defaults(dns),
    [
        {basename,
            {term, <<"the part of a node name before the '@'">>,
                fun barnacle_names:check_basename/1},
            required, <<"the basename of all peers">>},
        {query, {term, <<"a host name">>, fun barnacle_names:check_host/1}, required,
            <<"the name whose A and AAAA records name the peers">>},
        {timeout, {integer, ms, 1, 86400000}, {default, 5000}, <<"of the whole lookup">>},
        {grace, {integer, ms, 0, 86400000}, {default, GraceMs},
            <<"time limit for the second family once the first has addresses">>},
        {nameservers, {term, <<"a list of Address or Address:Port">>, fun check_nameservers/1},
            {default, []}, <<"name servers to ask instead of the system's">>},
        {families, {one_of, [own, both, inet, inet6]}, {default, own},
            <<"which addresses name peers; see docs/resolver.md">>},
        {max_addresses, {integer, addresses, 1, 65535}, {default, MaxAddresses},
            <<"of one family; a longer answer is refused">>}
    ].

check_nameservers(Servers) ->
    Wanted = "must be a list of binaries such as <<\"10.0.0.2:53\">>",
    case barnacle_settings:check_list(Servers, fun is_binary/1, Wanted) of
        ok -> first_error([barnacle_nameserver:check(Server) || Server <- Servers]);
        {error, _} = Error -> Error
    end.

first_error([ok | Checks]) -> first_error(Checks);
first_error([Error | _]) -> Error;
first_error([]) -> ok.
