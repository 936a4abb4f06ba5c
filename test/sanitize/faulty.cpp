// SPDX-License-Identifier: Apache-2.0
//
// A program with the fault that its argument names; `none` has none.
#include <iostream>
#include <string_view>
#include <thread>

#include "faults.hpp"

namespace {

int data_race() {
    std::thread other(barnacle::faults::data_race);
    barnacle::faults::data_race();
    other.join();
    return 0;
}

struct Fault {
    std::string_view name;
    int (*commit)();
};

constexpr Fault all_faults[] = {
    {"none", [] { return 0; }},
    {"heap_overflow", barnacle::faults::heap_overflow},
    {"use_after_free", barnacle::faults::use_after_free},
    {"leak", barnacle::faults::leak},
    {"uninitialised", barnacle::faults::uninitialised},
    {"signed_overflow", barnacle::faults::signed_overflow},
    {"data_race", data_race},
};

}  // namespace

int main(int argc, char** argv) {
    for (const Fault& fault : all_faults) {
        if (argc == 2 && fault.name == argv[1]) {
            std::cout << "committed " << fault.name << ' ' << fault.commit() << '\n';
            return 0;
        }
    }
    std::cerr << "no such fault\n";
    return 2;
}
