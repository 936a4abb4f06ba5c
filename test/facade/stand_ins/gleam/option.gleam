//// Stands in for package gleam_stdlib (1.0), module gleam/option.

// SPDX-License-Identifier: Apache-2.0

/// Upstream: `pub type Option(a) { Some(a) None }`
pub type Option(a) {
  Some(a)
  None
}
