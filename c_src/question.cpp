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
        finish(failure());
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
        const std::uint64_t offset_ms = std::exchange(options_.offset_ms, 0);
        timer_.start(std::exchange(next_round_after_ms_, next_round_after_ms_ * 2) + offset_ms);
    }
}

void Question::repeat_soon() {
    const bool is_over_tcp = options_.over_tcp || was_truncated_;
    if (!is_over_tcp && !next_server() && timer_.due_in_ms() > repeat_soon_after_ms) {
        timer_.start(repeat_soon_after_ms);
    }
}

void Question::ask(std::size_t position) {
    Server& server = servers_[position];
    if (options_.with_edns && !server.edns_query) {
        ask_with_edns(position);
    } else if (server.edns_query) {
        server.edns_query->send();
    }
    if (!server.query) {
        server.query = std::make_unique<Query>(
            loop_, query_options(position),
            [this, position](Outcome outcome) { on_query_outcome(position, std::move(outcome)); },
            [this, position] { on_truncated(position); });
    }
    server.query->send();
}

void Question::ask_with_edns(std::size_t position) {
    QueryOptions options = query_options(position);
    options.with_edns = true;
    auto& query = servers_[position].edns_query;
    query = std::make_unique<Query>(
        loop_, std::move(options),
        [this, position](Outcome outcome) { on_edns_outcome(position, std::move(outcome)); },
        [] {});
    query->send();
}

QueryOptions Question::query_options(std::size_t position) const {
    return {.nameserver = options_.nameservers[position],
            .name = options_.name,
            .family = options_.family,
            .max_addresses = options_.max_addresses,
            .over_tcp = options_.over_tcp};
}

void Question::on_query_outcome(std::size_t position, Outcome outcome) {
    if (const auto without = no_addresses_in(outcome)) {
        responses_.push_back({options_.nameservers[position], *without});
    }
    Server& server = servers_[position];
    if (is_answer(outcome)) {
        doubts_ = server.query->doubts();
        finish(std::move(outcome));
        return;
    }
    server.query.reset();
    server.failed = true;
    server.failure = std::get<LookupError>(outcome);
    if (std::ranges::all_of(servers_, &Server::failed)) {
        on_all_failed();
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

void Question::on_edns_outcome(std::size_t position, Outcome outcome) {
    auto& query = servers_[position].edns_query;
    if (has_addresses(outcome)) {
        doubts_ = query->doubts();
        was_truncated_ = query->was_truncated();
        finish(std::move(outcome));
        return;
    }
    query.reset();
    if (std::ranges::all_of(servers_, &Server::failed)) {
        on_all_failed();
    }
}

void Question::on_truncated(std::size_t position) {
    was_truncated_ = true;
    if (!servers_[position].query || servers_[position].edns_query) {
        return;
    }
    if (loop_.may_take_long()) {
        ask_with_edns(position);
    } else {
        edns_timer_.emplace(loop_, [this, position] { on_truncated(position); }).start(next_run_ms);
    }
}

void Question::on_all_failed() {
    const bool waits = std::ranges::any_of(
        servers_, [](const Server& server) { return server.edns_query != nullptr; });
    if (waits) {
        timer_.start(next_nameserver_after_ms);
    } else {
        finish(failure());
    }
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
    edns_timer_.reset();
    servers_.clear();
    if (auto report = std::exchange(on_outcome_, nullptr)) {
        report(std::move(outcome));  // may end this object
    }
}

}  // namespace barnacle
