%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_server_SUITE).

%% The server's promises where they meet real nodes and real sockets: pausing and shutting down in
%% the middle of dials, answering while hosts hang, telling a listener what became of the cluster.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    nothing_is_dialled_after_pause/1, nothing_is_dialled_after_shutdown/1,
    hung_hosts_cost_no_time/1, server_answers_while_hosts_hang/1, listener_hears_of_the_cluster/1,
    joined_by_a_poll/1, links_outlive_the_barnacle/1, caller_outlives_a_start_without_library/1,
    zone_of_a_real_server_changes/1, node_that_is_not_alive_joins_nobody/1,
    first_own_list_logs_no_loss/1
]).
%% Called in the nodes.
-export([refresh_and_shutdown/0, listen/1, heard/1, start_linked/1, status_times_us/1]).
-export([logged_with_own_list/1, log/2]).

-define(NEVER_MS, 3600000).
-define(LIVE, 20).
-define(TURNS, 5).
-define(CALLS, 1000).

suite() ->
    [{timetrap, {minutes, 15}}].

all() ->
    [
        nothing_is_dialled_after_pause, nothing_is_dialled_after_shutdown,
        hung_hosts_cost_no_time, server_answers_while_hosts_hang, listener_hears_of_the_cluster,
        joined_by_a_poll, links_outlive_the_barnacle, caller_outlives_a_start_without_library,
        zone_of_a_real_server_changes, node_that_is_not_alive_joins_nobody,
        first_own_list_logs_no_loss
    ].

%% Ten hung hosts, two dialled at a time. After the pause the two end, and no third is dialled.
nothing_is_dialled_after_pause(_Config) ->
    {Node, Hung} = dialling_two_of_ten(),
    ok = ask(Node, pause),
    ok = bed_dead_end:hang_up(Hung),
    bed_wait:until(round_over, fun() ->
        case ask(Node, status) of
            #{round := idle} -> true;
            Other -> Other
        end
    end),
    ?assertEqual(2, bed_dead_end:dialled(Hung)),
    ?assertMatch(#{state := paused, next_poll_in := none}, ask(Node, status)),
    %% A refresh resumes.
    _ = spawn_link(fun() -> ask(Node, refresh) end),
    bed_wait:until(dialled_again, fun() ->
        _ = bed_dead_end:hang_up(Hung),
        bed_dead_end:dialled(Hung) >= 2 + 10
    end).

nothing_is_dialled_after_shutdown(_Config) ->
    {Node, Hung} = dialling_two_of_ten(),
    Server = bed_node:call(Node, erlang, whereis, [bed_member:server()]),
    ?assert(is_dialling(Node)),
    %% Who waits for a refresh exits with the server.
    ?assertMatch({error, {normal, _}}, bed_node:call(Node, ?MODULE, refresh_and_shutdown, [])),
    ok = bed_dead_end:hang_up(Hung),
    %% Its supervisor knows, and lets it rest.
    [{_, undefined, worker, _}] = bed_node:call(Node, supervisor, which_children, [bed_member]),
    ?assertNot(bed_node:call(Node, erlang, is_process_alive, [Server])),
    ?assertEqual(undefined, bed_node:call(Node, erlang, whereis, [bed_member:server()])),
    bed_wait:until(dials_over, fun() -> not is_dialling(Node) end),
    ?assertEqual(2, bed_dead_end:dialled(Hung)).

dialling_two_of_ten() ->
    Port = bed_ports:port(),
    Addresses = bed_ports:addresses(10),
    Hung = bed_dead_end:start_link(Addresses, Port),
    Node = start_patient_node(Port),
    start_barnacle(Node, #{
        strategy => {epmd, app_names(Addresses)}, max_connects => 2, connect_timeout => ?NEVER_MS
    }),
    bed_wait:until(two_dialled, fun() -> bed_dead_end:dialled(Hung) =:= 2 end),
    {Node, Hung}.

%% The answer of a refresh that the server has taken when it is shut down.
-spec refresh_and_shutdown() -> {reply, term()} | {error, {Reason :: term(), pid()}}.
refresh_and_shutdown() ->
    Server = whereis(bed_member:server()),
    Request = gen_server:send_request(Server, refresh),
    ok = barnacle_cluster:shutdown(Server),
    gen_server:receive_response(Request, infinity).

%% net_kernel has an entry for every connection that is being set up.
is_dialling(Node) ->
    bed_node:call(Node, ets, tab2list, [sys_dist]) =/= [].

