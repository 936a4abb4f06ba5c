// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "barnacle_core.hpp"
#include "loop.hpp"

namespace barnacle {

// Operations of the core that run at once on one loop, by their ids.
//
//  1. on_reply(id, reply) is called once for each operation, within open() or from the loop. It is
//     over by then, and its id free again. It isn't called for one that was cancelled. Before it,
//     on_part(id, part) is called for each part of its result.
//  2. While they rest, nothing is stepped: replies and deadlines wait until they go on.
//  3. The loop outlives this.
class Operations {
 public:
    using OnReply = std::function<void(std::uint64_t id, std::span<const std::uint8_t> reply)>;

    Operations(Loop& loop, OnReply on_reply, OnReply on_part);

    [[nodiscard]] bool has(std::uint64_t id) const { return running_.contains(id); }
    [[nodiscard]] std::size_t size() const { return running_.size(); }

    // Opens an operation with an id that none has. What keeps it from running is its reply.
    void open(std::uint64_t id, std::span<const std::uint8_t> request);

    // Ends an operation, if there is one.
    void cancel(std::uint64_t id);

    void rest();
    void go_on();

 private:
    // The descriptor that is polled is the operation's, which therefore goes last.
    struct Running {
        std::unique_ptr<Operation> operation;
        Poll poll;
        Timer timer;
    };

    void step(std::uint64_t id);
    void go_on(std::uint64_t id, Running& running, const Step& step);

    Loop& loop_;
    OnReply on_reply_;
    OnReply on_part_;
    std::unordered_map<std::uint64_t, Running> running_;
    bool resting_ = false;
    std::vector<std::uint64_t> due_;  // what was to be stepped while they rested
};

}  // namespace barnacle
