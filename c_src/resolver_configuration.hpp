// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "resolv_conf.hpp"
#include "search.hpp"

namespace barnacle {

// Which servers to query, how, and how to complete names that are not fully qualified.
struct ResolverConfiguration {
    std::vector<std::string> nameservers;  // "10.0.0.2:53", "[::1]:53"; at least one, each once
    SearchList search;
    bool over_tcp = false;  // resolv.conf(5): options use-vc
    bool no_aaaa = false;   // no AAAA queries if A queries are wanted too
};

// The system's configuration, read now, with the name servers that check_nameserver() accepted in
// place of the system's own if there are any. All else is the system's in either case. Throws
// std::system_error when c-ares cannot be set up.
[[nodiscard]] ResolverConfiguration resolver_configuration(
    const std::vector<std::string>& nameservers,
    const std::string& resolv_conf_path = std::string{default_resolv_conf});

}  // namespace barnacle
