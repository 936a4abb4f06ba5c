// SPDX-License-Identifier: Apache-2.0
//
// What the tests of operations share.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <poll.h>

#include "../codec.hpp"
#include "../reply.hpp"
#include "barnacle_core.hpp"
#include "dns_server.hpp"
#include "requests.hpp"
#include "support.hpp"

namespace barnacle::test {

inline std::string text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string text(Encoder& encoder) {
    return text(encoder.take());
}

inline std::string error_text(std::string_view reason) {
    return text(barnacle::encode_error(reason));
}

inline RequestBytes silent_dns(const DnsServer& server, std::int64_t timeout_ms) {
    return dns_request()
        .with("name", binary("service.example."))
        .with("timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({server.nameserver()}))
        .bytes();
}

inline std::vector<DnsReply> silence(const DnsRequest&) {
    return {};
}

// Steps as a shell does, waiting on the operation's descriptor; the servers' loop runs beside it.
// The reply, "not done" when the limit passes or `enough` says so, "no step" when `next` has none.
inline std::string drive_with(const std::function<std::optional<barnacle::Step>()>& next,
                              Operation& operation, Loop& servers,
                              const std::function<bool()>& enough) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(generous_ms);
    while (Clock::now() < end && !enough()) {
        const std::optional<barnacle::Step> step = next();
        if (!step) {
            return "no step";
        }
        if (step->done) {
            return text(operation.reply());
        }
        servers.run_nowait();
        int wait = step->wait_ms;
        if (const int due = servers.next_timeout_ms(); servers.alive() && due >= 0) {
            wait = wait < 0 || due < wait ? due : wait;
        }
        pollfd descriptors[] = {{.fd = operation.fd(), .events = POLLIN, .revents = 0},
                                {.fd = servers.fd(), .events = POLLIN, .revents = 0}};
        ::poll(descriptors, 2, wait < 0 || wait > 100 ? 100 : wait);
    }
    return "not done";
}

inline std::string drive(
    Operation& operation, Loop& servers,
    const std::function<bool()>& enough = [] { return false; }) {
    return drive_with([&operation] { return operation.step(); }, operation, servers, enough);
}

inline std::string drive_briefly(Operation& operation, Loop& servers) {
    return drive_with([&operation] { return operation.brief_step(); }, operation, servers,
                      [] { return false; });
}

// What libuv and c-ares open once in a process.
inline void warm_up() {
    REQUIRE(barnacle::prepare_process() == 0);
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, 1));
    drive(*operation, servers);
}

}  // namespace barnacle::test
