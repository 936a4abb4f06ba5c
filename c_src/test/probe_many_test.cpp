// SPDX-License-Identifier: Apache-2.0
#include "../probe.hpp"

#include <doctest/doctest.h>

#include "probe_support.hpp"

using namespace barnacle;
using namespace barnacle::epmd_test;

using Code = ProbeErrorCode;

namespace {

const ProbeOutcome ok = std::nullopt;

std::vector<ProbeTarget> app_on(const std::vector<std::string>& hosts) {
    std::vector<ProbeTarget> targets;
    targets.reserve(hosts.size());
    for (const std::string& host : hosts) {
        targets.push_back({"app", host});
    }
    return targets;
}

}  // namespace

TEST_SUITE("probe: many nodes") {
    TEST_CASE("none") {
        Loop loop;
        CHECK(probe(loop, probing({}, 4369)).empty());
    }

    TEST_CASE("each has its own outcome, known as soon as it can be") {
        Loop loop;
        const ScriptedEpmd node(loop, "0.0.0.0", 0, silent);
        EpmdFarm farm(loop,
                      {silent, knows({{"app", node.port()}}), knows({{"b", 1}}), replies("")});
        std::vector<std::string> hosts = farm.hosts();
        hosts.emplace_back("127.0.99.99");  // nobody there
        std::vector<std::size_t> order;
        bool done = false;
        Probe probe(
            loop, probing(app_on(hosts), farm.port(), short_ms), no_resolver,
            [&order](std::size_t target, const ProbeOutcome&) { order.push_back(target); },
            [&done] { done = true; });
        REQUIRE(run_until(loop, [&order] { return order.size() == 4; }));
        CHECK_FALSE(done);
        REQUIRE(run_until(loop, [&done] { return done; }));
        CHECK(order.size() == 5);
        CHECK(order.back() == 0);
        CHECK(test::probe(loop, probing(app_on(hosts), farm.port(), short_ms)) ==
              Outcomes{failed(Code::epmd_timeout), ok, not_registered({"b"}),
                       failed(Code::epmd_bad_reply), failed(Code::epmd_refused)});
    }

    TEST_CASE("two of one host, and one twice: one question each, one list of names") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"a", node.port()}, {"b", node.port()}}));
        const std::string host = "127.0.0.2";
        CHECK(probe(loop, probing({{"a", host}, {"x", host}, {"b", host}, {"y", host}, {"a", host}},
                                  epmd.port())) ==
              Outcomes{ok, not_registered({"a", "b"}), ok, not_registered({"a", "b"}), ok});
        CHECK(epmd.accepted() == 6);
    }

    TEST_CASE("a thousand, never more at one time than allowed") {
        Loop loop;
        const ScriptedEpmd node(loop, "0.0.0.0", 0, silent);
        EpmdFarm farm(loop, std::vector<EpmdScript>(1000, knows({{"app", node.port()}})));
        ProbeOptions options = probing(app_on(farm.hosts()), farm.port());
        options.concurrency = 50;
        CHECK(probe(loop, options) == Outcomes(1000, ok));
        CHECK(farm.most_open() <= 50);
        CHECK(farm.most_open() > 1);
    }

    TEST_CASE("one at a time") {
        Loop loop;
        EpmdFarm farm(loop, std::vector<EpmdScript>(5, knows({})));
        for (const std::size_t concurrency : {0, 1}) {
            ProbeOptions options = probing(app_on(farm.hosts()), farm.port());
            options.concurrency = concurrency;
            CHECK(probe(loop, options) == Outcomes(5, not_registered({})));
        }
    }

    TEST_CASE("silent ones do not keep others from their turn") {
        Loop loop;
        const ScriptedEpmd node(loop, "0.0.0.0", 0, silent);
        std::vector<EpmdScript> scripts(12, silent);
        scripts.insert(scripts.end(), 2, knows({{"app", node.port()}}));
        EpmdFarm farm(loop, scripts);
        ProbeOptions options = probing(app_on(farm.hosts()), farm.port(), 3 * short_ms);
        options.concurrency = 4;
        Outcomes expected(12, failed(Code::epmd_timeout));
        expected.insert(expected.end(), 2, ok);
        CHECK(probe(loop, options) == expected);
    }

    TEST_CASE("each has its own time, and no more, where the whole has plenty") {
        // Two silent ones at a time: the share of each is more than its own time.
        for (const std::size_t concurrency : {2, 64}) {
            Loop loop;
            const ScriptedEpmd node(loop, "0.0.0.0", 0, silent);
            std::vector<EpmdScript> scripts(4, silent);
            scripts.push_back(knows({{"app", node.port()}}));
            EpmdFarm farm(loop, scripts);
            ProbeOptions options = probing(app_on(farm.hosts()), farm.port());
            options.node_timeout_ms = short_ms;
            options.concurrency = concurrency;
            Outcomes expected(4, failed(Code::epmd_timeout));
            expected.push_back(ok);
            CHECK(probe(loop, options) == expected);
        }
    }

    TEST_CASE("a share that nobody wanted ends at the node's own time") {
        // One place and two names that never resolve: the silent one's share is a third of all.
        Loop loop;
        EpmdFarm farm(loop, {silent});
        TableResolver resolver(loop, {});
        ProbeOptions options =
            probing({{"app", farm.hosts()[0]}, {"app", "a.example"}, {"app", "b.example"}},
                    farm.port(), 3 * short_ms);
        options.concurrency = 1;
        options.node_timeout_ms = 2 * short_ms;
        std::vector<std::size_t> order;
        bool done = false;
        Probe probe(
            loop, options, resolver.function(),
            [&order](std::size_t target, const ProbeOutcome&) { order.push_back(target); },
            [&done] { done = true; });
        REQUIRE(run_until(loop, [&order] { return !order.empty(); }));
        CHECK(order == std::vector<std::size_t>{0});
        CHECK_FALSE(done);
    }

    TEST_CASE("a host that resolves late has its own time from then on") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"app", node.port()}}));
        TableResolver resolver(loop, {});
        Timer late(loop, [&] { resolver.unanswered.at(0)(addresses({"127.0.0.2"})); });
        late.start(2 * short_ms);
        ProbeOptions options = probing({{"app", "late.example"}}, epmd.port());
        options.node_timeout_ms = short_ms;
        CHECK(probe(loop, options, resolver.function()) == Outcomes{ok});
    }

    TEST_CASE("it may be destroyed before it is done, and the resolver answer after that") {
        Loop loop;
        EpmdFarm farm(loop, {silent});
        TableResolver resolver(loop, {});
        std::vector<std::string> hosts = farm.hosts();
        hosts.emplace_back("a.example");
        {
            const Probe probe(
                loop, probing(app_on(hosts), farm.port()), resolver.function(),
                [](std::size_t, const ProbeOutcome&) { FAIL("an outcome"); }, [] { FAIL("done"); });
            REQUIRE(run_until(loop, [&farm] { return farm.at(0).open() == 1; }));
        }
        REQUIRE(run_until(loop, [&farm] { return farm.at(0).open() == 0; }));
        resolver.unanswered.at(0)(LookupError{});
    }
}

