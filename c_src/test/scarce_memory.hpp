// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out when a test wants it to. In this program operator new, libuv and c-ares take
// theirs from here.
#pragma once

#include <cstdint>

namespace barnacle::test {

enum class Allocator : std::uint8_t { core, libuv, cares };

// What an allocator is asked for while it is watched, on the thread that watches it.
struct Watch {
    Allocator allocator;
    int refused_from;         // the number of the first request that gets nothing
    bool refused_ever_after;  // or only that one
    int requests = 0;
};

// Watches for as long as it lives. Between, others go on as ever, such as a test's servers.
class Watched {
 public:
    explicit Watched(Watch& watch) noexcept;
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
};

// How many blocks of this allocator are in use.
[[nodiscard]] long live_blocks(Allocator allocator) noexcept;

}  // namespace barnacle::test
