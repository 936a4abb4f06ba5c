%% SPDX-License-Identifier: Apache-2.0
-module(timeline_record).

%% Plays one story with one kind of agent, and records who saw whom when.

-export([play/2, lost/1, poll_ms/0, departed_after_ms/0]).
%% The words of stories.
-export([cast/1, part/2, name/2, mark/2, wait/1, kill/2, restart/2, settled/1]).
-export([members/3, member/3, agent/1]).

-export_type([story/0, scene/0, panel/0]).

-type story() :: #{
    id := atom(),
    title := string(),
    about := string(),
    %% Their nodes, by options of their own; the number of the healthy ones that stand for
    %% the cluster is theirs to say.
    nodes := pos_integer(),
    args => [string()],
    hosts => loopback,
    tell := fun((scene()) -> ok)
}.

-record(scene, {
    agent :: barnacle | poller,
    nodes :: bed_nodes:nodes(),
    hosts = [] :: [term()],
    dns :: pid(),
    log :: pid()
}).

-opaque scene() :: #scene{}.

%% Times are in seconds since the story's beginning. seen: how many of the others each node saw from
%% when on, none where it was down. losses: {At, Of, Whom}. troubled: who was in trouble from when
%% on.
-type panel() :: #{
    names := [node()],
    rows := [[{float(), none | non_neg_integer()}]],
    marks := [{float(), string()}],
    losses := [{float(), node(), node()}],
    troubled := [{float(), [node()]}],
    end_s := float()
}.

-define(POLL_MS, 500).
-define(LOOKUP_MS, 300).
-define(DEPARTED_AFTER_MS, 3000).
-define(LIMIT_MS, 120000).
-define(DOMAIN, "nodes.cluster.test").

-spec poll_ms() -> pos_integer().
poll_ms() -> ?POLL_MS.

-spec departed_after_ms() -> pos_integer().
departed_after_ms() -> ?DEPARTED_AFTER_MS.

