//// Stands in for package gleam_stdlib (1.0), module gleam/dynamic.

// SPDX-License-Identifier: Apache-2.0

/// Upstream: `pub type Dynamic`
pub type Dynamic
