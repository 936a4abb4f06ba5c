// SPDX-License-Identifier: Apache-2.0
// EPMD's reply to PORT_PLEASE2_REQ: the same in any pieces, and what its rules say.
#include "../epmd_port_reply.hpp"

#include "cases.hpp"

namespace barnacle::fuzz {
namespace {

using Outcome = EpmdPortReply::Outcome;

// The rules of epmd_port_reply.hpp for so many bytes as are there.
Outcome plainly(const std::string& name, Bytes reply) {
    const auto number = [reply](std::size_t at) { return reply[at] * 256U + reply[at + 1]; };
    const std::size_t behind_name = 12 + name.size();
    if (!reply.empty() && reply[0] != 119) {
        return EpmdReplyError::bad_reply;
    }
    if (reply.size() >= 2 && reply[1] != 0) {
        return EpmdNotRegistered{};
    }
    if (reply.size() >= 12 && number(10) != name.size()) {
        return EpmdReplyError::bad_reply;
    }
    if (reply.size() < behind_name + 2) {
        return EpmdPortReply::Unfinished{};
    }
    if (number(2) == 0 || text(reply.subspan(12, name.size())) != name) {
        return EpmdReplyError::bad_reply;
    }
    if (reply.size() < behind_name + 2 + number(behind_name)) {
        return EpmdPortReply::Unfinished{};
    }
    return EpmdPort{static_cast<std::uint16_t>(number(2))};
}

bool same(const Outcome& left, const Outcome& right) {
    const auto* const port = std::get_if<EpmdPort>(&left);
    return left.index() == right.index() && (port == nullptr || *port == std::get<EpmdPort>(right));
}

}  // namespace

EpmdPortCase::EpmdPortCase(Bytes bytes) {
    Input input(bytes);
    way = input.byte();
    name = text(input.take(input.byte()));
    reply = input.rest();
}

Outcome read_epmd_port(const EpmdPortCase& given, std::uint8_t way) {
    EpmdPortReply parser(given.name);
    Outcome outcome;
    Cuts(way).each(given.reply, [&](Bytes piece) {
        outcome = parser.feed(text(piece));
        return std::holds_alternative<EpmdPortReply::Unfinished>(outcome);
    });
    return outcome;
}

void run_epmd_port(Bytes input) {
    const EpmdPortCase given(input);
    const Outcome whole = read_epmd_port(given, 0);
    require(same(read_epmd_port(given, 1), whole), "byte by byte a reply says the same");
    require(same(read_epmd_port(given, given.way), whole), "in pieces a reply says the same");
    require(same(plainly(given.name, given.reply), whole),
            "a reply says what the rules have it say");
    const std::string request = epmd_port_request(given.name);
    require(request.size() == 3 + given.name.size() && request.ends_with(given.name) &&
                static_cast<unsigned char>(request[0]) * 256U +
                        static_cast<unsigned char>(request[1]) ==
                    1 + given.name.size(),
            "a request has its length before it");
}

}  // namespace barnacle::fuzz
