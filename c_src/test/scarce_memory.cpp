// SPDX-License-Identifier: Apache-2.0
#include "scarce_memory.hpp"

#include <ares.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

using barnacle::test::Allocator;
using barnacle::test::Watch;

// The libraries and operator new take plain functions, so what these look at is in one place.
thread_local Watch* watching = nullptr;
constinit std::array<std::atomic<long>, 3> live{};

bool refuses(Allocator allocator) {
    if (watching == nullptr || watching->allocator != allocator) {
        return false;
    }
    const int number = ++watching->requests;
    const bool refused = watching->refused_ever_after ? number >= watching->refused_from
                                                      : number == watching->refused_from;
    if (refused) {
        errno = ENOMEM;  // as malloc(3) does
    }
    return refused;
}

std::atomic<long>& live_of(Allocator allocator) {
    return live[static_cast<std::size_t>(allocator)];
}

void* counted(Allocator allocator, void* memory) {
    live_of(allocator) += memory == nullptr ? 0 : 1;
    return memory;
}

void* allocate(Allocator allocator, std::size_t bytes) {
    return refuses(allocator) ? nullptr : counted(allocator, std::malloc(bytes));
}

void release(Allocator allocator, void* memory) {
    live_of(allocator) -= memory == nullptr ? 0 : 1;
    std::free(memory);
}

void* new_block(std::size_t bytes) {
    void* const memory = allocate(Allocator::core, bytes == 0 ? 1 : bytes);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

// libuv ends the process when its table of descriptors cannot grow, the one thing that it asks
// realloc for here. Nothing can be shown about that.
void* reallocate_always(void* memory, std::size_t bytes) {
    if (memory == nullptr) {
        return counted(Allocator::libuv, std::malloc(bytes));
    }
    return std::realloc(memory, bytes);
}

void* reallocate_of_cares(void* memory, std::size_t bytes) {
    if (memory == nullptr) {
        return allocate(Allocator::cares, bytes);
    }
    return refuses(Allocator::cares) ? nullptr : std::realloc(memory, bytes);
}

const bool replaced = [] {
    uv_replace_allocator(
        [](std::size_t bytes) { return allocate(Allocator::libuv, bytes); }, reallocate_always,
        [](std::size_t count, std::size_t bytes) -> void* {
            return refuses(Allocator::libuv) ? nullptr
                                             : counted(Allocator::libuv, std::calloc(count, bytes));
        },
        [](void* memory) { release(Allocator::libuv, memory); });
    return ares_library_init_mem(
               ARES_LIB_INIT_ALL,
               [](std::size_t bytes) { return allocate(Allocator::cares, bytes); },
               [](void* memory) { release(Allocator::cares, memory); }, reallocate_of_cares) == 0;
}();

}  // namespace

void* operator new(std::size_t bytes) {
    return new_block(bytes);
}
void* operator new[](std::size_t bytes) {
    return new_block(bytes);
}
void operator delete(void* memory) noexcept {
    release(Allocator::core, memory);
}
void operator delete[](void* memory) noexcept {
    release(Allocator::core, memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
    release(Allocator::core, memory);
}
void operator delete[](void* memory, std::size_t /*bytes*/) noexcept {
    release(Allocator::core, memory);
}

namespace barnacle::test {

Watched::Watched(Watch& watch) noexcept {
    watching = replaced ? &watch : nullptr;
}

Watched::~Watched() {
    watching = nullptr;
}

long live_blocks(Allocator allocator) noexcept {
    return live_of(allocator);
}

}  // namespace barnacle::test
