// SPDX-License-Identifier: Apache-2.0
//
// Responses that may not be whole, referrals, RCODEs without a name, zones of name servers.
#include <ifaddrs.h>
#include <net/if.h>

#include <cerrno>
#include <memory>

#include "dns_messages.hpp"
#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

constexpr auto host = "app.example.";

DnsScript both_families() {
    return zone(
        {address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1")});
}

// What `change` makes of the good reply.
DnsScript changed(std::function<Bytes(Bytes)> change) {
    return [change = std::move(change)](const DnsRequest& request) {
        auto replies = both_families()(request);
        for (DnsReply& reply : replies) {
            reply.message = change(std::move(reply.message));
        }
        return replies;
    };
}

// The records of the type that was asked for, and CNAMEs.
DnsScript answer(const std::vector<DnsRecord>& records) {
    return [records](const DnsRequest& request) -> std::vector<DnsReply> {
        std::vector<DnsRecord> wanted;
        std::ranges::copy_if(records, std::back_inserter(wanted), [&](const DnsRecord& record) {
            return record.type == request.type || record.type == type_cname;
        });
        return {{encode_reply(request, {}, wanted)}};
    };
}

LookupResult look_up_with(DnsScript script) {
    Loop loop;
    const DnsServer server(loop, std::move(script));
    return look_up(loop, options_for(host, {server.nameserver()}));
}

// Addresses that may not be all: in doubt, or not taken. Never whole, and never no data.
bool is_doubted(const LookupResult& result, Doubt doubt) {
    if (result.outcomes.have_addresses()) {
        return result.doubts.has(doubt);
    }
    return error_in(result.outcomes.a).has_value() && error_in(result.outcomes.aaaa).has_value();
}

// An address of fe80::/10 that this host has, with its zone: empty if there is none.
std::string address_of_a_link() {
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) {
        return {};
    }
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner{first, freeifaddrs};
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
        const auto address =
            each->ifa_addr == nullptr ? std::nullopt : ip_address_from_sockaddr(*each->ifa_addr);
        if (address && (each->ifa_flags & IFF_UP) != 0 && to_text(*address).starts_with("fe80:")) {
            return to_text(*address) + '%' + each->ifa_name;
        }
    }
    return {};
}

const DnsScript referral = [](const DnsRequest& request) -> std::vector<DnsReply> {
    return {{without_recursion(with_authority(encode_reply(request, {}), type_ns))}};
};

}  // namespace

