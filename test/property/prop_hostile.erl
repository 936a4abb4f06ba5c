%% SPDX-License-Identifier: Apache-2.0
-module(prop_hostile).

%% Servers that answer nonsense: whatever they send, and in whatever pieces, nothing comes out that
%% they did not say, no lookup outlasts its deadline, and nothing is left of it. FAULTS=long: ten
%% thousand exchanges and more.

-ifdef(PROPER).

-include_lib("proper/include/proper.hrl").

-export([prop_dns_gives_what_was_said/0, prop_epmd_names_are_those_that_were_said/0]).

%% Exchanges at the same time.
-define(AT_ONCE, 50).
-define(TIMEOUT_MS, 1000).
%% One exchange in so many must come to something.
-define(ONE_IN, 20).
%% For a machine that is busy with other things.
-define(SLACK_MS, 30000).
-define(SAID, <<"name app at port 9100\nname other at port 9101\nname third-1 at port 65535\n">>).
-define(EPMD_PORT, 4369).

prop_dns_gives_what_was_said() ->
    property(fun hostile_exchange:dns/2, dns()).

prop_epmd_names_are_those_that_were_said() ->
    property(fun hostile_exchange:epmd/2, epmd()).

property(Exchanges, Generator) ->
    Number = bed_long:either(4, 200),
    {ok, _} = application:ensure_all_started(barnacle),
    ok = hostile_exchange:prepare(),
    Count = counters:new(2, []),
    Property = ?FORALL(
        Scripts,
        %% What is left of one batch would be left for the next one too.
        noshrink(vector(?AT_ONCE, Generator)),
        begin
            {Failures, Successes} = Exchanges(Scripts, #{
                timeout_ms => ?TIMEOUT_MS, latest_ms => ?TIMEOUT_MS + ?SLACK_MS
            }),
            Left = hostile_exchange:left(),
            ok = counters:add(Count, 1, 1),
            ok = counters:add(Count, 2, Successes),
            ?WHENFAIL(
                io:format("~0tp~n~0tp~n", [Failures, Left]),
                Failures =:= [] andalso Left =:= [] andalso is_rich_enough(Number, Count)
            )
        end
    ),
    numtests(Number, Property).

%% Were there only errors, they would prove little.
is_rich_enough(Number, Count) ->
    Successes = counters:get(Count, 2),
    case counters:get(Count, 1) of
        Number ->
            io:format("~b exchanges, ~b gave something~n", [Number * ?AT_ONCE, Successes]),
            Successes * ?ONE_IN >= Number * ?AT_ONCE;
        _ ->
            true
    end.

%% What is said to each question: over UDP, then over TCP where that says that it is truncated.
dns() ->
    ?LET(
        {Records, Udp, Tcp},
        {records(), resize(3, list(datagram())), stream()},
        #{records => Records, udp => Udp, tcp => Tcp}
    ).

records() ->
    frequency([{6, resize(6, list(address()))}, {1, vector(40, address())}]).

address() ->
    oneof([
        {192, 0, 2, byte()},
        {16#2001, 16#db8, 0, 0, 0, 0, 0, range(0, 65535)},
        {cname, "alias.test"},
        {"alias.test", {198, 51, 100, byte()}}
    ]).

datagram() ->
    frequency([{3, {changes(), []}}, {2, {changes(), [truncated]}}, {1, {[], []}}]).

stream() ->
    ?LET(
        {Changes, Length, Cuts, Then},
        {
            frequency([{1, []}, {2, changes()}]),
            frequency([{3, right}, {1, range(0, 65535)}]),
            cuts(),
            oneof([close, hold, reset])
        },
        #{changes => Changes, length => Length, cuts => Cuts, then => Then}
    ).

epmd() ->
    ?LET(
        {Changes, Cuts, Then},
        {frequency([{1, []}, {4, changes()}]), cuts(), oneof([close, close, close, hold, reset])},
        #{said => <<?EPMD_PORT:32, ?SAID/binary>>, changes => Changes, cuts => Cuts, then => Then}
    ).

cuts() ->
    oneof([[], resize(8, list(position())), lists:seq(0, 120)]).

changes() ->
    ?LET(Count, range(1, 3), vector(Count, change())).

change() ->
    oneof([
        {flip, position(), range(1, 255)},
        {number, oneof([position(), range(0, 11)]), word()},
        {insert, position(), bytes()},
        {drop, position(), range(1, 20)},
        {double, position(), range(1, 60)},
        {keep, position()},
        {instead, bytes()}
    ]).

position() -> range(0, 700).

word() -> oneof([0, 1, 255, 256, 65535, range(0, 65535)]).

bytes() -> resize(40, binary()).

-endif.
