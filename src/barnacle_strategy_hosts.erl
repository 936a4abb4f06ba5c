%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_strategy_hosts).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The strategy {hosts, Options}: the nodes that the EPMDs of many hosts know, all asked at once.

The answer is complete where every host answered, partial where some did, and an error,
[{Host, Reason}], where none did.
""").

?BEHAVIOUR(barnacle_strategy).

-export([init/1, discover/1, timeout/1, table/0, is_host/1]).

-export_type([options/0]).

?DOC("""
hosts: names or addresses, as the host parts of the node names say them, but in lower case unless
this node's own host part has capitals. basename: only nodes of
this basename. port: of the EPMDs (ERL_EPMD_PORT, or 4369). timeout: for all hosts together, in ms.
concurrency: hosts queried at a time. max_names, max_bytes: of one EPMD's reply. table/0 has the
defaults.
""").
-type options() :: #{
    hosts := [binary(), ...],
    basename => binary(),
    port => 1..65535,
    timeout => pos_integer(),
    concurrency => pos_integer(),
    max_names => pos_integer(),
    max_bytes => pos_integer()
}.

-define(MARGIN_MS, 2000).

-spec init(term()) -> {ok, map()} | {error, binary()}.
init(Arg) ->
    case barnacle_settings:check(table(), Arg) of
        {ok, Options} -> {ok, Options};
        {error, Problems} -> {error, barnacle_settings:format(hosts, Problems)}
    end.

-spec timeout(map()) -> pos_integer().
timeout(#{timeout := TimeoutMs}) ->
    TimeoutMs + ?MARGIN_MS.

-spec discover(map()) -> {barnacle_strategy:answer(), map()}.
discover(#{hosts := Hosts} = Options) ->
    Query = maps:with([timeout, port, concurrency, max_names, max_bytes], Options),
    Outcomes = barnacle_otp_names:run(#{
        keys => maps:from_list([{Host, [Host]} || Host <- Hosts]),
        core => fun(_OnPart, OnHost) -> names(Hosts, Query, OnHost) end,
        again => fun([Host], Address, LeftMs) ->
            There = [barnacle_address:to_text(Address)],
            [{_, Outcome}] = names(There, Query#{timeout := LeftMs}, fun(_, _) -> ok end),
            [{Host, Outcome}]
        end,
        families => [inet, inet6],
        first => false,
        on_outcomes => fun(_) -> ok end,
        deadline_ms => erlang:monotonic_time(millisecond) + maps:get(timeout, Options)
    }),
    {answer([{Host, maps:get(Host, Outcomes)} || Host <- Hosts], Options), Options}.

names(Hosts, Query, OnHost) ->
    case barnacle_native:epmd_names(Hosts, Query, OnHost) of
        {ok, Results} -> Results;
        {error, Reason} -> [{Host, {error, Reason}} || Host <- Hosts]
    end.

answer(Results, Options) ->
    Names = [
        barnacle_names:join(Name, Part)
     || {Host, {ok, Registered}} <- Results,
        Part <- [barnacle_own:host(Host)],
        {Name, _Port} <- Registered,
        is_wanted(Name, Options)
    ],
    case [{Host, Reason} || {Host, {error, Reason}} <- Results] of
        [] -> {complete, Names};
        Failed when length(Failed) =:= length(Results) -> {error, Failed};
        Failed -> {partial, Names, Failed}
    end.

is_wanted(Name, #{basename := Basename}) -> Name =:= Basename;
is_wanted(_Name, _) -> true.

?DOC("Every option of this strategy: its name, type, default and meaning.").
-spec table() -> barnacle_settings:table().
table() ->
    #{concurrency := Concurrency, max_names := MaxNames, max_bytes := MaxBytes} =
        barnacle_native:defaults(epmd_names),
    [
        {hosts, {term, <<"a list of host names or addresses">>, fun check_hosts/1}, required,
            <<"whose EPMDs are asked">>},
        {basename,
            {term, <<"the part of a node name before the '@'">>,
                fun barnacle_names:check_basename/1},
            optional, <<"takes only nodes of this basename">>},
        {port, {integer, port, 1, 65535}, optional, <<"of the EPMDs">>},
        {timeout, {integer, ms, 1, 86400000}, {default, 5000}, <<"for all hosts together">>},
        {concurrency, {integer, hosts, 1, 10000}, {default, Concurrency},
            <<"how many hosts are asked at a time">>},
        {max_names, {integer, names, 1, 1000000}, {default, MaxNames},
            <<"of one EPMD; a longer reply is refused">>},
        {max_bytes, {integer, bytes, 4, 67108864}, {default, MaxBytes},
            <<"of one EPMD's reply; a longer one is refused">>}
    ].

check_hosts([]) ->
    {error, <<"must be a list of one host or more">>};
check_hosts(Hosts) ->
    Wanted = "must be a list of binaries such as <<\"10.0.0.2\">>",
    barnacle_settings:check_list(Hosts, fun is_host/1, Wanted).

?DOC("Whether the EPMD of this host can be queried: a host name, or an address of a host.").
-spec is_host(term()) -> boolean() | {false, Why :: unicode:chardata()}.
is_host(Host) when is_binary(Host) ->
    Name = barnacle_names:join(<<"a">>, Host),
    case {barnacle_names:check_host(Host), barnacle_names:check(Name)} of
        {{error, _}, {error, {invalid_node_name, zone} = Why}} ->
            {false, barnacle_words:reason(Why)};
        {{error, Text}, _} ->
            {false, Text};
        {ok, {error, {unusable_address, _} = Why}} ->
            {false, barnacle_words:reason(Why)};
        {ok, _} ->
            true
    end;
is_host(_) ->
    false.
