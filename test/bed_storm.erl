%% SPDX-License-Identifier: Apache-2.0
-module(bed_storm).

%% A storm: faults in random order (bed_storm_faults) over real nodes that all live and all belong
%% together, and the links that are lost meanwhile though no fault took them. Each node has a name
%% server of its own, so that each can see a world of its own.

-export([start_link/2, play/2, stop/1, barnacles/1]).

-export_type([storm/0, agent/0, loss/0]).

%% What finds and joins the nodes: how it is started in one, how many rounds it has ended there, and
%% how it is made to do one now.
-type agent() :: #{
    start := fun((bed_node:name(), {inet:ip_address(), inet:port_number()}) -> ok),
    rounds := fun((bed_node:name()) -> non_neg_integer()),
    refresh := fun((bed_node:name()) -> term())
}.

-record(member, {
    index :: pos_integer(),
    node :: bed_node:name(),
    name :: node(),
    host :: bed_hosts:host(),
    dns :: pid(),
    view :: bed_storm_faults:view()
}).

-opaque storm() :: #{members := [#member{}], agent := agent()}.

%% A fault, and the links that were lost under it without being its own.
-type loss() :: {bed_storm_faults:step(), [{node(), node()}]}.

%% A barnacle notices in a storm what takes it minutes elsewhere; how long a name must be missing
%% is left as it is.
-define(POLL_MS, 20).
-define(LOOKUP_MS, 150).
-define(GRACE_MS, 40).
-define(CONNECT_MS, 500).

%% Nodes with an agent each, all of which see each other.
-spec start_link(pos_integer(), agent()) -> storm().
start_link(Count, Agent) ->
    Hosts = bed_hosts:start_link(loopback, Count),
    Nodes = bed_hosts:nodes(Hosts, #{args => ["-kernel", "logger_level", "emergency"]}),
    All = [bed_hosts:address(Host) || Host <- Hosts],
    Members = [
        begin
            View = #{all => All, own => bed_hosts:address(Host)},
            #member{
                index = Index,
                node = Node,
                name = bed_node:name(Node),
                host = Host,
                dns = bed_dns_script:start_link(bed_storm_faults:truth(View)),
                view = View
            }
        end
     || {Index, Host, Node} <- lists:zip3(lists:seq(1, Count), Hosts, Nodes)
    ],
    Storm = #{members => Members, agent => Agent},
    _ = at_once(fun(Member) -> start(Member, Storm) end, Members),
    ok = calm(Storm),
    Storm.

