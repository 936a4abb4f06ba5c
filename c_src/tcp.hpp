// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "ip_address.hpp"
#include "loop.hpp"

namespace barnacle {

// A TCP connection to somebody.
//
//  1. The callbacks are called by the loop, never from within a member function: first
//     on_connected, then on_bytes any number of times, then on_end once, after which nothing comes.
//     A failed connect calls on_connected alone.
//  2. The connection may be destroyed in each of them and at any other time: that closes the socket
//     at once, and no callback is called any more.
class TcpConnection {
 public:
    struct Callbacks {
        std::function<void(int error_number)> on_connected;  // 0, or a positive errno
        std::function<void(std::string_view bytes)> on_bytes;
        std::function<void(int error_number)> on_end;  // 0 when the peer ended it in order
    };

    TcpConnection(Loop& loop, Callbacks callbacks);

    // Starts to connect, from the address `source` where there is one; called once. A positive
    // errno when that fails at once, else 0.
    [[nodiscard]] int connect(const IpAddress& address, std::uint16_t port,
                              const std::optional<IpAddress>& source = std::nullopt);

    // After on_connected(0): sends `bytes` in one go and starts to read. For a few bytes, which the
    // socket's empty buffer always has room for. A positive errno when it has not, else 0.
    [[nodiscard]] int send_and_read(std::string_view bytes);

 private:
    static constexpr std::size_t buffer_size_bytes = 4096;

    struct Block {
        explicit Block(Callbacks functions) : callbacks(std::move(functions)) {}
        uv_tcp_t handle{};
        uv_connect_t request{};
        Callbacks callbacks;
        std::array<char, buffer_size_bytes> buffer;  // NOLINT(*-member-init): written before read
    };

    static void on_connect(uv_connect_t* request, int status);
    static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);

    HandlePtr<Block> block_;
};

}  // namespace barnacle
