// SPDX-License-Identifier: Apache-2.0
//
// Small terms that the NIF shell's files make.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <erl_nif.h>

namespace barnacle {

inline ERL_NIF_TERM atom(ErlNifEnv* env, const char* name) {
    return enif_make_atom(env, name);
}

inline ERL_NIF_TERM error(ErlNifEnv* env, ERL_NIF_TERM reason) {
    return enif_make_tuple2(env, atom(env, "error"), reason);
}

inline ERL_NIF_TERM binary(ErlNifEnv* env, std::span<const std::uint8_t> bytes) {
    ERL_NIF_TERM term = 0;
    unsigned char* const data = enif_make_new_binary(env, bytes.size(), &term);
    std::memcpy(data, bytes.data(), bytes.size());
    return term;
}

}  // namespace barnacle
