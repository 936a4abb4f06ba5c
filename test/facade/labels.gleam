//// Every function called with the labels of its arguments, in another order than they stand in. That
//// this module compiles is the check; compile.mjs sees that no function is left out.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import barnacle/dns
import barnacle/hosts
import barnacle/setting
import barnacle/status
import gleam/erlang/atom
import gleam/erlang/node
import gleam/erlang/process
import gleam/option
import gleam/otp/actor
import gleam/otp/supervision

type Dns =
  barnacle.Barnacle(dns.LookupError)

type Hosts =
  barnacle.Barnacle(List(#(String, hosts.HostError)))

pub fn dns(
  basename: String,
  hostname_query: String,
  timeout: option.Option(Int),
) -> barnacle.Barnacle(dns.LookupError) {
  barnacle.dns(
    timeout: timeout,
    hostname_query: hostname_query,
    basename: basename,
  )
}

pub fn epmd(nodes: List(atom.Atom)) -> barnacle.Barnacle(Nil) {
  barnacle.epmd(nodes: nodes)
}

pub fn hosts(
  hosts: List(String),
  basename: option.Option(String),
  timeout: option.Option(Int),
) -> barnacle.Barnacle(List(#(String, hosts.HostError))) {
  barnacle.hosts(timeout: timeout, basename: basename, hosts: hosts)
}

pub fn custom(strategy: barnacle.Strategy(a)) -> barnacle.Barnacle(a) {
  barnacle.custom(strategy: strategy)
}

pub fn new_strategy(
  discover_nodes: fn() -> Result(List(atom.Atom), a),
) -> barnacle.Strategy(a) {
  barnacle.new_strategy(discover_nodes: discover_nodes)
}

pub fn with_connect_nodes_function(
  strategy: barnacle.Strategy(a),
  connect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, node.ConnectError))),
) -> barnacle.Strategy(a) {
  barnacle.with_connect_nodes_function(
    connect_nodes: connect_nodes,
    strategy: strategy,
  )
}

pub fn with_disconnect_nodes_function(
  strategy: barnacle.Strategy(a),
  disconnect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, barnacle.NodeDisconnectError))),
) -> barnacle.Strategy(a) {
  barnacle.with_disconnect_nodes_function(
    disconnect_nodes: disconnect_nodes,
    strategy: strategy,
  )
}

pub fn with_list_nodes_function(
  strategy: barnacle.Strategy(a),
  list_nodes: fn() -> Result(List(atom.Atom), a),
) -> barnacle.Strategy(a) {
  barnacle.with_list_nodes_function(list_nodes: list_nodes, strategy: strategy)
}

pub fn with_own_name_function(
  strategy: barnacle.Strategy(a),
  own_name: fn() -> atom.Atom,
) -> barnacle.Strategy(a) {
  barnacle.with_own_name_function(own_name: own_name, strategy: strategy)
}

pub fn with_name(
  barnacle: barnacle.Barnacle(a),
  name: String,
) -> barnacle.Barnacle(a) {
  barnacle.with_name(name: name, barnacle: barnacle)
}

pub fn named(
  barnacle: barnacle.Barnacle(a),
  name: process.Name(barnacle.Message(a)),
) -> barnacle.Barnacle(a) {
  barnacle.named(name: name, barnacle: barnacle)
}

pub fn with_listener(
  barnacle: barnacle.Barnacle(a),
  listener: process.Subject(barnacle.BarnacleResponse(a)),
) -> barnacle.Barnacle(a) {
  barnacle.with_listener(listener: listener, barnacle: barnacle)
}

pub fn with_poll_interval(
  barnacle: barnacle.Barnacle(a),
  poll_interval: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_poll_interval(poll_interval: poll_interval, barnacle: barnacle)
}

pub fn with_eager_poll_interval(
  barnacle: barnacle.Barnacle(a),
  poll_interval: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_eager_poll_interval(
    poll_interval: poll_interval,
    barnacle: barnacle,
  )
}

pub fn with_disconnect(
  barnacle: barnacle.Barnacle(a),
  disconnect: setting.Disconnect,
) -> barnacle.Barnacle(a) {
  barnacle.with_disconnect(disconnect: disconnect, barnacle: barnacle)
}

pub fn with_departed_after(
  barnacle: barnacle.Barnacle(a),
  departed_after: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_departed_after(
    departed_after: departed_after,
    barnacle: barnacle,
  )
}

pub fn with_connect_timeout(
  barnacle: barnacle.Barnacle(a),
  connect_timeout: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_connect_timeout(
    connect_timeout: connect_timeout,
    barnacle: barnacle,
  )
}

pub fn with_max_connects(
  barnacle: barnacle.Barnacle(a),
  max_connects: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_max_connects(max_connects: max_connects, barnacle: barnacle)
}

pub fn with_probe(
  barnacle: barnacle.Barnacle(a),
  probe: Bool,
) -> barnacle.Barnacle(a) {
  barnacle.with_probe(probe: probe, barnacle: barnacle)
}

pub fn with_probe_timeout(
  barnacle: barnacle.Barnacle(a),
  probe_timeout: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_probe_timeout(probe_timeout: probe_timeout, barnacle: barnacle)
}

pub fn with_filter(
  barnacle: barnacle.Barnacle(a),
  filter: setting.Filter,
) -> barnacle.Barnacle(a) {
  barnacle.with_filter(filter: filter, barnacle: barnacle)
}

