// SPDX-License-Identifier: Apache-2.0
// Any two lists of names, by three hashes, against the plainest way to keep them apart.
#include "../diff.hpp"

#include <map>

#include "plain_diff.hpp"
#include "targets.hpp"

namespace barnacle::fuzz {
namespace {

using Names = std::vector<std::string_view>;

std::vector<std::size_t> only_in(const Names& names, const Names& others, std::string_view self) {
    std::map<std::string_view, std::size_t> first;
    for (std::size_t i = names.size(); i > 0; --i) {
        first[names[i - 1]] = i - 1;
    }
    first.erase(self);
    for (const std::string_view other : others) {
        first.erase(other);
    }
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (const auto found = first.find(names[i]); found != first.end() && found->second == i) {
            positions.push_back(i);
        }
    }
    return positions;
}

}  // namespace

DiffResult plain_diff(const Names& wanted, const Names& listed, std::string_view self) {
    return {.connect = only_in(wanted, listed, self), .disconnect = only_in(listed, wanted, self)};
}

std::size_t one_for_all(std::string_view) {
    return 7;
}

std::size_t first_byte(std::string_view name) {
    return name.empty() ? 0 : static_cast<unsigned char>(name.front());
}

// Names are what stands between newlines: the own one, those wanted, an empty one, those listed.
void run_diff(Bytes input) {
    std::string_view left = text(input);
    const auto line = [&left] {
        const std::string_view name = left.substr(0, left.find('\n'));
        left.remove_prefix(name.size() < left.size() ? name.size() + 1 : left.size());
        return name;
    };
    const std::string_view self = line();
    Names wanted;
    Names listed;
    for (Names* names = &wanted; !left.empty();) {
        const std::string_view name = line();
        if (name.empty() && names == &wanted) {
            names = &listed;
        } else {
            names->push_back(name);
        }
    }
    const DiffResult plainly = plain_diff(wanted, listed, self);
    for (const NameHash hash : {hash_name, one_for_all, first_byte}) {
        require(diff(wanted, listed, self, hash) == plainly, "a diff is what a plain one is");
    }
}

}  // namespace barnacle::fuzz
