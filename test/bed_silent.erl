%% SPDX-License-Identifier: Apache-2.0
-module(bed_silent).

%% A name server that says nothing, and the request of the core that waits for it.

-export([server/1, nameserver/1, request/2]).

%% What the function gives, called with the server's socket.
-spec server(fun((gen_udp:socket()) -> Result)) -> Result.
server(Test) ->
    {ok, Server} = gen_udp:open(0, [{active, false}, {ip, {127, 0, 0, 1}}]),
    try
        Test(Server)
    after
        gen_udp:close(Server)
    end.

%% As options have it.
-spec nameserver(gen_udp:socket()) -> binary().
nameserver(Server) ->
    {ok, Port} = inet:port(Server),
    iolist_to_binary(["127.0.0.1:", integer_to_list(Port)]).

-spec request(gen_udp:socket(), pos_integer()) -> term().
request(Server, TimeoutMs) ->
    {dns, #{
        name => <<"host.example.">>,
        timeout_ms => TimeoutMs,
        grace_ms => TimeoutMs,
        families => both,
        nameservers => [nameserver(Server)],
        max_addresses => 4096,
        truncated => []
    }}.
