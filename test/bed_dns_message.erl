%% SPDX-License-Identifier: Apache-2.0
-module(bed_dns_message).

%% DNS messages (RFC 1035) for the scripted name server: reading a question, writing a reply to
%% it, right or wrong on purpose. Encoded and decoded by OTP's inet_dns.

-export([question/1, reply/3]).

-export_type([reply/0, record/0]).

%% What a name server can do about a question. A list of records is a good answer, an empty one
%% 'no data'. An answer that is too long for UDP (512 bytes, RFC 1035, 4.2.1) says so with its TC
%% bit and carries nothing, as real servers do; {oversize, _} is sent as it is.
-type reply() ::
    [record()]
    | formerr
    | servfail
    | nxdomain
    | notimp
    | refused
    | drop
    %% TCP: closed without an answer. UDP: as drop.
    | close
    | {delay, Ms :: non_neg_integer(), reply()}
    %% Several messages, one after another.
    | {all, [reply()]}
    %% TC over UDP, whatever the length; over TCP the reply. And TC over both.
    | {truncated, reply()}
    | {always_truncated, reply()}
    | {oversize, [record()]}
    %% The reply, but to a question that was not asked.
    | {wrong_id, reply()}
    | {wrong_question, reply()}
    %% The reply, from another port of the same address; over UDP.
    | {other_port, reply()}
    | {bytes, binary()}
    %% The good reply with its bytes changed.
    | {mangled, [record()], fun((binary()) -> binary())}.

%% Of the name that was asked for, or of another one.
-type record() ::
    inet:ip_address() | {cname, Target :: string()} | {Name :: string(), record()}.

-define(UDP_BYTES, 512).
-define(TTL_S, 1).

%% The name (lower case, no dot at the end) and type of a message's one question.
-spec question(binary()) -> {ok, {string(), atom()}} | error.
question(Query) ->
    case inet_dns:decode(Query) of
        {ok, Message} ->
            case inet_dns:msg(Message, qdlist) of
                [Question] ->
                    Name = string:lowercase(inet_dns:dns_query(Question, domain)),
                    {ok, {Name, inet_dns:dns_query(Question, type)}};
                _ ->
                    error
            end;
        {error, _} ->
            error
    end.

%% The message that a server sends for a reply.
-spec reply(reply(), Query :: binary(), udp | tcp) -> binary().
reply({bytes, Bytes}, _Query, _Transport) ->
    Bytes;
reply({wrong_id, Reply}, Query, Transport) ->
    <<Id:16, Rest/binary>> = reply(Reply, Query, Transport),
    <<(Id bxor 16#5555):16, Rest/binary>>;
reply({wrong_question, Reply}, Query, Transport) ->
    {Id, Question} = parts(Query),
    Other = inet_dns:make_dns_query(Question, domain, "other.test"),
    reply(Reply, message(Id, Other, [], [{qr, false}]), Transport);
reply({truncated, _Reply}, Query, udp) ->
    answer([], [{tc, true}], Query);
reply({truncated, Reply}, Query, tcp) ->
    reply(Reply, Query, tcp);
reply({always_truncated, _Reply}, Query, _Transport) ->
    answer([], [{tc, true}], Query);
reply({oversize, Records}, Query, _Transport) ->
    answer(Records, [], Query);
reply({mangled, Records, Mangle}, Query, Transport) ->
    Mangle(reply(Records, Query, Transport));
reply(Records, Query, udp) when is_list(Records) ->
    case answer(Records, [], Query) of
        Message when byte_size(Message) =< ?UDP_BYTES -> Message;
        _ -> answer([], [{tc, true}], Query)
    end;
reply(Records, Query, tcp) when is_list(Records) ->
    answer(Records, [], Query);
reply(Rcode, Query, _Transport) ->
    answer([], [{rcode, rcode(Rcode)}], Query).

answer(Records, Header, Query) ->
    {Id, Question} = parts(Query),
    Name = inet_dns:dns_query(Question, domain),
    message(Id, Question, [record(Name, Record) || Record <- Records], Header).

message(Id, Question, Answers, Header) ->
    Default = [
        {id, Id}, {qr, true}, {opcode, query}, {aa, true}, {tc, false}, {rd, true}, {ra, true},
        {pr, false}, {rcode, 0}
    ],
    Changed = lists:foldl(
        fun({Key, _} = Pair, Pairs) -> lists:keyreplace(Key, 1, Pairs, Pair) end, Default, Header
    ),
    inet_dns:encode(
        inet_dns:make_msg([
            {header, inet_dns:make_header(Changed)}, {qdlist, [Question]}, {anlist, Answers}
        ])
    ).

parts(Query) ->
    {ok, Message} = inet_dns:decode(Query),
    [Question] = inet_dns:msg(Message, qdlist),
    {inet_dns:header(inet_dns:msg(Message, header), id), Question}.

record(_, {Name, Record}) when is_list(Name) ->
    record(Name, Record);
record(Name, {cname, Target}) ->
    resource(Name, cname, Target);
record(Name, Address) when tuple_size(Address) =:= 4 ->
    resource(Name, a, Address);
record(Name, Address) when tuple_size(Address) =:= 8 ->
    resource(Name, aaaa, Address).

resource(Name, Type, Data) ->
    inet_dns:make_rr([
        {domain, Name}, {class, in}, {type, Type}, {ttl, ?TTL_S}, {data, Data}
    ]).

rcode(formerr) -> 1;
rcode(servfail) -> 2;
rcode(nxdomain) -> 3;
rcode(notimp) -> 4;
rcode(refused) -> 5.
