// SPDX-License-Identifier: Apache-2.0
#include "candidate.hpp"

#include <sys/socket.h>

#include <utility>

namespace barnacle {

Candidate::Candidate(Loop& loop, const CandidateOptions& options, OnDone on_done)
    : name_(options.name),
      on_done_(std::move(on_done)),
      grace_ms_(options.grace_ms),
      grace_(loop, [this] { finish(); }) {
    if (options.families == Families::ipv6) {
        a_.outcome = NoData{};
    } else {
        ask(loop, a_, options, AF_INET);
    }
    if (options.families == Families::ipv4) {
        aaaa_.outcome = NoData{};
    } else {
        ask(loop, aaaa_, options, AF_INET6);
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

bool Candidate::was_truncated() const {
    const auto question_was = [](const Family& family) {
        return family.question && family.question->was_truncated();
    };
    return was_truncated_ || question_was(a_) || question_was(aaaa_);
}

void Candidate::on_outcome(Family& family, Outcome outcome) {
    const bool found = has_addresses(outcome);
    family.outcome = std::move(outcome);
    doubts_.add(family.question->doubts());
    if (a_.outcome && aaaa_.outcome) {
        finish();
        return;
    }
    if (found) {
        grace_.start(grace_ms_);
    }
    (&family == &a_ ? aaaa_ : a_).question->repeat_soon();
}

void Candidate::finish() {
    done_ = true;
    was_truncated_ = was_truncated();
    grace_.stop();
    a_.question.reset();
    aaaa_.question.reset();
    if (auto report = std::exchange(on_done_, nullptr)) {
        report();  // may end this object
    }
}

}  // namespace barnacle
