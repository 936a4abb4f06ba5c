// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "ip_address.hpp"
#include "lookup_error.hpp"

namespace barnacle {

// Addresses of one family, at least one, in the order of the answer.
using Addresses = std::vector<IpAddress>;

// The name exists and has no record of the type asked for (RFC 2308 section 2.2, NODATA).
struct NoData {
    friend bool operator==(const NoData&, const NoData&) = default;
};

// The family was not queried, or its response was not waited for: the other one is enough.
struct NotWanted {
    friend bool operator==(const NotWanted&, const NotWanted&) = default;
};

// What came of asking for the addresses of one family.
using Outcome = std::variant<Addresses, NoData, NotWanted, LookupError>;

// A response that has no addresses, or an error instead of one.
using NoAddresses = std::variant<NoData, LookupError>;

// A copy of an outcome. The variant's own copy constructor is not to be used: without memory for
// the addresses, that of libstdc++ 12 goes on to destroy what it has not made.
[[nodiscard]] inline Outcome copy_of(const Outcome& outcome) {
    return std::visit(
        [](const auto& alternative) {
            auto copy = alternative;
            return Outcome{std::move(copy)};
        },
        outcome);
}

[[nodiscard]] inline bool has_addresses(const Outcome& outcome) {
    return std::holds_alternative<Addresses>(outcome);
}

// An outcome without addresses of a family that was queried, else nothing.
[[nodiscard]] inline std::optional<NoAddresses> no_addresses_in(const Outcome& outcome) {
    if (const auto* const error = std::get_if<LookupError>(&outcome)) {
        return *error;
    }
    return std::holds_alternative<NoData>(outcome) ? std::optional<NoAddresses>{NoData{}}
                                                   : std::nullopt;
}

[[nodiscard]] inline bool is_wanted(const Outcome& outcome) {
    return !std::holds_alternative<NotWanted>(outcome);
}

// NXDOMAIN and no data are answers; every other error leaves open what the answer would have been.
[[nodiscard]] inline bool is_answer(const Outcome& outcome) {
    const auto* const error = std::get_if<LookupError>(&outcome);
    return error == nullptr || error->code == LookupErrorCode::nxdomain;
}

}  // namespace barnacle
