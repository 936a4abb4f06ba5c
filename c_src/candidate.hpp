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

// The outcome of each family.
struct FamilyOutcomes {
    Outcome a = NoData{};
    Outcome aaaa = NoData{};

    [[nodiscard]] bool have_addresses() const { return has_addresses(a) || has_addresses(aaaa); }
};

// Which families are queried. With prefer_ipv4 and prefer_ipv6 both are, and the one that is named
// is enough: once it has addresses, the other one is not wanted.
enum class Families : std::uint8_t { ipv4, ipv6, both, prefer_ipv4, prefer_ipv6 };

[[nodiscard]] constexpr bool queries_ipv4(Families families) {
    return families != Families::ipv6;
}
[[nodiscard]] constexpr bool queries_ipv6(Families families) {
    return families != Families::ipv4;
}

// One query of a name at a server that brought no addresses.
struct Queried {
    std::string name;
    std::string nameserver;
    NoAddresses outcome;

    friend bool operator==(const Queried&, const Queried&) = default;
};

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
//  1. It is done when every family has an outcome or is not wanted, or grace_ms after the first one
//     with addresses: the other family's outcome is then the error `timeout`.
//  2. `on_done` is called once, by the loop, never from within start(). The Candidate may be
//     destroyed in it, and at any other time.
//  3. At a deadline of its owner's, outcomes_now() says what is known, with `timeout` for the rest.
//  4. queried_now() has the queries of the wanted families that brought no addresses, each once. If
//     a family has addresses, only the errors of the other one are in it.
//  5. Only the first queries of the two families are sent at once: repeated ones are apart, and a
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
    [[nodiscard]] std::vector<Queried> queried_now() const;

    // Why the addresses of the wanted families may not be all.
    [[nodiscard]] Doubts doubts() const;

    // Whether a response had no room without EDNS.
    [[nodiscard]] bool was_truncated() const;

 private:
    struct Family {
        std::optional<Question> question;
        std::optional<Outcome> outcome;
        Doubts doubts{};
        std::vector<ServerOutcome> without_addresses{};  // once there is no question any more

        [[nodiscard]] bool has_addresses() const;
        void end();
    };

    void ask(Loop& loop, Family& family, const CandidateOptions& options, int address_family);
    void on_outcome(Family& family, Outcome outcome);
    [[nodiscard]] Family* preferred();
    void finish();

    std::string name_;
    OnDone on_done_;
    Families families_;
    std::uint64_t grace_ms_;
    bool done_ = false;
    bool was_truncated_ = false;
    Family a_;
    Family aaaa_;
    Timer grace_;
};

}  // namespace barnacle
