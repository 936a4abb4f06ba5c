%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_registry).

-include("barnacle_doc.hrl").

?MODULEDOC("""
What the barnacles of this VM want, so that none of them cuts a node that another one wants.

One process owns a table of who wants which names; the rows of a process go when it dies. It runs
below the application's supervisor, or is started by its first user where barnacle is used without
its application.
""").

-behaviour(gen_server).

-export([start_link/0, ensure/0, want/2, wanted_by_others/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(TABLE, ?MODULE).

-record(row, {owner :: pid(), hash :: non_neg_integer(), names :: wanted()}).

-type wanted() :: #{binary() => _}.
-type monitors() :: #{pid() => reference()}.

?DOC("Starts the registry, or links to the one that runs already.").
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case gen_server:start_link({local, ?MODULE}, ?MODULE, [], []) of
        {error, {already_started, Pid}} ->
            link(Pid),
            {ok, Pid};
        Result ->
            Result
    end.

?DOC("Makes sure that a registry runs.").
-spec ensure() -> ok.
ensure() ->
    case whereis(?MODULE) of
        undefined ->
            case gen_server:start({local, ?MODULE}, ?MODULE, [], []) of
                {ok, _} -> ok;
                {error, {already_started, _}} -> ok
            end;
        _ ->
            ok
    end.

?DOC("""
The barnacle Owner wants these names from now on, and no others. Says nothing to the registry
where it knows that already.
""").
-spec want(pid(), wanted()) -> ok.
want(Owner, Names) ->
    ok = ensure(),
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
    ok = ensure(),
    Others = [Names || #row{owner = Pid, names = Names} <- ets:tab2list(?TABLE), Pid =/= Owner],
    fun(Name) ->
        Key = barnacle_names:to_binary(Name),
        lists:any(fun(Names) -> is_map_key(Key, Names) end, Others)
    end.

-spec init([]) -> {ok, monitors()}.
init([]) ->
    ok = barnacle_names:make_counter(),
    ?TABLE = ets:new(?TABLE, [
        named_table, protected, {keypos, #row.owner}, {read_concurrency, true}
    ]),
    {ok, #{}}.

-spec handle_call({want, pid(), non_neg_integer(), wanted()}, gen_server:from(), monitors()) ->
    {reply, ok, monitors()}.
handle_call({want, Owner, Hash, Names}, _From, Monitors) ->
    ets:insert(?TABLE, #row{owner = Owner, hash = Hash, names = Names}),
    {reply, ok, monitored(Owner, Monitors)}.

-spec handle_cast(term(), monitors()) -> {noreply, monitors()}.
handle_cast(_, Monitors) ->
    {noreply, Monitors}.

-spec handle_info(term(), monitors()) -> {noreply, monitors()}.
handle_info({'DOWN', _, process, Owner, _}, Monitors) ->
    ets:delete(?TABLE, Owner),
    {noreply, maps:remove(Owner, Monitors)};
handle_info(_, Monitors) ->
    {noreply, Monitors}.

monitored(Owner, Monitors) when is_map_key(Owner, Monitors) -> Monitors;
monitored(Owner, Monitors) -> Monitors#{Owner => monitor(process, Owner)}.
