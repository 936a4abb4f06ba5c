//// Stands in for package gleam_erlang (1.3), module gleam/erlang/process.

// SPDX-License-Identifier: Apache-2.0

import gleam/dynamic

/// Upstream: `pub type Pid`
pub type Pid

/// Upstream: `pub type Name(message)`
pub type Name(message)

/// Upstream: `pub opaque type Subject(message) { Subject(owner: Pid, tag: Dynamic)
/// NamedSubject(name: Name(message)) }`
pub opaque type Subject(message) {
  Subject(owner: Pid, tag: dynamic.Dynamic)
  NamedSubject(name: Name(message))
}

/// Upstream: `pub type ExitReason { Normal Killed Abnormal(reason: Dynamic) }`
pub type ExitReason {
  Normal
  Killed
  Abnormal(reason: dynamic.Dynamic)
}

/// Upstream: `pub fn new_subject() -> Subject(message)`
pub fn new_subject() -> Subject(message) {
  Subject(erlang_self(), erlang_make_ref())
}

/// Upstream: `pub fn named_subject(name: Name(message)) -> Subject(message)`
pub fn named_subject(name: Name(message)) -> Subject(message) {
  NamedSubject(name)
}

@external(erlang, "erlang", "self")
fn erlang_self() -> Pid

@external(erlang, "erlang", "make_ref")
fn erlang_make_ref() -> dynamic.Dynamic
