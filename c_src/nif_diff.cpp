// SPDX-License-Identifier: Apache-2.0
#include "nif_diff.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec.hpp"
#include "diff.hpp"

namespace barnacle {
namespace {

// More names than this take more of a normal scheduler's time than the way to a dirty one costs.
constexpr unsigned max_names_on_scheduler = 8000;

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 128; });
}

// In OTP 25 the NIF interface has no encoding for an atom's name but Latin-1. In the External Term
// Format every name is in UTF-8.
std::string utf8_name(ErlNifEnv* env, ERL_NIF_TERM atom) {
    ErlNifBinary external;
    if (enif_term_to_binary(env, atom, &external) == 0) {
        throw std::bad_alloc();
    }
    const std::vector<std::uint8_t> bytes(external.data, external.data + external.size);
    enif_release_binary(&external);
    return Decoder(bytes).atom().value();
}

// The names of a call's terms. Binaries are read where they are, atoms' names are copied.
class Names {
 public:
    explicit Names(ErlNifEnv* env) : env_(env) {}

    // False unless the term is an atom or a binary.
    bool add(ERL_NIF_TERM term) {
        const auto name = name_of(term);
        if (name) {
            terms_.push_back(term);
            names_.push_back(*name);
        }
        return name.has_value();
    }

    // False unless the term is a proper list of atoms. These are not looked up: two atoms are the
    // same if their terms are, so a term's bytes serve as the name.
    bool add_all_atoms(ERL_NIF_TERM list) {
        ERL_NIF_TERM head = 0;
        while (enif_get_list_cell(env_, list, &head, &list) != 0) {
            if (enif_is_atom(env_, head) == 0) {
                return false;
            }
            terms_.push_back(head);
        }
        names_.reserve(terms_.size());
        for (const ERL_NIF_TERM& term : terms_) {
            names_.emplace_back(reinterpret_cast<const char*>(&term), sizeof term);
        }
        return enif_is_empty_list(env_, list) != 0;
    }

    // False unless the term is a proper list of atoms and binaries.
    bool add_all(ERL_NIF_TERM list) {
        ERL_NIF_TERM head = 0;
        while (enif_get_list_cell(env_, list, &head, &list) != 0) {
            if (!add(head)) {
                return false;
            }
        }
        return enif_is_empty_list(env_, list) != 0;
    }

    [[nodiscard]] const std::vector<std::string_view>& names() const { return names_; }

    // The list of the terms at some positions.
    [[nodiscard]] ERL_NIF_TERM select(const std::vector<std::size_t>& positions) const {
        ERL_NIF_TERM list = enif_make_list(env_, 0);
        for (auto position = positions.rbegin(); position != positions.rend(); ++position) {
            list = enif_make_list_cell(env_, terms_[*position], list);
        }
        return list;
    }

 private:
    std::optional<std::string_view> name_of(ERL_NIF_TERM term) {
        ErlNifBinary found;
        if (enif_inspect_binary(env_, term, &found) != 0) {
            return std::string_view(reinterpret_cast<const char*>(found.data), found.size);
        }
        if (enif_is_atom(env_, term) == 0) {
            return std::nullopt;
        }
        std::array<char, 256> latin1{};  // 255 characters, the most an atom has, and a zero
        const int size = enif_get_atom(env_, term, latin1.data(), latin1.size(), ERL_NIF_LATIN1);
        if (size > 0) {
            const std::string_view name(latin1.data(), static_cast<std::size_t>(size) - 1);
            if (is_ascii(name)) {
                return keep(name);
            }
        }
        return keep(utf8_name(env_, term));
    }

    std::string_view keep(std::string_view name) {
        auto* const copy = static_cast<char*>(copies_.allocate(name.size() + 1, 1));
        std::memcpy(copy, name.data(), name.size());
        return {copy, name.size()};
    }

    ErlNifEnv* env_;
    std::pmr::monotonic_buffer_resource copies_;
    std::vector<ERL_NIF_TERM> terms_;
    std::vector<std::string_view> names_;
};

}  // namespace

ERL_NIF_TERM diff_terms(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    const auto result_of = [env](const Names& wanted, const Names& listed, const Names& self) {
        const DiffResult result = diff(wanted.names(), listed.names(), self.names().front());
        return enif_make_tuple2(env, wanted.select(result.connect),
                                listed.select(result.disconnect));
    };
    Names wanted(env);
    Names listed(env);
    Names self(env);
    if (self.add_all_atoms(enif_make_list1(env, argv[2])) && wanted.add_all_atoms(argv[0]) &&
        listed.add_all_atoms(argv[1])) {
        return result_of(wanted, listed, self);
    }
    Names named_wanted(env);
    Names named_listed(env);
    Names named_self(env);
    if (!named_wanted.add_all(argv[0]) || !named_listed.add_all(argv[1]) ||
        !named_self.add(argv[2])) {
        return enif_make_badarg(env);
    }
    return result_of(named_wanted, named_listed, named_self);
}

bool is_long_diff(ErlNifEnv* env, const ERL_NIF_TERM argv[]) noexcept {
    unsigned names = 0;
    for (ERL_NIF_TERM list : {argv[0], argv[1]}) {
        ERL_NIF_TERM head = 0;
        while (enif_get_list_cell(env, list, &head, &list) != 0) {
            if (++names > max_names_on_scheduler) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace barnacle
