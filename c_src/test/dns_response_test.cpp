// SPDX-License-Identifier: Apache-2.0
//
// What a response says beside its addresses.
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../dns_response.hpp"
#include "../response_observer.hpp"
#include "dns_messages.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

const std::vector<DnsRecord> two_addresses{address_record("app.example", "10.0.0.1"),
                                           address_record("app.example", "10.0.0.2")};

DnsResponse read(const Bytes& message) {
    const auto response = read_dns_response(message, "App.Example.", AF_INET);
    REQUIRE(response.has_value());
    return *response;
}

Doubts doubts(const std::vector<DnsRecord>& records) {
    return read(encode_reply(query_for("app.example", type_a), {}, records)).doubts;
}

// The addresses that belong to the name, as text.
std::vector<std::string> own_addresses(const Bytes& message) {
    std::vector<std::string> result;
    for (const IpAddress& address : read(message).addresses) {
        result.push_back(to_text(address));
    }
    return result;
}

std::vector<std::string> own_addresses(const std::vector<DnsRecord>& records) {
    return own_addresses(encode_reply(query_for("app.example", type_a), {}, records));
}

using Texts = std::vector<std::string>;

Bytes good() {
    return encode_reply(query_for("app.example", type_a), {}, two_addresses);
}

}  // namespace

