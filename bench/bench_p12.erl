%% SPDX-License-Identifier: Apache-2.0
-module(bench_p12).

%% P12: many nodes that start at once, until every node sees every other one, and the connections
%% that are lost meanwhile; beside nodes that connect one after the other.

-export([run/0, formed/2, formed/3]).
-export([begin_to_form/3, await_whole/1, seen/0]).

-type how() :: barnacle | one_by_one.
-type formed() :: #{ms := float() | never, lost := [{Reason :: term(), pos_integer()}]}.

-define(SIZES, [60, 120, 200]).
-define(LIMIT_MS, 120000).
%% A poll interval: what barnacle does once all nodes are connected counts too.
-define(AFTERWARDS_MS, 5000).

-spec run() -> bench_result:result().
run() ->
    Measured = [
        {Count, How, formed(Count, How)}
     || Count <- sizes(), How <- [barnacle, one_by_one]
    ],
    #{
        id => p12,
        title => <<"Many nodes that start at once, until every node sees every other one">>,
        plot => <<"ms">>,
        rows => [
            bench_result:row(nodes_text(Count), how_text(How), "ms", [limited(Formed)])
         || {Count, How, Formed} <- Measured
        ],
        figures => lists:append([figures(Count, Measured) || Count <- sizes()])
    }.

%% NODES="60 200" in the environment, or 60, 120 and 200.
sizes() ->
    case os:getenv("NODES") of
        false -> ?SIZES;
        Text -> [list_to_integer(Size) || Size <- string:lexemes(Text, " ")]
    end.

figures(Count, Measured) ->
    [Ours, OneByOne] = [Formed || {C, _, Formed} <- Measured, C =:= Count],
    Text = nodes_text(Count),
    [
        bench_result:at_most(
            ["time ÷ one after the other, ", Text], 1.0, {limited(Ours) / limited(OneByOne), " ×"}
        ),
        bench_result:note(["time, ", Text], {limited(Ours), " ms"}),
        bench_result:note(["time one after the other, ", Text], {limited(OneByOne), " ms"}),
        bench_result:at_most(["connections lost (nodedown), ", Text], 0, {lost(Ours), ""}),
        bench_result:note(
            ["connections lost one after the other, ", Text], {lost(OneByOne), ""}
        )
    ].

nodes_text(Count) -> [integer_to_list(Count), " nodes"].

how_text(barnacle) -> "barnacle";
how_text(one_by_one) -> "one after the other".

