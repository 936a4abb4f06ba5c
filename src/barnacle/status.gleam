//// What a barnacle tells about itself, for people and for health checks.

// SPDX-License-Identifier: Apache-2.0

import barnacle/setting
import gleam/erlang/atom
import gleam/option

/// What `barnacle.status` gives. Times are whole milliseconds. Later versions may have more fields:
/// match with `..`.
pub type Status {
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
    /// Whether a round is running.
    refreshing: Bool,
    /// Until the next poll; `None` while a round is running and while none is due.
    next_poll_in: option.Option(Int),
    /// How many rounds have ended, how many of them with an error, how many by a crash.
    rounds: Int,
    failed_rounds: Int,
    crashed_rounds: Int,
    /// How many links were made, and how many were lost.
    joined: Int,
    lost: Int,
    /// Why the last discovery was not complete.
    incomplete: option.Option(String),
    /// The names that the last complete discovery gave, and its age.
    last_complete: option.Option(#(List(String), Int)),
    /// The last error of a round.
    last_error: option.Option(LastError),
    /// Whether too many nodes are missing at once to be believed.
    suspect: Bool,
    /// Names that were discovered and that the filter keeps away.
    filtered: List(String),
    /// Names that were discovered and are not used, and why.
    refused: List(#(String, String)),
    /// What is wrong with this node, and what to do.
    hints: List(String),
    /// Every node that should be linked.
    wanted: List(#(String, Peer)),
    /// Names that complete discoveries bring no more, and for how long.
    missing: List(#(String, Int)),
    /// Linked nodes that have been missing for long enough, and what became of asking them to leave.
    departed: List(#(String, String)),
    /// Discovered nodes that said that they leave.
    left: List(String),
    /// Linked nodes that are none of these.
    others: List(String),
  )
}

/// What a barnacle does.
pub type State {
  Running
  /// `pause` was the last word.
  Paused
  /// `leave` was the last word.
  Left
  /// It was asked to leave and has left; it joins again when it is discovered again.
  Resting
}

/// A node that should be linked.
pub type Peer {
  Peer(
    state: PeerState,
    /// For how long it has been so.
    for: Int,
    /// How many dials have failed; none where a link was lost.
    attempts: Int,
    /// Why the last dial failed, or the link was lost.
    reason: option.Option(String),
    /// Until the next dial, where that is known.
    next_try_in: option.Option(Int),
  )
}

pub type PeerState {
  Connected
  /// Nothing is known of it yet.
  Connecting
  Failing
  /// It failed, and is left alone until the next dial.
  BackingOff
}

/// The last error, and those before it.
pub type LastError {
  LastError(
    reason: String,
    /// Since it happened.
    age: Int,
    /// Since the first of those that came one after the other, and how many they are.
    for: Int,
    rounds: Int,
    /// Whether the last round had it.
    lasting: Bool,
  )
}
