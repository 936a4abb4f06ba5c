// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <erl_nif.h>

namespace barnacle {

// barnacle_nif:diff/3: the arguments are a list of names, another, and a name, each name an atom or
// a binary. Gives {Connect, Disconnect} with the caller's own terms, or a badarg exception. Throws
// std::bad_alloc.
ERL_NIF_TERM diff_terms(ErlNifEnv* env, const ERL_NIF_TERM argv[]);

// Whether a call with these arguments would take so long that it belongs on a dirty scheduler.
[[nodiscard]] bool is_long_diff(ErlNifEnv* env, const ERL_NIF_TERM argv[]) noexcept;

}  // namespace barnacle
