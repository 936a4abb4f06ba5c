// SPDX-License-Identifier: Apache-2.0
#include "port_operations.hpp"

#include <new>
#include <system_error>
#include <utility>

#include "reply.hpp"

namespace barnacle {

Operations::Operations(Loop& loop, OnReply on_reply, OnReply on_part)
    : loop_(loop), on_reply_(std::move(on_reply)), on_part_(std::move(on_part)) {}

void Operations::open(std::uint64_t id, std::span<const std::uint8_t> request) {
    auto operation = Operation::open(request);
    if (!operation) {
        on_reply_(id, out_of_memory_reply());
        return;
    }
    const Step first = operation->step();
    if (first.done) {
        on_reply_(id, operation->reply());
        return;
    }
    try {
        const int fd = operation->fd();
        Running running{.operation = std::move(operation),
                        .poll = Poll(loop_, fd, [this, id](Readiness) { step(id); }),
                        .timer = Timer(loop_, [this, id] { step(id); })};
        go_on(id, running, first);
        running.poll.watch({.readable = true});
        running_.emplace(id, std::move(running));
    } catch (const std::system_error& error) {
        on_reply_(id, encode_posix_error(error.code().value()));
    } catch (const std::bad_alloc&) {
        on_reply_(id, out_of_memory_reply());
    }
}

void Operations::cancel(std::uint64_t id) {
    running_.erase(id);
}

void Operations::rest() {
    resting_ = true;
    for (auto& [id, running] : running_) {
        running.poll.watch({});
    }
}

void Operations::go_on() {
    resting_ = false;
    for (auto& [id, running] : running_) {
        running.poll.watch({.readable = true});
    }
    for (const std::uint64_t id : std::exchange(due_, {})) {
        step(id);
    }
}

void Operations::step(std::uint64_t id) {
    const auto found = running_.find(id);
    if (found == running_.end()) {
        return;
    }
    if (resting_) {
        due_.push_back(id);
        return;
    }
    Running& running = found->second;
    const Step next = running.operation->step();
    if (!next.done) {
        go_on(id, running, next);
        return;
    }
    const auto ended = running_.extract(found);
    on_reply_(id, ended.mapped().operation->reply());
}

void Operations::go_on(std::uint64_t id, Running& running, const Step& step) {
    if (const auto part = running.operation->part(); !part.empty()) {
        on_part_(id, part);
    }
    if (step.wait_ms >= 0) {
        running.timer.start(static_cast<std::uint64_t>(step.wait_ms));
    } else {
        running.timer.stop();
    }
}

}  // namespace barnacle
