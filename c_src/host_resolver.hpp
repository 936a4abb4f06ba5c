// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lookup.hpp"
#include "loop.hpp"
#include "outcome.hpp"
#include "resolver.hpp"

namespace barnacle {

struct HostResolverOptions {
    Families families = Families::ipv4;
    std::uint64_t timeout_ms = 0;   // from the construction on, for all hosts together
    std::uint64_t grace_ms = 0;     // as in LookupOptions; matters for Families::both only
    std::size_t concurrency = 1;    // lookups in the DNS at one time, at least 1
    std::size_t max_addresses = 0;  // as in LookupOptions
    std::uint64_t unresolved_after_ms = 0;
    ResolverConfiguration configuration;
};

// IPv4 addresses before IPv6 ones, at least one; or why there are none.
using HostOutcome = std::variant<Addresses, LookupError>;

// The addresses of hosts, as programs on this machine know them: IP literals, localhost, the hosts
// file, and then the DNS.
//
//  1. What needs no query is answered at once, however many lookups are waiting.
//  2. A name without addresses of the wanted families is nxdomain, a literal of another family
//     {posix, EAFNOSUPPORT}, a name that check_host_name() rejects qfmterror.
//  3. At the deadline every host that has no outcome yet, asked for or not, has the error
//  `timeout`.
//  4. `on_addresses` is called with more than one address of a name, and without an address when a
//     name has failed or has none `unresolved_after_ms` after the construction. That is before the
//     outcome, and at most once without an address. The HostResolver must not be destroyed in it.
//  5. `on_outcome` is called once for each host, by the loop, never from within resolve(). The
//     HostResolver may be destroyed in it, and at any other time: that ends all lookups.
class HostResolver {
 public:
    using OnOutcome = std::function<void(HostOutcome)>;
    using OnAddresses = std::function<void(const std::string& name, const Addresses&)>;

    // Throws std::system_error when c-ares cannot be set up; so may resolve() and the loop's run.
    HostResolver(Loop& loop, HostResolverOptions options, OnAddresses on_addresses = nullptr);
    HostResolver(const HostResolver&) = delete;
    HostResolver& operator=(const HostResolver&) = delete;

    void resolve(std::string host, OnOutcome on_outcome);

 private:
    struct Host {
        std::string name;
        OnOutcome on_outcome;
        std::unique_ptr<Lookup> lookup;
        bool is_noted = false;
    };
    using HostList = std::list<Host>;

    struct Answer {
        OnOutcome on_outcome;
        HostOutcome outcome;
    };
    using Answers = std::vector<Answer>;

    void note(Host& host, const Addresses& addresses);
    void note(Host& host, const HostOutcome& outcome);
    void note_unresolved();
    void take_turn();
    void answer_without_query(Answers& answers);
    void start_lookups(Answers& answers);
    void look_up(HostList::iterator host);
    void on_lookup_result(HostList::iterator host, const LookupResult& result);
    [[nodiscard]] std::optional<HostOutcome> known_outcome(const std::string& name) const;
    [[nodiscard]] std::uint64_t left_ms();

    Loop& loop_;
    HostResolverOptions options_;
    OnAddresses on_addresses_;
    std::uint64_t deadline_ms_;
    HostsFile hosts_file_;
    HostList arrived_;    // not looked at yet
    HostList waiting_;    // to be looked up in the DNS
    HostList looked_up_;  // being looked up
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    Timer turn_;
    Timer unresolved_;
};

}  // namespace barnacle
