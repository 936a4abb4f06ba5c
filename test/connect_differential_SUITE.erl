%% SPDX-License-Identifier: Apache-2.0
-module(connect_differential_SUITE).

%% Nodes whose host parts are resolved in different ways, one in each case:
%% net_kernel:connect_node/1 connects to the node, or does not, and so does barnacle in a single
%% refresh. What connect_node connects, barnacle connects too, within connect_timeout: with the
%% probe, without it, and where the strategy hosts asks the EPMD of that host. `make differential`
%% prints the table.
%%
%% All nodes run on one host in namespaces of its own (bed_island), with a real EPMD. Its DNS server
%% knows the zone test; queries for names below silent.test have no response.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2]).
-export([
    ipv4_literal/1, ipv4_short_literal/1, ipv6_literal/1, ipv6_long_literal/1,
    ipv4_mapped_literal/1, link_local_literal/1
]).
-export([
    hosts_file/1, hosts_file_ipv6/1, hosts_file_alias/1, hosts_file_in_capitals/1,
    hosts_file_dns_silent/1, name_in_capitals/1, underscore/1, dns/1, dns_cname/1, dns_ipv6/1,
    dns_underscore/1, final_dot/1, two_addresses/1, two_addresses_first_dead/1
]).
-export([
    short_name_localhost/1, short_name_hosts_file/1, short_name_search_list/1,
    short_name_own_host/1, own_host_name/1,
    below_localhost/1, below_localhost_ipv6/1, inet6_of_a_record/1, inet6_of_hosts_file/1
]).
-export([
    inetrc_host/1, inetrc_host_ipv6/1, inetrc_host_dns_silent/1, inetrc_nameserver/1,
    inetrc_search_list/1, inet_db_host/1
]).
-export([unknown_name/1, wrong_family/1]).

-define(HOSTNAME, "islandhost").
-define(EPMD_PORT, 4369).
-define(CONNECT_MS, 5000).
-define(WAYS, [with_probe, without_probe, by_hosts]).

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
    case bed_island:missing() of
        none ->
            ok = filelib:ensure_dir(file("rows")),
            _ = file:delete(file("rows")),
            Self = self(),
            {Pid, Monitor} = spawn_monitor(fun() -> world(Self) end),
            receive
                {Pid, Island} -> [{island, Island}, {world, Pid} | Config];
                {'DOWN', Monitor, process, Pid, Why} -> {fail, Why}
            end;
        Why ->
            {skip, Why}
    end.

%% What all cases share ends with this process.
world(Owner) ->
    Island = bed_island:start_link(#{
        hostname => ?HOSTNAME,
        hosts =>
            "127.0.0.1 localhost\n"
            "127.0.1.1 file.test alias.test under_file.test\n"
            "127.0.1.2 shortfile\n"
            "127.0.1.3 capitals.test\n"
            "127.0.1.4 In-Capitals.TEST\n"
            "127.0.1.5 file.silent.test\n"
            "fd00::99 file6.test\n",
        resolv_conf => "nameserver 127.0.0.53\nsearch test\n",
        nsswitch => "hosts: files myhostname dns\n"
    }),
    {Epmd, Args} = bed_island:exec(
        Island, {bed_epmd:program(), ["-port", integer_to_list(?EPMD_PORT)]}
    ),
    {ok, _} = bed_os:start_link(#{program => Epmd, args => Args}),
    Places = [{{127, 0, 0, 53}, fun main_script/1}, {{127, 0, 0, 54}, fun other_script/1}],
    [
        bed_proxy:start_link(#{
            at => {Address, 53},
            to => bed_dns_script:address(bed_dns_script:start_link(Script)),
            netns => bed_island:file(Island)
        })
     || {Address, Script} <- Places
    ],
    ok = bed_wait:until(epmd, fun() ->
        Netns = [{netns, bed_island:file(Island)}],
        case gen_tcp:connect({127, 0, 0, 1}, ?EPMD_PORT, Netns) of
            {ok, Socket} -> gen_tcp:close(Socket) =:= ok;
            Error -> Error
        end
    end),
    Owner ! {self(), Island},
    receive
        stop -> ok
    end.

