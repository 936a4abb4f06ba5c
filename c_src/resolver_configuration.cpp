// SPDX-License-Identifier: Apache-2.0
#include "resolver_configuration.hpp"

#include <algorithm>
#include <string_view>
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

// The unspecified address as a name server means this host. Responses come from the loopback
// address, and c-ares drops those that do not come from the address that it has.
std::string without_unspecified(const std::string& text) {
    constexpr std::string_view any_ipv4 = "0.0.0.0:";
    constexpr std::string_view any_ipv6 = "[::]:";
    if (text.starts_with(any_ipv4)) {
        return "127.0.0.1:" + text.substr(any_ipv4.size());
    }
    if (text.starts_with(any_ipv6)) {
        return "[::1]:" + text.substr(any_ipv6.size());
    }
    return text;
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
    std::ranges::transform(configuration.nameservers, configuration.nameservers.begin(),
                           without_unspecified);
    keep_first_of_equals(configuration.nameservers);
    return configuration;
}

}  // namespace barnacle
