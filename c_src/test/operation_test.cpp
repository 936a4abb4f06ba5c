// SPDX-License-Identifier: Apache-2.0
#include "barnacle_core.hpp"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>

#include "../codec.hpp"
#include "../host_name.hpp"
#include "../reply.hpp"
#include "dns_server.hpp"
#include "requests.hpp"
#include "scripted_epmd.hpp"
#include "support.hpp"

using barnacle::Encoder;
using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

namespace {

using Clock = std::chrono::steady_clock;

std::string text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string text(Encoder& encoder) {
    return text(encoder.take());
}

std::string error_text(std::string_view reason) {
    return text(barnacle::encode_error(reason));
}

RequestBytes silent_dns(const DnsServer& server, std::int64_t timeout_ms) {
    return dns_request()
        .with("name", binary("service.example."))
        .with("timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({server.nameserver()}))
        .bytes();
}

std::vector<DnsReply> silence(const DnsRequest&) {
    return {};
}

// Steps as a shell does, waiting on the operation's descriptor; the servers' loop runs beside it.
// The reply, or "not done" when the limit passes or `enough` says so.
std::string drive(
    Operation& operation, Loop& servers,
    const std::function<bool()>& enough = [] { return false; }) {
    const auto end = Clock::now() + std::chrono::milliseconds(generous_ms);
    while (Clock::now() < end && !enough()) {
        const barnacle::Step step = operation.step();
        if (step.done) {
            return text(operation.reply());
        }
        servers.run_nowait();
        int wait = step.wait_ms;
        if (const int next = servers.next_timeout_ms(); servers.alive() && next >= 0) {
            wait = wait < 0 || next < wait ? next : wait;
        }
        pollfd descriptors[] = {{.fd = operation.fd(), .events = POLLIN, .revents = 0},
                                {.fd = servers.fd(), .events = POLLIN, .revents = 0}};
        ::poll(descriptors, 2, wait < 0 || wait > 100 ? 100 : wait);
    }
    return "not done";
}

// What libuv and c-ares open once in a process.
void warm_up() {
    REQUIRE(barnacle::prepare_process() == 0);
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, 1));
    drive(*operation, servers);
}

}  // namespace

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

TEST_CASE("dns: addresses of both families, and what a missing name has") {
    Loop servers;
    DnsServer server(servers, zone({address_record("service.example", "10.0.0.1"),
                                    address_record("service.example", "fd00::1:2"),
                                    address_record("four.example", "10.0.0.4")}));
    const auto ask = [&](const std::string& name) {
        const auto operation =
            Operation::open(dns_request()
                                .with("name", binary(name))
                                .with("timeout_ms", integer(generous_ms))
                                .with("grace_ms", integer(generous_ms))
                                .with("nameservers", binaries({server.nameserver()}))
                                .bytes());
        return drive(*operation, servers);
    };
    Encoder both;
    both.tuple(2).atom("ok").map(3).atom("candidate").binary("service.example");
    both.atom("a").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        both.tuple(4).integer(10).integer(0).integer(0).integer(1);
    });
    both.atom("aaaa").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        both.tuple(8).integer(0xfd00);
        for (const int part : {0, 0, 0, 0, 0, 1, 2}) {
            both.integer(part);
        }
    });
    CHECK(ask("service.example.") == text(both));

    Encoder one;
    one.tuple(2).atom("ok").map(3).atom("candidate").binary("four.example");
    one.atom("a").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        one.tuple(4).integer(10).integer(0).integer(0).integer(4);
    });
    one.atom("aaaa").atom("no_data");
    CHECK(ask("four.example.") == text(one));

    Encoder none;
    none.tuple(2).atom("ok").map(3).atom("candidate").binary("none.example");
    none.atom("a").tuple(2).atom("error").atom("nxdomain");
    none.atom("aaaa").tuple(2).atom("error").atom("nxdomain");
    CHECK(ask("none.example.") == text(none));
}

