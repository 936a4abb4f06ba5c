// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loop.hpp"
#include "outcome.hpp"
#include "question.hpp"

namespace barnacle {

// The outcome of each family. A family that was not asked for has no data.
struct FamilyOutcomes {
    Outcome a = NoData{};
    Outcome aaaa = NoData{};

    [[nodiscard]] bool have_addresses() const { return has_addresses(a) || has_addresses(aaaa); }
};

enum class Families : std::uint8_t { ipv4, ipv6, both };

struct CandidateOptions {
    std::string name;  // fully qualified
    Families families = Families::both;
    std::vector<std::string> nameservers;
    std::uint64_t grace_ms = 0;
    std::size_t max_addresses = 0;
    bool over_tcp = false;
    bool with_edns = false;  // as QuestionOptions has it
};

// How much later AAAA is repeated than A. A middle box that drops the second of two queries, or
// both, so gets them one at a time.
inline constexpr std::uint64_t pair_offset_ms = 100;

// The addresses of one fully qualified name: A and AAAA records asked for at once.
//
//  1. It is done when every family has an outcome, or grace_ms after the first one with addresses:
//     the other family's outcome is then the error `timeout`.
//  2. `on_done` is called once, by the loop, never from within start(). The Candidate may be
//     destroyed in it, and at any other time.
//  3. At a deadline of its owner's, outcomes_now() says what is known, with `timeout` for the rest.
//  4. Only the first queries of the two families are sent at once: repeated ones are apart, and a
//     family is repeated soon once the other one has an outcome.
class Candidate {
 public:
    using OnDone = std::function<void()>;

    Candidate(Loop& loop, const CandidateOptions& options, OnDone on_done);
    Candidate(const Candidate&) = delete;
    Candidate& operator=(const Candidate&) = delete;

    void start();

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] FamilyOutcomes outcomes_now() const;

    // Why the addresses may not be all.
    [[nodiscard]] Doubts doubts() const { return doubts_; }

    // Whether a response had no room without EDNS.
    [[nodiscard]] bool was_truncated() const;

 private:
    struct Family {
        std::optional<Question> question;
        std::optional<Outcome> outcome;
    };

    void ask(Loop& loop, Family& family, const CandidateOptions& options, int address_family);
    void on_outcome(Family& family, Outcome outcome);
    void finish();

    std::string name_;
    OnDone on_done_;
    std::uint64_t grace_ms_;
    bool done_ = false;
    bool was_truncated_ = false;
    Doubts doubts_;
    Family a_;
    Family aaaa_;
    Timer grace_;
};

}  // namespace barnacle
