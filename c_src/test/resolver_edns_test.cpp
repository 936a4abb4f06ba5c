// SPDX-License-Identifier: Apache-2.0
//
// Servers and middle boxes that do not know EDNS, long responses, and lookups over TCP alone.
#include <memory>

#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

constexpr auto host = "app.example.";

DnsScript both_families() {
    return zone(
        {address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1")});
}

// `one` for queries with EDNS, `other` for the rest.
DnsScript by_edns(DnsScript one, DnsScript other) {
    return [one = std::move(one), other = std::move(other)](const DnsRequest& request) {
        return request.edns ? one(request) : other(request);
    };
}

// A server whose responses have no room without EDNS.
DnsScript long_responses(DnsScript over_tcp) {
    return by_transport(std::move(over_tcp), by_edns(both_families(), truncated));
}

LookupOptions of_long_name(const DnsServer& server) {
    LookupOptions options = options_for(host, {server.nameserver()});
    options.truncated = {"other.example", "app.example"};
    return options;
}

std::size_t count(const DnsServer& server, bool edns, bool tcp) {
    return static_cast<std::size_t>(std::ranges::count_if(
        server.requests(),
        [=](const DnsRequest& request) { return request.edns == edns && request.tcp == tcp; }));
}

bool is_whole(const LookupResult& result) {
    return texts(result.outcomes.a) == Texts{"10.0.0.1"} &&
           texts(result.outcomes.aaaa) == Texts{"fd00::1"};
}

}  // namespace

TEST_CASE("the first query has no EDNS, so a firewall that drops EDNS drops nothing") {
    Loop loop;
    const DnsServer server(loop, by_edns(silence, both_families()));
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(is_whole(result));
    CHECK(result.truncated.empty());
    CHECK(server.requests().size() == 2);
    CHECK(count(server, true, false) == 0);
}

TEST_CASE("a truncated response over UDP leads to TCP and EDNS at once") {
    Loop loop;
    const DnsServer tcp_only(loop, by_transport(both_families(), by_edns(silence, truncated)));
    const auto over_tcp = look_up(loop, options_for(host, {tcp_only.nameserver()}));
    CHECK(is_whole(over_tcp));
    CHECK(over_tcp.truncated == std::vector<std::string>{"app.example"});

    const DnsServer no_tcp(loop, long_responses(silence));
    const auto over_udp = look_up(loop, options_for(host, {no_tcp.nameserver()}));
    CHECK(is_whole(over_udp));
    CHECK(over_udp.truncated.empty());  // its responses with EDNS would have had room without
}

TEST_CASE("a name whose response was truncated has EDNS beside the plain query, and no TCP") {
    Loop loop;
    std::vector<DnsRecord> records;
    for (int i = 1; i <= 60; ++i) {
        records.push_back(address_record("app.example", "10.0.0." + std::to_string(i)));
    }
    const DnsScript long_a = by_transport(silence, by_edns(zone(records), late(truncated, 200)));
    const DnsServer server(loop, by_type(type_aaaa, always(Rcode::noerror), long_a));
    const auto result = look_up(loop, of_long_name(server));
    CHECK(texts(result.outcomes.a).size() == 60);
    CHECK(is_no_data(result.outcomes.aaaa));
    CHECK(result.truncated == std::vector<std::string>{"app.example"});
    CHECK(result.doubts == Doubts{});
    CHECK(count(server, true, false) == 2);
    CHECK(count(server, false, false) == 2);
    CHECK(count(server, false, true) == 0);
}

TEST_CASE("a name whose response has room again is forgotten") {
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto result = look_up(loop, of_long_name(server));
    CHECK(is_whole(result));
    CHECK(result.truncated.empty());
}

TEST_CASE("EDNS that is dropped, or answered with an error, fails no lookup") {
    const auto no_question = [](const DnsRequest& request) -> std::vector<DnsReply> {
        Bytes header = encode_reply(request, {.rcode = Rcode::formerr});
        header.resize(12);
        header.at(5) = 0;
        return {{std::move(header)}};
    };
    // With an OPT record that has the extended part of the RCODE (RFC 6891 section 6.1.3): 16 is
    // BADVERS, and the others have the low bits of NXDOMAIN and of success.
    const auto extended = [](unsigned low, std::uint8_t high) -> DnsScript {
        return [=](const DnsRequest& request) -> std::vector<DnsReply> {
            Bytes reply = encode_reply(request, {.rcode = static_cast<Rcode>(low)});
            reply.at(11) = 1;
            for (const int byte : {0, 0, 41, 4, 208, static_cast<int>(high), 0, 0, 0, 0, 0}) {
                reply.push_back(static_cast<std::uint8_t>(byte));
            }
            return {{std::move(reply)}};
        };
    };
    const std::vector<DnsScript> answers_to_edns{
        silence,
        always(Rcode::formerr),
        extended(1, 0),  // FORMERR with the OPT record echoed
        no_question,
        always(Rcode::notimp),
        always(Rcode::servfail),
        always(Rcode::refused),
        always(Rcode::nxdomain),
        always(Rcode::noerror),
        extended(0, 1),
        extended(3, 1),
    };
    for (std::size_t i = 0; i < answers_to_edns.size(); ++i) {
        CAPTURE(i);
        Loop loop;
        const DnsServer server(loop, by_edns(answers_to_edns[i], late(both_families(), 20)));
        const auto result = look_up(loop, of_long_name(server));
        CHECK(is_whole(result));
        CHECK(result.doubts == Doubts{});
    }
}

TEST_CASE("with the plain query failed, EDNS is waited for, but not for ever") {
    Loop loop;
    const DnsServer late_edns(loop, by_edns(late(both_families(), 30), always(Rcode::servfail)));
    CHECK(is_whole(look_up(loop, of_long_name(late_edns))));
    const DnsServer no_edns(loop, by_edns(silence, always(Rcode::servfail)));
    const auto result = look_up(loop, of_long_name(no_edns));
    CHECK(error_in(result.outcomes.a) == servfail);
    CHECK(error_in(result.outcomes.aaaa) == servfail);
}

TEST_CASE("a response that is truncated with EDNS too is not taken in part") {
    Loop loop;
    const DnsScript part = [](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{encode_reply(
            request, {.truncated = true},
            {address_record("app.example", request.type == type_a ? "10.0.0.9" : "fd00::9")})}};
    };
    const DnsServer server(loop, by_transport(late(both_families(), 50), part));
    const auto result = look_up(loop, of_long_name(server));
    CHECK(is_whole(result));
    CHECK(result.truncated == std::vector<std::string>{"app.example"});
}

TEST_CASE("a lookup over TCP alone sends no datagram") {
    Loop loop;
    const DnsServer server(loop, by_transport(both_families(), silence));
    auto options = of_long_name(server);
    options.configuration.over_tcp = true;
    const auto result = look_up(loop, std::move(options));
    CHECK(is_whole(result));
    CHECK(result.truncated.empty());
    CHECK(server.requests().size() == 2);
    CHECK(count(server, false, true) == 2);
}

TEST_CASE("a lookup of a long name may be destroyed at any moment") {
    const std::size_t before = descriptors_in_use();
    for (int steps = 0; steps < 24; ++steps) {
        Loop loop;
        const DnsServer server(loop, long_responses(both_families()));
        int results = 0;
        {
            auto options =
                steps % 2 == 0 ? of_long_name(server) : options_for(host, {server.nameserver()});
            Lookup lookup(loop, std::move(options), [&results](const LookupResult&) { ++results; });
            lookup.start();
            for (int step = 0; step < steps / 2 && results == 0; ++step) {
                run_for(loop, 1);
            }
        }
        const int results_then = results;
        loop.run_nowait();
        CHECK(results == results_then);
    }
    CHECK(open_descriptors() == before);
}
