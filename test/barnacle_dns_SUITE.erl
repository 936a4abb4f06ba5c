%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_dns_SUITE).

%% What DNS lookups give for what name servers answer: real servers where they can give that answer,
%% a scripted one where not. Names end in a dot, so that this machine's search list is left out;
%% barnacle_dns_search_SUITE is about that.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0]).
-export([init_per_group/2, end_per_group/2]).
-export([
    only_a/1, only_aaaa/1, both_families/1, no_addresses/1, no_such_name/1, cname_chain/1,
    four_hundred_addresses/1, refused_zone/1,
    more_addresses_than_allowed/1, error_codes/1, error_in_one_family/1, truncated/1,
    truncated_again_over_tcp/1, cname_loop/1, cname_to_nowhere/1, wrong_answers/1,
    mangled_answers/1, no_server/1, first_server_silent/1, first_server_closed/1,
    several_cnames/1, foreign_owner/1, doubts_make_a_result_partial/1, referral/1,
    error_code_without_a_name/1, long_name_is_remembered/1, zone_without_interface/1,
    literals_and_localhost/1, unwanted_family/1, preferred_family/1,
    queries_without_addresses/1, names_that_cannot_be/1, nameservers_that_cannot_be/1,
    answer_after_400_ms/1, answer_after_2_s/1, answer_after_4_s/1, answer_after_the_deadline/1,
    one_family_silent/1, late_family_within_grace/1, silent_server/1
]).

-import(bed_lookup, [outcomes/2, outcomes/3, options/2, nameservers/1]).

