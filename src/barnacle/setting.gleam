//// Settings of a barnacle that are one of a few words.

// SPDX-License-Identifier: Apache-2.0

/// What happens to connected nodes that discovery no longer returns. Only visible nodes are ever
/// disconnected, never this node, and no node that another barnacle of this VM wants. A discovery that
/// failed, fully or in part, disconnects no node.
pub type Disconnect {
  /// A node that complete discoveries returned before, and that they omit for `with_departed_after` and
  /// three refreshes, is asked to leave. The node decides by its own discoveries. After leaving, it is on
  /// standby until discovery returns it again. A node without a barnacle is made to leave, if no barnacle of
  /// the cluster wants it. A node that the list of a custom strategy omits departs at once.
  Departed
  /// Every visible node that a complete discovery omits is disconnected at once.
  Undiscovered
  /// No node is disconnected.
  Never
  /// As `Never`. The log states what `Departed` would do.
  Report
}

/// Which address families name nodes, if a host name has both.
pub type Families {
  /// If this node's name ends with an address, the family of that address. The other family counts
  /// only for a name that has none of it, and is not waited for. Otherwise both.
  Own
  /// IPv4 and IPv6: a host with both addresses is two names.
  Both
  /// IPv4 only. AAAA is not queried.
  Inet
  /// IPv6 only. A is not queried.
  Inet6
}

/// Which of the discovered names to use. Names are texts here: only a name that is used becomes an
/// atom.
pub type Filter {
  /// Names that match one of these patterns as a whole. In a pattern `*` stands for any number of
  /// characters: `"app@10.0.*"`.
  Patterns(List(String))
  /// Names for which this function returns `True`. It runs in every refresh, with the time limit
  /// `with_strategy_timeout`. If it crashes, the refresh does.
  ///
  /// ```gleam
  /// setting.Predicate(fn(name) { string.starts_with(name, "app@10.0.") })
  /// ```
  Predicate(fn(String) -> Bool)
}

/// What is logged.
pub type LogLevel {
  /// Everything: which nodes connect and disconnect, and every problem.
  Notices
  /// Problems.
  Warnings
  /// Problems that you have to correct: a refresh that crashes, names that cannot be nodes.
  Errors
  /// Nothing.
  Silent
}

/// A setting that `start` refuses: the result of `barnacle.validate`.
pub type Problem {
  Problem(
    /// As the function of the setting has it, without `with_`: `"poll_interval"`.
    setting: String,
    /// The refused value as a text, `"missing"` without one.
    value: String,
    /// What is wrong with it, and which values are permitted.
    problem: String,
  )
}
