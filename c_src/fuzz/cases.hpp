// SPDX-License-Identifier: Apache-2.0
//
// What the targets of parsers make of an input. test/bed_corpus.erl judges the same by parsers of
// its own, from what outcomes.cpp prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../epmd_names_reply.hpp"
#include "../epmd_port_reply.hpp"
#include "../request.hpp"
#include "targets.hpp"

namespace barnacle::fuzz {

// The term in the bytes, written again. Nothing for what can be read and not be written: improper
// lists, integers of more than 64 bits, atoms that aren't UTF-8; and for terms too deep or with
// bytes behind them. Throws MalformedTerm.
std::optional<std::vector<std::uint8_t>> copy_term(Bytes term);

// A request's bytes.
std::vector<std::uint8_t> encode_request(const Request& request);

struct EpmdNamesCase {
    explicit EpmdNamesCase(Bytes bytes);

    EpmdReplyLimits limits;
    std::uint8_t way = 0;  // of cutting
    Bytes reply;
};
EpmdNamesReply::Outcome read_epmd_names(const EpmdNamesCase& given, std::uint8_t way);

struct EpmdPortCase {
    explicit EpmdPortCase(Bytes bytes);

    std::string name;
    std::uint8_t way = 0;
    Bytes reply;
};
EpmdPortReply::Outcome read_epmd_port(const EpmdPortCase& given, std::uint8_t way);

}  // namespace barnacle::fuzz