TEST_SUITE("probe: hosts by name") {
    TEST_CASE("are resolved once each, and say why they don't resolve") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"a", node.port()}}));
        TableResolver resolver(loop, {{"a.example", addresses({"127.0.0.2"})},
                                      {"none.example", LookupError{LookupErrorCode::nxdomain}},
                                      {"bad.example", LookupError{LookupErrorCode::servfail}}});
        CHECK(probe(loop,
                    probing({{"a", "a.example"},
                             {"a", "none.example"},
                             {"a", "bad.example"},
                             {"b", "a.example"}},
                            epmd.port()),
                    resolver.function()) == Outcomes{ok, failed(Code::nxdomain),
                                                     lookup_failed({LookupErrorCode::servfail}),
                                                     not_registered({"a"})});
        CHECK(resolver.asked ==
              std::vector<std::string>{"a.example", "bad.example", "none.example"});
    }

    TEST_CASE("whose address is never told cost the others nothing") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"app", node.port()}}));
        TableResolver resolver(loop, {});
        ProbeOptions options =
            probing({{"app", "silent.example"}, {"app", "127.0.0.2"}}, epmd.port(), short_ms);
        options.concurrency = 1;
        CHECK(probe(loop, options, resolver.function()) ==
              Outcomes{lookup_failed({LookupErrorCode::timeout}), ok});
    }

    TEST_CASE("with several addresses are tried at each; the node is where the EPMD answers") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.3", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.3", 0, knows({{"app", node.port()}}));
        TableResolver resolver(loop, {{"a.example", addresses({"127.0.0.4", "127.0.0.3"})}});
        CHECK(probe(loop, probing({{"app", "a.example"}}, epmd.port()), resolver.function()) ==
              Outcomes{ok});
        TableResolver nobody(loop, {{"a.example", addresses({"127.0.0.4", "127.0.0.5"})}});
        CHECK(probe(loop, probing({{"app", "a.example"}}, epmd.port()), nobody.function()) ==
              Outcomes{failed(Code::epmd_refused)});
    }
}
