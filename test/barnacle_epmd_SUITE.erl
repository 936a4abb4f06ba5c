%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_epmd_SUITE).

%% The names that EPMDs tell: a real one with real nodes, and fake ones on hosts of their own for
%% all that can be wrong with an EPMD.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, suite/0]).
-export([
    real_names/1, real_without_nodes/1, local_discovery/1, local_discovery_without_epmd/1,
    own_port_is_the_default/1, every_reason_is_named/1, no_probe_no_reason/1,
    peers_see_nothing_of_a_probe/1,
    well_behaved/1, in_small_pieces/1, other_port_in_header/1, no_epmd/1, broken_replies/1,
    endless_replies/1, silent_ones/1, more_names_than_allowed/1, many_hosts_at_once/1,
    more_hosts_than_at_once/1, host_names/1, host_name_with_silent_dns/1,
    caller_held_up_past_the_deadline/1
]).

-define(LONG_MS, 30000).
-define(SHORT_MS, 1000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [{group, real}, {group, fake}].

groups() ->
    [
        {real, [parallel], [
            real_names, real_without_nodes, local_discovery, local_discovery_without_epmd,
            own_port_is_the_default, every_reason_is_named, no_probe_no_reason,
            peers_see_nothing_of_a_probe
        ]},
        {fake, [parallel], [
            well_behaved, in_small_pieces, other_port_in_header, no_epmd, broken_replies,
            endless_replies, silent_ones, more_names_than_allowed, many_hosts_at_once,
            more_hosts_than_at_once, host_names, host_name_with_silent_dns,
            caller_held_up_past_the_deadline
        ]}
    ].

%% ---- a real EPMD

real_names(_Config) ->
    {Epmd, Nodes} = epmd_with(["a", "b"]),
    Here = {127, 0, 0, 1},
    {ok, Names} = ask(Here, #{port => bed_epmd:port(Epmd)}),
    ?assertMatch([{<<"a">>, _}, {<<"b">>, _}], lists:sort(Names)),
    %% The ports are those on which the nodes listen.
    [
        begin
            {ok, Socket} = gen_tcp:connect(Here, Port, []),
            ok = gen_tcp:close(Socket)
        end
     || {_, Port} <- Names
    ],
    [A, _] = Nodes,
    ok = bed_node:kill(A),
    bed_wait:until(forgotten, fun() ->
        case ask(Here, #{port => bed_epmd:port(Epmd)}) of
            {ok, [{<<"b">>, _}]} -> true;
            Other -> Other
        end
    end).

real_without_nodes(_Config) ->
    Epmd = bed_epmd:start_link(),
    {ok, []} = ask({127, 0, 0, 1}, #{port => bed_epmd:port(Epmd)}).

local_discovery(_Config) ->
    {_Epmd, [A, B]} = epmd_with(["a", "b"]),
    All = lists:sort([bed_node:name(Node) || Node <- [A, B]]),
    [
        begin
            {ok, Found} = bed_node:call(Node, barnacle_local_epmd, discover_nodes, []),
            ?assertEqual(All, lists:sort(Found))
        end
     || Node <- [A, B]
    ].

local_discovery_without_epmd(_Config) ->
    {Epmd, [Node]} = epmd_with(["a"]),
    ok = bed_epmd:stop(Epmd),
    {error, econnrefused} = bed_node:call(Node, barnacle_local_epmd, discover_nodes, []),
    %% Without distribution there is no host part to give the names.
    {ok, NotAlive} = bed_node:start_link(#{alive => false}),
    {error, local_node_is_not_alive} =
        bed_node:call(NotAlive, barnacle_local_epmd, discover_nodes, []).

%% ERL_EPMD_PORT in the environment, as the VM's own distribution has it.
own_port_is_the_default(_Config) ->
    {_Epmd, [Node]} = epmd_with(["a"]),
    Args = [[<<"127.0.0.1">>], #{timeout => ?LONG_MS}],
    {ok, [{_, {ok, [{<<"a">>, _}]}}]} = bed_node:call(Node, barnacle_native, epmd_names, Args).

%% One round meets a node for every way in which one can be missed, and joins the one that is there.
every_reason_is_named(_Config) ->
    {Epmd, [First, Live]} = epmd_with(["first", "live"]),
    Port = bed_epmd:port(Epmd),
    Common = #{host => {127, 0, 0, 1}, epmd_port => Port},
    [Other, Hung] = bed_nodes:start_link(Common, [
        #{name => "other", cookie => "another"}, #{name => "hung"}
    ]),
    ok = bed_node:suspend(Hung),
    Stale = bed_epmd_entry:register("stale", bed_ports:port({127, 0, 0, 1}), Port),
    [Bad, Silent, Dead, Nobody] = bed_ports:addresses(4),
    Server = bed_epmd_script:start_link({Bad, Port}, []),
    %% One that accepts and does not speak, and one that accepts nobody: its queue is full.
    {ok, Hears} = gen_tcp:listen(Port, [{ip, Silent}]),
    {ok, Full} = gen_tcp:listen(Port, [{ip, Dead}, {backlog, 0}]),
    {ok, Queued} = gen_tcp:connect(Dead, Port, []),
    Reasons = [
        {bed_node:name(Other), handshake_failed},
        {bed_node:name(Hung), timeout},
        {'stale@127.0.0.1', port_refused},
        {'none@127.0.0.1', not_registered},
        {on("app", Bad), epmd_bad_reply},
        {on("app", Silent), epmd_timeout},
        {on("app", Nobody), epmd_refused},
        {on("app", Dead), host_silent},
        {'app@h.invalid', no_such_host(First)},
        {'app@::1', lookup_failed}
    ],
    Options = bed_story:patient([bed_node:name(Live) | [Node || {Node, _} <- Reasons]]),
    {error, {connect_error, Failed}} =
        bed_node:call(First, barnacle_cluster, run_once, [Options]),
    ?assertEqual(
        lists:sort(Reasons),
        lists:sort([{Node, tag(Why)} || {Node, Why} <- Failed])
    ),
    {not_registered, Known} = proplists:get_value('none@127.0.0.1', Failed),
    ?assertEqual(
        [<<"first">>, <<"hung">>, <<"live">>, <<"other">>, <<"stale">>], lists:sort(Known)
    ),
    ?assertEqual([bed_node:name(Live)], bed_node:visible(First)),
    ok = bed_node:resume(Hung),
    ok = bed_epmd_script:stop(Server),
    [ok = gen_tcp:close(Socket) || Socket <- [Stale, Hears, Full, Queued]].

%% What the name servers of this machine say; some are out of reach.
no_such_host(Node) ->
    Args = [[<<"h.invalid">>], #{timeout => ?LONG_MS}],
    case bed_node:call(Node, barnacle_native, epmd_names, Args) of
        {ok, [{_, {error, nxdomain}}]} -> nxdomain;
        {ok, [{_, {error, _}}]} -> lookup_failed
    end.

tag(Why) when is_tuple(Why) -> element(1, Why);
tag(Why) -> Why.

on(Base, Address) ->
    list_to_atom(Base ++ "@" ++ inet:ntoa(Address)).

no_probe_no_reason(_Config) ->
    {_Epmd, [First, Live]} = epmd_with(["first", "live"]),
    Names = ['none@127.0.0.1', bed_node:name(Live)],
    Options = #{strategy => {epmd, Names}, probe => false},
    ?assertEqual(
        {error, {connect_error, [{'none@127.0.0.1', failed_to_connect}]}},
        bed_node:call(First, barnacle_cluster, run_once, [Options])
    ),
    ?assertEqual([bed_node:name(Live)], bed_node:visible(First)).

%% No line in a log, no process and no port are left behind, whatever carries the distribution.
peers_see_nothing_of_a_probe(Config) ->
    Dir = proplists:get_value(priv_dir, Config),
    Tls = [
        {["-proto_dist", "inet_tls", "-ssl_dist_optfile", bed_tls:options(Dir)], {127, 0, 0, 1}}
     || code:which(inet_tls_dist) =/= non_existing
    ],
    Here6 = {0, 0, 0, 0, 0, 0, 0, 1},
    Carriers = [{[], {127, 0, 0, 1}}, {["-proto_dist", "inet6_tcp"], Here6}] ++ Tls,
    Epmd = bed_epmd:start_link(),
    lists:foreach(
        fun({N, {Args, Host}}) ->
            sees_nothing(Epmd, Host, Args, filename:join(Dir, ["log", N]))
        end,
        lists:enumerate($a, Carriers)
    ).

sees_nothing(Epmd, Host, Args, Log) ->
    Handler = io_lib:format("[{handler,default,logger_std_h,#{config=>#{file=>~p}}}]", [Log]),
    {ok, Peer} = bed_node:start_link(#{
        name => "peer", host => Host, epmd_port => bed_epmd:port(Epmd),
        args => ["-kernel", "logger", lists:flatten(Handler) | Args]
    }),
    Target = {<<"peer">>, list_to_binary(inet:ntoa(Host))},
    Options = #{
        timeout => ?LONG_MS,
        epmd_port => bed_epmd:port(Epmd),
        family => barnacle_address:family(Host)
    },
    Count = fun() ->
        [bed_node:call(Peer, erlang, system_info, [What]) || What <- [process_count, port_count]]
    end,
    Before = Count(),
    {ok, Probed} = barnacle_native:probe(lists:duplicate(20, Target), Options),
    ?assertEqual(lists:duplicate(20, {Target, ok}), Probed),
    %% The first connection over TLS starts a process that stays; twenty start no twenty.
    ok = bed_wait:until(as_before, fun() ->
        Now = Count(),
        lists:all(fun({N, B}) -> N =< B + 1 end, lists:zip(Now, Before)) orelse {Now, Before}
    end),
    ok = bed_node:call(Peer, logger_std_h, filesync, [default]),
    ?assertEqual({ok, <<>>}, file:read_file(Log)),
    %% That is where its words would be.
    ok = bed_node:call(Peer, logger, notice, ["a word"]),
    ok = bed_node:call(Peer, logger_std_h, filesync, [default]),
    {ok, <<_, _/binary>>} = file:read_file(Log),
    ok = bed_node:stop(Peer).

epmd_with(Names) ->
    Epmd = bed_epmd:start_link(),
    Options = #{
        host => {127, 0, 0, 1}, epmd_port => bed_epmd:port(Epmd), applications => [barnacle]
    },
    {Epmd, bed_nodes:start_link(Options, [#{name => Name} || Name <- Names])}.

%% ---- fake ones

well_behaved(_Config) ->
    ?assertEqual(
        {ok, [{<<"app">>, 4370}, {<<"other-1">>, 65535}]},
        reply(bed_epmd_script:names([{"app", 4370}, {"other-1", 65535}]))
    ),
    ?assertEqual({ok, []}, reply(bed_epmd_script:names([]))).

%% OTP's own client takes a header that comes in pieces for an empty list.
in_small_pieces(_Config) ->
    [{send, Bytes}] = bed_epmd_script:names([{"app", 4370}]),
    Pieces = [[{send, <<Byte>>}, {pause, 5}] || <<Byte>> <= iolist_to_binary(Bytes)],
    ?assertEqual({ok, [{<<"app">>, 4370}]}, reply(lists:append(Pieces))).

%% Behind a port mapping an EPMD tells another port than that which was asked.
other_port_in_header(_Config) ->
    ?assertEqual({ok, [{<<"app">>, 1}]}, reply(bed_epmd_script:names([{"app", 1}], 14369))).

no_epmd(_Config) ->
    Address = bed_ports:address(),
    {error, econnrefused} = ask(Address, #{port => bed_ports:port(Address)}).

%% Nothing of a reply that is wrong somewhere is believed: it must not pass for 'no nodes' either.
broken_replies(_Config) ->
    Head = <<4369:32>>,
    Good = "name app at port 4370\n",
    Broken = #{
        nothing => [],
        half_a_header => [{send, <<4369:24>>}],
        no_newline_at_the_end => [{send, [Head, "name app at port 4370"]}],
        garbage => [{send, [Head, Good, <<0, 255, "\n">>]}],
        negative_port => [{send, [Head, Good, "name b at port -5\n"]}],
        port_too_large => [{send, [Head, Good, "name b at port 70000\n"]}],
        port_0 => [{send, [Head, Good, "name b at port 0\n"]}],
        no_port => [{send, [Head, Good, "name b at port \n"]}],
        empty_name => [{send, [Head, Good, "name  at port 4371\n"]}],
        control_byte => [{send, [Head, Good, "name b\e at port 4371\n"]}],
        at_sign => [{send, [Head, Good, "name b@evil at port 4371\n"]}],
        utf8 => [{send, [Head, Good, <<"name ä at port 4371\n"/utf8>>]}],
        long_name => [{send, [Head, "name ", lists:duplicate(100000, $a), " at port 1\n"]}]
    },
    Replies = maps:map(fun(_, Script) -> reply(Script) end, Broken),
    ?assertEqual(maps:map(fun(_, _) -> {error, bad_reply} end, Broken), Replies),
    %% A reset in the middle is the network's error, not an end of the list.
    {error, Why} = reply([{send, [Head, Good, "name b at"]}, {pause, 200}, reset]),
    ?assert(lists:member(Why, [econnreset, bad_reply]), Why).

endless_replies(_Config) ->
    Head = [{send, <<4369:32>>}],
    {error, too_long} = reply(Head ++ [{endless, same_length_names()}]),
    {error, NoLine} = reply(Head ++ [{endless, lists:duplicate(10000, $x)}]),
    ?assert(lists:member(NoLine, [too_long, bad_reply]), NoLine).

%% The bytes go round, so a name may come twice: different limits, the same end.
same_length_names() ->
    [["name n", integer_to_list(N), " at port 4370\n"] || N <- lists:seq(10000, 65535)].

silent_ones(_Config) ->
    Silent = #{
        at_once => [hold],
        after_the_header => [{send, <<4369:32>>}, hold],
        within_a_line => [{send, [<<4369:32>>, "name a"]}, hold],
        %% All there, but who knows: the end of the connection is the end of the reply.
        after_a_line => bed_epmd_script:names([{"app", 4370}]) ++ [hold]
    },
    Replies = maps:map(fun(_, Script) -> reply(Script, #{timeout => ?SHORT_MS}) end, Silent),
    ?assertEqual(maps:map(fun(_, _) -> {error, timeout} end, Silent), Replies).

more_names_than_allowed(_Config) ->
    Names = [{integer_to_list(N), 4370} || N <- lists:seq(1, 11)],
    {error, too_long} = reply(bed_epmd_script:names(Names), #{max_names => 10}),
    {ok, [_ | _]} = reply(bed_epmd_script:names(Names), #{max_names => 11}),
    {error, too_long} = reply(bed_epmd_script:names(Names), #{max_bytes => 100}).

%% Each host's failure is its own entry; the others' names are all there, in the order asked.
many_hosts_at_once(_Config) ->
    Scripts = [
        bed_epmd_script:names([{"app", 4370}]), [hold], [], none, [{send, "rubbish"}]
    ],
    Expected = [{ok, [{<<"app">>, 4370}]}, {error, timeout}, {error, bad_reply},
        {error, econnrefused}, {error, bad_reply}],
    {Hosts, Port} = hosts(lists:append(lists:duplicate(10, Scripts))),
    {ok, Results} =
        barnacle_native:epmd_names(Hosts, #{timeout => 6 * ?SHORT_MS, port => Port}),
    ?assertEqual(
        lists:zip(Hosts, lists:append(lists:duplicate(10, Expected))), Results
    ).

%% Hung hosts don't keep those that wait for their turn from having one.
more_hosts_than_at_once(_Config) ->
    Live = bed_epmd_script:names([{"app", 4370}]),
    {Hosts, Port} = hosts(lists:duplicate(4, [hold]) ++ lists:duplicate(4, Live)),
    {ok, Results} = barnacle_native:epmd_names(Hosts, #{
        timeout => 12 * ?SHORT_MS, port => Port, concurrency => 2
    }),
    ?assertEqual(
        lists:duplicate(4, {error, timeout}) ++ lists:duplicate(4, {ok, [{<<"app">>, 4370}]}),
        [Result || {_, Result} <- Results]
    ).

host_names(_Config) ->
    {[Host], Port} = hosts([bed_epmd_script:names([{"app", 4370}])]),
    {ok, Address} = inet:parse_address(binary_to_list(Host)),
    Dns = bed_dns_script:start_link([{"a.test", a, [Address]}, {"a.test", aaaa, []}]),
    {ok, Results} = barnacle_native:epmd_names([<<"a.test.">>, <<"b.test.">>], #{
        timeout => ?LONG_MS, port => Port, nameservers => [bed_dns_script:nameserver(Dns)]
    }),
    ?assertEqual(
        [{<<"a.test.">>, {ok, [{<<"app">>, 4370}]}}, {<<"b.test.">>, {error, nxdomain}}], Results
    ).

host_name_with_silent_dns(_Config) ->
    {[Host], Port} = hosts([bed_epmd_script:names([{"app", 4370}])]),
    Dns = bed_dns_script:start_link([{'_', '_', drop}]),
    {ok, Results} = barnacle_native:epmd_names([<<"a.test.">>, Host], #{
        timeout => 6 * ?SHORT_MS, port => Port, nameservers => [bed_dns_script:nameserver(Dns)]
    }),
    ?assertEqual(
        [{<<"a.test.">>, {error, timeout}}, {Host, {ok, [{<<"app">>, 4370}]}}], Results
    ).

%% On a machine too busy to run it in time, what is known is still worth having.
caller_held_up_past_the_deadline(_Config) ->
    {[Answers, Holds] = Hosts, Port} = hosts([bed_epmd_script:names([{"app", 4370}]), [hold]]),
    {Caller, Monitor} = spawn_monitor(fun() ->
        exit({was, barnacle_native:epmd_names(Hosts, #{timeout => ?SHORT_MS, port => Port})})
    end),
    bed_wait:until(begun, fun() ->
        ets:member(barnacle_queue, Caller) orelse not is_process_alive(Caller)
    end),
    try erlang:suspend_process(Caller) of
        true ->
            receive
            after 3 * ?SHORT_MS -> true = erlang:resume_process(Caller)
            end
    catch
        %% It is through already, where all is slow.
        error:_ -> ok
    end,
    receive
        {'DOWN', Monitor, process, Caller, {was, Result}} ->
            ?assertMatch({ok, [{Answers, _}, {Holds, {error, timeout}}]}, Result)
    end.

%% ---- asking

reply(Script) ->
    reply(Script, #{}).

reply(Script, Options) ->
    {[Host], Port} = hosts([Script]),
    ask(Host, Options#{port => Port}).

%% Fake EPMDs, one a script, all on one port; none: nobody listens there.
hosts(Scripts) ->
    Port = bed_ports:port(),
    Hosts = [
        begin
            Address = bed_ports:address(),
            _ = [bed_epmd_script:start_link({Address, Port}, Script) || Script =/= none],
            list_to_binary(inet:ntoa(Address))
        end
     || Script <- Scripts
    ],
    {Hosts, Port}.

ask(Address, Options) when is_tuple(Address) ->
    ask(list_to_binary(inet:ntoa(Address)), Options);
ask(Host, Options) ->
    {ok, [{Host, Result}]} =
        barnacle_native:epmd_names([Host], maps:merge(#{timeout => ?LONG_MS}, Options)),
    Result.
