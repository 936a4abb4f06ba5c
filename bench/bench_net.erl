%% SPDX-License-Identifier: Apache-2.0
-module(bench_net).

%% The benchmark's own servers, programs of C++ that run beside the VM: what they cost is nobody's
%% CPU time. All are linked to the caller.

-export([rtts_ms/0, rtt_text/1, name_server/2, silent/0, nameserver/1]).
-export([epmds/3, proxy/3, start/2, peer/1, peer/0]).

-type address() :: {inet:ip_address(), inet:port_number()}.

%% The round-trip times at which networks are measured.
-spec rtts_ms() -> [non_neg_integer()].
rtts_ms() ->
    [0, 1, 20, 100].

-spec rtt_text(non_neg_integer()) -> iodata().
rtt_text(RttMs) ->
    ["RTT ", integer_to_list(RttMs), " ms"].

%% A name server that gives every name so many A and AAAA records.
-spec name_server(DelayMs :: non_neg_integer(), Records :: non_neg_integer()) -> address().
name_server(DelayMs, Records) ->
    Address = bed_ports:address(),
    Port = bed_ports:port(Address),
    _ = start("name_server", [
        inet:ntoa(Address), integer_to_list(Port), us(DelayMs), integer_to_list(Records)
    ]),
    {Address, Port}.

%% One that takes questions and never answers.
-spec silent() -> address().
silent() ->
    Address = bed_ports:address(),
    {ok, Socket} = gen_udp:open(0, [{ip, Address}, {active, false}]),
    {ok, Port} = inet:port(Socket),
    {Address, Port}.

%% As barnacle's option nameservers has it.
-spec nameserver(address()) -> binary().
nameserver({Address, Port}) ->
    iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]).

%% EPMDs on many addresses of one port, of which some are dead and some hung.
-spec epmds(inet:port_number(), RttMs :: non_neg_integer(), #{
    live => [inet:ip_address()], dead => [inet:ip_address()], hung => [inet:ip_address()]
}) -> pid().
epmds(Port, RttMs, Hosts) ->
    Of = fun(Health) -> [inet:ntoa(Address) || Address <- maps:get(Health, Hosts, [])] end,
    %% One round trip for the connection, one for the request.
    start(
        "epmd_hosts",
        [integer_to_list(Port), us(2 * RttMs)] ++ Of(live) ++ ["dead" | Of(dead)] ++
            ["hung" | Of(hung)]
    ).

%% Proxies that make a network between FROM and TO, on one port.
-spec proxy(inet:port_number(), RttMs :: non_neg_integer(), [
    {From :: inet:ip_address(), To :: inet:ip_address()}
]) -> pid().
proxy(Port, RttMs, Ways) ->
    start("delay_proxy", [
        integer_to_list(Port), us(RttMs)
        | lists:append([[inet:ntoa(From), inet:ntoa(To)] || {From, To} <- Ways])
    ]).

%% One of the programs; ready when this returns.
-spec start(string(), [string()]) -> pid().
start(Name, Args) ->
    {ok, Program} = bed_os:start_link(#{program => program(Name), args => Args}),
    ok = bed_wait:until({started, Name}, fun() ->
        {State, Output} = bed_os:output(Program),
        State =:= running andalso binary:match(Output, <<"ready">>) =/= nomatch
    end),
    Program.

%% A VM of its own for measuring CPU time, whose schedulers don't spin while they have nothing
%% to do.
-spec peer() -> bed_node:name().
peer() ->
    peer(#{}).

-spec peer(#{atom() => term()}) -> bed_node:name().
peer(Options) ->
    Quiet = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"],
    Args = Quiet ++ maps:get(args, Options, []),
    {ok, Peer} = bed_node:start_link(maps:merge(#{alive => false}, Options#{args => Args})),
    Peer.

program(Name) ->
    filename:absname(filename:join("_build/bench/bin", Name)).

us(Ms) ->
    integer_to_list(1000 * Ms).
