// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "loop.hpp"

namespace barnacle {

// Gives many jobs their turns, so many at a time, that all of them get one before a deadline.
//
//  1. While others wait, or may yet come, a job may take so much of the time left that everybody
//     gets a turn. One that takes longer is overdue as soon as somebody waits for its place. With
//     no more jobs than places each has all the time, or `limit_ms`, after which it is overdue in
//     any case.
//  2. The callbacks name a job by the number that ready() was given. Each may call done() and
//     ready(). `on_overdue` must call done() for its job; it is the last thing that happens in a
//     call or a timer of the Turns, which may be destroyed in it.
//  3. The deadline itself is the owner's affair.
class Turns {
 public:
    struct Callbacks {
        std::function<void(std::size_t job)> on_turn;
        std::function<void(std::size_t job)> on_overdue;
    };

    struct Options {
        std::size_t places = 1;  // 0 counts as 1
        std::uint64_t deadline_ms = 0;
        std::optional<std::uint64_t> limit_ms{};  // of each job
    };

    // `expected` jobs will be ready some time or gone.
    Turns(Loop& loop, Options options, std::size_t expected, Callbacks callbacks);

    // One of the expected jobs waits for its turn from now on, or never will.
    void ready(std::size_t job);
    void gone() { --expected_; }

    // A job that had its turn is over.
    void done(std::size_t job);

    // Forgets all jobs, waiting, running and expected.
    void stop();

    // Whether every expected job was gone or is done.
    [[nodiscard]] bool over() const {
        return expected_ == 0 && waiting_.empty() && running_.empty();
    }

 private:
    void fill();
    void run(std::size_t job);
    void on_share_used(std::size_t job, std::optional<std::uint64_t> then_ms);
    void end(std::size_t job) const;
    [[nodiscard]] std::size_t rounds_left() const;

    Loop& loop_;
    Options options_;
    std::size_t expected_;
    Callbacks callbacks_;
    std::deque<std::size_t> waiting_;
    std::deque<std::size_t> overdue_;  // running longer than their share while nobody waited
    std::map<std::size_t, std::unique_ptr<Timer>> running_;  // with its next end, if any
};

}  // namespace barnacle
