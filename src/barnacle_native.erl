%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The one door to the native core (C++ on c-ares and libuv): DNS lookups, host names, the names that
EPMDs know, and the diff of two lists of names.

An operation belongs to the process that calls it, which waits in a receive for the messages of its
own operation alone: other messages stay where they are, and no scheduler waits. Killing the process
ends the operation. It is over at its timeout, however busy or broken the network, the servers or
this node's I/O may be.

Every function but diff gives {error, Reason}:

  * {bad_options, [{Key, Value, Text}]}: arguments that cannot be, all of them at once;
  * {native_library, Text}: the library is not built or not to be loaded, and what to do;
  * {bad_name, Text}, {bad_nameserver, Text}: nothing was sent;
  * {posix, Errno}: the system has no descriptors or no memory left;
  * timeout: the core did not keep its own deadline, for the node's dirty I/O schedulers are busy;
  * port_program_died: the core runs as a program of its own (native of barnacle_environment) that
    died meanwhile; another one is being started.

What one name or one host came to is in the results.
""").

-export([available/0, dns/2, resolve/2, epmd_names/2, diff/3, info/0]).

-export_type([
    error/0,
    errno/0,
    lookup_error/0,
    epmd_error/0,
    outcome/0,
    dns_options/0,
    dns_result/0,
    resolve_options/0,
    epmd_options/0,
    name/0,
    unavailable/0
]).

?DOC("An error of the system as inet:posix/0 has them: econnrefused, ehostunreach, emfile.").
-type errno() :: atom().

?DOC("Why a lookup failed, in the words of inet_res:res_error/0 and RFC 1035, 4.1.1 (RCODE).").
-type lookup_error() ::
    formerr
    | qfmterror
    | servfail
    | nxdomain
    | timeout
    | notimp
    | refused
    | badvers
    | {posix, errno()}
    | unknown.

?DOC("""
Why a host's EPMD told no names: its name did not resolve, it could not be reached, it did not
answer in time, its reply is not one (bad_reply), or longer than allowed (too_long).
""").
-type epmd_error() :: lookup_error() | errno() | bad_reply | too_long.

?DOC("What the DNS says of one family: no_data where the name has no record of that type.").
-type outcome() :: {addresses, [inet:ip_address(), ...]} | no_data | {error, lookup_error()}.

-type error() ::
    {bad_options, [barnacle_settings:problem()]}
    | {native_library, unicode:chardata()}
    | {bad_name, binary()}
    | {bad_nameserver, binary()}
    | {posix, errno()}
    | timeout
    | port_program_died
    | {bad_request | internal, binary()}
    | cancelled.

?DOC("""
timeout: for the whole lookup, in ms. grace: how long the second family may take once the first has
addresses, in ms (1000). nameservers: <<"10.0.0.2">>, <<"10.0.0.2:53">> or <<"[::1]:53">> (those of
the system). max_addresses: an answer with more is {error, {posix, emsgsize}} (4096).
""").
-type dns_options() :: #{
    timeout := 1..86400000,
    grace => 0..86400000,
    nameservers => [binary()],
    max_addresses => pos_integer()
}.

?DOC("candidate: the full name, of those of the search list, that answered or was asked last.").
-type dns_result() :: #{candidate := binary(), a := outcome(), aaaa := outcome()}.

?DOC("""
timeout: for all hosts together, in ms. family: of the addresses (inet). nameservers: as in
dns_options/0. concurrency: lookups at one time (64).
""").
-type resolve_options() :: #{
    timeout := 1..86400000,
    family => inet | inet6,
    nameservers => [binary()],
    concurrency => pos_integer()
}.

?DOC("""
timeout: for all hosts together, in ms. port: of every EPMD (that of this node's own: the runtime
system's flag -epmd_port, which the environment's ERL_EPMD_PORT sets, else 4369). nameservers: as in
dns_options/0. concurrency: hosts asked at one time (256). max_names (10000) and max_bytes
(1048576): of one host's reply.
""").
-type epmd_options() :: #{
    timeout := 1..86400000,
    port => 1..65535,
    nameservers => [binary()],
    concurrency => pos_integer(),
    max_names => pos_integer(),
    max_bytes => pos_integer()
}.

-type name() :: binary() | atom().

-type unavailable() :: {unavailable, Why :: unicode:chardata()}.

-define(MAX_TIMEOUT_MS, 86400000).
-define(MAX_COUNT, 16#7fffffff).
-define(DEFAULT_GRACE_MS, 1000).
-define(DEFAULT_MAX_ADDRESSES, 4096).
-define(DEFAULT_LOOKUPS, 64).
-define(DEFAULT_EPMDS, 256).
-define(DEFAULT_MAX_NAMES, 10000).
-define(DEFAULT_MAX_BYTES, 1048576).
-define(DEFAULT_EPMD_PORT, 4369).

?DOC("Whether there is a core behind this shell; if not, why: a text for people.").
-callback available() -> ok | unavailable().

?DOC("""
Runs an operation for the calling process: a request of include/barnacle_core.hpp, and its reply.
Past DeadlineMs, a monotonic time in ms, {error, timeout}. It is over when the caller dies.
""").
-callback run(Request :: term(), DeadlineMs :: integer()) -> Reply :: term() | unavailable().

?DOC("What diff/3 of this module gives.").
-callback diff([name()], [name()], name()) -> {[name()], [name()]} | unavailable().

?DOC("What info/0 of this module gives, without available; called where that is true.").
-callback info() -> map().

%% The core's own deadline comes first; this is for a node whose dirty I/O schedulers keep it from
%% running.
-define(MARGIN_MS, 1000).

?DOC("""
Whether the native library, or the port program in its place, is there and works. If not, a text for
people: which file, what is wrong with it, and how to build it. A library that was built since the
last look is loaded.
""").
-spec available() -> ok | {error, unicode:chardata()}.
available() ->
    case (shell()):available() of
        ok -> ok;
        {unavailable, Why} -> {error, explain(Why)}
    end.

?DOC("""
Asks the DNS for the A and AAAA records of a host name, both at once. The name goes through the
search list of resolv.conf(5), both families of one candidate before the next; the hosts file is not
consulted. IP addresses are answered as they are.
""").
-spec dns(binary(), dns_options()) -> {ok, dns_result()} | {error, error()}.
dns(Name, Options) ->
    Table = [name(), timeout(), grace(), nameservers(), max_addresses()],
    call(dns, Table, name, Name, Options).

?DOC("""
The addresses of hosts in one family, all looked up at once: from IP literals, the hosts file and
then the DNS. One result for each host, in their order; a host without addresses in that family is
{error, nxdomain}.
""").
-spec resolve([binary()], resolve_options()) ->
    {ok, [{binary(), {ok, [inet:ip_address(), ...]} | {error, lookup_error()}}]}
    | {error, error()}.
resolve(Hosts, Options) ->
    Table = [hosts(), timeout(), family(), nameservers(), concurrency(?DEFAULT_LOOKUPS)],
    call(resolve, Table, hosts, Hosts, Options).

?DOC("""
Asks the EPMDs of hosts, all at once, for the nodes that they know (NAMES_REQ of the EPMD protocol).
Hosts are IP addresses or names, which are looked up as resolve/2 does, in both families. One result
for each host, in their order: the names without host part and their distribution ports.

