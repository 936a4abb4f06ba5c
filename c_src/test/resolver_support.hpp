// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the resolver share.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../lookup.hpp"
#include "dns_server.hpp"
#include "support.hpp"

namespace barnacle::test {

// Longer than run_until waits: a lookup that only ends at this deadline fails its test.
inline constexpr std::uint64_t never_ms = 10ULL * generous_ms;

inline LookupOptions options_for(std::string name, std::vector<std::string> nameservers) {
    LookupOptions options;
    options.name = std::move(name);
    options.timeout_ms = never_ms;
    options.grace_ms = never_ms;
    options.max_addresses = 4096;
    options.configuration.nameservers = std::move(nameservers);
    return options;
}

// How many descriptors are open, with those that libuv keeps from the first loop on.
inline std::size_t descriptors_in_use() {
    (void)Loop().fd();
    return open_descriptors();
}

// Runs the loop so that what should not happen could.
inline void run_for(Loop& loop, int ms) {
    const auto never = [] { return false; };
    run_until(loop, never, ms);
}

// Runs a lookup to its result; the test fails if there is none within the generous limit.
inline LookupResult look_up(Loop& loop, LookupOptions options) {
    std::optional<LookupResult> result;
    int results = 0;
    Lookup lookup(loop, std::move(options), [&](LookupResult got) {
        result = std::move(got);
        ++results;
    });
    lookup.start();
    CHECK_FALSE(result.has_value());
    REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    loop.run_nowait();
    CHECK(results == 1);
    return result.value_or(LookupResult{});
}

// In order, as text; none for an outcome that has none.
inline std::vector<std::string> texts(const Outcome& outcome) {
    std::vector<std::string> result;
    if (const auto* const addresses = std::get_if<Addresses>(&outcome)) {
        std::ranges::transform(*addresses, std::back_inserter(result),
                               [](const IpAddress& address) { return to_text(address); });
    }
    return result;
}

inline std::optional<LookupError> error_in(const Outcome& outcome) {
    const auto* const error = std::get_if<LookupError>(&outcome);
    return error == nullptr ? std::nullopt : std::optional{*error};
}

inline bool is_no_data(const Outcome& outcome) {
    return std::holds_alternative<NoData>(outcome);
}

inline bool is_not_wanted(const Outcome& outcome) {
    return std::holds_alternative<NotWanted>(outcome);
}

inline const LookupError nxdomain{LookupErrorCode::nxdomain};
inline const LookupError timeout{LookupErrorCode::timeout};
inline const LookupError servfail{LookupErrorCode::servfail};
inline const LookupError refused{LookupErrorCode::refused};

inline const DnsScript silence = [](const DnsRequest&) { return std::vector<DnsReply>{}; };

inline DnsScript always(Rcode rcode) {
    return [rcode](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{encode_reply(request, {.rcode = rcode})}};
    };
}

// What `script` says, later.
inline DnsScript late(DnsScript script, std::uint64_t after_ms) {
    return [script = std::move(script), after_ms](const DnsRequest& request) {
        auto replies = script(request);
        for (DnsReply& reply : replies) {
            reply.after_ms = after_ms;
        }
        return replies;
    };
}

// `one` for requests of `type`, `other` for the rest.
inline DnsScript by_type(std::uint16_t type, DnsScript one, DnsScript other) {
    return [type, one = std::move(one), other = std::move(other)](const DnsRequest& request) {
        return request.type == type ? one(request) : other(request);
    };
}

// `one` over TCP, `other` over UDP.
inline DnsScript by_transport(DnsScript tcp, DnsScript udp) {
    return [tcp = std::move(tcp), udp = std::move(udp)](const DnsRequest& request) {
        return request.tcp ? tcp(request) : udp(request);
    };
}

inline const DnsScript truncated = [](const DnsRequest& request) -> std::vector<DnsReply> {
    return {{encode_reply(request, {.truncated = true})}};
};

using Texts = std::vector<std::string>;

}  // namespace barnacle::test
