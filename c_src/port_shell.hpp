// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "loop.hpp"
#include "port_frames.hpp"
#include "port_operations.hpp"

namespace barnacle {

// The port shell: frames from standard input to the core, replies to standard output, on one loop.
// Both must be pipes or sockets; they are made non-blocking.
class PortShell {
 public:
    explicit PortShell(Loop& loop);

    // Until standard input is closed. Throws std::exception for what it can't go on after.
    void run();

 private:
    void on_input(Readiness ready);
    void on_frame(const Frame& frame);
    void reply(std::uint64_t id, std::span<const std::uint8_t> reply);
    void reply_bad_request(std::uint64_t id, const std::string& text);
    void write();
    void rest();
    void go_on();

    Loop& loop_;
    FrameReader reader_;
    FrameQueue queue_;
    Operations operations_;
    Poll input_;
    Poll output_;
    bool writing_ = false;  // waits for standard output to take more
    bool resting_ = false;
    bool ended_ = false;
};

}  // namespace barnacle
