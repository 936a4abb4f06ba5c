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
    std::vector<Queried> queried;  // of all candidates, in their order; max_queried_told at most
    Doubts doubts{};               // why the addresses may not be all
    std::vector<std::string> truncated{};  // candidates whose responses had no room without EDNS
};

inline constexpr std::size_t max_queried_told = 64;

// The addresses of a name in the DNS.
//
//  1. The search candidates (search_candidates()) are asked for one after the other, both families
//     of one at once. The first with addresses in either family is the result, so the families
//     never come from two candidates.
//  2. NXDOMAIN, no data and errors in both families lead to the next candidate. A candidate that
//     does not answer leads to it after half of the time left, and is still listened to.
//  3. With no addresses anywhere, the first candidate decides that leaves open whether its name
//     exists: one with an error other than NXDOMAIN. REFUSED for a name from the search list does
//     not count: that is the server's policy on the domain, and says nothing of the name. If no
//     candidate leaves it open, the name as it was given decides, or else the last candidate. So
//     NXDOMAIN is only reported if every name was denied, or was refused and from the search list.
//     (glibc 2.36 reports the outcome of the name as it was given if that was queried first, else
//     no data or SERVFAIL of the search list before it; a REFUSED ends its search.)
//  4. At the deadline, what has no outcome yet has the error `timeout`.
//  5. `no-aaaa` in the configuration makes an IPv4 lookup of one for both families. A lookup for
//     IPv6 alone queries AAAA in any case.
//  6. IP literals, and localhost with what is below it (RFC 6761 section 6.3: the loopback
//     addresses), are answered without a query.
//  7. `on_result` is called once, by the loop, never from within start(). The Lookup may be
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
    [[nodiscard]] std::vector<Queried> queried_now() const;
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
