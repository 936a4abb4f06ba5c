// SPDX-License-Identifier: Apache-2.0
#include "host_resolver.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "host_name.hpp"

namespace barnacle {

namespace {

// Reading the hosts file for a host keeps the loop waiting, so only so many are read for in a turn.
constexpr std::size_t hosts_a_turn = 64;

HostOutcome host_outcome(const FamilyOutcomes& outcomes, LookupError without_addresses) {
    Addresses addresses;
    LookupError error = without_addresses;
    for (const Outcome* const outcome : {&outcomes.aaaa, &outcomes.a}) {
        if (const auto* const found = std::get_if<Addresses>(outcome)) {
            addresses.insert(addresses.begin(), found->begin(), found->end());
        } else if (!is_answer(*outcome)) {
            error = std::get<LookupError>(*outcome);
        }
    }
    if (addresses.empty()) {
        return error;
    }
    return addresses;
}

Addresses in_hosts_file(const HostsFile& file, const std::string& name, Families families) {
    Addresses addresses;
    for (const int family : {AF_INET, AF_INET6}) {
        if (families != (family == AF_INET ? Families::ipv6 : Families::ipv4)) {
            const Addresses found = file.lookup(name, family);
            addresses.insert(addresses.end(), found.begin(), found.end());
        }
    }
    return addresses;
}

}  // namespace

HostResolver::HostResolver(Loop& loop, HostResolverOptions options, OnAddresses on_addresses)
    : loop_(loop),
      options_(std::move(options)),
      on_addresses_(std::move(on_addresses)),
      deadline_ms_(loop.now_ms() + options_.timeout_ms),
      turn_(loop, [this] { take_turn(); }),
      unresolved_(loop, [this] { note_unresolved(); }) {
    if (on_addresses_) {
        unresolved_.start(options_.unresolved_after_ms);
    }
}

void HostResolver::resolve(std::string host, OnOutcome on_outcome) {
    arrived_.push_back({std::move(host), std::move(on_outcome), nullptr, false});
    turn_.start(0);
}

void HostResolver::note(Host& host, const Addresses& addresses) {
    if (on_addresses_ && !(host.is_noted && addresses.empty())) {
        host.is_noted = true;
        on_addresses_(host.name, addresses);
    }
}

void HostResolver::note(Host& host, const HostOutcome& outcome) {
    const auto* const addresses = std::get_if<Addresses>(&outcome);
    if (addresses == nullptr) {
        note(host, Addresses{});
    } else if (addresses->size() > 1) {
        note(host, *addresses);
    }
}

void HostResolver::note_unresolved() {
    for (HostList* const hosts : {&arrived_, &waiting_, &looked_up_}) {
        for (Host& host : *hosts) {
            note(host, Addresses{});
        }
    }
}

void HostResolver::take_turn() {
    Answers answers;
    answer_without_query(answers);
    start_lookups(answers);
    if (!arrived_.empty()) {
        turn_.start(0);
    }
    const std::weak_ptr<const bool> alive = alive_;
    for (Answer& answer : answers) {
        if (alive.expired()) {
            return;
        }
        answer.on_outcome(std::move(answer.outcome));  // may end this object
    }
}

void HostResolver::answer_without_query(Answers& answers) {
    for (std::size_t i = 0; i < hosts_a_turn && !arrived_.empty(); ++i) {
        const auto host = arrived_.begin();
        if (auto outcome = known_outcome(host->name)) {
            note(*host, *outcome);
            answers.push_back({std::move(host->on_outcome), *std::move(outcome)});
            arrived_.erase(host);
        } else {
            waiting_.splice(waiting_.end(), arrived_, host);
        }
    }
}

std::optional<HostOutcome> HostResolver::known_outcome(const std::string& name) const {
    if (check_host_name(name)) {
        return LookupError{LookupErrorCode::qfmterror};
    }
    if (const auto known = known_addresses(name, options_.families)) {
        return host_outcome(known->outcomes, posix_error(EAFNOSUPPORT));
    }
    Addresses addresses =
        in_hosts_file(hosts_file_, std::string{without_trailing_dot(name)}, options_.families);
    if (addresses.empty()) {
        return std::nullopt;
    }
    return addresses;
}

void HostResolver::start_lookups(Answers& answers) {
    while (!waiting_.empty()) {
        const auto host = waiting_.begin();
        if (left_ms() == 0) {
            note(*host, Addresses{});
            answers.push_back({std::move(host->on_outcome), LookupError{LookupErrorCode::timeout}});
            waiting_.erase(host);
        } else if (looked_up_.size() < options_.concurrency) {
            looked_up_.splice(looked_up_.end(), waiting_, host);
            look_up(host);
        } else {
            return;
        }
    }
}

void HostResolver::look_up(HostList::iterator host) {
    LookupOptions options{.name = host->name,
                          .families = options_.families,
                          .timeout_ms = left_ms(),
                          .grace_ms = options_.grace_ms,
                          .max_addresses = options_.max_addresses,
                          .configuration = options_.configuration};
    host->lookup = std::make_unique<Lookup>(
        loop_, std::move(options),
        [this, host](const LookupResult& result) { on_lookup_result(host, result); });
    host->lookup->start();
}

void HostResolver::on_lookup_result(HostList::iterator host, const LookupResult& result) {
    Host done = std::move(*host);  // holds the lookup until its callback, this one, is over
    looked_up_.erase(host);
    if (!waiting_.empty()) {
        turn_.start(0);
    }
    HostOutcome outcome = host_outcome(result.outcomes, {LookupErrorCode::nxdomain});
    note(done, outcome);
    done.on_outcome(std::move(outcome));  // may end this object
}

std::uint64_t HostResolver::left_ms() {
    const std::uint64_t now_ms = loop_.now_ms();
    return deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 0;
}

}  // namespace barnacle