TEST_CASE("a whole response has no doubts") {
    const DnsResponse response = read(good());
    CHECK(response.id == query_id);
    CHECK(response.rcode == 0);
    CHECK(response.bytes == good().size());
    CHECK(own_addresses(good()) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK_FALSE(response.truncated);
    CHECK_FALSE(response.referral);
    CHECK(response.doubts == Doubts{});
}

TEST_CASE("what is no response to the question is none") {
    const auto of = [](const Bytes& message, std::string_view name, int family) {
        return read_dns_response(message, name, family).has_value();
    };
    CHECK(of(good(), "app.example", AF_INET));
    CHECK_FALSE(of(good(), "app.example", AF_INET6));
    CHECK_FALSE(of(good(), "app.exampl", AF_INET));
    CHECK_FALSE(of(good(), "example", AF_INET));
    CHECK_FALSE(of({}, "app.example", AF_INET));
    CHECK_FALSE(of(Bytes(12, 0x80), "app.example", AF_INET));
    Bytes query = good();
    query.at(2) &= 0x7fU;
    CHECK_FALSE(of(query, "app.example", AF_INET));
    Bytes no_question = good();
    no_question.at(5) = 0;
    CHECK_FALSE(of(no_question, "app.example", AF_INET));
}

TEST_CASE("a chain of CNAMEs in any order has no doubts") {
    std::vector<DnsRecord> chain{cname_record("app.example", "one.example"),
                                 cname_record("ONE.example", "two.example"),
                                 address_record("two.example", "10.0.0.1")};
    CHECK(doubts(chain) == Doubts{});
    std::swap(chain.front(), chain.back());
    CHECK(doubts(chain) == Doubts{});
    CHECK(own_addresses(chain) == Texts{"10.0.0.1"});
    // The same record twice is one (RFC 2181 section 5).
    chain.push_back(chain.front());
    chain.push_back(chain[1]);
    CHECK(doubts(chain) == Doubts{});
}

TEST_CASE("several CNAMEs of one name are a doubt") {
    CHECK(doubts({cname_record("app.example", "one.example"),
                  cname_record("app.example", "two.example"),
                  address_record("one.example", "10.0.0.1")})
              .has(Doubt::several_cnames));
}

TEST_CASE("addresses at the end of each of several CNAMEs belong to the name") {
    CHECK(
        own_addresses(
            {cname_record("app.example", "one.example"), cname_record("app.example", "two.example"),
             cname_record("two.example", "three.example"),
             address_record("two.example", "10.0.0.9"), address_record("three.example", "10.0.0.3"),
             address_record("one.example", "10.0.0.1")}) == Texts{"10.0.0.3", "10.0.0.1"});
}

TEST_CASE("an address of another name does not belong to the name, whatever else is wrong") {
    const std::vector<DnsRecord> records{address_record("other.example", "10.0.0.9"),
                                         address_record("app.example", "10.0.0.1")};
    const DnsRequest query = query_for("app.example", type_a);
    const Texts own{"10.0.0.1"};
    CHECK(own_addresses(records) == own);
    CHECK(own_addresses({records.front()}).empty());
    CHECK(own_addresses(encode_reply(query, {.truncated = true}, records)) == own);
    Bytes longer = encode_reply(query, {}, records);
    longer.push_back(0);
    CHECK(own_addresses(longer) == own);
    auto with_short_one = records;
    with_short_one.insert(with_short_one.begin(), DnsRecord{"app.example", type_a, {10, 0, 0}});
    CHECK(own_addresses(with_short_one) == own);
    auto with_long_one = records;
    with_long_one.insert(with_long_one.begin(), DnsRecord{"app.example", type_a, Bytes(16, 1)});
    CHECK(own_addresses(with_long_one) == own);
    // The address is there once more, as one of the name.
    auto both = records;
    both.push_back(address_record("app.example", "10.0.0.9"));
    CHECK(own_addresses(both) == Texts{"10.0.0.1", "10.0.0.9"});
}

TEST_CASE("an owner outside the chain of CNAMEs, or in its middle, is a doubt") {
    const Doubts foreign{Doubt::foreign_owner};
    CHECK(doubts({address_record("app.example", "10.0.0.1"),
                  address_record("other.example", "10.0.0.2")}) == foreign);
    CHECK(doubts({cname_record("other.example", "one.example"),
                  address_record("app.example", "10.0.0.1")}) == foreign);
    CHECK(doubts({cname_record("app.example", "one.example"),
                  address_record("app.example", "10.0.0.1"),
                  address_record("one.example", "10.0.0.2")}) == foreign);
}

TEST_CASE("CNAMEs that lead round are garbled") {
    CHECK(doubts({cname_record("app.example", "one.example"),
                  cname_record("one.example", "app.example")}) == Doubts{Doubt::garbled});
}

TEST_CASE("records of other types and classes are no doubt") {
    DnsRecord signature{"app.example", 46, Bytes(20, 0)};
    CHECK(doubts({address_record("app.example", "10.0.0.1"), signature,
                  address_record("app.example", "fd00::1"),
                  address_record("other.example", "fd00::1")}) == Doubts{});
}

TEST_CASE("sections that do not agree with the header, and bytes behind them, are garbled") {
    const Doubts garbled{Doubt::garbled};
    for (const std::size_t count : {7U, 9U, 11U}) {
        Bytes more = good();
        ++more.at(count);
        CHECK(read(more).doubts == garbled);
    }
    Bytes fewer = good();
    fewer.at(7) = 1;
    CHECK(read(fewer).doubts == garbled);
    for (std::size_t cut = 1; cut < 28; ++cut) {
        Bytes shorter = good();
        shorter.resize(shorter.size() - cut);
        CHECK(read(shorter).doubts == garbled);
    }
    Bytes longer = good();
    longer.push_back(0);
    CHECK(read(longer).doubts == garbled);
    CHECK(doubts({address_record("app.example", "10.0.0.1"),
                  DnsRecord{"app.example", type_a, {10, 0, 0}}}) == garbled);
    DnsRecord cname = cname_record("app.example", "one.example");
    cname.data.push_back(0);
    CHECK(doubts({cname}) == garbled);
}

TEST_CASE("a name that points to itself, or forward, ends, and is garbled") {
    const std::size_t owner = good().size() - std::size_t{2} * 16;
    for (const int forward : {0, 16}) {
        Bytes message = good();
        const std::size_t target = owner + static_cast<std::size_t>(forward);
        message.at(owner) = static_cast<std::uint8_t>(0xc0U | (target >> 8U));
        message.at(owner + 1) = static_cast<std::uint8_t>(target);
        CHECK(read(message).doubts == Doubts{Doubt::garbled});
    }
}

TEST_CASE("a truncated response may end anywhere, and of an error only the header counts") {
    Bytes message = encode_reply(query_for("app.example", type_a), {.truncated = true});
    message.push_back(1);
    CHECK(read(message).truncated);
    CHECK(read(message).doubts == Doubts{});
    Bytes error =
        encode_reply(query_for("app.example", type_a), {.rcode = Rcode::nxdomain}, two_addresses);
    error.push_back(1);
    CHECK(read(error).rcode == 3);
    CHECK(read(error).addresses.empty());
    CHECK(read(error).doubts == Doubts{});
}

TEST_CASE("a referral has no answer, no recursion, no authority and no SOA record") {
    const DnsRequest query = query_for("app.example", type_a);
    const auto is_referral = [](const Bytes& message) { return read(message).referral; };
    CHECK(is_referral(without_recursion(encode_reply(query, {}))));
    CHECK(is_referral(without_recursion(with_authority(encode_reply(query, {}), type_ns))));
    CHECK_FALSE(is_referral(without_recursion(encode_reply(query, {.truncated = true}))));
    CHECK_FALSE(is_referral(with_authority(encode_reply(query, {}), type_ns)));
    CHECK_FALSE(is_referral(without_recursion(with_authority(encode_reply(query, {}), type_soa))));
    CHECK_FALSE(is_referral(authoritative(without_recursion(encode_reply(query, {})))));
    CHECK_FALSE(is_referral(without_recursion(good())));
    // The chain ends where this server is no authority any more.
    const std::vector<DnsRecord> cname{cname_record("app.example", "one.example")};
    CHECK(is_referral(authoritative(without_recursion(encode_reply(query, {}, cname)))));
    CHECK_FALSE(is_referral(encode_reply(query, {}, cname)));
}

TEST_CASE("datagrams count by their id, messages over a stream in any pieces") {
    constexpr int datagrams = 3;
    constexpr int stream = 4;
    const Bytes message = good();
    ResponseObserver observer("app.example", AF_INET);
    observer.received(datagrams, message);
    CHECK_FALSE(observer.latest().has_value());
    observer.sent(datagrams, Bytes{query_id >> 8U, query_id & 0xffU, 1, 0});
    observer.received(datagrams, message);
    CHECK(observer.latest().value_or(DnsResponse{}).addresses.size() == 2);
    CHECK_FALSE(observer.was_truncated());
    // c-ares may take the earlier one of two responses.
    observer.received(datagrams, encode_reply(query_for("app.example", type_a), {},
                                              {address_record("app.example", "10.0.0.3"),
                                               address_record("other.example", "10.0.0.4")}));
    const auto has = [&](const char* text) {
        return observer.has_address(parse_ip_address(text).value_or(IpAddress{}));
    };
    CHECK(has("10.0.0.1"));
    CHECK(has("10.0.0.3"));
    CHECK_FALSE(has("10.0.0.4"));

    Bytes framed{0, static_cast<std::uint8_t>(message.size())};
    framed.insert(framed.end(), message.begin(), message.end());
    framed.at(4) |= 0x02U;  // truncated
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, framed.size()}) {
        ResponseObserver other("app.example", AF_INET);
        other.stream_opened(stream);
        for (std::size_t at = 0; at < framed.size(); at += piece) {
            CHECK_FALSE(other.latest().has_value());
            other.received(stream,
                           std::span{framed}.subspan(at, std::min(piece, framed.size() - at)));
        }
        CHECK(other.latest().value_or(DnsResponse{}).doubts == Doubts{Doubt::truncated});
        CHECK_FALSE(other.was_truncated());
    }
}
