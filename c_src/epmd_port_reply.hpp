// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "epmd_names_reply.hpp"

namespace barnacle {

// PORT_PLEASE2_REQ of the EPMD protocol for the node of that name, which has at most 65,534 bytes:
//
//     Length (2 bytes, the highest first) 122 Name
[[nodiscard]] std::string epmd_port_request(std::string_view name);

// What an EPMD says of a node: its distribution port, or that it doesn't know the node.
struct EpmdPort {
    std::uint16_t port = 0;

    friend bool operator==(const EpmdPort&, const EpmdPort&) = default;
};
struct EpmdNotRegistered {
    friend bool operator==(const EpmdNotRegistered&, const EpmdNotRegistered&) = default;
};

// The reply to PORT_PLEASE2_REQ, PORT2_RESP, read as it arrives:
//
//     Reply = 119 0 Port NodeType Protocol HighestVersion LowestVersion NameLength Name
//             ExtraLength Extra
//           | 119 Result, which isn't 0: no such node
//
// NodeType, Protocol and Result have 1 byte, the other numbers 2, the highest first (Erlang's
// "Distribution Protocol", "Get the Distribution Port of Another Node").
//
//  1. The reply is whole when its last byte is there: an EPMD that keeps the connection open then
//     has answered all the same. What comes after it isn't looked at.
//  2. It is taken whole or not at all. Port is from 1 to 65535, and Name the one asked for: an
//     answer about another node says nothing.
//  3. The outcome depends on the bytes alone, not on how they were cut into pieces. Of Extra
//  nothing
//     is kept.
class EpmdPortReply {
 public:
    // What the bytes so far come to: nothing yet, or the outcome.
    struct Unfinished {};
    using Outcome = std::variant<Unfinished, EpmdPort, EpmdNotRegistered, EpmdReplyError>;

    explicit EpmdPortReply(std::string name) : name_(std::move(name)) {}

    // Takes the next bytes. Not to be called after an outcome.
    [[nodiscard]] Outcome feed(std::string_view bytes);

 private:
    [[nodiscard]] Outcome outcome() const;
    [[nodiscard]] std::size_t number_at(std::size_t offset) const;

    std::string name_;
    std::string head_;             // the bytes before Extra, as far as they are there
    std::size_t extra_bytes_ = 0;  // that came after them
};

}  // namespace barnacle
