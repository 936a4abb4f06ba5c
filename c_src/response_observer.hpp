// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dns_response.hpp"

namespace barnacle {

// Reads along on the sockets of one query, whose responses c-ares keeps to itself.
//
//  1. A datagram counts if it has the id of one that was sent, and everything counts if it has the
//     question of the query: what c-ares takes is among that.
//  2. No message is held back or changed.
class ResponseObserver {
 public:
    // `name` is the queried one, `family` AF_INET for A records, AF_INET6 for AAAA.
    ResponseObserver(std::string name, int family) : name_(std::move(name)), family_(family) {}

    // A stream carries messages with their length in front (RFC 1035 section 4.2.2).
    void stream_opened(int fd) { streams_[fd].clear(); }
    void closed(int fd) { streams_.erase(fd); }

    void sent(int fd, std::span<const std::uint8_t> bytes);
    void received(int fd, std::span<const std::uint8_t> bytes);

    // The latest response; one over a stream that is truncated has that doubt.
    [[nodiscard]] const std::optional<DnsResponse>& latest() const { return latest_; }

    // Whether a response has the address as one of the queried name. c-ares 1.34 reads several
    // datagrams and then takes the first, which need not be the latest response.
    [[nodiscard]] bool has_address(const IpAddress& address) const {
        return addresses_.contains(address);
    }

    // Whether a datagram was truncated, or should have been (1.18 then queries over TCP, too).
    [[nodiscard]] bool was_truncated() const { return was_truncated_; }

 private:
    void read(std::span<const std::uint8_t> message, bool is_datagram);

    std::string name_;
    int family_;
    std::vector<std::uint16_t> ids_;
    std::map<int, std::vector<std::uint8_t>> streams_;  // what of each is not read yet
    std::optional<DnsResponse> latest_;
    std::set<IpAddress> addresses_;  // of the latest response, and of earlier ones if they are few
    bool was_truncated_ = false;
};

}  // namespace barnacle
