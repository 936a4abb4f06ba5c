%% SPDX-License-Identifier: Apache-2.0
-module(bed_dns_raw).

%% A name server whose script sees the bytes of each query and gives the bytes of each response: for
%% responses that depend on EDNS (RFC 6891), on the transport, or on the time between two queries.
%% It listens on an address of either family. bed_dns_script is the server for everything else.

-behaviour(gen_server).

-export([start_link/2, place/1, answer/2, with_opt/2, rcode/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-export_type([query/0, action/0, script/0, options/0]).

%% edns: the query has an additional record. gap_ms: the time since the query before it, of any name
%% and type. number: counts the queries for the same name and type, from 1.
-type query() :: #{
    bytes := binary(),
    name := string(),
    type := atom(),
    edns := boolean(),
    transport := udp | tcp,
    number := pos_integer(),
    gap_ms := non_neg_integer() | infinity
}.

%% unless_asked: sent after that time if no other query arrived meanwhile. other_port,
%% other_address: sent over UDP from another port of the server's address, or from another address.
%% close: the server closes the TCP connection.
-type action() ::
    binary()
    | close
    | {later, Ms :: non_neg_integer(), binary()}
    | {unless_asked, Ms :: non_neg_integer(), binary()}
    | {other_port | other_address, binary()}.
-type script() :: fun((query()) -> [action()]).

%% Default: an address and a port that no other server has, UDP and TCP.
-type options() :: #{
    address => inet:ip_address(), port => inet:port_number(), tcp => boolean()
}.

-record(state, {
    place :: {inet:ip_address(), inet:port_number()},
    udp :: gen_udp:socket(),
    script :: script(),
    asked = #{} :: #{{string(), atom()} => pos_integer()},
    count = 0 :: non_neg_integer(),
    last_ms = none :: none | integer()
}).

%% Starts a server that ends with the caller.
-spec start_link(script(), options()) -> pid().
start_link(Script, Options) ->
    {ok, Server} = gen_server:start(?MODULE, {self(), Script, Options}, []),
    Server.

-spec place(pid()) -> {inet:ip_address(), inet:port_number()}.
place(Server) ->
    gen_server:call(Server, place, infinity).

