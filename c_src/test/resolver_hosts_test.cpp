// SPDX-License-Identifier: Apache-2.0
//
// Many hosts at once: literals, the hosts file, the DNS.
#include <cerrno>
#include <memory>

#include "../hosts.hpp"
#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

HostResolverOptions options_with(const DnsServer& server) {
    HostResolverOptions options;
    options.timeout_ms = never_ms;
    options.grace_ms = never_ms;
    options.concurrency = 8;
    options.max_addresses = 100;
    options.configuration.nameservers = {server.nameserver()};
    return options;
}

std::vector<HostResult> resolve(Loop& loop, Texts hosts, HostResolverOptions options) {
    std::optional<std::vector<HostResult>> results;
    Hosts resolving(loop, std::move(hosts), std::move(options),
                    [&](std::vector<HostResult> got) { results = std::move(got); });
    resolving.start();
    CHECK_FALSE(results.has_value());
    REQUIRE(run_until(loop, [&] { return results.has_value(); }));
    return results.value_or(std::vector<HostResult>{});
}

Texts addresses_of(const HostOutcome& outcome) {
    const auto* const addresses = std::get_if<Addresses>(&outcome);
    return addresses == nullptr ? Texts{} : texts(Outcome{*addresses});
}

std::optional<LookupError> error_of(const HostOutcome& outcome) {
    const auto* const error = std::get_if<LookupError>(&outcome);
    return error == nullptr ? std::nullopt : std::optional{*error};
}

// A hosts file in place of the system's.
struct HostsFileOf {
    explicit HostsFileOf(const std::string& text) : file(text) {}
    TemporaryFile file;
    Variable variable{"CARES_HOSTS", file.path().c_str()};
};

}  // namespace

TEST_CASE("hosts: literals, localhost, the hosts file and the DNS, in the order asked for") {
    const HostsFileOf file("192.0.2.7 seven.example seven\nfd00::7 seven.example\n");
    Loop loop;
    const DnsServer server(loop, zone({address_record("app.example", "10.0.0.1"),
                                       address_record("seven.example", "10.6.6.6")}));
    const auto results = resolve(loop,
                                 {"app.example", "192.0.2.1", "seven", "gone.example", "localhost",
                                  "seven.example.", "::1", "bad host"},
                                 options_with(server));
    REQUIRE(results.size() == 8);
    CHECK(results[0].host == "app.example");
    CHECK(addresses_of(results[0].outcome) == Texts{"10.0.0.1"});
    CHECK(addresses_of(results[1].outcome) == Texts{"192.0.2.1"});
    CHECK(addresses_of(results[2].outcome) == Texts{"192.0.2.7"});
    CHECK(error_of(results[3].outcome) == nxdomain);
    CHECK(addresses_of(results[4].outcome) == Texts{"127.0.0.1"});
    CHECK(addresses_of(results[5].outcome) == Texts{"192.0.2.7"});
    CHECK(error_of(results[6].outcome) == posix_error(EAFNOSUPPORT));
    CHECK(error_of(results[7].outcome) == LookupError{LookupErrorCode::qfmterror});
    CHECK(server.requests().size() == 2);
}

TEST_CASE("hosts: IPv6, and both families with IPv4 first") {
    const HostsFileOf file("fd00::7 seven\n192.0.2.7 seven\n");
    Loop loop;
    const DnsServer server(loop, zone({address_record("app.example", "fd00::1"),
                                       address_record("app.example", "10.0.0.1")}));
    auto options = options_with(server);
    options.families = Families::ipv6;
    const auto ipv6 = resolve(loop, {"app.example", "seven", "localhost"}, options);
    CHECK(addresses_of(ipv6.at(0).outcome) == Texts{"fd00::1"});
    CHECK(addresses_of(ipv6.at(1).outcome) == Texts{"fd00::7"});
    CHECK(addresses_of(ipv6.at(2).outcome) == Texts{"::1"});
    options.families = Families::both;
    const auto both = resolve(loop, {"app.example", "seven", "::1"}, options);
    CHECK(addresses_of(both.at(0).outcome) == Texts{"10.0.0.1", "fd00::1"});
    CHECK(addresses_of(both.at(1).outcome) == Texts{"192.0.2.7", "fd00::7"});
    CHECK(addresses_of(both.at(2).outcome) == Texts{"::1"});
}

