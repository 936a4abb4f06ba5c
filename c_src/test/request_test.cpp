// SPDX-License-Identifier: Apache-2.0
#include "../request.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <sys/socket.h>

#include "requests.hpp"

using barnacle::decode_request;
using barnacle::Refusal;
using namespace barnacle::test;

namespace {

// "reason: text" of the refusal, or "accepted".
std::string refusal(const RequestBytes& bytes) {
    try {
        (void)decode_request(bytes);
        return "accepted";
    } catch (const Refusal& refused) {
        return std::string(refused.reason) + ": " + refused.text;
    }
}

std::string refusal(const RequestMap& map) {
    return refusal(map.bytes());
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

const std::vector<RequestMap>& all_requests() {
    static const std::vector<RequestMap> requests{dns_request(), resolve_request(),
                                                  epmd_names_request(), probe_request()};
    return requests;
}

}  // namespace

TEST_CASE("requests are read") {
    const auto dns = std::get<barnacle::DnsRequest>(decode_request(dns_request().bytes()));
    CHECK(dns.name == "service.example");
    CHECK(dns.timeout_ms == 86'400'000);
    CHECK(dns.grace_ms == 0);
    CHECK(dns.nameservers == std::vector<std::string>{"10.0.0.2", "10.0.0.2:53", "[::1]:5353"});
    CHECK(dns.families == barnacle::Families::both);
    CHECK(dns.max_addresses == 2'147'483'647);
    CHECK(dns.truncated == std::vector<std::string>{"service.example"});

    const auto resolve =
        std::get<barnacle::ResolveRequest>(decode_request(resolve_request().bytes()));
    CHECK(resolve.hosts == std::vector<std::string>{"a.example", "not a name"});
    CHECK(resolve.family == barnacle::InetFamily::inet6);
    CHECK(resolve.timeout_ms == 1000);
    CHECK(resolve.nameservers.empty());
    CHECK(resolve.concurrency == 64);

    const auto names =
        std::get<barnacle::EpmdNamesRequest>(decode_request(epmd_names_request().bytes()));
    CHECK(names.hosts == std::vector<std::string>{"127.0.0.1"});
    CHECK(names.port == 65'535);
    CHECK(names.timeout_ms == 1);
    CHECK(names.concurrency == 3);
    CHECK(names.max_names == 4);
    CHECK(names.max_bytes == 5);

    const auto probe = std::get<barnacle::ProbeRequest>(decode_request(probe_request().bytes()));
    REQUIRE(probe.options.targets.size() == 2);
    CHECK(probe.options.targets[0].name == "app");
    CHECK(probe.options.targets[1].host == "not a name");
    CHECK(probe.options.epmd_port == 4369);
    CHECK(probe.options.port == 0);
    CHECK(probe.options.family == AF_INET);
    CHECK(probe.options.source == barnacle::parse_ip_address("127.0.0.3"));
    CHECK(probe.options.depth == barnacle::ProbeDepth::epmd);
    CHECK(probe.options.timeout_ms == 1);
    CHECK(probe.options.node_timeout_ms == 2);
    CHECK(probe.nameservers == std::vector<std::string>{"127.0.0.1"});
    CHECK(probe.options.concurrency == 3);
    CHECK(probe.options.max_names == 4);
}

TEST_CASE("the families of a lookup") {
    using barnacle::Families;
    const std::vector<std::pair<std::string, Families>> words{
        {"both", Families::both},
        {"inet", Families::ipv4},
        {"inet6", Families::ipv6},
        {"prefer_inet", Families::prefer_ipv4},
        {"prefer_inet6", Families::prefer_ipv6}};
    for (const auto& [word, families] : words) {
        const RequestMap request = dns_request().with("families", atom(word));
        CHECK(std::get<barnacle::DnsRequest>(decode_request(request.bytes())).families == families);
    }
    CHECK(refusal(dns_request().with("families", atom("own"))) ==
          "bad_request: families must be both or inet or inet6 or prefer_inet or prefer_inet6, not "
          "the atom \"own\"");
}

TEST_CASE("the words and addresses of a probe, and what is none") {
    const auto read = [](const RequestMap& map) {
        return std::get<barnacle::ProbeRequest>(decode_request(map.bytes())).options;
    };
    CHECK(read(probe_request().with("depth", atom("lookup"))).depth ==
          barnacle::ProbeDepth::lookup);
    CHECK(read(probe_request().with("depth", atom("port"))).depth == barnacle::ProbeDepth::port);
    CHECK(read(probe_request().with("family", atom("inet6"))).family == AF_INET6);
    CHECK_FALSE(read(probe_request().with("source", binary(""))).source);
    CHECK(refusal(probe_request().with("depth", atom("handshake"))) ==
          "bad_request: depth must be lookup or epmd or port, not the atom \"handshake\"");
    CHECK(contains(refusal(probe_request().with("source", binary("a.example"))),
                   "source must be an IP address or empty"));
    const std::string name(255, 'a');
    CHECK(read(probe_request().with("targets", targets({{name, ""}}))).targets[0].name == name);
    for (const std::string& wrong : {std::string(), name + "a"}) {
        CHECK(contains(refusal(probe_request().with("targets", targets({{wrong, "a.example"}}))),
                       "targets must be a list of {Name, Host}"));
    }
}

TEST_CASE("every number has its limits, and the text names them") {
    struct Limits {
        std::string key;
        std::int64_t low;
        std::int64_t high;
        std::string not_of{};  // the operation that has others
    };
    for (const auto& limits : std::vector<Limits>{{"timeout_ms", 1, 86'400'000},
                                                  {"node_timeout_ms", 1, 86'400'000},
                                                  {"grace_ms", 0, 86'400'000},
                                                  {"max_addresses", 1, 2'147'483'647},
                                                  {"concurrency", 1, 2'147'483'647},
                                                  {"port", 1, 65'535, "probe"},
                                                  {"port", 0, 65'535, "epmd_names"},
                                                  {"epmd_port", 1, 65'535},
                                                  {"max_names", 1, 2'147'483'647},
                                                  {"max_bytes", 1, 2'147'483'647}}) {
        const auto& [key, low, high, not_of] = limits;
        CAPTURE(limits.key);
        for (const RequestMap& request : all_requests()) {
            if (!request.has(key) || request.operation == not_of) {
                continue;
            }
            CHECK(refusal(request.with(key, integer(low))) == "accepted");
            CHECK(refusal(request.with(key, integer(high))) == "accepted");
            for (const std::int64_t wrong : {low - 1, high + 1, INT64_MIN, INT64_MAX}) {
                CHECK(refusal(request.with(key, integer(wrong))) ==
                      "bad_request: " + key + " must be an integer from " + std::to_string(low) +
                          " to " + std::to_string(high) + ", not " + std::to_string(wrong));
            }
        }
    }
}

TEST_CASE("a value of another type is refused by its key") {
    const std::vector<RequestBytes> others{
        integer(70'000),
        atom("undefined"),
        binary("text"),
        {107, 0, 2, 'h', 'i'},                                      // "hi"
        {108, 0, 0, 0, 1, 97, 1, 106},                              // [1] as a list
        {108, 0, 0, 0, 1, 109, 0, 0, 0, 1, 'x', 97, 1},             // [<<"x">> | 1]
        {108, 0, 0, 0, 2, 109, 0, 0, 0, 1, 'x', 119, 1, 'y', 106},  // [<<"x">>, y]
        {104, 0},                                                   // {}
        {116, 0, 0, 0, 0},                                          // #{}
        {110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9},                     // a big integer
    };
    for (const RequestMap& request : all_requests()) {
        for (const auto& pair : request.pairs) {
            const std::string& key = pair.first;
            int refused = 0;
            for (const RequestBytes& other : others) {
                const std::string said = refusal(request.with(key, other));
                if (said.starts_with("bad_request: " + key + " must be ")) {
                    ++refused;
                } else {
                    CAPTURE(key);
                    CHECK((said == "accepted" || contains(said, "bad_name")));
                }
            }
            CAPTURE(key);
            // Binaries may be the name, 70,000 fits most numbers; all else is wrong everywhere.
            CHECK(refused >= static_cast<int>(others.size()) - 1);
        }
    }
    CHECK(refusal(resolve_request().with("family", atom("unspec"))) ==
          "bad_request: family must be inet or inet6, not the atom \"unspec\"");
    CHECK(refusal(resolve_request().with("hosts", others[4])) ==
          "bad_request: hosts must be a list of binaries; an element of it is, not 1");
}

TEST_CASE("every key must be there, once, and no other") {
    for (const RequestMap& request : all_requests()) {
        for (const auto& pair : request.pairs) {
            const std::string& key = pair.first;
            CAPTURE(key);
            CHECK(refusal(request.without(key)) == "bad_request: " + key + " is missing");
            RequestMap twice = request;
            twice.pairs.push_back(pair);
            CHECK(refusal(twice) == "bad_request: " + key + " is there twice");
        }
        CHECK(contains(refusal(request.with("retries", integer(1))), "not the atom \"retries\""));
        RequestMap no_atom = request;
        no_atom.pairs.back().first.clear();
        CHECK(contains(refusal(no_atom), "a key must be one of "));
    }
}

TEST_CASE("a request is a tuple of a known operation and a map") {
    for (const RequestMap& request : all_requests()) {
        RequestMap other = request;
        other.operation = "port_please";
        CHECK(refusal(other) ==
              "bad_request: the operation must be dns, resolve, epmd_names or probe, "
              "not the atom \"port_please\"");
    }
    const auto said = [](RequestBytes term) {
        term.insert(term.begin(), 131);
        return refusal(term);
    };
    CHECK(contains(said(atom("dns")), "a request must be a tuple"));
    CHECK(contains(said({104, 0}), "not a tuple of 0 elements"));
    CHECK(contains(said({104, 3, 119, 1, 'a', 97, 1, 97, 1}), "not a tuple of 3 elements"));
    CHECK(contains(said({104, 2, 97, 1, 97, 1}), "the operation must be"));
    CHECK(contains(said({104, 2, 119, 3, 'd', 'n', 's', 97, 1}), "must be a map, not 1"));
}

TEST_CASE("bytes after a request are refused") {
    for (const RequestMap& request : all_requests()) {
        RequestBytes bytes = request.bytes();
        bytes.push_back(106);
        CHECK(refusal(bytes) == "bad_request: there are bytes after the request");
    }
}

TEST_CASE("a request cut at any byte is refused") {
    for (const RequestMap& request : all_requests()) {
        const RequestBytes whole = request.bytes();
        for (std::size_t length = 0; length < whole.size(); ++length) {
            // A copy of its own, so that a sanitizer sees a read past its end.
            const RequestBytes cut(whole.data(), whole.data() + length);
            CAPTURE(length);
            CHECK(refusal(cut).starts_with("bad_request: the request can't be decoded"));
        }
    }
}

TEST_CASE("a request with any one byte changed is read or refused, and nothing else") {
    std::size_t refused = 0;
    for (const RequestMap& request : all_requests()) {
        const RequestBytes whole = request.bytes();
        for (std::size_t position = 0; position < whole.size(); ++position) {
            for (int byte = 0; byte < 256; ++byte) {
                RequestBytes changed = whole;
                changed[position] = static_cast<std::uint8_t>(byte);
                refused += refusal(changed) == "accepted" ? 0 : 1;
            }
        }
    }
    CHECK(refused > 10'000);
}

TEST_CASE("names and name servers that can't be are refused by kind") {
    for (const std::string& name : {std::string(), std::string("a b"), std::string("app@host"),
                                    std::string("a\0b", 3), std::string(64, 'a') + ".example"}) {
        CAPTURE(name);
        CHECK(refusal(dns_request().with("name", binary(name))).starts_with("bad_name: "));
    }
    for (const RequestMap& request : all_requests()) {
        const std::string said =
            refusal(request.with("nameservers", binaries({"10.0.0.2", "dns.example"})));
        CHECK(said.starts_with("bad_nameserver: "));
        CHECK(contains(said, "dns.example"));
    }
}
