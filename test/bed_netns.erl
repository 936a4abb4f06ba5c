%% SPDX-License-Identifier: Apache-2.0
-module(bed_netns).

%% Hosts as network namespaces, each with an address of its own on a common bridge: real hosts as
%% far as the network goes. Takes root's rights.
%%
%% The namespaces have no names and no files: each lives as long as the process that holds it, which
%% bed_os ends with this VM, and interfaces and packet filters go with their namespace. So two runs
%% may use the same addresses and never meet, and nothing is left of one that was killed.

-export([missing/0, start/1, start_link/1, stop/1, hosts/1, gateway/1]).
-export([address/1, address6/1, file/1, exec/2, drop/1, reject/1, cut/2, heal/1]).
-export([add_address/2]).

-export_type([network/0, host/0]).

-record(host, {holder :: pid(), pid :: pos_integer(), number :: 1..250 | gateway}).
-record(network, {gateway :: #host{}, hosts :: [#host{}]}).

-opaque network() :: #network{}.
-opaque host() :: #host{}.

-define(TOOLS, ["ip", "iptables", "ip6tables", "unshare", "nsenter", "sleep"]).
-define(GATEWAY_NUMBER, 254).

%% Why there can be no such hosts here, if so.
-spec missing() -> none | string().
missing() ->
    case {bed_os:is_root(), [Tool || Tool <- ?TOOLS, bed_os:find(Tool) =:= false]} of
        {false, _} ->
            "network namespaces take root's rights";
        {true, [Tool | _]} ->
            Tool ++ " is not installed";
        {true, []} ->
            Try =
                "unshare --net sh -c 'ip link add name br0 type bridge"
                " && ip link add name v0 type veth && iptables -w -A INPUT -j DROP' && echo yes",
            case os:cmd(Try) of
                "yes\n" -> none;
                Output -> "no network namespaces here: " ++ string:trim(Output)
            end
    end.

%% As many hosts; start/1 doesn't link them to the caller.
-spec start(1..250) -> network().
start(Count) ->
    start(Count, fun bed_os:start/1).

-spec start_link(1..250) -> network().
start_link(Count) ->
    start(Count, fun bed_os:start_link/1).

-spec stop(network()) -> ok.
stop(#network{gateway = Gateway, hosts = Hosts}) ->
    lists:foreach(fun(#host{holder = Holder}) -> ok = bed_os:stop(Holder) end, [Gateway | Hosts]).

-spec hosts(network()) -> [host()].
hosts(#network{hosts = Hosts}) ->
    Hosts.

%% The place of the bridge, where servers for all hosts may listen.
-spec gateway(network()) -> host().
gateway(#network{gateway = Gateway}) ->
    Gateway.

-spec address(host()) -> inet:ip4_address().
address(#host{number = gateway}) -> {10, 0, 0, ?GATEWAY_NUMBER};
address(#host{number = Number}) -> {10, 0, 0, Number}.

-spec address6(host()) -> inet:ip6_address().
address6(#host{} = Host) ->
    {_, _, _, Number} = address(Host),
    {16#fd00, 0, 0, 0, 0, 0, 0, Number}.

%% The file of the namespace, for the option netns of gen_tcp and gen_udp.
-spec file(host()) -> file:filename().
file(#host{pid = Pid}) ->
    "/proc/" ++ integer_to_list(Pid) ++ "/ns/net".

%% A program with its arguments, to be run on the host: for bed_os and bed_node.
-spec exec(host(), {string(), [string()]}) -> {string(), [string()]}.
exec(Host, {Program, Args}) ->
    {bed_os:find("nsenter"), ["--net=" ++ file(Host), Program | Args]}.

%% A host with one address more.
-spec add_address(host(), inet:ip4_address()) -> ok.
add_address(Host, Address) ->
    run(Host, [io_lib:format("ip addr add ~s/24 dev eth0\n", [inet:ntoa(Address)])]).

%% A dead host: what comes and what goes is dropped.
-spec drop(host()) -> ok.
drop(Host) ->
    filter(Host, ["-A INPUT ! -i lo -j DROP", "-A OUTPUT ! -o lo -j DROP"]).

%% A host that is there and refuses: each TCP segment is answered by a reset.
-spec reject(host()) -> ok.
reject(Host) ->
    filter(Host, ["-A INPUT ! -i lo -p tcp -j REJECT --reject-with tcp-reset"]).

%% Two hosts that cannot reach each other any more.
-spec cut(host(), host()) -> ok.
cut(One, Two) ->
    run(One, [
        io_lib:format("~s -w -A INPUT -s ~s -j DROP; ~s -w -A OUTPUT -d ~s -j DROP\n", [T, A, T, A])
     || {T, Address} <- [{"iptables", address(Two)}, {"ip6tables", address6(Two)}],
        A <- [inet:ntoa(Address)]
    ]).

%% A host that everybody reaches again.
-spec heal(host()) -> ok.
heal(Host) ->
    filter(Host, ["-F"]).

start(Count, Start) ->
    Gateway = hold(gateway, Start),
    Hosts = [hold(Number, Start) || Number <- lists:seq(1, Count)],
    ok = run(Gateway, [
        "ip link add name br0 type bridge\n",
        dress(Gateway, "br0"),
        [plug(Host) || Host <- Hosts]
    ]),
    [ok = run(Host, dress(Host, "eth0")) || Host <- Hosts],
    #network{gateway = Gateway, hosts = Hosts}.

hold(Number, Start) ->
    {ok, Holder} = Start(#{
        program => bed_os:find("unshare"),
        args => ["--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep infinity"]
    }),
    ok = bed_wait:until(namespace, fun() ->
        case bed_os:output(Holder) of
            {running, <<"ready", _/binary>>} -> true;
            Other -> Other
        end
    end),
    #host{holder = Holder, pid = bed_os:pid(Holder), number = Number}.

plug(#host{pid = Pid, number = Number}) ->
    io_lib:format(
        "ip link add name v~b type veth peer name eth0 netns ~b\n"
        "ip link set v~b master br0 up\n",
        [Number, Pid, Number]
    ).

dress(Host, Device) ->
    Addresses = [inet:ntoa(address(Host)), inet:ntoa(address6(Host))],
    [
        io_lib:format("ip addr add ~s/24 dev ~s\nip addr add ~s/64 dev ~s nodad\n",
            lists:append([[Address, Device] || Address <- Addresses])),
        io_lib:format("ip link set ~s up\n", [Device])
    ].

filter(Host, Rules) ->
    run(Host, [[Tool, " -w ", Rule, "\n"] || Tool <- ["iptables", "ip6tables"], Rule <- Rules]).

%% Runs the lines of a shell script on a host; all must succeed.
run(Host, Lines) ->
    {Program, Args} = exec(Host, {"/bin/sh", ["-e", "-c", lists:flatten(Lines)]}),
    Port = open_port({spawn_executable, Program}, [{args, Args}, exit_status, stderr_to_stdout]),
    ran(Port, []).

ran(Port, Output) ->
    receive
        {Port, {data, Data}} -> ran(Port, Output ++ Data);
        {Port, {exit_status, 0}} -> ok;
        {Port, {exit_status, Status}} -> error({exited, Status, Output})
    end.
