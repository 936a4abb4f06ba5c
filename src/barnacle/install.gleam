//// Builds barnacle's native library: `gleam run -m barnacle/install`.

// SPDX-License-Identifier: Apache-2.0

/// Runs `make` in the package's `c_src` and shows what it says, then loads the library to see that
/// it works. Ends the VM with exit status 1 where that fails, and says what is missing. Needs make,
/// a C++20 compiler, pkg-config and the development files of c-ares, libuv and Erlang.
@external(erlang, "barnacle_install", "main")
pub fn main() -> Nil
