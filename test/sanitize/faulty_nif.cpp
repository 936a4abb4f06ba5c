// SPDX-License-Identifier: Apache-2.0
//
// A library of the VM with faults: bed_faulty:commit(Name). Some are of memory that the VM gives.
#include <unistd.h>

#include <cstring>

#include <erl_nif.h>

#include "faults.hpp"

namespace {

using barnacle::faults::unknown;

ErlNifResourceType* resource_type = nullptr;

int vm_memory_overflow() {
    auto* bytes = static_cast<char*>(enif_alloc(unknown<std::size_t>(16)));
    bytes[unknown(16)] = 1;
    enif_free(bytes);
    return 0;
}

int vm_memory_leak() {
    auto* bytes = static_cast<char*>(unknown(enif_alloc(unknown<std::size_t>(1234))));
    std::memset(bytes, 1, 1234);
    return 0;
}

int resource_leak() {
    return unknown(enif_alloc_resource(resource_type, unknown<std::size_t>(1234))) != nullptr;
}

// One that never ends.
int thread_leak() {
    ErlNifTid thread;
    char name[] = "leaked";
    const auto wait = [](void*) -> void* {
        while (true) {
            ::pause();
        }
    };
    return enif_thread_create(name, &thread, wait, nullptr, nullptr);
}

constexpr barnacle::faults::Fault own_faults[] = {
    {"data_race", barnacle::faults::data_race},
    {"vm_memory_overflow", vm_memory_overflow},
    {"vm_memory_leak", vm_memory_leak},
    {"resource_leak", resource_leak},
    {"thread_leak", thread_leak},
};

ERL_NIF_TERM commit(ErlNifEnv* env, int /*argc*/, const ERL_NIF_TERM argv[]) {
    char text[64];
    if (enif_get_atom(env, argv[0], text, sizeof text, ERL_NIF_LATIN1) == 0) {
        return enif_make_badarg(env);
    }
    const auto* const fault = barnacle::faults::find(text, own_faults);
    return fault == nullptr ? enif_make_badarg(env) : enif_make_int(env, fault->commit());
}

int load(ErlNifEnv* env, void** /*data*/, ERL_NIF_TERM /*info*/) {
    resource_type =
        enif_open_resource_type(env, nullptr, "leaked", nullptr, ERL_NIF_RT_CREATE, nullptr);
    return resource_type == nullptr ? 1 : 0;
}

ErlNifFunc functions[] = {{"commit", 1, commit, 0}};

}  // namespace

// NOLINTNEXTLINE: the macro's names and types are the VM's.
ERL_NIF_INIT(bed_faulty, functions, load, nullptr, nullptr, nullptr)
