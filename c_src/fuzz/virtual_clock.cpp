// SPDX-License-Identifier: Apache-2.0
#include "virtual_clock.hpp"

#include <dlfcn.h>

#include <atomic>
#include <ctime>

namespace {

// What stands for the system's clock can be reached by its name alone.
std::atomic<std::uint64_t> forward_ms{0};

bool is_monotonic(clockid_t clock) {
    return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE;
}

}  // namespace

// In the place of libc's clock_gettime, for every library of the program. It has a name of its own
// here, as libc's header has declared that one.
extern "C" __attribute__((visibility("default"))) int forwarded_clock_gettime(
    clockid_t clock, timespec* time) noexcept __asm__("clock_gettime");

int forwarded_clock_gettime(clockid_t clock, timespec* time) noexcept {
    constexpr std::uint64_t ms_per_s = 1000;
    constexpr std::int64_t ns_per_ms = 1'000'000;
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    static const auto real =
        reinterpret_cast<decltype(&forwarded_clock_gettime)>(::dlsym(RTLD_NEXT, "clock_gettime"));
    if (real(clock, time) != 0) {
        return -1;
    }
    const std::uint64_t by_ms = is_monotonic(clock) ? forward_ms.load() : 0;
    time->tv_sec += static_cast<std::time_t>(by_ms / ms_per_s);
    time->tv_nsec += static_cast<std::int64_t>(by_ms % ms_per_s) * ns_per_ms;
    if (time->tv_nsec >= ns_per_s) {
        time->tv_nsec -= ns_per_s;
        ++time->tv_sec;
    }
    return 0;
}

namespace barnacle::fuzz {

void put_clock_forward(std::uint64_t by_ms) noexcept {
    forward_ms += by_ms;
}

void put_clock_right() noexcept {
    forward_ms = 0;
}

}  // namespace barnacle::fuzz
