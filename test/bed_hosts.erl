%% SPDX-License-Identifier: Apache-2.0
-module(bed_hosts).

%% Hosts with a node on each, and what can happen to them. Of several kinds, so that a story is
%% told once and reads the same:
%%
%% loopback: an address 127.A.B.C each, for which nobody needs rights. A proxy (bed_proxy) stands on
%%   the host's address before its node, and knows by the source address who comes. A dead host
%%   accepts connections and is silent; nodes have a fixed port and need no EPMD.
%% netns: a network namespace each (bed_netns), as root. A dead host drops its packets; each has a
%%   real EPMD on its usual port.
%%
%% netns6: the same with IPv6 addresses, and distribution over IPv6.
%%
%% A host that hangs is a node that is stopped, in all kinds: bed_node:suspend/1.

-export([missing/1, start_link/2, nodes/2, address/1, nameserver/2, die/1, refuse/1, slow/2]).
-export([silent_after/2, cut/2, heal/1, add_address/2]).

-export_type([kind/0, host/0]).

-type kind() :: loopback | netns | netns6.

-record(host, {
    kind :: kind(),
    address :: inet:ip_address(),
    control :: Proxy :: pid() | bed_netns:host(),
    gateway :: none | bed_netns:host(),
    node :: bed_node:options()
}).

-opaque host() :: #host{}.

-define(EPMD_PORT, 4369).
-define(DNS_PORT, 53).

%% Why there can be none of the kind here, if so.
-spec missing(kind()) -> none | string().
missing(loopback) -> none;
missing(_Netns) -> bed_netns:missing().

%% As many hosts, which end with the caller.
-spec start_link(kind(), pos_integer()) -> [host()].
start_link(loopback, Count) ->
    Port = bed_ports:port(),
    [loopback(Port) || _ <- lists:seq(1, Count)];
start_link(Kind, Count) ->
    Network = bed_netns:start_link(Count),
    [netns(Kind, Host, bed_netns:gateway(Network)) || Host <- bed_netns:hosts(Network)].

%% A node app@ADDRESS on each, with options for all; args are added to what the hosts need.
-spec nodes([host()], bed_node:options() | #{}) -> bed_nodes:nodes().
nodes(Hosts, Options) ->
    More = maps:get(args, Options, []),
    bed_nodes:start_link(maps:remove(args, Options), [
        Own#{args => maps:get(args, Own, []) ++ More}
     || #host{node = Own} <- Hosts
    ]).

-spec address(host()) -> inet:ip_address().
address(#host{address = Address}) ->
    Address.

%% Where nodes on such hosts reach a name server of the test VM's, as barnacle's option nameservers
%% has it; and the proxy on the way, for its weather.
-spec nameserver(host(), {inet:ip_address(), inet:port_number()}) -> {binary(), Proxy :: pid()}.
nameserver(#host{kind = loopback}, To) ->
    Address = bed_ports:address(),
    At = {Address, bed_ports:port(Address)},
    {text(At), bed_proxy:start_link(#{at => At, to => To})};
nameserver(#host{gateway = Gateway}, To) ->
    At = {bed_netns:address(Gateway), ?DNS_PORT},
    File = bed_netns:file(Gateway),
    {text(At), bed_proxy:start_link(#{at => At, to => To, netns => File})}.

%% Nothing comes from it any more.
-spec die(host()) -> ok.
die(#host{kind = loopback, control = Proxy}) -> bed_proxy:weather(Proxy, #{silent => true});
die(#host{control = Host}) -> bed_netns:drop(Host).

%% A second address in the same network. Namespaces only.
-spec add_address(host(), inet:ip4_address()) -> ok.
add_address(#host{control = Host}, Address) -> bed_netns:add_address(Host, Address).

%% It resets connections.
-spec refuse(host()) -> ok.
refuse(#host{kind = loopback, control = Proxy}) -> bed_proxy:weather(Proxy, #{reset => true});
refuse(#host{control = Host}) -> bed_netns:reject(Host).

%% All that comes to the host, and its answers, take so much longer. Loopback only: Linux delays
%% packets where it has netem, which not every kernel has.
-spec slow(host(), DelayMs :: non_neg_integer()) -> ok.
slow(#host{kind = loopback, control = Proxy}, DelayMs) ->
    bed_proxy:weather(Proxy, #{delay_ms => DelayMs}).

%% It dies for each connection that has passed so many bytes. Loopback only.
-spec silent_after(host(), Bytes :: non_neg_integer()) -> ok.
silent_after(#host{kind = loopback, control = Proxy}, Bytes) ->
    bed_proxy:weather(Proxy, #{silent_after => Bytes}).

%% None of the first reaches any of the second, nor the other way round; and nobody is told.
-spec cut([host()], [host()]) -> ok.
cut(Ones, Others) ->
    lists:foreach(fun({One, Other}) -> ok = cut_pair(One, Other) end, [
        {One, Other}
     || One <- Ones, Other <- Others
    ]).

%% All is well with them again.
-spec heal([host()]) -> ok.
heal(Hosts) ->
    Sources = [any | [Address || #host{address = Address} <- Hosts]],
    lists:foreach(
        fun
            (#host{kind = loopback, control = Proxy}) ->
                [ok = bed_proxy:weather(Proxy, Source, #{}) || Source <- Sources];
            (#host{control = Host}) ->
                ok = bed_netns:heal(Host)
        end,
        Hosts
    ).

cut_pair(#host{kind = loopback} = One, #host{kind = loopback} = Other) ->
    Silent = #{silent => true},
    ok = bed_proxy:weather(One#host.control, Other#host.address, Silent),
    bed_proxy:weather(Other#host.control, One#host.address, Silent);
cut_pair(#host{control = One}, #host{control = Other}) ->
    bed_netns:cut(One, Other).

loopback(Port) ->
    [Address, Behind] = bed_ports:addresses(2),
    Proxy = bed_proxy:start_link(#{at => {Address, Port}, to => {Behind, Port}}),
    #host{
        kind = loopback,
        address = Address,
        control = Proxy,
        gateway = none,
        node = #{
            name => "app",
            host => Address,
            address => Behind,
            fixed_port => Port,
            %% So that the others' proxies see who comes.
            args => [
                "-kernel", "inet_dist_connect_options",
                lists:flatten(io_lib:format("[{ip,~w}]", [Address]))
            ]
        }
    }.

netns(Kind, Host, Gateway) ->
    {Program, Args} = bed_netns:exec(Host, {bed_epmd:program(), ["-port", port_text()]}),
    {ok, _} = bed_os:start_link(#{program => Program, args => Args}),
    {Address, Args6} =
        case Kind of
            netns -> {bed_netns:address(Host), []};
            netns6 -> {bed_netns:address6(Host), ["-proto_dist", "inet6_tcp"]}
        end,
    ok = await_epmd(Host, bed_netns:address(Host)),
    #host{
        kind = Kind,
        address = Address,
        control = Host,
        gateway = Gateway,
        node = #{
            name => "app",
            host => Address,
            epmd_port => ?EPMD_PORT,
            args => Args6,
            exec => bed_netns:exec(Host, {bed_os:find("erl"), []})
        }
    }.

await_epmd(Host, Address) ->
    bed_wait:until(epmd, fun() ->
        case gen_tcp:connect(Address, ?EPMD_PORT, [{netns, bed_netns:file(Host)}]) of
            {ok, Socket} ->
                ok = gen_tcp:close(Socket),
                true;
            Error ->
                Error
        end
    end).

port_text() ->
    integer_to_list(?EPMD_PORT).

text({Address, Port}) ->
    iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]).
