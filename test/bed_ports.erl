%% SPDX-License-Identifier: Apache-2.0
-module(bed_ports).

%% Loopback addresses and ports that no other run of the test-bed on this machine uses.
%%
%% A run takes blocks 127.A.B.0/24 of its own. A block is held by a bound socket on its address
%% 127.A.B.254, so the operating system gives it back whatever becomes of this VM. Ports lie below
%% the range from which the system picks ports for outgoing connections.

-behaviour(gen_server).

-export([address/0, addresses/1, port/0, port/1, text/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-type address() :: {127, byte(), byte(), byte()}.

-define(LOCK_PORT, 19997).
-define(FIRST_PORT, 20000).
-define(LAST_PORT, 31999).
-define(LAST_HOST, 253).

%% A loopback address that is given out once only.
-spec address() -> address().
address() ->
    gen_server:call(server(), address, infinity).

%% As many such addresses.
-spec addresses(non_neg_integer()) -> [address()].
addresses(Count) ->
    [address() || _ <- lists:seq(1, Count)].

%% A port that is free on every IPv4 address, for TCP and UDP.
-spec port() -> inet:port_number().
port() ->
    port({0, 0, 0, 0}).

%% A port that is free on an address, for TCP and UDP.
-spec port(inet:ip_address()) -> inet:port_number().
port(Address) ->
    Port = ?FIRST_PORT + rand:uniform(?LAST_PORT - ?FIRST_PORT + 1) - 1,
    case is_free(Address, Port) of
        true -> Port;
        false -> port(Address)
    end.

%% An address as text.
-spec text(inet:ip_address()) -> string().
text(Address) ->
    inet:ntoa(Address).

%% One server a VM, for as long as the VM lives: it outlives the processes that ask it.
server() ->
    case gen_server:start({local, ?MODULE}, ?MODULE, [], []) of
        {ok, Pid} -> Pid;
        {error, {already_started, Pid}} -> Pid
    end.

-spec init([]) -> {ok, [address()]}.
init([]) ->
    {ok, []}.

-spec handle_call(address, gen_server:from(), [address()]) -> {reply, address(), [address()]}.
handle_call(address, From, []) ->
    handle_call(address, From, block());
handle_call(address, _From, [Address | Rest]) ->
    {reply, Address, Rest}.

-spec handle_cast(term(), [address()]) -> {noreply, [address()]}.
handle_cast(_, Addresses) ->
    {noreply, Addresses}.

block() ->
    %% Not 127.0: people's own services are there.
    A = rand:uniform(254),
    B = rand:uniform(256) - 1,
    case gen_udp:open(?LOCK_PORT, [{ip, {127, A, B, ?LAST_HOST + 1}}]) of
        {ok, _Lock} -> [{127, A, B, C} || C <- lists:seq(1, ?LAST_HOST)];
        {error, eaddrinuse} -> block()
    end.

is_free(Address, Port) ->
    Options = [{ip, Address}, family(Address)],
    case gen_udp:open(Port, Options) of
        {ok, Udp} ->
            ok = gen_udp:close(Udp),
            case gen_tcp:listen(Port, Options) of
                {ok, Tcp} ->
                    ok = gen_tcp:close(Tcp),
                    true;
                {error, _} ->
                    false
            end;
        {error, _} ->
            false
    end.

family(Address) when tuple_size(Address) =:= 4 -> inet;
family(Address) when tuple_size(Address) =:= 8 -> inet6.
