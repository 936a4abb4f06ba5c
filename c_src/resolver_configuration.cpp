// SPDX-License-Identifier: Apache-2.0
#include "resolver_configuration.hpp"

#include <algorithm>
#include <utility>

#include "nameserver.hpp"
#include "resolver.hpp"

namespace barnacle {

namespace {

// In their order. A server that is written twice would be queried twice.
void keep_first_of_equals(std::vector<std::string>& texts) {
    auto end = texts.begin();
    for (auto text = texts.begin(); text != texts.end(); ++text) {
        if (std::find(texts.begin(), end, *text) == end) {
            std::iter_swap(end++, text);
        }
    }
    texts.erase(end, texts.end());
}

}  // namespace

ResolverConfiguration resolver_configuration(const std::vector<std::string>& nameservers,
                                             const std::string& resolv_conf_path) {
    ResolverConfiguration configuration;
    // First, since c-ares takes a file that it could not open for one that isn't there.
    ResolvConf conf = system_resolv_conf(resolv_conf_path);
    configuration.search = std::move(conf.search);
    configuration.over_tcp = conf.over_tcp;
    configuration.no_aaaa = conf.no_aaaa;
    for (const std::string& text : nameservers) {
        if (const auto nameserver = parse_nameserver(text)) {
            configuration.nameservers.push_back(to_text(*nameserver));
        }
    }
    if (configuration.nameservers.empty()) {
        configuration.nameservers = system_nameservers(resolv_conf_path);
    }
    keep_first_of_equals(configuration.nameservers);
    return configuration;
}

}  // namespace barnacle
