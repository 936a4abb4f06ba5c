// SPDX-License-Identifier: Apache-2.0
#include "resolver_configuration.hpp"

#include "nameserver.hpp"
#include "resolver.hpp"

namespace barnacle {

ResolverConfiguration resolver_configuration(const std::vector<std::string>& nameservers,
                                             const std::string& resolv_conf_path) {
    ResolverConfiguration configuration;
    configuration.search = system_search_list(resolv_conf_path);
    for (const std::string& text : nameservers) {
        if (const auto nameserver = parse_nameserver(text)) {
            configuration.nameservers.push_back(to_text(*nameserver));
        }
    }
    if (configuration.nameservers.empty()) {
        configuration.nameservers = system_nameservers(resolv_conf_path);
    }
    return configuration;
}

}  // namespace barnacle
