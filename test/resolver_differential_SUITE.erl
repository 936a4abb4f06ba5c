%% SPDX-License-Identifier: Apache-2.0
-module(resolver_differential_SUITE).

%% Kinds of name servers and middle boxes, one in each case: OTP's inet_res and barnacle resolve the
%% same name there (bed_differential). Each case also states what barnacle gives. The table of all
%% kinds is written to a file: `make differential` prints it.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2]).
-export([
    edns_dropped/1, edns_rejected/1, edns_formerr_with_opt/1, edns_formerr_without_opt/1,
    edns_formerr_header_only/1, edns_notimp/1, edns_servfail/1, edns_refused/1, edns_badvers/1,
    edns_empty_datagram/1, edns_ignored/1, edns_extended_rcode/1
]).
-export([
    full_datagram/1, two_hundred_addresses/1, long_responses_dropped/1, fragments_dropped/1,
    truncated_tcp_slow/1, truncated_tcp_closes/1, truncated_tcp_refused/1, truncated_tcp_dropped/1,
    truncated_with_part/1, tcp_dropped_edns_helps/1, udp_dropped/1, udp_dropped_use_vc/1
]).
-export([
    burst_dropped/1, one_query_at_a_time/1, pair_lost/1, pair_lost_single_request/1,
    first_query_dropped/1, aaaa_dropped/1, aaaa_dropped_inet_wanted/1, a_dropped_inet6_wanted/1,
    aaaa_nxdomain/1, aaaa_servfail/1, aaaa_notimp/1, aaaa_refused/1, no_aaaa/1
]).
-export([
    first_dead/1, first_closed/1, first_rejects/1, first_unreachable/1, first_refuses/1,
    first_refers/1, first_servfail/1, first_notimp/1, first_slow/1, lossy/1, slow_400_ms/1,
    slow_2_s/1
]).
-export([
    other_port_first/1, other_address_first/1, wrong_id_first/1, question_in_capitals/1,
    no_question/1, bytes_after_the_end/1, sent_twice/1, cname_chain/1, cname_loop/1,
    several_cnames/1, foreign_owners/1, garbled_end/1, unknown_records/1, zero_ttl/1,
    changing_order/1, nxdomain/1, no_data/1
]).
-export([
    dnsmasq/1, unbound/1, ipv6_server/1, link_local_server/1, server_any_address/1,
    search_list/1, search_candidate_refused/1
]).

-import(bed_dns_kinds, [
    good/0, good/1, gives/1, by_type/2, by_name/1, pair_loser/0, nsd/0, nsd/1, answer/2,
    truncated_bit/1, zone/1, ipv4/1, ipv6/1, many/3, whole/1
]).

