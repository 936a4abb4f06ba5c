// SPDX-License-Identifier: Apache-2.0
// Any bytes as a term: what can be read and written comes back as it was.
#include "../codec.hpp"

#include "cases.hpp"

namespace barnacle::fuzz {
namespace {

constexpr int max_depth = 100;  // of terms; requests have 4

bool copy(Decoder& from, Encoder& to, int depth);

bool copy_elements(Decoder& from, Encoder& to, std::size_t count, int depth) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!copy(from, to, depth)) {
            return false;
        }
    }
    return true;
}

bool copy_list(Decoder& from, Encoder& to, std::size_t length, int depth) {
    bool copied = true;
    // No longer than the input, or the decoder had refused it.
    to.list(std::string(length, ' '), [&](char) { copied = copied && copy(from, to, depth); });
    return copied && (length == 0 || from.list_end());
}

bool copy_atom(const std::string& name, Encoder& to) {
    try {
        to.atom(name);
        return true;
    } catch (const MalformedTerm&) {
        return false;  // not UTF-8
    }
}

bool copy(Decoder& from, Encoder& to, int depth) {
    if (depth == 0) {
        return false;
    }
    require(!from.describe().empty(), "every term has a description");
    if (const auto arity = from.tuple()) {
        to.tuple(*arity);
        return copy_elements(from, to, *arity, depth - 1);
    }
    if (const auto pairs = from.map()) {
        to.map(*pairs);
        return copy_elements(from, to, 2 * *pairs, depth - 1);
    }
    if (const auto length = from.list()) {
        return copy_list(from, to, *length, depth - 1);
    }
    if (const auto bytes = from.string()) {
        to.list(*bytes, [&to](char byte) { to.integer(static_cast<unsigned char>(byte)); });
        return true;
    }
    if (const auto name = from.atom()) {
        return copy_atom(*name, to);
    }
    if (const auto bytes = from.binary()) {
        to.binary(*bytes);
        return true;
    }
    if (const auto value = from.integer()) {
        to.integer(*value);
        return true;
    }
    return false;
}

}  // namespace

std::optional<std::vector<std::uint8_t>> copy_term(Bytes term) {
    Decoder from(term);
    Encoder to;
    const bool copied = copy(from, to, max_depth);
    if (!from.at_end()) {
        // What comes next is looked at, for a reader that has gone past the end. The sanitizers
        // don't see ei do so.
        try {
            require(!from.describe().empty(), "what is left of a term has a description");
        } catch (const MalformedTerm&) {
            return std::nullopt;
        }
        return std::nullopt;
    }
    if (!copied) {
        return std::nullopt;
    }
    return to.take();
}

void run_codec(Bytes input) {
    std::optional<std::vector<std::uint8_t>> once;
    try {
        once = copy_term(input);
    } catch (const MalformedTerm&) {
        return;
    }
    if (once) {
        require(copy_term(*once) == once, "what the encoder wrote reads as what was written");
    }
}

}  // namespace barnacle::fuzz
