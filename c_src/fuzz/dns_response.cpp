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
    const std::size_t addresses = response.addresses.size();
    require(response.bytes == message.size(), "a response has the bytes of its message");
    require(response.rcode == 0 || (!response.doubts.any() && !response.referral && addresses == 0),
            "of an error nothing but the header counts");
    require(!response.truncated || (!response.doubts.has(Doubt::garbled) && !response.referral),
            "a truncated response may end anywhere, and says nothing of other servers");
    require(!response.doubts.has(Doubt::truncated), "a message does not tell how it came");
    require(!response.referral || (addresses == 0 && !response.doubts.any()),
            "a referral has no addresses");
    // Each record has an owner of one byte and ten more before its data.
    require(addresses <= message.size() / 15, "each address has its record");
}

// What an observer makes of the message over a stream.
ResponseObserver in_pieces(Bytes message, int family, std::uint8_t way) {
    std::vector<std::uint8_t> framed{static_cast<std::uint8_t>(message.size() >> 8U),
                                     static_cast<std::uint8_t>(message.size())};
    framed.insert(framed.end(), message.begin(), message.end());
    ResponseObserver observer{std::string{name}, family};
    observer.stream_opened(1);
    Cuts(way).each(framed, [&](Bytes piece) {
        observer.received(1, piece);
        return true;
    });
    return observer;
}

}  // namespace

void run_dns_response(Bytes input) {
    Input left(input);
    const std::uint8_t way = left.byte();
    const int family = left.byte() % 2 == 0 ? AF_INET : AF_INET6;
    const Bytes message = left.take(UINT16_MAX);
    const auto whole = read_dns_response(message, name, family);
    const ResponseObserver observer = in_pieces(message, family, way);
    const auto& pieces = observer.latest();
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
    for (const IpAddress& address : whole->addresses) {
        require(address.family == family && observer.has_address(address),
                "an address is one of the wanted family, and of the response");
    }
}

}  // namespace barnacle::fuzz