-define(A1, {192, 0, 2, 1}).
-define(A2, {192, 0, 2, 2}).
-define(AAAA1, {16#2001, 16#db8, 0, 0, 0, 0, 0, 1}).
-define(A, [?A1, ?A2]).
-define(AAAA, [?AAAA1]).
-define(NAME, "x.test").
-define(TYPE_A, 1).
-define(TYPE_AAAA, 28).
-define(SYSTEM, #{address => {127, 0, 0, 53}, port => 53}).

suite() ->
    [{timetrap, {minutes, 5}}].

all() ->
    [{group, kinds}].

groups() ->
    [{kinds, [parallel], kinds()}].

kinds() ->
    Tests = [Name || {Name, 1} <- ?MODULE:module_info(exports), not is_ct(Name)],
    lists:sort(Tests).

is_ct(Name) ->
    lists:member(Name, [init_per_suite, end_per_suite, module_info]).

init_per_suite(Config) ->
    File = file("rows"),
    ok = filelib:ensure_dir(File),
    _ = file:delete(File),
    case bed_middle_box:missing() of
        none -> [{vm, vm("")} | Config];
        Why -> [{no_vm, Why} | Config]
    end.

end_per_suite(Config) ->
    [ok = bed_node:stop(Vm) || {vm, Vm} <- Config],
    Table = bed_differential:table(file("rows"), kinds()),
    file:write_file(file("md"), Table).

init_per_testcase(Kind, Config) ->
    [{kind, Kind} | Config].

file(Extension) ->
    {ok, Dir} = file:get_cwd(),
    [Root | _] = string:split(Dir, "/_build/"),
    filename:join([Root, "_build", "differential", "resolver." ++ Extension]).

vm(ResolvConf) ->
    {ok, Vm} = bed_node:start(#{alive => false, exec => bed_middle_box:exec(ResolvConf)}),
    Vm.

%% ---- EDNS

%% A firewall drops queries that have an additional record.
edns_dropped(Config) ->
    check(Config, #{servers => [{good(), [edns_dropped]}], expect => complete}).

edns_rejected(Config) ->
    check(Config, #{servers => [{good(), [edns_rejected]}], expect => complete}).

edns_formerr_with_opt(Config) ->
    edns_gives(Config, fun(Q) -> bed_dns_raw:with_opt(1, answer(formerr, Q)) end).

edns_formerr_without_opt(Config) ->
    edns_gives(Config, fun(Q) -> answer(formerr, Q) end).

%% A server that does not understand the query returns its header alone.
edns_formerr_header_only(Config) ->
    edns_gives(Config, fun(#{bytes := <<Id:16, _/binary>>}) ->
        <<Id:16, 16#8001:16, 0:64>>
    end).

edns_notimp(Config) ->
    edns_gives(Config, fun(Q) -> answer(notimp, Q) end).

edns_servfail(Config) ->
    edns_gives(Config, fun(Q) -> answer(servfail, Q) end).

edns_refused(Config) ->
    edns_gives(Config, fun(Q) -> answer(refused, Q) end).

edns_badvers(Config) ->
    edns_gives(Config, fun(Q) -> bed_dns_raw:with_opt(16, answer([], Q)) end).

%% BADMODE (RFC 2930) in 12 bits; its low four bits are those of NXDOMAIN.
edns_extended_rcode(Config) ->
    edns_gives(Config, fun(Q) -> bed_dns_raw:with_opt(19, answer([], Q)) end).

%% An empty datagram for each EDNS query.
edns_empty_datagram(Config) ->
    edns_gives(Config, fun(_) -> <<>> end).

%% A response without OPT, whatever the query has.
edns_ignored(Config) ->
    check(Config, #{servers => [{good(), []}], expect => complete}).

edns_gives(Config, Response) ->
    Script = fun
        (#{edns := true} = Query) -> [Response(Query)];
        (#{edns := false} = Query) -> [good(Query)]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], expect => complete}).

%% ---- length and TCP

%% As many as fit into 512 bytes.
full_datagram(Config) ->
    check(Config, many(29, 17, #{
        servers => [{by_type(ipv4(29), ipv6(17)), []}], expect => complete
    })).

two_hundred_addresses(Config) ->
    check(Config, many(200, 0, #{servers => [{nsd(200), []}], expect => complete})).

long_responses_dropped(Config) ->
    check(Config, many(60, 0, #{servers => [{nsd(60), [long_dropped]}], expect => complete})).

fragments_dropped(Config) ->
    Servers = [{nsd(200), [fragments_dropped]}],
    check(Config, many(200, 0, #{servers => Servers, expect => complete})).

truncated_tcp_slow(Config) ->
    truncated(Config, #{}, fun(Q) -> [{later, 700, good(Q)}] end, [], complete).

truncated_tcp_closes(Config) ->
    truncated(Config, #{}, fun(_) -> [close] end, [], {error, any}).

truncated_tcp_refused(Config) ->
    truncated(Config, #{tcp => false}, fun(_) -> [] end, [], {error, any}).

truncated_tcp_dropped(Config) ->
    truncated(Config, #{}, fun(Q) -> [good(Q)] end, [tcp_dropped], {error, any}).

truncated(Config, Options, OverTcp, Rules, Expect) ->
    Script = fun
        (#{transport := udp} = Query) -> [answer({truncated, []}, Query)];
        (#{transport := tcp} = Query) -> OverTcp(Query)
    end,
    check(Config, #{
        servers => [{{raw, Script}, Rules, Options}],
        timeout_ms => 3000,
        within_ms => 3300,
        expect => Expect
    }).

%% The truncated response has some of the records.
truncated_with_part(Config) ->
    Script = fun
        (#{transport := udp, type := a} = Query) -> [truncated_bit(answer([?A2], Query))];
        (Query) -> [good(Query)]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], expect => complete}).

%% More addresses than 512 bytes hold, and no TCP. inet_res has no way; EDNS is one.
tcp_dropped_edns_helps(Config) ->
    check(Config, many(60, 0, #{servers => [{nsd(60), [tcp_dropped]}], expect => complete})).

udp_dropped(Config) ->
    check(Config, #{
        servers => [{good(), [udp_dropped]}],
        timeout_ms => 2000,
        within_ms => 2300,
        expect => {error, [timeout]}
    }).

udp_dropped_use_vc(Config) ->
    check_system(Config, "options use-vc\n", #{
        servers => [{good(), [udp_dropped], ?SYSTEM}],
        system => [{set_usevc, true}],
        expect => complete
    }).

%% ---- pairs of queries, and families

%% A rate limit lets one query pass in 100 ms, as a race in a translator of addresses does.
burst_dropped(Config) ->
    check(Config, #{
        servers => [{good(), [burst_dropped]}], one_by_one => true, expect => complete
    }).

%% A stub resolver forgets each query that arrives while it handles another one.
one_query_at_a_time(Config) ->
    Script = fun
        (#{gap_ms := GapMs}) when GapMs < 30 -> [];
        (Query) -> [{later, 30, good(Query)}]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], one_by_one => true, expect => complete}).

%% The same, and the earlier query is forgotten too. Nothing comes back, so barnacle repeats both
%% queries after 0.6 s, and not together. OTP queries one family alone.
pair_lost(Config) ->
    check(Config, #{
        servers => [{pair_loser(), []}],
        one_by_one => true,
        allowance_ms => 1000,
        expect => complete
    }).

pair_lost_single_request(Config) ->
    check_system(Config, "options single-request\n", #{
        servers => [{pair_loser(), [], ?SYSTEM}],
        system => [],
        one_by_one => true,
        allowance_ms => 1000,
        expect => complete
    }).

first_query_dropped(Config) ->
    Script = fun
        (#{number := 1}) -> [];
        (Query) -> [good(Query)]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], expect => complete}).

%% The grace for the second family is a second.
aaaa_dropped(Config) ->
    check(Config, #{
        servers => [{nsd(), [{type_dropped, ?NAME, ?TYPE_AAAA}]}],
        within_ms => 1300,
        expect => {partial, [inet6]}
    }).

aaaa_dropped_inet_wanted(Config) ->
    check(Config, #{
        servers => [{nsd(), [{type_dropped, ?NAME, ?TYPE_AAAA}]}],
        families => [inet],
        expect => complete
    }).

a_dropped_inet6_wanted(Config) ->
    check(Config, #{
        servers => [{nsd(), [{type_dropped, ?NAME, ?TYPE_A}]}],
        families => [inet6],
        expect => complete
    }).

%% A load balancer that knows A records only.
aaaa_nxdomain(Config) ->
    aaaa_gives(Config, nxdomain, complete, #{aaaa => []}).

aaaa_servfail(Config) ->
    aaaa_gives(Config, servfail, {partial, [inet6]}, #{}).

aaaa_notimp(Config) ->
    aaaa_gives(Config, notimp, {partial, [inet6]}, #{}).

aaaa_refused(Config) ->
    aaaa_gives(Config, refused, {partial, [inet6]}, #{}).

aaaa_gives(Config, Reply, Expect, More) ->
    check(Config, More#{servers => [{by_type(?A, Reply), []}], expect => Expect}).

no_aaaa(Config) ->
    check_system(Config, "options no-aaaa\n", #{
        servers => [{good(), [{type_dropped, ?NAME, ?TYPE_AAAA}], ?SYSTEM}],
        system => [],
        aaaa => [],
        within_ms => 300,
        expect => complete
    }).

%% ---- several servers, slow ones, lossy ones

first_dead(Config) ->
    first(Config, {good(), [udp_dropped, tcp_dropped]}).

first_closed(Config) ->
    first(Config, {closed, []}).

first_rejects(Config) ->
    first(Config, {good(), [udp_rejected]}).

%% There is no route to the first server.
first_unreachable(Config) ->
    first(Config, {{unreachable, {16#2001, 16#db8, 0, 0, 0, 0, 0, 16#53}}, []}).

%% An authoritative server of another zone.
first_refuses(Config) ->
    first(Config, {{real, nsd, "example", [{"x", {192, 0, 2, 9}}]}, []}).

%% An authoritative server that delegates the zone, and resolves nothing itself.
first_refers(Config) ->
    check(Config, #{
        name => "x.sub.test",
        servers => [
            {{real, nsd, [{line, "sub NS ns.sub"}, {line, "ns.sub A 192.0.2.53"}]}, []},
            {by_name("x.sub.test"), []}
        ],
        expect => complete
    }).

first_servfail(Config) ->
    first(Config, {gives(servfail), []}).

first_notimp(Config) ->
    first(Config, {gives(notimp), []}).

first_slow(Config) ->
    first(Config, {{raw, fun(Query) -> [{later, 2000, good(Query)}] end}, []}).

first(Config, First) ->
    check(Config, #{servers => [First, {good(), []}], expect => complete}).

%% Ten lookups; each fifth query is lost.
lossy(Config) ->
    check(Config, #{
        servers => [{good(), [fifth_dropped]}], turns => 10, within_ms => 2000, expect => complete
    }).

slow_400_ms(Config) ->
    slow(Config, 400).

slow_2_s(Config) ->
    slow(Config, 2000).

slow(Config, Ms) ->
    check(Config, #{
        servers => [{{raw, fun(Query) -> [{later, Ms, good(Query)}] end}, []}],
        within_ms => Ms + 300,
        expect => complete
    }).

%% ---- responses as they are

other_port_first(Config) ->
    spoofed(Config, fun(Bytes) -> {other_port, Bytes} end).

other_address_first(Config) ->
    spoofed(Config, fun(Bytes) -> {other_address, Bytes} end).

wrong_id_first(Config) ->
    spoofed(Config, fun(<<Id:16, Rest/binary>>) -> <<(Id bxor 16#5555):16, Rest/binary>> end).

%% Something else sends a response with other addresses, and the server sends its own after 100 ms.
spoofed(Config, Spoof) ->
    Script = fun(Query) ->
        [Spoof(answer([{192, 0, 2, 66}], Query#{type => a})), {later, 100, good(Query)}]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], expect => complete}).

question_in_capitals(Config) ->
    changed(Config, complete, fun(Bytes) -> binary:replace(Bytes, <<"test">>, <<"TeSt">>) end).

%% A response whose question section is empty is a response to nothing.
no_question(Config) ->
    changed(Config, {error, any}, fun(Bytes) ->
        Question = length(?NAME) + 2 + 4,
        <<Head:4/binary, 1:16, Counts:6/binary, _:Question/binary, Rest/binary>> = Bytes,
        Named = binary:replace(Rest, <<16#c0, 12>>, <<1, "x", 4, "test", 0>>, [global]),
        <<Head/binary, 0:16, Counts/binary, Named/binary>>
    end).

bytes_after_the_end(Config) ->
    changed(Config, complete, fun(Bytes) -> <<Bytes/binary, 0:128>> end).

%% The last of two records is cut off.
garbled_end(Config) ->
    changed(Config, incomplete, fun(Bytes) ->
        binary:part(Bytes, 0, byte_size(Bytes) - 3)
    end).

%% Records of types that no resolver knows are among the addresses.
unknown_records(Config) ->
    changed(Config, complete, fun(<<Head:6/binary, Count:16, Rest/binary>>) ->
        Unknown = <<16#c0, 12, 65280:16, 1:16, 1:32, 3:16, "abc">>,
        Question = length(?NAME) + 2 + 4 + 4,
        <<Questions:Question/binary, Records/binary>> = Rest,
        <<Head/binary, (Count + 1):16, Questions/binary, Unknown/binary, Records/binary>>
    end).

changed(Config, Expect, Change) ->
    Script = fun(Query) -> [Change(good(Query))] end,
    check(Config, #{servers => [{{raw, Script}, []}], timeout_ms => 3000, expect => Expect}).

sent_twice(Config) ->
    Script = fun(Query) -> [good(Query), good(Query)] end,
    check(Config, #{servers => [{{raw, Script}, []}], expect => complete}).

cname_chain(Config) ->
    Chain = [{"x", cname, "c1"}, {"c1", cname, "c2"}, {"c2", cname, "end"}],
    check(Config, #{servers => [{{real, nsd, Chain ++ zone("end")}, []}], expect => complete}).

cname_loop(Config) ->
    Loop = [{cname, "y.test"}, {"y.test", {cname, ?NAME}}],
    check(Config, #{servers => [{gives(Loop), []}], within_ms => 1000, expect => {error, any}}).

%% RFC 1034, 3.6.2, permits one. Which of them counts is not known.
several_cnames(Config) ->
    Two = fun(One, Other) ->
        [{cname, "y.test"}, {cname, "z.test"}, {"y.test", One}, {"z.test", Other}]
    end,
    check(Config, #{
        servers => [{by_type(Two(?A1, ?A2), Two(?AAAA1, ?AAAA1)), []}],
        expect => incomplete,
        otherwise => "a response with two CNAMEs for one name may not be whole"
    }).

%% The addresses of another name are among those of the name.
foreign_owners(Config) ->
    Foreign = {"other.test", {192, 0, 2, 66}},
    check(Config, #{
        servers => [{by_type([Foreign | ?A], ?AAAA), []}],
        expect => incomplete
    }).

zero_ttl(Config) ->
    Lines = [{line, "x 0 A 192.0.2.1"}, {line, "x 0 A 192.0.2.2"}, {line, "x 0 AAAA 2001:db8::1"}],
    check(Config, #{servers => [{{real, nsd, Lines}, []}], expect => complete}).

%% The order changes with each response, and repeated queries are usual.
changing_order(Config) ->
    Script = fun
        (#{type := a, number := 1} = Query) -> [answer([?A2, ?A1], Query)];
        (Query) -> [good(Query)]
    end,
    check(Config, #{servers => [{{raw, Script}, []}], turns => 2, expect => complete}).

nxdomain(Config) ->
    check(Config, #{
        name => "absent.test",
        servers => [{nsd(), []}],
        within_ms => 300,
        expect => {error, [nxdomain]}
    }).

no_data(Config) ->
    check(Config, #{
        servers => [{{real, nsd, [{line, "x TXT text"}]}, []}],
        within_ms => 300,
        expect => {error, [nxdomain]}
    }).

%% ---- resolvers as people run them, and resolv.conf

dnsmasq(Config) ->
    check(Config, #{servers => [{{real, dnsmasq, zone("x")}, []}], expect => complete}).

unbound(Config) ->
    check(Config, #{servers => [{{real, unbound, zone("x")}, []}], expect => complete}).

ipv6_server(Config) ->
    check(Config, #{
        servers => [{good(), [], #{address => {0, 0, 0, 0, 0, 0, 0, 1}}}], expect => complete
    }).

link_local_server(Config) ->
    check_system(Config, "", "nameserver fe80::53%veth\n", #{
        servers => [{good(), [], #{address => {0, 0, 0, 0, 0, 0, 0, 0}, port => 53}}],
        system => [],
        within_ms => 300,
        expect => complete
    }).

%% 0.0.0.0 is this host.
server_any_address(Config) ->
    check_system(Config, "", "nameserver 0.0.0.0\n", #{
        servers => [{good(), [], #{address => {127, 0, 0, 1}, port => 53}}],
        system => [],
        within_ms => 300,
        expect => complete
    }).

search_list(Config) ->
    check_system(Config, "search other.test test\n", #{
        name => "x",
        servers => [{by_name(?NAME), [], ?SYSTEM}],
        system => [],
        expect => complete
    }).

%% The server refuses what is not its own; the name itself does not exist.
search_candidate_refused(Config) ->
    Script = fun(#{name := Name} = Query) ->
        case lists:suffix("example", Name) of
            true -> [answer(refused, Query)];
            false -> [answer(nxdomain, Query)]
        end
    end,
    check_system(Config, "search corp.example\n", #{
        name => "absent.internal",
        servers => [{{raw, Script}, [], ?SYSTEM}],
        system => [],
        within_ms => 300,
        expect => {error, [nxdomain]}
    }).

%% ---- running a kind

check_system(Config, Options, Kind) ->
    check_system(Config, Options, "nameserver 127.0.0.53\n", Kind).

%% Both sides read this /etc/resolv.conf, in a VM of their own.
check_system(Config, Options, Servers, Kind) ->
    case proplists:get_value(no_vm, Config) of
        undefined ->
            Vm = vm(Servers ++ Options),
            try
                report(Config, bed_node:call(Vm, bed_differential, run, [whole(Kind)]))
            after
                bed_node:stop(Vm)
            end;
        Why ->
            {skip, Why}
    end.

%% Kinds that need no middle box need no rights either.
check(Config, #{servers := Servers} = Kind) ->
    Missing = [Program || {{real, Program, _}, _} <- Servers, not bed_dns_real:is_there(Program)],
    Rules = [Rule || Server <- Servers, Rule <- element(2, Server)],
    case {Missing, proplists:get_value(vm, Config), Rules} of
        {[Program | _], _, _} ->
            {skip, atom_to_list(Program) ++ " is not installed"};
        {[], undefined, []} ->
            report(Config, bed_differential:run(whole(Kind)));
        {[], undefined, _} ->
            {skip, proplists:get_value(no_vm, Config)};
        {[], Vm, _} ->
            report(Config, bed_node:call(Vm, bed_differential, run, [whole(Kind)]))
    end.

report(Config, #{problems := Problems} = Row) ->
    ok = bed_differential:write(file("rows"), proplists:get_value(kind, Config), Row),
    ?assertEqual([], Problems).
