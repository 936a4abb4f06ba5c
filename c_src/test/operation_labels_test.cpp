// SPDX-License-Identifier: Apache-2.0
//
// The names in an answer are whoever's who sent it, of any bytes. What an operation replies has
// addresses, and the names that were asked for; none of those.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "operation_support.hpp"

using barnacle::Encoder;
using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

namespace {

enum class Place { alias, owner_alone };

// A name of one label, which may have any bytes, dots too, as a message has it.
Bytes name_of(const std::string& label) {
    Bytes name{static_cast<std::uint8_t>(label.size())};
    name.insert(name.end(), label.begin(), label.end());
    name.push_back(0);
    return name;
}

// One address, owned by `name`: of which the name that was asked for is an alias, or is not.
std::vector<DnsReply> answer(const DnsRequest& request, const Bytes& name, Place place) {
    std::vector<DnsRecord> aliases;
    if (place == Place::alias) {
        aliases.push_back({request.name, type_cname, name});
    }
    const DnsRecord address = address_record("", request.type == type_a ? "10.0.0.1" : "fd00::1:2");
    Bytes message = encode_reply(request, {}, aliases);
    ++message.at(7);  // of the answers
    message.insert(message.end(), name.begin(), name.end());
    const auto type = static_cast<std::uint8_t>(address.type);
    const auto size = static_cast<std::uint8_t>(address.data.size());
    for (const std::uint8_t byte : Bytes{0, type, 0, 1, 0, 0, 0, 60, 0, size}) {
        message.push_back(byte);
    }
    message.insert(message.end(), address.data.begin(), address.data.end());
    return {{std::move(message)}};
}

std::string reply_to(const RequestMap& request, const std::string& label, Place place) {
    Loop servers;
    const DnsServer server(servers, [&](const DnsRequest& question) {
        return answer(question, name_of(label), place);
    });
    const auto operation = Operation::open(request.with("timeout_ms", integer(generous_ms))
                                               .with("nameservers", binaries({server.nameserver()}))
                                               .bytes());
    return drive(*operation, servers);
}

RequestMap dns() {
    return dns_request()
        .with("name", binary("service.example."))
        .with("grace_ms", integer(generous_ms));
}

RequestMap resolve() {
    return resolve_request()
        .with("hosts", binaries({"service.example."}))
        .with("family", atom("inet"));
}

bool has(const std::string& reply, const std::string& word) {
    return reply.find(word) != std::string::npos;
}

void look(RequestMap (*request)(), const std::string& begins, Place place) {
    const std::string whole = reply_to(request(), "plain", place);
    CAPTURE(static_cast<int>(place));
    CHECK(whole.starts_with(begins));
    // An address whose owner is neither the name nor its alias is taken or not.
    if (place == Place::alias) {
        CHECK_FALSE(has(whole, "error"));
        CHECK_FALSE(has(whole, "no_data"));
    }
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        const std::string label = std::string("odd") + static_cast<char>(byte) + "odd";
        const std::string reply = reply_to(request(), label, place);
        CHECK(reply.starts_with(begins));
        CHECK((reply == whole || has(reply, "error") || has(reply, "no_data")));
        CHECK_FALSE(has(reply, "odd"));
    }
}

}  // namespace

TEST_CASE("dns: no name of an answer is in the reply, whatever bytes it has") {
    for (const Place place : {Place::alias, Place::owner_alone}) {
        Encoder head;
        head.tuple(2).atom("ok").map(6).atom("candidate").binary("service.example");
        look(dns, text(head), place);
    }
}

TEST_CASE("resolve: no name of an answer is in the reply, whatever bytes it has") {
    for (const Place place : {Place::alias, Place::owner_alone}) {
        Encoder head;
        head.tuple(2).atom("ok").list(std::vector{1},
                                      [&](int) { head.tuple(2).binary("service.example."); });
        std::string begins = text(head);
        begins.pop_back();  // the list's end
        look(resolve, begins, place);
    }
}