%% Goes through faults, and gives those under which links were lost that were not theirs.
-spec play(storm(), [bed_storm_faults:step()]) -> [loss()].
play(#{members := Members} = Storm, Steps) ->
    {Losses, _} = lists:mapfoldl(
        fun(Step, Watched) -> fault(Step, Watched, Storm) end, watch(Members), Steps
    ),
    [Loss || {_, [_ | _]} = Loss <- Losses].

%% Ends the nodes and their name servers.
-spec stop(storm()) -> ok.
stop(#{members := Members}) ->
    ok = bed_nodes:stop([Node || #member{node = Node} <- Members]),
    lists:foreach(fun(#member{dns = Dns}) -> ok = bed_dns_script:stop(Dns) end, Members).

%% Barnacles with these options beside the strategy.
-spec barnacles(#{atom() => term()}) -> agent().
barnacles(Options) ->
    #{
        start => fun(Node, {Address, Port}) ->
            Nameserver = iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]),
            Dns = #{nameservers => [Nameserver], timeout => ?LOOKUP_MS, grace => ?GRACE_MS},
            #{strategy := Strategy} = bed_story:dns(Nameserver, Dns),
            Quick = #{
                strategy => Strategy, poll_interval => ?POLL_MS, connect_timeout => ?CONNECT_MS
            },
            bed_story:members([Node], maps:merge(Quick, Options))
        end,
        rounds => fun(Node) -> maps:get(rounds, bed_story:status(Node)) end,
        refresh => fun bed_story:refresh/1
    }.

fault(Step, Watched, #{members := Members} = Storm) ->
    _ = at_once(fun(Member) -> ok = name_server(Step, Member) end, Members),
    ok = begin_host_fault(Step, Storm),
    ok = drive(Step, Storm),
    ok = end_host_fault(Step, Storm),
    case Step of
        #{healed := true} ->
            _ = at_once(
                fun(#member{dns = Dns, view = View}) ->
                    ok = bed_dns_script:script(Dns, bed_storm_faults:truth(View))
                end,
                Members
            ),
            ok = calm(Storm);
        #{healed := false} ->
            ok
    end,
    {Lost, Watched1} = lost(Watched, Step, Storm),
    {{Step, not_the_faults_own(Lost, Step, Storm)}, Watched1}.

name_server(#{dns := none}, #member{dns = Dns, view = View}) ->
    bed_dns_script:script(Dns, bed_storm_faults:truth(View));
name_server(#{views := Views} = Step, #member{index = Index, dns = Dns, view = View}) ->
    case lists:member(Index, Views) of
        true -> bed_dns_script:script(Dns, bed_storm_faults:script(Step, View));
        false -> bed_dns_script:script(Dns, bed_storm_faults:truth(View))
    end.

begin_host_fault(#{host := none}, _Storm) ->
    ok;
begin_host_fault(#{host := cut_off}, #{members := Members}) ->
    {Left, Right} = lists:split(length(Members) div 2, [Host || #member{host = Host} <- Members]),
    bed_hosts:cut(Left, Right);
begin_host_fault(#{host := Fault} = Step, Storm) ->
    #member{node = Node, host = Host} = victim(Step, Storm),
    case Fault of
        dead -> bed_hosts:die(Host);
        slow -> bed_hosts:slow(Host, ?POLL_MS);
        hung -> bed_node:suspend(Node);
        killed -> bed_node:kill(Node);
        %% Killed first: of a living node global's guard would be told that it lost others in part,
        %% and would take more links than this fault does.
        killed_refusing -> ok = bed_node:kill(Node), bed_hosts:refuse(Host);
        killed_silent -> ok = bed_node:kill(Node), bed_hosts:die(Host)
    end.

end_host_fault(#{host := none}, _Storm) ->
    ok;
end_host_fault(#{host := Fault} = Step, #{members := Members} = Storm) ->
    ok = bed_hosts:heal([Host || #member{host = Host} <- Members]),
    #member{node = Node} = Victim = victim(Step, Storm),
    case {Fault, bed_storm_faults:is_killed(Step)} of
        {hung, _} -> bed_node:resume(Node);
        {_, true} -> ok = bed_node:restart(Node), start(Victim, Storm);
        {_, false} -> ok
    end.

victim(#{victim := Index}, #{members := Members}) ->
    lists:nth(Index, Members).

start(#member{node = Node, dns = Dns}, #{agent := #{start := Start}}) ->
    ok = Start(Node, bed_dns_script:address(Dns)).

%% Those that run at all go through as many rounds.
drive(#{rounds := Rounds, drive := Drive, host := Fault} = Step, #{members := Members} = Storm) ->
    Running =
        case Fault =:= hung orelse bed_storm_faults:is_killed(Step) of
            true -> Members -- [victim(Step, Storm)];
            false -> Members
        end,
    _ = at_once(fun(#member{node = Node}) -> ok = rounds(Drive, Node, Rounds, Storm) end, Running),
    ok.

rounds(refreshes, Node, Count, #{agent := #{refresh := Refresh}}) ->
    lists:foreach(fun(_) -> Refresh(Node) end, lists:seq(1, Count));
rounds(polls, Node, Count, #{agent := #{rounds := Rounds}}) ->
    Before = Rounds(Node),
    bed_wait:until({rounds, Count}, fun() -> Rounds(Node) >= Before + Count end).

%% All see each other, and have had an answer since: the second round has begun after this.
calm(#{members := Members} = Storm) ->
    _ = at_once(fun(#member{node = Node}) -> ok = rounds(polls, Node, 2, Storm) end, Members),
    bed_nodes:await_mesh([Node || #member{node = Node} <- Members]).

watch(Members) ->
    maps:from_list([
        {Name, {Watcher, []}}
     || #member{node = Node, name = Name} <- Members, {_, Watcher} <- bed_story:watch([Node])
    ]).

%% Who has lost whom since it was asked last. The watcher of a node that was killed went with it.
lost(Watched, Step, #{members := Members} = Storm) ->
    Renewed =
        case bed_storm_faults:is_killed(Step) of
            true -> watch([victim(Step, Storm)]);
            false -> #{}
        end,
    Now = at_once(
        fun(#member{node = Node, name = Name}) ->
            {Watcher, Before} = maps:get(Name, maps:merge(Watched, Renewed)),
            All = bed_node:call(Node, bed_links, lost, [Watcher]),
            {Name, lists:nthtail(length(Before), All), {Watcher, All}}
        end,
        Members
    ),
    {
        lists:usort([
            {min(Name, Other), max(Name, Other)} || {Name, Lost, _} <- Now, Other <- Lost
        ]),
        maps:from_list([{Name, Watching} || {Name, _, Watching} <- Now])
    }.

not_the_faults_own(Lost, Step, Storm) ->
    #member{name = Victim} = victim(Step, Storm),
    case bed_storm_faults:is_killed(Step) of
        true -> [Pair || {One, Other} = Pair <- Lost, One =/= Victim, Other =/= Victim];
        false -> Lost
    end.

at_once(Fun, List) ->
    bed_nodes:at_once(Fun, List).
