// SPDX-License-Identifier: Apache-2.0
#include "node_probe.hpp"

#include <cerrno>
#include <utility>
#include <variant>

namespace barnacle {

namespace {

// Of a connect that failed: `refused` and `silent` say the same for the port that it was to.
ProbeError connect_error(int posix_errno, ProbeErrorCode refused, ProbeErrorCode silent) {
    switch (posix_errno) {
        case ECONNREFUSED:
            return {.code = refused};
        case ETIMEDOUT:
            return {.code = silent};
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENETUNREACH:
        case ENETDOWN:
            return {.code = ProbeErrorCode::host_unreachable};
        default:
            return {.code = ProbeErrorCode::posix, .posix_errno = posix_errno};
    }
}

}  // namespace

NodeProbe::NodeProbe(Loop& loop, NodeProbeOptions options, OnOutcome on_outcome)
    : loop_(loop),
      options_(std::move(options)),
      on_outcome_(std::move(on_outcome)),
      reply_(options_.name) {
    if (options_.port == 0) {
        ask_epmd();
    } else {
        connect_to_port(options_.port);
    }
}

ProbeError NodeProbe::overdue() const {
    switch (stage_) {
        case Stage::epmd_reply:
            return {.code = ProbeErrorCode::epmd_timeout};
        case Stage::port_connect:
            return {.code = options_.port == 0 ? ProbeErrorCode::port_silent
                                               : ProbeErrorCode::host_silent};
        default:
            return {.code = ProbeErrorCode::host_silent};
    }
}

void NodeProbe::ask_epmd() {
    connector_.emplace(
        loop_, options_.addresses, options_.epmd_port, std::nullopt,
        Connector::Callbacks{
            .on_connected = [this](IpAddress address) { on_epmd_connected(address); },
            .on_failed =
                [this](int error) {
                    finish(connect_error(error, ProbeErrorCode::epmd_refused,
                                         ProbeErrorCode::host_silent));
                },
            .on_bytes = [this](std::string_view bytes) { on_epmd_bytes(bytes); },
            .on_end = [this](int) { finish(ProbeError{.code = ProbeErrorCode::epmd_bad_reply}); },
        });
}

void NodeProbe::on_epmd_connected(const IpAddress& address) {
    stage_ = Stage::epmd_reply;
    options_.addresses = {address};
    const std::string request = epmd_port_request(options_.name);
    if (connector_->send_and_read(request) != 0) {
        finish(ProbeError{.code = ProbeErrorCode::epmd_bad_reply});
    }
}

void NodeProbe::on_epmd_bytes(std::string_view bytes) {
    const EpmdPortReply::Outcome reply = reply_.feed(bytes);
    if (std::holds_alternative<EpmdReplyError>(reply)) {
        finish(ProbeError{.code = ProbeErrorCode::epmd_bad_reply});
    } else if (std::holds_alternative<EpmdNotRegistered>(reply)) {
        finish(ProbeError{.code = ProbeErrorCode::not_registered});
    } else if (const auto* const known = std::get_if<EpmdPort>(&reply)) {
        if (options_.depth == ProbeDepth::port) {
            connect_to_port(known->port);
        } else {
            finish(std::nullopt);
        }
    }
}

void NodeProbe::connect_to_port(std::uint16_t port) {
    stage_ = Stage::port_connect;
    const ProbeErrorCode silent = overdue().code;
    connector_.emplace(
        loop_, options_.addresses, port, options_.source,
        Connector::Callbacks{
            .on_connected = [this](IpAddress) { finish(std::nullopt); },
            .on_failed =
                [this, silent](int error) {
                    finish(connect_error(error, ProbeErrorCode::port_refused, silent));
                },
            .on_bytes = [](std::string_view) {},
            .on_end = [](int) {},
        });
}

// The last thing that any member function does: the callback may destroy this object.
void NodeProbe::finish(ProbeOutcome outcome) {
    connector_.reset();
    const OnOutcome on_outcome = std::move(on_outcome_);
    on_outcome(std::move(outcome));
}

}  // namespace barnacle
