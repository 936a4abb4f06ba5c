%% SPDX-License-Identifier: Apache-2.0
-module(bed_dns_real).

%% Real name servers with zones that change while they run: nsd, an authoritative server (its
%% NXDOMAIN and its 'no data' are true ones), dnsmasq as people run it, with a hosts file, and
%% unbound, a resolver with a cache, which asks an nsd of its own.
%% Each listens on a loopback address and port of its own and needs no rights.

-export([start/2, start_link/2, is_there/1, nameserver/1, address/1, set_zone/2]).
-export([stop/1, restart/2, lose_source/1, source_back/2]).

-export_type([server/0, kind/0, record/0]).

-type kind() :: nsd | dnsmasq | unbound.

%% Names are relative to the zone; "@" is the zone itself. dnsmasq takes addresses only. line: a
%% line of the zone file as it is.
-type record() ::
    {Name :: string(), inet:ip_address()}
    | {Name :: string(), cname, Target :: string()}
    | {line, string()}.

-record(server, {
    kind :: kind(),
    program :: pid(),
    dir :: string(),
    address :: {inet:ip_address(), inet:port_number()},
    zone :: string(),
    %% The authoritative server behind a resolver.
    source = none :: none | #server{},
    serial = 0 :: non_neg_integer()
}).

-opaque server() :: #server{}.

%% Starts a server of one zone, for example "cluster.test", and waits until it answers; start/2
%% doesn't link it to the caller.
-spec start(kind(), {Zone :: string(), [record()]}) -> server().
start(Kind, Zone) ->
    start(Kind, Zone, fun bed_os:start/1).

-spec start_link(kind(), {Zone :: string(), [record()]}) -> server().
start_link(Kind, Zone) ->
    start(Kind, Zone, fun bed_os:start_link/1).

%% Whether the server is installed.
-spec is_there(kind()) -> boolean().
is_there(Kind) ->
    bed_os:find(atom_to_list(Kind)) =/= false.

