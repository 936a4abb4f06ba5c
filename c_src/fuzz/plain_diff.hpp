// SPDX-License-Identifier: Apache-2.0
//
// The plainest way to keep two lists of names apart, which the diff must agree with, and hashes
// that are as bad as a hash can be.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "../diff.hpp"

namespace barnacle::fuzz {

DiffResult plain_diff(const std::vector<std::string_view>& wanted,
                      const std::vector<std::string_view>& listed, std::string_view self);

std::size_t one_for_all(std::string_view name);

// Names of one first byte collide in full, so that both the table and sorting take their turns.
std::size_t first_byte(std::string_view name);

}  // namespace barnacle::fuzz
