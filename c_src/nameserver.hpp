// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ip_address.hpp"

namespace barnacle {

inline constexpr std::uint16_t default_dns_port = 53;  // RFC 1035 section 4.2

struct Nameserver {
    IpAddress address;
    std::uint16_t port = default_dns_port;
    std::string zone{};  // of an address of a link: the interface, by name or number (RFC 4007)

    friend bool operator==(const Nameserver&, const Nameserver&) = default;
};

// A DNS server as a user writes it: "10.0.0.2", "10.0.0.2:5353", "::1", "[::1]" or "[::1]:5353";
// nothing for all else. An address of a link, fe80::/10, may have a zone: "fe80::1%eth0",
// "[fe80::1%eth0]:53". Host names are not accepted: resolving them would take a name server.
[[nodiscard]] std::optional<Nameserver> parse_nameserver(std::string_view text);

// What is wrong with `text` as a name server, as a sentence for the user that quotes it; nullopt
// when parse_nameserver() accepts it.
[[nodiscard]] std::optional<std::string> check_nameserver(std::string_view text);

// "10.0.0.2:53", "[::1]:5353", "[fe80::1%eth0]:53": always with its port.
[[nodiscard]] std::string to_text(const Nameserver& nameserver);

// The name servers in the text of a resolv.conf, in their order, each as to_text() has it. What is
// no name server is passed over, as the C library does.
[[nodiscard]] std::vector<std::string> nameservers_in(std::string_view resolv_conf);

}  // namespace barnacle
