// SPDX-License-Identifier: Apache-2.0
#include "connector.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

namespace {

constexpr std::size_t max_addresses_tried = 8;
constexpr std::uint64_t connection_attempt_delay_ms = 250;

}  // namespace

Connector::Connector(Loop& loop, Addresses addresses, std::uint16_t port,
                     const std::optional<IpAddress>& source, Callbacks callbacks)
    : loop_(loop),
      addresses_(std::move(addresses)),
      port_(port),
      source_(source),
      callbacks_(std::move(callbacks)),
      next_attempt_(loop, [this] { try_next_address(); }) {
    addresses_.resize(std::min(addresses_.size(), max_addresses_tried));
    next_attempt_.start(0);
}

void Connector::try_next_address() {
    while (attempts_.size() < addresses_.size()) {
        const std::size_t attempt = attempts_.size();
        attempts_.push_back(std::make_unique<TcpConnection>(
            loop_, TcpConnection::Callbacks{
                       .on_connected = [this, attempt](int error) { on_attempt(attempt, error); },
                       .on_bytes = callbacks_.on_bytes,
                       .on_end = callbacks_.on_end,
                   }));
        const int error_number = attempts_[attempt]->connect(addresses_[attempt], port_, source_);
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
        const auto on_failed = std::move(callbacks_.on_failed);
        on_failed(first_errno_);  // may end this object
    }
}

void Connector::on_attempt(std::size_t attempt, int error_number) {
    next_attempt_.stop();
    if (error_number != 0) {
        note_error(attempt, error_number);
        try_next_address();
        return;
    }
    connection_ = std::move(attempts_[attempt]);
    attempts_.clear();
    const auto on_connected = std::move(callbacks_.on_connected);
    on_connected(addresses_[attempt]);  // may end this object
}

void Connector::note_error(std::size_t attempt, int error_number) {
    attempts_[attempt].reset();
    if (first_errno_ == 0 || attempt < first_failed_) {
        first_errno_ = error_number;
        first_failed_ = attempt;
    }
}

}  // namespace barnacle
