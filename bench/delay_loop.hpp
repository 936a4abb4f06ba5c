// SPDX-License-Identifier: Apache-2.0
//
// An event loop for the benchmark's servers: descriptors that become readable, and calls that are
// due after a delay, to the microsecond (epoll(7), timerfd_create(2)).
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace barnacle::bench {

using Clock = std::chrono::steady_clock;
using Delay = std::chrono::microseconds;

inline int checked(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return result;
}

// Owns a file descriptor.
class Fd {
 public:
    explicit Fd(int fd = -1) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

 private:
    int fd_;
};

inline sockaddr_in ipv4(const char* address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    if (inet_pton(AF_INET, address, &result.sin_addr) != 1) {
        throw std::system_error(EINVAL, std::generic_category(), address);
    }
    return result;
}

inline std::uint16_t to_port(const char* text) {
    return static_cast<std::uint16_t>(std::strtoul(text, nullptr, 10));
}

// A whole number of microseconds.
inline Delay to_delay(const char* text) {
    return Delay{std::strtol(text, nullptr, 10)};
}

inline Fd bound_socket(int type, const sockaddr_in& address) {
    Fd fd{checked(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")};
    const int on = 1;
    checked(setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    checked(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    return fd;
}

inline Fd listener(const sockaddr_in& address, int backlog) {
    Fd fd = bound_socket(SOCK_STREAM, address);
    checked(listen(fd.get(), backlog), "listen");
    return fd;
}

class DelayLoop {
 public:
    DelayLoop()
        : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
          timer_(checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                         "timerfd_create")) {
        prctl(PR_SET_TIMERSLACK, 1);
        watch(timer_.get(), EPOLLIN, [] {});
    }

    // Calls `on_ready` whenever one of `events` holds of the descriptor, until it is forgotten.
    void watch(int fd, std::uint32_t events, std::function<void()> on_ready) {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        const bool is_new =
            watched_.insert_or_assign(fd, std::make_shared<Callback>(std::move(on_ready))).second;
        checked(epoll_ctl(epoll_.get(), is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event),
                "epoll_ctl");
    }

    void forget(int fd) {
        if (watched_.erase(fd) > 0) {
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        }
    }

    // Calls with the same due time are made in the order in which they were asked for.
    void after(Delay delay, std::function<void()> call) {
        if (delay <= Delay{0}) {
            call();
            return;
        }
        due_.emplace(Clock::now() + delay, std::move(call));
    }

    [[noreturn]] void run() {
        for (;;) {
            set_timer();
            std::array<epoll_event, 64> events{};
            const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const auto entry = watched_.find(events[static_cast<std::size_t>(i)].data.fd);
                if (entry != watched_.end()) {
                    const auto callback = entry->second;  // it may forget its own descriptor
                    (*callback)();
                }
            }
            call_due();
        }
    }

 private:
    using Callback = std::function<void()>;

    void set_timer() {
        itimerspec when{};
        if (!due_.empty()) {
            const auto at = due_.begin()->first.time_since_epoch();
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at);
            when.it_value.tv_sec = seconds.count();
            when.it_value.tv_nsec = std::chrono::nanoseconds(at - seconds).count();
        }
        checked(timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr),
                "timerfd_settime");
    }

    void call_due() {
        while (!due_.empty() && due_.begin()->first <= Clock::now()) {
            const Callback call = std::move(due_.begin()->second);
            due_.erase(due_.begin());
            call();
        }
    }

    Fd epoll_;
    Fd timer_;
    std::unordered_map<int, std::shared_ptr<Callback>> watched_;
    std::multimap<Clock::time_point, Callback> due_;
};

}  // namespace barnacle::bench
