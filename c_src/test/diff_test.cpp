// SPDX-License-Identifier: Apache-2.0
#include "../diff.hpp"

#include <algorithm>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "../fuzz/plain_diff.hpp"

using barnacle::diff;
using barnacle::DiffResult;
using barnacle::hash_name;
using barnacle::NameHash;
using barnacle::fuzz::first_byte;
using barnacle::fuzz::one_for_all;
using barnacle::fuzz::plain_diff;

namespace {

using Strings = std::vector<std::string>;

std::vector<std::string_view> views(const Strings& names) {
    return {names.begin(), names.end()};
}

DiffResult diff_of(const Strings& wanted, const Strings& listed, const std::string& self,
                   NameHash hash = hash_name) {
    return diff(views(wanted), views(listed), self, hash);
}

}  // namespace

TEST_SUITE("diff") {
    TEST_CASE("nothing against nothing") {
        CHECK(diff({}, {}, "a@h") == DiffResult{});
        CHECK(diff({}, {}, "") == DiffResult{});
    }

    TEST_CASE("what is wanted and not listed, and the other way round") {
        const DiffResult result =
            diff_of({"a@h", "b@h", "c@h", "d@h"}, {"x@h", "c@h", "a@h", "y@h"}, "self@h");
        CHECK(result.connect == std::vector<std::size_t>{1, 3});
        CHECK(result.disconnect == std::vector<std::size_t>{0, 3});
    }

    TEST_CASE("self is in neither result, whichever list has it") {
        CHECK(diff_of({"self@h"}, {}, "self@h") == DiffResult{});
        CHECK(diff_of({}, {"self@h"}, "self@h") == DiffResult{});
        CHECK(diff_of({"self@h", "self@h"}, {"self@h"}, "self@h") == DiffResult{});
    }

    TEST_CASE("of a name that comes several times the first position counts") {
        const DiffResult result =
            diff_of({"k@h", "a@h", "a@h", "k@h"}, {"z@h", "k@h", "z@h", "k@h"}, "self@h");
        CHECK(result.connect == std::vector<std::size_t>{1});
        CHECK(result.disconnect == std::vector<std::size_t>{0});
    }

    TEST_CASE("every byte of a name counts") {
        const std::string with_zero("a\0b", 3);
        CHECK(diff_of({with_zero}, {"a"}, "s").connect.size() == 1);
        CHECK(diff_of({"A@h"}, {"a@h"}, "s").connect.size() == 1);
        CHECK(diff_of({"a@h "}, {"a@h"}, "s").connect.size() == 1);
        CHECK(diff_of({""}, {"a@h"}, "s").connect.size() == 1);
        CHECK(diff_of({with_zero, ""}, {"", with_zero}, "s") == DiffResult{});
    }

    TEST_CASE("any two lists, with hashes good and bad") {
        std::mt19937 random(20261123);  // NOLINT(cert-msc*): the same lists in every run
        for (int round = 0; round < 2000; ++round) {
            std::uniform_int_distribution<std::size_t> sizes(0, round % 3 == 0 ? 200 : 12);
            std::uniform_int_distribution<int> numbers(0, round % 2 == 0 ? 8 : 150);
            const auto some_names = [&] {
                Strings names(sizes(random));
                std::generate(names.begin(), names.end(), [&] {
                    const int number = numbers(random);
                    return std::string(1, static_cast<char>('a' + number % 3)) +
                           std::to_string(number);
                });
                return names;
            };
            const Strings wanted = some_names();
            const Strings listed = some_names();
            const std::string self = "a3";
            const DiffResult expected = plain_diff(views(wanted), views(listed), self);
            CAPTURE(round);
            REQUIRE(diff_of(wanted, listed, self) == expected);
            REQUIRE(diff_of(wanted, listed, self, one_for_all) == expected);
            REQUIRE(diff_of(wanted, listed, self, first_byte) == expected);
        }
    }

    TEST_CASE("names of one hash cost no more than sorting") {
        // Every probe compares names: quadratic work would be 5 thousand million comparisons.
        Strings wanted;
        Strings listed;
        for (int i = 0; i < 100'000; ++i) {
            wanted.push_back("wanted" + std::to_string(i));
            listed.push_back("listed" + std::to_string(i));
        }
        static std::size_t hashed;
        hashed = 0;
        const NameHash counting = [](std::string_view) -> std::size_t {
            ++hashed;
            return 7;
        };
        const DiffResult result = diff_of(wanted, listed, "self", counting);
        CHECK(result.connect.size() == wanted.size());
        CHECK(result.disconnect.size() == listed.size());
        CHECK(hashed < 10'000);  // the table was given up early
    }

    TEST_CASE("100,000 names on both sides, half of them the same") {
        Strings wanted;
        Strings listed;
        for (std::size_t i = 0; i < 100'000; ++i) {
            wanted.push_back("app@10.0." + std::to_string(i));
            listed.push_back("app@10.0." + std::to_string(i + 50'000));
        }
        const DiffResult result = diff_of(wanted, listed, "app@10.0.0");
        REQUIRE(result.connect.size() == 49'999);
        CHECK(result.connect.front() == 1);
        CHECK(result.connect.back() == 49'999);
        REQUIRE(result.disconnect.size() == 50'000);
        CHECK(result.disconnect.front() == 50'000);
        CHECK(result.disconnect.back() == 99'999);
    }
}