limited(#{ms := never}) -> ?LIMIT_MS;
limited(#{ms := Ms}) -> Ms.

lost(#{lost := Lost}) ->
    lists:sum([Count || {_, Count} <- Lost]).

%% Nodes with one scheduler each, on one port of different loopback addresses, with OTP's defaults:
%% global connects every node to every other one, and its guard is on. All have booted before they
%% begin.
-spec formed(pos_integer(), how()) -> formed().
formed(Count, How) ->
    formed(Count, How, #{}).

%% The same with options for barnacle.
-spec formed(pos_integer(), how(), map()) -> formed().
formed(Count, How, Options) ->
    Addresses = bed_ports:addresses(Count),
    Dns = bed_dns_script:start_link([{'_', a, Addresses}, {'_', aaaa, []}]),
    Common = #{
        name => "app",
        fixed_port => bed_ports:port(),
        args => ["+S", "1:1", "+sbwt", "none", "-kernel", "logger_level", "emergency"]
    },
    Nodes = bed_nodes:start_link(Common, [#{host => Address} || Address <- Addresses]),
    Names = lists:sort([bed_node:name(Node) || Node <- Nodes]),
    Given =
        case How of
            one_by_one -> Names;
            barnacle -> maps:merge(bed_story:dns(bed_dns_script:nameserver(Dns), #{}), Options)
        end,
    StartUs = os:system_time(microsecond),
    Begun = bed_nodes:each(Nodes, ?MODULE, begin_to_form, [How, Given, Count - 1]),
    [{ok, _} = Result || Result <- Begun],
    Ms = whole_ms(Nodes, StartUs, now_ms() + ?LIMIT_MS),
    Ms =:= never orelse timer:sleep(?AFTERWARDS_MS),
    Seen = bed_nodes:each(Nodes, ?MODULE, seen, []),
    Lost = lists:append([Reasons || #{lost := Reasons} <- Seen]),
    ok = bed_nodes:stop(Nodes),
    ok = bed_dns_script:stop(Dns),
    #{ms => Ms, lost => counted(Lost)}.

%% Until the last node sees all others, while those that saw them before still do.
whole_ms(Nodes, StartUs, DeadlineMs) ->
    case DeadlineMs - now_ms() of
        LeftMs when LeftMs =< 0 ->
            never;
        LeftMs ->
            _ = bed_nodes:at_once(
                fun(Node) ->
                    bed_node:call(Node, ?MODULE, await_whole, [LeftMs], LeftMs + ?LIMIT_MS)
                end,
                Nodes
            ),
            Since = [SinceUs || #{since_us := SinceUs} <- bed_nodes:each(Nodes, ?MODULE, seen, [])],
            case lists:member(none, Since) of
                true -> whole_ms(Nodes, StartUs, DeadlineMs);
                false -> (lists:max(Since) - StartUs) / 1000
            end
    end.

counted(Reasons) ->
    maps:to_list(lists:foldl(fun count/2, #{}, Reasons)).

count(Reason, Counts) ->
    maps:update_with(Reason, fun(Count) -> Count + 1 end, 1, Counts).

now_ms() ->
    erlang:monotonic_time(millisecond).

%% ---- in the nodes ----

%% Given: options of barnacle, or the names of all nodes. Wanted: how many others there are.
-spec begin_to_form(how(), map() | [node()], Wanted :: pos_integer()) -> {ok, pid()}.
begin_to_form(How, Given, Wanted) ->
    Caller = self(),
    Watcher = spawn(fun() ->
        true = register(?MODULE, self()),
        ok = net_kernel:monitor_nodes(true, [nodedown_reason]),
        Caller ! {self(), watching},
        watch(#{lost => [], waiting => [], since_us => none, wanted => Wanted})
    end),
    receive
        {Watcher, watching} -> ok
    end,
    connect(How, Given).

connect(barnacle, Options) ->
    bed_member:start(Options);
connect(one_by_one, Names) ->
    {ok, spawn(fun() -> one_by_one(Names -- [node()]) end)}.

one_by_one([]) ->
    ok;
one_by_one(Missing) ->
    _ = bench_field:connect_one_by_one(Missing),
    one_by_one(Missing -- nodes()).

%% Returns once the node sees all others, or when the time is over.
-spec await_whole(pos_integer()) -> ok.
await_whole(TimeoutMs) ->
    Monitor = monitor(process, ?MODULE),
    ?MODULE ! {await, self(), Monitor},
    receive
        {Monitor, whole} -> true = demonitor(Monitor, [flush])
    after TimeoutMs -> true
    end,
    ok.

%% Since when the node sees all others, and why it lost connections.
-spec seen() -> #{since_us := none | integer(), lost := [term()]}.
seen() ->
    ?MODULE ! {seen, self()},
    receive
        {seen, Seen} -> Seen
    end.

watch(#{lost := Lost, waiting := Waiting} = State) ->
    receive
        {nodeup, _, _} -> watch(looked(State));
        {nodedown, _, [{nodedown_reason, Why}]} -> watch(looked(State#{lost := [Why | Lost]}));
        {await, Pid, Ref} -> watch(looked(State#{waiting := [{Pid, Ref} | Waiting]}));
        {seen, Pid} -> Pid ! {seen, maps:with([since_us, lost], State)}, watch(State)
    end.

looked(#{wanted := Wanted, waiting := Waiting, since_us := SinceUs} = State) ->
    case {length(nodes()) >= Wanted, SinceUs} of
        {true, none} ->
            _ = [Pid ! {Ref, whole} || {Pid, Ref} <- Waiting],
            State#{waiting := [], since_us := os:system_time(microsecond)};
        {true, _} ->
            _ = [Pid ! {Ref, whole} || {Pid, Ref} <- Waiting],
            State#{waiting := []};
        {false, _} ->
            State#{since_us := none}
    end.
