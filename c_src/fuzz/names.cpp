// SPDX-License-Identifier: Apache-2.0
// Any text as a host's name, an address and a name server: what is accepted is written and read as
// the same, and is what plain rules accept.
#include <algorithm>

#include "../host_name.hpp"
#include "../ip_address.hpp"
#include "../nameserver.hpp"
#include "targets.hpp"

namespace barnacle::fuzz {
namespace {

bool digit(char c) {
    return c >= '0' && c <= '9';
}

// The number, or -1 unless it is written in 1 to `digits` digits.
int number(std::string_view text, std::size_t digits) {
    if (text.empty() || text.size() > digits || !std::ranges::all_of(text, digit)) {
        return -1;
    }
    return std::stoi(std::string(text));
}

// Calls `part(text)` for what stands between dots; whether all of them were good.
template <typename Part>
bool all_between_dots(std::string_view text, Part part) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
        if (!part(text.substr(0, dot))) {
            return false;
        }
        text.remove_prefix(dot + 1);
    }
    return part(text);
}

bool plain_ipv4(std::string_view text) {
    return std::ranges::count(text, '.') == 3 && all_between_dots(text, [](std::string_view part) {
               return number(part, 3) >= 0 && number(part, 3) <= 255 &&
                      (part == "0" || part[0] != '0');
           });
}

bool plain_host_name(std::string_view text) {
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    return text.size() <= 253 && all_between_dots(text, [](std::string_view label) {
               return !label.empty() && label.size() <= 63 &&
                      std::ranges::all_of(label, [](char c) {
                          const char lower = static_cast<char>(c | 0x20);
                          return digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '_';
                      });
           });
}

bool plain_localhost(std::string_view text) {
    std::string name(text.substr(0, text.ends_with('.') ? text.size() - 1 : text.size()));
    for (char& c : name) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return name == "localhost" || name.ends_with(".localhost");
}

bool presentable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void check_address(std::string_view name) {
    const auto address = parse_ip_address(name);
    if (name.find(':') == std::string_view::npos) {
        require(address.has_value() == plain_ipv4(name), "IPv4 addresses are four numbers");
    }
    if (!address) {
        return;
    }
    const std::string written = to_text(*address);
    require(written.size() <= 45 && parse_ip_address(written) == address,
            "an address is read as it is written");
    require(address->family == AF_INET6 || written == name, "IPv4 addresses have one form");
    require(
        ip_address_from_bytes(std::span(address->bytes).first(address->size_bytes())) == address,
        "an address is what its bytes are");
    const sockaddr_storage storage = to_sockaddr(*address, 1);
    require(ip_address_from_sockaddr(reinterpret_cast<const sockaddr&>(storage)) == address,
            "an address comes back from a socket's");
    const sockaddr_storage nowhere = to_sockaddr(IpAddress{}, 1);
    require(to_text(IpAddress{}).empty() && !ip_address_from_bytes({}) &&
                !ip_address_from_sockaddr(reinterpret_cast<const sockaddr&>(nowhere)),
            "what has no family is no address");
}

void check_as_nameserver(std::string_view name) {
    const auto nameserver = parse_nameserver(name);
    const auto wrong = check_nameserver(name);
    require(nameserver.has_value() != wrong.has_value(), "a name server is one or is wrong");
    if (wrong) {
        require(presentable(*wrong) && !parse_ip_address(name), "what is wrong can be shown");
        return;
    }
    require(nameserver->port > 0 && parse_nameserver(to_text(*nameserver)) == nameserver,
            "a name server is read as it is written");
    require(nameserver->port != default_dns_port || name.find(':') == std::string_view::npos ||
                name.find("53") != std::string_view::npos || nameserver->address.family == AF_INET6,
            "a port is what stands behind the colon");
}

}  // namespace

void run_names(Bytes input) {
    const std::string_view name = text(input);
    check_address(name);
    check_as_nameserver(name);
    const auto wrong = check_host_name(name);
    require(wrong.has_value() != (plain_host_name(name) || parse_ip_address(name)),
            "a host's name is labels with dots between, or an address");
    require(!wrong || (presentable(*wrong) && wrong->size() < 500), "what is wrong can be shown");
    require(is_localhost(name) == plain_localhost(name), "localhost is what ends so");
    require(presentable(quoted(name)), "what is quoted can be shown");
}

}  // namespace barnacle::fuzz
