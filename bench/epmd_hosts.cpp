// SPDX-License-Identifier: Apache-2.0
//
// Many hosts with an EPMD each, on loopback addresses of one port. A host before the word 'dead'
// answers the names request after a delay and closes. One after it is switched off: its queue of
// connections is full, so the kernel drops every further SYN, as if nobody were there. One after
// 'hung' accepts connections and never says a word.
//
// usage: epmd_hosts PORT DELAY_US ADDRESS... [dead ADDRESS...] [hung ADDRESS...]
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "delay_loop.hpp"

namespace barnacle::bench {
namespace {

enum class Health { live, dead, hung };

class Hosts {
 public:
    Hosts(std::uint16_t port, Delay delay) : port_(port), delay_(delay) {
        reply_.append({'\0', '\0', static_cast<char>(port >> 8U), static_cast<char>(port & 0xff)});
        reply_ += "name app at port " + std::to_string(port) + "\n";
    }

    void add(const char* address, Health health) {
        const sockaddr_in at = ipv4(address, port_);
        const int fd =
            listeners_.emplace_back(listener(at, health == Health::dead ? 0 : 512)).get();
        switch (health) {
            case Health::live:
                loop_.watch(fd, EPOLLIN, [this, fd] { accept(fd); });
                break;
            case Health::dead:
                fill_queue(at);
                break;
            case Health::hung:
                break;  // the kernel accepts
        }
    }

    [[noreturn]] void run() {
        std::cout << "ready" << std::endl;
        loop_.run();
    }

 private:
    // A queue of length 0 has room for one connection.
    void fill_queue(const sockaddr_in& at) {
        for (int i = 0; i < 2; ++i) {
            const int fd =
                fillers_
                    .emplace_back(checked(
                        socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"))
                    .get();
            (void)::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
        }
    }

    void accept(int listener_fd) {
        const int fd = accept4(listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        auto connection = std::make_shared<Fd>(fd);
        loop_.watch(fd, EPOLLIN, [this, connection] {
            loop_.forget(connection->get());
            loop_.after(delay_, [this, connection] {
                std::array<char, 64> request{};
                [[maybe_unused]] auto in = read(connection->get(), request.data(), request.size());
                [[maybe_unused]] auto out =
                    send(connection->get(), reply_.data(), reply_.size(), MSG_NOSIGNAL);
            });
        });
    }

    std::uint16_t port_;
    Delay delay_;
    std::string reply_;
    DelayLoop loop_;
    std::vector<Fd> listeners_;
    std::vector<Fd> fillers_;
};

}  // namespace
}  // namespace barnacle::bench

int main(int argc, char* argv[]) {
    using namespace barnacle::bench;
    if (argc < 4) {
        std::cerr
            << "usage: epmd_hosts PORT DELAY_US ADDRESS... [dead ADDRESS...] [hung ADDRESS...]\n";
        return 2;
    }
    try {
        Hosts hosts(to_port(argv[1]), to_delay(argv[2]));
        Health health = Health::live;
        for (int i = 3; i < argc; ++i) {
            const std::string_view word = argv[i];
            if (word == "dead") {
                health = Health::dead;
            } else if (word == "hung") {
                health = Health::hung;
            } else {
                hosts.add(argv[i], health);
            }
        }
        hosts.run();
    } catch (const std::exception& error) {
        std::cerr << "epmd_hosts: " << error.what() << "\n";
        return 1;
    }
}
