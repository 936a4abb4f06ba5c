%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_cluster).

-include("barnacle_doc.hrl").

?MODULEDOC("""
Barnacle for Erlang and Elixir: a server that finds this node's peers, joins them and stays joined.

In a supervisor's children, {barnacle_cluster, Options} (Elixir) or barnacle_cluster:child_spec(
Options) (Erlang). The server polls at once and then every poll_interval; each round runs in a
worker process, so the server answers at any time. Options are those of barnacle_options:table/0.
""").

-export([
    child_spec/1,
    start_link/1,
    refresh/1, refresh/2,
    refreshed/2,
    pause/1, pause/2,
    shutdown/1, shutdown/2,
    leave/1, leave/2,
    status/1,
    print/1,
    await/3,
    ready/1, ready/2,
    run_once/1,
    format_error/1
]).

-export_type([server/0, start_error/0, event/0]).

?DOC("A running barnacle: its pid or registered name.").
-type server() :: pid() | atom() | {atom(), node()}.

?DOC("Why a barnacle does not start; format_error/1 says it in words, with what to do.").
-type start_error() ::
    {bad_options, [barnacle_settings:problem()]}
    | {native_library, Text :: binary()}
    | {already_started, pid()}
    | barnacle_app:not_started().

?DOC("""
What a listener is told, as {barnacle, ServerPid, Event}. shutdown: shutdown/2 was called; when a
supervisor ends the server, or it crashes, nothing is told. The result of a poll may name a node
whose link was lost and which is to be dialled again soon, with the reason of the loss, one of
net_kernel:monitor_nodes/2, under connect_error. If a function of the strategy crashes or exceeds
its time limit, the result is {error, {crashed, Reason}}; callers of refresh/2 exit with it.
""").
-type event() ::
    {refresh, barnacle_plan:result() | {error, {crashed, Reason :: term()}}} | pause | shutdown.

%% Between two polls a server takes no more memory than what it knows.
-define(SERVER_OPTIONS, [{hibernate_after, 1000}]).
-define(TIMEOUT_MS, 5000).
-define(REFRESH_TIMEOUT_MS, 30000).
-define(READY_TIMEOUT_MS, 1000).
%% What erlang:send_after/3 took on every machine before it took more: 49 days.
-define(MAX_WAIT_MS, 4294967295).
-define(LEAVE_TIMEOUT_MS, 10000).

?DOC("""
A child specification. Restart is transient: a barnacle that was shut down stays down. The id is
the option name, or barnacle_cluster; give ids of your own to several unnamed ones.
""").
-spec child_spec(barnacle_options:options()) -> supervisor:child_spec().
child_spec(Options) ->
    #{
        id => id(Options),
        start => {?MODULE, start_link, [Options]},
        restart => transient,
        shutdown => ?TIMEOUT_MS,
        type => worker,
        modules => [barnacle_server]
    }.

?DOC("""
Starts a barnacle, linked to the caller; its first round begins at once. Errors leave the caller
alive, linked or not: bad_options with every problem, not_started where the application barnacle is
not started, native_library where the C++ library cannot be used, already_started where the name is
taken.
""").
-spec start_link(barnacle_options:options()) -> {ok, pid()} | {error, start_error()}.
start_link(Options) ->
    case checked(Options) of
        {ok, Checked} -> start_server(Checked);
        {error, _} = Error -> Error
    end.

?DOC("As refresh/2, with 30000 ms: room for a running round and the next one.").
-spec refresh(server()) -> barnacle_plan:result().
refresh(Server) ->
    refresh(Server, ?REFRESH_TIMEOUT_MS).

?DOC("""
A round that begins its discovery after this call, and its result; resumes a paused barnacle and
resets the poll timer. {ok, Nodes}: this node and the visible ones (a strategy with its own list
function: what that gives). Else the first of strategy_error, connect_error and disconnect_error
with every node that failed. Exits as gen_server:call/3 does past TimeoutMs or without a server,
with the reason of a strategy's function that crashed, and with {too_many_callers, Max} where
max_callers wait already.
""").
-spec refresh(server(), timeout()) -> barnacle_plan:result().
refresh(Server, TimeoutMs) ->
    {_Strategy, Result} = refreshed(Server, TimeoutMs),
    Result.

