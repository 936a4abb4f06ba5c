// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "search.hpp"

namespace barnacle {

inline constexpr std::string_view default_resolv_conf = "/etc/resolv.conf";

// What resolv.conf(5) says, but for the name servers. docs/resolver.md lists every keyword and
// option.
struct ResolvConf {
    SearchList search;
    bool over_tcp = false;  // options use-vc
    bool no_aaaa = false;   // options no-aaaa

    friend bool operator==(const ResolvConf&, const ResolvConf&) = default;
};

// The configuration of the system: `domain` and `search` (the later line wins) and `options`; the
// environment's LOCALDOMAIN replaces the search list and RES_OPTIONS amends the options. With
// neither, what follows the first dot of the local host's name is searched. A file that cannot be
// read counts as empty, an option that makes no sense as absent.
//
// It is read here and not through c-ares because ares_save_options(3) of c-ares 1.22 and later only
// returns what its caller had set, not what c-ares read from the system.
[[nodiscard]] ResolvConf system_resolv_conf(const std::string& path);

// The text of a resolv.conf alone, without environment and host name.
[[nodiscard]] ResolvConf parse_resolv_conf(std::string_view text);

// What follows the first dot of a host's name, where there is anything.
[[nodiscard]] std::vector<std::string> domain_of_host(std::string_view name);

// The text of a file, empty if there is none. Throws std::system_error if it is there and was not
// read for want of descriptors or memory.
[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace barnacle
