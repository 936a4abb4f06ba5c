// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "epmd_names_reply.hpp"
#include "epmd_query.hpp"
#include "lookup_error.hpp"
#include "loop.hpp"
#include "outcome.hpp"
#include "turns.hpp"

namespace barnacle {

// The atom that stands for a failure in replies: "bad_reply", "too_long".
[[nodiscard]] std::string_view epmd_reply_error_atom(EpmdReplyError error);

struct EpmdNamesOptions {
    std::vector<std::string> hosts;  // IP addresses as text, or names
    std::uint16_t port = 0;          // of every EPMD
    std::uint64_t timeout_ms = 0;    // from the construction on, for all hosts together
    std::size_t concurrency = 1;     // connections at one time, at least 1 (0 counts as 1)
    EpmdReplyLimits limits;          // for each host
};

// The seam to a resolver: addresses in the order in which they are to be tried, at least one, or
// why there are none. `on_resolved` must be called once, by the loop, never from within the call.
using ResolvedHost = std::variant<Addresses, LookupError>;
using ResolveHost =
    std::function<void(std::string host, std::function<void(ResolvedHost)> on_resolved)>;

// NAMES_REQ to the EPMDs of many hosts at once.
//
//  1. `on_result` is called once, by the loop, never from within the constructor, with one outcome
//     for each host, in the order of the hosts. The EpmdNames may be destroyed in it, and at any
//     other time: that ends everything at once.
//  2. What a host does is in its own outcome and nowhere else. Hosts wait neither for names that
//     others' resolving takes, nor for a slow EPMD longer than its share, as Turns has it; it has
//     timed out after that.
//  3. At the deadline every host without an outcome has timed out.
//  4. The resolver may answer after the EpmdNames is gone.
class EpmdNames {
 public:
    using Result = std::vector<EpmdOutcome>;
    using OnResult = std::function<void(Result)>;

    // Throws std::system_error when the loop cannot take more handles; so may the loop's run.
    EpmdNames(Loop& loop, EpmdNamesOptions options, ResolveHost resolve, OnResult on_result);
    EpmdNames(const EpmdNames&) = delete;
    EpmdNames& operator=(const EpmdNames&) = delete;

 private:
    struct Host {
        Addresses addresses;
        std::unique_ptr<EpmdQuery> query;
        std::optional<EpmdOutcome> outcome;
    };

    void start();
    void on_resolved(std::size_t host, ResolvedHost resolved);
    void ask(std::size_t host);
    void on_outcome(std::size_t host, EpmdOutcome outcome);
    void on_deadline();
    void finish_if_done();

    Loop& loop_;
    EpmdNamesOptions options_;
    ResolveHost resolve_;
    OnResult on_result_;
    std::vector<Host> hosts_;
    Turns turns_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    Timer start_;
    Timer deadline_;
};

}  // namespace barnacle
