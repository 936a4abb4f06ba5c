%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_partisan_page_tests).

%% docs/partisan.md: its module compiles without a warning, fits a page, and does with Partisan's
%% functions what the page says. Modules of the test-bed stand in for Partisan's if it is absent.

%% Gleam compiles tests of dependencies too, and EUnit may be missing there.
-ifdef(TEST).

-include_lib("eunit/include/eunit.hrl").

-define(PAGE, "docs/partisan.md").
-define(LINES, 60).

page_test_() ->
    case code:which(partisan) of
        non_existing -> {setup, fun start/0, fun stop/1, fun cases/1};
        _ -> {"Partisan itself is there", ?_assertMatch({ok, _, _}, compiled())}
    end.

start() ->
    Cluster = bed_partisan:start_link(#{
        own => own@p,
        members => ['c@127.0.0.3'],
        peers => #{'a@127.0.0.1' => {up, 0}, b@p => {up, 0}}
    }),
    persistent_term:put(?MODULE, Cluster),
    Modules = [partisan, partisan_peer_service],
    [{module, Module} = load(Module) || Module <- Modules],
    {ok, Example, Code} = compiled(),
    {module, Example} = code:load_binary(Example, ?PAGE, Code),
    {Cluster, Example, Modules}.

stop({Cluster, Example, Modules}) ->
    ok = bed_partisan:stop(Cluster),
    [code:purge(Module) andalso code:delete(Module) || Module <- [Example | Modules]].

cases({Cluster, Module, _}) ->
    {ok, Transport} = barnacle_transport:new({Module, #{port => 10200}}),
    Run = fun(Do, Nodes) -> run(Do, Nodes, Transport) end,
    Spec = fun(Node) ->
        [{_, connect, Node, #{listen_addrs := [Address], channels := #{}}}] =
            bed_partisan:attempts(Node, Cluster),
        Address
    end,
    [
        {"fits a page", ?_assert(length(example()) =< ?LINES)},
        {"bad settings", ?_assertMatch({error, _}, barnacle_transport:new({Module, #{}}))},
        {"own name", ?_assertEqual(own@p, barnacle_transport:name(Transport))},
        {"connected and known", ?_assertEqual(
            {ok, #{connected => [], known => ['c@127.0.0.3', own@p]}},
            barnacle_transport:connected(Transport)
        )},
        {"events", ?_test(begin
            ok = barnacle_transport:watch(Transport),
            ok = bed_wait:until(watched, fun() -> bed_partisan:is_watched(Cluster) end),
            ok = bed_partisan:come(d@p, Cluster),
            ?assertEqual({up, d@p, visible}, next()),
            ok = bed_partisan:go(d@p, Cluster),
            ?assertEqual({down, d@p, visible, unknown}, next())
        end)},
        {"connect", ?_assertEqual({done, []}, Run(connect, ['a@127.0.0.1', b@p]))},
        {"address of the name",
            ?_assertEqual(#{ip => {127, 0, 0, 1}, port => 10200}, Spec('a@127.0.0.1'))},
        {"address of discovery", ?_assertEqual(#{ip => {127, 0, 0, 2}, port => 1}, Spec(b@p))},
        {"no address", ?_assertEqual({done, [{x@p, {no_address, "p"}}]}, Run(connect, [x@p]))},
        {"disconnect", ?_test(begin
            ?assertEqual({done, []}, Run(disconnect, ['a@127.0.0.1', d@p])),
            ?assertEqual([b@p, 'c@127.0.0.3', own@p], members(Cluster))
        end)},
        {"leave", ?_test(begin
            ?assertEqual({done, []}, Run(leave, [b@p])),
            ?assertEqual([own@p], members(Cluster))
        end)}
    ].

members(Cluster) -> maps:get(members, bed_partisan:seen(Cluster)).

next() ->
    receive
        {barnacle_transport, _, _} = Message -> barnacle_transport:event(Message)
    end.

run(Do, Nodes, Transport) ->
    #{ref := Ref} = barnacle_connector:start(#{
        do => Do,
        nodes => Nodes,
        transport => Transport,
        own => own@p,
        data => #{<<"b@p">> => {{127, 0, 0, 2}, 1}},
        options => #{connect_timeout => 60000, max_connects => 64}
    }),
    receive
        {barnacle_connector, Ref, Event} -> Event
    end.

%% ---- the module of the page ----

example() ->
    {ok, Page} = file:read_file(?PAGE),
    [_, Rest] = string:split(Page, "```erlang\n"),
    [Code, _] = string:split(Rest, "\n```"),
    string:split(Code, "\n", all).

compiled() ->
    Text = unicode:characters_to_list(lists:join("\n", example())) ++ "\n",
    {ok, Tokens, _} = erl_scan:string(Text),
    compile:forms(forms(Tokens, []), [return_errors, warnings_as_errors]).

forms([], Forms) ->
    lists:reverse(Forms);
forms(Tokens, Forms) ->
    {Form, [Dot | Rest]} = lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens),
    {ok, Parsed} = erl_parse:parse_form(Form ++ [Dot]),
    forms(Rest, [Parsed | Forms]).

%% ---- in the place of Partisan ----

load(Module) ->
    {Module, Code} = bed_stand_in:compile(source(Module)),
    code:load_binary(Module, "", Code).

source(partisan) ->
    [
        "-module(partisan).",
        "-export([node/0, nodes/0, node_spec/0]).",
        "-compile({no_auto_import, [node/0, nodes/0]}).",
        cluster(),
        "node() -> bed_partisan:name(cluster()).",
        "nodes() -> {ok, Nodes} = bed_partisan:connected(cluster()), Nodes -- [node()].",
        "node_spec() -> #{name => node(), listen_addrs => [#{ip => {0,0,0,0}, port => 1}], "
        "channels => #{}}."
    ];
%% As Partisan 5.0.3 returns them.
source(partisan_peer_service) ->
    [
        "-module(partisan_peer_service).",
        "-export([join/1, leave/0, leave/1, members/0, members_for_orchestration/0]).",
        "-export([on_up/2, on_down/2]).",
        cluster(),
        "join(#{name := Node} = Spec) -> "
        "case bed_partisan:connect(Node, Spec, cluster()) of pending -> ok; Error -> Error end.",
        "leave() -> bed_partisan:leave(cluster()).",
        "leave(#{name := Node}) -> pending = bed_partisan:disconnect(Node, cluster()), ok.",
        "members() -> bed_partisan:known(cluster()).",
        "members_for_orchestration() -> {ok, Nodes} = members(), "
        "{ok, [#{name => Node} || Node <- Nodes]}.",
        "on_up('_', Do) -> on(up, Do).",
        "on_down('_', Do) -> on(down, Do).",
        "on(Change, Do) -> bed_partisan:on(Change, Do, cluster())."
    ].

cluster() -> "cluster() -> persistent_term:get(barnacle_partisan_page_tests).".

-endif.
