%% SPDX-License-Identifier: Apache-2.0
-module(bed_hosts).

%% Hosts with a node on each, and what can happen to them. Of two kinds, so that a story is told
%% once and reads the same:
%%
%% loopback: an address 127.A.B.C each, for which nobody needs rights. A proxy (bed_proxy) stands on
%%   the host's address before its node, and knows by the source address who comes. A dead host
%%   accepts connections and is silent; nodes have a fixed port and need no EPMD.
%% netns: a network namespace each (bed_netns), as root. A dead host drops its packets; each has a
%%   real EPMD on its usual port.
%%
%% A host that hangs is a node that is stopped, in both kinds: bed_node:suspend/1.

-export([missing/1, start_link/2, nodes/2, address/1, server/3, die/1, refuse/1, slow/2]).
-export([silent_after/2, cut/2, heal/1]).

-export_type([kind/0, host/0]).

-type kind() :: loopback | netns.

-record(host, {
    kind :: kind(),
    address :: inet:ip4_address(),
    control :: Proxy :: pid() | bed_netns:host(),
    gateway :: none | bed_netns:host(),
    node :: bed_node:options()
}).

-opaque host() :: #host{}.

-define(EPMD_PORT, 4369).

%% Why there can be none of the kind here, if so.
-spec missing(kind()) -> none | string().
missing(loopback) -> none;
missing(netns) -> bed_netns:missing().

%% As many hosts, which end with the caller.
-spec start_link(kind(), pos_integer()) -> [host()].
start_link(loopback, Count) ->
    Port = bed_ports:port(),
    [loopback(Port) || _ <- lists:seq(1, Count)];
start_link(netns, Count) ->
    Network = bed_netns:start_link(Count),
    [netns(Host, bed_netns:gateway(Network)) || Host <- bed_netns:hosts(Network)].

%% A node app@ADDRESS on each, with options for all; args are added to what the hosts need.
-spec nodes([host()], bed_node:options() | #{}) -> bed_nodes:nodes().
nodes(Hosts, Options) ->
    More = maps:get(args, Options, []),
    bed_nodes:start_link(maps:remove(args, Options), [
        Own#{args => maps:get(args, Own, []) ++ More}
     || #host{node = Own} <- Hosts
    ]).

-spec address(host()) -> inet:ip4_address().
address(#host{address = Address}) ->
    Address.

%% Where nodes on such a host reach a server of the test VM's, as barnacle's option nameservers has
%% it; and the proxy in between, if any, for its weather.
-spec server(host(), inet:port_number(), {inet:ip_address(), inet:port_number()}) ->
    {binary(), pid() | none}.
server(#host{kind = loopback}, _Port, To) ->
    {text(To), none};
server(#host{gateway = Gateway}, Port, To) ->
    At = {bed_netns:address(Gateway), Port},
    Proxy = bed_proxy:start_link(#{at => At, to => To, netns => bed_netns:file(Gateway)}),
    {text(At), Proxy}.

%% Nothing comes from it any more.
-spec die(host()) -> ok.
die(#host{kind = loopback, control = Proxy}) -> bed_proxy:weather(Proxy, #{silent => true});
die(#host{kind = netns, control = Host}) -> bed_netns:drop(Host).

%% It resets connections.
-spec refuse(host()) -> ok.
refuse(#host{kind = loopback, control = Proxy}) -> bed_proxy:weather(Proxy, #{reset => true});
refuse(#host{kind = netns, control = Host}) -> bed_netns:reject(Host).

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
            (#host{kind = netns, control = Host}) ->
                ok = bed_netns:heal(Host)
        end,
        Hosts
    ).

cut_pair(#host{kind = loopback} = One, #host{kind = loopback} = Other) ->
    Silent = #{silent => true},
    ok = bed_proxy:weather(One#host.control, Other#host.address, Silent),
    bed_proxy:weather(Other#host.control, One#host.address, Silent);
cut_pair(#host{kind = netns, control = One}, #host{kind = netns, control = Other}) ->
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

netns(Host, Gateway) ->
    {Program, Args} = bed_netns:exec(Host, {bed_epmd:program(), ["-port", port_text()]}),
    {ok, _} = bed_os:start_link(#{program => Program, args => Args}),
    Address = bed_netns:address(Host),
    ok = await_epmd(Host, Address),
    #host{
        kind = netns,
        address = Address,
        control = Host,
        gateway = Gateway,
        node = #{
            name => "app",
            host => Address,
            epmd_port => ?EPMD_PORT,
            exec => bed_netns:exec(Host, {filename:join(code:root_dir(), "bin/erl"), []})
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
