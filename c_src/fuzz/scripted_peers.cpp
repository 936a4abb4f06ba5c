// SPDX-License-Identifier: Apache-2.0
#include "scripted_peers.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace barnacle::fuzz {
namespace {

// Flags of a chunk. Those of name servers and of EPMDs have nothing to do with one another.
constexpr unsigned silent = 1;   // no answer
constexpr unsigned raw = 2;      // DNS: the bytes as they are, in the place of a message
constexpr unsigned twice = 4;    // DNS: sent twice
constexpr unsigned last = 2;     // EPMD: there is no more for this connection
constexpr unsigned reset = 4;    // the connection's end is a reset
constexpr unsigned closing = 8;  // DNS over TCP: closed after this

constexpr std::size_t header_bytes = 12;  // RFC 1035 section 4.1.1
constexpr char names_req = 'n';
constexpr std::size_t epmd_port_offset = 2;  // in PORT2_RESP

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool bind_to(const Socket& socket, std::uint16_t port) {
    const sockaddr_in address = loopback(port);
    return ::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::uint16_t port_of(const Socket& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    require(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0,
            "a socket has a name");
    return ntohs(address.sin_port);
}

Socket make_socket(int type) {
    Socket socket(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    require(socket.fd() >= 0, "there are sockets");
    return socket;
}

std::size_t question_bytes(const std::string& query) {
    std::size_t at = header_bytes;
    while (at < query.size() && query[at] != 0) {
        at += 1 + static_cast<unsigned char>(query[at]);
    }
    constexpr std::size_t type_and_class = 4;
    return std::min(at + 1 + type_and_class, query.size()) - header_bytes;
}

bool asks_for_aaaa(const std::string& question) {
    return question.size() >= 4 && question[question.size() - 3] == 28;
}

}  // namespace

void Socket::reset_at_close() const {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

ScriptedPeers::ScriptedPeers()
    : udp_(-1), tcp_(make_socket(SOCK_STREAM)), epmd_(make_socket(SOCK_STREAM)) {
    require(bind_to(epmd_, 0) && ::listen(epmd_.fd(), 64) == 0, "there are ports");
    epmd_port_ = port_of(epmd_);
    // A port that is free for both.
    for (int attempts = 0;; ++attempts) {
        require(attempts < 100, "there are ports for a name server");
        udp_ = make_socket(SOCK_DGRAM);
        tcp_ = make_socket(SOCK_STREAM);
        if (bind_to(udp_, 0) && bind_to(tcp_, port_of(udp_)) && ::listen(tcp_.fd(), 64) == 0) {
            dns_port_ = port_of(udp_);
            return;
        }
    }
}

std::string ScriptedPeers::nameserver() const {
    return "127.0.0.1:" + std::to_string(dns_port_);
}

void ScriptedPeers::begin(Bytes script, Answers answers) {
    script_ = Input(script);
    answers_ = answers;
}

void ScriptedPeers::end() {
    // What clients have left behind in the queues is not for the next ones.
    script_ = Input({});
    while (serve_datagrams() || accept(tcp_, true) || accept(epmd_, false)) {}
    for (const Peer& peer : peers_) {
        peer.socket.reset_at_close();
    }
    peers_.clear();
}

ScriptedPeers::Chunk ScriptedPeers::next_chunk() {
    if (script_.empty()) {
        return {.flags = silent, .data = {}};
    }
    const std::size_t length = script_.byte();
    const std::uint8_t flags = script_.byte();
    return {.flags = flags, .data = script_.take(length)};
}

bool ScriptedPeers::serve(int client_fd) {
    const auto watched = [](int fd) { return pollfd{.fd = fd, .events = POLLIN, .revents = 0}; };
    std::vector<pollfd> descriptors{watched(udp_.fd()), watched(tcp_.fd()), watched(epmd_.fd())};
    // One that is below 0 is not looked at (poll(2)).
    std::ranges::transform(peers_, std::back_inserter(descriptors), [&](const Peer& peer) {
        return watched(peer.gone ? -1 : peer.socket.fd());
    });
    descriptors.push_back(watched(client_fd));
    if (::poll(descriptors.data(), descriptors.size(), 0) <= 0) {
        return false;
    }
    const auto is_ready = [](const pollfd& descriptor) { return descriptor.revents != 0; };
    auto next = descriptors.begin();
    if (is_ready(*next++)) {
        serve_datagrams();
    }
    const bool is_asked = is_ready(*next++);
    const bool is_epmd_asked = is_ready(*next++);
    for (Peer& peer : peers_) {
        if (is_ready(*next++)) {
            serve(peer);
        }
    }
    if (is_asked) {
        accept(tcp_, true);
    }
    if (is_epmd_asked) {
        accept(epmd_, false);
    }
    return true;
}

bool ScriptedPeers::serve_datagrams() {
    std::array<char, 1500> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    bool served = false;
    for (;;) {
        const ssize_t count = ::recvfrom(udp_.fd(), buffer.data(), buffer.size(), 0,
                                         reinterpret_cast<sockaddr*>(&from), &size);
        if (count < 0) {
            return served;
        }
        served = true;
        const Chunk chunk = next_chunk();
        if (chunk.has(silent)) {
            continue;
        }
        const std::string message =
            dns_message(chunk, {buffer.data(), static_cast<std::size_t>(count)});
        for (int times = chunk.has(twice) ? 2 : 1; times > 0; --times) {
            (void)::sendto(udp_.fd(), message.data(), message.size(), 0,
                           reinterpret_cast<const sockaddr*>(&from), size);
        }
    }
}

bool ScriptedPeers::accept(const Socket& listener, bool dns) {
    const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    peers_.push_back({.socket = Socket(fd), .dns = dns});
    return true;
}

void ScriptedPeers::serve(Peer& peer) {
    std::array<char, 1500> buffer{};
    const ssize_t count = ::recv(peer.socket.fd(), buffer.data(), buffer.size(), 0);
    if (count <= 0) {
        peer.gone = true;
        return;
    }
    peer.received.append(buffer.data(), static_cast<std::size_t>(count));
    if (!peer.silent) {
        if (peer.dns) {
            answer_dns(peer);
        } else {
            answer_epmd(peer);
        }
    }
}

void ScriptedPeers::finish(Peer& peer, const Chunk& chunk) {
    if (chunk.has(reset)) {
        peer.socket.reset_at_close();
        peer.socket = Socket(-1);
        peer.gone = true;
    } else {
        ::shutdown(peer.socket.fd(), SHUT_WR);
        peer.silent = true;
    }
}

// Messages over TCP come behind two bytes of length.
void ScriptedPeers::answer_dns(Peer& peer) {
    while (!peer.gone && !peer.silent && peer.received.size() >= 2) {
        const std::size_t length = static_cast<unsigned char>(peer.received[0]) * 256U +
                                   static_cast<unsigned char>(peer.received[1]);
        if (peer.received.size() < 2 + length) {
            return;
        }
        const std::string query = peer.received.substr(2, length);
        peer.received.erase(0, 2 + length);
        const Chunk chunk = next_chunk();
        if (!chunk.has(silent)) {
            std::string message = dns_message(chunk, query);
            if (!chunk.has(raw) || answers_ != Answers::any) {
                message.insert(0, {static_cast<char>(message.size() / 256),
                                   static_cast<char>(message.size() % 256)});
            }
            (void)::send(peer.socket.fd(), message.data(), message.size(), MSG_NOSIGNAL);
        }
        if (chunk.has(closing)) {
            finish(peer, chunk);
        }
    }
}

// An EPMD's answer in as many pieces as there are chunks up to the last one. The port that it tells
// is changed to that of this EPMD, unless it is none: probes go nowhere else.
void ScriptedPeers::answer_epmd(Peer& peer) {
    for (;;) {
        const Chunk chunk = next_chunk();
        if (chunk.has(silent)) {
            peer.silent = true;
            return;
        }
        std::string piece(text(chunk.data));
        if (!peer.received.substr(0, 3).ends_with(names_req)) {
            for (char& byte : piece) {
                if (peer.sent == epmd_port_offset) {
                    peer.port_byte = static_cast<std::uint8_t>(byte);
                    byte = static_cast<char>(byte == 0 ? 0 : epmd_port_ / 256);
                } else if (peer.sent == epmd_port_offset + 1) {
                    byte = static_cast<char>(peer.port_byte == 0 ? 0 : epmd_port_ % 256);
                }
                ++peer.sent;
            }
        }
        (void)::send(peer.socket.fd(), piece.data(), piece.size(), MSG_NOSIGNAL);
        if (chunk.has(last)) {
            finish(peer, chunk);
            return;
        }
    }
}

// The data of a message is its flags (2 bytes), three counts of records (1 byte each), and what
// follows the question. With answers from loopback alone it is one record, or an error.
std::string ScriptedPeers::dns_message(const Chunk& chunk, const std::string& query) const {
    if (query.size() < header_bytes || (chunk.has(raw) && answers_ == Answers::any)) {
        return std::string(text(chunk.data));
    }
    Input data(chunk.data);
    const std::string question = query.substr(header_bytes, question_bytes(query));
    std::string message = query.substr(0, 2);
    message += static_cast<char>(data.byte() | 0x80U);
    message += static_cast<char>(data.byte());
    message.append({0, 1});
    if (answers_ == Answers::any) {
        for (int counts = 0; counts < 3; ++counts) {
            message.append({0, static_cast<char>(data.byte())});
        }
        return message + question + std::string(text(data.rest()));
    }
    message.append({0, 1, 0, 0, 0, 0});
    message += question;
    message.append({static_cast<char>(0xc0), header_bytes, 0});
    if (asks_for_aaaa(question)) {
        message.append({28, 0, 1, 0, 0, 0, 9, 0, 16}).append(15, '\0').append({1});
    } else {
        message.append({1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1});
    }
    return message;
}

}  // namespace barnacle::fuzz
