// SPDX-License-Identifier: Apache-2.0
#include "../epmd.hpp"

#include <cerrno>

#include <doctest/doctest.h>

#include "epmd_support.hpp"

using namespace barnacle;
using namespace barnacle::epmd_test;

using End = EpmdScript::End;

TEST_SUITE("epmd: many hosts") {
    TEST_CASE("none") {
        Loop loop;
        CHECK(ask(loop, options_for({}, 4369)).empty());
    }

    TEST_CASE("each has its own outcome, in the order asked for") {
        Loop loop;
        EpmdFarm farm(loop, {
                                one_name_reply,
                                silent,
                                replies("name a at port 0\n"),
                                {.pieces = {}, .end = End::reset},
                                {.pieces = {std::string(4096, 'x')}, .endless = true},
                                replies(""),
                            });
        std::vector<std::string> hosts = farm.hosts();
        hosts.emplace_back("127.0.99.99");  // nobody there
        hosts.push_back(farm.hosts()[0]);   // asked for twice
        CHECK(ask(loop, options_for(hosts, farm.port(), short_ms)) ==
              Result{one_name, timed_out, bad_reply, connection_error(ECONNRESET), bad_reply,
                     Names{}, connection_error(ECONNREFUSED), one_name});
    }

    TEST_CASE("a thousand, never more at one time than allowed") {
        Loop loop;
        EpmdFarm farm(loop, std::vector<EpmdScript>(1000, one_name_reply));
        EpmdNamesOptions options = options_for(farm.hosts(), farm.port());
        options.concurrency = 50;
        CHECK(ask(loop, options) == Result(1000, one_name));
        CHECK(farm.most_open() <= 50);
        CHECK(farm.most_open() > 1);
    }

    TEST_CASE("one at a time") {
        Loop loop;
        EpmdFarm farm(loop, std::vector<EpmdScript>(5, one_name_reply));
        for (const std::size_t concurrency : {0, 1}) {
            EpmdNamesOptions options = options_for(farm.hosts(), farm.port());
            options.concurrency = concurrency;
            CHECK(ask(loop, options) == Result(5, one_name));
        }
    }

    TEST_CASE("silent ones do not keep others from their turn") {
        Loop loop;
        std::vector<EpmdScript> scripts(12, silent);
        scripts.emplace_back(one_name_reply);
        scripts.emplace_back(one_name_reply);
        EpmdFarm farm(loop, scripts);
        EpmdNamesOptions options = options_for(farm.hosts(), farm.port(), 3 * short_ms);
        options.concurrency = 4;
        Result expected(12, timed_out);
        expected.insert(expected.end(), {one_name, one_name});
        CHECK(ask(loop, options) == expected);
    }

    TEST_CASE("a slow one has all the time when nobody waits for its place") {
        Loop loop;
        // Two places, three hosts: the slow one's share is half the time, and it takes more.
        const EpmdScript slow{.pieces = {epmd_header + "name a at port 4000\n"},
                              .pause_ms = short_ms * 12 / 10};
        EpmdFarm farm(loop, {slow, one_name_reply, one_name_reply});
        EpmdNamesOptions options = options_for(farm.hosts(), farm.port(), 2 * short_ms);
        options.concurrency = 2;
        CHECK(ask(loop, options) == Result(3, one_name));
    }
}

