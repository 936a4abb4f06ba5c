%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_registry).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the barnacles of this VM want, so that none of them cuts a node that another one wants; and
where barnacles of other nodes find them.

One process owns a table of who wants which names; the row of a process goes when it ends. Where it
dies of anything but a shutdown, its row stays until the next barnacle says for the first time what
it wants, a minute at most: that is the same one, started again by its supervisor, and until its
first answer nobody else would know. For that time it is also remembered that it was paused, or had
left.
""").

-behaviour(gen_server).

-export([start_link/0, want/2, wanted_by_others/1, has_left/1]).
-export([rest/2, rests/1, keep/2, back/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TABLE, ?MODULE).
%% Who has said that it leaves, and when (monotonic, ms).
-define(LEFT, barnacle_left).
%% Which barnacles here rest.
-define(RESTS, barnacle_rests).
%% Which barnacles here are paused or have left, and their processes.
-define(MODES, barnacle_modes).
%% Longer than a round that began before may take to dial it.
-define(LEFT_MS, 10000).

%% How long a barnacle that died has to be back and to know what it wants.
-define(BACK_MS, 60000).

-record(row, {owner :: pid(), hash :: non_neg_integer(), names :: wanted()}).

-type wanted() :: #{binary() => _}.
-type monitors() :: #{pid() => reference()}.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

?DOC("""
The barnacle Owner wants these names from now on, and no others. Says nothing to the registry
where it knows that already.
""").
-spec want(pid(), wanted()) -> ok.
want(Owner, Names) ->
    Hash = erlang:phash2(Names),
    try ets:lookup_element(?TABLE, Owner, #row.hash) of
        Hash -> ok;
        _ -> gen_server:call(?MODULE, {want, Owner, Hash, Names})
    catch
        error:badarg -> gen_server:call(?MODULE, {want, Owner, Hash, Names})
    end.

?DOC("A predicate: is this name wanted by a barnacle of this VM other than Owner?").
-spec wanted_by_others(pid()) -> fun((barnacle_names:name()) -> boolean()).
wanted_by_others(Owner) ->
    Others = [Names || #row{owner = Pid, names = Names} <- ets:tab2list(?TABLE), Pid =/= Owner],
    fun(Name) ->
        Key = barnacle_names:to_binary(Name),
        lists:any(fun(Names) -> is_map_key(Key, Names) end, Others)
    end.

?DOC("""
Whether a node has said within the last 10000 ms that it leaves: whoever is about to dial it because
its link is gone should not.
""").
-spec has_left(node()) -> boolean().
has_left(Node) ->
    try ets:lookup_element(?LEFT, Node, 2) of
        AtMs -> now_ms() - AtMs < ?LEFT_MS
    catch
        error:badarg -> false
    end.

?DOC("""
A barnacle rests, or no longer. That is remembered here, by what its server is and not by its
process, so that one that is restarted does not come back uninvited.
""").
-spec rest(Barnacle :: term(), boolean()) -> ok.
rest(Barnacle, Rests) ->
    gen_server:call(?MODULE, {rest, Barnacle, Rests}).

?DOC("Whether a barnacle rests.").
-spec rests(Barnacle :: term()) -> boolean().
rests(Barnacle) ->
    ets:member(?RESTS, Barnacle).

?DOC("""
The calling process is paused, has left, or is running again; that is remembered as rest/2 does.
Where it dies of anything but a shutdown, for 60 s more, or without an end if it had not said yet
what it wants. Nobody is waited for.
""").
-spec keep(Barnacle :: term(), running | paused | left) -> ok.
keep(Barnacle, Mode) ->
    gen_server:cast(?MODULE, {keep, Barnacle, self(), Mode}).

?DOC("""
What is remembered of this barnacle, if its process has died of anything but a shutdown: the calling
process takes its place, and wants what that wanted.
""").
-spec back(Barnacle :: term()) -> running | paused | left.
back(Barnacle) ->
    gen_server:call(?MODULE, {back, Barnacle, self()}).

-spec init([]) -> {ok, monitors()}.
init([]) ->
    ok = barnacle_names:make_counter(),
    ?TABLE = ets:new(?TABLE, [
        named_table, protected, compressed, {keypos, #row.owner}, {read_concurrency, true}
    ]),
    ?LEFT = ets:new(?LEFT, [named_table, protected, {read_concurrency, true}]),
    ?RESTS = ets:new(?RESTS, [named_table, protected]),
    ?MODES = ets:new(?MODES, [named_table, protected]),
    {ok, #{}}.

-spec handle_call(
    {want, pid(), non_neg_integer(), wanted()} | {rest, term(), boolean()} | {back, term(), pid()},
    gen_server:from(),
    monitors()
) ->
    {reply, ok | running | paused | left, monitors()}.
handle_call({back, Barnacle, Owner}, _From, Monitors) ->
    case ets:lookup(?MODES, Barnacle) of
        [{_, Mode, Before}] ->
            case is_process_alive(Before) of
                %% Another one with the same options.
                true -> {reply, running, Monitors};
                false -> {reply, Mode, takes_over(Owner, {Barnacle, Mode, Before}, Monitors)}
            end;
        [] ->
            {reply, running, Monitors}
    end;
handle_call({rest, Barnacle, Rests}, _From, Monitors) ->
    true =
        case Rests of
            true -> ets:insert(?RESTS, {Barnacle});
            false -> ets:delete(?RESTS, Barnacle)
        end,
    {reply, ok, Monitors};
handle_call({want, Owner, Hash, Names}, _From, Monitors) ->
    ok = forget_dead(Owner, Monitors),
    ets:insert(?TABLE, #row{owner = Owner, hash = Hash, names = Names}),
    {reply, ok, monitored(Owner, Monitors)}.

-spec handle_cast(term(), monitors()) -> {noreply, monitors()}.
handle_cast({keep, Barnacle, Owner, running}, Monitors) ->
    true = ets:match_delete(?MODES, {Barnacle, '_', Owner}),
    {noreply, Monitors};
handle_cast({keep, Barnacle, Owner, Mode}, Monitors) ->
    true = ets:insert(?MODES, {Barnacle, Mode, Owner}),
    {noreply, Monitors};
handle_cast(_, Monitors) ->
    {noreply, Monitors}.

-spec handle_info(term(), monitors()) -> {noreply, monitors()}.
handle_info({barnacle, 1, {ask, Asker}}, Monitors) when is_pid(Asker) ->
    {noreply, pass_on({ask, Asker}, Monitors)};
handle_info({barnacle, 1, {leaving, Node, {Pid, Ref}}}, Monitors) when is_pid(Pid) ->
    NowMs = now_ms(),
    _ = ets:select_delete(?LEFT, [{{'_', '$1'}, [{'<', '$1', NowMs - ?LEFT_MS}], [true]}]),
    true = ets:insert(?LEFT, {Node, NowMs}),
    _ = pass_on({leaving, Node}, Monitors),
    _ = erlang:send(Pid, {Ref, ok}, [noconnect, nosuspend]),
    {noreply, Monitors};
handle_info({'DOWN', _, process, Owner, Reason}, Monitors) ->
    BackMs =
        case is_shutdown(Reason) of
            true -> 0;
            false -> ?BACK_MS
        end,
    _ = erlang:send_after(BackMs, self(), {forget, Owner}),
    {noreply, maps:remove(Owner, Monitors)};
handle_info({forget, Owner}, Monitors) ->
    true = ets:delete(?TABLE, Owner),
    true = ets:match_delete(?MODES, {'_', '_', Owner}),
    {noreply, Monitors};
handle_info(_, Monitors) ->
    {noreply, Monitors}.

%% Who has no row in the first table is not monitored: it had not said yet what it wants.
takes_over(Owner, {Barnacle, Mode, Before}, Monitors) ->
    true = ets:insert(?MODES, {Barnacle, Mode, Owner}),
    case ets:take(?TABLE, Before) of
        [Row] ->
            true = ets:insert(?TABLE, Row#row{owner = Owner}),
            monitored(Owner, Monitors);
        [] ->
            Monitors
    end.

%% Who is alive and has a row is monitored, so more rows than monitors are rows of the dead.
forget_dead(New, Monitors) when not is_map_key(New, Monitors) ->
    case ets:info(?TABLE, size) > map_size(Monitors) of
        true ->
            Owners = ets:select(?TABLE, [{{row, '$1', '_', '_'}, [], ['$1']}]),
            Dead = [Owner || Owner <- Owners, not is_map_key(Owner, Monitors)],
            lists:foreach(fun(Owner) -> ets:delete(?TABLE, Owner) end, Dead);
        false ->
            ok
    end;
forget_dead(_Known, _Monitors) ->
    ok.

is_shutdown(normal) -> true;
is_shutdown(shutdown) -> true;
is_shutdown({shutdown, _}) -> true;
is_shutdown(_) -> false.

%% What peers say is for every barnacle here (barnacle_farewell has the messages).
pass_on(Message, Monitors) ->
    lists:foreach(fun(Owner) -> Owner ! {barnacle_peer, Message} end, maps:keys(Monitors)),
    Monitors.

monitored(Owner, Monitors) when is_map_key(Owner, Monitors) -> Monitors;
monitored(Owner, Monitors) -> Monitors#{Owner => monitor(process, Owner)}.

now_ms() ->
    erlang:monotonic_time(millisecond).
