// SPDX-License-Identifier: Apache-2.0
#include "../epmd_names_reply.hpp"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

using barnacle::EpmdName;
using barnacle::EpmdNamesReply;
using barnacle::EpmdReplyError;
using barnacle::EpmdReplyLimits;

namespace {

using Names = std::vector<EpmdName>;
using Outcome = EpmdNamesReply::Outcome;

constexpr EpmdReplyLimits plenty{.max_names = 1000, .max_bytes = 1'000'000};
const std::string header("\x00\x00\x11\x11", 4);  // 4369
const Outcome bad_reply = EpmdReplyError::bad_reply;
const Outcome too_long = EpmdReplyError::too_long;

// The reply in pieces of `piece` bytes.
Outcome read(std::string_view reply, std::size_t piece, EpmdReplyLimits limits = plenty) {
    EpmdNamesReply parser(limits);
    while (!reply.empty()) {
        const bool more = parser.feed(reply.substr(0, piece));
        CHECK(more == !parser.error());
        reply.remove_prefix(std::min(piece, reply.size()));
    }
    return parser.finish();
}

// The outcome, which must be the same in whatever pieces the reply comes.
Outcome read(std::string_view reply, EpmdReplyLimits limits = plenty) {
    Outcome whole = read(reply, reply.size(), limits);
    for (const std::size_t piece : {1, 2, 3, 7}) {
        CAPTURE(piece);
        REQUIRE(read(reply, piece, limits) == whole);
    }
    return whole;
}

Outcome read_line(const std::string& line) {
    return read(header + line);
}

}  // namespace

