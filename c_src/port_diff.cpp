// SPDX-License-Identifier: Apache-2.0
#include "port_diff.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "codec.hpp"
#include "diff.hpp"

namespace barnacle {
namespace {

constexpr const char* wanted_term = "names are {Wanted, Listed, Self}, lists of binaries and one";

std::string read_name(Decoder& decoder) {
    auto name = decoder.binary();
    if (!name) {
        throw MalformedTerm(wanted_term);
    }
    return std::move(*name);
}

std::vector<std::string> read_names(Decoder& decoder) {
    const auto length = decoder.list();
    if (!length) {
        throw MalformedTerm(wanted_term);
    }
    std::vector<std::string> names;
    names.reserve(*length);
    for (std::size_t i = 0; i < *length; ++i) {
        names.push_back(read_name(decoder));
    }
    if (*length > 0 && !decoder.list_end()) {
        throw MalformedTerm(wanted_term);
    }
    return names;
}

std::vector<std::string_view> views(const std::vector<std::string>& names) {
    return {names.begin(), names.end()};
}

void encode(Encoder& encoder, const std::vector<std::size_t>& positions) {
    encoder.list(positions, [&encoder](std::size_t position) {
        encoder.integer(static_cast<std::int64_t>(position));
    });
}

}  // namespace

Bytes diff_reply(std::span<const std::uint8_t> names) {
    try {
        Decoder decoder(names);
        if (decoder.tuple() != 3U) {
            throw MalformedTerm(wanted_term);
        }
        const auto wanted = read_names(decoder);
        const auto listed = read_names(decoder);
        const auto self = read_name(decoder);
        if (!decoder.at_end()) {
            throw MalformedTerm(wanted_term);
        }
        const DiffResult result = diff(views(wanted), views(listed), self);
        Encoder encoder;
        encoder.tuple(2).atom("ok").tuple(2);
        encode(encoder, result.connect);
        encode(encoder, result.disconnect);
        return encoder.take();
    } catch (const MalformedTerm& malformed) {
        return encode_error("bad_request", malformed.what());
    }
}

}  // namespace barnacle
