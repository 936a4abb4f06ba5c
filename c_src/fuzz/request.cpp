// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request: an accepted one, written again, is accepted as the same; a refusal can be
// shown to people.
#include "../request.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "../codec.hpp"
#include "../host_name.hpp"
#include "../nameserver.hpp"
#include "cases.hpp"

namespace barnacle::fuzz {
namespace {

constexpr std::int64_t a_day_ms = 86'400'000;
constexpr std::int64_t max_count = 2'147'483'647;

// Writes a request's map, and checks on the way what include/barnacle_core.hpp says of each value.
class Writer {
 public:
    Writer(std::string_view operation, std::size_t pairs) {
        encoder_.tuple(2).atom(operation).map(pairs);
    }

    Writer& number(std::string_view key, std::uint64_t value, std::int64_t low, std::int64_t high) {
        const auto number = static_cast<std::int64_t>(value);
        require(number >= low && number <= high, "an integer is within its limits");
        encoder_.atom(key).integer(number);
        return *this;
    }
    Writer& timeout(std::string_view key, std::uint64_t value) {
        return number(key, value, 1, a_day_ms);
    }
    Writer& count(std::string_view key, std::uint64_t value) {
        return number(key, value, 1, max_count);
    }
    Writer& word(std::string_view key, std::string_view value) {
        encoder_.atom(key).atom(value);
        return *this;
    }
    Writer& binary(std::string_view key, std::string_view value) {
        encoder_.atom(key).binary(value);
        return *this;
    }
    Writer& binaries(std::string_view key, const std::vector<std::string>& values) {
        encoder_.atom(key).list(values,
                                [this](const std::string& value) { encoder_.binary(value); });
        return *this;
    }
    Writer& nameservers(const std::vector<std::string>& values) {
        require(std::ranges::all_of(
                    values,
                    [](const std::string& value) { return parse_nameserver(value).has_value(); }),
                "name servers are addresses");
        return binaries("nameservers", values);
    }
    Writer& targets(const std::vector<ProbeTarget>& values) {
        encoder_.atom("targets").list(values, [this](const ProbeTarget& target) {
            require(!target.name.empty() && target.name.size() <= 255, "a node has a name");
            encoder_.tuple(2).binary(target.name).binary(target.host);
        });
        return *this;
    }
    std::vector<std::uint8_t> take() { return encoder_.take(); }

 private:
    Encoder encoder_;
};

std::string_view word(Families families) {
    switch (families) {
        case Families::ipv4:
            return "inet";
        case Families::ipv6:
            return "inet6";
        case Families::prefer_ipv4:
            return "prefer_inet";
        case Families::prefer_ipv6:
            return "prefer_inet6";
        case Families::both:
            break;
    }
    return "both";
}

std::vector<std::uint8_t> encode(const DnsRequest& dns) {
    require(!check_host_name(dns.name), "a name to look up is one of a host");
    return Writer("dns", 7)
        .binary("name", dns.name)
        .timeout("timeout_ms", dns.timeout_ms)
        .number("grace_ms", dns.grace_ms, 0, a_day_ms)
        .word("families", word(dns.families))
        .nameservers(dns.nameservers)
        .count("max_addresses", dns.max_addresses)
        .binaries("truncated", dns.truncated)
        .take();
}

std::vector<std::uint8_t> encode(const ResolveRequest& resolve) {
    return Writer("resolve", 5)
        .binaries("hosts", resolve.hosts)
        .word("family", resolve.family == InetFamily::inet ? "inet" : "inet6")
        .timeout("timeout_ms", resolve.timeout_ms)
        .nameservers(resolve.nameservers)
        .count("concurrency", resolve.concurrency)
        .take();
}

std::vector<std::uint8_t> encode(const EpmdNamesRequest& names) {
    return Writer("epmd_names", 7)
        .binaries("hosts", names.hosts)
        .number("port", names.port, 1, 65'535)
        .timeout("timeout_ms", names.timeout_ms)
        .nameservers(names.nameservers)
        .count("concurrency", names.concurrency)
        .count("max_names", names.max_names)
        .count("max_bytes", names.max_bytes)
        .take();
}

std::string_view word(ProbeDepth depth) {
    switch (depth) {
        case ProbeDepth::lookup:
            return "lookup";
        case ProbeDepth::epmd:
            return "epmd";
        case ProbeDepth::port:
            return "port";
    }
    throw Broken("a depth that is none");
}

std::string_view word_of_family(int family) {
    return family == AF_UNSPEC ? "any" : family == AF_INET ? "inet" : "inet6";
}

std::vector<std::uint8_t> encode(const ProbeRequest& probe) {
    const ProbeOptions& options = probe.options;
    return Writer("probe", 11)
        .targets(options.targets)
        .number("epmd_port", options.epmd_port, 1, 65'535)
        .number("port", options.port, 0, 65'535)
        .word("family", word_of_family(options.family))
        .binary("source", options.source ? to_text(*options.source) : "")
        .word("depth", word(options.depth))
        .timeout("timeout_ms", options.timeout_ms)
        .timeout("node_timeout_ms", options.node_timeout_ms)
        .nameservers(probe.nameservers)
        .count("concurrency", options.concurrency)
        .count("max_names", options.max_names)
        .take();
}

}  // namespace

std::vector<std::uint8_t> encode_request(const Request& request) {
    return std::visit([](const auto& any) { return encode(any); }, request);
}

void run_request(Bytes input) {
    std::vector<std::uint8_t> once;
    try {
        once = encode_request(decode_request(input));
    } catch (const Refusal& refusal) {
        require(refusal.reason == "bad_request" || refusal.reason == "bad_name" ||
                    refusal.reason == "bad_nameserver",
                "a refusal's reason is of the grammar");
        require(!refusal.text.empty() && refusal.text.size() < 1000 &&
                    std::ranges::all_of(refusal.text, [](char c) { return c >= ' ' && c <= '~'; }),
                "a refusal's text is short and of printable ASCII");
        return;
    }
    require(encode_request(decode_request(once)) == once, "a request is read as it was written");
}

}  // namespace barnacle::fuzz