main_script(#{name := Name, type := Type}) ->
    case {lists:suffix("silent.test", Name), Name, Type} of
        {true, _, _} -> drop;
        {_, "dns.test", a} -> [{127, 0, 2, 1}];
        {_, "under_dns.test", a} -> [{127, 0, 2, 2}];
        {_, "cname.test", a} -> [{cname, "dns.test"}, {"dns.test", {127, 0, 2, 1}}];
        {_, "cname.test", _} -> [{cname, "dns.test"}];
        {_, "dns6.test", aaaa} -> [{16#fd00, 0, 0, 0, 0, 0, 0, 16#99}];
        {_, "dns6.test", a} -> [];
        {_, "two.test", a} -> [{127, 0, 2, 3}, {127, 0, 2, 4}];
        {_, "twodead.test", a} -> [{127, 0, 2, 250}, {127, 0, 2, 5}];
        {_, "shortdns.test", a} -> [{127, 0, 2, 6}];
        {_, "dot.test", a} -> [{127, 0, 2, 7}];
        {_, "only-a.test", a} -> [{127, 0, 2, 8}];
        {_, "six-only.test", aaaa} -> [{16#fd00, 0, 0, 0, 0, 0, 0, 16#99}];
        {_, "six-only.test", a} -> [];
        {_, _, aaaa} -> known(Name);
        {_, _, _} -> nxdomain
    end.

known(Name) ->
    case lists:member(Name, ["dns.test", "under_dns.test", "two.test", "twodead.test",
        "shortdns.test", "dot.test", "only-a.test"]) of
        true -> [];
        false -> nxdomain
    end.

%% A server that only an inetrc file names.
other_script(#{name := "other.test", type := a}) -> [{127, 0, 3, 1}];
other_script(#{name := "shortother.example", type := a}) -> [{127, 0, 3, 2}];
other_script(#{name := Name}) when Name =:= "other.test"; Name =:= "shortother.example" -> [];
other_script(_) -> nxdomain.

end_per_suite(Config) ->
    World = proplists:get_value(world, Config),
    World ! stop,
    _ = bed_wait:gone(World),
    Rows =
        case file:read_file(file("rows")) of
            {ok, Text} -> lists:sort(string:lexemes(Text, "\n"));
            {error, enoent} -> []
        end,
    file:write_file(file("md"), [
        "| kind | node | inet:getaddr | ms | connect_node | ms | barnacle | ms "
        "| probe => false | ms | strategy hosts | ms | as required |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        [[Row, $\n] || Row <- Rows]
    ]).

init_per_testcase(Kind, Config) ->
    [{kind, Kind} | Config].

file(Extension) ->
    {ok, Dir} = file:get_cwd(),
    [Root | _] = string:split(Dir, "/_build/"),
    filename:join([Root, "_build", "differential", "connect." ++ Extension]).

%% ---- addresses

ipv4_literal(Config) ->
    check(Config, #{host => "127.0.4.1", address => {127, 0, 4, 1}}).

%% OTP reads 127.1025 as inet_aton does.
ipv4_short_literal(Config) ->
    check(Config, #{host => "127.1025", address => {127, 0, 4, 1}}).

ipv6_literal(Config) ->
    check(Config, #{host => "fd00::99", address => fd(), family => inet6}).

%% The same address, spelled in full.
ipv6_long_literal(Config) ->
    check(Config, #{host => "fd00:0:0:0:0:0:0:99", address => fd(), family => inet6}).

ipv4_mapped_literal(Config) ->
    check(Config, #{
        host => "::ffff:127.0.4.3", address => {0, 0, 0, 0, 0, 16#ffff, 16#7f00, 16#0403},
        family => inet6
    }).

%% OTP resolves the zone and does not connect.
link_local_literal(Config) ->
    check(Config, #{
        host => "fe80::2%lo",
        address => {0, 0, 0, 0, 0, 0, 0, 0},
        family => inet6,
        connects => false
    }).

fd() -> {16#fd00, 0, 0, 0, 0, 0, 0, 16#99}.

%% ---- the hosts file and DNS

hosts_file(Config) ->
    check(Config, #{host => "file.test", address => {127, 0, 1, 1}}).

hosts_file_ipv6(Config) ->
    check(Config, #{host => "file6.test", address => fd(), family => inet6}).

hosts_file_alias(Config) ->
    check(Config, #{host => "alias.test", address => {127, 0, 1, 1}}).

hosts_file_in_capitals(Config) ->
    check(Config, #{host => "in-capitals.test", address => {127, 0, 1, 4}}).

%% The strategy hosts derives a name in lower case, which is not that of the peer.
name_in_capitals(Config) ->
    check(Config, #{
        host => "CAPITALS.test",
        address => {127, 0, 1, 3},
        ways => [with_probe, without_probe]
    }).

hosts_file_dns_silent(Config) ->
    check(Config, #{host => "file.silent.test", address => {127, 0, 1, 5}}).

%% Names of containers have underscores.
underscore(Config) ->
    check(Config, #{host => "under_file.test", address => {127, 0, 1, 1}}).

dns(Config) ->
    check(Config, #{host => "dns.test", address => {127, 0, 2, 1}}).

dns_cname(Config) ->
    check(Config, #{host => "cname.test", address => {127, 0, 2, 1}}).

dns_underscore(Config) ->
    check(Config, #{host => "under_dns.test", address => {127, 0, 2, 2}}).

dns_ipv6(Config) ->
    check(Config, #{host => "dns6.test", address => fd(), family => inet6}).

final_dot(Config) ->
    check(Config, #{host => "dot.test.", address => {127, 0, 2, 7}}).

%% Nothing listens on the second address.
two_addresses(Config) ->
    check(Config, #{host => "two.test", address => {127, 0, 2, 3}}).

%% Nothing listens on the first one.
two_addresses_first_dead(Config) ->
    check(Config, #{host => "twodead.test", address => {127, 0, 2, 5}, connects => false}).

%% ---- short names, this host's names, families

short_name_localhost(Config) ->
    check(Config, #{host => "localhost", address => {127, 0, 0, 1}, longnames => false}).

short_name_hosts_file(Config) ->
    check(Config, #{host => "shortfile", address => {127, 0, 1, 2}, longnames => false}).

short_name_search_list(Config) ->
    check(Config, #{host => "shortdns", address => {127, 0, 2, 6}, longnames => false}).

%% Neither the hosts file nor DNS has the host's own name; NSS has (nss-myhostname).
short_name_own_host(Config) ->
    nss(Config, #{host => ?HOSTNAME, address => {127, 0, 0, 2}, longnames => false}).

own_host_name(Config) ->
    nss(Config, #{host => ?HOSTNAME ".localdomain.localhost", address => {127, 0, 0, 1}}).

below_localhost(Config) ->
    nss(Config, #{host => "app.localhost", address => {127, 0, 0, 1}}).

below_localhost_ipv6(Config) ->
    nss(Config, #{
        host => "app6.localhost", address => {0, 0, 0, 0, 0, 0, 0, 1}, family => inet6
    }).

%% Distribution over IPv6 where the name has an A record only.
inet6_of_a_record(Config) ->
    check(Config, #{
        host => "only-a.test",
        address => {0, 0, 0, 0, 0, 0, 0, 0},
        family => inet6,
        connects => false
    }).

inet6_of_hosts_file(Config) ->
    check(Config, #{
        host => "file.test",
        address => {0, 0, 0, 0, 0, 0, 0, 0},
        family => inet6,
        connects => false
    }).

nss(Config, Kind) ->
    Files = ["/usr/lib/*/libnss_myhostname.so.2", "/usr/lib/libnss_myhostname.so.2"],
    case lists:flatmap(fun filelib:wildcard/1, Files) of
        [] -> {skip, "libnss-myhostname is not installed"};
        _ -> check(Config, Kind)
    end.

%% ---- what only OTP knows

inetrc_host(Config) ->
    check(Config, #{
        host => "inetrc.example",
        address => {127, 0, 5, 1},
        inetrc => "{host, {127,0,5,1}, [\"inetrc.example\"]}.\n{lookup, [file, native]}.\n"
    }).

inetrc_host_ipv6(Config) ->
    check(Config, #{
        host => "inetrc6.example",
        address => fd(),
        family => inet6,
        inetrc =>
            "{host, {64768,0,0,0,0,0,0,153}, [\"inetrc6.example\"]}.\n"
            "{lookup, [file, native]}.\n"
    }).

inetrc_host_dns_silent(Config) ->
    check(Config, #{
        host => "inetrc.silent.test",
        address => {127, 0, 5, 2},
        inetrc => "{host, {127,0,5,2}, [\"inetrc.silent.test\"]}.\n{lookup, [file, native]}.\n"
    }).

inetrc_nameserver(Config) ->
    check(Config, #{
        host => "other.test",
        address => {127, 0, 3, 1},
        inetrc => "{resolv_conf, \"\"}.\n{nameserver, {127,0,0,54}}.\n{lookup, [dns]}.\n"
    }).

inetrc_search_list(Config) ->
    check(Config, #{
        host => "shortother",
        address => {127, 0, 3, 2},
        longnames => false,
        inetrc =>
            "{resolv_conf, \"\"}.\n{nameserver, {127,0,0,54}}.\n{search, [\"example\"]}.\n"
            "{lookup, [dns]}.\n"
    }).

inet_db_host(Config) ->
    check(Config, #{
        host => "added.example",
        address => {127, 0, 5, 3},
        calls => [
            {inet_db, add_host, [{127, 0, 5, 3}, ["added.example"]]},
            {inet_db, set_lookup, [[file, native]]}
        ]
    }).

%% ---- what neither connects

unknown_name(Config) ->
    check(Config, #{host => "absent.example", address => {127, 0, 6, 1}, connects => false}).

%% The name has an IPv6 address, and distribution speaks IPv4.
wrong_family(Config) ->
    check(Config, #{host => "six-only.test", address => {127, 0, 6, 2}, connects => false}).

%% ---- running a kind

%% host: that of the peer's name, which listens on address. family: of distribution. calls: what the
%% connecting node does before. connects: false if OTP does not connect either. ways: those of
%% barnacle that are comparable (all).
check(Config, #{host := Host, address := Address} = Kind) ->
    Name = atom_to_list(proplists:get_value(kind, Config)),
    Island = proplists:get_value(island, Config),
    Peer = "peer_" ++ Name,
    Shared = (maps:merge(#{longnames => true}, maps:with([longnames], Kind)))#{
        epmd_port => ?EPMD_PORT,
        exec => bed_island:exec(Island, {bed_os:find("erl"), []}),
        args => protocol(Kind)
    },
    {ok, _} = bed_node:start_link(Shared#{name => Peer, host => Host, address => Address}),
    {ok, Seeker} = bed_node:start_link(seeker(Name, Shared, Kind)),
    [_ = bed_node:call(Seeker, M, F, A) || {M, F, A} <- maps:get(calls, Kind, [])],
    Node = list_to_atom(Peer ++ "@" ++ Host),
    {Resolved, ResolvedMs} = bed_node:call(Seeker, bed_connecting, getaddr, [Host, family(Kind)]),
    {Otp, OtpMs} = bed_node:call(Seeker, bed_connecting, connect_node, [Node]),
    Ways = [
        {Way, bed_node:call(Seeker, bed_connecting, refresh, [Way, Node, ?CONNECT_MS])}
     || Way <- maps:get(ways, Kind, ?WAYS)
    ],
    Problems = problems(Otp, maps:get(connects, Kind, true), Ways),
    Row = [Name, atom_to_list(Node), text(Resolved), ms(ResolvedMs), text(Otp), ms(OtpMs)] ++
        lists:append([columns(lists:keyfind(Way, 1, Ways)) || Way <- ?WAYS]) ++
        [verdict(Problems)],
    ok = file:write_file(
        file("rows"), ["| ", lists:join(" | ", Row), " |\n"], [append]
    ),
    ?assertEqual([], Problems).

family(Kind) -> maps:get(family, Kind, inet).

%% global, and what waits for a message to be sent, would connect the two again.
protocol(#{family := inet6}) -> ["-proto_dist", "inet6_tcp" | protocol(#{})];
protocol(_) -> ["-connect_all", "false", "-kernel", "dist_auto_connect", "never"].

seeker(Name, Shared, Kind) ->
    Host =
        case Kind of
            #{longnames := false} -> "seekhost";
            #{} -> "seek.example"
        end,
    Shared#{name => "seek_" ++ Name, host => Host, address => any(Kind), env => inetrc(Kind)}.

any(#{family := inet6}) -> {0, 0, 0, 0, 0, 0, 0, 0};
any(_) -> {0, 0, 0, 0}.

inetrc(#{inetrc := Text}) ->
    File = filename:join(bed_os:temp_dir_link(), "inetrc"),
    ok = file:write_file(File, Text),
    [{"ERL_INETRC", File}];
inetrc(_) ->
    [].

%% OTP's own result is part of the kind, so that a case tests what its name says.
problems(Otp, Connects, Ways) ->
    ["connect_node gives " ++ text(Otp) || Otp =/= Connects] ++
        [
            lists:flatten(io_lib:format("~s: ~ts", [Way, text(short(Result))]))
         || {Way, {Result, _Ms}} <- Ways, Otp =:= true, Result =/= connected
        ] ++
        [
            lists:flatten(io_lib:format("~s took ~b ms", [Way, Ms]))
         || {Way, {_, Ms}} <- Ways, Ms > bed_long:stretched(?CONNECT_MS + 300)
        ].

columns({_Way, {Result, Ms}}) -> [text(short(Result)), ms(Ms)];
columns(false) -> ["-", "-"].

short({error, {connect_error, [{_Node, Why}]}}) -> Why;
short({error, {strategy_error, Why}}) -> Why;
short(Result) -> Result.

verdict([]) -> "yes";
verdict(Problems) -> ["NO: ", lists:join("; ", Problems)].

ms(Ms) -> integer_to_list(Ms).

text({ok, Address}) when is_tuple(Address) -> inet:ntoa(Address);
text({error, Why}) -> text(Why);
text(Term) -> lists:flatten(io_lib:format("~0tp", [Term])).
