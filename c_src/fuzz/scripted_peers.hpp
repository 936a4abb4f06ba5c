// SPDX-License-Identifier: Apache-2.0
//
// A name server and an EPMD on 127.0.0.1 that answer what an input says, each answer once, in the
// order in which they are asked. Plain sockets that never wait; the caller serves them between the
// steps of an operation.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <list>
#include <string>
#include <utility>

#include "targets.hpp"

namespace barnacle::fuzz {

class Socket {
 public:
    explicit Socket(int fd) : fd_(fd) {}
    ~Socket() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int fd() const { return fd_; }
    // Closing is a reset from now on: no connection waits in the kernel for its peer.
    void reset_at_close() const;

 private:
    int fd_;
};

// What a name server's answers may name. The core connects to hosts that it has looked up for EPMDs
// and probes, and an input shall send it nowhere but to 127.0.0.1.
enum class Answers : std::uint8_t { any, loopback };

class ScriptedPeers {
 public:
    // Listens. Throws Broken.
    ScriptedPeers();

    // Forgets everybody who is connected, and takes the answers from `script` from now on: chunks
    // of a length, flags, and so many bytes.
    void begin(Bytes script, Answers answers);
    // Whether there was anything to do, for a client with this descriptor too. What is sent on
    // loopback has come when it has been sent: if not, nothing is under way.
    bool serve(int client_fd);
    void end();

    [[nodiscard]] std::string nameserver() const;
    [[nodiscard]] std::uint16_t epmd_port() const { return epmd_port_; }

 private:
    struct Chunk {
        std::uint8_t flags = 0;
        Bytes data;
        [[nodiscard]] bool has(unsigned flag) const { return (flags & flag) != 0; }
    };
    struct Peer {
        Socket socket;
        bool dns = false;
        std::string received{};
        std::size_t sent = 0;
        bool silent = false;
        bool gone = false;
        std::uint8_t port_byte = 0;  // the first of the port in an EPMD's answer
    };

    Chunk next_chunk();
    bool serve_datagrams();
    bool accept(const Socket& listener, bool dns);
    void serve(Peer& peer);
    void answer_dns(Peer& peer);
    void answer_epmd(Peer& peer);
    void finish(Peer& peer, const Chunk& chunk);
    [[nodiscard]] std::string dns_message(const Chunk& chunk, const std::string& query) const;

    Socket udp_;
    Socket tcp_;
    Socket epmd_;
    std::uint16_t dns_port_ = 0;
    std::uint16_t epmd_port_ = 0;
    Answers answers_ = Answers::any;
    Input script_{{}};
    std::list<Peer> peers_;
};

}  // namespace barnacle::fuzz
