// SPDX-License-Identifier: Apache-2.0
#include "../probe.hpp"

#include <cerrno>

#include <doctest/doctest.h>

#include "probe_support.hpp"

using namespace barnacle;
using namespace barnacle::epmd_test;

using Code = ProbeErrorCode;
using End = EpmdScript::End;

namespace {

const ProbeOutcome ok = std::nullopt;

// What the node "app" of a host with such an EPMD comes to.
ProbeOutcome probe_one(EpmdScript epmd_script, std::uint64_t timeout_ms = generous_ms) {
    Loop loop;
    const ScriptedEpmd epmd(loop, "127.0.0.2", 0, std::move(epmd_script));
    return probe(loop, probing({{"app", "127.0.0.2"}}, epmd.port(), timeout_ms)).at(0);
}

}  // namespace

TEST_SUITE("probe: one node") {
    TEST_CASE("that is there is ok; it gets one connection and no byte") {
        Loop loop;
        ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"app", node.port()}}));
        CHECK(probe(loop, probing({{"app", "127.0.0.2"}}, epmd.port())) == Outcomes{ok});
        CHECK(epmd.received() == std::string("\0\4zapp", 6));
        CHECK(epmd.accepted() == 1);
        REQUIRE(run_until(loop, [&] { return node.accepted() == 1 && node.open() == 0; }));
        CHECK(node.received().empty());
    }

    TEST_CASE("over IPv6, and over IPv4 where the distribution speaks IPv6") {
        for (const std::string host : {"::1", "127.0.0.2"}) {
            Loop loop;
            std::optional<ScriptedEpmd> node;
            try {
                node.emplace(loop, host, 0, silent);
            } catch (const std::system_error&) {
                MESSAGE("skipped: this machine has no [::1]");
                continue;
            }
            const ScriptedEpmd epmd(loop, host, 0, knows({{"app", node->port()}}));
            ProbeOptions options = probing({{"app", host}}, epmd.port());
            options.family = AF_INET6;
            CHECK(probe(loop, options) == Outcomes{ok});
        }
    }

    TEST_CASE("with an IPv6 address where the distribution speaks IPv4") {
        Loop loop;
        CHECK(probe(loop, probing({{"app", "::1"}}, 4369)) ==
              Outcomes{lookup_failed(posix_error(EAFNOSUPPORT))});
    }

    TEST_CASE("that its EPMD doesn't know, with the names that it knows") {
        CHECK(probe_one(knows({{"b", 1}, {"c", 2}})) == not_registered({"b", "c"}));
        CHECK(probe_one(knows({})) == not_registered({}));
        CHECK(probe_one(knows({{"ap", 1}, {"app2", 2}})) == not_registered({"ap", "app2"}));
    }

    TEST_CASE("that its EPMD doesn't know, and tells no names for it") {
        // The EPMD of one request answers the other in no way that one could understand.
        const auto otherwise = [](const std::string& names, End end = End::close) {
            return EpmdScript{
                .pieces = {}, .end = end, .answer = [names](std::string_view request) {
                    return request.size() == 3 ? names : std::string("w\1");
                }};
        };
        CHECK(probe_one(otherwise("rubbish")) == not_registered({}));
        CHECK(probe_one(otherwise("")) == not_registered({}));
        CHECK(probe_one(otherwise("", End::hang), 200) == not_registered({}));
        CHECK(probe_one(otherwise(epmd_header + "name b at port 1\n", End::hang), 200) ==
              not_registered({}));
    }

    TEST_CASE("no more names than asked for are told, the first ones") {
        Loop loop;
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"a", 1}, {"b", 2}, {"c", 3}}));
        ProbeOptions options = probing({{"app", "127.0.0.2"}}, epmd.port());
        options.max_names = 2;
        CHECK(probe(loop, options) == Outcomes{not_registered({"a", "b"})});
        options.max_names = 3;
        CHECK(probe(loop, options) == Outcomes{not_registered({"a", "b", "c"})});
    }

    TEST_CASE("on a host without EPMD") {
        Loop loop;
        const ClosedPort closed;
        CHECK(probe(loop, probing({{"app", "127.0.0.2"}}, closed.port())) ==
              Outcomes{failed(Code::epmd_refused)});
    }

    TEST_CASE("on a host that is dead") {
        Loop loop;
        const DeadHost dead;
        CHECK(probe(loop, probing({{"app", "127.0.0.2"}}, dead.port(), 100)) ==
              Outcomes{failed(Code::host_silent)});
    }

    TEST_CASE("whose EPMD hangs, at any byte") {
        CHECK(probe_one(silent, 100) == failed(Code::epmd_timeout));
        CHECK(probe_one({.pieces = {"w"}, .end = End::hang}, 100) == failed(Code::epmd_timeout));
        const std::string reply = port_reply("app", 4370);
        CHECK(probe_one({.pieces = {reply.substr(0, reply.size() - 1)}, .end = End::hang}, 100) ==
              failed(Code::epmd_timeout));
    }

    TEST_CASE("whose EPMD trickles: heard up to the deadline, not after") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        EpmdScript slow{.pieces = {}, .pause_ms = 2, .end = End::hang};
        for (const char byte : port_reply("app", node.port())) {
            slow.pieces.emplace_back(1, byte);
        }
        CHECK(probe_one(slow) == ok);
        slow.pause_ms = 50;
        CHECK(probe_one(slow, 200) == failed(Code::epmd_timeout));
    }

    TEST_CASE("whose EPMD keeps the connection open after a whole reply") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        CHECK(probe_one({.pieces = {port_reply("app", node.port())}, .end = End::hang}) == ok);
    }

    TEST_CASE("whose EPMD is none: garbage, an early end, a reset") {
        CHECK(probe_one({.pieces = {"SSH-2.0-OpenSSH_9.2\r\n"}, .waits_for_request = false}) ==
              failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {}}) == failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {"w"}}) == failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {}, .end = End::reset}) == failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {port_reply("app", 4370).substr(0, 9)}, .end = End::reset}) ==
              failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {std::string(4096, 'x')}, .endless = true}) ==
              failed(Code::epmd_bad_reply));
        CHECK(probe_one({.pieces = {port_reply("other", 4370)}}) == failed(Code::epmd_bad_reply));
    }

    TEST_CASE("whose EPMD lies about the port: nobody listens there, or a host that is dead") {
        const ClosedPort closed;
        CHECK(probe_one(knows({{"app", closed.port()}})) == failed(Code::port_refused));
        const DeadHost dead;
        CHECK(probe_one(knows({{"app", dead.port()}}), 200) == failed(Code::port_silent));
    }

    TEST_CASE("that hangs, with its port open, is ok: only a dial can tell") {
        Loop loop;
        const ScriptedEpmd hung(loop, "127.0.0.2", 0, silent);
        CHECK(probe_one(knows({{"app", hung.port()}})) == ok);
    }

    TEST_CASE("that resets who comes is ok: only a dial can tell") {
        for (int i = 0; i < 50; ++i) {
            Loop loop;
            const ScriptedEpmd node(loop, "127.0.0.2", 0,
                                    {.pieces = {}, .end = End::reset, .waits_for_request = false});
            ProbeOptions options = probing({{"app", "127.0.0.2"}}, 4369);
            options.port = node.port();
            CHECK(probe(loop, options) == Outcomes{ok});
        }
    }

    TEST_CASE("with a fixed port is asked for there, and no EPMD is") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        const ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({}));
        ProbeOptions options = probing({{"app", "127.0.0.2"}}, epmd.port());
        options.port = node.port();
        CHECK(probe(loop, options) == Outcomes{ok});
        CHECK(epmd.accepted() == 0);
        const ClosedPort closed;
        options.port = closed.port();
        CHECK(probe(loop, options) == Outcomes{failed(Code::port_refused)});
        const DeadHost dead;
        options.port = dead.port();
        options.timeout_ms = 100;
        CHECK(probe(loop, options) == Outcomes{failed(Code::host_silent)});
    }

    TEST_CASE("goes as deep as it is told") {
        Loop loop;
        ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        ScriptedEpmd epmd(loop, "127.0.0.2", 0, knows({{"app", node.port()}}));
        ProbeOptions options = probing({{"app", "127.0.0.2"}, {"other", "127.0.0.2"}}, epmd.port());
        options.depth = ProbeDepth::lookup;
        CHECK(probe(loop, options) == Outcomes{ok, ok});
        CHECK(epmd.accepted() == 0);
        options.depth = ProbeDepth::epmd;
        CHECK(probe(loop, options) == Outcomes{ok, not_registered({"app"})});
        options.port = node.port();
        const std::size_t asked = epmd.accepted();
        CHECK(probe(loop, options) == Outcomes{ok, ok});
        CHECK(epmd.accepted() == asked);
        CHECK(node.accepted() == 0);
    }

    TEST_CASE("is connected to from the source address") {
        Loop loop;
        const ScriptedEpmd node(loop, "127.0.0.2", 0, silent);
        ProbeOptions options = probing({{"app", "127.0.0.2"}}, 4369);
        options.port = node.port();
        options.source = parse_ip_address("127.0.0.3");
        CHECK(probe(loop, options) == Outcomes{ok});
        options.source = parse_ip_address("192.0.2.1");  // no address of this machine
        CHECK(probe(loop, options) ==
              Outcomes{ProbeError{.code = Code::posix, .posix_errno = EADDRNOTAVAIL}});
    }
}
