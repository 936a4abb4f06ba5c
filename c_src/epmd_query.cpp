// SPDX-License-Identifier: Apache-2.0
#include "epmd_query.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t max_addresses_tried = 8;
constexpr std::uint64_t connection_attempt_delay_ms = 250;

// The request's length in 2 bytes, then its code: 110, "Get All Registered Names from the EPMD".
constexpr std::string_view names_request = "\x00\x01n"sv;

}  // namespace

EpmdQuery::EpmdQuery(Loop& loop, Addresses addresses, std::uint16_t port, EpmdReplyLimits limits,
                     OnOutcome on_outcome)
    : loop_(loop),
      addresses_(std::move(addresses)),
      port_(port),
      reply_(limits),
      on_outcome_(std::move(on_outcome)),
      next_attempt_(loop, [this] { try_next_address(); }) {
    addresses_.resize(std::min(addresses_.size(), max_addresses_tried));
    next_attempt_.start(0);
}

void EpmdQuery::try_next_address() {
    while (attempts_.size() < addresses_.size()) {
        const std::size_t attempt = attempts_.size();
        attempts_.push_back(std::make_unique<TcpConnection>(
            loop_, TcpConnection::Callbacks{
                       .on_connected = [this, attempt](int error) { on_connected(attempt, error); },
                       .on_bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                       .on_end = [this](int error) { on_end(error); },
                   }));
        const int error_number = attempts_[attempt]->connect(addresses_[attempt], port_);
        if (error_number == 0) {
            if (attempts_.size() < addresses_.size()) {
                next_attempt_.start(connection_attempt_delay_ms);
            }
            return;
        }
        note_error(attempt, error_number);
    }
    const bool all_failed = std::all_of(attempts_.begin(), attempts_.end(),
                                        [](const auto& connection) { return !connection; });
    if (all_failed) {
        finish(EpmdConnectionError{first_errno_});
    }
}

void EpmdQuery::on_connected(std::size_t attempt, int error_number) {
    if (error_number != 0) {
        note_error(attempt, error_number);
        next_attempt_.stop();
        try_next_address();
        return;
    }
    next_attempt_.stop();
    connection_ = std::move(attempts_[attempt]);
    attempts_.clear();
    if (const int failed = connection_->send_and_read(names_request); failed != 0) {
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

void EpmdQuery::note_error(std::size_t attempt, int error_number) {
    attempts_[attempt].reset();
    if (first_errno_ == 0 || attempt < first_failed_) {
        first_errno_ = error_number;
        first_failed_ = attempt;
    }
}

// The last thing that any member function does: the callback may destroy this object.
void EpmdQuery::finish(EpmdOutcome outcome) {
    connection_.reset();
    const OnOutcome on_outcome = std::move(on_outcome_);
    on_outcome(std::move(outcome));
}

}  // namespace barnacle
