// SPDX-License-Identifier: Apache-2.0
#include "question.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

Question::Question(Loop& loop, QuestionOptions options, OnOutcome on_outcome)
    : loop_(loop),
      options_(std::move(options)),
      on_outcome_(std::move(on_outcome)),
      servers_(options_.nameservers.size()),
      timer_(loop, [this] { ask_next(); }) {}

void Question::start() {
    ask_next();
}

// The first server from next_ on that has not failed.
std::optional<std::size_t> Question::next_server() const {
    for (std::size_t position = next_; position < servers_.size(); ++position) {
        if (!servers_[position].failed) {
            return position;
        }
    }
    return std::nullopt;
}

void Question::ask_next() {
    auto position = next_server();
    if (!position) {
        next_ = 0;
        position = next_server();
    }
    if (!position) {
        return;
    }
    if (!servers_[*position].query && !loop_.may_take_long()) {
        timer_.start(next_run_ms);
        return;
    }
    ask(*position);
    next_ = *position + 1;
    if (next_server()) {
        timer_.start(next_nameserver_after_ms);
    } else {
        timer_.start(std::exchange(next_round_after_ms_, next_round_after_ms_ * 2));
    }
}

void Question::ask(std::size_t position) {
    auto& query = servers_[position].query;
    if (!query) {
        QueryOptions options{.nameserver = options_.nameservers[position],
                             .name = options_.name,
                             .family = options_.family,
                             .over_tcp = options_.over_tcp,
                             .max_addresses = options_.max_addresses};
        query = std::make_unique<Query>(
            loop_, std::move(options),
            [this, position](Outcome outcome) { on_query_outcome(position, std::move(outcome)); });
    }
    query->send();
}

void Question::on_query_outcome(std::size_t position, Outcome outcome) {
    if (const auto without = no_addresses_in(outcome)) {
        responses_.push_back({options_.nameservers[position], *without});
    }
    if (is_answer(outcome)) {
        finish(std::move(outcome));
        return;
    }
    servers_[position] = {nullptr, true, std::get<LookupError>(outcome)};
    if (std::ranges::all_of(servers_, &Server::failed)) {
        finish(failure());
    } else if (next_server()) {
        ask_next();
    }
}

std::vector<ServerOutcome> Question::without_addresses() const {
    std::vector<ServerOutcome> result = responses_;
    for (std::size_t position = 0; position < servers_.size(); ++position) {
        if (servers_[position].query) {
            result.push_back(
                {options_.nameservers[position], LookupError{LookupErrorCode::timeout}});
        }
    }
    return result;
}

// With all servers failed: the first error that a server sent, or else the first one.
LookupError Question::failure() const {
    const auto sent = std::ranges::find_if(servers_, [](const Server& server) {
        return server.failure.code != LookupErrorCode::posix;
    });
    return sent != servers_.end() ? sent->failure : servers_.front().failure;
}

void Question::finish(Outcome outcome) {
    timer_.stop();
    servers_.clear();
    if (auto report = std::exchange(on_outcome_, nullptr)) {
        report(std::move(outcome));  // may end this object
    }
}

}  // namespace barnacle
