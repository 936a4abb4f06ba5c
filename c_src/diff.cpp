// SPDX-License-Identifier: Apache-2.0
#include "diff.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>

namespace barnacle {

namespace {

using Names = std::span<const std::string_view>;

// What is known of one position of `listed`.
enum class Listed : std::uint8_t { unwanted, wanted, passed_over };

// The names met so far, in a table with open addressing and linear probing, at most half full.
// Names are held by number: those of `listed` first, then those of `wanted`.
class NameTable {
 public:
    NameTable(Names listed, Names wanted, NameHash hash)
        : listed_(listed),
          wanted_(wanted),
          hash_(hash),
          slots_(std::bit_ceil(2 * (listed.size() + wanted.size()) + 1)),
          probes_left_(probes_per_name * (listed.size() + wanted.size()) + probes_per_name) {}

    // The number of the name equal to `name`, which is `number` itself if it is new. Nothing when
    // the names collide too often for the table to be any use.
    std::optional<std::uint32_t> find_or_insert(std::string_view name, std::uint32_t number) {
        const std::uint64_t hash = hash_(name);
        const auto tag = static_cast<std::uint32_t>(hash >> 32U);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hash & mask; probes_left_ > 0; at = (at + 1) & mask) {
            --probes_left_;
            Slot& slot = slots_[at];
            if (slot.number_plus_1 == 0) {
                slot = {tag, number + 1};
                return number;
            }
            if (slot.tag == tag && name_of(slot.number_plus_1 - 1) == name) {
                return slot.number_plus_1 - 1;
            }
        }
        return std::nullopt;
    }

 private:
    // With a hash that spreads, a name takes 2.5 probes at most on average (Knuth, The Art of
    // Computer Programming 3, 6.4, linear probing at a load of a half).
    static constexpr std::size_t probes_per_name = 16;

    struct Slot {
        std::uint32_t tag = 0;  // upper half of the hash, spares most comparisons of names
        std::uint32_t number_plus_1 = 0;
    };

    [[nodiscard]] std::string_view name_of(std::uint32_t number) const {
        return number < listed_.size() ? listed_[number] : wanted_[number - listed_.size()];
    }

    Names listed_;
    Names wanted_;
    NameHash hash_;
    std::vector<Slot> slots_;
    std::size_t probes_left_;
};

void collect_unwanted(const std::vector<Listed>& states, std::vector<std::size_t>& disconnect) {
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i] == Listed::unwanted) {
            disconnect.push_back(i);
        }
    }
}

std::optional<DiffResult> diff_by_hashing(Names wanted, Names listed, std::string_view self,
                                          NameHash hash) {
    if (wanted.size() + listed.size() >= std::numeric_limits<std::uint32_t>::max()) {
        return std::nullopt;
    }
    DiffResult result;
    NameTable table(listed, wanted, hash);
    std::vector<Listed> states(listed.size(), Listed::unwanted);
    std::uint32_t number = 0;
    for (const std::string_view name : listed) {
        const auto found = table.find_or_insert(name, number);
        if (!found) {
            return std::nullopt;
        }
        if (*found != number || name == self) {
            states[number] = Listed::passed_over;
        }
        ++number;
    }
    for (const std::string_view name : wanted) {
        const auto found = table.find_or_insert(name, number);
        if (!found) {
            return std::nullopt;
        }
        if (*found < listed.size()) {
            states[*found] = Listed::wanted;
        } else if (*found == number && name != self) {
            result.connect.push_back(number - listed.size());
        }
        ++number;
    }
    collect_unwanted(states, result.disconnect);
    return result;
}

// The positions of `names` in the order of the names, equal names in the order of the list.
std::vector<std::size_t> sorted_positions(Names names) {
    std::vector<std::size_t> positions(names.size());
    std::iota(positions.begin(), positions.end(), std::size_t{0});
    std::sort(positions.begin(), positions.end(), [names](std::size_t left, std::size_t right) {
        const int order = names[left].compare(names[right]);
        return order < 0 || (order == 0 && left < right);
    });
    return positions;
}

// Positions in `names` of those that `others` lacks, first occurrences only, without `self`.
std::vector<std::size_t> missing(Names names, const std::vector<std::size_t>& sorted, Names others,
                                 const std::vector<std::size_t>& others_sorted,
                                 std::string_view self) {
    std::vector<std::size_t> result;
    auto other = others_sorted.begin();
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const std::string_view name = names[sorted[i]];
        if (name == self || (i > 0 && name == names[sorted[i - 1]])) {
            continue;
        }
        while (other != others_sorted.end() && others[*other] < name) {
            ++other;
        }
        if (other == others_sorted.end() || others[*other] != name) {
            result.push_back(sorted[i]);
        }
    }
    std::sort(result.begin(), result.end());
    return result;
}

DiffResult diff_by_sorting(Names wanted, Names listed, std::string_view self) {
    const std::vector<std::size_t> wanted_sorted = sorted_positions(wanted);
    const std::vector<std::size_t> listed_sorted = sorted_positions(listed);
    return {.connect = missing(wanted, wanted_sorted, listed, listed_sorted, self),
            .disconnect = missing(listed, listed_sorted, wanted, wanted_sorted, self)};
}

}  // namespace

std::size_t hash_name(std::string_view name) {
    return std::hash<std::string_view>{}(name);
}

DiffResult diff(std::span<const std::string_view> wanted, std::span<const std::string_view> listed,
                std::string_view self, NameHash hash) {
    if (auto result = diff_by_hashing(wanted, listed, self, hash)) {
        return *std::move(result);
    }
    return diff_by_sorting(wanted, listed, self);
}

}  // namespace barnacle
