// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace barnacle {

// Positions, counted from 0, in the order of the list they point into.
struct DiffResult {
    std::vector<std::size_t> connect;     // in `wanted`: names that `listed` lacks
    std::vector<std::size_t> disconnect;  // in `listed`: names that `wanted` lacks

    friend bool operator==(const DiffResult&, const DiffResult&) = default;
};

using NameHash = std::size_t (*)(std::string_view name);

// std::hash, the same for a name throughout a process.
std::size_t hash_name(std::string_view name);

// What keeps `wanted` and `listed` apart. `self` is in neither result, and of a name that a list
// has several times only the first position counts. Names are compared byte by byte. The views
// must stay valid during the call.
//
// Time is linear in the number of names. Names come from the network, and somebody may have made
// them so that they all have one hash; where they collide too often the lists are sorted instead,
// so that the worst case is n log n comparisons. `hash` is there for tests of that.
//
// Throws std::bad_alloc only.
DiffResult diff(std::span<const std::string_view> wanted, std::span<const std::string_view> listed,
                std::string_view self, NameHash hash = hash_name);

}  // namespace barnacle
