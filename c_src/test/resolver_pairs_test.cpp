// SPDX-License-Identifier: Apache-2.0
//
// Middle boxes that let one query through at a time: resolv.conf(5), option single-request.
#include <optional>

#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

constexpr auto host = "app.example.";

DnsScript both_families() {
    return zone(
        {address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1")});
}

// Drops a query that comes within 50 ms of the one before.
class Box {
 public:
    explicit Box(Loop& loop) : loop_(loop) {}

    std::vector<DnsReply> operator()(const DnsRequest& request) {
        const std::uint64_t now_ms = loop_.now_ms();
        const bool is_close = latest_ms_ && now_ms - *latest_ms_ < 50;
        latest_ms_ = now_ms;
        return is_close ? std::vector<DnsReply>{} : both_families()(request);
    }

 private:
    Loop& loop_;
    std::optional<std::uint64_t> latest_ms_;
};

}  // namespace

TEST_CASE("the second of two queries that is dropped is repeated within the grace") {
    Loop loop;
    Box box(loop);
    const DnsServer server(loop, [&](const DnsRequest& request) { return box(request); });
    auto options = options_for(host, {server.nameserver()});
    options.grace_ms = 500;  // less than the first repetition would take
    const auto result = look_up(loop, std::move(options));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a query that is due sooner than soon is not put off") {
    Loop loop;
    std::vector<std::uint64_t> came_ms;
    const DnsServer server(loop, [&](const DnsRequest& request) {
        came_ms.push_back(loop.now_ms());
        return came_ms.size() <= 2 ? std::vector<DnsReply>{} : both_families()(request);
    });
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(result.outcomes.have_addresses());
    REQUIRE(came_ms.size() == 4);
    // A has a response at once; AAAA was due 100 ms later than A anyhow.
    CHECK(came_ms[3] - came_ms[2] < repeat_soon_after_ms);
}

TEST_CASE("two queries that are lost together are repeated apart") {
    Loop loop;
    int lost = 0;
    std::vector<std::uint64_t> came_ms;
    const DnsServer server(loop, [&](const DnsRequest& request) {
        came_ms.push_back(loop.now_ms());
        return lost++ < 2 ? std::vector<DnsReply>{} : both_families()(request);
    });
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    REQUIRE(came_ms.size() >= 4);
    CHECK(came_ms[3] - came_ms[2] >= 50);  // half of the offset, whatever the loop's timers do
}

TEST_CASE("a box that drops the second of two queries, again and again, loses none for good") {
    Loop loop;
    Box box(loop);
    int lost = 0;
    const DnsServer first(loop, [&](const DnsRequest& request) {
        return lost++ < 2 ? std::vector<DnsReply>{} : box(request);
    });
    const DnsServer second(loop, [&](const DnsRequest& request) { return box(request); });
    auto options = options_for(host, {first.nameserver(), second.nameserver()});
    options.grace_ms = 1000;
    const auto result = look_up(loop, std::move(options));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}
