%% SPDX-License-Identifier: Apache-2.0
-module(bed_ports).

%% Loopback addresses and ports that no other run of the test-bed on this machine uses.
%%
%% A run takes blocks 127.A.B.0/24 of addresses and a range of ports of its own. Each is held by a
%% bound socket on an address that is not given out, so the operating system gives it back whatever
%% becomes of this VM. The ports lie below those that the system picks for outgoing connections.

-behaviour(gen_server).

-export([address/0, addresses/1, port/0, port/1, text/1]).
-export([init/1, handle_call/3, handle_cast/2]).

-type address() :: {127, byte(), byte(), byte()}.

-record(state, {addresses = [] :: [address()], ports :: [inet:port_number()]}).

-define(LOCK_PORT, 19997).
-define(LAST_HOST, 253).
-define(FIRST_PORT, 20000).
-define(LAST_PORT, 31999).
-define(RANGE, 200).
%% Outside of all blocks. A range is held by its first port there.
-define(LOCK_ADDRESS, {127, 255, 255, 254}).

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

%% A port that is free on an address, for TCP and UDP; it is not given out again for long.
-spec port(inet:ip_address()) -> inet:port_number().
port(Address) ->
    gen_server:call(server(), {port, Address}, infinity).

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

-spec init([]) -> {ok, #state{}}.
init([]) ->
    InAnyOrder = lists:sort([
        {rand:uniform(), First} || First <- lists:seq(?FIRST_PORT, ?LAST_PORT, ?RANGE)
    ]),
    {ok, #state{ports = range([First || {_, First} <- InAnyOrder])}}.

-spec handle_call(address | {port, inet:ip_address()}, gen_server:from(), #state{}) ->
    {reply, address() | inet:port_number(), #state{}}.
handle_call(address, From, #state{addresses = []} = State) ->
    handle_call(address, From, State#state{addresses = block()});
handle_call(address, _From, #state{addresses = [Address | Rest]} = State) ->
    {reply, Address, State#state{addresses = Rest}};
handle_call({port, Address}, _From, #state{ports = Ports} = State) ->
    {Taken, [Port | Rest]} = lists:splitwith(fun(P) -> not is_free(Address, P) end, Ports),
    {reply, Port, State#state{ports = Rest ++ Taken ++ [Port]}}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

block() ->
    %% Not 127.0: people's own services are there.
    A = rand:uniform(254),
    B = rand:uniform(256) - 1,
    case gen_udp:open(?LOCK_PORT, [{ip, {127, A, B, ?LAST_HOST + 1}}]) of
        {ok, _Lock} -> [{127, A, B, C} || C <- lists:seq(1, ?LAST_HOST)];
        {error, eaddrinuse} -> block()
    end.

range([First | Others]) ->
    case gen_udp:open(First, [{ip, ?LOCK_ADDRESS}]) of
        {ok, _Lock} -> lists:seq(First + 1, First + ?RANGE - 1);
        {error, eaddrinuse} -> range(Others)
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
