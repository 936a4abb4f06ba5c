%% SPDX-License-Identifier: Apache-2.0
-module(bed_proxy_tcp).

%% One connection through bed_proxy: two sockets and what is under way between them.
%%
%% In silence nothing is read and nothing is sent, and that one end has closed is not told to the
%% other. When the silence is over all that comes to pass, in its order.

-export([start/3]).

-record(connection, {
    client :: gen_tcp:socket(),
    server :: gen_tcp:socket(),
    weather :: bed_proxy:weather(),
    %% In the order of their arrival.
    queue = queue:new() :: queue:queue({DueMs :: integer(), gen_tcp:socket(), binary() | close}),
    passed = 0 :: non_neg_integer()
}).

-define(CONNECT_MS, 60000).

%% Takes over a socket that the caller has accepted. Join tells the proxy of this process and gives
%% the weather; changes come as {weather, Weather}.
-spec start(gen_tcp:socket(), To, Join) -> ok when
    To :: {inet:ip_address(), inet:port_number()},
    Join :: fun((inet:ip_address()) -> bed_proxy:weather()).
start(Client, To, Join) ->
    Pid = spawn_link(fun() ->
        receive
            go -> begun(Client, To, Join)
        end
    end),
    ok = gen_tcp:controlling_process(Client, Pid),
    Pid ! go,
    ok.

begun(Client, To, Join) ->
    case inet:peername(Client) of
        {ok, {Source, _}} -> connect(Client, To, Join(Source));
        {error, _} -> gen_tcp:close(Client)
    end.

connect(Client, _To, #{reset := true}) ->
    reset(Client);
connect(Client, To, #{silent := true}) ->
    receive
        {weather, Weather} -> connect(Client, To, Weather)
    end;
connect(Client, {Address, Port}, Weather) ->
    case gen_tcp:connect(Address, Port, [binary, {active, false}, {nodelay, true}], ?CONNECT_MS) of
        {ok, Server} -> loop(#connection{client = Client, server = Server, weather = Weather});
        {error, _} -> reset(Client)
    end.

loop(#connection{weather = Weather, queue = Queue} = C) ->
    case {maps:get(silent, Weather, false), queue:peek(Queue)} of
        {true, _} ->
            wait(C, infinity);
        {false, empty} ->
            wait(listen(C), infinity);
        {false, {value, {DueMs, To, What}}} ->
            case DueMs - now_ms() of
                LeftMs when LeftMs > 0 -> wait(listen(C), LeftMs);
                _ -> pass(To, What, C#connection{queue = queue:drop(Queue)})
            end
    end.

wait(#connection{} = C, LimitMs) ->
    receive
        {tcp, From, Data} -> loop(arrived(From, Data, C));
        {tcp_closed, From} -> loop(arrived(From, close, C));
        {tcp_error, From, _} -> loop(arrived(From, close, C));
        {weather, #{reset := true}} -> reset(C#connection.client), reset(C#connection.server);
        {weather, Weather} -> loop(C#connection{weather = Weather})
    after LimitMs -> loop(C)
    end.

listen(#connection{client = Client, server = Server} = C) ->
    _ = inet:setopts(Client, [{active, once}]),
    _ = inet:setopts(Server, [{active, once}]),
    C.

arrived(From, What, #connection{queue = Queue, weather = Weather} = C) ->
    DueMs = now_ms() + maps:get(delay_ms, Weather, 0),
    C#connection{queue = queue:in({DueMs, other(From, C), What}, Queue)}.

pass(_To, close, C) ->
    ok = gen_tcp:close(C#connection.client),
    gen_tcp:close(C#connection.server);
pass(To, Data, #connection{passed = Passed, weather = Weather} = C) ->
    %% An end that is gone is heard of by its tcp_closed.
    _ = gen_tcp:send(To, Data),
    Sum = Passed + byte_size(Data),
    case Weather of
        #{silent_after := Limit} when Sum >= Limit ->
            loop(C#connection{passed = Sum, weather = #{silent => true}});
        #{} ->
            loop(C#connection{passed = Sum})
    end.

other(Client, #connection{client = Client, server = Server}) -> Server;
other(Server, #connection{client = Client, server = Server}) -> Client.

reset(Socket) ->
    _ = inet:setopts(Socket, [{linger, {true, 0}}]),
    gen_tcp:close(Socket).

now_ms() ->
    erlang:monotonic_time(millisecond).