?DOC("The same with the strategy's module, which tells the Gleam adapter the type of the error.").
-spec refreshed(server(), timeout()) -> {Strategy :: module(), barnacle_plan:result()}.
refreshed(Server, TimeoutMs) ->
    case wait(Server, refresh, TimeoutMs) of
        {result, Strategy, Result} -> {Strategy, Result};
        {crashed, Reason} -> exit(Reason)
    end.

?DOC("As pause/2, with 5000 ms.").
-spec pause(server()) -> ok.
pause(Server) ->
    pause(Server, ?TIMEOUT_MS).

?DOC("""
Stops polling until the next refresh. When it has returned, a round that still runs begins no more
connects or cuts; its report may still come. A barnacle that crashes is paused still when it is back
within 60 s, by its supervisor or anybody else who gives it the same name and strategy; one that was
shut down begins anew. Exits as gen_server:call/3 does.
""").
-spec pause(server(), timeout()) -> ok.
pause(Server, TimeoutMs) ->
    gen_server:call(Server, pause, TimeoutMs).

?DOC("As shutdown/2, with 5000 ms.").
-spec shutdown(server()) -> ok.
shutdown(Server) ->
    shutdown(Server, ?TIMEOUT_MS).

?DOC("""
Ends a running round and the server, with the reason normal. No link is cut. Callers that still
wait for anything exit with {normal, Call}, others who call shutdown/2 at the same time too; who
calls later exits with {noproc, Call}. Exits as gen_server:call/3 does.
""").
-spec shutdown(server(), timeout()) -> ok.
shutdown(Server, TimeoutMs) ->
    Monitor = monitor(process, Server),
    try
        ok = gen_server:call(Server, shutdown, TimeoutMs),
        %% The server stops right after its reply; who waits for that can reuse its name at once.
        receive
            {'DOWN', Monitor, process, _, _} -> ok
        end
    after
        demonitor(Monitor, [flush])
    end.

?DOC("As leave/2, with 10000 ms.").
-spec leave(server()) -> {ok, [node()]}.
leave(Server) ->
    leave(Server, ?LEAVE_TIMEOUT_MS).

?DOC("""
Leaves the cluster, as before a planned stop: tells the peers, so that their barnacles do not dial
this node again until it is back or named anew, pauses, and disconnects this node from all visible
nodes, which it gives. If one of them links to it again within 10 s, it leaves again. The next
refresh joins again; a restart after a crash does not, as with pause/2, but for those 10 s, which it
knows nothing of. Exits as gen_server:call/3 does; with {too_many_callers, Max} this node does not
leave.
""").
-spec leave(server(), timeout()) -> {ok, [node()]}.
leave(Server, TimeoutMs) ->
    wait(Server, leave, TimeoutMs).

?DOC("What the barnacle knows and does, at once, whatever a round is doing.").
-spec status(server()) -> barnacle_status:status().
status(Server) ->
    gen_server:call(Server, status, ?TIMEOUT_MS).

?DOC("""
Writes status/1 to the caller's group leader, for a person: what the barnacle does, every node with
why it is not linked and what to do, and which names are not used.
""").
-spec print(server()) -> ok.
print(Server) ->
    io:put_chars(unicode:characters_to_binary(barnacle_print:page(status(Server)))).

?DOC("""
Waits until first_round, {nodes, N} or all has come about; at once where it has. {error, timeout}
after TimeoutMs. Exits with {bad_argument, Text} for anything else to wait for, and as
gen_server:call/3 does without a server; with {too_many_callers, Max} where max_callers wait.
""").
-spec await(server(), barnacle_conditions:what(), timeout()) -> ok | {error, timeout}.
await(Server, What, TimeoutMs) ->
    ok = check_wait(What, TimeoutMs),
    wait(Server, {await, What, TimeoutMs}, infinity).

