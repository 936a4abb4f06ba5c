%% SPDX-License-Identifier: Apache-2.0
-module(barnacle_native).

-include("barnacle_doc.hrl").

?MODULEDOC("""
The one door to the native core (C++ on c-ares and libuv): DNS lookups, host names, the names that
EPMDs know, whether nodes can be dialled, and the diff of two lists of names.

An operation belongs to the process that calls it, which waits in a receive for the messages of its
own operation alone: other messages stay where they are, and no scheduler waits. Killing the process
ends the operation. It is over at its timeout, however busy or broken the network, the servers or
this node's I/O may be.

Every function but diff gives {error, Reason}:

  * {bad_request, Text}: the core refuses an argument, and nothing was sent;
  * {bad_options, [{Key, Value, Text}]}: ERL_EPMD_PORT in the environment is not a port;
  * {native_library, Text}: the library is not built or not to be loaded, and what to do;
  * {bad_name, Text}, {bad_nameserver, Text}: nothing was sent;
  * {posix, Errno}: the system has no descriptors or no memory left;
  * timeout: so many operations ran that its turn did not come (barnacle_queue), or the core did not
    keep its own deadline, for the node's dirty I/O schedulers are busy;
  * port_program_died: the core runs as a program of its own (native of barnacle_environment) that
    died meanwhile; another one is being started.

What one name or one host came to is in the results.
""").

-export([available/0, dns/2, resolve/2, epmd_names/2, epmd_names/3, diff/3, info/0]).
-export([probe/2, probe/3, probe/4, defaults/1]).

-export_type([
    error/0,
    errno/0,
    lookup_error/0,
    epmd_error/0,
    outcome/0,
    queried/0,
    dns_options/0,
    dns_result/0,
    doubt/0,
    resolve_options/0,
    epmd_options/0,
    probe_options/0,
    probe_error/0,
    probed/0,
    target/0,
    on_host/0,
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

?DOC("""
The outcome of one family. no_data: the name has no record of that type. not_wanted: the family was
not queried, or its response was not waited for, since the other family is enough.
""").
-type outcome() ::
    {addresses, [inet:ip_address(), ...]} | no_data | not_wanted | {error, lookup_error()}.

?DOC("""
A query that brought no addresses: the full name, the name server as Address:Port, the outcome.
timeout: that server did not respond.
""").
-type queried() :: {Name :: binary(), Nameserver :: binary(), no_data | lookup_error()}.

-type error() ::
    {bad_options, [barnacle_settings:problem()]}
    | {native_library, Text :: binary()}
    | {bad_name, binary()}
    | {bad_nameserver, binary()}
    | {posix, errno()}
    | timeout
    | port_program_died
    | {bad_request | internal, binary()}
    | cancelled.

?DOC("""
timeout: for the whole lookup, in ms. grace: how long the second family may take once the first has
addresses, in ms. nameservers: <<"10.0.0.2">>, <<"10.0.0.2:53">> or <<"[::1]:53">>, in place of the
system's; an address of fe80::/10 may have a zone, as in fe80::1%eth0. max_addresses: a result with
more is {error, {posix, emsgsize}}. truncated: the names that an earlier result had there.
defaults/1 has what is not given.

families: which families are queried. inet and inet6 query one family alone. prefer_inet and
prefer_inet6 query both; if that family has addresses, the other one is not waited for.
""").
-type dns_options() :: #{
    timeout := 1..86400000,
    grace => 0..86400000,
    families => both | inet | inet6 | prefer_inet | prefer_inet6,
    nameservers => [binary()],
    max_addresses => pos_integer(),
    truncated => [binary()]
}.

?DOC("""
Why the addresses of a result may not be all. several_cnames: one name has CNAME records with
different targets. foreign_owner: a record belongs to a name outside the chain of CNAMEs.
garbled: the sections of the response contradict its header. truncated: the response over TCP was
truncated too.
""").
-type doubt() :: several_cnames | foreign_owner | garbled | truncated.

?DOC("""
candidate: the full name that has the outcomes. The search list may have several full names; without
addresses, the one that decides is in c_src/lookup.hpp. queried: every query of a wanted family that
brought no addresses, by full name, 64 at most; of a name with addresses only the errors. doubts:
why the addresses may not be all. truncated: the names whose responses are too long for a query
without EDNS. Give them to the next lookup, which then needs no TCP.
""").
-type dns_result() :: #{
    candidate := binary(),
    a := outcome(),
    aaaa := outcome(),
    queried := [queried()],
    doubts := [doubt()],
    truncated := [binary()]
}.