TEST_SUITE("epmd: hosts by name") {
    TEST_CASE("are resolved, addresses are not") {
        Loop loop;
        EpmdFarm farm(loop, {one_name_reply, replies("")});
        TableResolver resolver(loop, {{"a.example", addresses({farm.hosts()[0].c_str()})},
                                      {"none.example", LookupError{LookupErrorCode::nxdomain}},
                                      {"bad.example", posix_error(ENOMEM)}});
        CHECK(ask(loop,
                  options_for({"none.example", "a.example", farm.hosts()[1], "bad.example"},
                              farm.port()),
                  resolver.function()) == Result{LookupError{LookupErrorCode::nxdomain}, one_name,
                                                 Names{}, posix_error(ENOMEM)});
        CHECK(resolver.asked ==
              std::vector<std::string>{"none.example", "a.example", "bad.example"});
    }

    TEST_CASE("whose address is never told have timed out, and cost the others nothing") {
        Loop loop;
        EpmdFarm farm(loop, {one_name_reply, one_name_reply});
        TableResolver resolver(loop, {{"a.example", addresses({farm.hosts()[0].c_str()})}});
        std::vector<std::string> hosts(20, "silent.example");
        hosts.emplace_back("a.example");
        hosts.push_back(farm.hosts()[1]);
        EpmdNamesOptions options = options_for(hosts, farm.port(), short_ms);
        options.concurrency = 2;
        Result expected(20, timed_out);
        expected.insert(expected.end(), {one_name, one_name});
        CHECK(ask(loop, options, resolver.function()) == expected);
        resolver.unanswered.front()(LookupError{});  // too late: nobody is there, nothing happens
    }

    TEST_CASE("that come late take the place of one past its share") {
        // Its share ends after half the time; they come before and after that.
        for (const std::uint64_t late_ms : {short_ms * 3 / 4, short_ms * 5 / 4}) {
            Loop loop;
            EpmdFarm farm(loop, {silent, one_name_reply});
            TableResolver resolver(loop, {});
            Timer late(loop,
                       [&] { resolver.unanswered.at(0)(addresses({farm.hosts()[1].c_str()})); });
            late.start(late_ms);
            EpmdNamesOptions options =
                options_for({farm.hosts()[0], "late.example"}, farm.port(), 2 * short_ms);
            options.concurrency = 1;
            CAPTURE(late_ms);
            CHECK(ask(loop, options, resolver.function()) == Result{timed_out, one_name});
        }
    }

    TEST_CASE("that come late take no place of one past its share that has answered") {
        Loop loop;
        // The share of the first is a third of the time.
        const EpmdScript slow{.pieces = {epmd_header + "name a at port 4000\n"},
                              .pause_ms = 2 * short_ms};
        EpmdFarm farm(loop, {slow, silent, one_name_reply});
        TableResolver resolver(loop, {});
        Timer second(loop,
                     [&] { resolver.unanswered.at(0)(addresses({farm.hosts()[1].c_str()})); });
        farm.at(0).on_change = [&] {
            if (farm.at(0).open() == 0) {
                second.start(short_ms / 10);  // the reply is on its way yet
            }
        };
        farm.at(1).on_change = [&] {
            if (farm.at(1).open() == 1) {
                resolver.unanswered.at(1)(addresses({farm.hosts()[2].c_str()}));
            }
        };
        EpmdNamesOptions options = options_for({farm.hosts()[0], "second.example", "third.example"},
                                               farm.port(), 4 * short_ms);
        options.concurrency = 1;
        CHECK(ask(loop, options, resolver.function()) == Result{one_name, timed_out, one_name});
    }

    TEST_CASE("with several addresses are asked at the first that connects") {
        Loop loop;
        EpmdFarm farm(loop, {replies(""), one_name_reply});
        const char* first = farm.hosts()[0].c_str();
        const char* second = farm.hosts()[1].c_str();
        TableResolver resolver(loop, {{"both", addresses({first, second})},
                                      {"second", addresses({"127.0.99.99", "127.0.99.98", second})},
                                      {"refused", addresses({"127.0.99.99", "127.0.99.98"})}});
        CHECK(ask(loop, options_for({"both", "second", "refused"}, farm.port()),
                  resolver.function()) ==
              Result{Names{}, one_name, connection_error(ECONNREFUSED)});
        CHECK(farm.at(1).accepted() == 1);
    }

    TEST_CASE("whose first address is dead are asked at the second") {
        Loop loop;
        const DeadHost dead;
        ScriptedEpmd epmd(loop, "127.0.0.3", dead.port(), one_name_reply);
        TableResolver resolver(loop, {{"host", addresses({"127.0.0.2", "127.0.0.3"})}});
        CHECK(ask(loop, options_for({"host"}, dead.port()), resolver.function()) ==
              Result{one_name});
    }

    TEST_CASE("that have connected are not left for another address, however slow") {
        Loop loop;
        const EpmdScript slow{.pieces = {epmd_header + "name a at port 4000\n"}, .pause_ms = 600};
        EpmdFarm farm(loop, {slow, replies("")});
        TableResolver resolver(
            loop, {{"host", addresses({farm.hosts()[0].c_str(), farm.hosts()[1].c_str()})}});
        CHECK(ask(loop, options_for({"host"}, farm.port()), resolver.function()) ==
              Result{one_name});
        CHECK(farm.at(0).accepted() == 1);
        CHECK(farm.at(1).accepted() == 0);
    }

    TEST_CASE("whose addresses all fail say what the first one's error was") {
        Loop loop;
        const ClosedPort closed;
        const Addresses refused = addresses({"127.0.0.2"});
        TableResolver resolver(loop, {{"host", {Addresses{IpAddress{}, refused[0]}}},
                                      {"other", {Addresses{refused[0], IpAddress{}}}}});
        CHECK(ask(loop, options_for({"host", "other"}, closed.port()), resolver.function()) ==
              Result{connection_error(EINVAL), connection_error(ECONNREFUSED)});
    }
}

