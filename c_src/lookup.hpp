// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candidate.hpp"
#include "loop.hpp"
#include "outcome.hpp"
#include "resolver_configuration.hpp"

namespace barnacle {

struct LookupOptions {
    std::string name;  // if check_host_name() rejects it, the error is qfmterror
    Families families = Families::both;
    std::uint64_t timeout_ms = 0;   // for the whole lookup, at least 1, at most 86,400,000
    std::uint64_t grace_ms = 0;     // what the slower family gets once the other has addresses
    std::size_t max_addresses = 0;  // of each family; more of them are the error {posix, EMSGSIZE}
    ResolverConfiguration configuration;
    std::vector<std::string> truncated{};  // names whose responses are known to be long
};

struct LookupResult {
    std::string candidate;  // the name that the outcomes are of, without a trailing dot
    FamilyOutcomes outcomes;
    Doubts doubts{};                       // why the addresses may not be all
    std::vector<std::string> truncated{};  // candidates whose responses had no room without EDNS
};

// The addresses of a name in the DNS.
//
//  1. The search candidates (search_candidates()) are asked for one after the other, both families
//     of one at once. The first with addresses in either family is the result, so the families
//     never come from two candidates.
//  2. NXDOMAIN, no data and errors in both families lead to the next candidate. A candidate that
//     does not answer leads to it after half of the time left, and is still listened to.
//  3. With no addresses anywhere, the result is the first candidate that had an error other than
//     NXDOMAIN, or else the last one asked.
//  4. At the deadline, what has no outcome yet has the error `timeout`.
//  5. IP literals, and localhost with what is below it (RFC 6761 section 6.3: the loopback
//     addresses), are answered without a query.
//  6. `on_result` is called once, by the loop, never from within start(). The Lookup may be
//     destroyed in it, and at any other time: that ends it.
class Lookup {
 public:
    using OnResult = std::function<void(LookupResult)>;

    Lookup(Loop& loop, LookupOptions options, OnResult on_result);
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    // Throws std::system_error when c-ares cannot be set up; so may the loop's run later.
    void start();

 private:
    void ask_next_candidate();
    void on_candidate_done(const Candidate& candidate);
    void finish_without_addresses();
    void finish(const Candidate& candidate);
    void finish(LookupResult result);
    void on_deadline();

    Loop& loop_;
    LookupOptions options_;
    OnResult on_result_;
    std::uint64_t deadline_ms_ = 0;  // on the loop's clock
    std::vector<std::string> names_;
    std::vector<std::unique_ptr<Candidate>> candidates_;  // those asked, in the order of names_
    Timer patience_;
    Timer deadline_;
};

// The result for names that need no query: IP literals and localhost; else nothing.
[[nodiscard]] std::optional<LookupResult> known_addresses(std::string_view name, Families families);

}  // namespace barnacle
