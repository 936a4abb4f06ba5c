//// The nodes of this host, from its EPMD (Erlang Port Mapper Daemon, NAMES_REQ of its protocol).

// SPDX-License-Identifier: Apache-2.0

import gleam/erlang/atom

/// All nodes that are registered with the EPMD of this host, this one included. Its port is
/// `ERL_EPMD_PORT` or 4369. `Error(Nil)` where no EPMD answers within 5000 ms, and where this node
/// is not distributed.
@external(erlang, "barnacle_gleam", "local_epmd_discover_nodes")
pub fn discover_nodes() -> Result(List(atom.Atom), Nil)
