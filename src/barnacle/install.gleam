//// Builds barnacle's native library: `gleam run -m barnacle/install`.

// SPDX-License-Identifier: Apache-2.0

/// Builds the native library in the package's `c_src`, in parallel, and loads it to see that it works.
/// Prints two lines. If the build fails, prints the full output of `make` and ends the VM with exit
/// status 1. The build needs make, a C++20 compiler, pkg-config and the development files of c-ares,
/// libuv and Erlang.
///
/// With a git dependency, `gleam clean` and updates of barnacle remove the library: run it again. Run it
/// before `gleam export erlang-shipment`: the shipment contains the library as it is then.
@external(erlang, "barnacle_install", "main")
pub fn main() -> Nil
