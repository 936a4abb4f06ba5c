// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "ip_address.hpp"
#include "loop.hpp"
#include "outcome.hpp"
#include "tcp.hpp"

namespace barnacle {

// One TCP connection to a host that may have several addresses: the next one is tried when one
// failed, and beside it when it has not connected after 250 ms (the Connection Attempt Delay of RFC
// 8305 section 5). The first that connects stays, the others are given up.
//
//  1. The callbacks are called by the loop, never from within a member function: first on_connected
//     or on_failed, once; after on_connected those of TcpConnection. The Connector may be destroyed
//     in each of them.
//  2. There is no deadline here: a host that says nothing is waited for until the Connector is
//     destroyed, which is allowed at any time and ends all connections at once.
class Connector {
 public:
    struct Callbacks {
        std::function<void(IpAddress address)> on_connected;
        std::function<void(int error_number)> on_failed;  // the first address's positive errno
        std::function<void(std::string_view bytes)> on_bytes;
        std::function<void(int error_number)> on_end;
    };

    // `addresses` has one at least; of more than 8 the first 8 are tried. `source` as in
    // TcpConnection::connect. Throws std::system_error when the loop cannot take more handles; so
    // may the loop's run.
    Connector(Loop& loop, Addresses addresses, std::uint16_t port,
              const std::optional<IpAddress>& source, Callbacks callbacks);
    Connector(const Connector&) = delete;
    Connector& operator=(const Connector&) = delete;

    // TcpConnection's.
    [[nodiscard]] int send_and_read(std::string_view bytes) {
        return connection_->send_and_read(bytes);
    }

 private:
    // One for each address tried, in their order; empty when it failed.
    using Attempts = std::vector<std::unique_ptr<TcpConnection>>;

    void try_next_address();
    void on_attempt(std::size_t attempt, int error_number);
    void note_error(std::size_t attempt, int error_number);

    Loop& loop_;
    Addresses addresses_;
    std::uint16_t port_;
    std::optional<IpAddress> source_;
    Callbacks callbacks_;
    Attempts attempts_;
    std::unique_ptr<TcpConnection> connection_;  // the one that stayed
    int first_errno_ = 0;
    std::size_t first_failed_ = 0;
    Timer next_attempt_;
};

}  // namespace barnacle