A host that is dead, slow, or answers nonsense costs its own result, nothing else: while more hosts
than concurrency are waiting, one that is being asked gets its share of the time, not all of it. A
reply is taken whole or, with one line out of order, not at all.
""").
-spec epmd_names([binary()], epmd_options()) ->
    {ok, [{binary(), {ok, [{Name :: binary(), inet:port_number()}]} | {error, epmd_error()}}]}
    | {error, error()}.
epmd_names(Hosts, Options) ->
    Table = [
        hosts(),
        timeout(),
        port(),
        nameservers(),
        concurrency(?DEFAULT_EPMDS),
        count(max_names, names, ?DEFAULT_MAX_NAMES),
        count(max_bytes, bytes, ?DEFAULT_MAX_BYTES)
    ],
    call(epmd_names, Table, hosts, Hosts, with_port(Options)).

?DOC("""
What keeps two lists of names apart: {Connect, Disconnect}, the wanted names that are not listed and
the listed ones that are not wanted. Each is in the order of its list and has the caller's own
terms, without Self, and of equal names only the first. An atom and a binary of the same text are
the same name.

Calls error({native_library, Text}) without the library, error(badarg) for anything but lists of
names, and error(port_program_died) where that program died twice in a row.
""").
-spec diff(Wanted :: [name()], Listed :: [name()], Self :: name()) ->
    {Connect :: [name()], Disconnect :: [name()]}.
diff(Wanted, Listed, Self) ->
    case (shell()):diff(Wanted, Listed, Self) of
        {Connect, Disconnect} when is_list(Connect) -> {Connect, Disconnect};
        {unavailable, Why} -> erlang:error({native_library, explain(Why)})
    end.

?DOC("""
For people who want to know what runs here: whether the library is available, if not why, and else
operations (how many there are now) and the versions of the libraries.
""").
-spec info() -> #{available := boolean(), atom() => term()}.
info() ->
    case available() of
        ok -> maps:put(available, true, (shell()):info());
        {error, Text} -> #{available => false, reason => unicode:characters_to_binary(Text)}
    end.

%% Options

name() ->
    {name, {term, <<"a host name, as a binary">>, binary_check()}, required, <<"to look up">>}.

hosts() ->
    {hosts, {term, <<"a list of hosts, each a binary">>, binaries_check()}, required,
        <<"names or IP addresses">>}.

timeout() ->
    {timeout, {integer, ms, 1, ?MAX_TIMEOUT_MS}, required, <<"for all of it">>}.

grace() ->
    {grace, {integer, ms, 0, ?MAX_TIMEOUT_MS}, {default, ?DEFAULT_GRACE_MS},
        <<"for the second family, once the first has addresses">>}.

family() ->
    {family, {one_of, [inet, inet6]}, {default, inet}, <<"of the addresses">>}.

nameservers() ->
    {nameservers, {term, <<"a list of name servers, each a binary">>, binaries_check()},
        {default, []}, <<"in place of the system's">>}.

port() ->
    {port, {term, <<"a port">>, fun check_port/1}, required, <<"of every EPMD">>}.

check_port(Port) when is_integer(Port), Port >= 1, Port =< 65535 ->
    ok;
check_port(_) ->
    {error,
        <<"must be a port from 1 to 65535; where it is not given, it comes from the environment's "
            "ERL_EPMD_PORT">>}.

with_port(Options) when is_map(Options), not is_map_key(port, Options) ->
    Options#{port => epmd_port()};
with_port(Options) ->
    Options.

max_addresses() ->
    count(max_addresses, addresses, ?DEFAULT_MAX_ADDRESSES).

concurrency(Default) ->
    count(concurrency, hosts, Default).

count(Key, Unit, Default) ->
    {Key, {integer, Unit, 1, ?MAX_COUNT}, {default, Default}, <<"at most">>}.

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

%% Operations

call(Operation, Table, Subject, Value, Options) when is_map(Options) ->
    case barnacle_settings:check(Table, Options#{Subject => Value}) of
        {ok, Checked} ->
            TimeoutMs = maps:get(timeout, Checked),
            run({Operation, request(Checked)}, TimeoutMs + ?MARGIN_MS);
        {error, Problems} ->
            {error, {bad_options, Problems}}
    end;
call(_Operation, _Table, _Subject, _Value, Options) ->
    {error, {bad_options, [{options, Options, <<"must be a map">>}]}}.

%% The core's words for options that are times say their unit.
request(Checked) ->
    maps:fold(fun(Key, Value, Request) -> Request#{key(Key) => Value} end, #{}, Checked).

key(timeout) -> timeout_ms;
key(grace) -> grace_ms;
key(Key) -> Key.

run(Request, TimeoutMs) ->
    case (shell()):run(Request, now_ms() + TimeoutMs) of
        {unavailable, Why} -> {error, {native_library, explain(Why)}};
        Reply -> Reply
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

%% What stands between this module and the core.
shell() ->
    case barnacle_environment:get(native) of
        nif -> barnacle_native_nif;
        port -> barnacle_native_port
    end.

explain(Why) ->
    [
        Why,
        ". Build it: run `make` in the directory of barnacle, or, in a Gleam project, "
        "`gleam run -m barnacle/install`"
    ].
