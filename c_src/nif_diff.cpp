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

// As many names as take about 0.1 ms, a tenth of what a NIF may take of a normal scheduler's time.
// More of them go to a dirty scheduler, which costs some 10 us and longer where those are busy.
constexpr unsigned max_names_on_scheduler = 4000;

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
    return Decoder(bytes).atom().value_or("");
}

// The names of a call's terms: terms first, their names when it is clear what stands for them.
class Names {
 public:
    explicit Names(ErlNifEnv* env) : env_(env) {}

    // False unless the term is an atom or a binary.
    bool add(ERL_NIF_TERM term) {
        if (enif_is_atom(env_, term) == 0) {
            if (enif_is_binary(env_, term) == 0) {
                return false;
            }
            atoms_only_ = false;
        }
        terms_.push_back(term);
        return true;
    }

    // False unless the term is a proper list of atoms and binaries.
    bool add_all(ERL_NIF_TERM list) {
        unsigned length = 0;
        if (enif_get_list_length(env_, list, &length) == 0) {
            return false;
        }
        terms_.reserve(length);
        ERL_NIF_TERM head = 0;
        while (enif_get_list_cell(env_, list, &head, &list) != 0) {
            if (!add(head)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool atoms_only() const { return atoms_only_; }

    // The bytes of the terms themselves stand for the names: an atom is the same word everywhere.
    void use_terms() {
        use([](const ERL_NIF_TERM& term) {
            return std::string_view(reinterpret_cast<const char*>(&term), sizeof term);
        });
    }

    // The names in UTF-8. Binaries are read where they are, atoms' names are copied.
    void use_texts() {
        use([this](ERL_NIF_TERM term) { return text_of(term); });
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
    template <typename NameOf>
    void use(NameOf name_of) {
        names_.reserve(terms_.size());
        for (const ERL_NIF_TERM& term : terms_) {
            names_.push_back(name_of(term));
        }
    }

    std::string_view text_of(ERL_NIF_TERM term) {
        ErlNifBinary found;
        if (enif_inspect_binary(env_, term, &found) != 0) {
            return {reinterpret_cast<const char*>(found.data), found.size};
        }
        std::array<char, 256> latin1;  // 255 characters, the most an atom has, and a zero
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
    bool atoms_only_ = true;
    std::pmr::monotonic_buffer_resource copies_;
    std::vector<ERL_NIF_TERM> terms_;
    std::vector<std::string_view> names_;
};

}  // namespace

ERL_NIF_TERM diff_terms(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    Names wanted(env);
    Names listed(env);
    Names self(env);
    if (!wanted.add_all(argv[0]) || !listed.add_all(argv[1]) || !self.add(argv[2])) {
        return enif_make_badarg(env);
    }
    const bool atoms_only = wanted.atoms_only() && listed.atoms_only() && self.atoms_only();
    for (Names* names : {&wanted, &listed, &self}) {
        atoms_only ? names->use_terms() : names->use_texts();
    }
    const DiffResult result = diff(wanted.names(), listed.names(), self.names().front());
    return enif_make_tuple2(env, wanted.select(result.connect), listed.select(result.disconnect));
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
