// SPDX-License-Identifier: Apache-2.0
#include "../epmd_port_reply.hpp"

#include <string>
#include <string_view>
#include <variant>

#include <doctest/doctest.h>

#include "probe_support.hpp"

using barnacle::epmd_port_request;
using barnacle::EpmdPortReply;
using barnacle::EpmdReplyError;
using barnacle::test::port_reply;

namespace {

// The outcome as a text, which must be the same in whatever pieces the reply comes.
std::string read(std::string_view reply, std::size_t piece) {
    EpmdPortReply parser("app");
    while (!reply.empty()) {
        const auto outcome = parser.feed(reply.substr(0, piece));
        if (const auto* const known = std::get_if<barnacle::EpmdPort>(&outcome)) {
            return std::to_string(known->port);
        }
        if (std::holds_alternative<barnacle::EpmdNotRegistered>(outcome)) {
            return "not registered";
        }
        if (const auto* const error = std::get_if<EpmdReplyError>(&outcome)) {
            CHECK(*error == EpmdReplyError::bad_reply);
            return "bad";
        }
        reply.remove_prefix(std::min(piece, reply.size()));
    }
    return "unfinished";
}

std::string read(std::string_view reply) {
    std::string whole = read(reply, std::max<std::size_t>(reply.size(), 1));
    for (const std::size_t piece : {1, 2, 3, 7, 13}) {
        CAPTURE(piece);
        REQUIRE(read(reply, piece) == whole);
    }
    return whole;
}

}  // namespace

TEST_SUITE("epmd_port_reply") {
    TEST_CASE("the request has its length, its code and the name") {
        CHECK(epmd_port_request("app") == std::string("\0\4zapp", 6));
        const std::string longest = epmd_port_request(std::string(255, 'a'));
        CHECK(longest.substr(0, 3) == std::string("\1\0z", 3));
        CHECK(longest.size() == 2 + 256);
    }

    TEST_CASE("the port of the node asked for, from 1 to 65535") {
        for (const int port : {1, 255, 256, 4370, 65535}) {
            CHECK(read(port_reply("app", port)) == std::to_string(port));
        }
        CHECK(read(port_reply("app", 0)) == "bad");
    }

    TEST_CASE("extra bytes as many as the reply says are waited for, and left") {
        CHECK(read(port_reply("app", 4370, std::string(65535, '\xff'))) == "4370");
        const std::string whole = port_reply("app", 4370, "xyz");
        CHECK(read(whole.substr(0, whole.size() - 1)) == "unfinished");
    }

    TEST_CASE("no such node") {
        CHECK(read("w\1") == "not registered");
        CHECK(read("w\xff") == "not registered");
    }

    TEST_CASE("what comes after a whole reply isn't looked at") {
        CHECK(read(port_reply("app", 4370) + "w\1") == "4370");
        CHECK(read("w\1w\1") == "not registered");
    }

    TEST_CASE("a reply about another node, or about none, is bad") {
        for (const char* other : {"", "a", "apps", "apq", "APP"}) {
            CAPTURE(other);
            CHECK(read(port_reply(other, 4370)) == "bad");
        }
    }

    TEST_CASE("what isn't such a reply is bad from its first byte on") {
        for (const char* other : {"v", "x\1", "SSH-2.0-OpenSSH_9.2\r\n", "name app at port 1\n"}) {
            CAPTURE(other);
            CHECK(read(other) == "bad");
        }
    }

    TEST_CASE("a cut reply is unfinished at any byte") {
        const std::string whole = port_reply("app", 4370);
        for (std::size_t length = 0; length < whole.size(); ++length) {
            CAPTURE(length);
            CHECK(read(whole.substr(0, length)) == "unfinished");
        }
    }
}
