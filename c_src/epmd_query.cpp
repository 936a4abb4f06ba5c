// SPDX-License-Identifier: Apache-2.0
#include "epmd_query.hpp"

#include <utility>

namespace barnacle {

namespace {

using namespace std::string_view_literals;

// The request's length in 2 bytes, then its code: 110, "Get All Registered Names from the EPMD".
constexpr std::string_view names_request = "\x00\x01n"sv;

}  // namespace

EpmdQuery::EpmdQuery(Loop& loop, Addresses addresses, std::uint16_t port, EpmdReplyLimits limits,
                     OnOutcome on_outcome)
    : reply_(limits), on_outcome_(std::move(on_outcome)) {
    connector_.emplace(loop, std::move(addresses), port, std::nullopt,
                       Connector::Callbacks{
                           .on_connected = [this](IpAddress) { on_connected(); },
                           .on_failed = [this](int error) { finish(EpmdConnectionError{error}); },
                           .on_bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                           .on_end = [this](int error) { on_end(error); },
                       });
}

void EpmdQuery::on_connected() {
    if (const int failed = connector_->send_and_read(names_request); failed != 0) {
        finish(EpmdConnectionError{failed});
    }
}

void EpmdQuery::on_bytes(std::string_view bytes) {
    if (!reply_.feed(bytes)) {
        finish(*reply_.error());
    }
}

void EpmdQuery::on_end(int error_number) {
    if (error_number != 0) {
        finish(EpmdConnectionError{error_number});
        return;
    }
    finish(std::visit(
        [](auto&& result) { return EpmdOutcome(std::forward<decltype(result)>(result)); },
        reply_.finish()));
}

// The last thing that any member function does: the callback may destroy this object.
void EpmdQuery::finish(EpmdOutcome outcome) {
    connector_.reset();
    const OnOutcome on_outcome = std::move(on_outcome_);
    on_outcome(std::move(outcome));
}

}  // namespace barnacle
