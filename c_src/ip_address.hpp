// SPDX-License-Identifier: Apache-2.0
// IP addresses, one type for both families: read from text, written as text, handed to sockets.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace barnacle {

// An address in network byte order. An IPv4 address uses the first four bytes, the rest are zero,
// so that comparing the members compares the addresses.
struct IpAddress {
    int family = AF_UNSPEC;  // AF_INET or AF_INET6
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] std::size_t size_bytes() const { return family == AF_INET ? 4 : 16; }

    // By family, then by bytes: IPv4 before IPv6.
    friend bool operator<(const IpAddress& left, const IpAddress& right) {
        return std::tie(left.family, left.bytes) < std::tie(right.family, right.bytes);
    }
    friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// The address that `text` is: four decimal numbers with dots between, or IPv6 as RFC 4291 section
// 2.2 writes it. Nothing for everything else: forms like `127.1`, leading zeros, brackets, a zone
// (`fe80::1%eth0`), spaces round it.
std::optional<IpAddress> parse_ip_address(std::string_view text);

// The address in `bytes` (network order); nothing unless there are 4 of them or 16.
std::optional<IpAddress> ip_address_from_bytes(std::span<const std::uint8_t> bytes);

// The address of a socket address; nothing for families other than AF_INET and AF_INET6.
std::optional<IpAddress> ip_address_from_sockaddr(const sockaddr& address);

// Dotted decimal, or the canonical form of RFC 5952.
std::string to_text(const IpAddress& address);

// The socket address for `address` and `port` (host order). An address of no family gives a
// socket address of no family (AF_UNSPEC), which every socket call refuses.
sockaddr_storage to_sockaddr(const IpAddress& address, std::uint16_t port);

}  // namespace barnacle
