%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_gleam).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The Gleam face: Gleam values to the options and calls of barnacle_cluster, and back.

src/barnacle.gleam says what each function is for. A Barnacle is the map of options as it will be
given to barnacle_cluster; the strategy is wrapped in barnacle_gleam_strategy when it starts, so
that errors of discovery are Gleam's wherever they turn up.
""").

-export([dns/3, epmd/1, local_epmd/0, hosts/3, custom/1]).
-export([
    new_strategy/1,
    with_connect_nodes_function/2,
    with_disconnect_nodes_function/2,
    with_list_nodes_function/2
]).
-export([
    with_name/2,
    named/2,
    with_listener/2,
    with_poll_interval/2,
    with_eager_poll_interval/2,
    with_disconnect/2,
    with_departed_after/2,
    with_connect_timeout/2,
    with_max_connects/2,
    with_probe/2,
    with_probe_timeout/2,
    with_filter/2,
    with_max_nodes/2,
    with_log/2,
    with_retry_min/2,
    with_retry_max/2,
    with_strategy_timeout/2,
    with_max_callers/2,
    with_nameservers/2,
    with_grace/2,
    with_families/2,
    with_max_addresses/2,
    with_epmd_port/2,
    with_concurrency/2,
    with_max_names/2,
    with_max_bytes/2
]).
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
-type result() :: {ok, [node()]} | {error, refresh_error()}.
-type refresh_error() ::
    {strategy_error, term()}
    | {connect_error, [{node(), failed_to_connect | local_node_is_not_alive}]}
    | {disconnect_error, [{node(), failed_to_disconnect | local_node_is_not_alive}]}.
-type start_error() :: {init_failed, binary()}.
-type log_level() :: notices | warnings | errors | silent.

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

%% Settings

%% The name stays a binary where it can't be an atom; the check of the options says so.
-spec with_name(builder(), binary()) -> builder().
with_name(Builder, Name) ->
    Registered =
        try
            binary_to_atom(Name)
        catch
            error:_ -> Name
        end,
    maps:remove(named, Builder#{name => Registered}).

-spec named(builder(), atom()) -> builder().
named(Builder, Name) ->
    Builder#{name => Name, named => true}.

-spec with_listener(builder(), subject()) -> builder().
with_listener(Builder, Subject) ->
    Builder#{listener => {?MODULE, Subject}}.

-spec with_poll_interval(builder(), integer()) -> builder().
with_poll_interval(Builder, Ms) ->
    Builder#{poll_interval => Ms}.

-spec with_eager_poll_interval(builder(), integer()) -> builder().
with_eager_poll_interval(Builder, Ms) ->
    Builder#{eager_poll_interval => Ms}.

-spec with_disconnect(builder(), barnacle_plan:mode()) -> builder().
with_disconnect(Builder, Mode) ->
    Builder#{disconnect => Mode}.

-spec with_departed_after(builder(), integer()) -> builder().
with_departed_after(Builder, Ms) ->
    Builder#{departed_after => Ms}.

-spec with_connect_timeout(builder(), integer()) -> builder().
with_connect_timeout(Builder, Ms) ->
    Builder#{connect_timeout => Ms}.

-spec with_max_connects(builder(), integer()) -> builder().
with_max_connects(Builder, Max) ->
    Builder#{max_connects => Max}.

-spec with_probe(builder(), boolean()) -> builder().
with_probe(Builder, Probe) ->
    Builder#{probe => Probe}.

-spec with_probe_timeout(builder(), integer()) -> builder().
with_probe_timeout(Builder, Ms) ->
    Builder#{probe_timeout => Ms}.

%% What is no Filter stays as it is; the check of the options says so.
-spec with_filter(builder(), {patterns, [binary()]} | {predicate, fun((binary()) -> boolean())}) ->
    builder().
with_filter(Builder, {Kind, Filter}) when Kind =:= patterns; Kind =:= predicate ->
    Builder#{filter => Filter};
with_filter(Builder, Other) ->
    Builder#{filter => Other}.

-spec with_max_nodes(builder(), integer()) -> builder().
with_max_nodes(Builder, Max) ->
    Builder#{max_nodes => Max}.

%% Error and None are words of Gleam's prelude and of gleam/option, so the levels have others there.
-spec with_log(builder(), log_level()) -> builder().
with_log(Builder, notices) -> Builder#{log => notice};
with_log(Builder, warnings) -> Builder#{log => warning};
with_log(Builder, errors) -> Builder#{log => error};
with_log(Builder, silent) -> Builder#{log => none};
with_log(Builder, Other) -> Builder#{log => Other}.

-spec with_retry_min(builder(), integer()) -> builder().
with_retry_min(Builder, Ms) ->
    Builder#{retry_min => Ms}.

-spec with_retry_max(builder(), integer()) -> builder().
with_retry_max(Builder, Ms) ->
    Builder#{retry_max => Ms}.

-spec with_strategy_timeout(builder(), integer()) -> builder().
with_strategy_timeout(Builder, Ms) ->
    Builder#{strategy_timeout => Ms}.

-spec with_max_callers(builder(), integer()) -> builder().
with_max_callers(Builder, Max) ->
    Builder#{max_callers => Max}.

-spec with_nameservers(builder(), [binary()]) -> builder().
with_nameservers(Builder, Servers) ->
    with_strategy_option(Builder, dns, nameservers, Servers).

-spec with_grace(builder(), integer()) -> builder().
with_grace(Builder, Ms) ->
    with_strategy_option(Builder, dns, grace, Ms).

-spec with_families(builder(), barnacle_dns_answer:families()) -> builder().
with_families(Builder, Families) ->
    with_strategy_option(Builder, dns, families, Families).

-spec with_max_addresses(builder(), integer()) -> builder().
with_max_addresses(Builder, Max) ->
    with_strategy_option(Builder, dns, max_addresses, Max).

-spec with_epmd_port(builder(), integer()) -> builder().
with_epmd_port(Builder, Port) ->
    with_strategy_option(Builder, hosts, port, Port).

-spec with_concurrency(builder(), integer()) -> builder().
with_concurrency(Builder, Max) ->
    with_strategy_option(Builder, hosts, concurrency, Max).

-spec with_max_names(builder(), integer()) -> builder().
with_max_names(Builder, Max) ->
    with_strategy_option(Builder, hosts, max_names, Max).

-spec with_max_bytes(builder(), integer()) -> builder().
with_max_bytes(Builder, Max) ->
    with_strategy_option(Builder, hosts, max_bytes, Max).

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
    case barnacle_cluster:start_link(to_options(Builder)) of
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
refresh(Subject, TimeoutMs) when TimeoutMs > 0 ->
    from_result(barnacle_cluster:refresh(server(Subject), limit(TimeoutMs)));
refresh(Subject, _TimeoutMs) ->
    try
        from_result(barnacle_cluster:refresh(server(Subject), 0))
    catch
        exit:{timeout, _} = Reason -> no_time(Subject, Reason)
    end.

%% A timeout that no result could meet is input, and no input of dns and hosts ends its caller.
no_time(Subject, Reason) ->
    case barnacle_cluster:status(server(Subject)) of
        #{strategy := barnacle_strategy_dns} -> {error, {strategy_error, timeout}};
        #{strategy := barnacle_strategy_hosts} -> {error, {strategy_error, []}};
        #{} -> exit(Reason)
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

-spec await(subject(), barnacle_waiting:what(), integer()) -> {ok, nil} | {error, nil}.
await(Subject, Goal, TimeoutMs) ->
    case barnacle_cluster:await(server(Subject), Goal, limit(TimeoutMs)) of
        ok -> {ok, nil};
        {error, timeout} -> {error, nil}
    end.

-spec ready(subject(), barnacle_waiting:what()) -> boolean().
ready(Subject, Goal) ->
    barnacle_cluster:ready(server(Subject), Goal).

-spec run_once(builder()) -> result().
run_once(Builder) ->
    case barnacle_gleam_input:once(barnacle_options:used_once(Builder)) of
        {ok, Once} -> refreshed_once(Once);
        {error, _} = Error -> Error
    end.

refreshed_once(Builder) ->
    try
        from_result(barnacle_cluster:run_once(to_options(Builder)))
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
            {ok, [barnacle_gleam_strategy:from_address(Address) || Address <- Addresses]};
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
-spec notify(subject(), barnacle_cluster:event()) -> ok.
notify(Subject, {refresh, {error, {crashed, _}}}) ->
    told(tell(Subject, {refresh_response, {error, {connect_error, []}}}));
notify(Subject, {refresh, Result}) ->
    told(tell(Subject, {refresh_response, from_result(Result)}));
notify(Subject, pause) ->
    told(tell(Subject, {pause_response, nil}));
notify(Subject, shutdown) ->
    told(tell(Subject, {shutdown_response, nil})).

with_option(_Key, none, Options) -> Options;
with_option(Key, {some, Value}, Options) -> Options#{Key => Value}.

%% A setting for another strategy is left among the settings of the server, whose check refuses it.
with_strategy_option(#{strategy := {Kind, Options}} = Builder, Kind, Key, Value) ->
    Builder#{strategy => {Kind, Options#{Key => Value}}};
with_strategy_option(Builder, _Kind, Key, Value) ->
    Builder#{Key => Value}.

to_options(#{strategy := Strategy} = Builder) ->
    maps:remove(named, Builder#{strategy => {barnacle_gleam_strategy, Strategy}}).

subject(_Pid, #{named := true, name := Name}) -> {named_subject, Name};
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

%% Strategy errors are Gleam's already: barnacle_gleam_strategy has seen to that.
from_result({ok, _} = Ok) ->
    Ok;
from_result({error, {strategy_error, _}} = Error) ->
    Error;
from_result({error, {connect_error, Nodes}}) ->
    {error, {connect_error, reasons(Nodes, failed_to_connect)}};
from_result({error, {disconnect_error, Nodes}}) ->
    {error, {disconnect_error, reasons(Nodes, failed_to_disconnect)}}.

reasons(Nodes, Otherwise) ->
    [{Node, reason(Why, Otherwise)} || {Node, Why} <- Nodes].

reason(local_node_is_not_alive = Why, _Otherwise) -> Why;
reason(_Why, Otherwise) -> Otherwise.

in_time(TimeoutMs, _Lookup) when TimeoutMs < 1 ->
    {error, timeout};
in_time(TimeoutMs, Lookup) ->
    case Lookup(min(TimeoutMs, ?DAY_MS)) of
        {ok, _} = Ok -> Ok;
        {error, Why} -> {error, barnacle_gleam_strategy:from_lookup_error(Why)}
    end.