%% The response that a good server gives: records, or [] for no data; or a response code.
-spec answer(bed_dns_message:reply(), query()) -> binary().
answer(Reply, #{bytes := Bytes, transport := Transport}) ->
    bed_dns_message:reply(Reply, Bytes, Transport).

%% A response with an OPT record, whose extended RCODE is that of Rcode.
-spec with_opt(Rcode :: 0..4095, binary()) -> binary().
with_opt(Rcode, Response) ->
    <<Head:10/binary, Additional:16, Rest/binary>> = rcode(Rcode band 15, Response),
    Opt = <<0, 41:16, 1232:16, (Rcode bsr 4), 0, 0:16, 0:16>>,
    <<Head/binary, (Additional + 1):16, Rest/binary, Opt/binary>>.

%% The same response with another RCODE.
-spec rcode(0..15, binary()) -> binary().
rcode(Rcode, <<Head:3/binary, Flags:4, _:4, Rest/binary>>) ->
    <<Head/binary, Flags:4, Rcode:4, Rest/binary>>.

-spec init({pid(), script(), options()}) -> {ok, #state{}}.
init({Owner, Script, Options}) ->
    process_flag(trap_exit, true),
    link(Owner),
    Address =
        case Options of
            #{address := Given} -> Given;
            #{} -> bed_ports:address()
        end,
    Port =
        case Options of
            #{port := Wanted} -> Wanted;
            #{} -> bed_ports:port(Address)
        end,
    Socket = [binary, family(Address), {active, true}, {ip, Address}],
    {ok, Udp} = gen_udp:open(Port, [{recbuf, 1 bsl 20} | Socket]),
    case maps:get(tcp, Options, true) of
        true ->
            {ok, Tcp} = gen_tcp:listen(Port, [{packet, 2}, {backlog, 128} | Socket]),
            Self = self(),
            _ = spawn_link(fun() -> accept(Tcp, Self) end);
        false ->
            ok
    end,
    {ok, #state{place = {Address, Port}, udp = Udp, script = Script}}.

-spec handle_call(place, gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(place, _From, #state{place = Place} = State) ->
    {reply, Place, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({udp, Udp, Address, Port, Bytes}, #state{udp = Udp} = State) ->
    {noreply, asked(Bytes, udp, {Udp, Address, Port}, State)};
handle_info({tcp, Socket, Bytes}, State) ->
    {noreply, asked(Bytes, tcp, Socket, State)};
handle_info({due, To, Bytes}, State) ->
    ok = send(To, Bytes),
    {noreply, State};
handle_info({due_unless_asked, Count, To, Bytes}, #state{count = Count} = State) ->
    ok = send(To, Bytes),
    {noreply, State};
handle_info({'EXIT', Pid, _}, State) when is_pid(Pid) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

accept(Listen, Server) ->
    case gen_tcp:accept(Listen) of
        {ok, Socket} ->
            _ = gen_tcp:controlling_process(Socket, Server),
            accept(Listen, Server);
        {error, closed} ->
            ok
    end.

asked(Bytes, Transport, From, #state{asked = Asked, count = Count, last_ms = LastMs} = State) ->
    case bed_dns_message:question(Bytes) of
        {ok, {Name, Type} = Same} ->
            NowMs = erlang:monotonic_time(millisecond),
            Number = maps:get(Same, Asked, 0) + 1,
            <<_:10/binary, Additional:16, _/binary>> = Bytes,
            Query = #{
                bytes => Bytes,
                name => Name,
                type => Type,
                edns => Additional > 0,
                transport => Transport,
                number => Number,
                gap_ms => gap(LastMs, NowMs)
            },
            Actions = (State#state.script)(Query),
            lists:foreach(fun(Action) -> act(Action, From, Count + 1) end, Actions),
            State#state{asked = Asked#{Same => Number}, count = Count + 1, last_ms = NowMs};
        error ->
            State
    end.

gap(none, _NowMs) -> infinity;
gap(LastMs, NowMs) -> NowMs - LastMs.

act(Bytes, From, _Count) when is_binary(Bytes) ->
    send(From, Bytes);
act(close, Socket, _Count) when is_port(Socket) ->
    gen_tcp:close(Socket);
act({later, Ms, Bytes}, From, _Count) ->
    erlang:send_after(Ms, self(), {due, From, Bytes});
act({unless_asked, Ms, Bytes}, From, Count) ->
    erlang:send_after(Ms, self(), {due_unless_asked, Count, From, Bytes});
act({other_port, Bytes}, {Udp, Address, Port}, _Count) ->
    {ok, {Own, _}} = inet:sockname(Udp),
    from({Own, 0}, {Address, Port}, Bytes);
act({other_address, Bytes}, {Udp, Address, Port}, _Count) ->
    {ok, {_, OwnPort}} = inet:sockname(Udp),
    from({bed_ports:address(), OwnPort}, {Address, Port}, Bytes).

%% The client can be gone by now.
send({Udp, Address, Port}, Bytes) ->
    _ = gen_udp:send(Udp, Address, Port, Bytes),
    ok;
send(Socket, Bytes) ->
    _ = gen_tcp:send(Socket, Bytes),
    ok.

from({Own, OwnPort}, To, Bytes) ->
    {ok, Socket} = gen_udp:open(OwnPort, [binary, {ip, Own}]),
    ok = gen_udp:send(Socket, To, Bytes),
    gen_udp:close(Socket).

family(Address) when tuple_size(Address) =:= 4 -> inet;
family(Address) when tuple_size(Address) =:= 8 -> inet6.
