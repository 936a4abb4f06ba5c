// SPDX-License-Identifier: Apache-2.0
#include "candidate.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace barnacle {

bool Candidate::Family::has_addresses() const {
    return outcome && barnacle::has_addresses(*outcome);
}

void Candidate::Family::end() {
    if (question) {
        without_addresses = question->without_addresses();
        question.reset();
    }
}

Candidate::Candidate(Loop& loop, const CandidateOptions& options, OnDone on_done)
    : name_(options.name),
      on_done_(std::move(on_done)),
      families_(options.families),
      grace_ms_(options.grace_ms),
      grace_(loop, [this] { finish(); }) {
    if (queries_ipv4(families_)) {
        ask(loop, a_, options, AF_INET);
    } else {
        a_.outcome = NotWanted{};
    }
    if (queries_ipv6(families_)) {
        ask(loop, aaaa_, options, AF_INET6);
    } else {
        aaaa_.outcome = NotWanted{};
    }
}

void Candidate::ask(Loop& loop, Family& family, const CandidateOptions& options,
                    int address_family) {
    QuestionOptions question{.name = options.name,
                             .family = address_family,
                             .nameservers = options.nameservers,
                             .max_addresses = options.max_addresses,
                             .over_tcp = options.over_tcp,
                             .with_edns = options.with_edns && !options.over_tcp,
                             .offset_ms = &family == &aaaa_ ? pair_offset_ms : 0};
    family.question.emplace(loop, std::move(question), [this, &family](Outcome outcome) {
        on_outcome(family, std::move(outcome));
    });
}

void Candidate::start() {
    for (Family* const family : {&a_, &aaaa_}) {
        if (family->question) {
            family->question->start();
        }
    }
}

FamilyOutcomes Candidate::outcomes_now() const {
    const auto now = [](const Family& family) {
        return family.outcome ? copy_of(*family.outcome) : LookupError{LookupErrorCode::timeout};
    };
    return {now(a_), now(aaaa_)};
}

std::vector<Queried> Candidate::queried_now() const {
    const bool found = a_.has_addresses() || aaaa_.has_addresses();
    std::vector<Queried> result;
    for (const Family* const family : {&a_, &aaaa_}) {
        if (family->outcome && !is_wanted(*family->outcome)) {
            continue;
        }
        const auto without =
            family->question ? family->question->without_addresses() : family->without_addresses;
        for (const auto& [nameserver, outcome] : without) {
            Queried queried{name_, nameserver, outcome};
            const bool is_told = std::ranges::find(result, queried) != result.end() ||
                                 (found && std::holds_alternative<NoData>(outcome));
            if (!is_told) {
                result.push_back(std::move(queried));
            }
        }
    }
    return result;
}

Doubts Candidate::doubts() const {
    Doubts result;
    for (const Family* const family : {&a_, &aaaa_}) {
        if (family->outcome && is_wanted(*family->outcome)) {
            result.add(family->doubts);
        }
    }
    return result;
}

bool Candidate::was_truncated() const {
    const auto question_was = [](const Family& family) {
        return family.question && family.question->was_truncated();
    };
    return was_truncated_ || question_was(a_) || question_was(aaaa_);
}

// The family that is enough by itself, if there is one.
Candidate::Family* Candidate::preferred() {
    switch (families_) {
        case Families::prefer_ipv4:
            return &a_;
        case Families::prefer_ipv6:
            return &aaaa_;
        default:
            return nullptr;
    }
}

void Candidate::on_outcome(Family& family, Outcome outcome) {
    family.outcome = std::move(outcome);
    family.doubts = family.question->doubts();
    Family& other = &family == &a_ ? aaaa_ : a_;
    if (&family == preferred() && family.has_addresses()) {
        other.outcome = NotWanted{};
    }
    if (a_.outcome && aaaa_.outcome) {
        finish();
        return;
    }
    if (family.has_addresses()) {
        grace_.start(grace_ms_);
    }
    other.question->repeat_soon();
}

void Candidate::finish() {
    done_ = true;
    was_truncated_ = was_truncated();
    grace_.stop();
    a_.end();
    aaaa_.end();
    if (auto report = std::exchange(on_done_, nullptr)) {
        report();  // may end this object
    }
}

}  // namespace barnacle
