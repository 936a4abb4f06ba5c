%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_print_SUITE).

%% 'Why is node X not here?', answered from barnacle_cluster:print/1 alone: causes that are set up
%% on purpose, each named, none taken for another, and the logs of the others empty.

-include_lib("stdlib/include/assert.hrl").

-export([all/0, suite/0]).
-export([
    on_hosts_without_epmd/1,
    on_hosts_with_epmds/1,
    host_that_is_dead/1,
    host_names/1,
    names_that_are_not_used/1,
    names_that_are_gone/1,
    short_names/1,
    own_state/1,
    source_that_fails/1
]).

-define(NEVER_MS, 3600000).

suite() ->
    [{timetrap, {minutes, 10}}].

all() ->
    [
        on_hosts_without_epmd,
        on_hosts_with_epmds,
        host_that_is_dead,
        host_names,
        names_that_are_not_used,
        names_that_are_gone,
        short_names,
        own_state,
        source_that_fails
    ].

on_hosts_without_epmd(_) ->
    Port = bed_ports:port(),
    [First, Live] = hosts(2, #{fixed_port => Port}),
    [Other] = hosts(1, #{fixed_port => Port, cookie => "another"}),
    [Nobody, Hung] = bed_ports:addresses(2),
    Short = 'app@localhost',
    _ = bed_dead_end:start_link([Hung], Port),
    [ok = bed_node:call(Node, bed_page, watch_log, []) || Node <- [Live, Other]],
    Names = [name(Live), name(Other), at(Nobody), at(Hung), Short],
    ok = bed_story:members([First], bed_story:patient(Names)),
    Page = page_after(3, First),
    told(Page, [
        {name(Live), "linked for", ""},
        {name(Other), "not linked for", "it refused the handshake"},
        {at(Nobody), "not linked for", "nothing listens on its distribution port"},
        {at(Hung), "not linked for", "timed out"},
        {Short, "not linked for", "its name is short, and this node's is long"}
    ]),
    Fixes = bed_page:section("What to do", Page),
    [found(Part, Fixes) || Part <- ["different cookies", "the node is down", "it hangs"]],
    %% A dial to a node of another cookie is an error in that node's log; back-off keeps them few.
    ?assertEqual([], bed_node:call(Live, bed_page, logged, [])),
    Lines = length(bed_node:call(Other, bed_page, logged, [])),
    #{attempts := Attempts} = maps:get(atom_to_binary(name(Other)), wanted(First)),
    ?assert(Lines =< Attempts + 1, {Lines, Attempts}),
    {comment, lists:flatten(io_lib:format("~b lines of ~b dials", [Lines, Attempts]))}.

on_hosts_with_epmds(_) ->
    Epmd = bed_epmd:start_link(),
    Port = bed_epmd:port(Epmd),
    Here = #{name => "app", host => {127, 0, 0, 1}, epmd_port => Port},
    [First] = bed_nodes:start_link(#{}, [Here]),
    [None, Unknown, Closed, Silent, Rubbish] = bed_ports:addresses(5),
    Scripted = fun(Address, Script) -> bed_epmd_script:start_link({Address, Port}, Script) end,
    _ = Scripted(Unknown, bed_epmd_script:knowing([{"web", 5}, {"job", 6}])),
    _ = Scripted(Closed, bed_epmd_script:knowing([{"app", bed_ports:port(Closed)}])),
    _ = Scripted(Silent, [hold]),
    _ = Scripted(Rubbish, []),
    Names = [at(Address) || Address <- [None, Unknown, Closed, Silent, Rubbish]],
    ok = bed_story:members([First], bed_story:patient(Names)),
    Page = page_after(1, First),
    told(Page, [
        {at(None), "not linked for", "no EPMD runs on its host"},
        {at(Unknown), "not linked for", "EPMD does not know it (it knows job, web)"},
        {at(Closed), "not linked for", "nothing listens on its distribution port"},
        {at(Silent), "not linked for", "EPMD does not answer"},
        {at(Rubbish), "not linked for", "what answers on its host is no EPMD"}
    ]).

host_that_is_dead(_) ->
    case bed_hosts:missing(netns) of
        none ->
            [_, _, Dead] = Hosts = bed_hosts:start_link(netns, 3),
            [First, Live, Third] = bed_hosts:nodes(Hosts, #{}),
            ok = bed_hosts:die(Dead),
            [ok = bed_node:call(Node, bed_page, watch_log, []) || Node <- [Live]],
            Names = [name(Live), name(Third)],
            ok = bed_story:members([First], bed_story:patient(Names)),
            Page = page_after(1, First),
            told(Page, [
                {name(Live), "linked for", ""},
                {name(Third), "not linked for", "its host does not answer"}
            ]),
            found("a dead host, or a firewall", bed_page:section("What to do", Page)),
            ?assertEqual([], bed_node:call(Live, bed_page, logged, []));
        Why ->
            {skip, Why}
    end.

host_names(_) ->
    case bed_etc:missing() of
        none ->
            Dns = bed_dns_script:start_link(
                [{"gone.cluster.test", '_', nxdomain}, {'_', '_', drop}], 53
            ),
            {Server, _} = bed_dns_script:address(Dns),
            Resolv = lists:flatten(["nameserver ", inet:ntoa(Server), "\n"]),
            [First] = hosts(1, #{fixed_port => bed_ports:port(), exec => bed_etc:exec(Resolv)}),
            Names = ['app@gone.cluster.test', 'app@silent.cluster.test'],
            ok = bed_story:members([First], (bed_story:patient(Names))#{retry_max => 2000}),
            Whys = ["the name does not exist", "could not be looked up: timed out"],
            %% Who is held up is told at first that there was no time to look; it tries again.
            Page = page_with(Whys, First),
            told(Page, [{Name, "not linked for", Why} || {Name, Why} <- lists:zip(Names, Whys)]);
        Why ->
            {skip, Why}
    end.

names_that_are_not_used(_) ->
    [First, Other] = hosts(2, #{fixed_port => bed_ports:port()}),
    ok = bed_node:call(First, application, set_env, [barnacle, max_new_atoms, 0]),
    ok = answer(First, [
        <<"web@10.0.0.1">>, <<"app@10.0.0.1 ">>, <<"app@10.250.250.250">>
    ]),
    true = bed_node:call(First, net_kernel, connect_node, [name(Other)]),
    ok = bed_story:members([First], (from_node())#{filter => [<<"app@*">>]}),
    Page = page_after(1, First),
    Names = bed_page:section("Other names", Page),
    [
        found(Part, Names)
     || Part <- [
            "kept away by the setting filter: web@10.0.0.1",
            "not a valid node name: its host has a blank: app@10.0.0.1 ",
            "no more atoms for new names (max_new_atoms): app@10.250.250.250",
            "linked, though the source does not name it: " ++ atom_to_list(name(Other))
        ]
    ],
    ?assertEqual(none, bed_page:row("web@10.0.0.1", Page)),
    %% Who stands nowhere is in no answer; the page says that too.
    ?assertEqual(nomatch, string:find(Page, "ghost@10.0.0.1")),
    found("in no answer that the source has given", Page).

names_that_are_gone(_) ->
    [First, Gone, Left] = Nodes = hosts(3, #{fixed_port => bed_ports:port()}),
    Names = [atom_to_binary(name(Node)) || Node <- Nodes],
    [ok = answer(Node, Names) || Node <- Nodes],
    ok = bed_story:members(Nodes, from_node()),
    ok = bed_nodes:await_mesh(Nodes),
    [ok = bed_story:await_wanted(Node, Nodes) || Node <- Nodes],
    {ok, _} = bed_node:call(Left, barnacle_cluster, leave, [bed_member:server(), 60000]),
    ok = answer(First, Names -- [atom_to_binary(name(Gone))]),
    ok = bed_story:rounds(First, 2),
    Page = bed_page:page(First),
    told(Page, [
        {name(Gone), "not in the answer of the source for", ""},
        {name(Left), "said that it leaves", ""}
    ]),
    found("left the cluster", bed_page:page(Left)).

short_names(_) ->
    %% With a fixed port, each name at an address of this host would be this node.
    Live = 'live@192.0.2.1',
    {ok, Peer, _} = peer:start_link(#{
        connection => standard_io,
        wait_boot => 120000,
        name => app,
        host => "localhost",
        args => ["-start_epmd", "false", "-erl_epmd_port", integer_to_list(bed_ports:port())] ++
            ["-pa" | bed_node:code_path()]
    }),
    Call = fun(Module, Function, Args) -> peer:call(Peer, Module, Function, Args, 60000) end,
    {ok, _} = Call(application, ensure_all_started, [barnacle]),
    {ok, Server} = Call(gen_server, start, [
        barnacle_server, checked(#{strategy => {epmd, [Live]}}), []
    ]),
    _ = Call(barnacle_cluster, refresh, [Server]),
    Page = Call(bed_page, printed, [Server]),
    told(Page, [{Live, "not linked for", "its name is long, and this node's is short"}]),
    Hint = bed_page:section("About this node", Page),
    [found(Part, Hint) || Part <- ["has a short name", "live@192.0.2.1", "start it with -name"]],
    peer:stop(Peer).

own_state(_) ->
    [First] = hosts(1, #{fixed_port => bed_ports:port()}),
    ok = answer(First, [<<"app@10.0.0.1">>]),
    ok = bed_story:members([First], (from_node())#{connect_timeout => 200}),
    found("running", page_after(1, First)),
    %% Its own name is not among those that its source has.
    Hint = bed_page:section("About this node", bed_page:page(First)),
    found("this node is " ++ atom_to_list(name(First)) ++ ", which discovery does not name", Hint),
    ok = bed_node:call(First, barnacle_cluster, pause, [bed_member:server()]),
    found(": paused; refresh resumes", bed_page:page(First)),
    {ok, Dead} = bed_node:start_link(#{alive => false}),
    ok = bed_story:members([Dead], #{strategy => {epmd, ['app@127.0.0.1']}}),
    NotAlive = page_after(1, Dead),
    found("this node is not alive", NotAlive),
    told(NotAlive, [{'app@127.0.0.1', "not linked for", "this node is not alive"}]).

source_that_fails(_) ->
    Dns = bed_dns_script:start_link([{'_', '_', servfail}]),
    [First] = hosts(1, #{fixed_port => bed_ports:port()}),
    ok = bed_story:members([First], bed_story:dns(bed_dns_script:nameserver(Dns), #{})),
    Page = re:replace(page_after(1, First), "\\s+", " ", [global, {return, list}]),
    found("no complete answer yet; now fails: the name server failed", Page).

%% ---------------------------------------------------------------------------------------------

%% Each name's row begins so and says so, and what is said of the others is not in it.
told(Page, Rows) ->
    io:format("~ts", [Page]),
    [
        begin
            Row = bed_page:row(atom_to_list(Name), Page),
            ?assertNotEqual({Name, none}, {Name, Row}),
            ?assert(lists:prefix(Begin, Row), {Name, Row}),
            found(Why, Row),
            [
                ?assertEqual({Row, nomatch}, {Row, string:find(Row, Other)})
             || {_, _, Other} <- Rows, Other =/= "", Other =/= Why
            ]
        end
     || {Name, Begin, Why} <- Rows
    ].

found(Part, Text) ->
    ?assertNotEqual({Part, Text, nomatch}, {Part, Text, string:find(Text, Part)}).

page_after(Rounds, Node) ->
    ok = bed_wait:until(rounds, fun() -> maps:get(rounds, bed_story:status(Node)) >= Rounds end),
    bed_page:page(Node).

page_with(Texts, Node) ->
    bed_wait:until({page, Texts}, fun() ->
        Page = bed_page:page(Node),
        IsThere = fun(Text) -> string:find(Page, Text) =/= nomatch end,
        case lists:all(IsThere, Texts) of
            true -> {true, Page};
            false -> Page
        end
    end).

hosts(Count, Options) ->
    bed_nodes:start_link(Options#{name => "app"}, [
        #{host => Address}
     || Address <- bed_ports:addresses(Count)
    ]).

name(Node) -> bed_node:name(Node).

at(Address) -> list_to_atom("app@" ++ inet:ntoa(Address)).

wanted(Node) -> maps:get(wanted, bed_story:status(Node)).

checked(Options) ->
    {ok, Checked} = barnacle_options:new(Options),
    Checked.

%% A source that says what the test has put into the node.
from_node() ->
    #{strategy => {bed_answer, []}}.

answer(Node, Names) ->
    bed_node:call(Node, application, set_env, [barnacle_bed, names, Names]).
