// SPDX-License-Identifier: Apache-2.0
// Any text as /etc/resolv.conf, and names completed by the search list in it.
#include "../resolv_conf.hpp"

#include <algorithm>

#include "../host_name.hpp"
#include "targets.hpp"
#include "variable.hpp"

namespace barnacle::fuzz {
namespace {

std::string written(const ResolvConf& conf) {
    std::string text = "search";
    for (const std::string& domain : conf.search.domains) {
        text += ' ' + domain;
    }
    text += "\noptions ndots:" + std::to_string(conf.search.ndots);
    text += conf.search.no_tld_query ? " no-tld-query" : "";
    text += conf.over_tcp ? " use-vc" : "";
    text += conf.no_aaaa ? " no-aaaa" : "";
    return text + '\n';
}

void check_candidates(const std::string& name, const SearchList& search) {
    std::vector<std::string> candidates = search_candidates(name, search);
    require(!candidates.empty() && candidates.size() <= search.domains.size() + 1,
            "a name and each domain give a candidate at most");
    for (const std::string& candidate : candidates) {
        require(candidate.starts_with(name) || candidate + '.' == name,
                "candidates begin with the name");
        require(!check_host_name(candidate) && !candidate.ends_with('.'),
                "candidates can be looked up");
    }
    std::ranges::sort(candidates);
    require(std::ranges::adjacent_find(candidates) == candidates.end(),
            "no candidate is there twice");
}

// LOCALDOMAIN is what stands in a line `search`, RES_OPTIONS what stands in a line `options`.
void check_environment(std::string_view text) {
    const std::string value(text.substr(0, text.find_first_of(std::string_view("\0\n", 2))));
    const Variable domains("LOCALDOMAIN", value.c_str());
    const Variable options("RES_OPTIONS", value.c_str());
    require(system_resolv_conf("/dev/null") ==
                parse_resolv_conf("search " + value + "\noptions " + value),
            "the environment is read as the file is");
}

void check_domain_of_host(std::string_view name) {
    const std::vector<std::string> domain = domain_of_host(name);
    const std::string_view host = name.substr(0, name.find('.'));
    if (domain.empty()) {
        require(name.size() <= host.size() + 1, "a name with more than a dot has a domain");
    } else {
        require(std::string(host) + '.' + domain.front() == name && domain.size() == 1,
                "a host's name is the host, a dot and the domain");
    }
}

}  // namespace

void run_resolv_conf(Bytes input) {
    const ResolvConf conf = parse_resolv_conf(text(input));
    const SearchList& search = conf.search;
    require(search.ndots <= 15 && search.domains.size() <= 32, "a search list has its limits");
    for (const std::string& domain : search.domains) {
        require(!domain.empty() && domain.find_first_of(" \t\r\n\v\f") == std::string::npos,
                "domains are words");
    }
    require(parse_resolv_conf(written(conf)) == conf, "a configuration is read as it is written");
    check_environment(text(input));
    check_domain_of_host(text(input));
    for (const char* name : {"name", "name.example", "a.b.c.d", "name."}) {
        check_candidates(name, search);
    }
}

}  // namespace barnacle::fuzz
