// SPDX-License-Identifier: Apache-2.0
//
// What a lookup costs without us: A and AAAA of a name through c-ares and poll(2), nothing else.
// For each line that it reads it does one lookup and prints "WALL_NS CPU_NS ADDRESSES". The channel
// of c-ares is a new one each time where the line is "new", and the same where it is "same".
//
// usage: cares_lookup NAMESERVER:PORT NAME
#include <ares.h>
#include <poll.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct DestroyChannel {
    void operator()(ares_channeldata* channel) const noexcept { ares_destroy(channel); }
};

class Resolver {
 public:
    explicit Resolver(const std::string& nameserver) {
        ares_options options{};
        options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
        options.ednspsz = 1232;
        std::string lookups = "b";
        options.lookups = lookups.data();
        options.timeout = 5000;
        options.tries = 1;
        options.sock_state_cb = [](void* self, int fd, int readable, int writable) {
            static_cast<Resolver*>(self)->watch(fd, readable != 0, writable != 0);
        };
        options.sock_state_cb_data = this;
        ares_channeldata* channel = nullptr;
        if (ares_init_options(&channel, &options,
                              ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                                  ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
            ARES_SUCCESS) {
            throw std::runtime_error("ares_init_options");
        }
        channel_.reset(channel);
        if (ares_set_servers_ports_csv(channel, nameserver.c_str()) != ARES_SUCCESS) {
            throw std::runtime_error("not a name server: " + nameserver);
        }
    }

    // How many addresses there are.
    int lookup(const std::string& name) {
        int addresses = -1;
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_flags = ARES_AI_NOSORT;
        ares_getaddrinfo(
            channel_.get(), name.c_str(), nullptr, &hints,
            [](void* count, int /*status*/, int /*timeouts*/, ares_addrinfo* result) {
                int& found = *static_cast<int*>(count);
                found = 0;
                if (result != nullptr) {
                    for (const auto* node = result->nodes; node != nullptr; node = node->ai_next) {
                        ++found;
                    }
                    ares_freeaddrinfo(result);
                }
            },
            &addresses);
        while (addresses < 0) {
            wait();
        }
        return addresses;
    }

 private:
    void watch(int fd, bool readable, bool writable) {
        std::erase_if(polled_, [fd](const pollfd& entry) { return entry.fd == fd; });
        if (readable || writable) {
            const int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
            polled_.push_back({fd, static_cast<short>(events), 0});
        }
    }

    void wait() {
        timeval buffer{};
        const timeval* const next = ares_timeout(channel_.get(), nullptr, &buffer);
        const auto wait_ms = next == nullptr ? -1 : next->tv_sec * 1000 + next->tv_usec / 1000 + 1;
        std::vector<pollfd> ready = polled_;
        poll(ready.data(), ready.size(), static_cast<int>(wait_ms));
        for (const pollfd& entry : ready) {
            const bool readable = (entry.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
            const bool writable = (entry.revents & POLLOUT) != 0;
            ares_process_fd(channel_.get(), readable ? entry.fd : ARES_SOCKET_BAD,
                            writable ? entry.fd : ARES_SOCKET_BAD);
        }
    }

    std::vector<pollfd> polled_;
    std::unique_ptr<ares_channeldata, DestroyChannel> channel_;
};

long long cpu_ns() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

void run(const std::string& nameserver, const std::string& name) {
    Resolver kept(nameserver);
    for (std::string line; std::getline(std::cin, line);) {
        const long long cpu_before_ns = cpu_ns();
        const auto before = std::chrono::steady_clock::now();
        const int addresses = line == "new" ? Resolver(nameserver).lookup(name) : kept.lookup(name);
        const std::chrono::nanoseconds wall = std::chrono::steady_clock::now() - before;
        std::cout << wall.count() << ' ' << cpu_ns() - cpu_before_ns << ' ' << addresses
                  << std::endl;
    }
}

}  // namespace

int main(int argc, char* argv[]) {
    if (argc != 3) {
        std::cerr << "usage: cares_lookup NAMESERVER:PORT NAME\n";
        return 2;
    }
    try {
        run(argv[1], argv[2]);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "cares_lookup: " << error.what() << "\n";
        return 1;
    }
}
