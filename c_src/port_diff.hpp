// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "reply.hpp"

namespace barnacle {

// The reply to a frame of kind "d" with this body; port_frames.hpp has both grammars. Throws
// std::bad_alloc only.
[[nodiscard]] Bytes diff_reply(std::span<const std::uint8_t> names);

}  // namespace barnacle