?DOC("""
timeout: for all hosts together, in ms. family: of the addresses. nameservers: as in dns_options/0.
concurrency: lookups at one time.
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
dns_options/0. concurrency: hosts queried at one time. max_names and max_bytes: of one host's reply.
""").
-type epmd_options() :: #{
    timeout := 1..86400000,
    port => 1..65535,
    nameservers => [binary()],
    concurrency => pos_integer(),
    max_names => pos_integer(),
    max_bytes => pos_integer()
}.

?DOC("""
Called with a host given by name, and what is known of its addresses: all of them if there are
several, none if its lookup has failed, or is not over after 300 ms.
""").
-type on_host() :: fun((Host :: binary(), [inet:ip_address()]) -> term()).

?DOC("A node NAME@HOST; its host is an IP address or a name.").
-type target() :: {Name :: binary(), Host :: binary()}.

?DOC("""
Why a node cannot be dialled, or would be dialled in vain:

  * nxdomain: its host's name doesn't exist, or has no address of the wanted family;
  * {lookup_failed, Why}: whether its host's name exists is not known;
  * host_silent: nothing came back from the host: dead, or behind a firewall;
  * host_unreachable: there is no way to the host, says the network (ehostunreach, enetunreach);
  * epmd_refused: nobody listens on the port of the host's EPMD;
  * epmd_timeout: somebody listens there, and does not answer;
  * epmd_bad_reply: who listens there is no EPMD, by its answer or its hanging up;
  * {not_registered, Names}: the EPMD does not know the node, but these, some of them if many;
  * port_refused: nobody listens on the node's distribution port;
  * port_silent: the EPMD answered, and nothing comes back from the distribution port: a firewall;
  * not_probed: the time was over before its turn;
  * {posix, Errno}: any other failure of the system.
""").
-type probe_error() ::
    nxdomain
    | {lookup_failed, lookup_error()}
    | host_silent
    | host_unreachable
    | epmd_refused
    | epmd_timeout
    | epmd_bad_reply
    | {not_registered, [Name :: binary()]}
    | port_refused
    | port_silent
    | not_probed
    | {posix, errno()}.

-type probed() :: {target(), ok | {error, probe_error()}}.

?DOC("""
timeout: for all targets together, in ms. node_timeout: for each target, once its host is resolved
and its turn has come, in ms. epmd_port: of every EPMD (as port of epmd_options/0). port: the
distribution port of all nodes, where no EPMD is asked for it; 0 asks. family: what the distribution
speaks, any for both; with inet6 an IPv4 address is taken in its mapped form. source: the address
from which distribution ports are connected to, <<>> for any. depth: how far to go: lookup, does the
host resolve; epmd, and does its EPMD know the node; port, and does the node accept connections.
nameservers: as in dns_options/0. concurrency: nodes at one time. max_names: that not_registered
tells.
""").
-type probe_options() :: #{
    timeout := 1..86400000,
    node_timeout => 1..86400000,
    epmd_port => 1..65535,
    port => 0..65535,
    family => inet | inet6 | any,
    source => binary(),
    depth => lookup | epmd | port,
    nameservers => [binary()],
    concurrency => pos_integer(),
    max_names => pos_integer()
}.

-type name() :: binary() | atom().

-type unavailable() :: {unavailable, Why :: unicode:chardata()}.

-define(MAX_TIMEOUT_MS, 86400000).
-define(MAX_PORT, 65535).
-define(DEFAULT_EPMD_PORT, "4369").

?DOC("Whether there is a core behind this shell; if not, why: a text for people.").
-callback available() -> ok | unavailable().

?DOC("""
Runs an operation for the calling process: a request of include/barnacle_core.hpp, and its reply.
What a Part has goes to OnPart as it becomes known. Past DeadlineMs, a monotonic time in ms,
{error, timeout}. It is over when the caller dies.
""").
-callback run(Request :: term(), DeadlineMs :: integer(), OnPart :: fun((term()) -> term())) ->
    Reply :: term() | unavailable().

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
-spec available() -> ok | {error, Text :: binary()}.
available() ->
    case (shell()):available() of
        ok -> ok;
        {unavailable, Why} -> {error, barnacle_unavailable:explain(Why)}
    end.

