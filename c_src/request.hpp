// SPDX-License-Identifier: Apache-2.0
//
// Requests, as include/barnacle_core.hpp has their grammar, read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "candidate.hpp"
#include "probe_options.hpp"

namespace barnacle {

struct DnsRequest {
    std::string name;
    std::uint64_t timeout_ms = 0;
    std::uint64_t grace_ms = 0;
    Families families = Families::both;
    std::vector<std::string> nameservers;
    std::size_t max_addresses = 0;
    std::vector<std::string> truncated{};
};

enum class InetFamily : std::uint8_t { inet, inet6 };

struct ResolveRequest {
    std::vector<std::string> hosts;
    InetFamily family = InetFamily::inet;
    std::uint64_t timeout_ms = 0;
    std::vector<std::string> nameservers;
    std::size_t concurrency = 0;
};

struct EpmdNamesRequest {
    std::vector<std::string> hosts;
    std::uint16_t port = 0;
    std::uint64_t timeout_ms = 0;
    std::vector<std::string> nameservers;
    std::size_t concurrency = 0;
    std::size_t max_names = 0;
    std::size_t max_bytes = 0;
};

struct ProbeRequest {
    ProbeOptions options;
    std::vector<std::string> nameservers;
};

using Request = std::variant<DnsRequest, ResolveRequest, EpmdNamesRequest, ProbeRequest>;

// Why a request is refused: thrown by decode_request.
struct Refusal {
    std::string_view reason;  // the atom: "bad_request", "bad_name" or "bad_nameserver"
    std::string text;         // for people: the key, its value, and what it should be
};

// The request in the bytes. Throws Refusal for anything but one whole request with names and name
// servers that can be asked; a host in a list of hosts isn't looked at, for it can't spoil the
// others' results.
[[nodiscard]] Request decode_request(std::span<const std::uint8_t> bytes);

}  // namespace barnacle
