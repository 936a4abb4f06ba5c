// SPDX-License-Identifier: Apache-2.0
//
// What the tests of probes share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "../probe.hpp"
#include "epmd_support.hpp"

namespace barnacle::test {

inline std::string two_bytes(std::size_t number) {
    return {static_cast<char>(number >> 8U), static_cast<char>(number & 0xffU)};
}

// PORT2_RESP for a node of OTP's.
inline std::string port_reply(std::string_view name, std::size_t port,
                              std::string_view extra = "") {
    return std::string("w\0", 2) + two_bytes(port) + std::string("M\0\0\6\0\5", 6) +
           two_bytes(name.size()) + std::string(name) + two_bytes(extra.size()) +
           std::string(extra);
}

// An EPMD that knows these nodes, and answers both requests as OTP's does.
inline EpmdScript knows(const std::map<std::string, std::uint16_t>& nodes) {
    return {.pieces = {}, .answer = [nodes](std::string_view request) -> std::string {
                if (request == std::string_view("\0\1n", 3)) {
                    std::string reply = epmd_header;
                    for (const auto& [name, port] : nodes) {
                        reply += "name " + name + " at port " + std::to_string(port) + "\n";
                    }
                    return reply;
                }
                const auto node = nodes.find(std::string(request.substr(3)));
                return node == nodes.end() ? "w\1" : port_reply(node->first, node->second);
            }};
}

using Outcomes = std::vector<ProbeOutcome>;

inline ProbeOutcome failed(ProbeErrorCode code) {
    return ProbeError{.code = code};
}

inline ProbeOutcome lookup_failed(LookupError error) {
    return ProbeError{.code = ProbeErrorCode::lookup_failed, .lookup = error};
}

inline ProbeOutcome not_registered(std::vector<std::string> names) {
    return ProbeError{.code = ProbeErrorCode::not_registered, .names = std::move(names)};
}

inline ProbeOptions probing(std::vector<ProbeTarget> targets, std::uint16_t epmd_port,
                            std::uint64_t timeout_ms = generous_ms) {
    return {.targets = std::move(targets),
            .epmd_port = epmd_port,
            .port = 0,
            .family = AF_INET,
            .source = std::nullopt,
            .depth = ProbeDepth::port,
            .timeout_ms = timeout_ms,
            .node_timeout_ms = timeout_ms,
            .concurrency = 64,
            .max_names = 16};
}

inline Outcomes probe(Loop& loop, ProbeOptions options,
                      ResolveHost resolve = epmd_test::no_resolver) {
    std::vector<std::optional<ProbeOutcome>> outcomes(options.targets.size());
    bool done = false;
    Probe probe(
        loop, std::move(options), std::move(resolve),
        [&](std::size_t target, const ProbeOutcome& outcome) {
            REQUIRE_FALSE(done);
            REQUIRE_FALSE(outcomes.at(target));
            outcomes[target] = outcome;
        },
        [&] {
            REQUIRE_FALSE(done);
            done = true;
        });
    CHECK_FALSE(done);  // never from within the constructor
    const auto is_done = [&done] { return done; };
    REQUIRE(run_until(loop, is_done, 2 * generous_ms));
    Outcomes result;
    for (const auto& outcome : outcomes) {
        REQUIRE(outcome);
        result.push_back(*outcome);
    }
    return result;
}

}  // namespace barnacle::test
