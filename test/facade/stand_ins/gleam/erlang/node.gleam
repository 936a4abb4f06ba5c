//// Stands in for package gleam_erlang (1.3), module gleam/erlang/node.

// SPDX-License-Identifier: Apache-2.0

/// Upstream: `pub type Node`
pub type Node

/// Upstream: `pub type ConnectError { FailedToConnect LocalNodeIsNotAlive }`
pub type ConnectError {
  FailedToConnect
  LocalNodeIsNotAlive
}

/// Upstream: `pub fn self() -> Node`
@external(erlang, "erlang", "node")
pub fn self() -> Node
