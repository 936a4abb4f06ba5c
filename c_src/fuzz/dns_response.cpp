// SPDX-License-Identifier: Apache-2.0
// Any bytes as a name server's response: what it says is the same in whatever pieces it comes.
#include "../dns_response.hpp"

#include <sys/socket.h>

#include <vector>

#include "../response_observer.hpp"
#include "targets.hpp"

namespace barnacle::fuzz {
namespace {

constexpr std::string_view name = "service.test";

void check(const DnsResponse& response, Bytes message) {
    const bool is_judged = response.rcode == 0 && !response.truncated;
    require(response.bytes == message.size(), "a response has the bytes of its message");
    require(is_judged || (!response.doubts.any() && !response.referral && response.addresses == 0),
            "of an error, and of a truncated response, nothing but the header counts");
    require(!response.doubts.has(Doubt::truncated), "a message does not tell how it came");
    require(!response.referral || (response.addresses == 0 && !response.doubts.any()),
            "a referral has no addresses");
    // Each record has an owner of one byte and ten more before its data.
    require(response.addresses <= message.size() / 15, "each address has its record");
}

// What an observer makes of the message over a stream.
std::optional<DnsResponse> in_pieces(Bytes message, int family, std::uint8_t way) {
    std::vector<std::uint8_t> framed{static_cast<std::uint8_t>(message.size() >> 8U),
                                     static_cast<std::uint8_t>(message.size())};
    framed.insert(framed.end(), message.begin(), message.end());
    ResponseObserver observer{std::string{name}, family};
    observer.stream_opened(1);
    Cuts(way).each(framed, [&](Bytes piece) {
        observer.received(1, piece);
        return true;
    });
    return observer.latest();
}

}  // namespace

void run_dns_response(Bytes input) {
    Input left(input);
    const std::uint8_t way = left.byte();
    const int family = left.byte() % 2 == 0 ? AF_INET : AF_INET6;
    const Bytes message = left.take(UINT16_MAX);
    const auto whole = read_dns_response(message, name, family);
    const auto pieces = in_pieces(message, family, way);
    require(whole.has_value() == pieces.has_value(), "a response is one in pieces, too");
    if (!whole) {
        return;
    }
    check(*whole, message);
    Doubts doubts = whole->doubts;
    if (whole->truncated) {
        doubts.add(Doubt::truncated);
    }
    require(pieces->doubts == doubts && pieces->addresses == whole->addresses &&
                pieces->referral == whole->referral && pieces->rcode == whole->rcode &&
                pieces->id == whole->id,
            "a response says the same in pieces");
}

}  // namespace barnacle::fuzz
