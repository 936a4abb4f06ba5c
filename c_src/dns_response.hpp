// SPDX-License-Identifier: Apache-2.0
//
// What a DNS response says beside its addresses, which c-ares reads: whether it is whole. c-ares
// takes records that do not belong together, and 1.18 skips others without a word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

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
    unsigned rcode = 0;     // the four bits of the header
    std::size_t bytes = 0;  // of the message
    bool truncated = false;
    bool referral = false;      // the server names other servers, or nothing, and does not recurse
    std::size_t addresses = 0;  // of the queried type, at the end of the chain of CNAMEs
    Doubts doubts;              // of RCODE 0 only
};

// A message as the response to a query of `name` for A (AF_INET) or AAAA records; nothing if it is
// a query, or the response to another one. Bytes behind a truncation are not looked at. The time
// grows with the bytes of the message, however it is made.
[[nodiscard]] std::optional<DnsResponse> read_dns_response(std::span<const std::uint8_t> message,
                                                           std::string_view name, int family);

}  // namespace barnacle
