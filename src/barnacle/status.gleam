//// What a barnacle knows and does, for people and for health checks.
////
//// Nodes are atoms. Names that are not used are texts: they never become atoms, so that no source of
//// names can fill the VM's atom table.

// SPDX-License-Identifier: Apache-2.0

import barnacle/departure
import barnacle/dns
import barnacle/reason
import barnacle/setting
import gleam/erlang/atom
import gleam/option

/// The result of `barnacle.status`. `error` is the strategy's. Times are whole milliseconds. Later
/// versions may have more fields: match with `..`.
///
/// ```gleam
/// let status = barnacle.status(subject)
/// list.filter(status.wanted, fn(entry) { { entry.1 }.state != status.Connected })
/// ```
pub type Status(error) {
  Status(
    /// This node, and whether it is distributed.
    node: atom.Atom,
    alive: Bool,
    /// The registered name.
    name: option.Option(String),
    /// The Erlang module of the strategy.
    strategy: String,
    disconnect: setting.Disconnect,
    state: State,
    /// Whether a refresh is running.
    refreshing: Bool,
    /// Time until the next poll. `None` while a refresh is running and while no poll is due.
    next_poll_in: option.Option(Int),
    /// How many refreshes have finished, how many of them with an error, how many by a crash.
    rounds: Int,
    failed_rounds: Int,
    crashed_rounds: Int,
    /// How many connections were made, and how many were lost.
    joined: Int,
    lost: Int,
    /// Why the last discovery was not complete.
    incomplete: option.Option(reason.Incomplete(error)),
    /// For `dns`: the queries of the last discovery that returned no addresses, if it was not complete.
    queried: List(Query),
    /// The nodes that the last complete discovery returned, and its age.
    last_complete: option.Option(#(List(atom.Atom), Int)),
    /// The last error of a refresh.
    last_error: option.Option(LastError(error)),
    /// Whether more nodes are absent at once than barnacle believes.
    suspect: Bool,
    /// Names that were discovered and that the filter excludes.
    filtered: List(String),
    /// Names that were discovered and are not used, and why.
    refused: List(#(String, reason.Reason)),
    /// Names that were discovered and that are this node by another name. They are counted nowhere.
    own_names: List(String),
    /// What is wrong with this node, and what to do.
    hints: List(String),
    /// Whether the listener receives messages. `None` without a listener.
    listener: option.Option(Listener),
    /// Every node that should be connected.
    wanted: List(#(atom.Atom, Peer)),
    /// Nodes that complete discoveries omit now, and for how long.
    missing: List(#(atom.Atom, Int)),
    /// Departed nodes that are still connected, and what became of asking them to leave.
    departed: List(#(atom.Atom, departure.Departure)),
    /// Discovered nodes that announced that they leave.
    left: List(atom.Atom),
    /// Connected nodes that are in none of these lists.
    others: List(atom.Atom),
  )
}

/// One query of DNS: the full name, the name server as `"10.0.0.2:53"`, and what came of it. A name of a
/// search list is queried under several full names.
pub type Query {
  Query(name: String, nameserver: String, outcome: Outcome)
}

/// What came of a query that returned no addresses.
pub type Outcome {
  /// The name exists and has no addresses of this family.
  NoData
  /// `dns.Timeout`: this name server did not respond.
  QueryFailed(dns.LookupError)
}

/// Whether the listener receives messages.
pub type Listener {
  Receiving
  /// The process has ended, or none has the name: the process or the name, as a text.
  NoListener(String)
  /// The listener's node is not connected.
  ListenerNotConnected(atom.Atom)
  /// The listener's function crashed: a text for people.
  ListenerCrashed(String)
}

/// What a barnacle does.
pub type State {
  Running
  /// `pause` was called last.
  Paused
  /// `leave` was called last.
  Left
  /// It was asked to leave and has left. It connects again when it is discovered again.
  Resting
}

/// A node that should be connected.
pub type Peer {
  Peer(
    state: PeerState,
    /// For how long it has been in this state.
    for: Int,
    /// How many connection attempts have failed. None if a connection was lost.
    attempts: Int,
    /// Why the last attempt failed, or the connection was lost.
    reason: option.Option(reason.Reason),
    /// Time until the next attempt, if that is known.
    next_try_in: option.Option(Int),
  )
}

pub type PeerState {
  Connected
  /// Nothing is known of it yet.
  Connecting
  Failing
  /// It failed, and the retry delay has not passed.
  BackingOff
}

/// The last error, and those before it.
pub type LastError(error) {
  LastError(
    reason: RefreshFailure(error),
    /// Time since it happened.
    age: Int,
    /// Time since the first of the consecutive errors, and how many there are.
    for: Int,
    rounds: Int,
    /// Whether the last refresh had it.
    lasting: Bool,
  )
}

/// Why a refresh failed, with more detail than `barnacle.RefreshError`.
pub type RefreshFailure(error) {
  /// Discovery failed, or a strategy's own list function.
  StrategyFailed(error)
  /// Discovery found more names than `with_max_nodes` permits: how many, and the maximum.
  TooManyNodes(Int, Int)
  /// Nodes that should be connected and are not.
  NotConnected(List(#(atom.Atom, reason.Reason)))
  /// Nodes that should be disconnected and are not.
  NotDisconnected(List(#(atom.Atom, reason.Reason)))
  /// A function of the strategy crashed or exceeded its time limit: a text for people.
  Crashed(String)
}
