// SPDX-License-Identifier: Apache-2.0
#include "search.hpp"

#include <algorithm>

#include "host_name.hpp"

namespace barnacle {

namespace {

void add_candidate(std::vector<std::string>& candidates, std::string candidate) {
    // The domain "example.." would leave one with a trailing dot.
    if (std::ranges::find(candidates, candidate) == candidates.end() && !candidate.ends_with('.') &&
        !check_host_name(candidate)) {
        candidates.push_back(std::move(candidate));
    }
}

}  // namespace

std::vector<std::string> search_candidates(std::string_view name, const SearchList& search) {
    const std::string as_is{without_trailing_dot(name)};
    if (name.ends_with('.')) {
        return {as_is};
    }
    const auto dots = static_cast<std::size_t>(std::ranges::count(name, '.'));
    const bool as_is_first = dots >= search.ndots;
    std::vector<std::string> candidates;
    if (as_is_first) {
        add_candidate(candidates, as_is);
    }
    for (const std::string& domain : search.domains) {
        const std::string_view suffix = without_trailing_dot(domain);
        add_candidate(candidates, suffix.empty() ? as_is : as_is + '.' + std::string{suffix});
    }
    if (candidates.empty() || dots > 0 || !search.no_tld_query) {
        add_candidate(candidates, as_is);
    }
    return candidates;
}

}  // namespace barnacle