?DOC("""
Asks the DNS for the A and AAAA records of a host name, both at once. The name goes through the
search list of resolv.conf(5), both families of one candidate before the next; the hosts file is not
consulted. IP addresses are answered as they are.
""").
-spec dns(binary(), dns_options()) -> {ok, dns_result()} | {error, error()}.
dns(Name, Options) ->
    call(dns, #{name => Name}, Options, fun no_part/1).

?DOC("""
The addresses of hosts in one family, all looked up at once: from IP literals, the hosts file and
then the DNS. One result for each host, in their order; a host without addresses in that family is
{error, nxdomain}.
""").
-spec resolve([binary()], resolve_options()) ->
    {ok, [{binary(), {ok, [inet:ip_address(), ...]} | {error, lookup_error()}}]}
    | {error, error()}.
resolve(Hosts, Options) ->
    call(resolve, #{hosts => Hosts}, Options, fun no_part/1).

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
    epmd_names(Hosts, Options, fun(_, _) -> ok end).

?DOC("The same; OnHost is called meanwhile, in the calling process.").
-spec epmd_names([binary()], epmd_options(), on_host()) ->
    {ok, [{binary(), {ok, [{Name :: binary(), inet:port_number()}]} | {error, epmd_error()}}]}
    | {error, error()}.
epmd_names(Hosts, Options, OnHost) ->
    OnPart = fun(Part) -> _ = on_hosts(Part, OnHost) end,
    case with_epmd_port(port, Options) of
        {ok, WithPort} -> call(epmd_names, #{hosts => Hosts}, WithPort, OnPart);
        {error, _} = Error -> Error
    end.

?DOC("probe/3 without being told before all is known.").
-spec probe([target()], probe_options()) -> {ok, [probed()]} | {error, error()}.
probe(Targets, Options) ->
    probe(Targets, Options, fun(_) -> ok end).

?DOC("""
Looks whether nodes can be dialled, all at once, by the steps that a dial takes before its
handshake: the host's addresses (as resolve/2), the port that the host's EPMD tells
(PORT_PLEASE2_REQ of the EPMD protocol, a connection for each node, since an EPMD closes it after
one reply), a connection to that port, which is closed as soon as it is made. The other node sees
nothing of it: no line in its log, on OTP 25 and 27 with inet_tcp, inet6_tcp and inet_tls. A host
whose EPMD does not know a node is asked once for the names that it knows (NAMES_REQ).

One result for each target, in their order. Before that OnProbed is called, in the calling process,
with results as they become known; those that are last known it may not hear of. A node that can be
dialled may yet turn the dial away (another cookie, a name that its port does not have) or never
answer it.

A host that is dead or slow, or answers nonsense, costs its own nodes' results, nothing else. Of a
host's addresses one that answers is enough; which of them a connection attempt uses is OTP's affair
(barnacle_otp_names).
""").
-spec probe([target()], probe_options(), OnProbed :: fun(([probed(), ...]) -> term())) ->
    {ok, [probed()]} | {error, error()}.
probe(Targets, Options, OnProbed) ->
    probe(Targets, Options, OnProbed, fun(_, _) -> ok end).

?DOC("The same; OnHost is called too, before the outcomes of the host's targets.").
-spec probe([target()], probe_options(), OnProbed, on_host()) ->
    {ok, [probed()]} | {error, error()}
when
    OnProbed :: fun(([probed(), ...]) -> term()).
probe(Targets, Options, OnProbed, OnHost) ->
    OnPart = fun(Part) ->
        case on_hosts(Part, OnHost) of
            [] ->
                ok;
            Outcomes ->
                At = list_to_tuple(Targets),
                OnProbed([{element(Position + 1, At), Outcome} || {Position, Outcome} <- Outcomes])
        end
    end,
    case with_epmd_port(epmd_port, Options) of
        {ok, WithPort} ->
            case call(probe, #{targets => Targets}, WithPort, OnPart) of
                {ok, Outcomes} -> {ok, lists:zip(Targets, Outcomes)};
                Error -> Error
            end;
        {error, _} = Error ->
            Error
    end.

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
        {unavailable, Why} -> erlang:error({native_library, barnacle_unavailable:explain(Why)})
    end.

?DOC("""
For people who want to know what runs here: whether the library is available, if not why, and else
operations (how many there are now), queue (as barnacle_queue:info/0 has it) and the versions of the
libraries.
""").
-spec info() -> #{available := boolean(), atom() => term()}.
info() ->
    case available() of
        ok -> ((shell()):info())#{available => true, queue => barnacle_queue:info()};
        {error, Text} -> #{available => false, reason => Text}
    end.

%% Tells of hosts what a part has of them, and gives the rest of it.
on_hosts(Part, OnHost) ->
    {Hosts, Rest} = lists:partition(fun({Key, _}) -> is_binary(Key) end, Part),
    ok = lists:foreach(fun({Host, Addresses}) -> OnHost(Host, Addresses) end, Hosts),
    Rest.

%% Operations

?DOC("""
What an operation has for options that are not given; timeout always is. The port of EPMDs is that
of this VM's own EPMD.
""").
-spec defaults(dns | resolve | epmd_names | probe) -> #{atom() => term()}.
defaults(dns) ->
    #{grace => 1000, families => both, nameservers => [], max_addresses => 4096, truncated => []};
defaults(resolve) ->
    #{family => inet, nameservers => [], concurrency => 64};
defaults(epmd_names) ->
    #{nameservers => [], concurrency => 256, max_names => 10000, max_bytes => 1048576};
defaults(probe) ->
    #{
        node_timeout => ?MAX_TIMEOUT_MS,
        port => 0,
        family => inet,
        source => <<>>,
        depth => port,
        nameservers => [],
        concurrency => 256,
        max_names => 16
    }.

%% The core checks every argument when it decodes the request.
call(Operation, Subject, Options, OnPart) ->
    Arguments = maps:merge(maps:merge(defaults(Operation), Options), Subject),
    run({Operation, request(Arguments)}, OnPart).

no_part(_Part) -> ok.

%% If it is not given: where this VM's own distribution looks for its EPMD.
with_epmd_port(Key, Options) when is_map_key(Key, Options) ->
    {ok, Options};
with_epmd_port(Key, Options) ->
    Text =
        case init:get_argument(epmd_port) of
            {ok, [[Argument | _] | _]} -> Argument;
            _ -> os:getenv("ERL_EPMD_PORT", ?DEFAULT_EPMD_PORT)
        end,
    case string:to_integer(Text) of
        {Port, []} when Port >= 1, Port =< ?MAX_PORT ->
            {ok, Options#{Key => Port}};
        _ ->
            Fix = <<
                "must be a port from 1 to 65535; it comes from the environment's ERL_EPMD_PORT"
            >>,
            {error, {bad_options, [{Key, Text, Fix}]}}
    end.

%% The core's words for options that are times say their unit.
request(Arguments) ->
    maps:fold(fun(Key, Value, Request) -> Request#{key(Key) => Value} end, #{}, Arguments).

key(timeout) -> timeout_ms;
key(node_timeout) -> node_timeout_ms;
key(grace) -> grace_ms;
key(Key) -> Key.

%% An operation that has to wait for others has less time of its own, but no later deadline.
run({Operation, #{timeout_ms := TimeoutMs} = Arguments}, OnPart) when
    is_integer(TimeoutMs), TimeoutMs >= 1, TimeoutMs =< ?MAX_TIMEOUT_MS
->
    ok = barnacle_app:need(),
    DeadlineMs = now_ms() + TimeoutMs,
    barnacle_queue:run(DeadlineMs, fun(LeftMs) ->
        Request = {Operation, Arguments#{timeout_ms := min(TimeoutMs, LeftMs)}},
        run(Request, DeadlineMs, OnPart)
    end);
run(Refused, OnPart) ->
    %% There is no deadline to wait for: the core refuses the timeout at once.
    run(Refused, now_ms(), OnPart).

run(Request, DeadlineMs, OnPart) ->
    case (shell()):run(Request, DeadlineMs + ?MARGIN_MS, OnPart) of
        {unavailable, Why} -> {error, {native_library, barnacle_unavailable:explain(Why)}};
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
