// SPDX-License-Identifier: Apache-2.0
#include "../codec.hpp"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using barnacle::Decoder;
using barnacle::Encoder;
using barnacle::MalformedTerm;

namespace {

using Bytes = std::vector<std::uint8_t>;

// The version byte and a term.
Bytes term(std::initializer_list<int> bytes) {
    Bytes result{131};
    for (const int byte : bytes) {
        result.push_back(static_cast<std::uint8_t>(byte));
    }
    return result;
}

std::string description(const Bytes& bytes) {
    return Decoder(bytes).describe();
}

}  // namespace

TEST_CASE("integers come back as they were written") {
    using Limits = std::numeric_limits<std::int64_t>;
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{255}, std::int64_t{256}, std::int64_t{-1},
          std::int64_t{134'217'727}, std::int64_t{134'217'728}, std::int64_t{2'147'483'647},
          std::int64_t{2'147'483'648}, std::int64_t{-2'147'483'649}, Limits::max(),
          Limits::min()}) {
        const Bytes bytes = Encoder().integer(value).take();
        Decoder decoder(bytes);
        CHECK(decoder.integer() == value);
        CHECK(decoder.at_end());
        CHECK(description(bytes) == std::to_string(value));
    }
}

TEST_CASE("atoms and binaries come back as they were written") {
    const std::string long_name(255, 'x');
    for (const std::string& name : {std::string("ok"), std::string(), std::string("\xC3\xA9"),
                                    std::string("\xF0\x9F\x90\x9A"), long_name}) {
        const Bytes bytes = Encoder().atom(name).take();
        Decoder decoder(bytes);
        CHECK_FALSE(decoder.binary());
        CHECK(decoder.atom() == name);
        CHECK(decoder.at_end());
    }
    for (const std::string& value :
         {std::string(), std::string("a\0b", 3), std::string(70'000, '\xFF')}) {
        const Bytes bytes = Encoder().binary(value).take();
        Decoder decoder(bytes);
        CHECK_FALSE(decoder.atom());
        CHECK(decoder.binary() == value);
        CHECK(decoder.at_end());
    }
}

TEST_CASE("tuples, maps and lists come back as they were written") {
    Encoder encoder;
    encoder.tuple(300).map(2);
    encoder.atom("many").list(std::vector<int>(1000, 7), [&](int i) { encoder.integer(i); });
    encoder.atom("none").list(std::vector<int>(), [&](int i) { encoder.integer(i); });
    const Bytes head = encoder.take();

    Decoder decoder(head);
    // A tuple's head is checked against the bytes that its elements take at least.
    CHECK(decoder.tuple() == 300U);
    CHECK(decoder.map() == 2U);
    CHECK(decoder.atom() == "many");
    REQUIRE(decoder.list() == 1000U);
    for (int i = 0; i < 1000; ++i) {
        REQUIRE_FALSE(decoder.list_end());
        REQUIRE(decoder.integer() == 7);
    }
    CHECK(decoder.list_end());
    CHECK(decoder.atom() == "none");
    CHECK(decoder.list() == 0U);
    CHECK(decoder.at_end());
    CHECK_THROWS_AS((void)decoder.integer(), MalformedTerm);
}

TEST_CASE("older encodings of atoms are read, in UTF-8") {
    CHECK(Decoder(term({100, 0, 2, 'o', 0xE9})).atom() == "o\xC3\xA9");  // ATOM_EXT, Latin-1
    CHECK(Decoder(term({115, 2, 'o', 'k'})).atom() == "ok");             // SMALL_ATOM_EXT
    CHECK(Decoder(term({118, 0, 2, 0xC3, 0xA9})).atom() == "\xC3\xA9");  // ATOM_UTF8_EXT
}

TEST_CASE("a term of another type stays where it is") {
    const Bytes bytes = Encoder().binary("x").take();
    Decoder decoder(bytes);
    CHECK_FALSE(decoder.tuple());
    CHECK_FALSE(decoder.map());
    CHECK_FALSE(decoder.list());
    CHECK_FALSE(decoder.list_end());
    CHECK_FALSE(decoder.string());
    CHECK_FALSE(decoder.atom());
    CHECK_FALSE(decoder.integer());
    CHECK(decoder.binary() == "x");
}

TEST_CASE("a list of bytes is a string, and no list") {
    const Bytes bytes = term({107, 0, 3, 1, 0, 255});
    Decoder decoder(bytes);
    CHECK_FALSE(decoder.list());
    CHECK(decoder.string() == std::string("\x01\x00\xFF", 3));
    CHECK(decoder.at_end());
}

TEST_CASE("terms are described for people") {
    CHECK(description(Encoder().atom("inet").take()) == "the atom \"inet\"");
    CHECK(description(Encoder().binary("10.0.0.2").take()) == "\"10.0.0.2\"");
    CHECK(description(term({107, 0, 2, 'h', 'i'})) == "the string \"hi\"");
    CHECK(description(term({106})) == "an empty list");
    CHECK(description(term({108, 0, 0, 0, 1, 97, 1, 106})) == "a list of 1 element");
    CHECK(description(term({104, 2, 97, 1, 97, 1})) == "a tuple of 2 elements");
    CHECK(description(term({116, 0, 0, 0, 0})) == "a map of 0 pairs");
    CHECK(description(term({110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) ==
          "an integer of more than 64 bits");
    CHECK(description(term({110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255})) ==
          "an integer of more than 64 bits");
}

TEST_CASE("integers that don't fit are none") {
    CHECK_FALSE(Decoder(term({110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})).integer());
    CHECK_FALSE(Decoder(term({110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255})).integer());
    CHECK_FALSE(Decoder(term({111, 0, 0, 0, 1, 0, 1})).integer());
}

TEST_CASE("a list of no elements had no end, and what came next was taken for the next term") {
    CHECK_THROWS_AS((void)Decoder(term({108, 0, 0, 0, 0, 97, 1})).list(), MalformedTerm);
    CHECK_THROWS_AS((void)Decoder(term({108, 0, 0, 0, 0, 106})).list(), MalformedTerm);
    CHECK(Decoder(term({106})).list() == 0U);
}

TEST_CASE("what isn't a term is refused") {
    CHECK_THROWS_AS(Decoder(Bytes{}), MalformedTerm);
    CHECK_THROWS_AS(Decoder(Bytes{130, 97, 1}), MalformedTerm);
    CHECK_THROWS_AS((void)Decoder(term({})).describe(), MalformedTerm);
    CHECK_THROWS_AS(Decoder(Bytes(barnacle::max_term_bytes + 1, 131)), MalformedTerm);
    SUBCASE("tags that no request has") {
        for (int tag = 0; tag < 256; ++tag) {
            CAPTURE(tag);
            const Bytes bytes = term({tag, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
            const std::string known = "abdhijklmnostvw";
            if (known.find(static_cast<char>(tag)) == std::string::npos) {
                CHECK_THROWS_AS((void)description(bytes), MalformedTerm);
            } else {
                CHECK_NOTHROW((void)description(bytes));
            }
        }
    }
    SUBCASE("more elements or bytes than there are") {
        for (const unsigned char tag : std::string_view("bdhiklmnostvw")) {
            CAPTURE(tag);
            const Bytes huge = term({tag, 255, 255, 255, 255});
            if (tag == 'b') {
                CHECK(Decoder(huge).integer() == -1);
            } else {
                CHECK_THROWS_AS((void)description(huge), MalformedTerm);
            }
        }
    }
    SUBCASE("atoms that contradict themselves") {
        CHECK_THROWS_AS((void)Decoder(term({119, 2, 'a', 0})).atom(), MalformedTerm);
        Bytes long_atom = term({118, 0x10, 0x00});
        long_atom.resize(long_atom.size() + 0x1000, 'a');
        CHECK_THROWS_AS((void)Decoder(long_atom).atom(), MalformedTerm);
    }
}
