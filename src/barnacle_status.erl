%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_status).

-include("barnacle_doc.hrl").

?MODULEDOC("What a barnacle knows and does, as a map for people and programs.").

-export([map/2]).

-export_type([status/0, peer/0, mode/0, known/0, facts/0]).

?DOC("""
running; paused, by pause; left, by leave; resting: asked to leave, it has left, and connects again
when its source returns its name again.
""").
-type mode() :: running | paused | left | resting.

?DOC("""
What it is: name (undefined without one), node, whether that is alive (always with a transport that
needs no distributed Erlang), the strategy's module, the
setting disconnect.

What it does: state; round, whether one runs; next_poll_in ms, or none; the totals rounds,
failed_rounds, crashed_rounds, and of links joined and lost.

What it was told: answer, the last one's kind, and why it is not complete; queried, the queries that
brought nothing, if it is not complete and the strategy is dns: {Name, Server, Outcome} with the
full name, the server as Address:Port, and no_data or an error of DNS; last_complete, its names
and its age in ms; last_error with its age, for how many ms and rounds in a row there were errors,
and whether the last round had one; suspect, whether too many names are missing at once to be
believed; filtered and refused names; own_names, discovered names that are this node by another name
and count nowhere; hints, what is wrong with this node.

listener: ok, or why it cannot be told; none without one.

Who is there: wanted, each wanted node as a binary. missing: names that complete answers bring no
more, for how many ms. departed: those of them that count as gone and are still linked, and what
became of asking them to leave. left: named ones that said that they leave. others: visible nodes
that are linked and none of these.

Later versions may have more keys.
""").
-type status() :: #{
    name := atom(),
    node := node(),
    alive := boolean(),
    strategy := module(),
    disconnect := barnacle_plan:mode(),
    state := mode(),
    round := idle | running,
    next_poll_in := non_neg_integer() | none,
    rounds := non_neg_integer(),
    failed_rounds := non_neg_integer(),
    crashed_rounds := non_neg_integer(),
    joined := non_neg_integer(),
    lost := non_neg_integer(),
    answer := none | complete | partial | error,
    why := term(),
    queried := [barnacle_strategy:queried()],
    last_complete := none | #{names := [barnacle_names:name()], age := non_neg_integer()},
    last_error :=
        none
        | #{
            reason := term(),
            age := non_neg_integer(),
            for := non_neg_integer(),
            rounds := pos_integer(),
            lasting := boolean()
        },
    suspect := boolean(),
    filtered := [binary()],
    own_names := [binary()],
    refused := [{binary(), barnacle_atom_budget:refusal()}],
    hints := [barnacle_hints:hint()],
    listener := none | barnacle_listener:state(),
    wanted := #{binary() => peer()},
    missing := #{binary() => non_neg_integer()},
    departed := #{binary() => barnacle_departing_state:asked()},
    left := [binary()],
    others := [binary()]
}.

?DOC("""
A wanted node. connected; connecting, nothing is known yet; failing; backing_off, left alone until
next_try_in. for: how many ms it has been so; a node that fails and is tried again goes on failing.
attempts: dials that failed; none where a link was lost. reason: why the last dial failed, or the
link was lost. next_try_in: ms, where it is known.
""").
-type peer() :: #{
    state := connected | connecting | failing | backing_off,
    for := non_neg_integer(),
    attempts := non_neg_integer(),
    reason => term(),
    next_try_in => non_neg_integer()
}.

?DOC("What the machine knows (barnacle_machine:status/2).").
-type known() :: #{
    now_ms := integer(),
    settings := barnacle_machine:settings(),
    mode := barnacle_leaving:mode(),
    phase := none | asked | running,
    plan := barnacle_plan:plan(),
    history := barnacle_history:history(),
    retries := barnacle_retries:retries(),
    connected := #{node() => _},
    visible := #{node() => _},
    departed := #{binary() => barnacle_departing_state:asked()},
    next_poll_in := none | non_neg_integer(),
    _ => _
}.

?DOC("What the server has beside that.").
-type facts() :: #{
    options := barnacle_options:checked(),
    strategy := barnacle_strategy:t(),
    listener := none | barnacle_listener:state()
}.

