%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_registry).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the barnacles of this VM want, so that none of them disconnects a node that another one wants;
and the mailbox for barnacles of other nodes (docs/protocol.md).

One process has a table of which barnacle wants which names. It sends each barnacle what the others
want when that changes: {barnacle_others, #{binary() => _}}. If a barnacle ends by anything but a
shutdown, its wants stay until the next barnacle wants something for the first time, a minute at
most: that is the same one, started again by its supervisor. For that time it is also remembered
that it was paused, or had left. That it is on standby is remembered without an end.
""").

-behaviour(gen_server).

-export([start_link/0, back/1, want/1, keep/2, not_mine/2, has_left/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TABLE, ?MODULE).
%% Which nodes have announced that they leave, and when (monotonic, ms).
-define(LEFT, barnacle_left).
%% Which barnacles here are paused, have left or are on standby, and their processes.
-define(MODES, barnacle_modes).
%% Longer than a refresh that began before may take to connect to it.
-define(LEFT_MS, 10000).

%% How long a barnacle that died has to be back and to know what it wants.
-define(BACK_MS, 60000).
%% How long a question of a peer waits for the barnacles of this VM.
-define(QUESTION_MS, 10000).
%% Changes of what others want are sent at once, and then at most this often: many barnacles that
%% change all the time would keep the registry busy.
-define(GATHER_MS, 20).
-define(GATHER_EACH_MS, 2).

-record(row, {owner :: pid(), hash :: non_neg_integer(), names :: wanted()}).

-type wanted() :: #{binary() => _}.

%% owners: the barnacles that live, with their monitors. counts: how many want each name. sent: what
%% each was sent. asks: questions of peers, when, and the barnacles that have not replied.
%% gathering: a timer runs, and whether something has changed meanwhile.
-record(state, {
    owners = #{} :: #{pid() => reference()},
    counts = #{} :: #{binary() => pos_integer()},
    sent = #{} :: #{pid() => wanted()},
    asks = #{} :: #{pid() => {AtMs :: integer(), [pid()]}},
    gathering = no :: no | quiet | changed
}).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?DOC("""
The calling process is this barnacle. Returns the mode in which it goes on, if it is the successor
of a process that has ended, and what other barnacles of this VM want. Barnacle is the same for both
processes, and different for another one.
""").
-spec back(Barnacle :: term()) -> {barnacle_leaving:kept(), Others :: wanted()}.
back(Barnacle) ->
    gen_server:call(?MODULE, {back, Barnacle, self()}).

?DOC("""
The calling process wants these names from now on, and no others. The registry is only told if it
does not know that already.
""").
-spec want(wanted()) -> ok.
want(Names) ->
    Hash = erlang:phash2(Names),
    try ets:lookup_element(?TABLE, self(), #row.hash) of
        Hash -> ok;
        _ -> gen_server:cast(?MODULE, {want, self(), Hash, Names})
    catch
        error:badarg -> gen_server:cast(?MODULE, {want, self(), Hash, Names})
    end.

?DOC("The mode of the calling process, for its successor (back/1). ended: it shuts down.").
-spec keep(Barnacle :: term(), barnacle_leaving:kept()) -> ok.
keep(Barnacle, Kept) ->
    gen_server:cast(?MODULE, {keep, Barnacle, self(), Kept}).

?DOC("""
The barnacle Owner does not know the node of a process that asks this node to leave. If no barnacle
of this VM does, the registry replies.
""").
-spec not_mine(Owner :: pid(), Asker :: pid()) -> ok.
not_mine(Owner, Asker) ->
    gen_server:cast(?MODULE, {not_mine, Owner, Asker}).

?DOC("""
Whether a node has announced within the last 10000 ms that it leaves: it is not to be connected to
because its connection has ended.
""").
-spec has_left(node()) -> boolean().
has_left(Node) ->
    try ets:lookup_element(?LEFT, Node, 2) of
        AtMs -> now_ms() - AtMs < ?LEFT_MS
    catch
        error:badarg -> false
    end.

-spec init([]) -> {ok, #state{}}.
init([]) ->
    ?TABLE = ets:new(?TABLE, [
        named_table, protected, compressed, {keypos, #row.owner}, {read_concurrency, true}
    ]),
    ?LEFT = ets:new(?LEFT, [named_table, protected, {read_concurrency, true}]),
    ?MODES = ets:new(?MODES, [named_table, protected]),
    {ok, #state{}}.

-spec handle_call({back, term(), pid()}, gen_server:from(), #state{}) ->
    {reply, {barnacle_leaving:kept(), wanted()}, #state{}}.
handle_call({back, Barnacle, Owner}, _From, State) ->
    {Kept, State1} =
        case ets:lookup(?MODES, Barnacle) of
            [{_, Mode, Before}] ->
                case is_process_alive(Before) of
                    %% Another one with the same options.
                    true -> {running, State};
                    false -> {Mode, takes_over(Owner, {Barnacle, Mode, Before}, State)}
                end;
            [] ->
                {running, State}
        end,
    #state{sent = Sent} = State2 = owned(Owner, State1),
    Others = others(Owner, State2),
    {reply, {Kept, Others}, State2#state{sent = Sent#{Owner => Others}}}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({want, Owner, Hash, Names}, State) ->
    {noreply, changed(wants(#row{owner = Owner, hash = Hash, names = Names}, owned(Owner, State)))};
handle_cast({keep, Barnacle, Owner, running}, State) ->
    true = ets:match_delete(?MODES, {Barnacle, '_', Owner}),
    {noreply, State};
handle_cast({keep, Barnacle, Owner, ended}, State) ->
    ok = only_standby([Row || {_, _, Pid} = Row <- ets:lookup(?MODES, Barnacle), Pid =:= Owner]),
    {noreply, State};
handle_cast({keep, Barnacle, Owner, Kept}, State) ->
    true = ets:insert(?MODES, {Barnacle, Kept, Owner}),
    {noreply, State};
handle_cast({not_mine, Owner, Asker}, State) ->
    {noreply, not_mine(Owner, Asker, State)};
handle_cast(_, State) ->
    {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({barnacle, 1, {ask, Asker}}, #state{owners = Owners, asks = Before} = State) when
    is_pid(Asker)
->
    NowMs = now_ms(),
    Recent = maps:filter(fun(_, {AtMs, _}) -> NowMs - AtMs < ?QUESTION_MS end, Before),
    ok = pass_on({ask, Asker}, State),
    Asks = Recent#{Asker => {NowMs, maps:keys(Owners)}},
    {noreply, reply_for_all(Asker, State#state{asks = Asks})};
handle_info({barnacle, 1, {leaving, Node, {Pid, Ref}}}, State) when is_pid(Pid) ->
    NowMs = now_ms(),
    _ = ets:select_delete(?LEFT, [{{'_', '$1'}, [{'<', '$1', NowMs - ?LEFT_MS}], [true]}]),
    true = ets:insert(?LEFT, {Node, NowMs}),
    ok = pass_on({leaving, Node}, State),
    ok = reply(Pid, {Ref, ok}),
    {noreply, State};
handle_info({barnacle, 1, {reason_over, Node}}, State) ->
    ok = pass_on({reason_over, Node}, State),
    {noreply, State};
handle_info({barnacle, 1, {wants, Name, {Pid, Ref}}}, State) when is_pid(Pid) ->
    ok = reply(Pid, {Ref, node(), is_wanted(Name, State)}),
    {noreply, State};
handle_info({'DOWN', _, process, Owner, Reason}, #state{owners = Owners, sent = Sent} = State) ->
    Gone = State#state{owners = maps:remove(Owner, Owners), sent = maps:remove(Owner, Sent)},
    case is_shutdown(Reason) of
        true ->
            {noreply, forget(Owner, Gone)};
        false ->
            _ = erlang:send_after(?BACK_MS, self(), {forget, Owner}),
            {noreply, Gone}
    end;
handle_info({forget, Owner}, State) ->
    {noreply, forget(Owner, State)};
handle_info(gathered, #state{gathering = changed} = State) ->
    {noreply, send_others(State)};
handle_info(gathered, State) ->
    {noreply, State#state{gathering = no}};
handle_info(_, State) ->
    {noreply, State}.

%% ---- barnacles that come and go ----

takes_over(Owner, {Barnacle, Mode, Before}, State) ->
    true = ets:insert(?MODES, {Barnacle, Mode, Owner}),
    %% What it wanted is known from before alone, if it does not discover.
    case ets:lookup(?TABLE, Before) of
        [Row] -> wants(Row#row{owner = Owner}, unwanted(Before, State));
        [] -> State
    end.

owned(Owner, #state{owners = Owners} = State) when is_map_key(Owner, Owners) -> State;
owned(Owner, #state{owners = Owners} = State) ->
    State#state{owners = Owners#{Owner => monitor(process, Owner)}}.

%% The first wants of a process: the wants of processes that have ended are void.
wants(#row{owner = Owner, names = Names} = Row, #state{owners = Owners} = State0) ->
    State =
        case ets:member(?TABLE, Owner) of
            true ->
                unwanted(Owner, State0);
            false ->
                Rows = ets:select(?TABLE, [{{row, '$1', '_', '_'}, [], ['$1']}]),
                lists:foldl(
                    fun unwanted/2, State0, [Pid || Pid <- Rows, not is_map_key(Pid, Owners)]
                )
        end,
    true = ets:insert(?TABLE, Row),
    Add = fun(Name, _, Counts) -> Counts#{Name => maps:get(Name, Counts, 0) + 1} end,
    State#state{counts = maps:fold(Add, State#state.counts, Names)}.

unwanted(Owner, #state{counts = Counts} = State) ->
    case ets:take(?TABLE, Owner) of
        [#row{names = Names}] ->
            Remove = fun(Name, _, Acc) ->
                case Acc of
                    #{Name := 1} -> maps:remove(Name, Acc);
                    #{Name := Count} -> Acc#{Name := Count - 1}
                end
            end,
            State#state{counts = maps:fold(Remove, Counts, Names)};
        [] ->
            State
    end.

forget(Owner, State) ->
    ok = only_standby(ets:match_object(?MODES, {'_', '_', Owner})),
    changed(unwanted(Owner, State)).

only_standby(Rows) ->
    lists:foreach(
        fun
            ({_, standby, _}) -> true;
            ({Barnacle, {paused, standby}, Pid}) -> ets:insert(?MODES, {Barnacle, standby, Pid});
            ({Barnacle, _, _}) -> ets:delete(?MODES, Barnacle)
        end,
        Rows
    ).

is_shutdown(normal) -> true;
is_shutdown(shutdown) -> true;
is_shutdown({shutdown, _}) -> true;
is_shutdown(_) -> false.

%% ---- what others want ----

changed(#state{gathering = no} = State) -> send_others(State);
changed(State) -> State#state{gathering = changed}.

send_others(#state{owners = Owners} = State) ->
    GatherMs = max(?GATHER_MS, ?GATHER_EACH_MS * map_size(Owners)),
    _ = erlang:send_after(GatherMs, self(), gathered),
    lists:foldl(fun send_others/2, State#state{gathering = quiet}, maps:keys(Owners)).

send_others(Owner, #state{sent = Sent} = State) ->
    Others = others(Owner, State),
    _ =
        maps:keys(Others) =:= maps:keys(maps:get(Owner, Sent, #{})) orelse
            (Owner ! {barnacle_others, Others}),
    State#state{sent = Sent#{Owner => Others}}.

%% Without the names that it alone wants.
others(Owner, #state{counts = Counts}) ->
    case ets:lookup(?TABLE, Owner) of
        [#row{names = Names}] ->
            maps:without([N || N <- maps:keys(Names), maps:get(N, Counts) =:= 1], Counts);
        [] ->
            Counts
    end.

%% unknown: a barnacle here wants no node, as one does that has no result yet.
is_wanted(Name, #state{counts = Counts}) when is_map_key(Name, Counts) -> yes;
is_wanted(_Name, #state{owners = Owners}) ->
    Wants = fun(Owner) ->
        case ets:lookup(?TABLE, Owner) of
            [#row{names = Names}] -> map_size(Names) > 0;
            [] -> false
        end
    end,
    case lists:all(Wants, maps:keys(Owners)) of
        true -> no;
        false -> unknown
    end.

%% ---- peers ----

pass_on(Message, #state{owners = Owners}) ->
    lists:foreach(fun(Owner) -> Owner ! {barnacle_peer, Message} end, maps:keys(Owners)).

not_mine(Owner, Asker, #state{asks = Asks} = State) ->
    case Asks of
        #{Asker := {AtMs, Owners}} ->
            Left = Asks#{Asker := {AtMs, lists:delete(Owner, Owners)}},
            reply_for_all(Asker, State#state{asks = Left});
        _ ->
            State
    end.

%% No barnacle of this VM knows the node that asks.
reply_for_all(Asker, #state{asks = Asks, owners = Owners} = State) ->
    #{Asker := {_, Waiting}} = Asks,
    case [Owner || Owner <- Waiting, is_map_key(Owner, Owners)] of
        [] ->
            ok = reply(Asker, {barnacle_peer, {stays, node(), why(State)}}),
            State#state{asks = maps:remove(Asker, Asks)};
        _ ->
            State
    end.

%% Another barnacle here may want connections of this node.
why(#state{counts = Counts}) ->
    case [Node || Node <- nodes(), is_map_key(atom_to_binary(Node), Counts)] of
        [] -> no_barnacle;
        Wanted -> {wanted_by_others, lists:sort(Wanted)}
    end.

reply(Pid, Message) ->
    _ = erlang:send(Pid, Message, [noconnect, nosuspend]),
    ok.

now_ms() ->
    erlang:monotonic_time(millisecond).
