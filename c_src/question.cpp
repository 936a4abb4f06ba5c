// SPDX-License-Identifier: Apache-2.0
#include "question.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

namespace {

bool sent_by_server(const std::optional<LookupError>& failure) {
    return failure && failure->code != LookupErrorCode::posix;
}

}  // namespace

Question::Question(Loop& loop, QuestionOptions options, OnOutcome on_outcome)
    : loop_(loop),
      options_(std::move(options)),
      on_outcome_(std::move(on_outcome)),
      queries_(options_.nameservers.size()),
      failures_(options_.nameservers.size()),
      timer_(loop, [this] { ask_next(); }) {}

void Question::start() {
    ask_next();
}

// The first name server from next_ on that has not failed.
std::optional<std::size_t> Question::next_nameserver() const {
    const auto first = failures_.begin() + static_cast<std::ptrdiff_t>(next_);
    const auto found = std::find(first, failures_.end(), std::nullopt);
    if (found == failures_.end()) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(found - failures_.begin());
}

void Question::ask_next() {
    auto nameserver = next_nameserver();
    if (!nameserver) {
        next_ = 0;
        nameserver = next_nameserver();
    }
    if (!nameserver) {
        return;
    }
    ask(*nameserver);
    next_ = *nameserver + 1;
    if (next_nameserver()) {
        timer_.start(next_nameserver_after_ms);
    } else {
        timer_.start(std::exchange(next_round_after_ms_, next_round_after_ms_ * 2));
    }
}

void Question::ask(std::size_t nameserver) {
    auto& query = queries_[nameserver];
    if (!query) {
        QueryOptions options{.nameserver = options_.nameservers[nameserver],
                             .name = options_.name,
                             .family = options_.family,
                             .max_addresses = options_.max_addresses};
        query =
            std::make_unique<Query>(loop_, std::move(options), [this, nameserver](Outcome outcome) {
                on_query_outcome(nameserver, std::move(outcome));
            });
    }
    query->send();
}

void Question::on_query_outcome(std::size_t nameserver, Outcome outcome) {
    if (is_answer(outcome)) {
        finish(std::move(outcome));
        return;
    }
    failures_[nameserver] = std::get<LookupError>(outcome);
    queries_[nameserver].reset();
    if (std::ranges::all_of(failures_, [](const auto& failure) { return failure.has_value(); })) {
        const auto from_server = std::ranges::find_if(failures_, sent_by_server);
        finish(from_server != failures_.end() ? **from_server : *failures_.front());
        return;
    }
    if (next_nameserver()) {
        ask_next();
    }
}

void Question::finish(Outcome outcome) {
    timer_.stop();
    queries_.clear();
    if (auto report = std::exchange(on_outcome_, nullptr)) {
        report(std::move(outcome));  // may end this object
    }
}

}  // namespace barnacle
