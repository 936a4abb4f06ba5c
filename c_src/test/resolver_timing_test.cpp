// SPDX-License-Identifier: Apache-2.0
//
// Lookups with slow, silent and missing name servers. No test measures time: a lookup that waits
// for more than it should has no result within the limit of the test.
#include <cerrno>
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

// A port of 127.0.0.1 that nobody listens on.
std::string closed_port(Loop& loop) {
    const DnsServer gone(loop, silence);
    return gone.nameserver();
}

}  // namespace

TEST_CASE("once one family has addresses the other gets the grace, not the whole deadline") {
    Loop loop;
    const DnsServer server(loop, by_type(type_aaaa, silence, both_families()));
    auto options = options_for(host, {server.nameserver()});
    options.grace_ms = 50;
    const auto result = look_up(loop, std::move(options));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(error_in(result.outcomes.aaaa) == timeout);
}

TEST_CASE("an answer within the grace counts") {
    Loop loop;
    const DnsServer server(loop, by_type(type_aaaa, late(both_families(), 50), both_families()));
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("no data in one family starts no grace") {
    Loop loop;
    const DnsServer server(loop,
                           by_type(type_aaaa, late(both_families(), 100), always(Rcode::noerror)));
    auto options = options_for(host, {server.nameserver()});
    options.grace_ms = 0;
    const auto result = look_up(loop, std::move(options));
    CHECK(is_no_data(result.outcomes.a));
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("at the deadline a silent server is a timeout in both families") {
    Loop loop;
    const DnsServer server(loop, silence);
    auto options = options_for(host, {server.nameserver()});
    options.timeout_ms = 100;
    const auto result = look_up(loop, std::move(options));
    CHECK(result.candidate == "app.example");
    CHECK(error_in(result.outcomes.a) == timeout);
    CHECK(error_in(result.outcomes.aaaa) == timeout);
    CHECK(server.requests_for("app.example", type_a) == 1);
}

TEST_CASE("an answer later than the deadline does not count") {
    Loop loop;
    const DnsServer server(loop, late(both_families(), never_ms));
    auto options = options_for(host, {server.nameserver()});
    options.timeout_ms = 50;
    const auto result = look_up(loop, std::move(options));
    CHECK(error_in(result.outcomes.a) == timeout);
    CHECK(error_in(result.outcomes.aaaa) == timeout);
}

TEST_CASE("at the deadline the family that has addresses keeps them") {
    Loop loop;
    const DnsServer server(loop, by_type(type_a, silence, both_families()));
    auto options = options_for(host, {server.nameserver()});
    options.timeout_ms = 200;
    const auto result = look_up(loop, std::move(options));
    CHECK(error_in(result.outcomes.a) == timeout);
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a sole server that takes 0.4, 2 or 4 s is heard") {
    Loop loop;
    // Only the first question of each family is answered, so repeating it must not give it up.
    struct Slow {
        Slow(Loop& loop, std::uint64_t after_ms)
            : server(loop, [after_ms, answers = 0](const DnsRequest& request) mutable {
                  return answers++ < 2 ? late(both_families(), after_ms)(request)
                                       : std::vector<DnsReply>{};
              }) {}
        DnsServer server;
        std::optional<LookupResult> result;
        std::unique_ptr<Lookup> lookup;
    };
    std::list<Slow> slow;
    for (const std::uint64_t after_ms : {400, 2000, 4000}) {
        Slow& one = slow.emplace_back(loop, after_ms);
        one.lookup = std::make_unique<Lookup>(
            loop, options_for(host, {one.server.nameserver()}),
            [&one](LookupResult result) { one.result = std::move(result); });
        one.lookup->start();
    }
    REQUIRE(run_until(loop, [&] {
        return std::ranges::all_of(slow, [](const Slow& one) { return one.result.has_value(); });
    }));
    for (const Slow& one : slow) {
        const FamilyOutcomes outcomes = one.result.value_or(LookupResult{}).outcomes;
        CHECK(texts(outcomes.a) == Texts{"10.0.0.1"});
        CHECK(texts(outcomes.aaaa) == Texts{"fd00::1"});
    }
    CHECK(slow.back().server.requests_for("app.example", type_a) > 1);
}

TEST_CASE("a lost question is asked again") {
    Loop loop;
    int dropped = 0;
    const DnsServer server(loop, [&dropped](const DnsRequest& request) {
        return dropped++ < 2 ? std::vector<DnsReply>{} : both_families()(request);
    });
    const auto result = look_up(loop, options_for(host, {server.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}

TEST_CASE("a dead first server is not waited for, and not forgotten") {
    Loop loop;
    const DnsServer first(loop, silence);
    const DnsServer second(loop, both_families());
    const auto result = look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(first.requests_for("app.example", type_a) == 1);
    CHECK(second.requests_for("app.example", type_a) == 1);
}

TEST_CASE("a slow first server is heard though the second is dead") {
    Loop loop;
    const DnsServer first(loop, late(both_families(), 600));
    const DnsServer second(loop, silence);
    const auto result = look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(second.requests_for("app.example", type_a) == 1);
}

TEST_CASE("a failing first server leads to the second at once") {
    for (const Rcode rcode : {Rcode::servfail, Rcode::refused, Rcode::notimp}) {
        Loop loop;
        const DnsServer first(loop, always(rcode));
        const DnsServer second(loop, both_families());
        const auto result =
            look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
        CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
        CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    }
}

TEST_CASE("NXDOMAIN and no data are answers: the second server is not asked") {
    for (const Rcode rcode : {Rcode::nxdomain, Rcode::noerror}) {
        Loop loop;
        const DnsServer first(loop, always(rcode));
        const DnsServer second(loop, both_families());
        const auto result =
            look_up(loop, options_for(host, {first.nameserver(), second.nameserver()}));
        CHECK_FALSE(result.outcomes.have_addresses());
        CHECK(second.requests().empty());
    }
}

TEST_CASE("with no server at all the connection is refused, well before the deadline") {
    Loop loop;
    const auto result = look_up(loop, options_for(host, {closed_port(loop)}));
    CHECK(error_in(result.outcomes.a) == posix_error(ECONNREFUSED));
    CHECK(error_in(result.outcomes.aaaa) == posix_error(ECONNREFUSED));
}

// Connecting to the broadcast address is refused by the system, so no packet leaves.
TEST_CASE("a question that cannot be sent has the error of the system, and no call from start") {
    Loop loop;
    const auto result = look_up(loop, options_for(host, {"255.255.255.255:53"}));
    CHECK(error_in(result.outcomes.a) == posix_error(EACCES));
    CHECK(error_in(result.outcomes.aaaa) == posix_error(EACCES));
}

TEST_CASE("what a server said is told rather than that another could not be reached") {
    Loop loop;
    const DnsServer second(loop, always(Rcode::servfail));
    const auto result = look_up(loop, options_for(host, {closed_port(loop), second.nameserver()}));
    CHECK(error_in(result.outcomes.a) == servfail);
}

TEST_CASE("many name servers that all fail end the lookup with the first one's error") {
    Loop loop;
    const DnsServer first(loop, always(Rcode::refused));
    const DnsServer second(loop, always(Rcode::servfail));
    const DnsServer third(loop, always(Rcode::servfail));
    const auto result = look_up(
        loop, options_for(host, {first.nameserver(), second.nameserver(), third.nameserver()}));
    CHECK(error_in(result.outcomes.a) == refused);
    CHECK(third.requests_for("app.example", type_aaaa) == 1);
}

TEST_CASE("a lookup may be destroyed at any moment, and leaves no descriptor open") {
    const std::vector<DnsScript> scripts{both_families(),
                                         silence,
                                         late(both_families(), 5),
                                         by_transport(both_families(), truncated),
                                         by_transport(silence, truncated),
                                         by_type(type_aaaa, silence, both_families()),
                                         always(Rcode::servfail),
                                         always(Rcode::nxdomain)};
    const std::size_t before = descriptors_in_use();
    for (std::size_t script = 0; script < scripts.size(); ++script) {
        for (int steps = 0; steps < 24; ++steps) {
            CAPTURE(script);
            CAPTURE(steps);
            Loop loop;
            const DnsServer server(loop, scripts[script]);
            auto options = options_for("app.example", {server.nameserver(), closed_port(loop)});
            options.configuration.search.domains = {"one.example", "two.example"};
            int results = 0;
            {
                Lookup lookup(loop, std::move(options),
                              [&results](const LookupResult&) { ++results; });
                lookup.start();
                for (int step = 0; step < steps && results == 0; ++step) {
                    run_for(loop, 1);
                }
            }
            const int results_then = results;
            loop.run_nowait();
            loop.run_nowait();
            CHECK(results == results_then);
        }
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a lookup may be destroyed in its own callback") {
    Loop loop;
    const DnsServer server(loop, both_families());
    std::unique_ptr<Lookup> lookup;
    bool done = false;
    lookup = std::make_unique<Lookup>(loop, options_for(host, {server.nameserver()}),
                                      [&](const LookupResult&) {
                                          lookup.reset();
                                          done = true;
                                      });
    lookup->start();
    CHECK(run_until(loop, [&] { return done; }));
}

TEST_CASE("a lookup that was never started leaves nothing behind") {
    const std::size_t before = descriptors_in_use();
    {
        Loop loop;
        const Lookup lookup(loop, options_for(host, {"127.0.0.1:1"}), [](const LookupResult&) {});
    }
    CHECK(open_descriptors() == before);
}