TEST_SUITE("epmd: ending") {
    TEST_CASE("at any moment closes all connections and says nothing more") {
        for (const bool with_names : {false, true}) {
            Loop loop;
            EpmdFarm farm(loop, {silent, silent, one_name_reply});
            TableResolver resolver(loop, {});
            std::vector<std::string> hosts = farm.hosts();
            if (with_names) {
                hosts.emplace_back("silent.example");
            }
            std::optional<EpmdNames> names;
            names.emplace(loop, options_for(hosts, farm.port()), resolver.function(),
                          [](const Result&) { FAIL("a result after the end"); });
            REQUIRE(
                run_until(loop, [&] { return farm.at(0).open() == 1 && farm.at(1).open() == 1; }));
            names.reset();
            REQUIRE(run_until(loop, [&] { return farm.at(0).open() + farm.at(1).open() == 0; }));
            for (const auto& on_resolved : resolver.unanswered) {
                on_resolved(addresses({"127.0.0.1"}));
            }
        }
    }

    TEST_CASE("before the loop has run") {
        Loop loop;
        const EpmdNames names(loop, options_for({"127.0.0.2"}, 4369), no_resolver,
                              [](const Result&) { FAIL("a result after the end"); });
    }

    TEST_CASE("while connecting") {
        Loop loop;
        const DeadHost dead;
        std::optional<EpmdNames> names;
        names.emplace(loop, options_for({"127.0.0.2"}, dead.port()), no_resolver,
                      [](const Result&) { FAIL("a result after the end"); });
        for (int i = 0; i < 5; ++i) {
            loop.run_nowait();
        }
        names.reset();
        loop.run_nowait();
    }

    TEST_CASE("in the callback with the result") {
        Loop loop;
        EpmdFarm farm(loop, {one_name_reply, silent});
        bool done = false;
        std::unique_ptr<EpmdNames> names;
        for (const std::vector<std::string>& hosts :
             {std::vector<std::string>{}, {farm.hosts()[0]}, farm.hosts()}) {
            done = false;
            names = std::make_unique<EpmdNames>(loop, options_for(hosts, farm.port(), 50),
                                                no_resolver, [&](const Result& result) {
                                                    CHECK(result.size() == hosts.size());
                                                    names.reset();
                                                    done = true;
                                                });
            REQUIRE(run_until(loop, [&done] { return done; }));
        }
    }

    TEST_CASE("is not needed after the result") {
        Loop loop;
        EpmdFarm farm(loop, {one_name_reply, silent});
        TableResolver resolver(loop, {});
        int results = 0;
        const EpmdNames early(loop, options_for({farm.hosts()[0]}, farm.port(), 50), no_resolver,
                              [&](const Result&) { ++results; });
        const EpmdNames late(loop,
                             options_for({farm.hosts()[1], "silent.example"}, farm.port(), 50),
                             resolver.function(), [&](const Result&) { ++results; });
        bool over = false;
        Timer end(loop, [&] { over = true; });
        Timer after(loop, [&] {
            resolver.unanswered.at(0)(addresses({farm.hosts()[0].c_str()}));
            end.start(50);
        });
        after.start(200);
        REQUIRE(run_until(loop, [&] { return over && farm.at(1).open() == 0; }));
        CHECK(results == 2);
        CHECK(farm.at(0).accepted() == 1);
    }

    TEST_CASE("leaves no descriptor") {
        { Loop first; }
        const auto before = test::open_descriptors();
        for (int i = 0; i < 20; ++i) {
            Loop loop;
            EpmdFarm farm(loop, {one_name_reply, silent, {.pieces = {}, .end = End::reset}});
            ask(loop, options_for(farm.hosts(), farm.port(), 20));
        }
        CHECK(test::open_descriptors() == before);
    }
}
