// SPDX-License-Identifier: Apache-2.0
#include "../epmd.hpp"

#include <cerrno>

#include <doctest/doctest.h>

#include "epmd_support.hpp"

using namespace barnacle;
using namespace barnacle::epmd_test;

using End = EpmdScript::End;

TEST_SUITE("epmd: one host") {
    TEST_CASE("is asked NAMES_REQ and gives its names") {
        Loop loop;
        ScriptedEpmd epmd(loop, "127.0.0.2", 0, replies("name a at port 1\nname b at port 2\n"));
        CHECK(ask(loop, options_for({"127.0.0.2"}, epmd.port())) ==
              Result{Names{{"a", 1}, {"b", 2}}});
        CHECK(epmd.received() == std::string("\x00\x01n", 3));
        CHECK(epmd.accepted() == 1);
    }

    TEST_CASE("without nodes gives no names") {
        CHECK(ask_one(replies("")) == EpmdOutcome(Names{}));
    }

    TEST_CASE("over IPv6") {
        Loop loop;
        std::optional<ScriptedEpmd> epmd;
        try {
            epmd.emplace(loop, "::1", 0, one_name_reply);
        } catch (const std::system_error&) {
            MESSAGE("skipped: this machine has no [::1]");
            return;
        }
        CHECK(ask(loop, options_for({"::1"}, epmd->port())) == Result{one_name});
    }

    TEST_CASE("that sends byte by byte is understood") {
        EpmdScript script{.pieces = {}, .pause_ms = 1};
        for (const char byte : epmd_header + "name a at port 4000\n") {
            script.pieces.emplace_back(1, byte);
        }
        CHECK(ask_one(script) == EpmdOutcome(one_name));
    }

    TEST_CASE("that pauses after any number of bytes is understood") {
        // A power of two may fill the client's buffer to the brim.
        for (const std::size_t first : {1024, 2048, 4096, 8192}) {
            std::string reply = epmd_header;
            Names names;
            while (reply.size() < first) {
                names.push_back({std::string(200, 'a') + std::to_string(names.size()), 4000});
                reply += "name " + names.back().name + " at port 4000\n";
            }
            CAPTURE(first);
            CHECK(ask_one({.pieces = {reply.substr(0, first), reply.substr(first)},
                           .pause_ms = 20}) == EpmdOutcome(names));
        }
    }

    TEST_CASE("that breaks off after any byte of a line, or of the header, is an error") {
        Loop loop;
        const std::string reply =
            epmd_header + "name one at port 1111\nname two at port 2222\nname three at port 3333\n";
        std::vector<EpmdScript> scripts;
        for (std::size_t length = 0; length <= reply.size(); ++length) {
            scripts.push_back({.pieces = {reply.substr(0, length)}});
        }
        EpmdFarm farm(loop, scripts);
        const Result result = ask(loop, options_for(farm.hosts(), farm.port()));
        REQUIRE(result.size() == reply.size() + 1);
        for (std::size_t length = 0; length <= reply.size(); ++length) {
            CAPTURE(length);
            const bool whole_line = length == 4 || (length > 4 && reply[length - 1] == '\n');
            CHECK(std::holds_alternative<Names>(result[length]) == whole_line);
            CHECK((result[length] == bad_reply) == !whole_line);
        }
    }

    TEST_CASE("that hangs up at once is an error, not a host without nodes") {
        CHECK(ask_one({.pieces = {}}) == bad_reply);
    }

    TEST_CASE("that resets the connection is an error") {
        CHECK(ask_one({.pieces = {}, .end = End::reset}) == connection_error(ECONNRESET));
        CHECK(ask_one({.pieces = {epmd_header + "name a at port 4000\n"}, .end = End::reset}) ==
              connection_error(ECONNRESET));
    }

    TEST_CASE("on whose port nobody listens is refused") {
        Loop loop;
        const ClosedPort closed;
        CHECK(ask(loop, options_for({"127.0.0.2"}, closed.port())) ==
              Result{connection_error(ECONNREFUSED)});
    }

    TEST_CASE("that answers rubbish is an error") {
        for (const char* lines :
             {"name a at port 0\n", "name a at port 65536\n", "name a at port -5\n",
              "name a at port +7\n", "name  at port 1\n", "name a@evil at port 1\n",
              "name \x1b[31m at port 1\n", "name \xff at port 1\n",
              "name a at port 1\nname a at port 2\n", "hello\n", "\n"}) {
            CAPTURE(lines);
            CHECK(ask_one(replies(lines)) == bad_reply);
        }
    }

    TEST_CASE("that answers before it is asked, with rubbish, is an error") {
        CHECK(ask_one({.pieces = {"SSH-2.0-OpenSSH_9.2\r\n"}, .waits_for_request = false}) ==
              bad_reply);
    }

    TEST_CASE("that never stops is cut off, whatever it sends") {
        CHECK(ask_one({.pieces = {epmd_header, std::string(8192, 'x')}, .endless = true}) ==
              bad_reply);
        EpmdScript lines{.pieces = {epmd_header}, .end = End::hang};
        for (int i = 0; i < 20'000; ++i) {
            lines.pieces.push_back("name n" + std::to_string(i) + " at port 4000\n");
        }
        CHECK(ask_one(lines) == too_long);
    }

    TEST_CASE("with a name of 100 kB") {
        CHECK(ask_one(replies("name " + std::string(100'000, 'a') + " at port 4000\n")) ==
              bad_reply);
    }

    TEST_CASE("with 100,000 names, allowed or not") {
        std::string lines;
        for (int i = 0; i < 100'000; ++i) {
            lines += "name n" + std::to_string(i) + " at port 4000\n";
        }
        CHECK(ask_one(replies(lines)) == too_long);
        Loop loop;
        ScriptedEpmd epmd(loop, "127.0.0.2", 0, replies(lines));
        EpmdNamesOptions options = options_for({"127.0.0.2"}, epmd.port());
        options.limits = {.max_names = 100'000, .max_bytes = 10'000'000};
        const Result result = ask(loop, options);
        REQUIRE(std::holds_alternative<Names>(result.at(0)));
        CHECK(std::get<Names>(result[0]).size() == 100'000);
        CHECK(std::get<Names>(result[0]).back() == EpmdName{"n99999", 4000});
    }

    TEST_CASE("that is silent, slow or dead has timed out at the deadline") {
        CHECK(ask_one(silent, 50) == timed_out);
        CHECK(ask_one({.pieces = {epmd_header}, .end = End::hang}, 50) == timed_out);
        CHECK(ask_one({.pieces = {epmd_header.substr(0, 2)}, .end = End::hang}, 50) == timed_out);
        EpmdScript slow{.pieces = {}, .pause_ms = 40, .end = End::hang};
        for (const char byte : epmd_header + std::string(200, 'x')) {
            slow.pieces.emplace_back(1, byte);
        }
        CHECK(ask_one(slow, 200) == timed_out);
        Loop loop;
        const DeadHost dead;
        CHECK(ask(loop, options_for({"127.0.0.2"}, dead.port(), 50)) == Result{timed_out});
    }
}
