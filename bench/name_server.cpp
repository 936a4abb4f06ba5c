// SPDX-License-Identifier: Apache-2.0
//
// A name server that answers every A and AAAA question alike, each after the same delay: what a
// lookup costs is then the resolver's doing. Its TTL is 0, so that nobody answers from a cache.
//
// usage: name_server ADDRESS PORT DELAY_US RECORDS
#include <cstring>
#include <iostream>
#include <span>
#include <string>

#include "delay_loop.hpp"

namespace barnacle::bench {
namespace {

constexpr std::size_t header_bytes = 12;  // RFC 1035, 4.1.1
constexpr std::size_t max_udp_bytes = 4096;
constexpr unsigned type_a = 1;
constexpr unsigned type_aaaa = 28;

void append_16(std::string& message, unsigned value) {
    message.push_back(static_cast<char>(value >> 8U));
    message.push_back(static_cast<char>(value & 0xffU));
}

std::string record(unsigned type, unsigned number) {
    std::string result{'\xc0', '\x0c'};  // the question's name
    append_16(result, type);
    append_16(result, 1);  // class IN
    result.append(4, '\0');
    if (type == type_a) {
        append_16(result, 4);
        result.append({'\x7f', '\x01'});
    } else {
        append_16(result, 16);
        result.push_back('\xfd');
        result.append(13, '\0');
    }
    append_16(result, number);
    return result;
}

// Nothing for what is no question.
std::string answer(std::span<const char> query, unsigned records) {
    std::size_t end = header_bytes;
    while (end < query.size() && query[end] != 0) {
        end += static_cast<unsigned char>(query[end]) + 1U;
    }
    end += 5;  // the root label, type and class
    if (end > query.size()) {
        return {};
    }
    const unsigned type = static_cast<unsigned char>(query[end - 3]);
    const unsigned count = type == type_a || type == type_aaaa ? records : 0;
    std::string message(query.data(), 2);
    append_16(message, 0x8580);  // a response, authoritative, recursion desired and available
    append_16(message, 1);
    append_16(message, count);
    append_16(message, 0);
    append_16(message, 0);
    message.append(query.data() + header_bytes, end - header_bytes);
    for (unsigned number = 1; number <= count; ++number) {
        message += record(type, number);
    }
    return message;
}

[[noreturn]] void serve(const sockaddr_in& address, Delay delay, unsigned records) {
    DelayLoop loop;
    const Fd fd = bound_socket(SOCK_DGRAM, address);
    const int buffer_bytes = 1 << 22;
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    loop.watch(fd.get(), EPOLLIN, [&] {
        std::array<char, max_udp_bytes> query{};
        sockaddr_in from{};
        socklen_t from_bytes = sizeof from;
        ssize_t bytes = 0;
        while ((bytes = recvfrom(fd.get(), query.data(), query.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &from_bytes)) >= 0) {
            std::string reply = answer({query.data(), static_cast<std::size_t>(bytes)}, records);
            loop.after(delay, [&fd, from, reply = std::move(reply)] {
                sendto(fd.get(), reply.data(), reply.size(), 0,
                       reinterpret_cast<const sockaddr*>(&from), sizeof from);
            });
        }
    });
    std::cout << "ready" << std::endl;
    loop.run();
}

}  // namespace
}  // namespace barnacle::bench

int main(int argc, char* argv[]) {
    using namespace barnacle::bench;
    if (argc != 5) {
        std::cerr << "usage: name_server ADDRESS PORT DELAY_US RECORDS\n";
        return 2;
    }
    try {
        serve(ipv4(argv[1], to_port(argv[2])), to_delay(argv[3]), to_port(argv[4]));
    } catch (const std::exception& error) {
        std::cerr << "name_server: " << error.what() << "\n";
        return 1;
    }
}
