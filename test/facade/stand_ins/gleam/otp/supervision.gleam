//// Stands in for package gleam_otp (1.2), module gleam/otp/supervision.

// SPDX-License-Identifier: Apache-2.0

import gleam/otp/actor

/// Upstream: `pub type Restart { Permanent Transient Temporary }`
pub type Restart {
  Permanent
  Transient
  Temporary
}

/// Upstream: `pub type ChildType { Worker(shutdown_ms: Int) Supervisor }`
pub type ChildType {
  Worker(shutdown_ms: Int)
  Supervisor
}

/// Upstream: `pub type ChildSpecification(data) { ChildSpecification(start: fn() ->
/// Result(actor.Started(data), actor.StartError), restart: Restart, significant: Bool,
/// child_type: ChildType) }`
pub type ChildSpecification(data) {
  ChildSpecification(
    start: fn() -> Result(actor.Started(data), actor.StartError),
    restart: Restart,
    significant: Bool,
    child_type: ChildType,
  )
}

/// Upstream: `pub fn worker(run start: fn() -> Result(actor.Started(data), actor.StartError)) ->
/// ChildSpecification(data)`: Permanent, not significant, 5000 ms for its shutdown.
pub fn worker(
  run start: fn() -> Result(actor.Started(data), actor.StartError),
) -> ChildSpecification(data) {
  ChildSpecification(start, Permanent, False, Worker(5000))
}

/// Upstream: `pub fn restart(child: ChildSpecification(data), restart: Restart) ->
/// ChildSpecification(data)`
pub fn restart(
  child: ChildSpecification(data),
  restart: Restart,
) -> ChildSpecification(data) {
  ChildSpecification(..child, restart: restart)
}
