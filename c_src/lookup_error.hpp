// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace barnacle {

// Why a name could not be resolved. The words are those of OTP's inet_res:res_error/0 where it has
// one; `posix` stands for a failure of the operating system, whose errno travels beside it.
enum class LookupErrorCode : std::uint8_t {
    formerr,    // the server called the query malformed, or its answer could not be decoded
    qfmterror,  // the query could not be encoded
    servfail,   // RFC 1035 RCODE 2
    nxdomain,   // RFC 1035 RCODE 3: the name does not exist
    timeout,    // no answer within the time given
    notimp,     // RFC 1035 RCODE 4
    refused,    // RFC 1035 RCODE 5
    badvers,    // RFC 6891 RCODE 16
    posix,      // see LookupError::posix_errno
    unknown,
};

struct LookupError {
    LookupErrorCode code = LookupErrorCode::unknown;
    int posix_errno = 0;  // an errno (positive) when code is posix, else 0

    friend bool operator==(const LookupError&, const LookupError&) = default;
};

[[nodiscard]] constexpr LookupError posix_error(int posix_errno) {
    return {LookupErrorCode::posix, posix_errno};
}

// The one list of lookup errors and the atoms that name them in replies.
struct LookupErrorName {
    LookupErrorCode code;
    std::string_view atom;
};

inline constexpr std::array<LookupErrorName, 10> lookup_error_names{{
    {LookupErrorCode::formerr, "formerr"},
    {LookupErrorCode::qfmterror, "qfmterror"},
    {LookupErrorCode::servfail, "servfail"},
    {LookupErrorCode::nxdomain, "nxdomain"},
    {LookupErrorCode::timeout, "timeout"},
    {LookupErrorCode::notimp, "notimp"},
    {LookupErrorCode::refused, "refused"},
    {LookupErrorCode::badvers, "badvers"},
    {LookupErrorCode::posix, "posix"},
    {LookupErrorCode::unknown, "unknown"},
}};

// The atom of a code: "nxdomain", ... A posix error is encoded as {posix, Errno}, its first element
// being this function's "posix".
[[nodiscard]] constexpr std::string_view lookup_error_atom(LookupErrorCode code) {
    return lookup_error_names[static_cast<std::size_t>(code)].atom;
}

static_assert(
    [] {
        for (std::size_t i = 0; i < lookup_error_names.size(); ++i) {
            if (static_cast<std::size_t>(lookup_error_names[i].code) != i) {
                return false;
            }
        }
        return true;
    }(),
    "lookup_error_names must list the codes in their own order");

}  // namespace barnacle
