// SPDX-License-Identifier: Apache-2.0
#include "ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace barnacle {

std::optional<IpAddress> parse_ip_address(std::string_view text) {
    // inet_pton reads up to a zero byte: one inside the text would hide what follows it.
    if (text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    const std::string terminated(text);
    IpAddress address;
    address.family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
    if (inet_pton(address.family, terminated.c_str(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

std::optional<IpAddress> ip_address_from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() != 4 && bytes.size() != 16) {
        return std::nullopt;
    }
    IpAddress address;
    address.family = bytes.size() == 4 ? AF_INET : AF_INET6;
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address;
}

std::optional<IpAddress> ip_address_from_sockaddr(const sockaddr& address) {
    IpAddress result;
    result.family = address.sa_family;
    if (address.sa_family == AF_INET) {
        sockaddr_in ipv4{};
        std::memcpy(&ipv4, &address, sizeof ipv4);
        std::memcpy(result.bytes.data(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
        return result;
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 ipv6{};
        std::memcpy(&ipv6, &address, sizeof ipv6);
        std::memcpy(result.bytes.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
        return result;
    }
    return std::nullopt;
}

std::string to_text(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(address.family, address.bytes.data(), text.data(), text.size()) == nullptr) {
        return {};
    }
    return text.data();
}

sockaddr_storage to_sockaddr(const IpAddress& address, std::uint16_t port) {
    sockaddr_storage storage{};
    if (address.family == AF_INET) {
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(port);
        std::memcpy(&ipv4.sin_addr, address.bytes.data(), sizeof ipv4.sin_addr);
        std::memcpy(&storage, &ipv4, sizeof ipv4);
    } else if (address.family == AF_INET6) {
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = htons(port);
        std::memcpy(&ipv6.sin6_addr, address.bytes.data(), sizeof ipv6.sin6_addr);
        std::memcpy(&storage, &ipv6, sizeof ipv6);
    }
    return storage;
}

}  // namespace barnacle
