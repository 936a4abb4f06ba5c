// SPDX-License-Identifier: Apache-2.0
//
// A TCP proxy that makes a network of the loopback interface: what goes through it takes half a
// round trip in either direction, and the first bytes one round trip more, which the handshake of
// TCP would have taken. Order is kept; the rate isn't limited.
//
// usage: delay_proxy PORT RTT_US FROM TO [FROM TO]...    listens on FROM:PORT, connects to TO:PORT
#include <fcntl.h>

#include <iostream>
#include <string>
#include <vector>

#include "delay_loop.hpp"

namespace barnacle::bench {
namespace {

constexpr std::size_t read_bytes = 65536;

// One connection: two sockets, each of which is read into the other one.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
    Pipe(DelayLoop& loop, Fd near, Fd far, Delay rtt)
        : loop_(loop), near_(std::move(near)), far_(std::move(far)), rtt_(rtt) {}

    void start() {
        ready_ = Clock::now() + rtt_;
        forward(near_, far_, true);
        forward(far_, near_, false);
    }

 private:
    void forward(const Fd& from, const Fd& to, bool is_outward) {
        const int on = 1;
        setsockopt(to.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        loop_.watch(from.get(), EPOLLIN, [self = shared_from_this(), &from, &to, is_outward] {
            self->read_some(from, to, is_outward);
        });
    }

    void read_some(const Fd& from, const Fd& to, bool is_outward) {
        std::string bytes(read_bytes, '\0');
        const ssize_t count = read(from.get(), bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        if (count <= 0) {
            loop_.forget(from.get());
        }
        Delay delay = rtt_ / 2;
        if (const auto now = Clock::now(); is_outward && now < ready_) {
            delay += std::chrono::duration_cast<Delay>(ready_ - now);
        }
        loop_.after(delay, [self = shared_from_this(), &to, bytes = std::move(bytes)] {
            self->pass_on(to, bytes);
        });
    }

    // No bytes are the end of a stream. Who can't be written to has gone.
    void pass_on(const Fd& to, const std::string& bytes) {
        if (bytes.empty()) {
            shutdown(to.get(), SHUT_WR);
        }
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            const ssize_t count =
                send(to.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (count > 0) {
                sent += static_cast<std::size_t>(count);
            } else if (errno != EAGAIN) {
                loop_.forget(near_.get());
                loop_.forget(far_.get());
                shutdown(near_.get(), SHUT_RDWR);
                shutdown(far_.get(), SHUT_RDWR);
                return;
            }
        }
    }

    DelayLoop& loop_;
    Fd near_;
    Fd far_;
    Delay rtt_;
    Clock::time_point ready_;
};

class Proxy {
 public:
    explicit Proxy(Delay rtt) : rtt_(rtt) {}

    void add(const sockaddr_in& from, const sockaddr_in& to) {
        const int fd = listeners_.emplace_back(listener(from, 512)).get();
        loop_.watch(fd, EPOLLIN, [this, fd, to] { accept(fd, to); });
    }

    [[noreturn]] void run() {
        std::cout << "ready" << std::endl;
        loop_.run();
    }

 private:
    void accept(int listener_fd, const sockaddr_in& to) {
        Fd near{accept4(listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (near.get() < 0) {
            return;
        }
        // Both ends are on this machine: connecting takes no time worth waiting for elsewhere.
        Fd far{checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
        if (connect(far.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            return;
        }
        checked(fcntl(far.get(), F_SETFL, O_NONBLOCK), "fcntl");
        std::make_shared<Pipe>(loop_, std::move(near), std::move(far), rtt_)->start();
    }

    Delay rtt_;
    DelayLoop loop_;
    std::vector<Fd> listeners_;
};

}  // namespace
}  // namespace barnacle::bench

int main(int argc, char* argv[]) {
    using namespace barnacle::bench;
    if (argc < 5 || argc % 2 == 0) {
        std::cerr << "usage: delay_proxy PORT RTT_US FROM TO [FROM TO]...\n";
        return 2;
    }
    try {
        const std::uint16_t port = to_port(argv[1]);
        Proxy proxy(to_delay(argv[2]));
        for (int i = 3; i + 1 < argc; i += 2) {
            proxy.add(ipv4(argv[i], port), ipv4(argv[i + 1], port));
        }
        proxy.run();
    } catch (const std::exception& error) {
        std::cerr << "delay_proxy: " << error.what() << "\n";
        return 1;
    }
}
