// SPDX-License-Identifier: Apache-2.0
#include "node_probe.hpp"

#include <cerrno>
#include <utility>
#include <variant>

namespace barnacle {

namespace {

// What a connect that failed says. A reset may come together with the connection, or after it was
// seen: `reset` is what the second comes to, so that it makes no difference.
struct Meanings {
    ProbeErrorCode refused;
    ProbeErrorCode silent;
    ProbeOutcome reset;
};

ProbeOutcome failed_connect(int posix_errno, const Meanings& meanings) {
    switch (posix_errno) {
        case ECONNREFUSED:
            return ProbeError{.code = meanings.refused};
        case ETIMEDOUT:
            return ProbeError{.code = meanings.silent};
        case ECONNRESET:
            return meanings.reset;
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENETUNREACH:
        case ENETDOWN:
            return ProbeError{.code = ProbeErrorCode::host_unreachable};
        default:
            return ProbeError{.code = ProbeErrorCode::posix, .posix_errno = posix_errno};
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
                    finish(failed_connect(
                        error, {.refused = ProbeErrorCode::epmd_refused,
                                .silent = ProbeErrorCode::host_silent,
                                .reset = ProbeError{.code = ProbeErrorCode::epmd_bad_reply}}));
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
                    // What comes of a dial to one who accepts and resets, the dial finds out.
                    finish(failed_connect(error, {.refused = ProbeErrorCode::port_refused,
                                                  .silent = silent,
                                                  .reset = std::nullopt}));
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
