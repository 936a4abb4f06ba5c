%% SPDX-License-Identifier: Apache-2.0
-module(timeline_stories).

%% The stories that timeline draws. Each is told in the same words to both kinds of agents.

-import(timeline_record, [
    cast/1, agent/1, members/3, member/3, name/2, part/2, kill/2, restart/2, mark/2, settled/1,
    wait/1
]).

-export([all/0]).

-define(SHORT_MS, 3000).
%% Longer than departed_after and three polls.
-define(LONG_MS, 9000).

-spec all() -> [timeline_record:story()].
all() ->
    [
        #{
            id => rolling_restart,
            title => "Five nodes are restarted one after the other",
            about =>
                "Each leaves DNS, dies, and is back in DNS with a new node of its name. "
                "Nobody else is to lose a link.",
            nodes => 5,
            tell => fun rolling_restart/1
        },
        #{
            id => departed,
            title => "A node leaves DNS and lives on, and is named again",
            about =>
                "The others keep their links. With barnacle the node is asked, leaves by itself, "
                "and rests. A poller that cuts it wakes global's guard, and more links go down.",
            nodes => 5,
            tell => fun departed/1
        },
        #{
            id => wrong_view,
            title => "One node's DNS alone has lost a name",
            about => "The one that was asked stays: its own answers name it.",
            nodes => 5,
            tell => fun wrong_view/1
        },
        #{
            id => half_gone,
            title => "Half of the names are gone at once, for a while",
            about => "Nodes that live are to stay linked: such an answer is suspect.",
            nodes => 6,
            tell => fun half_gone/1
        },
        #{
            id => short_blip,
            title => "A node is not ready for a third of departed_after",
            about =>
                "DNS names ready nodes only, as a headless service does, and a node is ready when "
                "its barnacle says so and its application does; pollers always are.",
            nodes => 5,
            tell => fun(Scene) -> blip(Scene, 1000) end
        },
        #{
            id => long_blip,
            title => "A node is not ready for three times departed_after",
            about =>
                "It leaves when it is asked, counts as ready while it rests, and is in again when "
                "its application is ready: no deadlock.",
            nodes => 5,
            tell => fun(Scene) -> blip(Scene, ?LONG_MS) end
        },
        #{
            id => no_dns,
            title => "The name service is gone: SERVFAIL, then silence, then empty answers",
            about => "What was known stays.",
            nodes => 5,
            tell => fun no_dns/1
        },
        #{
            id => partition,
            title => "A partition of four nodes into two halves heals",
            about =>
                "Each half stays a cluster, and they find each other again. Both notice by "
                "net_ticktime (4 s here).",
            nodes => 4,
            args => bed_story:quick_ticks(),
            hosts => loopback,
            tell => fun partition/1
        },
        #{
            id => two_sources,
            title => "The first node has a second source, which names the second node only",
            about =>
                "What one barnacle wants, another one of the same VM never cuts. Both of the "
                "second source cut what it does not name: barnacle by disconnect = undiscovered.",
            nodes => 4,
            tell => fun two_sources/1
        },
        #{
            id => foreign_link,
            title => "A node that leaves DNS also serves somebody else",
            about =>
                "The fifth node is none of the cluster; the first is linked to it and stays, since "
                "leaving would drop that link too.",
            nodes => 5,
            args => ["-connect_all", "false"],
            tell => fun foreign_link/1
        },
        #{
            id => no_agent,
            title => "A node without an agent leaves DNS and lives on",
            about => "Nobody is there to consent, so nobody is cut.",
            nodes => 5,
            tell => fun no_agent/1
        }
    ].

