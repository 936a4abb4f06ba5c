// SPDX-License-Identifier: Apache-2.0
#include "host_name.hpp"

#include <algorithm>

#include "ip_address.hpp"

namespace barnacle {

namespace {

constexpr std::size_t max_quoted_bytes = 80;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_host_name_character(char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_';
}

bool is_printable(char c) {
    return c >= 0x20 && c <= 0x7e;
}

char lower_case(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return std::ranges::equal(left, right,
                              [](char l, char r) { return lower_case(l) == lower_case(r); });
}

std::string hexadecimal(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    return {'\\', 'x', digits[byte >> 4U], digits[byte & 0xfU]};
}

std::optional<std::string> check_label(std::string_view label, std::string_view name) {
    if (label.empty()) {
        return "host name " + quoted(name) +
               " has an empty label: write one dot between two labels";
    }
    if (label.size() > max_label_bytes) {
        return "host name " + quoted(name) + " has a label of " + std::to_string(label.size()) +
               " bytes: at most " + std::to_string(max_label_bytes) + " are allowed";
    }
    return std::nullopt;
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text.substr(0, max_quoted_bytes)) {
        if (is_printable(c)) {
            result += c;
        } else {
            result += hexadecimal(c);
        }
    }
    result += text.size() > max_quoted_bytes ? "...\"" : "\"";
    return result;
}

std::string_view without_trailing_dot(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    return name;
}

std::optional<std::string> check_host_name(std::string_view name) {
    if (parse_ip_address(name)) {
        return std::nullopt;
    }
    if (name.empty()) {
        return "host name is empty";
    }
    const std::string_view labels = without_trailing_dot(name);
    const auto* const wrong =
        std::ranges::find_if(labels, [](char c) { return c != '.' && !is_host_name_character(c); });
    if (wrong != labels.end()) {
        const std::string shown =
            is_printable(*wrong) ? std::string{'\'', *wrong, '\''} : "byte " + hexadecimal(*wrong);
        return "host name " + quoted(name) + " contains " + shown +
               ": only letters, digits, '-', '_' and '.' are allowed";
    }
    if (labels.size() > max_host_name_bytes) {
        return "host name " + quoted(name) + " has " + std::to_string(labels.size()) +
               " bytes: at most " + std::to_string(max_host_name_bytes) + " are allowed";
    }
    std::size_t start = 0;
    while (true) {
        const std::size_t end = std::min(labels.find('.', start), labels.size());
        if (auto error = check_label(labels.substr(start, end - start), name)) {
            return error;
        }
        if (end == labels.size()) {
            return std::nullopt;
        }
        start = end + 1;
    }
}

bool is_localhost(std::string_view name) {
    constexpr std::string_view localhost = "localhost";
    name = without_trailing_dot(name);
    if (name.size() < localhost.size()) {
        return false;
    }
    const std::size_t prefix_bytes = name.size() - localhost.size();
    return equal_ignoring_case(name.substr(prefix_bytes), localhost) &&
           (prefix_bytes == 0 || name[prefix_bytes - 1] == '.');
}

}  // namespace barnacle
