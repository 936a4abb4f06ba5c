// SPDX-License-Identifier: Apache-2.0
#include "turns.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

Turns::Turns(Loop& loop, Options options, std::size_t expected, Callbacks callbacks)
    : loop_(loop), options_(options), expected_(expected), callbacks_(std::move(callbacks)) {
    options_.places = std::max<std::size_t>(options_.places, 1);
}

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
    while (running_.size() < options_.places && !waiting_.empty()) {
        const std::size_t job = waiting_.front();
        run(job);
        waiting_.pop_front();
        callbacks_.on_turn(job);
    }
}

// How many times all places must be filled until everybody had a turn, the next job included.
std::size_t Turns::rounds_left() const {
    const std::size_t jobs = waiting_.size() + expected_;
    return (jobs + options_.places - 1) / options_.places;
}

void Turns::run(std::size_t job) {
    auto& timer = running_[job];
    const std::optional<std::uint64_t> limit_ms = options_.limit_ms;
    if (const std::size_t rounds = rounds_left(); rounds > 1) {
        const std::uint64_t now_ms = loop_.now_ms();
        const std::uint64_t left_ms =
            options_.deadline_ms > now_ms ? options_.deadline_ms - now_ms : 0;
        const std::uint64_t share_ms = left_ms / rounds;
        if (!limit_ms || share_ms < *limit_ms) {
            const auto then_ms = limit_ms ? std::optional(*limit_ms - share_ms) : std::nullopt;
            timer = std::make_unique<Timer>(loop_,
                                            [this, job, then_ms] { on_share_used(job, then_ms); });
            timer->start(share_ms);
            return;
        }
    }
    if (limit_ms) {
        timer = std::make_unique<Timer>(loop_, [this, job] { end(job); });
        timer->start(*limit_ms);
    }
}

// `then_ms`: from the end of the job's share to that of its limit.
void Turns::on_share_used(std::size_t job, std::optional<std::uint64_t> then_ms) {
    if (!waiting_.empty()) {
        end(job);
        return;
    }
    if (expected_ > 0) {
        overdue_.push_back(job);
    }
    if (then_ms) {
        auto& timer = running_.at(job);
        timer = std::make_unique<Timer>(loop_, [this, job] { end(job); });
        timer->start(*then_ms);
    }
}

// The last thing that any member function does: the callback may destroy this object.
void Turns::end(std::size_t job) const {
    const auto on_overdue = callbacks_.on_overdue;
    on_overdue(job);
}

}  // namespace barnacle
