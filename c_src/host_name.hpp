// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace barnacle {

inline constexpr std::size_t max_label_bytes = 63;       // RFC 1035 section 2.3.4
inline constexpr std::size_t max_host_name_bytes = 253;  // its 255 octets, written as text

// What is wrong with `name` as the name of a host, as a sentence for the user that quotes the name;
// nullopt when it can be looked up. Accepted are labels of letters, digits, hyphens and underscores
// (RFC 1123 section 2.1; underscores because service names have them), an optional trailing dot,
// and IPv4 or IPv6 literals.
[[nodiscard]] std::optional<std::string> check_host_name(std::string_view name);

// "localhost" and every name below it (RFC 6761 section 6.3), with or without a trailing dot.
[[nodiscard]] bool is_localhost(std::string_view name);

// `name` without its trailing dot.
[[nodiscard]] std::string_view without_trailing_dot(std::string_view name);

// `text` in double quotes for an error message: other than printable ASCII bytes as \xHH, and cut
// after 80 bytes.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace barnacle