-spec play(barnacle | poller, story()) -> panel().
play(Agent, #{nodes := Count, tell := Tell} = Story) ->
    {Hosts, Nodes} = world(Count, Story),
    Dns = bed_dns_script:start_link(bed_story:answering(Nodes)),
    Log = spawn_link(fun() -> log([]) end),
    Scene = #scene{agent = Agent, nodes = Nodes, hosts = Hosts, dns = Dns, log = Log},
    _ = bed_nodes:each(Nodes, bench_watch, start, []),
    BeginUs = now_us(),
    ok = Tell(Scene),
    _ = [ended(Node, Scene) || Node <- Nodes],
    EndUs = now_us(),
    Logged = logged(Log),
    Names = [bed_node:name(Node) || Node <- Nodes],
    ok = bed_nodes:stop(Nodes),
    panel(Names, Logged, BeginUs, EndUs).

world(Count, #{hosts := loopback} = Story) ->
    Hosts = bed_hosts:start_link(loopback, Count),
    {Hosts, bed_hosts:nodes(Hosts, #{args => args(Story)})};
world(Count, Story) ->
    Common = #{name => "app", fixed_port => bed_ports:port(), args => args(Story)},
    Hosts = [#{host => bed_ports:address()} || _ <- lists:seq(1, Count)],
    {[], bed_nodes:start_link(Common, Hosts)}.

args(Story) ->
    maps:get(args, Story, []) ++ ["-kernel", "logger_level", "emergency"].

%% ---- the words of stories ----

%% Its nodes.
-spec cast(scene()) -> bed_nodes:nodes().
cast(#scene{nodes = Nodes}) -> Nodes.

-spec agent(scene()) -> barnacle | poller.
agent(#scene{agent = Agent}) -> Agent.

%% Cuts, or heals where nobody is named, the network between the first and the others.
-spec part(non_neg_integer(), scene()) -> ok.
part(0, #scene{hosts = Hosts}) ->
    bed_hosts:heal(Hosts);
part(Count, #scene{hosts = Hosts}) ->
    {Left, Right} = lists:split(Count, Hosts),
    bed_hosts:cut(Left, Right).

%% What DNS says from now on: these nodes, or something else.
-spec name(bed_nodes:nodes() | bed_dns_script:script(), scene()) -> ok.
name([Node | _] = Nodes, #scene{dns = Dns}) when is_pid(Node) ->
    bed_dns_script:script(Dns, bed_story:answering(Nodes));
name(Script, #scene{dns = Dns}) ->
    bed_dns_script:script(Dns, Script).

%% An event to be seen in the picture, and who is in trouble until the next one: losing him is his
%% trouble's fault.
-spec mark({string(), bed_nodes:nodes()}, scene()) -> ok.
mark({Text, Troubled}, #scene{log = Log}) ->
    Names = [bed_node:name(Node) || Node <- Troubled],
    Log ! {log, {mark, now_us(), Text, Names}},
    io:format("    ~ts~n", [Text]).

%% Lets time pass: this is what a story is made of.
-spec wait(pos_integer()) -> ok.
wait(Ms) ->
    receive
    after Ms -> ok
    end.

-spec kill(bed_node:name(), scene()) -> ok.
kill(Node, Scene) ->
    ok = ended(Node, Scene),
    bed_node:kill(Node).

-spec restart(bed_node:name(), scene()) -> ok.
restart(Node, #scene{log = Log}) ->
    ok = bed_node:restart(Node),
    ok = bed_node:call(Node, bench_watch, start, []),
    Log ! {log, {began, bed_node:name(Node), now_us()}},
    ok.

%% Waits until these see each other, if they ever do.
-spec settled(bed_nodes:nodes()) -> ok.
settled(Nodes) ->
    try
        bed_wait:until(mesh, fun() -> bed_nodes:is_mesh(Nodes) end, ?LIMIT_MS)
    catch
        error:_ -> ok
    end.

%% An agent on each of these nodes, which learns from the story's name server.
-spec members(bed_nodes:nodes(), map(), scene()) -> ok.
members(Nodes, Options, Scene) ->
    [ok = member(Node, Options, Scene) || Node <- Nodes],
    ok.

%% Options may name another server (dns), domain (query) or name of the agent.
-spec member(bed_node:name(), map(), scene()) -> ok.
member(Node, Options, #scene{agent = barnacle, dns = Dns}) ->
    {Own, Server} = of_server(Options, Dns),
    {dns, Query} = maps:get(strategy, bed_story:dns(bed_dns_script:nameserver(Server), #{})),
    Strategy = {dns, Query#{query => list_to_binary(domain(Own) ++ "."), timeout => ?LOOKUP_MS}},
    Settings = maps:merge(
        #{strategy => Strategy, departed_after => ?DEPARTED_AFTER_MS, poll_interval => ?POLL_MS},
        maps:without([name, query], Own)
    ),
    case Own of
        #{name := Name} ->
            {ok, _} = bed_node:call(Node, application, ensure_all_started, [barnacle]),
            {ok, Checked} = barnacle_options:new(Settings#{name => Name}),
            {ok, _} = bed_node:call(Node, gen_server, start, [
                {local, Name}, barnacle_server, Checked, []
            ]),
            ok;
        #{} ->
            bed_story:members([Node], Settings)
    end;
member(Node, Options, #scene{agent = poller, dns = Dns}) ->
    {Own, Server} = of_server(Options, Dns),
    bed_node:call(Node, bench_field_poller, start, [
        maps:merge(maps:with([name], Own), #{
            basename => "app",
            query => domain(Own),
            nameserver => bed_dns_script:address(Server),
            poll_ms => ?POLL_MS,
            timeout_ms => ?LOOKUP_MS,
            belief => answers
        })
    ]).

of_server(Options, Dns) ->
    {maps:remove(dns, Options), maps:get(dns, Options, Dns)}.

domain(#{query := Query}) -> Query;
domain(_) -> ?DOMAIN.

%% ---- the record ----

log(Entries) ->
    receive
        {log, Entry} -> log([Entry | Entries]);
        {read, Caller} -> Caller ! {self(), lists:reverse(Entries)}
    end.

logged(Log) ->
    Log ! {read, self()},
    receive
        {Log, Entries} -> Entries
    end.

%% What a node saw goes with it, so it is read before.
ended(Node, #scene{log = Log}) ->
    Seen = bed_node:call(Node, bench_watch, seen, []),
    Log ! {log, {life, bed_node:name(Node), Seen, now_us()}},
    ok.

panel(Names, Logged, BeginUs, EndUs) ->
    S = fun(AtUs) -> (AtUs - BeginUs) / 1000000 end,
    Downs = [
        {S(At), Of, Whom}
     || {life, Of, Seen, _} <- Logged, {down, Whom, At} <- Seen, lists:member(Whom, Names)
    ],
    #{
        names => Names,
        rows => [row(Name, Names, Logged, S) || Name <- Names],
        marks => [{S(At), Text} || {mark, At, Text, _} <- Logged],
        losses => lists:sort(Downs),
        troubled => [{S(At), Whom} || {mark, At, _, Whom} <- Logged],
        end_s => S(EndUs)
    }.

row(Name, Names, Logged, S) ->
    lists:append([[{0.0, 0}] | [entry(Entry, Name, Names, S) || Entry <- Logged]]).

entry({life, Name, Seen, EndUs}, Name, Names, S) ->
    {Points, _} = lists:mapfoldl(
        fun({Event, _, At}, Count0) ->
            Count = count(Event, Count0),
            {{S(At), Count}, Count}
        end,
        0,
        [Event || {_, Whom, _} = Event <- Seen, lists:member(Whom, Names)]
    ),
    Points ++ [{S(EndUs), none}];
entry({began, Name, AtUs}, Name, _Names, S) ->
    [{S(AtUs), 0}];
entry(_, _, _, _) ->
    [].

count(up, Count) -> Count + 1;
count(down, Count) -> Count - 1.

%% Links lost between two nodes neither of which was in trouble then.
-spec lost(panel()) -> [{float(), node(), node()}].
lost(#{losses := Losses, troubled := Troubled}) ->
    [
        Loss
     || {AtS, Of, Whom} = Loss <- Losses,
        InTrouble <- [in_trouble(AtS, Troubled)],
        not lists:member(Of, InTrouble),
        not lists:member(Whom, InTrouble)
    ].

in_trouble(AtS, Troubled) ->
    lists:last([[] | [Nodes || {SinceS, Nodes} <- Troubled, SinceS =< AtS]]).

now_us() ->
    os:system_time(microsecond).
