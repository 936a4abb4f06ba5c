%% SPDX-License-Identifier: Apache-2.0
-module(bed_proxy).

%% A proxy for TCP and UDP on one address and port, and the weather on its way: delay, loss, resets,
%% and the silence of a connection of which only one end knows that it is dead.
%%
%% It listens in a network namespace of one's choice, and sends on from the test VM's own: so it is
%% also a bridge from hosts in namespaces (bed_netns) to servers of the test-bed.

-behaviour(gen_server).

-export([start_link/1, weather/2, weather/3, stop/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-export_type([options/0, weather/0]).

%% netns: the file of the namespace to listen in; the test VM's own without it.
-type options() :: #{
    at := {inet:ip_address(), inet:port_number()},
    to := {inet:ip_address(), inet:port_number()},
    netns => file:filename()
}.

%% delay_ms: of everything, in each direction. loss: the share of datagrams that are lost, 0 to 1
%% (TCP would make up for it). silent: nothing gets through, and nobody is told; connections are
%% still accepted, as by a host that hangs. silent_after: silent once a connection has passed so
%% many bytes, in both directions together. reset: connections are reset, the new ones too.
-type weather() :: #{
    delay_ms => non_neg_integer(),
    loss => float(),
    silent => boolean(),
    silent_after => non_neg_integer(),
    reset => boolean()
}.

-type source() :: any | inet:ip_address().

-record(state, {
    options :: options(),
    udp :: gen_udp:socket(),
    tcp :: gen_tcp:socket(),
    weather = #{} :: #{source() => weather()},
    connections = #{} :: #{pid() => inet:ip_address()},
    %% A socket for each who asks by UDP, so that an answer finds its way back.
    askers = #{} :: #{gen_udp:socket() => {inet:ip_address(), inet:port_number()}}
}).

%% Clients take a new port for each question, so a socket is kept no longer than any answer takes.
-define(ASKER_MS, 30000).

%% Starts a proxy, linked to the caller. The weather is fair.
-spec start_link(options()) -> pid().
start_link(Options) ->
    {ok, Proxy} = gen_server:start(?MODULE, {self(), Options}, []),
    Proxy.

%% The weather from now on, also for connections that there are; #{} is fair weather.
-spec weather(pid(), weather()) -> ok.
weather(Proxy, Weather) ->
    weather(Proxy, any, Weather).

%% The weather for those who come from this address; it counts before that for any.
-spec weather(pid(), source(), weather()) -> ok.
weather(Proxy, Source, Weather) ->
    gen_server:call(Proxy, {weather, Source, Weather}, infinity).

%% Closes everything.
-spec stop(pid()) -> ok.
stop(Proxy) ->
    gen_server:stop(Proxy, normal, infinity).

-spec init({pid(), options()}) -> {ok, #state{}}.
init({Owner, #{at := {Address, Port}} = Options}) ->
    process_flag(trap_exit, true),
    true = link(Owner),
    Netns = [{netns, File} || #{netns := File} <- [Options]],
    Place = [binary, {ip, Address}, family(Address) | Netns],
    {ok, Udp} = gen_udp:open(Port, [{active, true}, {recbuf, 1 bsl 20} | Place]),
    {ok, Tcp} = gen_tcp:listen(Port, [{active, false}, {backlog, 128}, {nodelay, true} | Place]),
    Self = self(),
    _ = spawn_link(fun() -> accept(Tcp, Self, Options) end),
    {ok, #state{options = Options, udp = Udp, tcp = Tcp}}.

-spec handle_call({weather, source(), weather()} | {join, inet:ip_address()}, gen_server:from(),
    #state{}) -> {reply, ok | weather(), #state{}}.
handle_call({weather, Source, Weather}, _From, #state{weather = Before} = State0) ->
    State = State0#state{weather = Before#{Source => Weather}},
    maps:foreach(
        fun(Connection, From) -> Connection ! {weather, weather_for(From, State)} end,
        State#state.connections
    ),
    {reply, ok, State};
handle_call({join, Source}, {Connection, _}, #state{connections = Connections} = State) ->
    _ = monitor(process, Connection),
    Joined = State#state{connections = Connections#{Connection => Source}},
    {reply, weather_for(Source, State), Joined}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {stop, normal, #state{}}.
handle_info({udp, Udp, Address, Port, Data}, #state{udp = Udp} = State0) ->
    {Socket, State} = asker({Address, Port}, State0),
    #state{options = #{to := To}} = State,
    {noreply, datagram(Address, {Socket, To, Data}, State)};
handle_info({udp, Socket, _, _, Data}, #state{udp = Udp, askers = Askers} = State) ->
    case Askers of
        #{Socket := {Address, _} = Asker} ->
            {noreply, datagram(Address, {Udp, Asker, Data}, State)};
        #{} ->
            {noreply, State}
    end;
handle_info({send, {Socket, To, Data}}, State) ->
    %% Who is not there, or no longer, is told nothing.
    _ = gen_udp:send(Socket, To, Data),
    {noreply, State};
handle_info({forget, Socket}, #state{askers = Askers} = State) ->
    ok = gen_udp:close(Socket),
    {noreply, State#state{askers = maps:remove(Socket, Askers)}};
handle_info({'DOWN', _, process, Pid, _}, #state{connections = Connections} = State) ->
    {noreply, State#state{connections = maps:remove(Pid, Connections)}};
handle_info({'EXIT', Pid, _}, State) when is_pid(Pid) ->
    {stop, normal, State};
handle_info(_, State) ->
    {noreply, State}.

%% Connections own their sockets and go with this process; see bed_proxy_tcp.
-spec terminate(term(), #state{}) -> ok.
terminate(_Reason, #state{udp = Udp, tcp = Tcp, connections = Connections}) ->
    maps:foreach(fun(Connection, _) -> exit(Connection, kill) end, Connections),
    ok = gen_udp:close(Udp),
    gen_tcp:close(Tcp).

accept(Listen, Proxy, #{to := To} = Options) ->
    case gen_tcp:accept(Listen) of
        {ok, Socket} ->
            bed_proxy_tcp:start(Socket, To, fun(Source) ->
                gen_server:call(Proxy, {join, Source}, infinity)
            end),
            accept(Listen, Proxy, Options);
        {error, closed} ->
            ok
    end.

asker(Asker, #state{askers = Askers, options = #{to := {To, _}}} = State) ->
    case [Socket || {Socket, Known} <- maps:to_list(Askers), Known =:= Asker] of
        [Socket] ->
            {Socket, State};
        [] ->
            {ok, Socket} = gen_udp:open(0, [binary, {active, true}, family(To)]),
            _ = erlang:send_after(?ASKER_MS, self(), {forget, Socket}),
            {Socket, State#state{askers = Askers#{Socket => Asker}}}
    end.

datagram(Source, Datagram, State) ->
    Weather = weather_for(Source, State),
    case is_lost(Weather) of
        true -> ok;
        false -> erlang:send_after(maps:get(delay_ms, Weather, 0), self(), {send, Datagram})
    end,
    State.

is_lost(#{silent := true}) -> true;
is_lost(#{reset := true}) -> true;
is_lost(#{loss := Share}) -> rand:uniform() < Share;
is_lost(#{}) -> false.

weather_for(Source, #state{weather = Weather}) ->
    maps:get(Source, Weather, maps:get(any, Weather, #{})).

family(Address) when tuple_size(Address) =:= 4 -> inet;
family(Address) when tuple_size(Address) =:= 8 -> inet6.
