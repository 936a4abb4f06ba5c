%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native_options).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The options of the functions of barnacle_native, a row each for barnacle_settings:check/2. Their
meanings, units and defaults stand there, in the types of options.
""").

-export([table/1, with_epmd_port/2]).

-define(MAX_TIMEOUT_MS, 86400000).
-define(MAX_PORT, 65535).
-define(MAX_COUNT, 16#7fffffff).
-define(MAX_NAME_BYTES, 255).
-define(DEFAULT_GRACE_MS, 1000).
-define(DEFAULT_MAX_ADDRESSES, 4096).
-define(DEFAULT_EPMD_PORT, 4369).

?DOC("""
The rows of these options: by their names, or with what differs from function to function, the name
of an EPMD's port and the default of a number.
""").
-spec table([Name | {epmd_port, Name} | {Name, Default}]) -> barnacle_settings:table() when
    Name :: atom(), Default :: pos_integer().
table(Options) ->
    [row(Option) || Option <- Options].

?DOC("""
Options with the port of EPMDs: not given it is where this VM's own distribution looks for its EPMD.
""").
-spec with_epmd_port(atom(), term()) -> term().
with_epmd_port(Key, Options) when is_map(Options), not is_map_key(Key, Options) ->
    Options#{Key => epmd_port()};
with_epmd_port(_Key, Options) ->
    Options.

row(name) ->
    {name, {term, <<"a host name, as a binary">>, binary_check()}, required, <<"to look up">>};
row(hosts) ->
    {hosts, {term, <<"a list of hosts, each a binary">>, binaries_check()}, required,
        <<"names or IP addresses">>};
row(targets) ->
    {targets, {term, <<"a list of {Name, Host}, each a binary">>, fun check_targets/1}, required,
        <<"nodes">>};
row(timeout) ->
    {timeout, {integer, ms, 1, ?MAX_TIMEOUT_MS}, required, <<"for all of it">>};
row(node_timeout) ->
    {node_timeout, {integer, ms, 1, ?MAX_TIMEOUT_MS}, {default, ?MAX_TIMEOUT_MS},
        <<"for each node, once its host is resolved">>};
row(grace) ->
    {grace, {integer, ms, 0, ?MAX_TIMEOUT_MS}, {default, ?DEFAULT_GRACE_MS},
        <<"for the second family, once the first has addresses">>};
row(family) ->
    {family, {one_of, [inet, inet6]}, {default, inet}, <<"of the addresses">>};
row(dist_family) ->
    {family, {one_of, [inet, inet6, any]}, {default, inet}, <<"of the distribution">>};
row(families) ->
    {families, {one_of, [both, inet, inet6, prefer_inet, prefer_inet6]}, {default, both},
        <<"to query">>};
row(nameservers) ->
    {nameservers, {term, <<"a list of name servers, each a binary">>, binaries_check()},
        {default, []}, <<"in place of the system's">>};
row(truncated) ->
    {truncated, {term, <<"a list of names, each a binary">>, binaries_check()}, {default, []},
        <<"names whose responses are known to be long">>};
row({epmd_port, Key}) ->
    {Key, {term, <<"a port">>, fun check_epmd_port/1}, required, <<"of every EPMD">>};
row(port) ->
    {port, {integer, port, 0, ?MAX_PORT}, {default, 0}, <<"of all nodes; 0 asks EPMDs">>};
row(source) ->
    {source, {term, <<"an IP address, as a binary">>, fun check_source/1}, {default, <<>>},
        <<"from where distribution ports are connected to">>};
row(depth) ->
    {depth, {one_of, [lookup, epmd, port]}, {default, port}, <<"how far to go">>};
row(max_addresses) ->
    row({max_addresses, ?DEFAULT_MAX_ADDRESSES});
row({Count, Default}) ->
    {Count, {integer, unit(Count), 1, ?MAX_COUNT}, {default, Default}, <<"at most">>}.

unit(concurrency) -> hosts;
unit(max_addresses) -> addresses;
unit(max_names) -> names;
unit(max_bytes) -> bytes.

check_epmd_port(Port) when is_integer(Port), Port >= 1, Port =< ?MAX_PORT ->
    ok;
check_epmd_port(_) ->
    {error,
        <<"must be a port from 1 to 65535; where it is not given, it comes from the environment's "
            "ERL_EPMD_PORT">>}.

check_targets(Targets) ->
    Is = fun
        ({Name, Host}) when is_binary(Name), is_binary(Host) ->
            Name =/= <<>> andalso byte_size(Name) =< ?MAX_NAME_BYTES;
        (_) ->
            false
    end,
    barnacle_settings:check_list(
        Targets, Is, "must be a list of {Name, Host}, each a binary, Name of 1 to 255 bytes"
    ).

check_source(<<>>) ->
    ok;
check_source(Source) ->
    case is_binary(Source) andalso barnacle_address:parse(Source) of
        {ok, _} -> ok;
        _ -> {error, <<"must be an IP address, as a binary">>}
    end.

binary_check() ->
    fun(Value) ->
        case is_binary(Value) of
            true -> ok;
            false -> {error, <<"must be a binary">>}
        end
    end.

binaries_check() ->
    fun(Value) ->
        case is_list(Value) andalso are_binaries(Value) of
            true -> ok;
            false -> {error, <<"must be a list of binaries">>}
        end
    end.

are_binaries([Element | Rest]) when is_binary(Element) -> are_binaries(Rest);
are_binaries(Rest) -> Rest =:= [].

%% Where this VM's own distribution looks for its EPMD.
epmd_port() ->
    case init:get_argument(epmd_port) of
        {ok, [[Text | _] | _]} -> to_port(Text);
        _ -> to_port(os:getenv("ERL_EPMD_PORT", integer_to_list(?DEFAULT_EPMD_PORT)))
    end.

%% What is no number is left to the check of the option.
to_port(Text) ->
    try
        list_to_integer(Text)
    catch
        error:badarg -> Text
    end.
