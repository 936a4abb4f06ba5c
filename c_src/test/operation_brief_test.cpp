// SPDX-License-Identifier: Apache-2.0
//
// Which lookups run in brief steps to their end, and that the others lose nothing by having begun
// with them.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "operation_support.hpp"

using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

namespace {

constexpr std::string_view name = "service.example";

RequestBytes lookup(const std::vector<std::string>& nameservers) {
    return dns_request()
        .with("name", binary("service.example."))
        .with("timeout_ms", integer(generous_ms))
        .with("grace_ms", integer(generous_ms))
        .with("nameservers", binaries(nameservers))
        .with("truncated", binaries({}))
        .bytes();
}

std::vector<DnsRecord> records(int count) {
    std::vector<DnsRecord> records{address_record(name, "2001:db8::1")};
    for (int i = 1; i <= count; ++i) {
        records.push_back(address_record(name, "10.0.0." + std::to_string(i)));
    }
    return records;
}

std::string reply_to_full_steps(const RequestBytes& request, Loop& servers) {
    return drive(*Operation::open(request), servers);
}

// Takes brief steps, which must not be enough, and goes on with full ones.
std::string reply_after_brief_steps(const RequestBytes& request, Loop& servers) {
    const auto operation = Operation::open(request);
    REQUIRE(operation->is_brief());
    CHECK(drive_briefly(*operation, servers) == "no step");
    CHECK_FALSE(operation->is_brief());
    CHECK_FALSE(operation->brief_step());
    CHECK(operation->reply().empty());
    return drive(*operation, servers);
}

}  // namespace

TEST_CASE("a lookup with two small answers takes brief steps only") {
    Loop servers;
    DnsServer server(servers, zone(records(20)));
    const RequestBytes request = lookup({server.nameserver()});
    const auto operation = Operation::open(request);
    CHECK(drive_briefly(*operation, servers) == reply_to_full_steps(request, servers));
    CHECK(operation->is_brief());
    CHECK(operation->brief_step()->done);
}

TEST_CASE("two answers that are small each, but not together, take brief steps only") {
    std::vector<DnsRecord> many = records(25);
    for (int i = 2; i <= 15; ++i) {
        many.push_back(address_record(name, "2001:db8::" + std::to_string(i)));
    }
    Loop servers;
    DnsServer server(servers, zone(many));
    const RequestBytes request = lookup({server.nameserver()});
    CHECK(drive_briefly(*Operation::open(request), servers) ==
          reply_to_full_steps(request, servers));
}

TEST_CASE("an answer of more than 512 bytes waits for a full step") {
    Loop servers;
    DnsServer server(servers, zone(records(40)));
    const RequestBytes request = lookup({server.nameserver()});
    CHECK(reply_after_brief_steps(request, servers) == reply_to_full_steps(request, servers));
    // Nothing was asked again, but for c-ares 1.18, which does not take so much without EDNS.
    CHECK(std::ranges::count_if(server.requests(),
                                [](const auto& one) { return !one.tcp && !one.edns; }) == 4);
}

TEST_CASE("a truncated answer's TCP waits for a full step") {
    Loop servers;
    const DnsScript whole = zone(records(3));
    DnsServer server(servers, [&whole](const DnsRequest& request) {
        return request.tcp ? whole(request)
                           : std::vector<DnsReply>{{encode_reply(request, {.truncated = true})}};
    });
    const RequestBytes request = lookup({server.nameserver()});
    CHECK(reply_after_brief_steps(request, servers) == reply_to_full_steps(request, servers));
}

TEST_CASE("another name server is asked in a full step") {
    Loop servers;
    DnsServer refusing(servers, [](const DnsRequest& request) {
        return std::vector<DnsReply>{{encode_reply(request, {.rcode = Rcode::refused})}};
    });
    DnsServer server(servers, zone(records(3)));
    const RequestBytes request = lookup({refusing.nameserver(), server.nameserver()});
    CHECK(reply_after_brief_steps(request, servers) == reply_to_full_steps(request, servers));
}

TEST_CASE("another name server's turn comes in a full step when the first one is silent") {
    Loop servers;
    DnsServer silent(servers, silence);
    DnsServer server(servers, zone(records(3)));
    const RequestBytes request = lookup({silent.nameserver(), server.nameserver()});
    const auto operation = Operation::open(request);
    CHECK(drive_briefly(*operation, servers) == "no step");
    servers.run_nowait();
    CHECK(server.requests().empty());
    CHECK(drive(*operation, servers) == reply_to_full_steps(request, servers));
}

TEST_CASE("a name server that is gone is noticed in brief steps") {
    std::string gone;
    {
        Loop servers;
        gone = DnsServer(servers, silence).nameserver();
    }
    Loop nobody;
    const RequestBytes request = lookup({gone});
    const std::string reply = drive_briefly(*Operation::open(request), nobody);
    CHECK(reply.find("econnrefused") != std::string::npos);
}

TEST_CASE("a flood of answers to nobody is neither lost time nor a lost answer") {
    constexpr int flood = 100;
    Loop servers;
    const DnsScript answers = zone(records(3));
    DnsServer server(servers, [&answers](const DnsRequest& request) {
        DnsRequest other = request;
        other.id ^= 1U;
        std::vector<DnsReply> replies(flood, DnsReply{encode_reply(other, {})});
        replies.push_back(answers(request).front());
        return replies;
    });
    const auto operation = Operation::open(lookup({server.nameserver()}));
    int steps = 0;
    const auto step = [&] {
        ++steps;
        return operation->brief_step();
    };
    const std::string reply = drive_with(step, *operation, servers, [] { return false; });
    CHECK(reply.find("addresses") != std::string::npos);
    CHECK(steps > flood / 4);
}

TEST_CASE("only lookups in the DNS begin with brief steps") {
    for (const RequestBytes& request : {resolve_request().bytes(), epmd_names_request().bytes()}) {
        const auto operation = Operation::open(request);
        CHECK_FALSE(operation->is_brief());
        CHECK_FALSE(operation->brief_step());
    }
    const auto refused = Operation::open(dns_request().with("name", integer(1)).bytes());
    CHECK_FALSE(refused->is_brief());
    CHECK(refused->brief_step()->done);
}

TEST_CASE("a cancelled operation is done with a brief step") {
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, generous_ms));
    operation->cancel();
    CHECK(operation->brief_step()->done);
    CHECK(text(operation->reply()) == error_text("cancelled"));
}
