// SPDX-License-Identifier: Apache-2.0
#include "epmd.hpp"

#include <algorithm>
#include <utility>

#include "ip_address.hpp"

namespace barnacle {

std::string_view epmd_reply_error_atom(EpmdReplyError error) {
    return error == EpmdReplyError::too_long ? "too_long" : "bad_reply";
}

EpmdNames::EpmdNames(Loop& loop, EpmdNamesOptions options, ResolveHost resolve, OnResult on_result)
    : loop_(loop),
      options_(std::move(options)),
      resolve_(std::move(resolve)),
      on_result_(std::move(on_result)),
      deadline_ms_(loop.now_ms() + options_.timeout_ms),
      hosts_(options_.hosts.size()),
      start_(loop, [this] { start(); }),
      deadline_(loop, [this] { on_deadline(); }) {
    options_.concurrency = std::max<std::size_t>(options_.concurrency, 1);
    deadline_.start(options_.timeout_ms);
    start_.start(0);
}

void EpmdNames::start() {
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
        if (const auto literal = parse_ip_address(options_.hosts[host])) {
            hosts_[host].addresses = {*literal};
            waiting_.push_back(host);
            continue;
        }
        ++resolving_;
        resolve_(options_.hosts[host],
                 [this, alive = std::weak_ptr(alive_), host](ResolvedHost resolved) {
                     if (!alive.expired()) {
                         on_resolved(host, std::move(resolved));
                     }
                 });
    }
    ask_waiting_hosts();
    finish_if_done();
}

void EpmdNames::on_resolved(std::size_t host, ResolvedHost resolved) {
    --resolving_;
    if (auto* addresses = std::get_if<Addresses>(&resolved)) {
        hosts_[host].addresses = std::move(*addresses);
        waiting_.push_back(host);
        ask_waiting_hosts();
        if (!waiting_.empty() && !overdue_.empty()) {
            on_outcome(overdue_.front(), EpmdTimeout{});
        }
        return;
    }
    hosts_[host].outcome = std::get<LookupError>(resolved);
    finish_if_done();
}

void EpmdNames::ask_waiting_hosts() {
    while (asked_ < options_.concurrency && !waiting_.empty()) {
        const std::size_t host = waiting_.front();
        ask(host);
        waiting_.pop_front();
    }
}

// How many times all places must be filled until every host had its turn, the next one included.
std::size_t EpmdNames::rounds_left() const {
    const std::size_t hosts = waiting_.size() + resolving_;
    return (hosts + options_.concurrency - 1) / options_.concurrency;
}

void EpmdNames::ask(std::size_t host) {
    Host& asked = hosts_[host];
    const std::size_t rounds = rounds_left();
    if (rounds > 1) {
        const std::uint64_t now_ms = loop_.now_ms();
        const std::uint64_t left_ms = deadline_ms_ > now_ms ? deadline_ms_ - now_ms : 0;
        asked.share = std::make_unique<Timer>(loop_, [this, host] { on_share_used(host); });
        asked.share->start(left_ms / rounds);
    }
    asked.query = std::make_unique<EpmdQuery>(
        loop_, std::move(asked.addresses), options_.port, options_.limits,
        [this, host](EpmdOutcome outcome) { on_outcome(host, std::move(outcome)); });
    ++asked_;
}

void EpmdNames::on_share_used(std::size_t host) {
    if (!waiting_.empty()) {
        on_outcome(host, EpmdTimeout{});
    } else if (resolving_ > 0) {
        overdue_.push_back(host);
    }
}

void EpmdNames::on_outcome(std::size_t host, EpmdOutcome outcome) {
    hosts_[host].outcome = std::move(outcome);
    hosts_[host].query.reset();
    hosts_[host].share.reset();
    std::erase(overdue_, host);
    --asked_;
    ask_waiting_hosts();
    finish_if_done();
}

void EpmdNames::on_deadline() {
    for (Host& host : hosts_) {
        if (!host.outcome) {
            host.outcome = EpmdTimeout{};
        }
    }
    waiting_.clear();
    resolving_ = 0;
    asked_ = 0;
    finish_if_done();
}

// The last thing that a member function does: the callback may destroy this object.
void EpmdNames::finish_if_done() {
    if (resolving_ + asked_ + waiting_.size() > 0) {
        return;
    }
    Result result;
    result.reserve(hosts_.size());
    for (Host& host : hosts_) {
        result.push_back(*std::move(host.outcome));
    }
    hosts_.clear();
    alive_.reset();
    start_.stop();
    deadline_.stop();
    const OnResult on_result = std::move(on_result_);
    on_result(std::move(result));
}

}  // namespace barnacle
