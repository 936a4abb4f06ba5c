// SPDX-License-Identifier: Apache-2.0
//
// Lookups of one fully qualified name: what each kind of answer gives.
#include <cerrno>
#include <tuple>

#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

constexpr auto host = "app.example.";

DnsScript both_families() {
    return zone({address_record("app.example", "10.0.0.1"),
                 address_record("app.example", "10.0.0.2"),
                 address_record("app.example", "fd00::1")});
}

LookupResult look_up_with(DnsScript script) {
    Loop loop;
    const DnsServer server(loop, std::move(script));
    return look_up(loop, options_for(host, {server.nameserver()}));
}

}  // namespace

TEST_CASE("A and AAAA records are both found") {
    const auto result = look_up_with(both_families());
    CHECK(result.candidate == "app.example");
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a name with records of one family has no data in the other") {
    const auto a_only = look_up_with(zone({address_record("app.example", "10.0.0.1")}));
    CHECK(texts(a_only.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(is_no_data(a_only.outcomes.aaaa));
    const auto aaaa_only = look_up_with(zone({address_record("app.example", "fd00::1")}));
    CHECK(is_no_data(aaaa_only.outcomes.a));
    CHECK(texts(aaaa_only.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a name with records of neither family has no data in both") {
    const auto result = look_up_with(always(Rcode::noerror));
    CHECK(is_no_data(result.outcomes.a));
    CHECK(is_no_data(result.outcomes.aaaa));
}

TEST_CASE("each response code of RFC 1035 has an error of its own") {
    const std::vector<std::pair<Rcode, LookupErrorCode>> codes{
        {Rcode::nxdomain, LookupErrorCode::nxdomain},
        {Rcode::servfail, LookupErrorCode::servfail},
        {Rcode::refused, LookupErrorCode::refused},
        {Rcode::notimp, LookupErrorCode::notimp},
        {Rcode::formerr, LookupErrorCode::formerr}};
    for (const auto& row : codes) {
        CAPTURE(lookup_error_atom(row.second));
        const auto result = look_up_with(always(row.first));
        CHECK(error_in(result.outcomes.a) == LookupError{row.second});
        CHECK(error_in(result.outcomes.aaaa) == LookupError{row.second});
    }
}

TEST_CASE("an error in one family leaves the other family's addresses") {
    const auto result = look_up_with(by_type(type_aaaa, always(Rcode::servfail), both_families()));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK(error_in(result.outcomes.aaaa) == servfail);
}

TEST_CASE("truncated answers continue over TCP") {
    Loop loop;
    const DnsServer server(loop, by_transport(both_families(), truncated));
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(std::ranges::count_if(server.requests(),
                                [](const auto& request) { return request.tcp; }) == 2);
}

TEST_CASE("an answer that is truncated over TCP too ends the lookup") {
    const auto result = look_up_with(truncated);
    CHECK_FALSE(result.outcomes.have_addresses());
}

TEST_CASE("a TCP connection that is closed without an answer is an error") {
    const DnsScript hang_up = [](const DnsRequest&) -> std::vector<DnsReply> {
        return {{.message = {}, .after_ms = 0, .close = true}};
    };
    const auto result = look_up_with(by_transport(hang_up, truncated));
    CHECK(error_in(result.outcomes.a).has_value());
    CHECK(error_in(result.outcomes.aaaa).has_value());
}

TEST_CASE("an answer of 400 records is taken whole, and in its order") {
    std::vector<DnsRecord> records;
    Texts wanted;
    for (int i = 0; i < 400; ++i) {
        wanted.push_back("10.0." + std::to_string(i / 200) + '.' + std::to_string(i % 200));
        records.push_back(address_record("app.example", wanted.back()));
    }
    const auto result = look_up_with(by_transport(zone(records), truncated));
    CHECK(texts(result.outcomes.a) == wanted);
    CHECK(is_no_data(result.outcomes.aaaa));
}

TEST_CASE("an answer with more addresses than allowed is an error, never a part of it") {
    Loop loop;
    const DnsServer server(loop, both_families());
    auto options = options_for(host, {server.nameserver()});
    options.max_addresses = 1;
    const auto result = look_up(loop, std::move(options));
    CHECK(error_in(result.outcomes.a) == posix_error(EMSGSIZE));
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a chain of CNAMEs is followed") {
    const auto result = look_up_with(zone(
        {cname_record("app.example", "one.example"), cname_record("one.example", "two.example"),
         address_record("two.example", "10.0.0.7"), address_record("two.example", "fd00::7")}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.7"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::7"});
}

TEST_CASE("a loop of CNAMEs and a CNAME to nothing have no addresses") {
    const auto loop = look_up_with(zone(
        {cname_record("app.example", "one.example"), cname_record("one.example", "app.example")}));
    CHECK_FALSE(loop.outcomes.have_addresses());
    const auto dangling = look_up_with(zone({cname_record("app.example", "gone.example")}));
    CHECK_FALSE(dangling.outcomes.have_addresses());
}

TEST_CASE("records of another family in an answer are not taken") {
    const DnsScript mixed = [](const DnsRequest& request) -> std::vector<DnsReply> {
        return {{encode_reply(request, {},
                              {address_record("app.example", "10.0.0.1"),
                               address_record("app.example", "fd00::1")})}};
    };
    const auto result = look_up_with(mixed);
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a reply with a wrong id, or to another question, is passed over") {
    const DnsScript forged = [](const DnsRequest& request) -> std::vector<DnsReply> {
        DnsRequest wrong_id = request;
        wrong_id.id = static_cast<std::uint16_t>(request.id + 1);
        DnsRequest wrong_question = request;
        wrong_question.question.at(1) = 'x';
        const std::vector<DnsRecord> evil{address_record("app.example", "10.6.6.6"),
                                          address_record("app.example", "fd00::666")};
        auto replies = both_families()(request);
        replies.front().after_ms = 50;
        replies.insert(replies.begin(), {encode_reply(wrong_id, {}, evil)});
        replies.insert(replies.begin(), {encode_reply(wrong_question, {}, evil)});
        return replies;
    };
    const auto result = look_up_with(forged);
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("an answer that cannot be decoded is an error") {
    const DnsScript garbage = [](const DnsRequest& request) -> std::vector<DnsReply> {
        Bytes cut = encode_reply(request, {}, {address_record("app.example", "10.0.0.1")});
        cut.resize(cut.size() - 3);
        return {{std::move(cut)}};
    };
    const auto result = look_up_with(garbage);
    CHECK(error_in(result.outcomes.a) == LookupError{LookupErrorCode::formerr});
    CHECK(error_in(result.outcomes.aaaa) == LookupError{LookupErrorCode::formerr});
}

TEST_CASE("datagrams that are no DNS messages are passed over") {
    for (const Bytes& junk : {Bytes{}, Bytes{0xff, 0x00}, Bytes(11, 0xaa), Bytes(500, 0x5c)}) {
        CAPTURE(junk.size());
        int junk_sent = 0;  // with the first answer of each family
        const auto result = look_up_with([&](const DnsRequest& request) {
            auto replies = both_families()(request);
            if (junk_sent++ < 2) {
                replies.front().after_ms = 20;
                replies.insert(replies.begin(), {junk});
            }
            return replies;
        });
        CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
        CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    }
}

TEST_CASE("a server that does not know EDNS is asked without it") {
    Loop loop;
    const DnsServer server(loop, [](const DnsRequest& request) {
        return request.edns ? always(Rcode::formerr)(request) : both_families()(request);
    });
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(server.requests().front().edns);
}

TEST_CASE("a name server may have an IPv6 address") {
    Loop loop;
    const DnsServer server(loop, both_families(), "::1");
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1", "10.0.0.2"});
}

TEST_CASE("one family alone is asked for where only one is wanted") {
    for (const auto& [families, wanted, other] :
         {std::tuple{Families::ipv6, type_aaaa, type_a}, {Families::ipv4, type_a, type_aaaa}}) {
        Loop loop;
        const DnsServer server(loop, by_type(wanted, both_families(), silence));
        auto options = options_for(host, {server.nameserver()});
        options.families = families;
        const auto result = look_up(loop, std::move(options));
        const bool is_a = wanted == type_a;
        CHECK(is_not_wanted(is_a ? result.outcomes.aaaa : result.outcomes.a));
        CHECK(has_addresses(is_a ? result.outcomes.a : result.outcomes.aaaa));
        CHECK(server.requests_for("app.example", other) == 0);
        CHECK(result.queried.empty());
    }
}

TEST_CASE("a preferred family with addresses is enough: the other one is not waited for") {
    for (const auto& [families, preferred] :
         {std::pair{Families::prefer_ipv6, type_aaaa}, {Families::prefer_ipv4, type_a}}) {
        Loop loop;
        const DnsServer server(loop, by_type(preferred, both_families(), silence));
        auto options = options_for(host, {server.nameserver()});
        options.families = families;
        const auto result = look_up(loop, std::move(options));
        const bool is_a = preferred == type_a;
        CHECK(is_not_wanted(is_a ? result.outcomes.aaaa : result.outcomes.a));
        CHECK(has_addresses(is_a ? result.outcomes.a : result.outcomes.aaaa));
        CHECK(result.queried.empty());
    }
}

TEST_CASE("a preferred family that answers last, or after an error of the other, is enough too") {
    for (const auto& other : {both_families(), always(Rcode::servfail)}) {
        Loop loop;
        const DnsServer server(loop, by_type(type_a, late(both_families(), 100), other));
        auto options = options_for(host, {server.nameserver()});
        options.families = Families::prefer_ipv4;
        const auto result = look_up(loop, std::move(options));
        CHECK(has_addresses(result.outcomes.a));
        CHECK(is_not_wanted(result.outcomes.aaaa));
        CHECK(result.queried.empty());
    }
}

TEST_CASE("a host without the preferred family has the other one") {
    Loop loop;
    const DnsServer server(loop,
                           by_type(type_aaaa, late(both_families(), 50), always(Rcode::noerror)));
    auto options = options_for(host, {server.nameserver()});
    options.families = Families::prefer_ipv4;
    const auto result = look_up(loop, std::move(options));
    CHECK(is_no_data(result.outcomes.a));
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a preferred family that is silent gets the grace, and is a timeout") {
    Loop loop;
    const DnsServer server(loop, by_type(type_a, silence, both_families()));
    auto options = options_for(host, {server.nameserver()});
    options.families = Families::prefer_ipv4;
    options.grace_ms = 50;
    const auto result = look_up(loop, std::move(options));
    CHECK(error_in(result.outcomes.a) == timeout);
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(result.queried == std::vector<Queried>{{"app.example", server.nameserver(), timeout}});
}

TEST_CASE("IP literals and localhost are answered without a query") {
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto answer = [&](const char* name) {
        return look_up(loop, options_for(name, {server.nameserver()}));
    };
    CHECK(texts(answer("192.0.2.1").outcomes.a) == Texts{"192.0.2.1"});
    CHECK(is_no_data(answer("192.0.2.1").outcomes.aaaa));
    CHECK(texts(answer("2001:db8::1").outcomes.aaaa) == Texts{"2001:db8::1"});
    CHECK(is_no_data(answer("2001:db8::1").outcomes.a));
    for (const auto* const name : {"localhost", "LocalHost.", "app.localhost"}) {
        CAPTURE(name);
        CHECK(texts(answer(name).outcomes.a) == Texts{"127.0.0.1"});
        CHECK(texts(answer(name).outcomes.aaaa) == Texts{"::1"});
    }
    CHECK(server.requests().empty());
}

TEST_CASE("a name that cannot be asked for is a query format error") {
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto result = look_up(loop, options_for("app@example", {server.nameserver()}));
    CHECK(error_in(result.outcomes.a) == LookupError{LookupErrorCode::qfmterror});
    CHECK(server.requests().empty());
}
