// SPDX-License-Identifier: Apache-2.0
// libFuzzer's way in, one program for each target: the Makefile defines BARNACLE_TARGET.
#include <cstddef>
#include <cstdint>

#include "targets.hpp"

#ifndef BARNACLE_TARGET
#define BARNACLE_TARGET run_codec
#endif

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    barnacle::fuzz::BARNACLE_TARGET({data, size});
    return 0;
}