%% Address:Port, as barnacle's option nameservers has it.
-spec nameserver(server()) -> binary().
nameserver(#server{address = {Address, Port}}) ->
    iolist_to_binary([inet:ntoa(Address), $:, integer_to_list(Port)]).

-spec address(server()) -> {inet:ip_address(), inet:port_number()}.
address(#server{address = Address}) ->
    Address.

%% Puts records in the place of all that the zone had. When this returns the server answers so.
-spec set_zone(server(), [record()]) -> ok.
set_zone(#server{kind = unbound, source = Source} = Server, Records) ->
    Serial = signalled(Source, Records),
    await(Serial, Server);
set_zone(Server, Records) ->
    _ = signalled(Server, Records),
    ok.

%% Ends the server.
-spec stop(server()) -> ok.
stop(#server{program = Program, source = Source}) ->
    ok = bed_os:stop(Program),
    [ok = stop(Source) || Source =/= none],
    ok.

%% Ends the server, and starts one on the same address and port, with another zone.
-spec restart(server(), [record()]) -> server().
restart(#server{kind = Kind, zone = Zone, address = Listen} = Server, Records) ->
    ok = stop(Server),
    start(Kind, {Zone, Records}, fun bed_os:start_link/1, Listen).

%% The authoritative server behind a resolver dies; the resolver goes on.
-spec lose_source(server()) -> ok.
lose_source(#server{kind = unbound, source = Source}) ->
    stop(Source).

%% It comes back with this zone. When this returns the resolver answers so.
-spec source_back(server(), [record()]) -> server().
source_back(#server{kind = unbound, source = Source, zone = Zone} = Server, Records) ->
    #server{address = Listen} = Source,
    Back = start(nsd, {Zone, Records}, fun bed_os:start_link/1, Listen),
    Returned = Server#server{source = Back},
    Serial = signalled(Back, Records),
    ok = await(Serial, Returned),
    Returned.

signalled(#server{program = Program} = Server, Records) ->
    Serial = write_zone(Server, Records),
    ok = bed_os:signal(Program, "HUP"),
    ok = await(Serial, Server),
    Serial.

start(Kind, Zone, Start) ->
    Address = bed_ports:address(),
    start(Kind, Zone, Start, {Address, bed_ports:port(Address)}).

start(Kind, {Zone, Records}, Start, Listen) ->
    Source =
        case Kind of
            unbound -> start(nsd, {Zone, Records}, Start);
            _ -> none
        end,
    Dir = bed_os:temp_dir(),
    Server = #server{
        kind = Kind, program = self(), dir = Dir, address = Listen, zone = Zone, source = Source
    },
    %% A resolver serves the version of its source.
    Serial =
        case Source of
            none -> write_zone(Server, Records);
            #server{serial = Known} ->
                ok = write(Kind, Known, Records, Server),
                Known
        end,
    {ok, Program} = Start(#{
        program => bed_os:find(atom_to_list(Kind)), args => args(Server), remove => Dir
    }),
    Started = Server#server{program = Program, serial = Serial},
    ok = await(Serial, Started),
    Started.

args(#server{kind = nsd, dir = Dir}) ->
    ["-d", "-c", filename:join(Dir, "nsd.conf")];
args(#server{kind = unbound, dir = Dir}) ->
    ["-d", "-c", filename:join(Dir, "unbound.conf")];
args(#server{kind = dnsmasq, dir = Dir, address = {Address, Port}, zone = Zone}) ->
    [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--user=" ++ string:trim(os:cmd("id -un")),
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--listen-address=" ++ inet:ntoa(Address),
        "--port=" ++ integer_to_list(Port),
        "--addn-hosts=" ++ filename:join(Dir, "hosts"),
        %% Without it, unknown names below the zone are refused: there is nobody to ask.
        "--local=/" ++ Zone ++ "/"
    ].

%% Each version of a zone has a record of its own, by which we see that it is being served.
write_zone(#server{kind = Kind} = Server, Records) ->
    Serial = erlang:unique_integer([positive, monotonic]),
    Version = {version(Serial), {127, 0, 0, 1}},
    ok = write(Kind, Serial, [Version | Records], Server),
    Serial.

version(Serial) ->
    "version-" ++ integer_to_list(Serial).

write(nsd, Serial, Records, #server{dir = Dir, zone = Zone} = Server) ->
    ok = file:write_file(filename:join(Dir, "nsd.conf"), nsd_conf(Server)),
    ok = file:write_file(filename:join(Dir, "zone"), [
        "$ORIGIN ", Zone, ".\n$TTL 1\n",
        io_lib:format("@ SOA ns hostmaster ~b 60 60 60 1\n@ NS ns\nns A 127.0.0.1\n", [Serial]),
        [zone_line(Record) || Record <- Records]
    ]);
write(unbound, _Serial, _Records, #server{dir = Dir} = Server) ->
    file:write_file(filename:join(Dir, "unbound.conf"), unbound_conf(Server));
write(dnsmasq, _Serial, Records, #server{dir = Dir, zone = Zone}) ->
    file:write_file(filename:join(Dir, "hosts"), [
        [inet:ntoa(Address), " ", absolute(Name, Zone), "\n"]
     || {Name, Address} <- Records
    ]).

%% Of the special zones that unbound answers by itself, test. is one.
unbound_conf(#server{dir = Dir, address = {Address, Port}, zone = Zone, source = Source}) ->
    #server{address = {SourceAddress, SourcePort}} = Source,
    [
        "server:\n",
        io_lib:format("  interface: ~s@~b\n", [inet:ntoa(Address), Port]),
        io_lib:format("  directory: \"~s\"\n", [Dir]),
        "  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n",
        "  module-config: \"iterator\"\n  do-not-query-localhost: no\n",
        "  access-control: 127.0.0.0/8 allow\n  num-threads: 1\n",
        "  local-zone: \"test.\" nodefault\n",
        %% A source that is gone is soon given up, and asked again after a second. (With one retry
        %% only, the second type asked for a name that isn't there would be SERVFAIL.)
        "  outbound-msg-retry: 2\n  infra-host-ttl: 1\n",
        "remote-control:\n  control-enable: no\n",
        io_lib:format("stub-zone:\n  name: ~s\n  stub-addr: ~s@~b\n", [
            Zone, inet:ntoa(SourceAddress), SourcePort
        ])
    ].

nsd_conf(#server{dir = Dir, address = {Address, Port}, zone = Zone}) ->
    [
        "server:\n",
        io_lib:format("  ip-address: ~s@~b\n", [inet:ntoa(Address), Port]),
        "  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n",
        [
            io_lib:format("  ~s: \"~s\"\n", [Option, filename:join(Dir, File)])
         || {Option, File} <- [
                {"zonesdir", ""},
                {"pidfile", "nsd.pid"},
                {"logfile", "nsd.log"},
                {"zonelistfile", "zone.list"},
                {"xfrdfile", "xfrd.state"},
                {"xfrdir", ""}
            ]
        ],
        "remote-control:\n  control-enable: no\n",
        "zone:\n  name: ", Zone, "\n  zonefile: \"", filename:join(Dir, "zone"), "\"\n"
    ].

zone_line({line, Line}) ->
    [Line, "\n"];
zone_line({Name, cname, Target}) ->
    [Name, " CNAME ", Target, "\n"];
zone_line({Name, Address}) when tuple_size(Address) =:= 4 ->
    [Name, " A ", inet:ntoa(Address), "\n"];
zone_line({Name, Address}) when tuple_size(Address) =:= 8 ->
    [Name, " AAAA ", inet:ntoa(Address), "\n"].

absolute("@", Zone) -> Zone;
absolute(Name, Zone) -> [Name, ".", Zone].

await(Serial, #server{address = Address, zone = Zone, program = Program}) ->
    Name = lists:flatten(absolute(version(Serial), Zone)),
    Options = [{nameservers, [Address]}, {timeout, 500}, {retry, 1}],
    bed_wait:until({zone, Zone}, fun() ->
        case inet_res:resolve(Name, in, a, Options) of
            {ok, _} -> true;
            {error, Reason} -> {Reason, bed_os:output(Program)}
        end
    end).
