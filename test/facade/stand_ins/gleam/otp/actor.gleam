//// Stands in for package gleam_otp (1.2), module gleam/otp/actor.

// SPDX-License-Identifier: Apache-2.0

import gleam/erlang/process

/// Upstream: `pub type Started(data) { Started(pid: Pid, data: data) }`
pub type Started(data) {
  Started(pid: process.Pid, data: data)
}

/// Upstream: `pub type StartError { InitTimeout InitFailed(String) InitExited(ExitReason) }`
pub type StartError {
  InitTimeout
  InitFailed(String)
  InitExited(process.ExitReason)
}
