// SPDX-License-Identifier: Apache-2.0
//
// A program with the fault that its argument names; `none` has none.
#include <iostream>
#include <thread>

#include "faults.hpp"

namespace {

int data_race() {
    std::thread other(barnacle::faults::data_race);
    barnacle::faults::data_race();
    other.join();
    return 0;
}

constexpr barnacle::faults::Fault own_faults[] = {
    {"uninitialised", barnacle::faults::uninitialised},
    {"data_race", data_race},
};

}  // namespace

int main(int argc, char** argv) {
    const auto* const fault = argc == 2 ? barnacle::faults::find(argv[1], own_faults) : nullptr;
    if (fault == nullptr) {
        std::cerr << "no such fault\n";
        return 2;
    }
    std::cout << "committed " << fault->name << ' ' << fault->commit() << '\n';
    return 0;
}
