// SPDX-License-Identifier: Apache-2.0
#include "nameserver.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

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

constexpr std::size_t max_zone_bytes = 15;  // of an interface's name in Linux

bool is_zone(std::string_view text) {
    return !text.empty() && text.size() <= max_zone_bytes && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '-' || c == '_';
    });
}

// fe80::/10 (RFC 4291 section 2.5.6)
bool is_of_a_link(const IpAddress& address) {
    return address.family == AF_INET6 && address.bytes[0] == 0xfe &&
           (address.bytes[1] & 0xc0U) == 0x80U;
}

// An address, with a zone if it is one of a link, and the usual port.
std::optional<Nameserver> parse_address(std::string_view text) {
    const std::size_t percent = text.find('%');
    const auto address = parse_ip_address(text.substr(0, percent));
    if (!address) {
        return std::nullopt;
    }
    if (percent == std::string_view::npos) {
        return Nameserver{*address};
    }
    const std::string_view zone = text.substr(percent + 1);
    if (!is_of_a_link(*address) || !is_zone(zone)) {
        return std::nullopt;
    }
    return Nameserver{*address, default_dns_port, std::string{zone}};
}

// The C library ignores a zone behind an address that belongs to no link.
std::string_view without_needless_zone(std::string_view word) {
    const std::size_t percent = word.find('%');
    const auto address = parse_ip_address(word.substr(0, percent));
    const bool is_needless = percent != std::string_view::npos && address &&
                             address->family == AF_INET6 && !is_of_a_link(*address);
    return is_needless ? word.substr(0, percent) : word;
}

}  // namespace

std::optional<Nameserver> parse_nameserver(std::string_view text) {
    if (auto nameserver = parse_address(text)) {
        return nameserver;
    }
    if (text.starts_with('[')) {
        const std::size_t end = std::min(text.find(']'), text.size());
        auto nameserver = parse_address(text.substr(1, end - 1));
        if (!nameserver || nameserver->address.family != AF_INET6 || end == text.size()) {
            return std::nullopt;
        }
        const std::string_view rest = text.substr(end + 1);
        if (rest.empty()) {
            return nameserver;
        }
        const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
        if (!port) {
            return std::nullopt;
        }
        nameserver->port = *port;
        return nameserver;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = parse_ip_address(text.substr(0, colon));
    const auto port = parse_port(text.substr(colon + 1));
    return address && port ? std::optional<Nameserver>{{*address, *port, {}}} : std::nullopt;
}

std::optional<std::string> check_nameserver(std::string_view text) {
    if (parse_nameserver(text)) {
        return std::nullopt;
    }
    return "name server " + quoted(text) +
           " is not an IP address with an optional port of 1 to 65535: write it like "
           "\"10.0.0.2\", \"10.0.0.2:53\" or \"[::1]:53\"; only an address of fe80::/10 has a "
           "zone, as in \"fe80::1%eth0\"";
}

std::string to_text(const Nameserver& nameserver) {
    const std::string address =
        to_text(nameserver.address) + (nameserver.zone.empty() ? "" : '%' + nameserver.zone);
    const std::string port = ':' + std::to_string(nameserver.port);
    return nameserver.address.family == AF_INET6 ? '[' + address + ']' + port : address + port;
}

std::vector<std::string> nameservers_in(std::string_view resolv_conf) {
    std::vector<std::string> nameservers;
    std::istringstream lines{std::string{resolv_conf}};
    lines.exceptions(std::ios::badbit);  // want of memory is no end of the text
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        words.exceptions(std::ios::badbit);
        std::string word;
        // As with the other keywords, nothing may be in front of it.
        if (!line.starts_with("nameserver") || !(words >> word) || word != "nameserver") {
            continue;
        }
        while (words >> word && !word.starts_with('#') && !word.starts_with(';')) {
            if (const auto nameserver = parse_nameserver(without_needless_zone(word))) {
                nameservers.push_back(to_text(*nameserver));
            }
        }
    }
    return nameservers;
}

}  // namespace barnacle
