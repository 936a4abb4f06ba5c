// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

namespace barnacle {

namespace {

// Of an EPMD's list of names; a longer one isn't read. As barnacle_native has them for epmd_names.
constexpr EpmdReplyLimits names_limits{.max_names = 10'000, .max_bytes = 1'048'576};

ProbeError lookup_failure(const LookupError& error) {
    if (error.code == LookupErrorCode::nxdomain) {
        return {.code = ProbeErrorCode::nxdomain};
    }
    return {.code = ProbeErrorCode::lookup_failed, .lookup = error};
}

}  // namespace

Probe::Probe(Loop& loop, ProbeOptions options, ResolveHost resolve, OnOutcome on_outcome,
             OnDone on_done)
    : loop_(loop),
      options_(std::move(options)),
      resolve_(std::move(resolve)),
      on_outcome_(std::move(on_outcome)),
      on_done_(std::move(on_done)),
      targets_(options_.targets.size()),
      missing_(options_.targets.size()),
      turns_(loop,
             {.places = options_.concurrency,
              .deadline_ms = loop.now_ms() + options_.timeout_ms,
              .limit_ms = options_.node_timeout_ms},
             targets_.size(),
             {.on_turn = [this](std::size_t target) { probe(target); },
              .on_overdue = [this](std::size_t target) { on_overdue(target); }}),
      start_(loop, [this] { start(); }),
      deadline_(loop, [this] { on_deadline(); }) {
    for (std::size_t target = 0; target < targets_.size(); ++target) {
        Host& host = hosts_[options_.targets[target].host];
        host.targets.push_back(target);
        targets_[target].host = &host;
    }
    deadline_.start(options_.timeout_ms);
    start_.start(0);
}

void Probe::start() {
    for (auto& named : hosts_) {
        Host& host = named.second;
        if (const auto literal = parse_ip_address(named.first)) {
            if (literal->family == AF_INET6 && options_.family == AF_INET) {
                on_resolved(host, posix_error(EAFNOSUPPORT));
            } else {
                on_resolved(host, Addresses{*literal});
            }
            continue;
        }
        resolve_(named.first,
                 [this, alive = std::weak_ptr(alive_), &host](const ResolvedHost& resolved) {
                     if (!alive.expired()) {
                         on_resolved(host, resolved);
                         finish_if_done();
                     }
                 });
    }
    finish_if_done();
}

void Probe::on_resolved(Host& host, const ResolvedHost& resolved) {
    if (const auto* const error = std::get_if<LookupError>(&resolved)) {
        for (const std::size_t target : host.targets) {
            turns_.gone();
            settle(target, lookup_failure(*error));
        }
        return;
    }
    host.addresses = std::get<Addresses>(resolved);
    const bool is_enough = options_.depth == ProbeDepth::lookup ||
                           (options_.depth == ProbeDepth::epmd && options_.port != 0);
    for (const std::size_t target : host.targets) {
        if (is_enough) {
            turns_.gone();
            settle(target, std::nullopt);
        } else {
            turns_.ready(target);
        }
    }
}

void Probe::probe(std::size_t target) {
    targets_[target].probe = std::make_unique<NodeProbe>(
        loop_,
        NodeProbeOptions{.name = options_.targets[target].name,
                         .addresses = *targets_[target].host->addresses,
                         .epmd_port = options_.epmd_port,
                         .port = options_.port,
                         .source = options_.source,
                         .depth = options_.depth},
        [this, target](const ProbeOutcome& outcome) { on_probed(target, outcome); });
}

void Probe::on_probed(std::size_t target, const ProbeOutcome& outcome) {
    if (outcome && outcome->code == ProbeErrorCode::not_registered) {
        Host& host = *targets_[target].host;
        targets_[target].unregistered = true;
        if (host.names) {
            on_overdue(target);  // nothing is left to be waited for
        } else if (!host.names_query) {
            list_names(host, targets_[target].probe->addresses());
        }
        return;
    }
    settle(target, outcome);
    turns_.done(target);
    finish_if_done();
}

void Probe::list_names(Host& host, const Addresses& addresses) {
    host.names_query = std::make_unique<EpmdQuery>(
        loop_, addresses, options_.epmd_port, names_limits,
        [this, &host](EpmdOutcome outcome) { on_names(host, std::move(outcome)); });
}

void Probe::on_names(Host& host, EpmdOutcome outcome) {
    std::vector<std::string>& known = host.names.emplace();
    if (auto* names = std::get_if<std::vector<EpmdName>>(&outcome)) {
        names->resize(std::min(names->size(), options_.max_names));
        for (EpmdName& name : *names) {
            known.push_back(std::move(name.name));
        }
    }
    host.names_query.reset();
    for (const std::size_t target : host.targets) {
        if (targets_[target].unregistered && !targets_[target].has_outcome) {
            settle(target, overdue(targets_[target]));
            turns_.done(target);
        }
    }
    finish_if_done();
}

void Probe::on_overdue(std::size_t target) {
    settle(target, overdue(targets_[target]));
    turns_.done(target);
    finish_if_done();
}

void Probe::on_deadline() {
    for (std::size_t target = 0; target < targets_.size(); ++target) {
        if (!targets_[target].has_outcome) {
            settle(target, overdue(targets_[target]));
        }
    }
    turns_.stop();
    finish_if_done();
}

// What a target has come to when its time is over.
ProbeError Probe::overdue(const Target& target) const {
    const Host& host = *target.host;
    if (!host.addresses) {
        return lookup_failure({LookupErrorCode::timeout});
    }
    if (target.unregistered) {
        return {.code = ProbeErrorCode::not_registered,
                .names = host.names.value_or(std::vector<std::string>{})};
    }
    if (!target.probe) {
        return {.code = ProbeErrorCode::not_probed};
    }
    return target.probe->overdue();
}

void Probe::settle(std::size_t target, const ProbeOutcome& outcome) {
    targets_[target].has_outcome = true;
    targets_[target].probe.reset();
    --missing_;
    on_outcome_(target, outcome);
}

// The last thing that a member function does: the callback may destroy this object.
void Probe::finish_if_done() {
    if (missing_ > 0 || !on_done_) {
        return;
    }
    turns_.stop();
    targets_.clear();
    hosts_.clear();
    alive_.reset();
    start_.stop();
    deadline_.stop();
    std::exchange(on_done_, nullptr)();
}

}  // namespace barnacle