TEST_SUITE("epmd_names_reply") {
    TEST_CASE("a header alone: no nodes") {
        CHECK(read(header) == Outcome(Names{}));
    }

    TEST_CASE("the names in the order of the reply") {
        CHECK(
            read(header + "name b at port 1\nname a-1_X at port 65535\nname c.d at port 40001\n") ==
            Outcome(Names{{"b", 1}, {"a-1_X", 65535}, {"c.d", 40001}}));
    }

    TEST_CASE("a name may look like the words round it") {
        CHECK(read_line("name name at port 5\nname at at port 6\nname port at port 7\n") ==
              Outcome(Names{{"name", 5}, {"at", 6}, {"port", 7}}));
    }

    TEST_CASE("EPMDPortNo is a port, not always the one that was asked") {
        CHECK(read(std::string("\x00\x00\x00\x01", 4)) == Outcome(Names{}));
        CHECK(read(std::string("\x00\x00\xff\xff", 4)) == Outcome(Names{}));
        CHECK(read(std::string("\x00\x00\x00\x00", 4)) == bad_reply);
        CHECK(read(std::string("\x00\x01\x00\x00", 4)) == bad_reply);
        CHECK(read(std::string("\xff\xff\x11\x11", 4)) == bad_reply);
        CHECK(read("HTTP/1.1 400 Bad Request\r\n\r\n") == bad_reply);
        CHECK(read("SSH-2.0-OpenSSH_9.2\r\n") == bad_reply);
    }

    TEST_CASE("cut at any byte, only a cut after a whole line leaves a reply") {
        const std::string reply =
            header + "name one at port 1111\nname two at port 2222\nname three at port 3333\n";
        const Names all{{"one", 1111}, {"two", 2222}, {"three", 3333}};
        for (std::size_t length = 0; length <= reply.size(); ++length) {
            CAPTURE(length);
            const std::string cut = reply.substr(0, length);
            if (length < header.size() || (length > header.size() && cut.back() != '\n')) {
                CHECK(read(cut) == bad_reply);
            } else {
                const auto lines = std::count(cut.begin(), cut.end(), '\n');
                CHECK(read(cut) == Outcome(Names(all.begin(), all.begin() + lines)));
            }
        }
    }

    TEST_CASE("ports that are none") {
        for (const char* port :
             {"", "0", "65536", "70000", "99999", "100000", "99999999999999999999", "-5", "+7",
              "01", "00001", "0x10", "1e3", "12 ", " 12", "12\r", "1 2", "port"}) {
            CAPTURE(port);
            CHECK(read_line("name a at port " + std::string(port) + "\n") == bad_reply);
        }
        CHECK(read_line(std::string("name a at port 1\0\n", 18)) == bad_reply);
    }

    TEST_CASE("names that are none") {
        const std::vector<std::string> names = {
            "",
            " ",
            "a b",
            "a@evil",
            "@",
            "a\tb",
            "a\rb",
            "a\x1b[m",
            "a\x7f",
            "\xff",
            "\xc3\xb6",
            "\xf0\x9f\x98\x80",
            "a at port",
            " a",
            "a ",
            "a at port 3",
            {'a', '\0', 'b'},
            {'\0'},
            std::string(256, 'a'),
            std::string(100'000, 'a'),
        };
        for (const std::string& name : names) {
            CAPTURE(name);
            CHECK(read_line("name " + name + " at port 4000\n") == bad_reply);
        }
        const std::string longest(255, 'a');
        CHECK(read_line("name " + longest + " at port 65535\n") ==
              Outcome(Names{{longest, 65535}}));
    }

    TEST_CASE("lines that are none") {
        for (const char* line :
             {"\n", "\n\n", "garbage\n", "name\n", "name a\n", "name a at port\n",
              "Name a at port 1\n", " name a at port 1\n", "name a  at port 1\n",
              "name a at  port 1\n", "name a at port 1\n\n", "name a at port 1\r\n",
              "name a at port 1 name b at port 2\n", "namea at port 1\n"}) {
            CAPTURE(line);
            CHECK(read_line(line) == bad_reply);
        }
    }

    TEST_CASE("one bad line spoils the reply, wherever it stands") {
        const std::string good = "name a at port 1\n";
        const std::string bad = "name b at port 0\n";
        CHECK(read_line(bad + good) == bad_reply);
        CHECK(read_line(good + bad) == bad_reply);
        CHECK(read_line(good + bad + "name c at port 3\n") == bad_reply);
    }

    TEST_CASE("a name that comes twice, next to itself or not") {
        CHECK(read_line("name a at port 1\nname a at port 1\n") == bad_reply);
        CHECK(read_line("name a at port 1\nname b at port 2\nname a at port 3\n") == bad_reply);
        CHECK(read_line("name a at port 1\nname A at port 1\n") ==
              Outcome(Names{{"a", 1}, {"A", 1}}));
    }

    TEST_CASE("as many names as allowed, and one more") {
        const std::string two = header + "name a at port 1\nname b at port 2\n";
        const EpmdReplyLimits limits{.max_names = 2, .max_bytes = 1000};
        CHECK(read(two, limits) == Outcome(Names{{"a", 1}, {"b", 2}}));
        CHECK(read(two + "name c at port 3\n", limits) == too_long);
        CHECK(read(two + "name c at port", limits) == bad_reply);
    }

    TEST_CASE("as many bytes as allowed, and one more") {
        const std::string reply = header + "name a at port 1\n";
        for (std::size_t max_bytes = 0; max_bytes < reply.size(); ++max_bytes) {
            CAPTURE(max_bytes);
            CHECK(read(reply, {.max_names = 9, .max_bytes = max_bytes}) == too_long);
        }
        CHECK(read(reply, {.max_names = 9, .max_bytes = reply.size()}) == Outcome(Names{{"a", 1}}));
    }

    TEST_CASE("what is wrong first is what is wrong") {
        const std::string bad = header + "name a at port 0\n";
        CHECK(read(bad + "name b at port 1\n", {.max_names = 9, .max_bytes = bad.size()}) ==
              bad_reply);
    }

    TEST_CASE("endless bytes are given up after a line's length") {
        EpmdNamesReply parser(plenty);
        REQUIRE(parser.feed(header));
        std::size_t fed = 0;
        while (parser.feed("x") && fed < 100'000) {
            ++fed;
        }
        CHECK(fed < 300);
        CHECK(parser.error() == EpmdReplyError::bad_reply);
        CHECK_FALSE(parser.feed("\n"));  // failed for good
        CHECK(parser.finish() == bad_reply);
    }

    TEST_CASE("a reply damaged anywhere is whole or bad, and the same in any pieces") {
        std::mt19937 random(4369);  // NOLINT(cert-msc*): the same damage in every run
        const std::string reply = header + "name one at port 1111\nname two at port 2222\n";
        std::uniform_int_distribution<std::size_t> position(0, reply.size() - 1);
        std::uniform_int_distribution<int> byte(0, 255);
        for (int round = 0; round < 5000; ++round) {
            std::string damaged = reply;
            for (int i = 0; i <= round % 3; ++i) {
                damaged[position(random)] = static_cast<char>(byte(random));
            }
            CAPTURE(damaged);
            const Outcome outcome = read(damaged, {.max_names = 2, .max_bytes = 100});
            if (const auto* names = std::get_if<Names>(&outcome)) {
                CHECK(names->size() == 2);
            }
        }
    }
}