TEST_CASE("hosts: a host without addresses of the family is NXDOMAIN, a failing one an error") {
    Loop loop;
    const DnsServer server(loop, [](const DnsRequest& request) {
        return always(request.name == "bad.example" ? Rcode::servfail : Rcode::noerror)(request);
    });
    const auto results = resolve(loop, {"empty.example", "bad.example"}, options_with(server));
    CHECK(error_of(results.at(0).outcome) == nxdomain);
    CHECK(error_of(results.at(1).outcome) == servfail);
}

TEST_CASE("hosts: no more lookups at one time than allowed, and all are done in the end") {
    Loop loop;
    std::size_t most_pending = 0;
    std::size_t pending = 0;
    const DnsServer server(loop, [&](const DnsRequest& request) {
        ++pending;
        most_pending = std::max(most_pending, pending);
        auto replies = zone({address_record(request.name, "10.0.0.1")})(request);
        replies.front().after_ms = 1;
        return replies;
    });
    auto options = options_with(server);
    options.concurrency = 3;
    Texts names;
    for (int i = 0; i < 50; ++i) {
        names.push_back("h" + std::to_string(i) + ".example");
    }
    std::size_t answered = 0;
    bool fair = true;
    HostResolver resolver(loop, options);
    for (const std::string& name : names) {
        resolver.resolve(name, [&](const HostOutcome& outcome) {
            fair = fair && addresses_of(outcome) == Texts{"10.0.0.1"};
            ++answered;
            --pending;
        });
    }
    REQUIRE(run_until(loop, [&] { return answered == names.size(); }));
    CHECK(fair);
    CHECK(most_pending == 3);
}

TEST_CASE("hosts: a literal does not wait for silent names") {
    Loop loop;
    const DnsServer server(loop, silence);
    auto options = options_with(server);
    options.concurrency = 1;
    HostResolver resolver(loop, options);
    int silent = 0;
    bool literal = false;
    resolver.resolve("one.example", [&](const HostOutcome&) { ++silent; });
    resolver.resolve("two.example", [&](const HostOutcome&) { ++silent; });
    resolver.resolve("127.0.0.9", [&](const HostOutcome&) { literal = true; });
    CHECK(run_until(loop, [&] { return literal; }));
    CHECK(silent == 0);
}

TEST_CASE("hosts: at the deadline the rest is a timeout, asked for or not") {
    Loop loop;
    const DnsServer server(loop, silence);
    auto options = options_with(server);
    options.concurrency = 2;
    options.timeout_ms = 100;
    const auto results =
        resolve(loop, {"a.example", "b.example", "c.example", "d.example"}, options);
    for (const HostResult& result : results) {
        CHECK(error_of(result.outcome) == timeout);
    }
    run_for(loop, 20);
    CHECK(server.requests_for("d.example", type_a) == 0);
}

TEST_CASE("hosts: none") {
    Loop loop;
    const DnsServer server(loop, silence);
    CHECK(resolve(loop, {}, options_with(server)).empty());
}

TEST_CASE("hosts: a thousand literals, more than one turn of the loop takes") {
    Loop loop;
    const DnsServer server(loop, silence);
    const auto results = resolve(loop, Texts(1000, "127.0.0.1"), options_with(server));
    REQUIRE(results.size() == 1000);
    CHECK(std::ranges::all_of(results, [](const HostResult& result) {
        return addresses_of(result.outcome) == Texts{"127.0.0.1"};
    }));
}

TEST_CASE("hosts: the resolver may be destroyed in a callback, and at any time") {
    const std::size_t before = descriptors_in_use();
    {
        Loop loop;
        const DnsServer server(loop, zone({address_record("app.example", "10.0.0.1")}));
        auto resolver = std::make_unique<HostResolver>(loop, options_with(server));
        int calls = 0;
        for (const auto* const host : {"127.0.0.1", "127.0.0.2", "app.example"}) {
            resolver->resolve(host, [&](const HostOutcome&) {
                ++calls;
                resolver.reset();
            });
        }
        REQUIRE(run_until(loop, [&] { return calls > 0; }));
        run_for(loop, 20);
        CHECK(calls == 1);

        resolver = std::make_unique<HostResolver>(loop, options_with(server));
        bool done = false;
        resolver->resolve("app.example", [&](const HostOutcome&) {
            resolver.reset();
            done = true;
        });
        CHECK(run_until(loop, [&] { return done; }));

        HostResolver never_run(loop, options_with(server));
        never_run.resolve("app.example", [](const HostOutcome&) {});
    }
    CHECK(open_descriptors() == before);
}