TEST_CASE("a good response has no doubts") {
    CHECK(look_up_with(both_families()).doubts == Doubts{});
    const auto chain = look_up_with(zone(
        {cname_record("app.example", "one.example"), address_record("one.example", "10.0.0.1")}));
    CHECK(texts(chain.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(is_no_data(chain.outcomes.aaaa));
    CHECK(chain.doubts == Doubts{});
}

TEST_CASE("several CNAMEs of one name are told") {
    const auto result = look_up_with(answer(
        {cname_record("app.example", "one.example"), cname_record("app.example", "two.example"),
         address_record("two.example", "10.0.0.1"), address_record("two.example", "fd00::1")}));
    CHECK(result.outcomes.have_addresses());
    CHECK(result.doubts.has(Doubt::several_cnames));
}

TEST_CASE("addresses in front of their CNAME record, or behind the wrong one, are taken") {
    const auto in_front = look_up_with(
        answer({address_record("x.example", "10.0.0.1"), address_record("x.example", "fd00::1"),
                cname_record("app.example", "x.example")}));
    CHECK(texts(in_front.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(in_front.outcomes.aaaa) == Texts{"fd00::1"});
    const auto first_of_two = look_up_with(
        answer({cname_record("app.example", "x.example"), cname_record("app.example", "y.example"),
                address_record("x.example", "10.0.0.1"), address_record("x.example", "fd00::1")}));
    CHECK(texts(first_of_two.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(first_of_two.doubts.has(Doubt::several_cnames));
}

TEST_CASE("owners that do not match are told, and their addresses are not taken") {
    const auto result = look_up_with(
        answer({address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1"),
                address_record("b.example", "10.0.0.2"), address_record("b.example", "fd00::2")}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(result.doubts == Doubts{Doubt::foreign_owner});
    const auto nothing = look_up_with(
        answer({address_record("b.example", "10.0.0.1"), address_record("b.example", "fd00::1")}));
    CHECK(error_in(nothing.outcomes.a) == LookupError{LookupErrorCode::formerr});
    CHECK(error_in(nothing.outcomes.aaaa) == LookupError{LookupErrorCode::formerr});
}

TEST_CASE("an address of another name is not taken from a garbled or truncated response either") {
    const DnsScript both =
        answer({address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1"),
                address_record("b.example", "10.0.0.2"), address_record("b.example", "fd00::2")});
    const DnsScript longer = [&](const DnsRequest& request) {
        auto replies = both(request);
        replies.front().message.push_back(0);
        return replies;
    };
    const DnsScript cut = [&](const DnsRequest& request) {
        auto replies = both(request);
        replies.front().message.at(2) |= 0x02U;
        return replies;
    };
    for (const auto& result : {look_up_with(longer), look_up_with(by_transport(cut, truncated))}) {
        CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
        CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
        CHECK(result.doubts.has(Doubt::foreign_owner));
    }
}

TEST_CASE("garbled sections are told") {
    const std::vector<std::function<Bytes(Bytes)>> changes{
        [](Bytes message) {
            message.push_back(0);  // behind the last section
            return message;
        },
        [](Bytes message) {
            ++message.at(7);  // one answer more than there is
            return message;
        },
        [](Bytes message) {
            ++message.at(9);  // one record of authority
            return message;
        },
        [](Bytes message) {
            ++message.at(11);  // one additional record
            return message;
        },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        CAPTURE(i);
        CHECK(is_doubted(look_up_with(changed(changes[i])), Doubt::garbled));
    }
}

TEST_CASE("an address of the wrong length is told, and never no data") {
    const DnsScript short_address = [](const DnsRequest& request) -> std::vector<DnsReply> {
        const DnsRecord good =
            address_record("app.example", request.type == type_a ? "10.0.0.1" : "fd00::1");
        DnsRecord bad = good;
        bad.data.pop_back();
        return {{encode_reply(request, {}, {good, bad})}};
    };
    CHECK(is_doubted(look_up_with(short_address), Doubt::garbled));
    const DnsScript no_good_one = [](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{encode_reply(request, {}, {DnsRecord{"app.example", request.type, {1, 2, 3}}})}};
    };
    CHECK(is_doubted(look_up_with(no_good_one), Doubt::garbled));
}

TEST_CASE("a response that is truncated over TCP too is told") {
    const DnsScript part = [](const DnsRequest& request) -> std::vector<DnsReply> {
        auto reply = both_families()(request);
        reply.front().message.at(2) |= 0x02U;
        return reply;
    };
    const auto result = look_up_with(by_transport(part, truncated));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(result.doubts == Doubts{Doubt::truncated});
    const auto nothing = look_up_with(truncated);
    CHECK(error_in(nothing.outcomes.a) == LookupError{LookupErrorCode::formerr});
}

TEST_CASE("a doubtful response without addresses leads to the next server") {
    Loop loop;
    const DnsServer first(loop, [](const DnsRequest& request) -> std::vector<DnsReply> {
        Bytes garbled = encode_reply(request, {});
        garbled.push_back(0);
        return {{std::move(garbled)}};
    });
    const DnsServer second(loop, both_families());
    const auto result = look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(result.doubts == Doubts{});
}

TEST_CASE("a referral without recursion leads to the next server") {
    Loop loop;
    const DnsServer first(loop, referral);
    const DnsServer second(loop, both_families());
    const auto result = look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(first.requests().size() == 2);
}

TEST_CASE("referrals from all servers are an error, never no data") {
    const auto result = look_up_with(referral);
    CHECK(error_in(result.outcomes.a) == refused);
    CHECK(error_in(result.outcomes.aaaa) == refused);
}

TEST_CASE("no data from a server without recursion is no data") {
    const auto result = look_up_with([](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{without_recursion(with_authority(encode_reply(request, {}), type_soa))}};
    });
    CHECK(is_no_data(result.outcomes.a));
    CHECK(is_no_data(result.outcomes.aaaa));
}

TEST_CASE("an RCODE without a name of its own is an error, never no data") {
    for (const unsigned rcode : {6U, 9U, 15U}) {
        CAPTURE(rcode);
        const auto result =
            look_up_with([rcode](const DnsRequest& request) -> std::vector<DnsReply> {
                return {{with_rcode(encode_reply(request, {}), rcode)}};
            });
        // c-ares 1.34 has an error of its own for the ones that have no name anywhere.
        for (const Outcome* const outcome : {&result.outcomes.a, &result.outcomes.aaaa}) {
            CHECK(error_in(*outcome).has_value());
            CHECK((rcode == 15 || error_in(*outcome) == LookupError{LookupErrorCode::unknown}));
        }
    }
}

TEST_CASE(
    "an extended RCODE is an error of its own, never NXDOMAIN, and leads to the next server") {
    const DnsScript extended = [](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{with_opt(encode_reply(request, {.rcode = Rcode::nxdomain}), 1)}};
    };
    CHECK(error_in(look_up_with(extended).outcomes.a) == LookupError{LookupErrorCode::unknown});

    const auto badvers = look_up_with([](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{with_opt(encode_reply(request, {}), 1)}};
    });
    CHECK(error_in(badvers.outcomes.a) == LookupError{LookupErrorCode::badvers});

    Loop loop;
    const DnsServer first(loop, extended);
    const DnsServer second(loop, both_families());
    const auto result = look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
}

TEST_CASE("a name server of a link is queried in its zone, over UDP and TCP") {
    const std::string address = address_of_a_link();
    if (address.empty()) {
        MESSAGE("no interface has an address of fe80::/10: nothing was tried");
        return;
    }
    Loop loop;
    const DnsServer server(loop, by_transport(both_families(), truncated), address);
    CHECK(server.nameserver().find('%') != std::string::npos);
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a name server whose zone is no interface is an error of its own") {
    Loop loop;
    const std::string nowhere = "[fe80::53%no-such-if]:53";
    const auto result = look_up(loop, options_for(host, {nowhere}));
    CHECK(error_in(result.outcomes.a) == posix_error(ENODEV));
    const DnsServer second(loop, both_families());
    const auto both = look_up(loop, options_for(host, {nowhere, second.nameserver()}));
    CHECK(texts(both.outcomes.a) == Texts{"10.0.0.1"});
}