%% Twenty live hosts are joined as soon beside three hung ones as without them: both times are told,
%% and neither round may wait for the hung ones' hour.
hung_hosts_cost_no_time(_Config) ->
    Port = bed_ports:port(),
    Live = start_nodes(?LIVE, Port),
    HungAddresses = bed_ports:addresses(3),
    Hung = bed_dead_end:start_link(HungAddresses, Port),
    Names = lists:sort([bed_node:name(Node) || Node <- Live]),
    %% In turns, since the first time is the slowest for reasons of its own.
    Times = [
        {
            join_ms(Names, Names, idle, Port),
            join_ms(app_names(HungAddresses) ++ Names, Names, {running, Hung, 3 * Turn}, Port)
        }
     || Turn <- lists:seq(1, ?TURNS)
    ],
    WithoutMs = median([Ms || {Ms, _} <- Times]),
    WithMs = median([Ms || {_, Ms} <- Times]),
    {comment,
        comment("20 live hosts joined in ~b ms, beside 3 hung ones in ~b ms: ratio ~.2f", [
            WithoutMs, WithMs, WithMs / max(1, WithoutMs)
        ])}.

%% What the round is doing when the live ones have been joined: idle, or running, for the hung ones
%% have been dialled too, so many times by then.
join_ms(Wanted, Live, Round, Port) ->
    Node = start_patient_node(Port),
    BeganMs = erlang:monotonic_time(millisecond),
    start_barnacle(Node, #{strategy => {epmd, Wanted}, connect_timeout => ?NEVER_MS}),
    bed_wait:until(joined, fun() -> bed_node:visible(Node) =:= Live end),
    TookMs = erlang:monotonic_time(millisecond) - BeganMs,
    case Round of
        idle ->
            bed_wait:until(idle, fun() -> is_in_round(Node, idle) end);
        {running, Hung, Dialled} ->
            bed_wait:until(dialled, fun() -> bed_dead_end:dialled(Hung) =:= Dialled end),
            ?assert(is_in_round(Node, running))
    end,
    ok = bed_node:stop(Node),
    TookMs.

is_in_round(Node, Round) ->
    maps:get(round, ask(Node, status)) =:= Round.

%% A thousand questions are answered within one round that hangs.
server_answers_while_hosts_hang(_Config) ->
    {Node, _Hung} = dialling_two_of_ten(),
    Times = bed_node:call(Node, ?MODULE, status_times_us, [?CALLS]),
    ?assertMatch(#{round := running, rounds := 0}, ask(Node, status)),
    ok = ask(Node, pause),
    {comment, comment("p99 of status: ~b us", [lists:nth(?CALLS * 99 div 100, Times)])}.

-spec status_times_us(pos_integer()) -> [non_neg_integer()].
status_times_us(Count) ->
    lists:sort([
        element(1, timer:tc(barnacle_cluster, status, [bed_member:server()]))
     || _ <- lists:seq(1, Count)
    ]).

listener_hears_of_the_cluster(_Config) ->
    Port = bed_ports:port(),
    [Node, Peer] = start_nodes(2, Port),
    [Name, PeerName] = [bed_node:name(N) || N <- [Node, Peer]],
    Listener = bed_node:call(Node, ?MODULE, listen, [Name]),
    start_barnacle(Node, #{strategy => {epmd, [PeerName]}, listener => listener}),
    await_heard(Listener, Node, [{refresh, {ok, [Name, PeerName]}}]),
    ok = bed_node:kill(Peer),
    Failure = {error, {connect_error, [{PeerName, port_refused}]}},
    bed_wait:until(left, fun() -> bed_node:visible(Node) =:= [] end),
    ?assertEqual(Failure, ask(Node, refresh)),
    ok = bed_node:restart(Peer),
    ?assertEqual({ok, [Name, PeerName]}, ask(Node, refresh)),
    ok = ask(Node, pause),
    ok = ask(Node, shutdown),
    await_heard(Listener, Node, [
        {refresh, {ok, [Name, PeerName]}}, {refresh, Failure}, {refresh, {ok, [Name, PeerName]}},
        pause, shutdown
    ]).

await_heard(Listener, Node, Expected) ->
    bed_wait:until({heard, Expected}, fun() ->
        case bed_node:call(Node, ?MODULE, heard, [Listener]) of
            Expected -> true;
            Other -> Other
        end
    end).

%% A process that keeps what a barnacle tells it, under a registered name.
-spec listen(node()) -> pid().
listen(_Node) ->
    Pid = spawn(fun() -> keep([]) end),
    true = register(listener, Pid),
    Pid.

keep(Events) ->
    receive
        {barnacle, _Server, Event} ->
            keep([Event | Events]);
        {heard, From} ->
            From ! {heard, lists:reverse(Events)},
            keep(Events)
    end.

-spec heard(pid()) -> [barnacle_cluster:event()].
heard(Listener) ->
    Listener ! {heard, self()},
    receive
        {heard, Events} -> Events
    end.

%% Nobody asks: the polls go on by themselves, and a node that comes up later is found by one.
joined_by_a_poll(_Config) ->
    Port = bed_ports:port(),
    [Node, Peer] = start_nodes(2, Port),
    ok = bed_node:kill(Peer),
    start_barnacle(Node, #{
        strategy => {epmd, [bed_node:name(Peer)]}, poll_interval => 20
    }),
    bed_wait:until(polls, fun() -> maps:get(failed_rounds, ask(Node, status)) >= 3 end),
    ok = bed_node:restart(Peer),
    bed_wait:until(joined, fun() -> bed_node:visible(Node) =:= [bed_node:name(Peer)] end),
    bed_wait:until(success, fun() ->
        #{rounds := Rounds, failed_rounds := Failed} = ask(Node, status),
        Rounds > Failed
    end).

%% Neither shutting down nor the end of its supervisor cuts a link.
links_outlive_the_barnacle(_Config) ->
    Port = bed_ports:port(),
    [Node, Peer] = start_nodes(2, Port),
    PeerName = bed_node:name(Peer),
    [
        begin
            start_barnacle(Node, #{strategy => {epmd, [PeerName]}, disconnect => Mode}),
            {ok, _} = ask(Node, refresh),
            ok = bed_node:call(Node, bed_member, stop, []),
            ?assertEqual([PeerName], bed_node:visible(Node))
        end
     || Mode <- [departed, undiscovered, never]
    ].

%% Linked and not trapping exits, it gets an error that says what to do.
caller_outlives_a_start_without_library(_Config) ->
    Ebin = filename:join([bed_os:temp_dir_link(), "barnacle", "ebin"]),
    ok = filelib:ensure_path(Ebin),
    [
        {ok, _} = file:copy(File, filename:join(Ebin, filename:basename(File)))
     || File <- filelib:wildcard(filename:join(filename:dirname(code:which(barnacle_cluster)), "*"))
    ],
    Tests = filename:dirname(code:which(?MODULE)),
    Node = start_node(#{
        fixed_port => bed_ports:port(), code_path => [Ebin, Tests], applications => [barnacle]
    }),
    {alive, {error, {native_library, <<_, _/binary>>} = Reason}} =
        bed_node:call(Node, ?MODULE, start_linked, [#{strategy => local_epmd}]),
    Text = bed_node:call(Node, barnacle_cluster, format_error, [Reason]),
    [?assertMatch({_, _}, binary:match(Text, Part), Part) || Part <- [<<"priv">>, <<"make">>]].

%% What start_link/1 gives to a process that is linked and doesn't trap exits, and what becomes of
%% that process.
-spec start_linked(map()) -> {alive | {died, term()}, term()}.
start_linked(Options) ->
    Parent = self(),
    {Pid, Monitor} = spawn_monitor(fun() ->
        Parent ! {self(), barnacle_cluster:start_link(Options)},
        receive
            leave -> ok
        end
    end),
    receive
        {Pid, Result} ->
            Pid ! leave,
            receive
                {'DOWN', Monitor, process, _, normal} -> {alive, Result};
                {'DOWN', Monitor, process, _, Reason} -> {{died, Reason}, Result}
            end;
        {'DOWN', Monitor, process, _, Reason} ->
            {{died, Reason}, no_result}
    end.

%% A list function of the user's own has nodes of its own: a connection of distributed Erlang that
%% it does not list was not lost.
first_own_list_logs_no_loss(_Config) ->
    Port = bed_ports:port(),
    [Node, Peer] = start_nodes(2, Port),
    start_barnacle(Node, #{strategy => {epmd, [bed_node:name(Peer)]}}),
    {ok, [_, _]} = ask(Node, refresh),
    ?assertEqual(
        [{joined, ['member@elsewhere']}],
        bed_node:call(Node, ?MODULE, logged_with_own_list, ['member@elsewhere'])
    ),
    ?assertEqual([bed_node:name(Peer)], bed_node:visible(Node)).

%% What a barnacle logs in its first refresh, whose functions know this member.
-spec logged_with_own_list(node()) -> [{atom(), [node()]}].
logged_with_own_list(Member) ->
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => self(), level => notice}),
    Known = fun() -> {ok, [Member]} end,
    {ok, Server} = barnacle_cluster:start_link(#{
        strategy => {custom, #{discover => Known, list => Known}}, poll_interval => ?NEVER_MS
    }),
    {ok, [Member]} = barnacle_cluster:refresh(Server),
    %% The server logs before it responds again.
    _ = barnacle_cluster:status(Server),
    ok = logger:remove_handler(?MODULE),
    ok = barnacle_cluster:shutdown(Server),
    logged([]).

logged(Before) ->
    receive
        {logged, What, Nodes} -> logged([{What, Nodes} | Before])
    after 0 -> lists:reverse(Before)
    end.

%% The handler.
-spec log(logger:log_event(), logger:handler_config()) -> term().
log(#{msg := {report, #{barnacle := _, what := What, nodes := Nodes}}}, #{config := Pid}) ->
    Pid ! {logged, What, Nodes};
log(_, _Config) ->
    ok.

%% A name server as it is: a node leaves the zone and comes back while nsd runs on.
zone_of_a_real_server_changes(_Config) ->
    case bed_dns_real:is_there(nsd) of
        true -> zone_changes();
        false -> {skip, "nsd is not installed"}
    end.

zone_changes() ->
    Port = bed_ports:port(),
    Nodes = [First, _, Third] = start_nodes(3, Port),
    Records = [{"app", address(Node)} || Node <- Nodes],
    Dns = bed_dns_real:start_link(nsd, {"cluster.test", Records}),
    Strategy =
        {dns, #{
            basename => <<"app">>,
            query => <<"app.cluster.test.">>,
            nameservers => [bed_dns_real:nameserver(Dns)]
        }},
    [start_barnacle(N, #{strategy => Strategy, poll_interval => 50}) || N <- Nodes],
    bed_nodes:await_mesh(Nodes),
    ok = bed_node:kill(Third),
    ok = bed_dns_real:set_zone(Dns, lists:droplast(Records)),
    Gone = atom_to_binary(bed_node:name(Third)),
    bed_wait:until(forgotten, fun() -> not is_map_key(Gone, wanted(First)) end),
    bed_nodes:await_mesh(Nodes -- [Third]),
    ok = bed_dns_real:set_zone(Dns, Records),
    ok = bed_node:restart(Third),
    %% It runs no barnacle of its own any more: the others find it.
    bed_nodes:await_mesh(Nodes),
    bed_wait:until(wanted, fun() ->
        case wanted(First) of
            #{Gone := #{state := connected}} -> true;
            Other -> Other
        end
    end).

wanted(Node) ->
    maps:get(wanted, ask(Node, status)).

%% Without distribution it starts all the same, and says of every node why it isn't joined.
node_that_is_not_alive_joins_nobody(_Config) ->
    Node = start_node(#{alive => false}),
    Names = ['app@127.0.0.1', 'app@127.0.0.2'],
    start_barnacle(Node, #{strategy => {epmd, Names}}),
    {error, {connect_error, Failed}} = ask(Node, refresh),
    ?assertEqual([{Name, local_node_is_not_alive} || Name <- Names], lists:sort(Failed)),
    Once = bed_node:call(Node, barnacle_cluster, run_once, [#{strategy => {epmd, [hd(Names)]}}]),
    ?assertEqual({error, {connect_error, [{hd(Names), local_node_is_not_alive}]}}, Once).

%% ---- nodes and their barnacles

start_node(Options) ->
    {ok, Node} = bed_node:start_link(
        maps:merge(#{name => "app", host => bed_ports:address()}, Options)
    ),
    Node.

%% One that waits for hung hosts as long as OTP lets it: a busy machine needs more than its 7 s.
start_patient_node(Port) ->
    start_node(#{fixed_port => Port, args => ["-kernel", "net_setuptime", "120"]}).

start_nodes(Count, Port) ->
    bed_nodes:start_link(
        #{name => "app", fixed_port => Port}, [#{host => A} || A <- bed_ports:addresses(Count)]
    ).

app_names(Addresses) ->
    [list_to_atom("app@" ++ inet:ntoa(Address)) || Address <- Addresses].

address(Node) ->
    [_, Host] = string:split(atom_to_list(bed_node:name(Node)), "@"),
    {ok, Address} = inet:parse_address(Host),
    Address.

start_barnacle(Node, Options) ->
    {ok, _} = bed_node:call(Node, bed_member, start, [
        maps:merge(
            #{poll_interval => ?NEVER_MS, connect_timeout => 60000, probe_timeout => 30000}, Options
        )
    ]),
    ok.

ask(Node, Function) ->
    bed_node:call(Node, barnacle_cluster, Function, [bed_member:server()]).

median(List) ->
    lists:nth((length(List) + 1) div 2, lists:sort(List)).

comment(Format, Args) ->
    lists:flatten(io_lib:format(Format, Args)).
