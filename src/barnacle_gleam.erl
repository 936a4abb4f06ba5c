%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The Gleam face: Gleam values to the options and calls of barnacle_cluster, and back.

src/barnacle.gleam says what each function is for. A Barnacle is the map of options for
barnacle_cluster, but for the values that barnacle_gleam_input:options/1 converts.
barnacle_gleam_error converts the errors that come back.
""").

-export([dns/3, epmd/1, local_epmd/0, hosts/3, custom/1]).
-export([
    new_strategy/1,
    with_connect_nodes_function/2,
    with_disconnect_nodes_function/2,
    with_list_nodes_function/2,
    with_own_name_function/2
]).
-export([put/3]).
-export([
    validate/1,
    start/1,
    start_child/2,
    start_supervised/1,
    refresh/2,
    pause/2,
    shutdown/2,
    leave/2,
    status/1,
    print/1,
    await/3,
    ready/2,
    run_once/1,
    get_node_basename/1
]).
-export([dns_lookup/2, dns_discover_nodes/3, local_epmd_discover_nodes/0]).
-export([notify/2]).

-type option(A) :: none | {some, A}.
-type subject() :: {subject, pid(), Tag :: term()} | {named_subject, atom()}.
-type builder() :: #{strategy := barnacle_strategy:strategy(), atom() => term()}.
-type functions() :: barnacle_strategy_custom:functions().
-type result() :: barnacle_gleam_error:result().
-type start_error() :: {init_failed, binary()}.

-define(DAY_MS, 86400000).
%% The longest time limit of a call: that of erlang:send_after/3.
-define(MAX_WAIT_MS, 4294967295).

%% Barnacles

-spec dns(binary(), binary(), option(integer())) -> builder().
dns(Basename, Query, Timeout) ->
    Options = #{basename => Basename, query => Query},
    #{strategy => {dns, with_option(timeout, Timeout, Options)}}.

-spec epmd([node()]) -> builder().
epmd(Nodes) ->
    #{strategy => {epmd, Nodes}}.

-spec local_epmd() -> builder().
local_epmd() ->
    #{strategy => local_epmd}.

-spec hosts([binary()], option(binary()), option(integer())) -> builder().
hosts(Hosts, Basename, Timeout) ->
    Options = with_option(timeout, Timeout, #{hosts => Hosts}),
    #{strategy => {hosts, with_option(basename, Basename, Options)}}.

-spec custom(functions()) -> builder().
custom(Functions) ->
    #{strategy => {custom, Functions}}.

-spec new_strategy(fun(() -> {ok, [node()]} | {error, term()})) -> functions().
new_strategy(Discover) ->
    #{discover => Discover}.

-spec with_connect_nodes_function(functions(), fun(([node()]) -> term())) -> functions().
with_connect_nodes_function(Functions, Connect) ->
    Functions#{connect => Connect}.

-spec with_disconnect_nodes_function(functions(), fun(([node()]) -> term())) -> functions().
with_disconnect_nodes_function(Functions, Disconnect) ->
    Functions#{disconnect => Disconnect}.

-spec with_list_nodes_function(functions(), fun(() -> term())) -> functions().
with_list_nodes_function(Functions, List) ->
    Functions#{list => List}.

-spec with_own_name_function(functions(), fun(() -> node())) -> functions().
with_own_name_function(Functions, Name) ->
    Functions#{own_name => Name}.

%% Settings

?DOC("""
Sets an option of the strategy if it has one of that name, else of the barnacle. An option that
neither has is refused by the check of the options.
""").
-spec put(builder(), binary(), term()) -> builder().
put(#{strategy := Strategy} = Builder, Name, Value) ->
    Key = binary_to_atom(Name),
    case barnacle_gleam_input:has(Key, Strategy) of
        true ->
            {Kind, Options} = Strategy,
            Builder#{strategy := {Kind, Options#{Key => Value}}};
        false ->
            Builder#{Key => Value}
    end.

%% Running

-spec validate(builder()) -> {ok, nil} | {error, [tuple()]}.
validate(Builder) ->
    case barnacle_gleam_input:problems(Builder) of
        [] -> {ok, nil};
        Problems -> {error, Problems}
    end.

-spec start(builder()) -> {ok, subject()} | {error, start_error()}.
start(Builder) ->
    case start_supervised(Builder) of
        {ok, {started, _Pid, Subject}} -> {ok, Subject};
        {error, _} = Error -> Error
    end.

-spec start_child(builder(), subject()) ->
    {ok, {started, pid(), subject()}} | {error, start_error()}.
start_child(Builder, Parent) ->
    case start_supervised(Builder) of
        {ok, {started, _Pid, Subject}} = Started ->
            _ = tell(Parent, Subject),
            Started;
        {error, _} = Error ->
            Error
    end.

-spec start_supervised(builder()) ->
    {ok, {started, pid(), subject()}} | {error, start_error()}.
start_supervised(Builder) ->
    case barnacle_cluster:start_link(barnacle_gleam_input:options(Builder)) of
        {ok, Pid} -> {ok, {started, Pid, subject(Pid, Builder)}};
        {error, Reason} -> {error, {init_failed, start_error(Reason)}}
    end.

%% gleam run, gleam clean and gleam export know nothing of the native library.
start_error({native_library, _} = Reason) ->
    Text = barnacle_cluster:format_error(Reason),
    Files = [barnacle_priv:path(Name) || Name <- ["barnacle_nif.so", "barnacle_port"]],
    case lists:any(fun filelib:is_regular/1, Files) of
        true -> Text;
        false ->
            <<Text/binary, ". With a git dependency, `gleam clean` and updates of barnacle "
                "remove it. `gleam export erlang-shipment` copies it, so build it before">>
    end;
start_error(Reason) ->
    barnacle_cluster:format_error(Reason).

-spec refresh(subject(), integer()) -> result().
refresh(Subject, TimeoutMs) ->
    try barnacle_cluster:refreshed(server(Subject), limit(TimeoutMs)) of
        {Strategy, Result} -> returned(Strategy, Result)
    catch
        exit:{timeout, _} = Reason when TimeoutMs < 1 -> no_time(Subject, Reason)
    end.

%% A timeout that no result could meet is input, and no input of dns and hosts ends its caller.
no_time(Subject, Reason) ->
    #{strategy := Strategy} = barnacle_cluster:status(server(Subject)),
    case barnacle_gleam_error:kind(Strategy) of
        dns -> {error, {strategy_error, timeout}};
        hosts -> {error, {strategy_error, []}};
        _ -> exit(Reason)
    end.

-spec pause(subject(), integer()) -> nil.
pause(Subject, TimeoutMs) ->
    ok = barnacle_cluster:pause(server(Subject), limit(TimeoutMs)),
    nil.

-spec shutdown(subject(), integer()) -> nil.
shutdown(Subject, TimeoutMs) ->
    ok = barnacle_cluster:shutdown(server(Subject), limit(TimeoutMs)),
    nil.

-spec leave(subject(), integer()) -> [node()].
leave(Subject, TimeoutMs) ->
    {ok, Left} = barnacle_cluster:leave(server(Subject), limit(TimeoutMs)),
    Left.

-spec status(subject()) -> barnacle_gleam_status:status().
status(Subject) ->
    barnacle_gleam_status:from(barnacle_cluster:status(server(Subject))).

-spec print(subject()) -> nil.
print(Subject) ->
    ok = barnacle_cluster:print(server(Subject)),
    nil.

-spec await(subject(), barnacle_conditions:what(), integer()) -> {ok, nil} | {error, nil}.
await(Subject, Goal, TimeoutMs) ->
    case barnacle_cluster:await(server(Subject), Goal, limit(TimeoutMs)) of
        ok -> {ok, nil};
        {error, timeout} -> {error, nil}
    end.

-spec ready(subject(), barnacle_conditions:what()) -> boolean().
ready(Subject, Goal) ->
    barnacle_cluster:ready(server(Subject), Goal).

-spec run_once(builder()) -> result().
run_once(Builder) ->
    case barnacle_gleam_input:once(barnacle_options:used_once(Builder)) of
        {ok, Once} -> refreshed_once(Once);
        {error, _} = Error -> Error
    end.

refreshed_once(#{strategy := Strategy} = Builder) ->
    try barnacle_cluster:run_once(barnacle_gleam_input:options(Builder)) of
        Result -> returned(Strategy, Result)
    catch
        %% What start/1 would give as the text of InitFailed.
        exit:{Kind, _} = Reason when Kind =:= native_library; Kind =:= not_started ->
            exit(start_error(Reason))
    end.

-spec get_node_basename(node()) -> {ok, binary()} | {error, nil}.
get_node_basename(Node) ->
    case binary:split(atom_to_binary(Node), <<"@">>, [global]) of
        [Basename, Host] when Basename =/= <<>>, Host =/= <<>> -> {ok, Basename};
        _ -> {error, nil}
    end.

%% Modules of their own in Gleam

-spec dns_lookup(binary(), integer()) -> {ok, [tuple()]} | {error, term()}.
dns_lookup(Hostname, TimeoutMs) ->
    case in_time(TimeoutMs, fun(Ms) -> barnacle_dns:lookup(Hostname, Ms) end) of
        {ok, Addresses} ->
            {ok, [barnacle_gleam_error:from_address(Address) || Address <- Addresses]};
        {error, _} = Error -> Error
    end.

-spec dns_discover_nodes(binary(), binary(), integer()) -> {ok, [node()]} | {error, term()}.
dns_discover_nodes(Basename, Hostname, TimeoutMs) ->
    in_time(TimeoutMs, fun(Ms) -> barnacle_dns:discover_nodes(Basename, Hostname, Ms) end).

-spec local_epmd_discover_nodes() -> {ok, [node()]} | {error, nil}.
local_epmd_discover_nodes() ->
    case barnacle_local_epmd:discover_nodes() of
        {ok, Nodes} -> {ok, Nodes};
        {error, _} -> {error, nil}
    end.

?DOC("""
The listener of barnacle_options:listener/0: an event as BarnacleResponse on a subject. A refresh
that crashed has no value of its own there, and a program that matches on the documented
constructors permits no new one: it is a ConnectError without nodes, which nothing else is.
""").
-spec notify({barnacle_gleam_error:kind(), subject()}, barnacle_cluster:event()) -> ok.
notify({Kind, Subject}, Event) ->
    told(tell(Subject, response(Kind, Event))).

response(Kind, {refresh, Refreshed}) ->
    case barnacle_gleam_error:result(Kind, Refreshed) of
        {crashed, _} -> {refresh_response, {error, {connect_error, []}}};
        Result -> {refresh_response, Result}
    end;
response(_Kind, pause) ->
    {pause_response, nil};
response(_Kind, shutdown) ->
    {shutdown_response, nil}.

with_option(_Key, none, Options) -> Options;
with_option(Key, {some, Value}, Options) -> Options#{Key => Value}.

%% with_name gives a text, named a name of gleam_erlang, which is an atom.
subject(_Pid, #{name := Name}) when is_atom(Name) -> {named_subject, Name};
subject(Pid, _Builder) -> {subject, Pid, make_ref()}.

limit(TimeoutMs) -> max(0, min(TimeoutMs, ?MAX_WAIT_MS)).

server({subject, Pid, _Tag}) -> Pid;
server({named_subject, Name}) -> Name.

%% Whether there is a process to tell; barnacle_listener reports one that has ended.
tell({subject, Pid, Tag}, Message) ->
    Pid ! {Tag, Message},
    case node(Pid) =/= node() orelse is_process_alive(Pid) of
        true -> ok;
        false -> {no_process, Pid}
    end;
tell({named_subject, Name}, Message) ->
    try
        Name ! {Name, Message},
        ok
    catch
        error:badarg -> {no_process, Name}
    end.

told(ok) -> ok;
told({no_process, _} = Gone) -> error(Gone).

returned(Strategy, Result) ->
    case barnacle_gleam_error:result(barnacle_gleam_error:kind(Strategy), Result) of
        {crashed, Reason} -> exit(Reason);
        Returned -> Returned
    end.

in_time(TimeoutMs, _Lookup) when TimeoutMs < 1 ->
    {error, timeout};
in_time(TimeoutMs, Lookup) ->
    case Lookup(min(TimeoutMs, ?DAY_MS)) of
        {ok, _} = Ok -> Ok;
        {error, Why} -> {error, barnacle_gleam_error:from_lookup_error(Why)}
    end.
