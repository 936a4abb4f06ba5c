//// The documented API, each function with the type that its page gives. That this module compiles
//// is the check: a name that is missing or of another type is a type error.
////
//// What the page calls `ChildSpec` and `StartError` are those of gleam_otp since its version 1.0.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import barnacle/dns
import gleam/erlang/atom
import gleam/erlang/node
import gleam/erlang/process
import gleam/option
import gleam/otp/actor
import gleam/otp/supervision

pub fn child_spec(
  barnacle: barnacle.Barnacle(a),
  parent: process.Subject(process.Subject(barnacle.Message(a))),
) -> supervision.ChildSpecification(process.Subject(barnacle.Message(a))) {
  barnacle.child_spec(barnacle, parent)
}

pub fn custom(strategy: barnacle.Strategy(a)) -> barnacle.Barnacle(a) {
  barnacle.custom(strategy)
}

pub fn dns(
  basename: String,
  hostname_query: String,
  timeout: option.Option(Int),
) -> barnacle.Barnacle(dns.LookupError) {
  barnacle.dns(basename, hostname_query, timeout)
}

pub fn epmd(nodes: List(atom.Atom)) -> barnacle.Barnacle(Nil) {
  barnacle.epmd(nodes)
}

pub fn get_node_basename(node: node.Node) -> Result(String, Nil) {
  barnacle.get_node_basename(node)
}

pub fn local_epmd() -> barnacle.Barnacle(Nil) {
  barnacle.local_epmd()
}

pub fn new_strategy(
  discover_nodes: fn() -> Result(List(atom.Atom), a),
) -> barnacle.Strategy(a) {
  barnacle.new_strategy(discover_nodes)
}

pub fn pause(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Nil {
  barnacle.pause(subject, timeout)
}

pub fn refresh(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Result(List(atom.Atom), barnacle.RefreshError(a)) {
  barnacle.refresh(subject, timeout)
}

pub fn run_once(
  barnacle: barnacle.Barnacle(a),
) -> Result(List(atom.Atom), barnacle.RefreshError(a)) {
  barnacle.run_once(barnacle)
}

pub fn shutdown(
  subject: process.Subject(barnacle.Message(a)),
  timeout: Int,
) -> Nil {
  barnacle.shutdown(subject, timeout)
}

pub fn start(
  barnacle: barnacle.Barnacle(a),
) -> Result(process.Subject(barnacle.Message(a)), actor.StartError) {
  barnacle.start(barnacle)
}

pub fn with_connect_nodes_function(
  strategy: barnacle.Strategy(a),
  connect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, node.ConnectError))),
) -> barnacle.Strategy(a) {
  barnacle.with_connect_nodes_function(strategy, connect_nodes)
}

pub fn with_disconnect_nodes_function(
  strategy: barnacle.Strategy(a),
  disconnect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, barnacle.NodeDisconnectError))),
) -> barnacle.Strategy(a) {
  barnacle.with_disconnect_nodes_function(strategy, disconnect_nodes)
}

pub fn with_list_nodes_function(
  strategy: barnacle.Strategy(a),
  list_nodes: fn() -> Result(List(atom.Atom), a),
) -> barnacle.Strategy(a) {
  barnacle.with_list_nodes_function(strategy, list_nodes)
}

pub fn with_listener(
  barnacle: barnacle.Barnacle(a),
  listener: process.Subject(barnacle.BarnacleResponse(a)),
) -> barnacle.Barnacle(a) {
  barnacle.with_listener(barnacle, listener)
}

pub fn with_name(
  barnacle: barnacle.Barnacle(a),
  name: String,
) -> barnacle.Barnacle(a) {
  barnacle.with_name(barnacle, name)
}

pub fn with_poll_interval(
  barnacle: barnacle.Barnacle(a),
  poll_interval: Int,
) -> barnacle.Barnacle(a) {
  barnacle.with_poll_interval(barnacle, poll_interval)
}

/// The type of results is an alias.
pub fn refresh_result(
  result: Result(List(atom.Atom), barnacle.RefreshError(a)),
) -> barnacle.RefreshResult(a) {
  result
}

/// Each constructor of the page's types, with what it holds.
pub fn refresh_response(
  result: barnacle.RefreshResult(a),
) -> barnacle.BarnacleResponse(a) {
  barnacle.RefreshResponse(result)
}

pub fn pause_response() -> barnacle.BarnacleResponse(a) {
  barnacle.PauseResponse(Nil)
}

pub fn shutdown_response() -> barnacle.BarnacleResponse(a) {
  barnacle.ShutdownResponse(Nil)
}

pub fn strategy_error(error: a) -> barnacle.RefreshError(a) {
  barnacle.StrategyError(error)
}

pub fn connect_error(
  nodes: List(#(atom.Atom, node.ConnectError)),
) -> barnacle.RefreshError(a) {
  barnacle.ConnectError(nodes)
}

pub fn disconnect_error(
  nodes: List(#(atom.Atom, barnacle.NodeDisconnectError)),
) -> barnacle.RefreshError(a) {
  barnacle.DisconnectError(nodes)
}

pub fn disconnect_errors() -> List(barnacle.NodeDisconnectError) {
  [barnacle.FailedToDisconnect, barnacle.LocalNodeIsNotAlive]
}
