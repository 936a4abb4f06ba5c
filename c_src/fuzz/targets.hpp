// SPDX-License-Identifier: Apache-2.0
//
// The fuzz targets. Each takes any bytes, works on them as the core would, and throws Broken where
// what the core says isn't what it promises. Crashes, leaks and time limits are the business of
// whoever runs them: libFuzzer with sanitizers (entry.cpp), or the replay of the corpus
// (test/corpus_test.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace barnacle::fuzz {

using Bytes = std::span<const std::uint8_t>;

// A promise that does not hold.
class Broken : public std::logic_error {
 public:
    using std::logic_error::logic_error;
};

inline void require(bool holds, const char* promise) {
    if (!holds) {
        throw Broken(promise);
    }
}

void run_codec(Bytes input);
void run_diff(Bytes input);
void run_dns_response(Bytes input);
void run_epmd_names(Bytes input);
void run_epmd_port(Bytes input);
void run_names(Bytes input);
void run_operation(Bytes input);
void run_port_frames(Bytes input);
void run_request(Bytes input);
void run_resolv_conf(Bytes input);

struct Target {
    std::string_view name;  // of its corpus, too
    void (*run)(Bytes input);
};

inline constexpr std::array targets{
    Target{"codec", run_codec},
    Target{"diff", run_diff},
    Target{"dns_response", run_dns_response},
    Target{"epmd_names", run_epmd_names},
    Target{"epmd_port", run_epmd_port},
    Target{"names", run_names},
    Target{"operation", run_operation},
    Target{"port_frames", run_port_frames},
    Target{"request", run_request},
    Target{"resolv_conf", run_resolv_conf},
};

inline std::string_view text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes an input apart: choices from its front, what is worked on from the rest. There is always a
// next byte; behind the end it is 0.
class Input {
 public:
    explicit Input(Bytes bytes) : bytes_(bytes) {}

    std::uint8_t byte() {
        const Bytes taken = take(1);
        return taken.empty() ? 0 : taken.front();
    }
    Bytes take(std::size_t count) {
        const Bytes taken = bytes_.first(count < bytes_.size() ? count : bytes_.size());
        bytes_ = bytes_.subspan(taken.size());
        return taken;
    }
    Bytes rest() { return take(bytes_.size()); }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
    Bytes bytes_;
};

// Ways to cut bytes into pieces: 0 not at all, 1 into bytes, others into pieces of 1 to 16 bytes.
class Cuts {
 public:
    explicit Cuts(std::uint8_t way) : way_(way), state_(way) {}

    std::size_t next() {
        if (way_ < 2) {
            return way_ == 0 ? SIZE_MAX : 1;
        }
        state_ = state_ * 1'103'515'245U + 12'345U;
        return 1 + (state_ >> 16U) % 16;
    }

    // Calls `feed(piece)` for each piece until it gives false.
    template <typename Feed>
    void each(Bytes bytes, Feed feed) {
        for (Input left(bytes); !left.empty();) {
            if (!feed(left.take(next()))) {
                return;
            }
        }
    }

 private:
    std::uint8_t way_;
    std::uint32_t state_;
};

}  // namespace barnacle::fuzz
