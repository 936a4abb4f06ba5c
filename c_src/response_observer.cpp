// SPDX-License-Identifier: Apache-2.0
#include "response_observer.hpp"

#include <algorithm>
#include <utility>

namespace barnacle {

namespace {

constexpr std::size_t many_addresses = 10'000;

std::size_t number16(std::span<const std::uint8_t> bytes) {
    return (static_cast<std::size_t>(bytes[0]) << 8U) | bytes[1];
}

}  // namespace

void ResponseObserver::sent(int fd, std::span<const std::uint8_t> bytes) {
    if (bytes.size() >= 2 && !streams_.contains(fd)) {
        ids_.push_back(static_cast<std::uint16_t>(number16(bytes)));
    }
}

void ResponseObserver::received(int fd, std::span<const std::uint8_t> bytes) {
    const auto stream = streams_.find(fd);
    if (stream == streams_.end()) {
        read(bytes, true);
        return;
    }
    std::vector<std::uint8_t>& unread = stream->second;
    unread.insert(unread.end(), bytes.begin(), bytes.end());
    std::span<const std::uint8_t> left{unread};
    while (left.size() >= 2 && left.size() - 2 >= number16(left)) {
        read(left.subspan(2, number16(left)), false);
        left = left.subspan(2 + number16(left));
    }
    unread.erase(unread.begin(), unread.end() - static_cast<std::ptrdiff_t>(left.size()));
}

void ResponseObserver::read(std::span<const std::uint8_t> message, bool is_datagram) {
    auto response = read_dns_response(message, name_, family_);
    if (!response || (is_datagram && std::ranges::find(ids_, response->id) == ids_.end())) {
        return;
    }
    if (is_datagram) {
        was_truncated_ =
            was_truncated_ || response->truncated || message.size() > max_plain_udp_bytes;
    } else if (response->truncated) {
        response->doubts.add(Doubt::truncated);
    }
    if (addresses_.size() > many_addresses) {
        addresses_.clear();
    }
    addresses_.insert(response->addresses.begin(), response->addresses.end());
    latest_ = std::move(response);
}

}  // namespace barnacle
