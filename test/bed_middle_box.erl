%% SPDX-License-Identifier: Apache-2.0
-module(bed_middle_box).

%% A middle box between resolvers and name servers: packet filter rules of nft, in the network
%% namespace of this VM. exec/1 starts a VM that has a namespace of its own, in which it runs
%% servers, resolvers and the filter. Takes root's rights. The namespace ends with its VM.

-export([missing/0, exec/1, filter/2]).

-export_type([place/0, rule/0]).

-type place() :: {inet:ip_address(), inet:port_number()}.

%% What happens to packets between the clients and one server:
%%
%% edns_dropped, edns_rejected: queries with an additional record; rejected by ICMP.
%% udp_dropped, tcp_dropped, udp_rejected: everything over that transport.
%% long_dropped: UDP responses of more than 512 bytes. fragments_dropped: responses in fragments.
%% burst_dropped: queries over UDP of which another one was less than 100 ms before.
%% fifth_dropped: each fifth query over UDP.
%% {type_dropped, Name, Type}: queries for that name and type.
-type rule() ::
    edns_dropped
    | edns_rejected
    | udp_dropped
    | udp_rejected
    | tcp_dropped
    | long_dropped
    | fragments_dropped
    | burst_dropped
    | fifth_dropped
    | {type_dropped, Name :: string(), Type :: 0..65535}.

%% lo has the size of an Ethernet frame, so that long datagrams travel in fragments; veth has the
%% link-local address fe80::53.
-define(SCRIPT,
    "ip link set lo mtu 1500 up"
    " && ip link add name veth type veth peer name peer"
    " && ip link set veth up && ip link set peer up"
    " && ip addr add fe80::53/64 dev veth nodad"
    " && ip addr add fd00::53/128 dev lo nodad"
    " && nft add table inet bed"
    " && nft 'add chain inet bed before { type filter hook prerouting priority -500; }'"
    " && nft 'add chain inet bed input { type filter hook input priority 0; }'"
    " && file=$(mktemp) && printf '%s' \"$1\" >\"$file\" && chmod 644 \"$file\""
    " && mount --bind \"$file\" /etc/resolv.conf && rm \"$file\" && shift && exec \"$@\""
).

%% Why there can be none here, if so.
-spec missing() -> none | string().
missing() ->
    Tools = ["nft", "ip", "unshare", "mount"],
    case {bed_os:is_root(), [Tool || Tool <- Tools, bed_os:find(Tool) =:= false]} of
        {false, _} ->
            "packet filters in a network namespace take root's rights";
        {true, [Tool | _]} ->
            Tool ++ " is not installed";
        {true, []} ->
            {Program, Args} = exec("", {"/bin/echo", ["yes"]}),
            Quoted = [[" '", string:replace(Arg, "'", "'\\''", all), "'"] || Arg <- Args],
            case os:cmd(lists:flatten([Program, Quoted])) of
                "yes\n" -> none;
                Output -> "no packet filter in a network namespace here: " ++ string:trim(Output)
            end
    end.

%% For bed_node's option exec: a VM in a namespace of its own, with this text as /etc/resolv.conf.
-spec exec(ResolvConf :: string()) -> {string(), [string()]}.
exec(ResolvConf) ->
    exec(ResolvConf, {bed_os:find("erl"), []}).

exec(ResolvConf, {Program, Args}) ->
    {bed_os:find("unshare"),
        ["--net", "--mount", "sh", "-e", "-c", ?SCRIPT, "sh", ResolvConf, Program | Args]}.

%% Puts a rule before a server. Called in the VM that is in the namespace.
-spec filter(rule(), place()) -> ok.
filter(Rule, {Ip, Port}) ->
    Address = io_lib:format("~s ~~s ~s", [family(Ip), inet:ntoa(Ip)]),
    To = io_lib:format(Address, ["daddr"]),
    From = io_lib:format(Address, ["saddr"]),
    Udp = io_lib:format("~s udp dport ~b", [To, Port]),
    lists:foreach(fun nft/1, nft_rules(Rule, #{
        udp => Udp,
        tcp => io_lib:format("~s tcp dport ~b", [To, Port]),
        response => io_lib:format("~s udp sport ~b", [From, Port]),
        from => From
    })).

%% Offsets are in bits, from the UDP header on: a DNS header (RFC 1035, 4.1.1) begins at 64 and its
%% count of additional records at 144.
nft_rules(edns_dropped, #{udp := Udp}) ->
    [["before ", Udp, " @th,144,16 > 0 drop"]];
nft_rules(edns_rejected, #{udp := Udp}) ->
    [["input ", Udp, " @th,144,16 > 0 reject"]];
nft_rules(udp_dropped, #{udp := Udp}) ->
    [["before ", Udp, " drop"]];
nft_rules(udp_rejected, #{udp := Udp}) ->
    [["input ", Udp, " reject with icmpx type admin-prohibited"]];
nft_rules(tcp_dropped, #{tcp := Tcp}) ->
    [["before ", Tcp, " drop"]];
nft_rules(long_dropped, #{response := Response}) ->
    [["before ", Response, " udp length > 520 drop"]];
nft_rules(fragments_dropped, #{from := From}) ->
    [["before ", From, " ip frag-off & 0x3fff != 0 drop"]];
nft_rules(burst_dropped, #{udp := Udp}) ->
    [["before ", Udp, " limit rate over 10/second burst 1 packets drop"]];
nft_rules(fifth_dropped, #{udp := Udp}) ->
    [["before ", Udp, " numgen inc mod 5 == 2 drop"]];
nft_rules({type_dropped, Name, Type}, #{udp := Udp}) ->
    Bits = 64 + 8 * (12 + length(Name) + 2),
    [["before ", Udp, io_lib:format(" @th,~b,16 == ~b drop", [Bits, Type])]].

nft(Rule) ->
    Command = lists:flatten(["nft 'add rule inet bed ", Rule, "'"]),
    case os:cmd(Command) of
        "" -> ok;
        Output -> error({Command, Output})
    end.

family(Ip) when tuple_size(Ip) =:= 4 -> "ip";
family(Ip) when tuple_size(Ip) =:= 8 -> "ip6".
