// SPDX-License-Identifier: Apache-2.0
#include "turns.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

Turns::Turns(Loop& loop, std::size_t places, std::size_t expected, std::uint64_t deadline_ms,
             Callbacks callbacks)
    : loop_(loop),
      places_(std::max<std::size_t>(places, 1)),
      expected_(expected),
      deadline_ms_(deadline_ms),
      callbacks_(std::move(callbacks)) {}

void Turns::ready(std::size_t job) {
    --expected_;
    waiting_.push_back(job);
    fill();
    if (!waiting_.empty() && !overdue_.empty()) {
        end(overdue_.front());
    }
}

void Turns::done(std::size_t job) {
    running_.erase(job);
    std::erase(overdue_, job);
    fill();
}

void Turns::stop() {
    expected_ = 0;
    waiting_.clear();
    overdue_.clear();
    running_.clear();
}

void Turns::fill() {
    while (running_.size() < places_ && !waiting_.empty()) {
        const std::size_t job = waiting_.front();
        run(job);
        waiting_.pop_front();
        callbacks_.on_turn(job);
    }
}

// How many times all places must be filled until everybody had a turn, the next job included.
std::size_t Turns::rounds_left() const {
    const std::size_t jobs = waiting_.size() + expected_;
    return (jobs + places_ - 1) / places_;
}

void Turns::run(std::size_t job) {
    std::unique_ptr<Timer> share;
    if (const std::size_t rounds = rounds_left(); rounds > 1) {
        const std::uint64_t now_ms = loop_.now_ms();
        const std::uint64_t left_ms = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 0;
        share = std::make_unique<Timer>(loop_, [this, job] { on_share_used(job); });
        share->start(left_ms / rounds);
    }
    running_.emplace(job, std::move(share));
}

void Turns::on_share_used(std::size_t job) {
    if (!waiting_.empty()) {
        end(job);
    } else if (expected_ > 0) {
        overdue_.push_back(job);
    }
}

// The last thing that any member function does: the callback may destroy this object.
void Turns::end(std::size_t job) {
    const auto on_overdue = callbacks_.on_overdue;
    on_overdue(job);
}

}  // namespace barnacle
