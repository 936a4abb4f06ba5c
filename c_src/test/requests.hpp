// SPDX-License-Identifier: Apache-2.0
//
// Requests for tests, written byte by byte where they have to be wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../codec.hpp"

namespace barnacle::test {

using RequestBytes = std::vector<std::uint8_t>;

// A term's bytes without the version byte.
inline RequestBytes bare(Encoder encoder) {
    RequestBytes bytes = encoder.take();
    bytes.erase(bytes.begin());
    return bytes;
}

inline RequestBytes integer(std::int64_t value) {
    return bare(Encoder().integer(value));
}
inline RequestBytes atom(std::string_view name) {
    return bare(Encoder().atom(name));
}
inline RequestBytes binary(std::string_view value) {
    return bare(Encoder().binary(value));
}
inline RequestBytes binaries(const std::vector<std::string>& values) {
    Encoder encoder;
    encoder.list(values, [&encoder](const std::string& value) { encoder.binary(value); });
    return bare(std::move(encoder));
}

// [{Name, Host}]
inline RequestBytes targets(const std::vector<std::pair<std::string, std::string>>& values) {
    Encoder encoder;
    encoder.list(values, [&encoder](const auto& value) {
        encoder.tuple(2).binary(value.first).binary(value.second);
    });
    return bare(std::move(encoder));
}

// {Operation, #{Key => Value}}
struct RequestMap {
    std::string operation;
    std::vector<std::pair<std::string, RequestBytes>> pairs;

    [[nodiscard]] bool has(std::string_view key) const {
        return std::any_of(pairs.begin(), pairs.end(),
                           [key](const auto& pair) { return pair.first == key; });
    }

    [[nodiscard]] RequestMap without(std::string_view key) const {
        RequestMap other = *this;
        std::erase_if(other.pairs, [key](const auto& pair) { return pair.first == key; });
        return other;
    }

    [[nodiscard]] RequestMap with(std::string_view key, const RequestBytes& value) const {
        RequestMap other = without(key);
        other.pairs.emplace_back(key, value);
        return other;
    }

    [[nodiscard]] RequestBytes bytes() const {
        RequestBytes bytes = Encoder().tuple(2).atom(operation).map(pairs.size()).take();
        for (const auto& [key, value] : pairs) {
            const RequestBytes name = atom(key);
            bytes.insert(bytes.end(), name.begin(), name.end());
            bytes.insert(bytes.end(), value.begin(), value.end());
        }
        return bytes;
    }
};

inline RequestMap dns_request() {
    return {"dns",
            {{"name", binary("service.example")},
             {"timeout_ms", integer(86'400'000)},
             {"grace_ms", integer(0)},
             {"families", atom("both")},
             {"nameservers", binaries({"10.0.0.2", "10.0.0.2:53", "[::1]:5353"})},
             {"max_addresses", integer(2'147'483'647)},
             {"truncated", binaries({"service.example"})}}};
}

inline RequestMap resolve_request() {
    return {"resolve",
            {{"hosts", binaries({"a.example", "not a name"})},
             {"family", atom("inet6")},
             {"timeout_ms", integer(1000)},
             {"nameservers", binaries({})},
             {"concurrency", integer(64)}}};
}

inline RequestMap epmd_names_request() {
    return {"epmd_names",
            {{"hosts", binaries({"127.0.0.1"})},
             {"port", integer(65'535)},
             {"timeout_ms", integer(1)},
             {"nameservers", binaries({"127.0.0.1"})},
             {"concurrency", integer(3)},
             {"max_names", integer(4)},
             {"max_bytes", integer(5)}}};
}

inline RequestMap probe_request() {
    return {"probe",
            {{"targets", targets({{"app", "127.0.0.2"}, {"app", "not a name"}})},
             {"epmd_port", integer(4369)},
             {"port", integer(0)},
             {"family", atom("inet")},
             {"source", binary("127.0.0.3")},
             {"depth", atom("epmd")},
             {"node_timeout_ms", integer(2)},
             {"timeout_ms", integer(1)},
             {"nameservers", binaries({"127.0.0.1"})},
             {"concurrency", integer(3)},
             {"max_names", integer(4)}}};
}

}  // namespace barnacle::test
