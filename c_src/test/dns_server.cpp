// SPDX-License-Identifier: Apache-2.0
#include "dns_server.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "../ip_address.hpp"
#include "../nameserver.hpp"

namespace barnacle::test {

namespace {

constexpr std::size_t header_bytes = 12;
constexpr std::size_t max_message_bytes = 65535;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void append16(Bytes& bytes, std::size_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

std::uint16_t read16(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint16_t>((bytes.at(at) << 8U) | bytes.at(at + 1));
}

void append_name(Bytes& bytes, std::string_view name) {
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        bytes.push_back(static_cast<std::uint8_t>(label.size()));
        bytes.insert(bytes.end(), label.begin(), label.end());
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    bytes.push_back(0);
}

DnsRequest decode(const Bytes& message, bool tcp) {
    DnsRequest request;
    request.id = read16(message, 0);
    request.tcp = tcp;
    request.edns = read16(message, 10) > 0;
    std::size_t at = header_bytes;
    while (const std::size_t label_bytes = message.at(at)) {
        if (!request.name.empty()) {
            request.name += '.';
        }
        for (std::size_t i = at + 1; i <= at + label_bytes; ++i) {
            request.name += static_cast<char>(message.at(i));
        }
        at += label_bytes + 1;
    }
    request.type = read16(message, at + 1);
    request.question.assign(message.begin() + header_bytes,
                            message.begin() + static_cast<std::ptrdiff_t>(at + 5));
    return request;
}

// One that listens on the same port over UDP and TCP; ports that are taken for TCP are tried past.
std::pair<int, int> listen_on(const Nameserver& nameserver, std::uint16_t& port) {
    const IpAddress& address = nameserver.address;
    for (int attempt = 0; attempt < 100; ++attempt) {
        const int udp = ::socket(address.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int tcp = ::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (udp < 0 || tcp < 0) {
            fail("socket");
        }
        sockaddr_storage name = to_sockaddr(address, 0);
        socklen_t name_bytes =
            address.family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        if (!nameserver.zone.empty()) {
            reinterpret_cast<sockaddr_in6*>(&name)->sin6_scope_id =
                ::if_nametoindex(nameserver.zone.c_str());
        }
        auto* const generic = reinterpret_cast<sockaddr*>(&name);
        if (::bind(udp, generic, name_bytes) != 0 ||
            ::getsockname(udp, generic, &name_bytes) != 0) {
            fail("bind");
        }
        // sin_port and sin6_port are at the same place.
        port = ntohs(reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
        if (::bind(tcp, generic, name_bytes) == 0 && ::listen(tcp, 64) == 0) {
            return {udp, tcp};
        }
        ::close(udp);
        ::close(tcp);
    }
    throw std::runtime_error("no port is free for both UDP and TCP");
}

void follow(const std::vector<DnsRecord>& zone, const std::string& owner, std::uint16_t type,
            std::vector<DnsRecord>& answer, bool& exists, int depth) {
    for (const DnsRecord& record : zone) {
        if (record.owner != owner) {
            continue;
        }
        exists = true;
        if (record.type == type) {
            answer.push_back(record);
        } else if (record.type == type_cname && depth > 0) {
            answer.push_back(record);
            std::string target;
            for (std::size_t at = 0; record.data.at(at) != 0; at += record.data[at] + 1U) {
                target += target.empty() ? "" : ".";
                target.append(
                    record.data.begin() + static_cast<std::ptrdiff_t>(at + 1),
                    record.data.begin() + static_cast<std::ptrdiff_t>(at + 1 + record.data[at]));
            }
            follow(zone, target, type, answer, exists, depth - 1);
        }
    }
}

}  // namespace

DnsRecord address_record(std::string_view owner, std::string_view address) {
    const auto parsed = parse_ip_address(address);
    if (!parsed) {
        throw std::invalid_argument("not an address: " + std::string{address});
    }
    const auto first = parsed->bytes.begin();
    return {std::string{owner}, parsed->family == AF_INET ? type_a : type_aaaa,
            Bytes(first, first + static_cast<std::ptrdiff_t>(parsed->size_bytes()))};
}

DnsRecord cname_record(std::string_view owner, std::string_view target) {
    DnsRecord record{std::string{owner}, type_cname, {}};
    append_name(record.data, target);
    return record;
}

Bytes encode_reply(const DnsRequest& request, ReplyHeader header,
                   const std::vector<DnsRecord>& records) {
    Bytes bytes;
    append16(bytes, request.id);
    constexpr unsigned response = 0x8000U;
    constexpr unsigned truncation = 0x0200U;
    constexpr unsigned recursion = 0x0180U;
    append16(bytes, response | (header.truncated ? truncation : 0U) | recursion |
                        static_cast<unsigned>(header.rcode));
    append16(bytes, 1);
    append16(bytes, records.size());
    append16(bytes, 0);
    append16(bytes, 0);
    bytes.insert(bytes.end(), request.question.begin(), request.question.end());
    for (const DnsRecord& record : records) {
        if (record.owner == request.name) {
            append16(bytes, 0xc000U | header_bytes);
        } else {
            append_name(bytes, record.owner);
        }
        append16(bytes, record.type);
        append16(bytes, 1);
        append16(bytes, 0);
        append16(bytes, 60);
        append16(bytes, record.data.size());
        bytes.insert(bytes.end(), record.data.begin(), record.data.end());
    }
    return bytes;
}

DnsScript zone(std::vector<DnsRecord> records) {
    return [records = std::move(records)](const DnsRequest& request) -> std::vector<DnsReply> {
        std::vector<DnsRecord> answer;
        bool exists = false;
        follow(records, request.name, request.type, answer, exists, 16);
        const ReplyHeader header{.rcode = exists ? Rcode::noerror : Rcode::nxdomain};
        return {{encode_reply(request, header, answer)}};
    };
}

struct DnsServer::Connection {
    int fd = -1;
    Bytes received;
    std::unique_ptr<Poll> poll;

    ~Connection() {
        poll.reset();
        if (fd >= 0) {
            ::close(fd);
        }
    }
};

DnsServer::DnsServer(Loop& loop, DnsScript script, const std::string& address)
    : loop_(loop), script_(std::move(script)) {
    auto parsed = parse_nameserver(address);
    if (!parsed) {
        throw std::invalid_argument("not an address: " + address);
    }
    std::tie(udp_, tcp_) = listen_on(*parsed, parsed->port);
    nameserver_ = to_text(*parsed);
    udp_poll_ = std::make_unique<Poll>(loop, udp_, [this](Readiness) { on_datagram(); });
    udp_poll_->watch({.readable = true});
    tcp_poll_ = std::make_unique<Poll>(loop, tcp_, [this](Readiness) { on_connection(); });
    tcp_poll_->watch({.readable = true});
}

DnsServer::~DnsServer() {
    udp_poll_.reset();
    tcp_poll_.reset();
    ::close(udp_);
    ::close(tcp_);
}

std::size_t DnsServer::requests_for(std::string_view name, std::uint16_t type) const {
    return static_cast<std::size_t>(std::ranges::count_if(requests_, [&](const auto& request) {
        return request.name == name && request.type == type;
    }));
}

void DnsServer::handle(const Bytes& message, bool tcp,
                       const std::function<void(const DnsReply&)>& reply) {
    requests_.push_back(decode(message, tcp));
    for (const DnsReply& scripted : script_(requests_.back())) {
        if (scripted.after_ms == 0) {
            reply(scripted);
            continue;
        }
        timers_.emplace_back(loop_, [reply, scripted] { reply(scripted); });
        timers_.back().start(scripted.after_ms);
    }
}

void DnsServer::on_datagram() {
    Bytes message(max_message_bytes);
    sockaddr_storage client{};
    socklen_t client_bytes = sizeof client;
    const ssize_t received = ::recvfrom(udp_, message.data(), message.size(), 0,
                                        reinterpret_cast<sockaddr*>(&client), &client_bytes);
    if (received < static_cast<ssize_t>(header_bytes)) {
        return;
    }
    message.resize(static_cast<std::size_t>(received));
    handle(message, false, [this, client, client_bytes](const DnsReply& reply) {
        ::sendto(udp_, reply.message.data(), reply.message.size(), 0,
                 reinterpret_cast<const sockaddr*>(&client), client_bytes);
    });
}

void DnsServer::on_connection() {
    const int fd = ::accept4(tcp_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const auto connection = std::make_shared<Connection>();
    connection->fd = fd;
    connection->poll = std::make_unique<Poll>(
        loop_, fd, [this, raw = connection.get()](Readiness) { on_stream(*raw); });
    connection->poll->watch({.readable = true});
    connections_.push_back(connection);
}

void DnsServer::on_stream(Connection& connection) {
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t received = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (received <= 0) {
        drop(connection);
        return;
    }
    connection.received.insert(connection.received.end(), buffer.begin(),
                               buffer.begin() + received);
    const auto shared = std::ranges::find_if(
        connections_, [&](const auto& one) { return one.get() == &connection; });
    const std::weak_ptr<Connection> weak = *shared;
    while (!weak.expired() && connection.received.size() >= 2 &&
           connection.received.size() >= 2U + read16(connection.received, 0)) {
        const auto end = connection.received.begin() + 2 + read16(connection.received, 0);
        const Bytes message(connection.received.begin() + 2, end);
        connection.received.erase(connection.received.begin(), end);
        handle(message, true, [this, weak](const DnsReply& reply) {
            const auto open = weak.lock();
            if (!open) {
                return;
            }
            Bytes framed;
            append16(framed, reply.message.size());
            framed.insert(framed.end(), reply.message.begin(), reply.message.end());
            if (!reply.message.empty()) {
                ::send(open->fd, framed.data(), framed.size(), MSG_NOSIGNAL);
            }
            if (reply.close) {
                drop(*open);
            }
        });
    }
}

void DnsServer::drop(Connection& connection) {
    connections_.remove_if([&](const auto& one) { return one.get() == &connection; });
}

}  // namespace barnacle::test
