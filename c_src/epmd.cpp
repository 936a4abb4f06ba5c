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
      hosts_(options_.hosts.size()),
      turns_(loop,
             {.places = options_.concurrency, .deadline_ms = loop.now_ms() + options_.timeout_ms},
             hosts_.size(),
             {.on_turn = [this](std::size_t host) { ask(host); },
              .on_overdue = [this](std::size_t host) { on_outcome(host, EpmdTimeout{}); }}),
      start_(loop, [this] { start(); }),
      deadline_(loop, [this] { on_deadline(); }) {
    deadline_.start(options_.timeout_ms);
    start_.start(0);
}

void EpmdNames::start() {
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
        if (const auto literal = parse_ip_address(options_.hosts[host])) {
            hosts_[host].addresses = {*literal};
            turns_.ready(host);
            continue;
        }
        resolve_(options_.hosts[host],
                 [this, alive = std::weak_ptr(alive_), host](ResolvedHost resolved) {
                     if (!alive.expired()) {
                         on_resolved(host, std::move(resolved));
                     }
                 });
    }
    finish_if_done();
}

void EpmdNames::on_resolved(std::size_t host, ResolvedHost resolved) {
    if (auto* addresses = std::get_if<Addresses>(&resolved)) {
        hosts_[host].addresses = std::move(*addresses);
        turns_.ready(host);
        return;
    }
    hosts_[host].outcome = std::get<LookupError>(resolved);
    turns_.gone();
    finish_if_done();
}

void EpmdNames::ask(std::size_t host) {
    hosts_[host].query = std::make_unique<EpmdQuery>(
        loop_, std::move(hosts_[host].addresses), options_.port, options_.limits,
        [this, host](EpmdOutcome outcome) { on_outcome(host, std::move(outcome)); });
}

void EpmdNames::on_outcome(std::size_t host, EpmdOutcome outcome) {
    hosts_[host].outcome = std::move(outcome);
    hosts_[host].query.reset();
    turns_.done(host);
    finish_if_done();
}

void EpmdNames::on_deadline() {
    for (Host& host : hosts_) {
        if (!host.outcome) {
            host.outcome = EpmdTimeout{};
        }
    }
    turns_.stop();
    finish_if_done();
}

// The last thing that a member function does: the callback may destroy this object.
void EpmdNames::finish_if_done() {
    if (!turns_.over()) {
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
