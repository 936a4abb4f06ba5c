%% SPDX-License-Identifier: Apache-2.0
-module(hostile_dns).

%% A name server for prop_hostile: each name has a script of its own, and what was said to whom is
%% kept. Over TCP it sends what it is told as it is, lengths included.

-ifdef(PROPER).

-export([start_link/2, nameserver/1, name/1, said/2, stop/1]).

-record(server, {pid :: pid(), nameserver :: binary(), said :: ets:table()}).

-define(TC_BIT, 16#02).
-define(HOLD_MS, 60000).

-spec start_link(inet:ip_address(), [map()]) -> #server{}.
start_link(Address, Scripts) ->
    Owner = self(),
    Ref = make_ref(),
    Said = ets:new(said, [public, duplicate_bag]),
    Pid = spawn_link(fun() ->
        process_flag(trap_exit, true),
        Port = bed_ports:port(Address),
        Common = [binary, {ip, Address}],
        {ok, Udp} = gen_udp:open(Port, [{active, true}, {recbuf, 1 bsl 20} | Common]),
        {ok, Tcp} = gen_tcp:listen(Port, [
            {active, false}, {packet, 2}, {backlog, 128}, {nodelay, true} | Common
        ]),
        World = {list_to_tuple(Scripts), Said},
        _ = spawn_link(fun() -> accept(Tcp, World) end),
        Text = iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]),
        Owner ! {Ref, Text},
        serve(Udp, World)
    end),
    receive
        {Ref, Text} -> #server{pid = Pid, nameserver = Text, said = Said}
    end.

-spec nameserver(#server{}) -> binary().
nameserver(#server{nameserver = Nameserver}) -> Nameserver.

%% The name whose questions the Nth script answers.
-spec name(pos_integer()) -> binary().
name(N) ->
    iolist_to_binary(["n", integer_to_list(N), ".test."]).

%% The questions for that name, each with a message that was sent to it.
-spec said(#server{}, pos_integer()) -> [{Query :: binary(), Message :: binary()}].
said(#server{said = Said}, N) ->
    [{Query, Message} || {_, Query, Message} <- ets:lookup(Said, N)].

-spec stop(#server{}) -> ok.
stop(#server{pid = Pid, said = Said}) ->
    true = is_process_alive(Pid),
    unlink(Pid),
    exit(Pid, shutdown),
    _ = bed_wait:gone(Pid),
    true = ets:delete(Said),
    ok.

serve(Udp, World) ->
    receive
        {udp, Udp, Address, Port, Query} ->
            _ = [gen_udp:send(Udp, Address, Port, Message) || Message <- udp(Query, World)],
            serve(Udp, World);
        {'EXIT', _, _} ->
            exit(shutdown)
    end.

udp(Query, World) ->
    case script(Query, World) of
        {N, #{records := Records, udp := Udp}} ->
            Messages = [
                bed_nonsense:mangle(Changes, flagged(Flags, good(Records, Query)))
             || {Changes, Flags} <- Udp
            ],
            ok = say(N, Query, Messages, World),
            Messages;
        none ->
            []
    end.

flagged([], Message) -> Message;
flagged([truncated], <<Id:16, Flags, Rest/binary>>) -> <<Id:16, (Flags bor ?TC_BIT), Rest/binary>>.

good(Records, <<_/binary>> = Query) ->
    {ok, {_, Type}} = bed_dns_message:question(Query),
    bed_dns_message:reply([R || R <- Records, fits(R, Type)], Query, tcp).

fits({cname, _}, _) -> true;
fits({Name, Record}, Type) when is_list(Name) -> fits(Record, Type);
fits(Address, a) -> tuple_size(Address) =:= 4;
fits(Address, aaaa) -> tuple_size(Address) =:= 8;
fits(_, _) -> false.

accept(Listen, World) ->
    {ok, Socket} = gen_tcp:accept(Listen),
    Pid = spawn_link(fun() ->
        receive
            go -> connection(Socket, World)
        end
    end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listen, World).

connection(Socket, World) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Query} ->
            ok = inet:setopts(Socket, [{packet, raw}]),
            answer(script(Query, World), Query, Socket, World);
        {error, _} ->
            gen_tcp:close(Socket)
    end.

answer({N, #{records := Records, tcp := Tcp}}, Query, Socket, World) ->
    #{changes := Changes, length := Length, cuts := Cuts, then := Then} = Tcp,
    Message = bed_nonsense:mangle(Changes, good(Records, Query)),
    Said =
        case Length of
            right -> byte_size(Message);
            _ -> Length
        end,
    %% Of a message that is longer than it says, what it says is the message.
    ok = say(N, Query, [binary:part(Message, 0, min(Said, byte_size(Message)))], World),
    Pieces = bed_nonsense:pieces(Cuts, <<Said:16, Message/binary>>),
    _ = lists:takewhile(fun(Piece) -> gen_tcp:send(Socket, Piece) =:= ok end, Pieces),
    'end'(Then, Socket);
answer(none, _Query, Socket, _World) ->
    gen_tcp:close(Socket).

'end'(close, Socket) ->
    gen_tcp:close(Socket);
'end'(hold, Socket) ->
    _ = gen_tcp:recv(Socket, 0, ?HOLD_MS),
    gen_tcp:close(Socket);
'end'(reset, Socket) ->
    ok = inet:setopts(Socket, [{linger, {true, 0}}]),
    gen_tcp:close(Socket).

%% It is kept before it is sent, or it might come out before it was said.
say(N, Query, Messages, {_, Said}) ->
    true = ets:insert(Said, [{N, Query, Message} || Message <- Messages]),
    ok.

script(Query, {Scripts, _}) ->
    case bed_dns_message:question(Query) of
        {ok, {"n" ++ Name, _}} ->
            [Number | _] = string:split(Name, "."),
            N = list_to_integer(Number),
            {N, element(N, Scripts)};
        _ ->
            none
    end.

-endif.
