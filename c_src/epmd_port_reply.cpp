// SPDX-License-Identifier: Apache-2.0
#include "epmd_port_reply.hpp"

#include <algorithm>

namespace barnacle {

namespace {

constexpr unsigned char port_please2_req = 122;
constexpr char port2_resp = 119;

// Where the fields of a reply are.
constexpr std::size_t result_offset = 1;
constexpr std::size_t port_offset = 2;
constexpr std::size_t name_length_offset = 10;
constexpr std::size_t name_offset = 12;
constexpr std::size_t length_size_bytes = 2;
constexpr std::size_t refusal_size_bytes = 2;  // what comes of a node that isn't known

}  // namespace

std::string epmd_port_request(std::string_view name) {
    const std::size_t length = 1 + name.size();
    std::string request{static_cast<char>(length >> 8U), static_cast<char>(length & 0xffU),
                        static_cast<char>(port_please2_req)};
    return request.append(name);
}

EpmdPortReply::Outcome EpmdPortReply::feed(std::string_view bytes) {
    const std::size_t head_size = name_offset + name_.size() + length_size_bytes;
    const std::size_t taken = std::min(bytes.size(), head_size - head_.size());
    head_.append(bytes.substr(0, taken));
    extra_bytes_ += bytes.size() - taken;
    return outcome();
}

EpmdPortReply::Outcome EpmdPortReply::outcome() const {
    if (!head_.empty() && head_.front() != port2_resp) {
        return EpmdReplyError::bad_reply;
    }
    if (head_.size() < refusal_size_bytes) {
        return Unfinished{};
    }
    if (head_[result_offset] != 0) {
        return EpmdNotRegistered{};
    }
    if (head_.size() >= name_offset && number_at(name_length_offset) != name_.size()) {
        return EpmdReplyError::bad_reply;
    }
    const std::size_t extra_length_offset = name_offset + name_.size();
    if (head_.size() < extra_length_offset + length_size_bytes) {
        return Unfinished{};
    }
    const std::size_t port = number_at(port_offset);
    if (port == 0 || !std::string_view(head_).substr(name_offset).starts_with(name_)) {
        return EpmdReplyError::bad_reply;
    }
    if (extra_bytes_ < number_at(extra_length_offset)) {
        return Unfinished{};
    }
    return EpmdPort{static_cast<std::uint16_t>(port)};
}

std::size_t EpmdPortReply::number_at(std::size_t offset) const {
    return static_cast<std::size_t>(static_cast<unsigned char>(head_[offset])) << 8U |
           static_cast<unsigned char>(head_[offset + 1]);
}

}  // namespace barnacle