-define(LONG_MS, 30000).
-define(SHORT_MS, 500).
-define(A1, {192, 0, 2, 1}).
-define(A2, {192, 0, 2, 2}).
-define(AAAA1, {16#2001, 16#db8, 0, 0, 0, 0, 0, 1}).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [{group, nsd}, {group, dnsmasq}, {group, unbound}, {group, scripted}, {group, slow}].

groups() ->
    [
        {nsd, [], [
            only_a, only_aaaa, both_families, no_addresses, no_such_name, cname_chain,
            four_hundred_addresses, refused_zone
        ]},
        {dnsmasq, [], [
            only_a, only_aaaa, both_families, no_addresses, no_such_name, four_hundred_addresses
        ]},
        {unbound, [], [
            only_a, only_aaaa, both_families, no_addresses, no_such_name, cname_chain,
            four_hundred_addresses
        ]},
        {scripted, [], [
            more_addresses_than_allowed, error_codes, error_in_one_family, truncated,
            truncated_again_over_tcp, cname_loop, cname_to_nowhere, wrong_answers, mangled_answers,
            no_server, first_server_silent, first_server_closed, several_cnames, foreign_owner,
            doubts_make_a_result_partial, referral, error_code_without_a_name,
            long_name_is_remembered, zone_without_interface, literals_and_localhost,
            unwanted_family, preferred_family, queries_without_addresses,
            names_that_cannot_be, nameservers_that_cannot_be
        ]},
        {slow, [parallel], [
            answer_after_400_ms, answer_after_2_s, answer_after_4_s, answer_after_the_deadline,
            one_family_silent, late_family_within_grace, silent_server
        ]}
    ].

init_per_group(Kind, Config) when Kind =:= nsd; Kind =:= dnsmasq; Kind =:= unbound ->
    case bed_dns_real:is_there(Kind) of
        true ->
            Server = bed_dns_real:start(Kind, {"cluster.test", zone(Kind)}),
            [{real, Server}, {nameserver, bed_dns_real:nameserver(Server)} | Config];
        false ->
            {skip, atom_to_list(Kind) ++ " is not installed"}
    end;
init_per_group(_Scripted, Config) ->
    Config.

end_per_group(_Group, Config) ->
    [ok = bed_dns_real:stop(Server) || {real, Server} <- Config],
    ok.

zone(nsd) ->
    [
        {"chain", cname, "chain1"}, {"chain1", cname, "chain2"}, {"chain2", cname, "both"}
        | zone(dnsmasq)
    ];
zone(unbound) ->
    zone(nsd);
zone(dnsmasq) ->
    %% A name with other names below it exists, and has no records.
    [{"four", ?A1}, {"six", ?AAAA1}, {"both", ?A1}, {"both", ?A2}, {"both", ?AAAA1},
        {"below.neither", ?A1} | [{"many", Address} || Address <- many(400)]].

many(Count) ->
    [{10, 0, N div 256, N rem 256} || N <- lists:seq(1, Count)].

%% ---- what real servers say

only_a(Config) ->
    {[?A1], no_data} = outcomes("four.cluster.test.", Config),
    {ok, #{addresses := #{inet := [?A1]}, failed := []}} = query("four.cluster.test.", Config).

only_aaaa(Config) ->
    {no_data, [?AAAA1]} = outcomes("six.cluster.test.", Config),
    {ok, #{addresses := #{inet6 := [?AAAA1]}, failed := []}} = query("six.cluster.test.", Config).

both_families(Config) ->
    {[?A1, ?A2], [?AAAA1]} = outcomes("both.cluster.test.", Config),
    {ok, #{candidate := <<"both.cluster.test">>, failed := []}} =
        query("both.cluster.test.", Config).

no_addresses(Config) ->
    {no_data, no_data} = outcomes("neither.cluster.test.", Config),
    {error, nxdomain} = query("neither.cluster.test.", Config).

no_such_name(Config) ->
    {{error, nxdomain}, {error, nxdomain}} = outcomes("nobody.cluster.test.", Config),
    {error, nxdomain} = query("nobody.cluster.test.", Config).

cname_chain(Config) ->
    {[?A1, ?A2], [?AAAA1]} = outcomes("chain.cluster.test.", Config).

%% Too many for a datagram: the server says so, and the rest comes over TCP.
four_hundred_addresses(Config) ->
    {Addresses, no_data} = outcomes("many.cluster.test.", Config),
    ?assertEqual(many(400), Addresses).

refused_zone(Config) ->
    {{error, refused}, {error, refused}} = outcomes("elsewhere.example.", Config),
    {error, refused} = query("elsewhere.example.", Config).

%% ---- what a scripted server says

more_addresses_than_allowed(_Config) ->
    Server = script([{"x.test", a, many(17)}, {"x.test", aaaa, []}]),
    {{error, {posix, emsgsize}}, no_data} = outcomes("x.test.", Server, #{max_addresses => 16}),
    {Allowed, no_data} = outcomes("x.test.", Server, #{max_addresses => 17}),
    ?assertEqual(many(17), Allowed).

error_codes(_Config) ->
    Codes = [formerr, servfail, notimp, refused],
    Server = script([{atom_to_list(Code) ++ ".test", '_', Code} || Code <- Codes]),
    [
        begin
            Name = atom_to_list(Code) ++ ".test.",
            ?assertEqual({{error, Code}, {error, Code}}, outcomes(Name, Server)),
            ?assertEqual({error, Code}, query(Name, Server))
        end
     || Code <- Codes
    ].

%% One family is enough; the other's failure is told beside it.
error_in_one_family(_Config) ->
    Server = script([
        {"x.test", a, [?A1]}, {"x.test", aaaa, servfail},
        {"y.test", a, refused}, {"y.test", aaaa, [?AAAA1]},
        {"z.test", a, servfail}, {"z.test", aaaa, []}
    ]),
    {[?A1], {error, servfail}} = outcomes("x.test.", Server),
    {ok, #{addresses := #{inet := [?A1]}, failed := [{inet6, servfail}]}} =
        query("x.test.", Server),
    {{error, refused}, [?AAAA1]} = outcomes("y.test.", Server),
    {ok, #{failed := [{inet, refused}]}} = query("y.test.", Server),
    {{error, servfail}, no_data} = outcomes("z.test.", Server),
    {error, servfail} = query("z.test.", Server).

truncated(_Config) ->
    Server = script([{"x.test", a, {truncated, [?A1, ?A2]}}, {"x.test", aaaa, []}]),
    {[?A1, ?A2], no_data} = outcomes("x.test.", Server),
    ?assertEqual([tcp, udp], transports(a, Server)).

truncated_again_over_tcp(_Config) ->
    Server = script([{"x.test", a, {always_truncated, []}}, {"x.test", aaaa, [?AAAA1]}]),
    {Nothing, [?AAAA1]} = outcomes("x.test.", Server),
    ?assert(Nothing =:= no_data orelse element(1, Nothing) =:= error).

cname_loop(_Config) ->
    Loop = [{cname, "y.test"}, {"y.test", {cname, "x.test"}}],
    Server = script([{"x.test", '_', Loop}, {"s.test", '_', [{cname, "s.test"}]}]),
    [
        begin
            Outcomes = outcomes(Name, Server),
            ?assertNotMatch({[_ | _], _}, Outcomes),
            ?assertNotMatch({_, [_ | _]}, Outcomes)
        end
     || Name <- ["x.test.", "s.test."]
    ].

cname_to_nowhere(_Config) ->
    Server = script([{"x.test", '_', [{cname, "gone.test"}]}]),
    {no_data, no_data} = outcomes("x.test.", Server).

%% Whoever can send to our port could send these: they are no answers, and the good one still is.
%% (What isn't even a message is passed over by c-ares 1.18, and an answer out of form to 1.34.)
wrong_answers(_Config) ->
    Good = [?A1],
    Wrong = [
        {{wrong_id, [?A2]}, [Good]},
        {{wrong_question, [?A2]}, [Good]},
        {{bytes, <<>>}, [Good]},
        {{bytes, <<0:56>>}, [Good, {error, formerr}]}
    ],
    [
        begin
            Server = script([
                {"x.test", a, {all, [Spoof, {delay, 200, Good}]}}, {"x.test", aaaa, []}
            ]),
            {A, no_data} = outcomes("x.test.", Server),
            ?assert(lists:member(A, Allowed), {Spoof, A})
        end
     || {Spoof, Allowed} <- Wrong
    ].

%% Rubbish with a good header is an answer, and a bad one.
mangled_answers(_Config) ->
    [
        begin
            Server = script([
                {"x.test", a, {mangled, [?A2], Mangle}}, {"x.test", aaaa, [?AAAA1]}
            ]),
            {Outcome, [?AAAA1]} = outcomes("x.test.", Server),
            ?assert(Outcome =:= no_data orelse element(1, Outcome) =:= error, {What, Outcome})
        end
     || {What, Mangle} <- mangles()
    ].

mangles() ->
    [
        {cut_short, fun(M) -> binary:part(M, 0, byte_size(M) - 3) end},
        {counts_of_65535, fun(<<Head:6/binary, _:6/binary, Rest/binary>>) ->
            <<Head/binary, 16#ffff:16, 0:32, Rest/binary>>
        end},
        %% The answer's name is a pointer to itself: RFC 1035, 4.1.4.
        {pointer_to_itself, fun(M) ->
            Question = 12 + byte_size(<<1, "x", 4, "test", 0>>) + 4,
            <<Head:Question/binary, _:2/binary, Rest/binary>> = M,
            <<Head/binary, 3:2, Question:14, Rest/binary>>
        end},
        {pointers_to_each_other, fun(M) ->
            Question = 12 + byte_size(<<1, "x", 4, "test", 0>>) + 4,
            <<Head:Question/binary, _:2/binary, Fixed:10/binary, _:2/binary, Rest/binary>> = M,
            <<Head/binary, 3:2, (Question + 12):14, Fixed/binary, 3:2, Question:14, Rest/binary>>
        end},
        %% An A record of three bytes.
        {short_address, fun(M) ->
            Head = binary:part(M, 0, byte_size(M) - 6),
            <<Head/binary, 3:16, 192, 0, 2>>
        end}
    ].

no_server(_Config) ->
    Address = bed_ports:address(),
    Nobody = nameserver(Address, bed_ports:port(Address)),
    {{error, Why}, {error, Why}} = outcomes("x.test.", [Nobody]),
    ?assert(lists:member(Why, [timeout, {posix, econnrefused}]), Why),
    {error, Why} = query("x.test.", [Nobody]).

first_server_silent(_Config) ->
    Silent = script([{'_', '_', drop}]),
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, [?AAAA1]}]),
    {[?A1], [?AAAA1]} = outcomes("x.test.", nameservers([Silent, Server]), #{}),
    ?assertNotEqual([], bed_dns_script:questions(Silent)).

first_server_closed(_Config) ->
    Address = bed_ports:address(),
    Closed = nameserver(Address, bed_ports:port(Address)),
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, [?AAAA1]}]),
    {[?A1], [?AAAA1]} = outcomes("x.test.", [Closed | nameservers([Server])], #{}).

%% Which of the two names the addresses are of is not known, nor whether they are all.
several_cnames(_Config) ->
    Server = script([
        {"x.test", a, [{cname, "y.test"}, {cname, "z.test"}, {"z.test", ?A1}]},
        {"x.test", aaaa, []}
    ]),
    {ok, #{a := {addresses, [?A1]}, doubts := [several_cnames | _]}} =
        barnacle_native:dns(<<"x.test.">>, options(Server, #{})),
    {ok, #{doubts := [several_cnames | _]}} = query("x.test.", Server).

%% c-ares 1.18 leaves out what belongs to another name. 1.34 takes it, and barnacle drops it.
foreign_owner(_Config) ->
    Server = script([
        {"x.test", a, [?A1, {"y.test", ?A2}]}, {"x.test", aaaa, []},
        {"z.test", a, [{"y.test", ?A2}]},
        {"z.test", aaaa, []}
    ]),
    {ok, #{a := {addresses, [?A1]}, doubts := [foreign_owner]}} =
        barnacle_native:dns(<<"x.test.">>, options(Server, #{})),
    {error, formerr} = query("z.test.", Server).

doubts_make_a_result_partial(_Config) ->
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, []}]),
    {ok, State} = strategy("x.test.", Server),
    {{complete, Names}, State1} = barnacle_strategy_dns:discover(State),
    ok = bed_dns_script:script(Server, [
        {"x.test", a, [?A1, {"y.test", ?A2}]}, {"x.test", aaaa, []}
    ]),
    {{partial, Names, [{response, foreign_owner}]}, State2} =
        barnacle_strategy_dns:discover(State1),
    ok = bed_dns_script:script(Server, [{"x.test", a, [?A1]}, {"x.test", aaaa, []}]),
    {{complete, Names}, _} = barnacle_strategy_dns:discover(State2).

%% Neither an answer nor recursion: the next server may know more, and if none does, it is an error.
referral(_Config) ->
    Refers = script([{'_', '_', {mangled, [], fun without_recursion/1}}]),
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, [?AAAA1]}]),
    {[?A1], [?AAAA1]} = outcomes("x.test.", nameservers([Refers, Server]), #{}),
    {error, refused} = query("x.test.", Refers).

%% AA and RA are 0.
without_recursion(<<Id:16, Qr:1, Opcode:4, _Aa:1, Tc:1, Rd:1, _Ra:1, Rest/bitstring>>) ->
    <<Id:16, Qr:1, Opcode:4, 0:1, Tc:1, Rd:1, 0:1, Rest/bitstring>>.

%% NOTAUTH (RFC 2136) says nothing of the name, so it is not 'no data'.
error_code_without_a_name(_Config) ->
    NotAuth = fun(<<Head:3/binary, Ra:4, _Rcode:4, Rest/binary>>) ->
        <<Head/binary, Ra:4, 9:4, Rest/binary>>
    end,
    Server = script([{"x.test", '_', {mangled, [], NotAuth}}]),
    {{error, unknown}, {error, unknown}} = outcomes("x.test.", Server).

%% The second time its query with EDNS, which comes first, is enough.
long_name_is_remembered(_Config) ->
    Sixty = many(60),
    Server = script(fun
        (#{type := aaaa}) -> [];
        (#{transport := tcp}) -> Sixty;
        (#{number := 1}) -> {truncated, Sixty};
        (#{}) -> drop
    end),
    {ok, State} = strategy("x.test.", Server),
    {{complete, Names}, State1} = barnacle_strategy_dns:discover(State),
    60 = length(Names),
    [tcp, udp] = transports(a, Server),
    ok = bed_dns_script:script(Server, fun
        (#{type := aaaa}) -> [];
        (#{transport := udp, number := 1}) -> {oversize, Sixty};
        (#{}) -> drop
    end),
    {{complete, Names1}, _} = barnacle_strategy_dns:discover(State1),
    ?assertEqual(lists:sort(Names), lists:sort(Names1)),
    [udp] = transports(a, Server).

zone_without_interface(_Config) ->
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, []}]),
    Nowhere = <<"[fe80::53%no-such-if]:53">>,
    {{error, Why}, {error, Why}} = outcomes("x.test.", [Nowhere], #{}),
    {posix, enodev} = Why,
    {[?A1], no_data} = outcomes("x.test.", [Nowhere | nameservers([Server])], #{}).

strategy(Query, Server) ->
    barnacle_strategy_dns:init(#{
        basename => <<"app">>,
        query => list_to_binary(Query),
        nameservers => nameservers([Server]),
        timeout => ?LONG_MS,
        families => both
    }).

literals_and_localhost(_Config) ->
    Server = script([{'_', '_', [?A2]}]),
    {[?A1], no_data} = outcomes("192.0.2.1", Server),
    {no_data, [?AAAA1]} = outcomes("2001:db8::1", Server),
    {[{127, 0, 0, 1}], [{0, 0, 0, 0, 0, 0, 0, 1}]} = outcomes("localhost", Server),
    ?assertEqual([], bed_dns_script:questions(Server)).

%% One family alone is queried, and a server that drops the other one has no say.
unwanted_family(_Config) ->
    [
        begin
            Server = script([{"x.test", Type, [Address]}, {'_', '_', drop}]),
            Wanted = options(Server, #{families => Family}),
            {ok, #{queried := []} = Result} = barnacle_native:dns(<<"x.test.">>, Wanted),
            ?assertMatch(#{Type := {addresses, [Address]}, Other := not_wanted}, Result),
            ?assertMatch(
                {ok, #{addresses := #{Family := [Address]}, failed := [], not_wanted := [_]}},
                query("x.test.", nameservers([Server]), #{families => Family})
            ),
            ?assertEqual([Type], types(Server))
        end
     || {Family, Type, Other, Address} <- [{inet, a, aaaa, ?A1}, {inet6, aaaa, a, ?AAAA1}]
    ].

%% Both are queried. Once the preferred one has addresses, the other one is not waited for.
preferred_family(_Config) ->
    Silent = script([{"x.test", a, [?A1]}, {"x.test", aaaa, drop}]),
    {[?A1], not_wanted} = outcomes("x.test.", Silent, #{families => prefer_inet}),
    {ok, #{failed := [], not_wanted := [inet6]}} =
        query("x.test.", nameservers([Silent]), #{families => prefer_inet}),
    ?assertEqual([a, aaaa], types(Silent)),
    Alone = script([{"x.test", a, []}, {"x.test", aaaa, [?AAAA1]}]),
    {no_data, [?AAAA1]} = outcomes("x.test.", Alone, #{families => prefer_inet}),
    {not_wanted, [?AAAA1]} = outcomes("x.test.", Alone, #{families => prefer_inet6}),
    Failing = script([{"x.test", a, drop}, {"x.test", aaaa, [?AAAA1]}]),
    {{error, timeout}, [?AAAA1]} =
        outcomes("x.test.", Failing, #{families => prefer_inet, grace => 100}).

%% Each with the server that was queried, and what that said.
queries_without_addresses(_Config) ->
    Failing = script([{'_', '_', servfail}]),
    Server = script([{"x.test", a, []}, {"y.test", a, [?A1]}]),
    Queried = fun(Name) ->
        {ok, #{queried := Told}} =
            barnacle_native:dns(Name, options([Failing, Server], #{grace => 0})),
        lists:sort(Told)
    end,
    [At1, At2] = nameservers([Failing, Server]),
    ?assertEqual(
        lists:sort([
            {<<"x.test">>, At1, servfail},
            {<<"x.test">>, At2, no_data},
            {<<"x.test">>, At2, nxdomain}
        ]),
        Queried(<<"x.test.">>)
    ),
    ?assert(lists:member({<<"y.test">>, At1, servfail}, Queried(<<"y.test.">>))),
    ?assertEqual([], Queried(<<"localhost">>)).

names_that_cannot_be(_Config) ->
    Server = script([{'_', '_', [?A1]}]),
    Label = binary:copy(<<"a">>, 63),
    Long = iolist_to_binary(lists:join(".", [Label, Label, Label, binary:copy(<<"a">>, 61)])),
    253 = byte_size(Long),
    Bad = [
        <<>>, <<Label/binary, "a.test">>, <<Long/binary, "a">>, <<"x", 0, ".test">>, <<"a@b.test">>,
        <<"ä.test"/utf8>>, <<"a b.test">>, <<"a..test">>, <<".test">>, <<"a\n.test">>, <<255>>
    ],
    [
        begin
            {error, {bad_name, Text}} = barnacle_native:dns(Name, options([Server], #{})),
            ?assert(is_binary(Text) andalso byte_size(Text) > 10, Text),
            ?assertEqual({error, qfmterror}, query(Name, Server)),
            ?assertEqual({error, qfmterror}, barnacle_dns:lookup(Name, ?LONG_MS))
        end
     || Name <- Bad
    ],
    ?assertEqual([], bed_dns_script:questions(Server)),
    %% As long as can be, on the other hand, is asked.
    {[?A1], _} = outcomes(<<Long/binary, ".">>, Server),
    ?assertMatch([_ | _], bed_dns_script:questions(Server)).

nameservers_that_cannot_be(_Config) ->
    [
        begin
            {error, {bad_nameserver, Text}} =
                barnacle_native:dns(<<"x.test.">>, #{timeout => ?LONG_MS, nameservers => [Bad]}),
            ?assert(is_binary(Text) andalso byte_size(Text) > 10, Text)
        end
     || Bad <- [
            <<>>, <<"ns.test">>, <<"10.0.0.2:0">>, <<"10.0.0.2:65536">>, <<"[::1">>, <<"1.2.3">>,
            <<"fd00::1%eth0">>, <<"fe80::1%">>
        ]
    ].

%% ---- slow servers

%% A sole server is heard for as long as the deadline leaves.
answer_after_400_ms(_Config) ->
    answer_after(400).

answer_after_2_s(_Config) ->
    answer_after(2000).

answer_after_4_s(_Config) ->
    answer_after(4000).

answer_after(Ms) ->
    Server = script([
        {"x.test", a, {delay, Ms, [?A1]}}, {"x.test", aaaa, {delay, Ms, [?AAAA1]}}
    ]),
    {[?A1], [?AAAA1]} = outcomes("x.test.", Server).

answer_after_the_deadline(_Config) ->
    Server = script([{"x.test", '_', {delay, 10 * ?SHORT_MS, [?A1]}}]),
    ok = timed_out(Server),
    {error, timeout} = query("x.test.", nameservers([Server]), #{timeout => ?SHORT_MS}).

%% The family that answers doesn't wait for the deadline of the other one, only for the grace.
one_family_silent(_Config) ->
    Server = script([
        {"x.test", a, [?A1]}, {"x.test", aaaa, drop}, {"y.test", a, drop},
        {"y.test", aaaa, [?AAAA1]}, {"z.test", a, []}, {"z.test", aaaa, drop}
    ]),
    Options = #{timeout => 3600000, grace => 100},
    {[?A1], {error, timeout}} = outcomes("x.test.", Server, Options),
    {{error, timeout}, [?AAAA1]} = outcomes("y.test.", Server, Options),
    {ok, #{addresses := #{inet := [?A1]}, failed := [{inet6, timeout}]}} =
        query("x.test.", nameservers([Server]), Options),
    %% A family without addresses gives the other one no grace, but the whole time.
    {no_data, {error, timeout}} = outcomes("z.test.", Server, #{timeout => 4000, grace => 0}).

late_family_within_grace(_Config) ->
    Server = script([{"x.test", a, [?A1]}, {"x.test", aaaa, {delay, 300, [?AAAA1]}}]),
    {[?A1], [?AAAA1]} = outcomes("x.test.", Server, #{grace => ?LONG_MS}).

silent_server(_Config) ->
    ok = timed_out(script([{'_', '_', drop}])).

%% Where the machine is too busy for the core to say so, its caller does.
timed_out(Server) ->
    case barnacle_native:dns(<<"x.test.">>, options(Server, #{timeout => ?SHORT_MS})) of
        {ok, #{a := {error, timeout}, aaaa := {error, timeout}}} -> ok;
        {error, timeout} -> ok
    end.

script(Rules) ->
    bed_dns_script:start_link(Rules).

nameserver(Ip, Port) -> iolist_to_binary([inet:ntoa(Ip), $:, integer_to_list(Port)]).

query(Name, Where) ->
    query(Name, Where, #{}).

query(Name, Where, Options) ->
    case barnacle_dns:query(iolist_to_binary(Name), options(Where, Options)) of
        {{ok, #{addresses := Addresses} = Found}, _} ->
            Sorted = maps:map(fun(_, List) -> lists:sort(List) end, Addresses),
            {ok, Found#{addresses := Sorted}};
        {{error, _} = Error, _} ->
            Error
    end.

types(Server) ->
    lists:usort([Type || #{type := Type} <- bed_dns_script:questions(Server)]).

transports(Type, Server) ->
    Questions = bed_dns_script:questions(Server),
    lists:usort([Transport || #{type := T, transport := Transport} <- Questions, T =:= Type]).
