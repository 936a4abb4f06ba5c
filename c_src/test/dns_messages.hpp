// SPDX-License-Identifier: Apache-2.0
//
// Queries, and changes to replies, for the tests of responses that are not what they should be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dns_server.hpp"

namespace barnacle::test {

inline constexpr std::uint16_t type_ns = 2;
inline constexpr std::uint16_t type_soa = 6;
inline constexpr std::uint16_t query_id = 0x1234;

// A query as a server receives it.
inline DnsRequest query_for(const std::string& name, std::uint16_t type) {
    DnsRequest request;
    request.id = query_id;
    request.name = name;
    request.type = type;
    request.question = cname_record("", name).data;
    for (const int byte : {0, static_cast<int>(type), 0, 1}) {
        request.question.push_back(static_cast<std::uint8_t>(byte));
    }
    return request;
}

// The server does not recurse: RA is 0 (RFC 1035 section 4.1.1).
inline Bytes without_recursion(Bytes reply) {
    reply.at(3) &= 0x7fU;
    return reply;
}

inline Bytes authoritative(Bytes reply) {
    reply.at(2) |= 0x04U;
    return reply;
}

inline Bytes with_rcode(Bytes reply, unsigned rcode) {
    reply.at(3) = static_cast<std::uint8_t>((reply.at(3) & 0xf0U) | rcode);
    return reply;
}

// With the upper bits of an RCODE in an OPT record (RFC 6891 section 6.1.3).
inline Bytes with_opt(Bytes reply, unsigned upper) {
    ++reply.at(11);
    for (const int byte : {0, 0, 41, 4, 208, static_cast<int>(upper), 0, 0, 0, 0, 0}) {
        reply.push_back(static_cast<std::uint8_t>(byte));
    }
    return reply;
}

// One more record behind the others, of type NS or SOA, in the section of authority.
inline Bytes with_authority(Bytes reply, std::uint16_t type) {
    // A server named "a"; or the root for both names of an SOA record, and five numbers.
    const Bytes data = type == type_ns ? Bytes{1, 'a', 0} : Bytes(22, 0);
    ++reply.at(9);
    const auto size = static_cast<int>(data.size());
    for (const int byte : {0, 0, static_cast<int>(type), 0, 1, 0, 0, 0, 60, 0, size}) {
        reply.push_back(static_cast<std::uint8_t>(byte));
    }
    reply.insert(reply.end(), data.begin(), data.end());
    return reply;
}

}  // namespace barnacle::test
