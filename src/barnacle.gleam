//// A barnacle finds the nodes that its node should be linked to, and keeps them linked.
////
//// Choose where nodes are learnt from (`dns`, `epmd`, `local_epmd`, `hosts` or `custom`), change
//// settings with the `with_…` functions, then run it under a supervisor with `child_spec`, alone
//// with `start`, or for one round with `run_once`.
////
//// ```gleam
//// let assert Ok(basename) = barnacle.get_node_basename(node.self())
//// let assert Ok(peers) =
////   barnacle.dns(basename, "app.internal", option.None)
////   |> barnacle.with_poll_interval(10_000)
////   |> barnacle.start
//// ```
////
//// All times are whole milliseconds. Settings are checked together when the barnacle starts: what
//// is wrong, each value and what would be right is the text of the `InitFailed` that `start` gives.
//// The native library has to be built once: `gleam run -m barnacle/install`.

// SPDX-License-Identifier: Apache-2.0

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

/// Where nodes are learnt from, and all settings; nothing runs yet. `error` is of discovery.
pub type Barnacle(error)

/// What a running barnacle takes from `refresh`, `pause` and the others; none is sent by hand.
pub type Message(error)

/// Functions of one's own in the place of a built-in strategy: see `new_strategy`.
pub type Strategy(error)

type Dns =
  Barnacle(dns.LookupError)

