// SPDX-License-Identifier: Apache-2.0
#include "nameserver.hpp"

#include <algorithm>
#include <charconv>

#include "host_name.hpp"

namespace barnacle {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const char* const first = text.data();
    const char* const last = first + text.size();
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(first, last, port);
    if (error != std::errc{} || end != last || port == 0) {
        return std::nullopt;
    }
    return port;
}

}  // namespace

std::optional<Nameserver> parse_nameserver(std::string_view text) {
    if (const auto address = parse_ip_address(text)) {
        return Nameserver{*address, default_dns_port};
    }
    if (text.starts_with('[')) {
        const std::size_t end = std::min(text.find(']'), text.size());
        const auto address = parse_ip_address(text.substr(1, end - 1));
        if (!address || address->family != AF_INET6 || end == text.size()) {
            return std::nullopt;
        }
        const std::string_view rest = text.substr(end + 1);
        if (rest.empty()) {
            return Nameserver{*address, default_dns_port};
        }
        const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
        return port ? std::optional<Nameserver>{{*address, *port}} : std::nullopt;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = parse_ip_address(text.substr(0, colon));
    const auto port = parse_port(text.substr(colon + 1));
    return address && port ? std::optional<Nameserver>{{*address, *port}} : std::nullopt;
}

std::optional<std::string> check_nameserver(std::string_view text) {
    if (parse_nameserver(text)) {
        return std::nullopt;
    }
    return "name server " + quoted(text) +
           " is not an IP address with an optional port of 1 to 65535: write it like "
           "\"10.0.0.2\", \"10.0.0.2:53\" or \"[::1]:53\"";
}

std::string to_text(const Nameserver& nameserver) {
    const std::string address = to_text(nameserver.address);
    const std::string port = ':' + std::to_string(nameserver.port);
    return nameserver.address.family == AF_INET6 ? '[' + address + ']' + port : address + port;
}

}  // namespace barnacle
