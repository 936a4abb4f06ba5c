// SPDX-License-Identifier: Apache-2.0
//
// Faults on purpose. What looks for faults must find each of these, in a program and within a VM,
// whenever it is used: a check that is blind says nothing by finding nothing.
#pragma once

#include <climits>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

namespace barnacle::faults {

// Compilers see through plain code, warn of what it does or leave it out.
template <typename Value>
Value unknown(Value value) {
    Value volatile hidden = value;
    return hidden;
}

inline int heap_overflow() {
    auto* bytes = static_cast<char*>(std::malloc(unknown<std::size_t>(16)));
    bytes[unknown(16)] = 1;
    const int byte = bytes[unknown(0)];
    std::free(bytes);
    return byte;
}

inline int use_after_free() {
    auto* bytes = static_cast<char*>(std::malloc(unknown<std::size_t>(16)));
    char* same = unknown(bytes);
    std::free(bytes);
    return *same;
}

inline int leak() {
    auto* bytes = static_cast<char*>(unknown(std::malloc(unknown<std::size_t>(1234))));
    std::memset(bytes, 1, 1234);
    return bytes[unknown(1)];
}

inline int uninitialised() {
    auto* bytes = static_cast<char*>(unknown(std::malloc(unknown<std::size_t>(16))));
    const int found = bytes[unknown(3)] == 1 ? 2 : 3;
    std::free(bytes);
    return found;
}

inline int signed_overflow() {
    return unknown(INT_MAX) + unknown(1);
}

// To be called by two threads at the same time.
inline long shared_count = 0;
inline int data_race() {
    for (int times = 0; times < 100000; ++times) {
        ++shared_count;
        asm volatile("" ::: "memory");  // not one addition for all
    }
    return 0;
}

struct Fault {
    std::string_view name;
    int (*commit)();
};

// Those that a program and a library commit alike; `none` has none.
inline constexpr Fault of_both[] = {
    {"none", [] { return 0; }},           {"heap_overflow", heap_overflow},
    {"use_after_free", use_after_free},   {"leak", leak},
    {"signed_overflow", signed_overflow},
};

// The one of that name among those of both and others; nullptr where there is none.
inline const Fault* find(std::string_view name, std::span<const Fault> others) {
    for (const std::span<const Fault> faults : {std::span<const Fault>(of_both), others}) {
        for (const Fault& fault : faults) {
            if (fault.name == name) {
                return &fault;
            }
        }
    }
    return nullptr;
}

}  // namespace barnacle::faults
