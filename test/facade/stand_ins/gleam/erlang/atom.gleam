//// Stands in for package gleam_erlang (1.3), module gleam/erlang/atom.

// SPDX-License-Identifier: Apache-2.0

/// Upstream: `pub type Atom`
pub type Atom

/// Upstream: `pub fn create(a: String) -> Atom`
@external(erlang, "erlang", "binary_to_atom")
pub fn create(a: String) -> Atom
