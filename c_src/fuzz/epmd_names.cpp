// SPDX-License-Identifier: Apache-2.0
// EPMD's reply to NAMES_REQ: the same in any pieces, and as the rules in epmd_names_reply.hpp have
// it, followed here as plainly as possible over the whole reply.
#include "../epmd_names_reply.hpp"

#include <algorithm>
#include <set>

#include "cases.hpp"

namespace barnacle::fuzz {
namespace {

constexpr std::size_t unlimited = 1'000'000;
constexpr std::size_t longest_line = 5 + 255 + 9 + 5;  // "name ", Name, " at port ", Port

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts{""};
    for (const char c : text) {
        if (c == separator) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

bool plain_name(const std::string& name) {
    return !name.empty() && name.size() <= 255 &&
           std::ranges::all_of(name, [](char c) { return c > 32 && c < 127 && c != '@'; });
}

// 0 for what is no port.
unsigned plain_port(const std::string& port) {
    unsigned value = 0;
    for (const char digit : port) {
        if (digit < '0' || digit > '9' || value > 6553) {
            return 0;
        }
        value = 10 * value + static_cast<unsigned>(digit - '0');
    }
    return port.empty() || port.front() == '0' || value > 65'535 ? 0 : value;
}

EpmdNamesReply::Outcome plainly(const EpmdNamesCase& given) {
    const std::string bytes(
        text(given.reply.first(std::min(given.reply.size(), given.limits.max_bytes))));
    const bool cut = bytes.size() < given.reply.size();
    if (bytes.size() < 4) {
        return cut ? EpmdReplyError::too_long : EpmdReplyError::bad_reply;
    }
    if (bytes[0] != 0 || bytes[1] != 0 || (bytes[2] == 0 && bytes[3] == 0)) {
        return EpmdReplyError::bad_reply;
    }
    std::vector<std::string> lines = split(bytes.substr(4), '\n');
    const std::string last = lines.back();
    lines.pop_back();
    std::vector<EpmdName> names;
    std::set<std::string> seen;
    for (const std::string& line : lines) {
        const std::vector<std::string> words = split(line, ' ');
        if (words.size() != 5 || words[0] != "name" || !plain_name(words[1]) || words[2] != "at" ||
            words[3] != "port" || plain_port(words[4]) == 0) {
            return EpmdReplyError::bad_reply;
        }
        if (names.size() == given.limits.max_names) {
            return EpmdReplyError::too_long;
        }
        names.push_back({words[1], static_cast<std::uint16_t>(plain_port(words[4]))});
        seen.insert(words[1]);
    }
    if (last.size() > longest_line) {
        return EpmdReplyError::bad_reply;
    }
    if (cut) {
        return EpmdReplyError::too_long;
    }
    if (!last.empty() || seen.size() < names.size()) {
        return EpmdReplyError::bad_reply;
    }
    return names;
}

}  // namespace

EpmdNamesCase::EpmdNamesCase(Bytes bytes) {
    Input input(bytes);
    limits.max_names = input.byte();
    limits.max_bytes = input.byte();
    if (limits.max_bytes == 255) {
        limits.max_bytes = unlimited;
    }
    way = input.byte();
    reply = input.rest();
}

EpmdNamesReply::Outcome read_epmd_names(const EpmdNamesCase& given, std::uint8_t way) {
    EpmdNamesReply parser(given.limits);
    Cuts(way).each(given.reply, [&](Bytes piece) {
        const bool failed = parser.error().has_value();
        const bool more = parser.feed(text(piece));
        require(more == !parser.error(), "feed() says whether the reply has failed");
        require(!failed || !more, "a reply that has failed stays so");
        return true;
    });
    return parser.finish();
}

void run_epmd_names(Bytes input) {
    const EpmdNamesCase given(input);
    const EpmdNamesReply::Outcome whole = read_epmd_names(given, 0);
    require(read_epmd_names(given, 1) == whole, "byte by byte a reply says the same");
    require(read_epmd_names(given, given.way) == whole, "in pieces a reply says the same");
    require(plainly(given) == whole, "a reply says what the rules have it say");
}

}  // namespace barnacle::fuzz
