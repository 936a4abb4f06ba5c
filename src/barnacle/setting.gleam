//// Settings of a barnacle that are one of a few words.

// SPDX-License-Identifier: Apache-2.0

/// What becomes of linked nodes that discovery names no longer. Only visible nodes are ever unlinked,
/// never this one, and none that another barnacle of this VM wants. A discovery that failed in part
/// unlinks nobody.
pub type Disconnect {
  /// Nodes that complete discoveries have named and then missed for `with_departed_after` and three
  /// rounds are asked to leave. Each decides by its own discoveries, and rests until it is named again.
  Departed
  /// Every visible node that a complete discovery does not name is unlinked at once.
  Undiscovered
  /// Nobody is unlinked.
  Never
  /// As `Never`; the log says what `Departed` would do.
  Report
}

/// Addresses of which family name nodes, where a host name has both.
pub type Families {
  /// If this node's name ends with an address, the family of that address. The other family counts
  /// only for a name that has none of it, and is not waited for. Otherwise both.
  Own
  /// IPv4 and IPv6: a host with both is named twice.
  Both
  /// IPv4 only. AAAA is not queried.
  Inet
  /// IPv6 only. A is not queried.
  Inet6
}

/// Which of the discovered names to use.
pub type Filter {
  /// Those that fit one of these patterns as a whole. In a pattern `*` stands for any characters,
  /// none too: `"app@10.0.*"`.
  Patterns(List(String))
  /// Those that this function says `True` to. It runs in every round, under `with_strategy_timeout`;
  /// where it crashes, that round does.
  Predicate(fn(String) -> Bool)
}

/// What is logged, by Erlang's levels.
pub type LogLevel {
  /// Everything: which nodes come and go, and what goes wrong.
  Notice
  /// What goes wrong.
  Warning
  /// What somebody has to correct: a round that crashes, names that cannot be nodes.
  Error
  /// Nothing.
  None
}
