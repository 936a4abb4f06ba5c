//// What a barnacle tells about itself, for people and for health checks.

// SPDX-License-Identifier: Apache-2.0

import barnacle/setting
import gleam/erlang/atom
import gleam/option

/// What `barnacle.status` gives. Later versions may have more fields: match with `..`.
pub type Status {
  Status(
    /// This node.
    node: atom.Atom,
    /// The registered name.
    name: option.Option(String),
    /// The Erlang module of the strategy.
    strategy: String,
    disconnect: setting.Disconnect,
    /// Whether `pause` was the last word.
    paused: Bool,
    /// Whether a round is running.
    refreshing: Bool,
    /// ms until the next poll; `None` while a round is running and while paused.
    next_poll_in: option.Option(Int),
    /// Every node that should be linked.
    wanted: List(#(String, Link)),
    /// Linked nodes that complete discoveries have missed for long enough.
    departed: List(String),
    /// Whether too many nodes are missing at once to be believed.
    suspect: Bool,
    /// Names that were discovered and are not used, and why.
    refused: List(#(String, String)),
    /// The names that the last complete discovery gave, and its age in ms.
    last_complete: option.Option(#(List(String), Int)),
    /// Why the last round that failed did so, and its age in ms.
    last_error: option.Option(#(String, Int)),
    /// How many rounds have ended, how many of them with an error, how many by a crash.
    rounds: Int,
    failed_rounds: Int,
    crashed_rounds: Int,
  )
}

/// Whether a wanted node is linked.
pub type Link {
  Connected
  /// With the reason: `"connecting"`, or an error.
  NotConnected(String)
}
