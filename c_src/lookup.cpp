// SPDX-License-Identifier: Apache-2.0
#include "lookup.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "host_name.hpp"
#include "search.hpp"

namespace barnacle {

namespace {

// `no-aaaa` leaves hosts files and IP literals as they are, and whatever is wanted in IPv6 alone
// or first.
Families queried_families(const LookupOptions& options) {
    const bool only_ipv4 = options.configuration.no_aaaa && queries_ipv4(options.families) &&
                           options.families != Families::prefer_ipv6;
    return only_ipv4 ? Families::ipv4 : options.families;
}

// Whether a name may exist for all that this outcome says of it. REFUSED for a name that the search
// list made is the server's policy on that domain.
bool leaves_open(const Outcome& outcome, bool is_from_search_list) {
    const auto* const error = std::get_if<LookupError>(&outcome);
    const bool is_policy =
        is_from_search_list && error != nullptr && error->code == LookupErrorCode::refused;
    return !is_answer(outcome) && !is_policy;
}

void add(FamilyOutcomes& outcomes, const std::optional<IpAddress>& address) {
    if (address && address->family == AF_INET && is_wanted(outcomes.a)) {
        outcomes.a = Addresses{*address};
    }
    if (address && address->family == AF_INET6 && is_wanted(outcomes.aaaa)) {
        outcomes.aaaa = Addresses{*address};
    }
}

// What is known before a query: nothing of the families that are queried.
FamilyOutcomes nothing_known(Families families) {
    FamilyOutcomes outcomes;
    if (!queries_ipv4(families)) {
        outcomes.a = NotWanted{};
    }
    if (!queries_ipv6(families)) {
        outcomes.aaaa = NotWanted{};
    }
    return outcomes;
}

}  // namespace

std::optional<LookupResult> known_addresses(std::string_view name, Families families) {
    LookupResult result{
        std::string{without_trailing_dot(name)}, nothing_known(families), {}, {}, {}};
    if (const auto literal = parse_ip_address(name)) {
        add(result.outcomes, literal);
        return result;
    }
    if (is_localhost(name)) {
        add(result.outcomes, parse_ip_address("127.0.0.1"));
        add(result.outcomes, parse_ip_address("::1"));
        return result;
    }
    return std::nullopt;
}

Lookup::Lookup(Loop& loop, LookupOptions options, OnResult on_result)
    : loop_(loop),
      options_(std::move(options)),
      on_result_(std::move(on_result)),
      patience_(loop, [this] { ask_next_candidate(); }),
      deadline_(loop, [this] { on_deadline(); }) {}

void Lookup::start() {
    if (!known_addresses(options_.name, options_.families)) {
        names_ = search_candidates(options_.name, options_.configuration.search);
    }
    if (names_.empty()) {
        deadline_.start(0);
        return;
    }
    deadline_ms_ = loop_.now_ms() + options_.timeout_ms;
    deadline_.start(options_.timeout_ms);
    ask_next_candidate();
}

void Lookup::ask_next_candidate() {
    if (!loop_.may_take_long()) {
        patience_.start(next_run_ms);
        return;
    }
    const std::size_t position = candidates_.size();
    const std::uint64_t now_ms = loop_.now_ms();
    const std::uint64_t left_ms = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 0;
    const ResolverConfiguration& configuration = options_.configuration;
    const CandidateOptions options{
        .name = names_[position],
        .families = queried_families(options_),
        .nameservers = configuration.nameservers,
        .grace_ms = options_.grace_ms,
        .max_addresses = options_.max_addresses,
        .over_tcp = configuration.over_tcp,
        .with_edns =
            std::ranges::find(options_.truncated, names_[position]) != options_.truncated.end()};
    candidates_.push_back(std::make_unique<Candidate>(
        loop_, options, [this, position] { on_candidate_done(*candidates_[position]); }));
    if (candidates_.size() < names_.size()) {
        patience_.start(left_ms / 2);
    } else {
        patience_.stop();
    }
    candidates_.back()->start();
}

void Lookup::on_candidate_done(const Candidate& candidate) {
    if (candidate.outcomes_now().have_addresses()) {
        finish(candidate);
        return;
    }
    if (candidates_.size() < names_.size()) {
        if (&candidate == candidates_.back().get()) {
            ask_next_candidate();
        }
    } else if (std::ranges::all_of(candidates_, [](const auto& asked) { return asked->done(); })) {
        finish_without_addresses();
    }
}

void Lookup::on_deadline() {
    if (auto known = known_addresses(options_.name, options_.families)) {
        finish(*std::move(known));
        return;
    }
    if (names_.empty()) {
        const LookupError error{LookupErrorCode::qfmterror};
        finish(LookupResult{options_.name, {error, error}, {}, {}, {}});
        return;
    }
    for (const auto& candidate : candidates_) {
        if (candidate->outcomes_now().have_addresses()) {
            finish(*candidate);
            return;
        }
    }
    finish_without_addresses();
}

void Lookup::finish_without_addresses() {
    const std::string_view as_is = without_trailing_dot(options_.name);
    auto decides = std::ranges::find_if(candidates_, [&](const auto& candidate) {
        const bool is_from_search_list = candidate->name() != as_is;
        const FamilyOutcomes outcomes = candidate->outcomes_now();
        return leaves_open(outcomes.a, is_from_search_list) ||
               leaves_open(outcomes.aaaa, is_from_search_list);
    });
    if (decides == candidates_.end()) {
        decides = std::ranges::find_if(
            candidates_, [&](const auto& candidate) { return candidate->name() == as_is; });
    }
    if (decides == candidates_.end()) {
        --decides;
    }
    finish(**decides);
}

std::vector<Queried> Lookup::queried_now() const {
    std::vector<Queried> result;
    for (const auto& candidate : candidates_) {
        std::ranges::move(candidate->queried_now(), std::back_inserter(result));
    }
    result.resize(std::min(result.size(), max_queried_told));
    return result;
}

void Lookup::finish(const Candidate& candidate) {
    LookupResult result{
        candidate.name(), candidate.outcomes_now(), queried_now(), candidate.doubts(), {}};
    for (const auto& asked : candidates_) {
        if (asked->was_truncated()) {
            result.truncated.push_back(asked->name());
        }
    }
    finish(std::move(result));
}

void Lookup::finish(LookupResult result) {
    patience_.stop();
    deadline_.stop();
    candidates_.clear();
    if (auto report = std::exchange(on_result_, nullptr)) {
        report(std::move(result));  // may end this object
    }
}

}  // namespace barnacle
