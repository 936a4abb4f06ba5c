// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstddef>
#include <string>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "../host_name.hpp"
#include "operation_support.hpp"
#include "scripted_epmd.hpp"

using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

TEST_CASE("what is wrong with a request is its reply, at once and for good") {
    const auto operation = Operation::open(RequestBytes{131, 106});
    REQUIRE(operation);
    CHECK(operation->fd() == -1);
    const std::string reply = text(operation->reply());
    CHECK(reply ==
          text(barnacle::encode_error("bad_request",
                                      "a request must be a tuple of an operation's name and a map, "
                                      "not an empty list")));
    CHECK(operation->step().done);
    operation->cancel();
    CHECK(operation->step().done);
    CHECK(text(operation->reply()) == reply);
}

TEST_CASE("a request cut at any byte is a bad request") {
    const RequestBytes whole = dns_request().bytes();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto operation = Operation::open({whole.data(), length});
        REQUIRE(operation);
        CHECK(operation->step().done);
        CHECK(text(operation->reply()).find("bad_request") != std::string::npos);
    }
}

TEST_CASE("a waiting operation asks for a step at its next event, not all the time") {
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, 86'400'000));
    const int fd = operation->fd();
    CHECK(fd >= 0);
    barnacle::Step step = operation->step();
    for (int i = 0; i < 10 && !step.done && step.wait_ms == 0; ++i) {
        step = operation->step();
    }
    CHECK_FALSE(step.done);
    CHECK(step.wait_ms != 0);
    CHECK(operation->reply().empty());
    CHECK(operation->fd() == fd);
}

TEST_CASE("an operation can be cancelled in every state") {
    warm_up();
    const std::string cancelled = error_text("cancelled");
    const auto before = open_descriptors();
    {
        Loop servers;
        DnsServer server(servers, silence);
        SUBCASE("opened") {
            const auto operation = Operation::open(silent_dns(server, generous_ms));
            operation->cancel();
            CHECK(text(operation->reply()) == cancelled);
            CHECK(operation->step().done);
            CHECK(text(operation->reply()) == cancelled);
        }
        SUBCASE("waiting for an answer") {
            const auto operation = Operation::open(silent_dns(server, generous_ms));
            CHECK(drive(*operation, servers, [&] { return server.requests().size() >= 2; }) ==
                  "not done");
            const auto waiting = open_descriptors();
            operation->cancel();
            CHECK(open_descriptors() < waiting);  // the sockets are closed, the loop is not
            CHECK(operation->fd() >= 0);
            operation->cancel();
            CHECK(operation->step().done);
            CHECK(text(operation->reply()) == cancelled);
        }
        SUBCASE("done") {
            const auto operation = Operation::open(silent_dns(server, 1));
            const std::string reply = drive(*operation, servers);
            operation->cancel();
            CHECK(operation->step().done);
            CHECK(text(operation->reply()) == reply);
            CHECK(reply != cancelled);
        }
        SUBCASE("connected to an EPMD that says nothing") {
            ScriptedEpmd epmd(servers, "127.0.0.2", 0,
                              {.pieces = {}, .end = EpmdScript::End::hang});
            const auto operation = Operation::open(epmd_names_request()
                                                       .with("hosts", binaries({"127.0.0.2"}))
                                                       .with("port", integer(epmd.port()))
                                                       .with("timeout_ms", integer(generous_ms))
                                                       .bytes());
            CHECK(drive(*operation, servers, [&] { return epmd.open() == 1; }) == "not done");
            operation->cancel();
            CHECK(operation->step().done);
            CHECK(text(operation->reply()) == cancelled);
        }
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("an operation can be destroyed after any number of steps, and leaves nothing open") {
    warm_up();
    Loop servers;
    DnsServer server(servers, silence);
    const auto before = open_descriptors();
    for (int steps = 0; steps < 20; ++steps) {
        const auto operation = Operation::open(silent_dns(server, 5));
        for (int i = 0; i < steps; ++i) {
            (void)operation->step();
            servers.run_nowait();
        }
    }
    for (int i = 0; i < 200; ++i) {
        const auto operation = Operation::open(silent_dns(server, generous_ms));
        (void)operation->step();
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a done operation holds the loop and nothing else") {
    warm_up();
    Loop servers;
    DnsServer server(servers, silence);
    const auto before = open_descriptors();
    {
        Loop loop;
        const auto with_a_loop = open_descriptors();
        const auto operation = Operation::open(silent_dns(server, 5));
        drive(*operation, servers);
        CHECK(open_descriptors() - with_a_loop == with_a_loop - before);
    }
    CHECK(open_descriptors() == before);
}

// ThreadSanitizer has one of its own.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t own_threads = 2;
#else
constexpr std::size_t own_threads = 1;
#endif

TEST_CASE("no operation makes a thread: where none can be had, all works") {
    warm_up();
    Loop servers;
    DnsServer server(servers, silence);
    ScriptedEpmd epmd(servers, "127.0.0.2", 0, {.pieces = {}, .end = EpmdScript::End::hang});
    const RequestBytes nameservers = binaries({server.nameserver()});
    const RequestBytes limit = integer(50);
    const auto ends = [&servers](const RequestBytes& request) {
        const auto operation = Operation::open(request);
        bool alone = true;
        drive(*operation, servers, [&alone] {
            alone = alone && threads() == own_threads;
            return false;
        });
        return alone && operation->step().done;
    };
    CHECK(ends(silent_dns(server, 50)));
    CHECK(ends(resolve_request()
                   .with("hosts", binaries({"localhost", "h.example."}))
                   .with("timeout_ms", limit)
                   .with("nameservers", nameservers)
                   .bytes()));
    CHECK(ends(epmd_names_request()
                   .with("hosts", binaries({"127.0.0.2", "h.example."}))
                   .with("port", integer(epmd.port()))
                   .with("timeout_ms", limit)
                   .with("nameservers", nameservers)
                   .bytes()));
    CHECK(ends(probe_request()
                   .with("targets", targets({{"app", "127.0.0.2"}, {"app", "h.example."}}))
                   .with("epmd_port", integer(epmd.port()))
                   .with("timeout_ms", limit)
                   .with("nameservers", nameservers)
                   .bytes()));
}

// UndefinedBehaviorSanitizer looks at objects through descriptors of its own, and takes an object
// for a wrong one when there are none left.
#ifdef __SANITIZE_ADDRESS__
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

TEST_CASE("without descriptors the reply is emfile" * doctest::skip(is_sanitized)) {
    warm_up();
    Loop servers;
    DnsServer server(servers, silence);
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const std::string emfile = text(barnacle::encode_posix_error(EMFILE));
    const RequestBytes request = silent_dns(server, generous_ms);
    const auto before = open_descriptors();
    bool refused = false;
    bool started = false;
    // The lowest free descriptor is about the number of open ones: allow none more, one more, ...
    for (rlim_t more = 0; more < 24; ++more) {
        const rlimit tight{.rlim_cur = before + more, .rlim_max = limit.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
        auto operation = Operation::open(request);
        const barnacle::Step step = operation->step();
        const std::string reply = text(operation->reply());
        operation.reset();
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        CAPTURE(more);
        CAPTURE(barnacle::quoted(reply));
        if (reply == emfile) {
            refused = true;
        } else if (step.done) {
            // There was room for the loop and none for a socket: the lookup's own error.
            CHECK(reply.find("posix") != std::string::npos);
        } else {
            started = true;
        }
    }
    CHECK(refused);
    CHECK(started);
    CHECK(open_descriptors() == before);
}
