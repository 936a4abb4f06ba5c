%% SPDX-License-Identifier: Apache-2.0
-module(bed_epmd_entry).

%% An entry in an EPMD with no node behind it.

-export([register/3]).

-define(TIMEOUT_MS, 60000).

%% Codes of the EPMD protocol, "Register a Node in EPMD".
-define(ALIVE2_REQ, 120).
-define(ALIVE2_X_RESP, 118).
-define(HIDDEN, 72).

%% Registers a hidden node of that name and distribution port with the EPMD on 127.0.0.1. The entry
%% stays while the socket is open.
-spec register(string(), inet:port_number(), inet:port_number()) -> gen_tcp:socket().
register(Name, NodePort, EpmdPort) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, EpmdPort, [binary, {active, false}]),
    Text = list_to_binary(Name),
    Request =
        <<?ALIVE2_REQ, NodePort:16, ?HIDDEN, 0, 6:16, 5:16, (byte_size(Text)):16, Text/binary,
            0:16>>,
    ok = gen_tcp:send(Socket, [<<(byte_size(Request)):16>>, Request]),
    {ok, <<?ALIVE2_X_RESP, 0, _/binary>>} = gen_tcp:recv(Socket, 6, ?TIMEOUT_MS),
    Socket.
