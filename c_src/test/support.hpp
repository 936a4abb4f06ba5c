// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the core share.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "../fuzz/variable.hpp"
#include "../loop.hpp"

namespace barnacle::test {

// No event that a test waits for takes this long, also under sanitizers on a busy machine.
inline constexpr int generous_ms = 20'000;

inline std::size_t entries(const char* directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), {}));
}

// How many descriptors this process has open. The iterator's own is in both counts that a test
// compares.
inline std::size_t open_descriptors() {
    return entries("/proc/self/fd");
}

// How many threads it has.
inline std::size_t threads() {
    return entries("/proc/self/task");
}

// Runs the loop, sleeping on its descriptor as a shell would, until `done()` holds. False if it
// doesn't within the limit.
inline bool run_until(Loop& loop, const std::function<bool()>& done, int limit_ms = generous_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(limit_ms);
    while (!done()) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0) {
            return false;
        }
        loop.run_nowait();
        const int next = loop.next_timeout_ms();
        const int wait = next < 0 || next > left ? static_cast<int>(left) : next;
        if (wait > 0 && !done()) {
            pollfd descriptor{.fd = loop.fd(), .events = POLLIN, .revents = 0};
            ::poll(&descriptor, 1, wait);
        }
    }
    return true;
}

// A file of this process with the text given, for as long as the object lives.
class TemporaryFile {
 public:
    explicit TemporaryFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() /
                ("barnacle_core_test." + std::to_string(::getpid()))) {
        std::ofstream{path_} << text;
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    [[nodiscard]] std::string path() const { return path_.string(); }

 private:
    std::filesystem::path path_;
};

using fuzz::Variable;

}  // namespace barnacle::test
