// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace barnacle {

// How a name that is not fully qualified is completed: resolv.conf(5), `search` and `ndots`.
struct SearchList {
    std::vector<std::string> domains;
    std::size_t ndots = 1;
    bool no_tld_query = false;  // a name without a dot is not queried as it is after the domains

    friend bool operator==(const SearchList&, const SearchList&) = default;
};

// The names to ask for, in order, none of them twice and none with a trailing dot (every one is
// meant to be fully qualified). A name with a trailing dot is only queried as it is; one with at
// least `ndots` dots is queried as it is before the search domains, one with fewer after them. The
// domain "." is the root: it adds nothing to the name. Candidates that are too long or malformed
// are left out, so a wrong search domain costs no query. Takes a name that check_host_name()
// accepts. Linear in the number of domains.
[[nodiscard]] std::vector<std::string> search_candidates(std::string_view name,
                                                         const SearchList& search);

}  // namespace barnacle