type Hosts =
  Barnacle(List(#(String, hosts.HostError)))

/// What the listener of a barnacle is told: see `with_listener`.
pub type BarnacleResponse(error) {
  /// A round has ended, because of a poll or of a `refresh`.
  RefreshResponse(RefreshResult(error))
  /// `pause` was called.
  PauseResponse(Nil)
  /// `shutdown` was called; the barnacle ends. When a supervisor ends it, nothing is told.
  ShutdownResponse(Nil)
}

/// Why a node could not be unlinked.
pub type NodeDisconnectError {
  /// The link is still there.
  FailedToDisconnect
  /// This node is not distributed, so it has no links.
  LocalNodeIsNotAlive
}

/// Why a round failed. The first of the three that applies is given, and it names every node that
/// failed in that way.
pub type RefreshError(error) {
  /// Discovery failed, or a strategy's own list function did.
  StrategyError(error)
  /// Nodes that should be linked and are not.
  ConnectError(List(#(atom.Atom, node.ConnectError)))
  /// Nodes that should not be linked and are.
  DisconnectError(List(#(atom.Atom, NodeDisconnectError)))
}

/// The end of a round: this node and the visible nodes that it is linked to now (where the strategy
/// has a list function of its own: what that gives), or why it failed.
pub type RefreshResult(error) =
  Result(List(atom.Atom), RefreshError(error))

/// Nodes are all addresses of a host name in DNS: `basename@address` for each A (RFC 1035) and AAAA
/// (RFC 3596) record, IPv6 addresses as RFC 5952 writes them. Both are asked at once.
///
/// `basename` is the part of the peers' node names before the `@`; `get_node_basename` tells this
/// node's. `hostname_query` is completed with the system's search list. `timeout` bounds the whole
/// lookup, 5000 ms where it is `None`. Name servers are the system's, or those of
/// `with_nameservers`.
@external(erlang, "barnacle_gleam", "dns")
pub fn dns(
  basename: String,
  hostname_query: String,
  timeout: option.Option(Int),
) -> Barnacle(dns.LookupError)

/// Nodes are a list that is known beforehand, on this host or on others. Discovery cannot fail.
@external(erlang, "barnacle_gleam", "epmd")
pub fn epmd(nodes: List(atom.Atom)) -> Barnacle(Nil)

/// Nodes are all that this host's EPMD (Erlang Port Mapper Daemon, `ERL_EPMD_PORT` or 4369) knows.
/// Started anew it makes nobody missing until it knows this node again. `Nil`: no answer in 5000 ms.
@external(erlang, "barnacle_gleam", "local_epmd")
pub fn local_epmd() -> Barnacle(Nil)

/// Nodes are all that the EPMDs of many hosts know, all asked at once. `hosts` are names or
/// addresses as the peers' node names have them after the `@`. With a `basename`, only nodes of
/// that basename count. `timeout` is for all hosts together, 5000 ms where it is `None`. The port is
/// `ERL_EPMD_PORT` or 4369, or that of `with_epmd_port`.
/// Where some hosts answer and some do not, the nodes of those that do are linked and nobody is
/// unlinked. The strategy error names every host, and is given where none answered.
@external(erlang, "barnacle_gleam", "hosts")
pub fn hosts(
  hosts: List(String),
  basename: option.Option(String),
  timeout: option.Option(Int),
) -> Barnacle(List(#(String, hosts.HostError)))

/// Nodes come from functions of your own: see `new_strategy`.
@external(erlang, "barnacle_gleam", "custom")
pub fn custom(strategy: Strategy(a)) -> Barnacle(a)

/// A strategy with a function that finds the nodes to be linked to. It may name this node; it is
/// left out. An error of it becomes the `StrategyError` of the round.
///
/// Nodes are linked, unlinked and listed by distributed Erlang, unless `with_connect_nodes_function`,
/// `with_disconnect_nodes_function` and `with_list_nodes_function` say otherwise. Each function runs
/// in the process of a round and has 30000 ms (`with_strategy_timeout`). One that crashes fails its
/// round: whoever waits for that round exits, the barnacle goes on.
@external(erlang, "barnacle_gleam", "new_strategy")
pub fn new_strategy(
  discover_nodes: fn() -> Result(List(atom.Atom), a),
) -> Strategy(a)

/// Links nodes by other means than distributed Erlang, for example Partisan. Called with the nodes
/// to link, if there are any. Gives all of them, or those that failed: they become a `ConnectError`.
@external(erlang, "barnacle_gleam", "with_connect_nodes_function")
pub fn with_connect_nodes_function(
  strategy: Strategy(a),
  connect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, node.ConnectError))),
) -> Strategy(a)

/// Unlinks nodes by other means than distributed Erlang. Called with the nodes to unlink, if there
/// are any. Gives all of them, or those that failed: they become a `DisconnectError`.
@external(erlang, "barnacle_gleam", "with_disconnect_nodes_function")
pub fn with_disconnect_nodes_function(
  strategy: Strategy(a),
  disconnect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, NodeDisconnectError))),
) -> Strategy(a)

/// Lists the nodes that are linked now, by other means than distributed Erlang. What is listed and
/// not discovered is unlinked, unless `with_disconnect` says otherwise. An error of it becomes the
/// `StrategyError` of the round.
@external(erlang, "barnacle_gleam", "with_list_nodes_function")
pub fn with_list_nodes_function(
  strategy: Strategy(a),
  list_nodes: fn() -> Result(List(atom.Atom), a),
) -> Strategy(a)

/// Registers the barnacle's process with this name, for example to find it from Erlang. The subject
/// that `start` gives is that of the process and ends with it; for one that outlives restarts see
/// `named`. A name that is taken is an `InitFailed`.
@external(erlang, "barnacle_gleam", "with_name")
pub fn with_name(barnacle: Barnacle(a), name: String) -> Barnacle(a)

/// Registers the barnacle's process with a name of `process.new_name`. `start` gives the subject of
/// the name, which is valid again after each restart; so is `process.named_subject(name)`.
@external(erlang, "barnacle_gleam", "named")
pub fn named(
  barnacle: Barnacle(a),
  name: process.Name(Message(a)),
) -> Barnacle(a)

/// Tells this subject, unless it is gone, of every refresh, pause and call of `shutdown`.
@external(erlang, "barnacle_gleam", "with_listener")
pub fn with_listener(
  barnacle: Barnacle(a),
  listener: process.Subject(BarnacleResponse(a)),
) -> Barnacle(a)

/// How long after the end of a round the next one begins, in ms, up to 10 % sooner. 5000 by default.
@external(erlang, "barnacle_gleam", "with_poll_interval")
pub fn with_poll_interval(
  barnacle: Barnacle(a),
  poll_interval: Int,
) -> Barnacle(a)

/// The poll interval during the first minute and after a round that failed, in ms. None by default.
@external(erlang, "barnacle_gleam", "with_eager_poll_interval")
pub fn with_eager_poll_interval(
  barnacle: Barnacle(a),
  poll_interval: Int,
) -> Barnacle(a)

/// What becomes of linked nodes that discovery names no longer. `setting.Departed` by default, and
/// `setting.Undiscovered` for a strategy with a list function of its own.
@external(erlang, "barnacle_gleam", "with_disconnect")
pub fn with_disconnect(
  barnacle: Barnacle(a),
  disconnect: setting.Disconnect,
) -> Barnacle(a)

/// How long complete discoveries must have missed a departed node, in ms. 60000 by default.
@external(erlang, "barnacle_gleam", "with_departed_after")
pub fn with_departed_after(
  barnacle: Barnacle(a),
  departed_after: Int,
) -> Barnacle(a)

/// The deadline of all connects of a round together, in ms. 5000 by default.
@external(erlang, "barnacle_gleam", "with_connect_timeout")
pub fn with_connect_timeout(
  barnacle: Barnacle(a),
  connect_timeout: Int,
) -> Barnacle(a)

/// How many nodes are dialled at a time. 64 by default.
@external(erlang, "barnacle_gleam", "with_max_connects")
pub fn with_max_connects(
  barnacle: Barnacle(a),
  max_connects: Int,
) -> Barnacle(a)

/// Whether nodes are looked at before they are dialled, for speed and for reasons. Yes by default.
@external(erlang, "barnacle_gleam", "with_probe")
pub fn with_probe(barnacle: Barnacle(a), probe: Bool) -> Barnacle(a)

/// How long each node may take for that, in ms: half the connect timeout at most. 1000 by default.
@external(erlang, "barnacle_gleam", "with_probe_timeout")
pub fn with_probe_timeout(
  barnacle: Barnacle(a),
  probe_timeout: Int,
) -> Barnacle(a)

/// Which of the discovered nodes to link. By default all. A node that does not pass is neither
/// linked nor missed nor unlinked.
@external(erlang, "barnacle_gleam", "with_filter")
pub fn with_filter(barnacle: Barnacle(a), filter: setting.Filter) -> Barnacle(a)

/// How many names an answer may bring after the filter; a longer one is refused. 10000 by default.
@external(erlang, "barnacle_gleam", "with_max_nodes")
pub fn with_max_nodes(barnacle: Barnacle(a), max_nodes: Int) -> Barnacle(a)

/// The lowest level that is logged. `setting.Notice` by default.
@external(erlang, "barnacle_gleam", "with_log")
pub fn with_log(barnacle: Barnacle(a), log: setting.LogLevel) -> Barnacle(a)

/// How long a node whose dial failed is left alone, at first, in ms. 1000 by default. Each failure
/// doubles it, up to `with_retry_max`. A lost link is dialled sooner; `refresh` dials everybody.
@external(erlang, "barnacle_gleam", "with_retry_min")
pub fn with_retry_min(barnacle: Barnacle(a), retry_min: Int) -> Barnacle(a)

/// How long a failing node is left alone at most, in ms. 30000 by default.
@external(erlang, "barnacle_gleam", "with_retry_max")
pub fn with_retry_max(barnacle: Barnacle(a), retry_max: Int) -> Barnacle(a)

/// The deadline of each call of a custom strategy's function, in ms. 30000 by default.
@external(erlang, "barnacle_gleam", "with_strategy_timeout")
pub fn with_strategy_timeout(
  barnacle: Barnacle(a),
  strategy_timeout: Int,
) -> Barnacle(a)

/// How many callers may wait for the server at a time; one more exits. 10000 by default.
@external(erlang, "barnacle_gleam", "with_max_callers")
pub fn with_max_callers(barnacle: Barnacle(a), max_callers: Int) -> Barnacle(a)

/// Name servers for `dns` instead of the system's: `"10.0.0.2"`, `"10.0.0.2:53"`, `"[::1]:5353"`.
@external(erlang, "barnacle_gleam", "with_nameservers")
pub fn with_nameservers(barnacle: Dns, nameservers: List(String)) -> Dns

/// For `dns`: the time limit for the second of A and AAAA once the first has addresses, in ms. 1000 by
/// default.
@external(erlang, "barnacle_gleam", "with_grace")
pub fn with_grace(barnacle: Dns, grace: Int) -> Dns

/// For `dns`: addresses of which family name nodes. A family that is not wanted is not queried.
/// `setting.Own` by default.
@external(erlang, "barnacle_gleam", "with_families")
pub fn with_families(barnacle: Dns, families: setting.Families) -> Dns

/// For `dns`: how many addresses of one family an answer may have. 4096 by default.
@external(erlang, "barnacle_gleam", "with_max_addresses")
pub fn with_max_addresses(barnacle: Dns, max_addresses: Int) -> Dns

/// For `hosts`: the port of the hosts' EPMDs, in place of `ERL_EPMD_PORT` or 4369.
@external(erlang, "barnacle_gleam", "with_epmd_port")
pub fn with_epmd_port(barnacle: Hosts, port: Int) -> Hosts

/// For `hosts`: how many hosts are asked at a time. 256 by default.
@external(erlang, "barnacle_gleam", "with_concurrency")
pub fn with_concurrency(barnacle: Hosts, concurrency: Int) -> Hosts

/// For `hosts`: how many names an EPMD may tell; a longer reply is refused. 10000 by default.
@external(erlang, "barnacle_gleam", "with_max_names")
pub fn with_max_names(barnacle: Hosts, max_names: Int) -> Hosts

/// For `hosts`: how many bytes an EPMD's reply may have. 1048576 by default.
@external(erlang, "barnacle_gleam", "with_max_bytes")
pub fn with_max_bytes(barnacle: Hosts, max_bytes: Int) -> Hosts

/// Starts a barnacle, linked to the calling process. Its first round begins at once. `InitFailed`
/// says in words what is wrong and what to do: settings (all of them at once), a name that is taken,
/// the native library that is not built. The caller lives on.
@external(erlang, "barnacle_gleam", "start")
pub fn start(
  barnacle: Barnacle(a),
) -> Result(process.Subject(Message(a)), actor.StartError)

/// How a supervisor starts the barnacle. At every start and restart the barnacle's subject is sent
/// to `parent`, before the supervisor goes on; a `parent` that has ended is no error. The child is
/// transient: restarted when it crashes, not after `shutdown`.
pub fn child_spec(
  barnacle: Barnacle(a),
  parent: process.Subject(process.Subject(Message(a))),
) -> supervision.ChildSpecification(process.Subject(Message(a))) {
  supervision.restart(
    supervision.worker(fn() { start_child(barnacle, parent) }),
    supervision.Transient,
  )
}

@external(erlang, "barnacle_gleam", "start_child")
fn start_child(
  barnacle: Barnacle(a),
  parent: process.Subject(process.Subject(Message(a))),
) -> Result(actor.Started(process.Subject(Message(a))), actor.StartError)

/// A round that begins after this call, and its end. Resets the poll timer, and resumes a barnacle
/// that was paused.
///
/// Exits the caller where there is no answer within `timeout` ms, where the barnacle has ended, and
/// where a function of a custom strategy crashed, as `process.call` does.
@external(erlang, "barnacle_gleam", "refresh")
pub fn refresh(
  subject: process.Subject(Message(a)),
  timeout: Int,
) -> Result(List(atom.Atom), RefreshError(a))

/// Stops polling until the next `refresh`, over a crash too. When it has returned, nobody is linked
/// or unlinked any more; a running round may still tell the listener. Exits as `refresh` does.
@external(erlang, "barnacle_gleam", "pause")
pub fn pause(subject: process.Subject(Message(a)), timeout: Int) -> Nil

/// Leaves the cluster, as before a planned stop: tells the peers, so that their barnacles do not dial
/// this node again until it is back or named anew, pauses, and unlinks this node from all visible
/// nodes, which it gives. If one of them links to it again within 10 s, it leaves again. The next
/// `refresh` joins again, a restart after a crash does not. Exits as `refresh` does; give it 10000.
@external(erlang, "barnacle_gleam", "leave")
pub fn leave(
  subject: process.Subject(Message(a)),
  timeout: Int,
) -> List(atom.Atom)

/// Ends the barnacle, and a round that is running. No node is unlinked. Callers that wait in
/// `refresh` exit, and so does whoever calls `shutdown` meanwhile. Exits as `refresh` does.
@external(erlang, "barnacle_gleam", "shutdown")
pub fn shutdown(subject: process.Subject(Message(a)), timeout: Int) -> Nil

/// What the barnacle knows and does at this moment. Answers at once, whatever a round is doing;
/// exits the caller where there is no answer within 5000 ms.
@external(erlang, "barnacle_gleam", "status")
pub fn status(subject: process.Subject(Message(a))) -> status.Status

/// Writes what `status` tells as a page for a person: every node, why it is not linked, what to do.
@external(erlang, "barnacle_gleam", "print")
pub fn print(subject: process.Subject(Message(a))) -> Nil

/// What can be waited for.
pub type Goal {
  /// The first round has ended, whatever it brought.
  FirstRound
  /// At least so many nodes are linked, this one counted.
  Nodes(Int)
  /// The last discovery was complete, and all nodes that it named are linked.
  All
}

/// Waits until the goal is reached; at once where it is. `Error(Nil)` after `timeout` ms. Exits the
/// caller where the barnacle has ended, and for a goal of less than one node.
@external(erlang, "barnacle_gleam", "await")
pub fn await(
  subject: process.Subject(Message(a)),
  goal: Goal,
  timeout: Int,
) -> Result(Nil, Nil)

/// Whether the goal is reached now, for a readiness probe. `False` where the barnacle has ended.
@external(erlang, "barnacle_gleam", "ready")
pub fn ready(subject: process.Subject(Message(a)), goal: Goal) -> Bool

/// One round without a process that polls; settings of polling, names and listeners do not matter.
/// Exits the caller for wrong settings, a native library not built, and as `refresh` does.
@external(erlang, "barnacle_gleam", "run_once")
pub fn run_once(
  barnacle: Barnacle(a),
) -> Result(List(atom.Atom), RefreshError(a))

/// The part of a node's name before the `@`, for use with `dns`. `Error(Nil)` where the name is not
/// of the form `basename@host`.
@external(erlang, "barnacle_gleam", "get_node_basename")
pub fn get_node_basename(node: node.Node) -> Result(String, Nil)
