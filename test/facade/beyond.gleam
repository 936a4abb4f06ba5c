//// What barnacle has beyond the documented API, as a Gleam program sees it: values that the Erlang
//// side makes are taken apart here by Gleam's own constructors, so that both sides must agree.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import barnacle/departure
import barnacle/dns
import barnacle/hosts
import barnacle/install
import barnacle/local_epmd
import barnacle/reason
import barnacle/setting
import barnacle/status
import gleam/erlang/atom
import gleam/erlang/process
import gleam/option
import gleam/otp/supervision

pub fn named(
  barnacle: barnacle.Barnacle(a),
  name: process.Name(barnacle.Message(a)),
) -> barnacle.Barnacle(a) {
  barnacle.named(barnacle, name)
}

pub fn hosts(
  hosts: List(String),
  basename: option.Option(String),
  timeout: option.Option(Int),
) -> barnacle.Barnacle(List(#(String, hosts.HostError))) {
  barnacle.hosts(hosts, basename, timeout)
}

pub fn with_every_setting(
  barnacle: barnacle.Barnacle(a),
) -> barnacle.Barnacle(a) {
  let barnacle = barnacle.with_eager_poll_interval(barnacle, 1)
  let barnacle = barnacle.with_departed_after(barnacle, 1)
  let barnacle = barnacle.with_connect_timeout(barnacle, 1)
  let barnacle = barnacle.with_max_connects(barnacle, 1)
  let barnacle = barnacle.with_probe(barnacle, False)
  let barnacle = barnacle.with_probe_timeout(barnacle, 1)
  let barnacle = barnacle.with_filter(barnacle, setting.Patterns(["app@*"]))
  let barnacle = barnacle.with_max_nodes(barnacle, 1)
  let barnacle = barnacle.with_log(barnacle, setting.Warnings)
  let barnacle = barnacle.with_retry_min(barnacle, 1)
  let barnacle = barnacle.with_retry_max(barnacle, 1)
  let barnacle = barnacle.with_max_callers(barnacle, 1)
  barnacle.with_strategy_timeout(barnacle, 1)
}

pub fn with_every_dns_setting(
  barnacle: barnacle.Barnacle(dns.LookupError),
) -> barnacle.Barnacle(dns.LookupError) {
  let barnacle = barnacle.with_nameservers(barnacle, ["127.0.0.1:53"])
  let barnacle = barnacle.with_grace(barnacle, 1)
  let barnacle = barnacle.with_families(barnacle, setting.Both)
  barnacle.with_max_addresses(barnacle, 1)
}

pub fn with_epmd_port(
  barnacle: barnacle.Barnacle(List(#(String, hosts.HostError))),
  port: Int,
) -> barnacle.Barnacle(List(#(String, hosts.HostError))) {
  barnacle.with_epmd_port(barnacle, port)
}

pub fn with_hosts_limits(
  barnacle: barnacle.Barnacle(List(#(String, hosts.HostError))),
) -> barnacle.Barnacle(List(#(String, hosts.HostError))) {
  let barnacle = barnacle.with_concurrency(barnacle, 1)
  let barnacle = barnacle.with_max_names(barnacle, 1)
  barnacle.with_max_bytes(barnacle, 4)
}

pub fn disconnects() -> List(setting.Disconnect) {
  [setting.Departed, setting.Undiscovered, setting.Never, setting.Report]
}

pub fn log_levels() -> List(setting.LogLevel) {
  [setting.Notices, setting.Warnings, setting.Errors, setting.Silent]
}

pub fn only(name: String) -> setting.Filter {
  setting.Predicate(fn(other) { other == name })
}

pub fn families() -> List(setting.Families) {
  [setting.Own, setting.Both, setting.Inet, setting.Inet6]
}

pub fn dns_lookup(
  hostname: String,
  timeout: Int,
) -> Result(List(dns.IpAddress), dns.LookupError) {
  dns.dns_lookup(hostname, timeout)
}

pub fn dns_discover_nodes(
  basename: String,
  hostname_query: String,
  timeout: Int,
) -> Result(List(atom.Atom), dns.LookupError) {
  dns.discover_nodes(basename, hostname_query, timeout)
}

pub fn local_epmd_discover_nodes() -> Result(List(atom.Atom), Nil) {
  local_epmd.discover_nodes()
}

pub fn install() -> Nil {
  install.main()
}

pub fn lookup_error(error: dns.LookupError) -> String {
  case error {
    dns.FormatError -> "FormatError"
    dns.QueryFormatError -> "QueryFormatError"
    dns.ServerFailure -> "ServerFailure"
    dns.NoSuchDomain -> "NoSuchDomain"
    dns.Timeout -> "Timeout"
    dns.NotImplemented -> "NotImplemented"
    dns.Refused -> "Refused"
    dns.BadVersion -> "BadVersion"
    dns.PosixError(name) -> name
    dns.Unknown -> "Unknown"
  }
}

pub fn host_error(error: hosts.HostError) -> String {
  case error {
    hosts.LookupFailed(error) -> lookup_error(error)
    hosts.TimedOut -> "TimedOut"
    hosts.ConnectionFailed(name) -> name
    hosts.BadReply -> "BadReply"
    hosts.ReplyTooLong -> "ReplyTooLong"
  }
}

/// The bytes of an IPv4 address, the groups of an IPv6 one.
pub fn address(address: dns.IpAddress) -> List(Int) {
  case address {
    dns.IpV4(a, b, c, d) -> [a, b, c, d]
    dns.IpV6(a, b, c, d, e, f, g, h) -> [a, b, c, d, e, f, g, h]
  }
}

/// The fields of a status, by name, in an order of our own.
pub fn status_numbers(
  s: status.Status(a),
) -> #(Int, Int, Int, option.Option(Int)) {
  #(s.rounds, s.failed_rounds, s.crashed_rounds, s.next_poll_in)
}

pub fn status_links(s: status.Status(a)) -> #(Int, Int) {
  #(s.joined, s.lost)
}

pub fn status_flags(
  s: status.Status(a),
) -> #(Bool, Bool, Bool, setting.Disconnect) {
  #(s.state == status.Paused, s.refreshing, s.suspect, s.disconnect)
}

pub fn status_names(
  s: status.Status(a),
) -> #(atom.Atom, Bool, option.Option(String), String) {
  #(s.node, s.alive, s.name, s.strategy)
}

pub fn status_lists(
  s: status.Status(a),
) -> #(List(String), List(#(String, reason.Reason)), List(String), List(String)) {
  #(s.filtered, s.refused, s.own_names, s.hints)
}

pub fn status_queried(s: status.Status(a)) -> List(#(String, String, String)) {
  queries(s.queried)
}

fn queries(queried: List(status.Query)) -> List(#(String, String, String)) {
  case queried {
    [] -> []
    [query, ..rest] -> [
      #(query.name, query.nameserver, outcome(query.outcome)),
      ..queries(rest)
    ]
  }
}

fn outcome(outcome: status.Outcome) -> String {
  case outcome {
    status.NoData -> "NoData"
    status.QueryFailed(error) -> lookup_error(error)
  }
}

pub fn status_listener(
  s: status.Status(a),
) -> Result(String, option.Option(atom.Atom)) {
  case s.listener {
    option.None -> Error(option.None)
    option.Some(status.ListenerNotConnected(node)) -> Error(option.Some(node))
    option.Some(status.Receiving) -> Ok("Receiving")
    option.Some(status.NoListener(process)) -> Ok(process)
    option.Some(status.ListenerCrashed(text)) -> Ok(text)
  }
}

pub fn status_nodes(
  s: status.Status(a),
) -> #(
  List(#(atom.Atom, status.Peer)),
  List(#(atom.Atom, Int)),
  List(#(atom.Atom, departure.Departure)),
  List(atom.Atom),
  List(atom.Atom),
) {
  #(s.wanted, s.missing, s.departed, s.left, s.others)
}

pub fn status_history(
  s: status.Status(a),
) -> #(
  option.Option(reason.Incomplete(a)),
  option.Option(#(List(atom.Atom), Int)),
  option.Option(status.LastError(a)),
) {
  #(s.incomplete, s.last_complete, s.last_error)
}

pub fn states() -> List(status.State) {
  [status.Running, status.Paused, status.Left, status.Resting]
}

pub fn peer(
  peer: status.Peer,
) -> #(String, Int, Int, option.Option(reason.Reason), option.Option(Int)) {
  let state = case peer.state {
    status.Connected -> "Connected"
    status.Connecting -> "Connecting"
    status.Failing -> "Failing"
    status.BackingOff -> "BackingOff"
  }
  #(state, peer.for, peer.attempts, peer.reason, peer.next_try_in)
}

pub fn last_error(
  error: status.LastError(a),
) -> #(status.RefreshFailure(a), Int, Int, Int, Bool) {
  #(error.reason, error.age, error.for, error.rounds, error.lasting)
}

pub fn print(subject: process.Subject(barnacle.Message(a))) -> Nil {
  barnacle.print(subject)
}

pub fn goals() -> List(barnacle.Goal) {
  [barnacle.FirstRound, barnacle.Nodes(2), barnacle.All]
}

pub fn await(
  subject: process.Subject(barnacle.Message(a)),
  goal: barnacle.Goal,
  timeout: Int,
) -> Result(Nil, Nil) {
  barnacle.await(subject, goal, timeout)
}

pub fn ready(
  subject: process.Subject(barnacle.Message(a)),
  goal: barnacle.Goal,
) -> Bool {
  barnacle.ready(subject, goal)
}

pub fn leave(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> List(atom.Atom) {
  barnacle.leave(subject, timeout)
}

pub fn supervised(
  barnacle: barnacle.Barnacle(a),
) -> supervision.ChildSpecification(process.Subject(barnacle.Message(a))) {
  barnacle.supervised(barnacle)
}

/// The fields of the problems of a barnacle's settings.
pub fn validate(
  barnacle: barnacle.Barnacle(a),
) -> Result(Nil, List(#(String, String, String))) {
  case barnacle.validate(barnacle) {
    Ok(Nil) -> Ok(Nil)
    Error(problems) -> Error(fields(problems))
  }
}

fn fields(problems: List(setting.Problem)) -> List(#(String, String, String)) {
  case problems {
    [] -> []
    [setting.Problem(setting: s, value: v, problem: p), ..rest] -> [
      #(s, v, p),
      ..fields(rest)
    ]
  }
}

/// A program that matches on every constructor: a value that Gleam does not have fails here.
pub fn reason(reason: reason.Reason) -> String {
  case reason {
    reason.AtomLimit -> "AtomLimit"
    reason.ConnectionClosed -> "ConnectionClosed"
    reason.Disconnect -> "Disconnect"
    reason.EpmdBadReply -> "EpmdBadReply"
    reason.EpmdRefused -> "EpmdRefused"
    reason.EpmdTimeout -> "EpmdTimeout"
    reason.FailedToConnect -> "FailedToConnect"
    reason.FailedToDisconnect -> "FailedToDisconnect"
    reason.FailedUnprobed -> "FailedUnprobed"
    reason.HandshakeFailed -> "HandshakeFailed"
    reason.HostSilent -> "HostSilent"
    reason.HostUnreachable -> "HostUnreachable"
    reason.InvalidNodeName(_) -> "InvalidNodeName"
    reason.LocalNodeIsNotAlive -> "LocalNodeIsNotAlive"
    reason.LongName -> "LongName"
    reason.NetTickTimeout -> "NetTickTimeout"
    reason.NoNetwork -> "NoNetwork"
    reason.NotDialled -> "NotDialled"
    reason.NotProbed -> "NotProbed"
    reason.Nxdomain -> "Nxdomain"
    reason.Paused -> "Paused"
    reason.PortRefused -> "PortRefused"
    reason.PortSilent -> "PortSilent"
    reason.SendNetTickFailed -> "SendNetTickFailed"
    reason.ShortName -> "ShortName"
    reason.ThisNode -> "ThisNode"
    reason.Timeout -> "Timeout"
    reason.UnusableAddress(_) -> "UnusableAddress"
    reason.AtAddress(_, _, _) -> "AtAddress"
    reason.LookupFailed(error) -> lookup_error(error)
    reason.NotRegistered(_) -> "NotRegistered"
    reason.Posix(name) -> name
    reason.Other(text) -> text
  }
}

pub fn incomplete(incomplete: reason.Incomplete(a)) -> List(String) {
  case incomplete {
    reason.DiscoveryFailed(_) -> ["DiscoveryFailed"]
    reason.NamesRefused(_, _) -> ["NamesRefused"]
    reason.Partial(gaps) -> names_of(gaps)
  }
}

fn names_of(gaps: List(reason.Gap)) -> List(String) {
  case gaps {
    [] -> []
    [gap, ..rest] -> [gap_name(gap), ..names_of(rest)]
  }
}

fn gap_name(gap: reason.Gap) -> String {
  case gap {
    reason.FamilyFailed(reason.Inet, error) -> lookup_error(error)
    reason.FamilyFailed(reason.Inet6, error) -> lookup_error(error)
    reason.FamilyGone(_) -> "FamilyGone"
    reason.OtherCandidate(now, _) -> now
    reason.Unusable(dns.IpV4(_, _, _, _)) -> "Unusable4"
    reason.Unusable(dns.IpV6(_, _, _, _, _, _, _, _)) -> "Unusable6"
    reason.DoubtfulResponse(doubt) -> doubt
    reason.HostFailed(_, error) -> host_error(error)
    reason.LocalNodeIsNotRegistered -> "LocalNodeIsNotRegistered"
    reason.OtherGap(text) -> text
  }
}

pub fn refresh_failure(failure: status.RefreshFailure(a)) -> String {
  case failure {
    status.StrategyFailed(_) -> "StrategyFailed"
    status.TooManyNodes(_, _) -> "TooManyNodes"
    status.NotConnected([#(_, why)]) -> reason(why)
    status.NotConnected(_) -> "NotConnected"
    status.NotDisconnected([#(_, why)]) -> reason(why)
    status.NotDisconnected(_) -> "NotDisconnected"
    status.Crashed(text) -> text
  }
}

pub fn departure(departure: departure.Departure) -> String {
  case departure {
    departure.NotAsked -> "NotAsked"
    departure.Asked -> "Asked"
    departure.NoAnswer -> "NoAnswer"
    departure.Stays(stay) -> stay_name(stay)
    departure.OtherDeparture(text) -> text
  }
}

fn stay_name(stay: departure.Stay) -> String {
  case stay {
    departure.Named -> "Named"
    departure.NeverNamed -> "NeverNamed"
    departure.NoCompleteAnswer -> "NoCompleteAnswer"
    departure.Suspect -> "Suspect"
    departure.ForeignLinks(_) -> "ForeignLinks"
    departure.WantedByOthers(_) -> "WantedByOthers"
    departure.Disconnect(setting.Departed) -> "Departed"
    departure.Disconnect(_) -> "Disconnect"
    departure.Paused -> "Paused"
    departure.NoBarnacle -> "NoBarnacle"
    departure.WantedBy(_) -> "WantedBy"
    departure.NoReply(_) -> "NoReply"
    departure.NotDisconnected -> "NotDisconnected"
    departure.Returned -> "Returned"
    departure.OtherStay(text) -> text
  }
}