TEST_CASE("resolve: one result for each host, in their order") {
    Loop servers;
    DnsServer server(servers, zone({address_record("a.example", "10.0.0.7")}));
    const auto operation = Operation::open(
        resolve_request()
            .with("hosts", binaries({"a.example.", "127.0.0.9", "none.example.", "not a name"}))
            .with("family", atom("inet"))
            .with("timeout_ms", integer(generous_ms))
            .with("nameservers", binaries({server.nameserver()}))
            .bytes());
    Encoder wanted;
    const auto address = [&wanted](int a, int b, int c, int d) {
        wanted.tuple(2).atom("ok").list(std::vector{1}, [&](int) {
            wanted.tuple(4).integer(a).integer(b).integer(c).integer(d);
        });
    };
    wanted.tuple(2).atom("ok").list(std::vector{0, 1, 2, 3}, [&](int host) {
        wanted.tuple(2);
        if (host == 0) {
            wanted.binary("a.example.");
            address(10, 0, 0, 7);
        } else if (host == 1) {
            wanted.binary("127.0.0.9");
            address(127, 0, 0, 9);
        } else if (host == 2) {
            wanted.binary("none.example.").tuple(2).atom("error").atom("nxdomain");
        } else {
            wanted.binary("not a name").tuple(2).atom("error").atom("qfmterror");
        }
    });
    CHECK(drive(*operation, servers) == text(wanted));
}

TEST_CASE("resolve and epmd_names of no hosts have an empty result") {
    Loop servers;
    Encoder empty;
    empty.tuple(2).atom("ok").list(std::vector<int>(), [](int) {});
    const std::string wanted = text(empty);
    for (const auto& request : {resolve_request().with("hosts", binaries({})),
                                epmd_names_request().with("hosts", binaries({}))}) {
        const auto operation = Operation::open(request.bytes());
        CHECK(drive(*operation, servers) == wanted);
    }
}

TEST_CASE("epmd_names: hosts by address and by name, and what a dead one has") {
    Loop servers;
    DnsServer server(servers, zone({address_record("epmd.example", "127.0.0.2")}));
    const ScriptedEpmd epmd(servers, "127.0.0.2", 0,
                            replies("name a at port 4000\nname b at port 4001\n"));
    const auto operation = Operation::open(
        epmd_names_request()
            .with("hosts", binaries({"127.0.0.2", "epmd.example.", "127.0.0.3", "none.example."}))
            .with("port", integer(epmd.port()))
            .with("timeout_ms", integer(generous_ms))
            .with("concurrency", integer(256))
            .with("max_names", integer(100))
            .with("max_bytes", integer(100'000))
            .with("nameservers", binaries({server.nameserver()}))
            .bytes());
    Encoder wanted;
    const auto two_names = [&wanted] {
        wanted.tuple(2).atom("ok").list(std::vector{0, 1}, [&](int name) {
            wanted.tuple(2).binary(name == 0 ? "a" : "b").integer(4000 + name);
        });
    };
    wanted.tuple(2).atom("ok").list(std::vector{0, 1, 2, 3}, [&](int host) {
        wanted.tuple(2);
        if (host == 0) {
            wanted.binary("127.0.0.2");
            two_names();
        } else if (host == 1) {
            wanted.binary("epmd.example.");
            two_names();
        } else if (host == 2) {
            wanted.binary("127.0.0.3").tuple(2).atom("error").atom("econnrefused");
        } else {
            wanted.binary("none.example.").tuple(2).atom("error").atom("nxdomain");
        }
    });
    CHECK(drive(*operation, servers) == text(wanted));
}

TEST_CASE("an operation keeps its own deadline") {
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, 50));
    Encoder wanted;
    wanted.tuple(2).atom("ok").map(3).atom("candidate").binary("service.example");
    wanted.atom("a").tuple(2).atom("error").atom("timeout");
    wanted.atom("aaaa").tuple(2).atom("error").atom("timeout");
    CHECK(drive(*operation, servers) == text(wanted));
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

TEST_CASE("without descriptors the reply is emfile") {
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

TEST_CASE("the reply for want of memory is what the codec would write") {
    CHECK(text(barnacle::out_of_memory_reply()) == text(barnacle::encode_posix_error(ENOMEM)));
}

TEST_CASE("the libraries say their versions") {
    const auto versions = barnacle::library_versions();
    CHECK(versions.cares.find('.') != std::string::npos);
    CHECK(versions.libuv.find('.') != std::string::npos);
}
