%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_log_SUITE).

%% What a person reads in the log, in status and in print/1 of real nodes: connections that come and
%% go between two polls, listeners that end, keys that have no effect, what functions should return.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    comes_and_goes_between_polls/1,
    a_storm_leaves_nothing_out/1,
    events_of_connections/1,
    hidden_nodes_are_not_counted/1,
    listeners_that_receive_nothing/1,
    listener_on_a_node_that_was_left/1,
    misplaced_keys/1,
    bad_returns/1,
    name_server_that_is_not_there/1,
    in_elixir/1
]).

%% Called in the nodes.
-export([flap/2, die/0, listen/1, listens/0, returns/1]).

-define(HOUR_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        comes_and_goes_between_polls,
        a_storm_leaves_nothing_out,
        events_of_connections,
        hidden_nodes_are_not_counted,
        listeners_that_receive_nothing,
        listener_on_a_node_that_was_left,
        misplaced_keys,
        bad_returns,
        name_server_that_is_not_there,
        in_elixir
    ].

%% The next poll is an hour away, so nothing but the change itself can write a line.
comes_and_goes_between_polls(_) ->
    [First, Dies, Leaves] = Nodes = hosts(3),
    ok = bed_node:call(First, bed_log, watch, []),
    ok = bed_node:call(Leaves, bed_log, watch, []),
    %% A connection that is there before the server starts is none that it logs.
    [ok = bed_story:members([Node], seldom(bed_story:names(Nodes))) || Node <- Nodes],
    ok = bed_nodes:await_mesh(Nodes),
    ok = logged(First, joined, [name(Dies), name(Leaves)]),
    ok = bed_node:kill(Dies),
    ok = logged(First, left, [name(Dies)]),
    ok = bed_node:restart(Dies),
    %% The node that is back connects by itself, or this one does it again.
    ok = bed_story:members([Dies], seldom(bed_story:names(Nodes))),
    ok = logged(First, joined, [name(Dies), name(Dies), name(Leaves)]),
    %% No node counts itself.
    #{joined := 3, lost := 1} = bed_story:status(First),
    found("2 of 2 wanted nodes connected", bed_page:page(First)),
    {ok, _} = bed_node:call(Leaves, barnacle_cluster, leave, [bed_member:server(), 60000]),
    %% On a slow machine global may make the connection again at once; the line says that it left.
    ok = bed_wait:until(left_on_purpose, fun() ->
        Lines = bed_node:call(First, bed_log, lines, []),
        Left = [N || {left_on_purpose, #{nodes := Of}} <- Lines, N <- Of] ++
            [N || {_, #{reasons := Whys}} <- Lines, {N, left} <- maps:to_list(Whys)],
        lists:member(name(Leaves), Left) orelse Lines
    end),
    ok = logged(First, left, [name(Dies)]),
    %% The node that leaves says so of its own connections too.
    ok = bed_wait:until(leaves, fun() ->
        Texts = lists:append([bed_node:call(Leaves, bed_log, texts, [K]) || K <- [left, back]]),
        Left = fun(Text) -> string:find(Text, "this node left on purpose") =/= nomatch end,
        lists:any(Left, Texts) orelse Texts
    end).

%% Twenty times lost and made: a few lines, of which each change is in one when the server has
%% ended.
a_storm_leaves_nothing_out(_) ->
    [First, Other] = Nodes = hosts(2),
    ok = bed_node:call(First, bed_log, watch, []),
    ok = bed_story:members([First], seldom(bed_story:names(Nodes))),
    ok = bed_nodes:await_mesh(Nodes),
    Seen = bed_node:call(First, ?MODULE, flap, [name(Other), 20], 120000),
    ok = bed_node:call(First, bed_member, stop, []),
    Lines = bed_node:call(First, bed_log, lines, []),
    Told = [
        maps:get(Node, maps:get(changes, Report), 1)
     || {What, #{nodes := Of} = Report} <- Lines, What =/= leaving, Node <- Of
    ],
    ?assertEqual(Seen + 1, lists:sum(Told), Lines),
    ?assert(length(Told) =< 12, Lines),
    Late = [Report || {_, #{late_ms := Late} = Report} <- Lines, map_size(Late) > 0],
    [
        begin
            ?assertEqual(maps:keys(Ms), maps:keys(At)),
            ?assert(lists:all(fun(T) -> abs(T - erlang:system_time(millisecond)) < ?HOUR_MS end,
                maps:values(At)))
        end
     || #{late_ms := Ms, at := At} <- Late
    ].

%% Other nodes connect to this one and go; its own barnacle wants none of them.
events_of_connections(_) ->
    [First, Other] = hosts(2),
    ok = bed_node:call(First, bed_log, watch_events, []),
    ok = bed_story:members([First], seldom([name(First)])),
    ok = bed_wait:until(round, fun() -> maps:get(rounds, bed_story:status(First)) >= 1 end),
    true = bed_node:call(Other, net_kernel, connect_node, [name(First)]),
    Node = name(Other),
    {#{system_time := UpAt}, #{trigger := connection, strategy := _, server := _}} =
        event(First, up, Node),
    ok = bed_node:kill(Other),
    {#{duration := Lasted, system_time := DownAt}, #{reason := Why, since := Since}} =
        event(First, down, Node),
    ?assertEqual(connection_closed, Why),
    ?assertEqual(DownAt - Lasted, Since),
    Second = erlang:convert_time_unit(1, second, native),
    ?assert(abs(Since - UpAt) < 10 * Second).

%% A remote shell comes and goes as a hidden node. The log, the events and the totals leave it out.
hidden_nodes_are_not_counted(_) ->
    [Here, There] = bed_ports:addresses(2),
    [First, Shell] = bed_nodes:start_link(#{name => "app", fixed_port => bed_ports:port()}, [
        #{host => Here}, #{host => There, args => ["-hidden"]}
    ]),
    ok = bed_node:call(First, bed_log, watch, []),
    ok = bed_node:call(First, bed_log, watch_events, []),
    ok = bed_story:members([First], seldom([name(First)])),
    ok = bed_node:call(First, barnacle_cluster, await, [bed_member:server(), first_round, 30000]),
    true = bed_node:call(Shell, net_kernel, connect_node, [name(First)]),
    Seen = bed_node:call(First, ?MODULE, flap, [name(Shell), 2], 120000),
    ?assertEqual(4, Seen),
    ?assertMatch(#{joined := 0, lost := 0}, bed_story:status(First)),
    found("since the start 0 made, 0 lost", one_line(bed_page:page(First))),
    ?assertEqual([], [
        Event
     || {[barnacle, connection, _], _, _} = Event <- bed_node:call(First, bed_log, events, [])
    ]),
    ok = bed_node:call(First, bed_member, stop, []),
    ?assertEqual([], bed_node:call(First, bed_log, lines, [])).

listeners_that_receive_nothing(_) ->
    [First] = hosts(1),
    ok = bed_node:call(First, bed_log, watch, []),
    Options = (bed_story:patient([name(First)]))#{listener => no_such_listener},
    ok = bed_story:members([First], Options),
    ok = bed_story:rounds(First, 5),
    ?assertMatch(#{listener := {no_process, no_such_listener}}, bed_story:status(First)),
    One = ["barnacle bed_barnacle: the listener receives nothing: no process is registered as "
        "no_such_listener; start it, or correct the name"],
    ?assertEqual(One, bed_node:call(First, bed_log, texts, [listener])),
    found("no process is registered as", bed_page:section("The listener receives nothing",
        bed_page:page(First))),
    %% It is started after all.
    ok = bed_node:call(First, ?MODULE, listen, [no_such_listener]),
    ok = bed_wait:until(ok, fun() -> maps:get(listener, bed_story:status(First)) =:= ok end),
    ?assertEqual(none, bed_page:section("The listener receives nothing", bed_page:page(First))),
    ok = bed_node:call(First, bed_member, stop, []),
    %% A process that ends is reported at once, not at the next poll.
    Pid = bed_node:call(First, ?MODULE, die, []),
    ok = bed_story:members([First], (seldom([name(First)]))#{listener => Pid}),
    ok = bed_wait:until(dead, fun() ->
        #{listener := Listener} = bed_story:status(First),
        Listener =:= {no_process, Pid} orelse Listener
    end),
    [_, _, Last] = bed_node:call(First, bed_log, texts, [listener]),
    found("has ended", Last).

%% An event does not connect to a node that this one has left.
listener_on_a_node_that_was_left(_) ->
    [First, Other] = Nodes = hosts(2),
    Pid = bed_node:call(Other, ?MODULE, listens, []),
    Options = (seldom(bed_story:names(Nodes)))#{listener => Pid},
    ok = bed_story:members([First], Options),
    ok = bed_nodes:await_mesh(Nodes),
    {ok, [_]} = bed_node:call(First, barnacle_cluster, leave, [bed_member:server(), 60000]),
    ok = bed_node:call(First, barnacle_cluster, pause, [bed_member:server()]),
    Node = name(Other),
    %% net_kernel has taken every earlier request to connect once it answers a call.
    _ = bed_node:call(First, net_kernel, longnames, []),
    ?assertEqual([], bed_node:call(First, ets, lookup, [sys_dist, Node])),
    ?assertMatch(#{listener := {not_connected, Node}}, bed_story:status(First)).

misplaced_keys(_) ->
    Args = ["-barnacle", "poll_interval", "1000", "query", "\"x\"", "max_new_atms", "5"],
    [First] = hosts(1, #{args => Args}),
    ok = bed_node:call(First, bed_log, watch, []),
    [
        begin
            ok = bed_story:members([First], seldom([name(First)])),
            ok = bed_node:call(First, bed_member, stop, [])
        end
     || _ <- [first, second]
    ],
    [Text] = bed_node:call(First, bed_log, texts, [environment]),
    [
        found(Part, Text)
     || Part <- [
            "poll_interval has no effect: it is an option of each barnacle",
            "{barnacle_cluster,#{poll_interval => 1000}}",
            "query has no effect: it is an option of the strategy dns",
            "max_new_atms has no effect: there is no such setting. Did you mean `max_new_atoms`?"
        ]
    ].

bad_returns(_) ->
    [First] = hosts(1),
    ok = bed_node:call(First, bed_log, watch, []),
    Texts = [
        begin
            ok = bed_node:call(First, ?MODULE, returns, [Function]),
            Page = bed_page:page(First),
            ok = bed_node:call(First, bed_member, stop, []),
            {Function, re:replace(Page, "\\s+", " ", [global, {return, list}])}
        end
     || Function <- [discover, list, connect, filter]
    ],
    [
        found(Part, proplists:get_value(Function, Texts))
     || {Function, Part} <- [
            {discover,
                "crashed: the function discover returned 42; it must return "
                "{ok,['app@10.0.0.1']}, {partial,['app@10.0.0.1'],reason} or {error,reason}"},
            {list, "the function list returned 42; it must return {ok,['app@10.0.0.1']} or"},
            {connect,
                "the function connect returned 42; it must return {ok,['app@10.0.0.1']} or "
                "{error,[{'app@10.0.0.1',reason}]}"},
            {filter,
                "the function filter returned 42 for <<\"app@h\">>; it must return true or false"}
        ]
    ].

%% The page states the place, the server and what to do.
name_server_that_is_not_there(_) ->
    [First] = hosts(1),
    [Address] = bed_ports:addresses(1),
    Server = iolist_to_binary([inet:ntoa(Address), ":", integer_to_list(bed_ports:port())]),
    ok = bed_story:members([First], bed_story:dns(Server, #{})),
    ok = bed_story:rounds(First, 1),
    Page = bed_page:page(First),
    found("no name server listens there (econnrefused)", one_line(Page)),
    found("nodes.cluster.test at " ++ binary_to_list(Server), one_line(Page)),
    found("correct nameservers, or /etc/resolv.conf", bed_page:section("What to do", Page)).

in_elixir(Config) ->
    case bed_os:find("elixir") of
        false ->
            {skip, "no elixir"};
        Elixir ->
            File = filename:join(proplists:get_value(priv_dir, Config), "words.exs"),
            ok = file:write_file(File, elixir()),
            Ebin = filename:dirname(code:which(barnacle_cluster)),
            Output = os:cmd(
                lists:flatten([Elixir, " -pa '", Ebin, "' --app barnacle '", File, "' 2>&1"])
            ),
            io:format("~ts", [Output]),
            %% Elixir 1.15 writes charlists in another way.
            Options = [global, unicode, {return, list}],
            Line = re:replace(one_line(Output), "~c\"([^\"]*)\"", "'\\1'", Options),
            [
                found(Part, Line)
             || Part <- [
                    %% A charlist is no binary, and Elixir shows which it is.
                    "query => 'my-app.internal'",
                    ":poll_intervall => 1000: no such setting. Did you mean `poll_interval`?",
                    "takes a list of atoms such as :\"app@10.0.0.2\", not \"a@h\"",
                    "; :barnacle_cluster.print(MyApp.Peers) says what to do",
                    "barnacle MyApp.Peers: discovery failed",
                    "** (RuntimeError) boom",
                    "The barnacle MyApp.Peers of",
                    "%URI{",
                    "%{list: [1, 2], text: \"words\"}",
                    "returned {:okay, 'a'}; it must return {:ok, [:\"app@10.0.0.1\"]}"
                ]
            ]
    end.

elixir() ->
    <<"
defmodule MyApp.Words do
  def print(discover) do
    {:ok, pid} =
      :barnacle_cluster.start_link(name: MyApp.Peers, strategy: {:custom, %{discover: discover}})

    try do
      :barnacle_cluster.refresh(pid)
    catch
      :exit, _ -> :ok
    end

    :barnacle_cluster.print(pid)
    :barnacle_cluster.shutdown(pid)
  end
end

Process.flag(:trap_exit, true)
dns = %{basename: \"my_app\", query: 'my-app.internal'}
{:error, why} = :barnacle_cluster.start_link(strategy: {:dns, dns}, poll_intervall: 1000)
IO.puts(:barnacle_cluster.format_error(why))
{:error, list} = :barnacle_cluster.start_link(strategy: {:epmd, [\"a@h\"]})
IO.puts(:barnacle_cluster.format_error(list))
line = %{barnacle: MyApp.Peers, what: :connect, detail: [{:a@h, :timeout}]}
IO.puts(:io_lib.format(\"~ts: ~ts\", elem(:barnacle_log_text.format(line), 1)))
MyApp.Words.print(fn -> {:error, %RuntimeError{message: \"boom\"}} end)
MyApp.Words.print(fn -> {:error, URI.parse(\"http://example\")} end)
MyApp.Words.print(fn -> {:error, %{list: [1, 2], text: \"words\"}} end)
MyApp.Words.print(fn -> {:okay, 'a'} end)
">>.

%% ---------------------------------------------------------------------------------------------

%% Loses and makes a connection again and again; gives how often it was seen to change.
flap(Node, Times) ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
    Seen = [
        begin
            true = erlang:disconnect_node(Node),
            receive
                {nodedown, Node, _} -> ok
            end,
            ok = bed_wait:until(back, fun() -> net_kernel:connect_node(Node) end),
            receive
                {nodeup, Node, _} -> ok
            end
        end
     || _ <- lists:seq(1, Times)
    ],
    2 * length(Seen).

%% A process that ends after a while, when its barnacle is there.
die() ->
    spawn(fun() ->
        ok = bed_wait:until(there, fun() -> is_pid(whereis(bed_member:server())) end),
        ok = bed_wait:until(told, fun() ->
            #{rounds := Rounds} = barnacle_cluster:status(bed_member:server()),
            Rounds >= 1
        end)
    end).

%% A process that receives, for as long as the node lives.
listens() ->
    spawn(fun() ->
        receive
            never -> ok
        end
    end).

%% A process of this name, for as long as the node lives.
listen(Name) ->
    true = register(Name, spawn(fun() ->
        receive
            never -> ok
        end
    end)),
    ok.

%% A barnacle one of whose functions returns 42.
returns(Function) ->
    Nodes = fun() -> {ok, [a@h]} end,
    Functions = #{discover => Nodes},
    Bad =
        case Function of
            discover -> #{strategy => {custom, #{discover => fun() -> 42 end}}};
            list -> #{strategy => {custom, Functions#{list => fun() -> 42 end}}};
            connect -> #{strategy => {custom, Functions#{connect => fun(_) -> 42 end}}};
            filter -> #{
                strategy => {custom, #{discover => fun() -> {ok, ['app@h']} end}},
                filter => fun(_) -> 42 end
            }
        end,
    {ok, Server} = bed_member:start(Bad#{poll_interval => ?HOUR_MS}),
    bed_wait:until(crashed, fun() ->
        maps:get(crashed_rounds, barnacle_cluster:status(Server)) >= 1
    end).

logged(Node, What, Names) ->
    Wanted = lists:sort(Names),
    bed_wait:until({logged, What}, fun() ->
        Lines = bed_node:call(Node, bed_log, lines, []),
        Of = lists:sort([N || {W, #{nodes := Nodes}} <- Lines, W =:= What, N <- Nodes]),
        Of =:= Wanted orelse Lines
    end).

event(First, Verb, Node) ->
    bed_wait:until({event, Verb}, fun() ->
        Events = bed_node:call(First, bed_log, events, []),
        Fitting = [
            {Measurements, Metadata}
         || {[barnacle, connection, V], Measurements, #{node := N} = Metadata} <- Events,
            V =:= Verb, N =:= Node
        ],
        case Fitting of
            [One] -> {true, One};
            Other -> Other
        end
    end).

found(Part, Text) ->
    ?assertNotEqual({Part, Text, nomatch}, {Part, Text, string:find(Text, Part)}).

one_line(Text) ->
    re:replace(Text, "\\s+", " ", [global, unicode, {return, list}]).

seldom(Names) ->
    (bed_story:patient(Names))#{poll_interval => ?HOUR_MS}.

hosts(Count) ->
    hosts(Count, #{}).

hosts(Count, Options) ->
    bed_nodes:start_link(Options#{name => "app", fixed_port => bed_ports:port()}, [
        #{host => Address}
     || Address <- bed_ports:addresses(Count)
    ]).

name(Node) -> bed_node:name(Node).
