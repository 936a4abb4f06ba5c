// SPDX-License-Identifier: Apache-2.0
//
// What a DNS response says beside what c-ares reads: whether it is whole, and which addresses
// belong to the name. c-ares 1.34 takes those of other names too, and 1.18 skips records without a
// word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ip_address.hpp"

namespace barnacle {

// A response over UDP without EDNS has at most this many bytes (RFC 1035 section 4.2.1).
inline constexpr std::size_t max_plain_udp_bytes = 512;

// Why the addresses in a response may not be all.
enum class Doubt : std::uint8_t {
    several_cnames,  // one name has CNAME records with different targets
    foreign_owner,   // a record belongs to a name outside the chain of CNAMEs, or in its middle
    garbled,         // the sections contradict the header, or have bytes that are no records
    truncated,       // the response over TCP was truncated too
};

struct DoubtName {
    Doubt doubt;
    std::string_view atom;
};

inline constexpr std::array<DoubtName, 4> doubt_names{{
    {Doubt::several_cnames, "several_cnames"},
    {Doubt::foreign_owner, "foreign_owner"},
    {Doubt::garbled, "garbled"},
    {Doubt::truncated, "truncated"},
}};

// A set of doubts.
class Doubts {
 public:
    constexpr Doubts() = default;
    constexpr Doubts(std::initializer_list<Doubt> doubts) {
        for (const Doubt doubt : doubts) {
            add(doubt);
        }
    }
    constexpr void add(Doubt doubt) { bits_ |= bit(doubt); }
    constexpr void add(Doubts others) { bits_ |= others.bits_; }
    [[nodiscard]] constexpr bool has(Doubt doubt) const { return (bits_ & bit(doubt)) != 0; }
    [[nodiscard]] constexpr bool any() const { return bits_ != 0; }

    friend constexpr bool operator==(Doubts, Doubts) = default;

 private:
    static constexpr unsigned bit(Doubt doubt) { return 1U << static_cast<unsigned>(doubt); }

    unsigned bits_ = 0;
};

struct DnsResponse {
    std::uint16_t id = 0;
    unsigned rcode = 0;     // with the upper bits that an OPT record has
    std::size_t bytes = 0;  // of the message
    bool truncated = false;
    bool referral = false;  // the server names other servers, or nothing, and does not recurse
    std::vector<IpAddress> addresses{};  // of the queried type, at the end of the chain of CNAMEs
    Doubts doubts{};
};

// A message as the response to a query of `name` for A (AF_INET) or AAAA records; nothing if it is
// a query, or the response to another one. Only the header and an OPT
// record count if RCODE is not 0. Time and
// memory grow with the bytes of the message, however it is made.
[[nodiscard]] std::optional<DnsResponse> read_dns_response(std::span<const std::uint8_t> message,
                                                           std::string_view name, int family);

}  // namespace barnacle