?DOC("As ready/2, for first_round.").
-spec ready(server()) -> boolean().
ready(Server) ->
    ready(Server, first_round).

?DOC("""
Whether it has come about, at once: for a readiness probe. false where no server answers within
1000 ms. Exits with {bad_argument, Text} for what cannot be waited for.
""").
-spec ready(server(), barnacle_conditions:what()) -> boolean().
ready(Server, What) ->
    ok = check_wait(What, infinity),
    try
        gen_server:call(Server, {ready, What}, ?READY_TIMEOUT_MS)
    catch
        exit:_ -> false
    end.

?DOC("""
One refresh without a server, in the caller's name, with the same result as refresh/2. Options that
it does not use are ignored, whatever their values: name, listener, log, departed_after,
max_callers, and those of polls and retry delays. Exits with {bad_options, _},
{not_started, barnacle} or {native_library, _}, with the reason of a strategy's function that
crashed, or with {strategy_timeout, Function}.
""").
-spec run_once(barnacle_options:options()) -> barnacle_plan:result().
run_once(Options) ->
    case checked(barnacle_options:used_once(Options)) of
        {ok, Checked} ->
            once(Checked#{log => none});
        {error, Reason} ->
            exit(Reason)
    end.

%% A server that does not poll. It ends with its caller, and cannot take its caller with it.
once(Checked) ->
    {ok, Server} = gen_server:start(barnacle_server, {once, self(), Checked}, []),
    try
        refresh(Server, infinity)
    after
        %% It may have ended, with the reason that the caller exits with.
        catch shutdown(Server, infinity)
    end.

?DOC("Why a barnacle did not start, and what to do, as a text for people.").
-spec format_error(start_error() | term()) -> binary().
format_error(Reason) ->
    barnacle_options:format_error(Reason).

%% A call whose answer may take long. The server has only so many of them.
wait(Server, Request, TimeoutMs) ->
    case gen_server:call(Server, Request, TimeoutMs) of
        {refused, Reason} -> exit(Reason);
        Answer -> Answer
    end.

start_server(Checked) ->
    case Checked of
        #{name := Name} ->
            gen_server:start_link({local, Name}, barnacle_server, Checked, ?SERVER_OPTIONS);
        #{} ->
            gen_server:start_link(barnacle_server, Checked, ?SERVER_OPTIONS)
    end.

checked(Options) ->
    case barnacle_options:new(Options) of
        {ok, Checked} ->
            case barnacle_app:check() of
                ok -> available(Checked);
                {error, _} = Error -> Error
            end;
        {error, _} = Error ->
            Error
    end.

available(Checked) ->
    case barnacle_native:available() of
        ok -> {ok, Checked};
        {error, Text} -> {error, {native_library, Text}}
    end.

check_wait(What, TimeoutMs) ->
    case {is_condition(What), TimeoutMs} of
        {true, infinity} ->
            ok;
        {true, _} when is_integer(TimeoutMs), TimeoutMs >= 0, TimeoutMs =< ?MAX_WAIT_MS ->
            ok;
        {true, _} ->
            bad_argument("a timeout is 0 to ~b ms or infinity, not ~0tp", [
                ?MAX_WAIT_MS, TimeoutMs
            ]);
        {false, _} ->
            bad_argument("wait for first_round, {nodes, N} or all, not for ~0tp", [What])
    end.

is_condition(first_round) -> true;
is_condition(all) -> true;
is_condition({nodes, N}) -> is_integer(N) andalso N >= 1;
is_condition(_) -> false.

-spec bad_argument(io:format(), [term()]) -> no_return().
bad_argument(Format, Arguments) ->
    exit({bad_argument, barnacle_settings:text(Format, Arguments)}).

id(#{name := Name}) -> Name;
id(#{}) -> ?MODULE;
id(Options) when is_list(Options) -> proplists:get_value(name, Options, ?MODULE);
id(_) -> ?MODULE.