pub fn with_max_nodes(
  barnacle: barnacle.Barnacle(a),
  max_nodes: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_max_nodes(max_nodes: max_nodes, barnacle: barnacle)
}

pub fn with_log(
  barnacle: barnacle.Barnacle(a),
  log: setting.LogLevel,
) -> barnacle.Barnacle(a) {
  barnacle.with_log(log: log, barnacle: barnacle)
}

pub fn with_retry_min(
  barnacle: barnacle.Barnacle(a),
  retry_min: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_retry_min(retry_min: retry_min, barnacle: barnacle)
}

pub fn with_retry_max(
  barnacle: barnacle.Barnacle(a),
  retry_max: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_retry_max(retry_max: retry_max, barnacle: barnacle)
}

pub fn with_strategy_timeout(
  barnacle: barnacle.Barnacle(a),
  strategy_timeout: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_strategy_timeout(
    strategy_timeout: strategy_timeout,
    barnacle: barnacle,
  )
}

pub fn with_max_callers(
  barnacle: barnacle.Barnacle(a),
  max_callers: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_max_callers(max_callers: max_callers, barnacle: barnacle)
}

pub fn with_nameservers(barnacle: Dns, nameservers: List(String)) -> Dns {
  barnacle.with_nameservers(nameservers: nameservers, barnacle: barnacle)
}

pub fn with_grace(barnacle: Dns, grace: Int) -> Dns {
  barnacle.with_grace(grace: grace, barnacle: barnacle)
}

pub fn with_families(barnacle: Dns, families: setting.Families) -> Dns {
  barnacle.with_families(families: families, barnacle: barnacle)
}

pub fn with_max_addresses(barnacle: Dns, max_addresses: Int) -> Dns {
  barnacle.with_max_addresses(max_addresses: max_addresses, barnacle: barnacle)
}

pub fn with_epmd_port(barnacle: Hosts, port: Int) -> Hosts {
  barnacle.with_epmd_port(port: port, barnacle: barnacle)
}

pub fn with_concurrency(barnacle: Hosts, concurrency: Int) -> Hosts {
  barnacle.with_concurrency(concurrency: concurrency, barnacle: barnacle)
}

pub fn with_max_names(barnacle: Hosts, max_names: Int) -> Hosts {
  barnacle.with_max_names(max_names: max_names, barnacle: barnacle)
}

pub fn with_max_bytes(barnacle: Hosts, max_bytes: Int) -> Hosts {
  barnacle.with_max_bytes(max_bytes: max_bytes, barnacle: barnacle)
}

pub fn validate(
  barnacle: barnacle.Barnacle(a),
) -> Result(Nil, List(setting.Problem)) {
  barnacle.validate(barnacle: barnacle)
}

pub fn start(
  barnacle: barnacle.Barnacle(a),
) -> Result(process.Subject(barnacle.Message(a)), actor.StartError) {
  barnacle.start(barnacle: barnacle)
}

pub fn supervised(
  barnacle: barnacle.Barnacle(a),
) -> supervision.ChildSpecification(process.Subject(barnacle.Message(a))) {
  barnacle.supervised(barnacle: barnacle)
}

pub fn child_spec(
  barnacle: barnacle.Barnacle(a),
  parent: process.Subject(process.Subject(barnacle.Message(a))),
) -> supervision.ChildSpecification(process.Subject(barnacle.Message(a))) {
  barnacle.child_spec(parent: parent, barnacle: barnacle)
}

pub fn refresh(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Result(List(atom.Atom), barnacle.RefreshError(a)) {
  barnacle.refresh(timeout: timeout, subject: subject)
}

pub fn pause(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Nil {
  barnacle.pause(timeout: timeout, subject: subject)
}

pub fn leave(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> List(atom.Atom) {
  barnacle.leave(timeout: timeout, subject: subject)
}

pub fn shutdown(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Nil {
  barnacle.shutdown(timeout: timeout, subject: subject)
}

pub fn status(
  subject: process.Subject(barnacle.Message(a)),
) -> status.Status(a) {
  barnacle.status(subject: subject)
}

pub fn print(subject: process.Subject(barnacle.Message(a))) -> Nil {
  barnacle.print(subject: subject)
}

pub fn await(
  subject: process.Subject(barnacle.Message(a)),
  goal: barnacle.Goal,
  timeout: Int,
) -> Result(Nil, Nil) {
  barnacle.await(timeout: timeout, goal: goal, subject: subject)
}

pub fn ready(
  subject: process.Subject(barnacle.Message(a)),
  goal: barnacle.Goal,
) -> Bool {
  barnacle.ready(goal: goal, subject: subject)
}

pub fn run_once(
  barnacle: barnacle.Barnacle(a),
) -> Result(List(atom.Atom), barnacle.RefreshError(a)) {
  barnacle.run_once(barnacle: barnacle)
}

pub fn get_node_basename(node: node.Node) -> Result(String, Nil) {
  barnacle.get_node_basename(node: node)
}

pub fn dns_dns_lookup(
  hostname: String,
  timeout: Int,
) -> Result(List(dns.IpAddress), dns.LookupError) {
  dns.dns_lookup(timeout: timeout, hostname: hostname)
}

pub fn dns_discover_nodes(
  basename: String,
  hostname_query: String,
  timeout: Int,
) -> Result(List(atom.Atom), dns.LookupError) {
  dns.discover_nodes(
    timeout: timeout,
    hostname_query: hostname_query,
    basename: basename,
  )
}
