// SPDX-License-Identifier: Apache-2.0
//
// The monotonic clock of the whole program, libuv and c-ares included, which can be put forward:
// whole operations, with all that they wait for, take no time. It stands still for nobody: real
// time goes on below.
#pragma once

#include <cstdint>

namespace barnacle::fuzz {

void put_clock_forward(std::uint64_t by_ms) noexcept;

// Only when nothing is left that has looked at it.
void put_clock_right() noexcept;

}  // namespace barnacle::fuzz
