// SPDX-License-Identifier: Apache-2.0
//
// Every file of the corpus through the fuzz target that it was found for. What a fuzzer finds is
// added there, so that it is looked for ever after, with any compiler.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../fuzz/targets.hpp"

namespace {

// The Makefile runs tests in c_src.
const std::filesystem::path corpus = "../test/corpus";

std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<std::uint8_t> read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_SUITE("corpus") {
    TEST_CASE("every input of the corpus keeps the promises of its target") {
        for (const auto& target : barnacle::fuzz::targets) {
            const auto files = files_in(corpus / target.name);
            CAPTURE(target.name);
            CHECK(files.size() > 10);
            for (const auto& file : files) {
                CAPTURE(file);
                CHECK_NOTHROW(target.run(read(file)));
            }
        }
    }

    TEST_CASE("every directory of the corpus belongs to a target") {
        for (const auto& directory : files_in(corpus)) {
            CAPTURE(directory);
            CHECK(std::ranges::any_of(barnacle::fuzz::targets, [&](const auto& target) {
                return directory.filename() == target.name;
            }));
        }
    }
}
