%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_dns).

-include("../include/barnacle_doc.hrl").

?MODULEDOC("""
The strategy {dns, Options}: a node Basename@Address for each address of one name.

An answer is complete where every question got its answer: a name with A records only is complete.
It is partial where one family failed while the other answered, where a family that had addresses
has none now, and where another candidate of the search list answers than before; the last two
become the new normal after ten equal answers in a row.
""").

-behaviour(barnacle_strategy).

-export([init/1, discover/1, timeout/1]).

-export_type([options/0]).

?DOC("""
basename: of the peers. query: the name to ask for. timeout: of the whole lookup, in ms (5000).
grace: how long a family is waited for once the other has answered, in ms (1000). nameservers:
Address or Address:Port, instead of the system's. families: which addresses name peers; own (the
default) takes those of this node's own family where both answer and this node is called by an
address. max_addresses: of a family (4096).
""").
-type options() :: #{
    basename := binary(),
    query := binary(),
    timeout => pos_integer(),
    grace => non_neg_integer(),
    nameservers => [binary()],
    families => own | both | inet | inet6,
    max_addresses => pos_integer()
}.

-record(state, {
    basename :: binary(),
    query :: binary(),
    families :: own | both | inet | inet6,
    lookup :: map(),
    shape = undefined :: undefined | shape(),
    other = {undefined, 0} :: {undefined | shape(), non_neg_integer()}
}).

%% Who answered, and in which families.
-type shape() :: {Candidate :: binary(), [barnacle_address:family()]}.

-define(NEW_NORMAL, 10).
-define(MARGIN_MS, 2000).

-spec init(term()) -> {ok, #state{}} | {error, binary()}.
init(Arg) ->
    case barnacle_settings:check(table(), Arg) of
        {ok, Options} ->
            {ok, #state{
                basename = maps:get(basename, Options),
                query = maps:get(query, Options),
                families = maps:get(families, Options),
                lookup = maps:with([timeout, grace, nameservers, max_addresses], Options)
            }};
        {error, Errors} ->
            {error, barnacle_settings:format(Errors)}
    end.

-spec timeout(#state{}) -> pos_integer().
timeout(#state{lookup = #{timeout := TimeoutMs}}) ->
    TimeoutMs + ?MARGIN_MS.

-spec discover(#state{}) -> {barnacle_strategy:answer(), #state{}}.
discover(#state{query = Query, lookup = Lookup} = State) ->
    case barnacle_dns:query(Query, Lookup) of
        {ok, Found} -> answer(Found, State);
        {error, _} = Error -> {Error, State}
    end.

answer(#{addresses := Addresses, candidate := Candidate, failed := Failed}, State) ->
    Shape = {Candidate, lists:sort(maps:keys(Addresses))},
    {Change, State1} = compare(Shape, State),
    Names = names(Addresses, State),
    case Failed ++ Change of
        [] -> {{complete, Names}, State1};
        Why -> {{partial, Names, Why}, State1}
    end.

%% A family or candidate that is new brings names and takes none away, unless the candidate is
%% another one: then it is another name's answer.
compare(Shape, #state{shape = undefined} = State) ->
    {[], State#state{shape = Shape}};
compare({Candidate, Families} = Shape, #state{shape = {Candidate, Before}} = State) ->
    case Before -- Families of
        [] -> {[], State#state{shape = Shape, other = {undefined, 0}}};
        Gone -> other(Shape, [{Family, no_longer} || Family <- Gone], State)
    end;
compare({Candidate, _} = Shape, #state{shape = {Before, _}} = State) ->
    other(Shape, [{candidate, Candidate, instead_of, Before}], State).

other(Shape, _Why, #state{other = {Shape, Count}} = State) when Count + 1 >= ?NEW_NORMAL ->
    {[], State#state{shape = Shape, other = {undefined, 0}}};
other(Shape, Why, #state{other = {Shape, Count}} = State) ->
    {Why, State#state{other = {Shape, Count + 1}}};
other(Shape, Why, State) ->
    {Why, State#state{other = {Shape, 1}}}.

names(Addresses, #state{basename = Basename, families = Families}) ->
    Own = barnacle_address:parse(barnacle_names:host(node())),
    Wanted = lists:append([
        maps:get(Family, Addresses, [])
     || Family <- families(Families, Own, maps:keys(Addresses))
    ]),
    barnacle_dns:to_names(Basename, Wanted -- self_by_another_text(Basename, Own)).

families(own, {ok, Own}, [_, _]) -> [barnacle_address:family(Own)];
families(inet, _, _) -> [inet];
families(inet6, _, _) -> [inet6];
families(_, _, _) -> [inet, inet6].

%% This node may be called by its address in another form than RFC 5952's. The name that we would
%% make of it names nobody.
self_by_another_text(Basename, {ok, Own}) ->
    Canonical = barnacle_names:join(Basename, barnacle_address:to_text(Own)),
    Self = barnacle_names:self(),
    case Self =/= Canonical andalso hd(binary:split(Self, <<"@">>)) =:= Basename of
        true -> [Own];
        false -> []
    end;
self_by_another_text(_Basename, error) ->
    [].

table() ->
    [
        {basename, {term, <<"the part of a node name before the '@'">>, fun barnacle_names:check_basename/1},
            required, <<"the basename of all peers">>},
        {query, {term, <<"a host name">>, fun barnacle_names:check_host/1}, required,
            <<"the name whose A and AAAA records name the peers">>},
        {timeout, {integer, ms, 1, 86400000}, {default, 5000}, <<"of the whole lookup">>},
        {grace, {integer, ms, 0, 86400000}, {default, 1000},
            <<"how long a family is waited for once the other has answered">>},
        {nameservers, {term, <<"a list of Address or Address:Port">>, fun check_nameservers/1},
            {default, []}, <<"name servers to ask instead of the system's">>},
        {families, {one_of, [own, both, inet, inet6]}, {default, own},
            <<"which addresses name peers">>},
        {max_addresses, {integer, addresses, 1, 65535}, {default, 4096},
            <<"of one family; a longer answer is refused">>}
    ].

check_nameservers(Servers) when is_list(Servers) ->
    case [Server || Server <- Servers, not is_binary(Server)] of
        [] -> ok;
        Bad -> {error, unicode:characters_to_binary(io_lib:format("not binaries: ~0p", [Bad]))}
    end;
check_nameservers(_) ->
    {error, <<"must be a list of binaries such as <<\"10.0.0.2:53\">>">>}.