?DOC("The status. Pure but for whether distributed Erlang is alive.").
-spec map(known(), facts()) -> status().
map(#{plan := Plan, history := History, now_ms := NowMs} = Known, Facts) ->
    #{options := Options, strategy := Strategy, listener := Listener} = Facts,
    #{settings := #{node := Node}, visible := Visible, phase := Phase} = Known,
    #{transport := Transport} = Options,
    NeedsDistribution = barnacle_transport:connects_by_distribution(Transport),
    Standings = barnacle_plan:standings(NowMs, Plan),
    Last = barnacle_history:last(History),
    Status = #{
        name => maps:get(name, Options, undefined),
        node => Node,
        alive => not NeedsDistribution orelse is_alive(),
        strategy => barnacle_strategy:describe(Strategy),
        disconnect => maps:get(disconnect, Options),
        state => state(maps:get(mode, Known)),
        round => running(Phase),
        next_poll_in => maps:get(next_poll_in, Known),
        last_complete => barnacle_history:complete(NowMs, History),
        last_error => barnacle_history:error(NowMs, History),
        hints => hints(Last, Options),
        listener => Listener,
        wanted => wanted(Standings, Known),
        missing => maps:from_list([{N, Ms} || {N, {absent, Ms}} <- maps:to_list(Standings)]),
        departed => believed(maps:get(departed, Known), Last),
        left => lists:sort([Name || {Name, left} <- maps:to_list(Standings)]),
        others => lists:sort([
            Name
         || Name <- maps:keys(barnacle_names:set(lists:delete(Node, maps:keys(Visible)))),
            not is_map_key(Name, Standings)
        ])
    },
    maps:merge(maps:merge(Last, barnacle_history:totals(History)), Status).

state(standby) -> resting;
state(Mode) -> Mode.

running(none) -> idle;
running(_AskedOrRunning) -> running.

%% Nobody counts as gone while the source is suspect, though who was asked is remembered.
believed(_Departed, #{suspect := true}) -> #{};
believed(Departed, #{}) -> Departed.

%% A node may have come alive since the last refresh, or not any more.
hints(#{hints := Hints}, #{transport := Transport}) ->
    case barnacle_transport:connects_by_distribution(Transport) andalso not is_alive() of
        true -> [not_alive];
        false -> lists:delete(not_alive, Hints)
    end.

wanted(Standings, #{connected := Connected, settings := #{self := Self}} = Known) ->
    Links = (barnacle_names:set(maps:keys(Connected)))#{Self => true},
    maps:from_list([
        {Name, peer(Name, is_map_key(Name, Links), Known)}
     || {Name, wanted} <- maps:to_list(Standings)
    ]).

peer(Name, IsConnected, #{history := History, now_ms := NowMs} = Known) ->
    case {IsConnected, known(Name)} of
        {true, {ok, Node}} ->
            Up = barnacle_history:up(Node, NowMs, History),
            {linked, ForMs} = barnacle_history:peer(Node, NowMs, Up),
            #{state => connected, for => ForMs, attempts => 0};
        {false, {ok, Node}} ->
            not_connected(Node, Known);
        {_, error} ->
            #{state => connecting, for => 0, attempts => 0}
    end.

not_connected(Node, #{retries := Retries, history := History, now_ms := NowMs} = Known) ->
    #{mode := Mode, next_poll_in := PollMs} = Known,
    case barnacle_retries:find(Node, Retries) of
        %% Each poll tries such a node again.
        #{reason := local_node_is_not_alive, since := SinceMs} ->
            Peer = #{
                state => failing,
                for => NowMs - SinceMs,
                attempts => 1,
                reason => local_node_is_not_alive
            },
            maps:merge(Peer, maps:from_list([{next_try_in, PollMs} || PollMs =/= none]));
        #{next := NextMs, since := SinceMs} = Retry when is_integer(NextMs) ->
            Peer = maps:merge(maps:with([attempts, reason], Retry), #{for => NowMs - SinceMs}),
            case Mode of
                running when NextMs > NowMs ->
                    Peer#{state => backing_off, next_try_in => NextMs - NowMs};
                running ->
                    Peer#{state => failing, next_try_in => 0};
                _ ->
                    Peer#{state => failing}
            end;
        _ ->
            {_, ForMs} = barnacle_history:peer(Node, NowMs, History),
            #{state => connecting, for => ForMs, attempts => 0}
    end.

known(Name) ->
    try
        {ok, binary_to_existing_atom(Name, utf8)}
    catch
        error:badarg -> error
    end.
