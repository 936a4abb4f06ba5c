%% SPDX-License-Identifier: Apache-2.0
-module(bed_nonsense).

%% What a hostile server makes of a good message: bytes changed, lost, put in or doubled, lies about
%% lengths and counts, cut anywhere, or nothing of it at all; and in which pieces it is sent.

-export([mangle/2, pieces/2, random/0]).

-export_type([change/0]).

%% At is a position from the front, modulo what there is: any number fits any message.
-type change() ::
    {flip, At :: non_neg_integer(), Mask :: byte()}
    | {number, At :: non_neg_integer(), 0..65535}
    | {insert, At :: non_neg_integer(), binary()}
    | {drop, At :: non_neg_integer(), Bytes :: non_neg_integer()}
    | {double, At :: non_neg_integer(), Bytes :: non_neg_integer()}
    | {keep, Bytes :: non_neg_integer()}
    | {instead, binary()}.

-define(KINDS, [flip, number, insert, drop, double, keep, instead]).
-define(LONGEST, 600).
%% Where a DNS message has its counts.
-define(HEADER_BYTES, 12).

%% The message after all changes, one after another.
-spec mangle([change()], binary()) -> binary().
mangle(Changes, Message) ->
    lists:foldl(fun change/2, Message, Changes).

%% The message in pieces, cut at these positions.
-spec pieces([non_neg_integer()], binary()) -> [binary()].
pieces(Cuts, Message) ->
    Ends = lists:usort([Cut rem max(1, byte_size(Message)) || Cut <- Cuts] ++ [byte_size(Message)]),
    {Pieces, _} = lists:mapfoldl(
        fun(End, From) -> {binary:part(Message, From, End - From), End} end, 0, Ends
    ),
    [Piece || Piece <- Pieces, Piece =/= <<>>].

%% One change or a few, by the caller's random numbers.
-spec random() -> [change(), ...].
random() ->
    [random(one_of(?KINDS)) || _ <- lists:seq(1, rand:uniform(3))].

random(flip) -> {flip, position(), rand:uniform(255)};
random(number) -> {number, one_of([position(), rand:uniform(?HEADER_BYTES) - 1]), number()};
random(insert) -> {insert, position(), bytes()};
random(drop) -> {drop, position(), rand:uniform(20)};
random(double) -> {double, position(), rand:uniform(60)};
random(keep) -> {keep, position()};
random(instead) -> {instead, bytes()}.

position() -> rand:uniform(?LONGEST) - 1.

bytes() -> rand:bytes(rand:uniform(40) - 1).

number() -> one_of([0, 1, 255, 256, 65535, rand:uniform(65536) - 1]).

one_of(List) -> lists:nth(rand:uniform(length(List)), List).

change({flip, At, Mask}, Message) ->
    at(At, Message, fun(Before, <<Byte, Rest/binary>>) ->
        <<Before/binary, (Byte bxor Mask), Rest/binary>>
    end);
change({number, At, Number}, Message) ->
    at(At, Message, fun
        (Before, <<_:16, Rest/binary>>) -> <<Before/binary, Number:16, Rest/binary>>;
        (_, _) -> Message
    end);
change({insert, At, Bytes}, Message) ->
    at(At, Message, fun(Before, After) -> <<Before/binary, Bytes/binary, After/binary>> end);
change({drop, At, Count}, Message) ->
    at(At, Message, fun(Before, After) ->
        <<Before/binary, (binary:part(After, byte_size(After), -left(Count, After)))/binary>>
    end);
change({double, At, Count}, Message) ->
    at(At, Message, fun(Before, After) ->
        Again = binary:part(After, 0, min(Count, byte_size(After))),
        <<Before/binary, Again/binary, After/binary>>
    end);
change({keep, Count}, Message) ->
    binary:part(Message, 0, Count rem (byte_size(Message) + 1));
change({instead, Bytes}, _Message) ->
    Bytes.

left(Count, Bytes) -> max(0, byte_size(Bytes) - Count).

at(_At, <<>>, _Change) ->
    <<>>;
at(At, Message, Change) ->
    {Before, After} = split_binary(Message, At rem byte_size(Message)),
    Change(Before, After).