rolling_restart(Scene) ->
    Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    [
        begin
            ok = mark({"restart", [Node]}, Scene),
            ok = name(Nodes -- [Node], Scene),
            ok = kill(Node, Scene),
            ok = wait(1000),
            ok = restart(Node, Scene),
            ok = member(Node, #{}, Scene),
            ok = name(Nodes, Scene),
            ok = settled(Nodes),
            ok = wait(1000)
        end
     || Node <- Nodes
    ],
    ok.

departed(Scene) ->
    [First | Rest] = Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    ok = mark({"1 leaves DNS", [First]}, Scene),
    ok = name(Rest, Scene),
    ok = wait(?LONG_MS),
    ok = mark({"1 is named again", []}, Scene),
    ok = name(Nodes, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

wrong_view(Scene) ->
    [First, Second | Rest] = Nodes = cast(Scene),
    Wrong = bed_dns_script:start_link(bed_story:answering(Nodes)),
    ok = member(First, #{dns => Wrong}, Scene),
    ok = members([Second | Rest], #{}, Scene),
    ok = settled(Nodes),
    ok = wait(?SHORT_MS),
    ok = mark({"DNS of 1 has lost 2", []}, Scene),
    ok = bed_dns_script:script(Wrong, bed_story:answering(Nodes -- [Second])),
    ok = wait(?LONG_MS),
    ok = mark({"and has it again", []}, Scene),
    ok = bed_dns_script:script(Wrong, bed_story:answering(Nodes)),
    ok = settled(Nodes),
    wait(?SHORT_MS).

half_gone(Scene) ->
    Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    ok = mark({"4, 5 and 6 leave DNS", []}, Scene),
    ok = name(lists:sublist(Nodes, 3), Scene),
    ok = wait(?LONG_MS),
    ok = mark({"all are named again", []}, Scene),
    ok = name(Nodes, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

%% What a controller does: DNS names who is ready.
blip(Scene, Ms) ->
    [First | _] = Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    ok = mark({"1 is not ready", [First]}, Scene),
    ok = controlled(Nodes, [First], Ms, Scene),
    ok = mark({"its application is ready", []}, Scene),
    ok = controlled(Nodes, [], ?LONG_MS, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

controlled(_Nodes, _Unready, Ms, _Scene) when Ms =< 0 ->
    ok;
controlled(Nodes, Unready, Ms, Scene) ->
    Ready = [Node || Node <- Nodes -- Unready, is_ready(Node, Scene)],
    ok = name(Ready, Scene),
    ok = wait(200),
    controlled(Nodes, Unready, Ms - 200, Scene).

is_ready(Node, Scene) ->
    agent(Scene) =:= poller orelse
        bed_node:call(Node, barnacle_cluster, ready, [bed_member:server(), {nodes, 2}]).

no_dns(Scene) ->
    Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    [
        begin
            ok = mark({Text, []}, Scene),
            ok = name([{'_', '_', Answer}], Scene),
            ok = wait(?LONG_MS)
        end
     || {Text, Answer} <- [{"SERVFAIL", servfail}, {"silence", drop}, {"no data", []}]
    ],
    ok = mark({"DNS is back", []}, Scene),
    ok = name(Nodes, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

partition(Scene) ->
    [First, Second | _] = Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    ok = mark({"1 and 2 are cut off", [First, Second]}, Scene),
    ok = part(2, Scene),
    ok = wait(2 * ?LONG_MS),
    ok = mark({"the network is whole", [First, Second]}, Scene),
    ok = part(0, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

two_sources(Scene) ->
    [First, Second | _] = Nodes = cast(Scene),
    ok = formed(Nodes, Scene),
    Other = bed_dns_script:start_link(bed_story:answering([First, Second])),
    ok = mark({"1 has a second source", []}, Scene),
    ok = member(First, #{name => second, dns => Other, disconnect => undiscovered}, Scene),
    ok = wait(2 * ?LONG_MS),
    ok.

foreign_link(Scene) ->
    [First, _, _, _, Foreign] = cast(Scene),
    Members = lists:sublist(cast(Scene), 4),
    ok = name(Members, Scene),
    ok = members(Members, #{}, Scene),
    ok = settled(Members),
    true = bed_node:call(Foreign, net_kernel, connect_node, [bed_node:name(First)]),
    ok = wait(?SHORT_MS),
    ok = mark({"1 leaves DNS", []}, Scene),
    ok = name(tl(Members), Scene),
    ok = wait(?LONG_MS),
    ok.

no_agent(Scene) ->
    [_ | Rest] = Nodes = cast(Scene),
    ok = members(Rest, #{}, Scene),
    ok = settled(Nodes),
    ok = wait(?SHORT_MS),
    ok = mark({"1 leaves DNS", []}, Scene),
    ok = name(Rest, Scene),
    ok = wait(?LONG_MS),
    ok = mark({"1 is named again", []}, Scene),
    ok = name(Nodes, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).

formed(Nodes, Scene) ->
    ok = members(Nodes, #{}, Scene),
    ok = settled(Nodes),
    wait(?SHORT_MS).
