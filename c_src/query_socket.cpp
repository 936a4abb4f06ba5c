// SPDX-License-Identifier: Apache-2.0
#include "query_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace barnacle {

namespace {

#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)

int open_socket(int domain, int type) noexcept {
    return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

#else

int open_socket(int domain, int type) noexcept {
    const int fd = socket(domain, type, 0);
    if (fd >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
        const int error_number = errno;
        close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

#endif

}  // namespace

int open_query_socket(Loop& loop, int domain, int type) noexcept {
    const int fd = open_socket(domain, type);
    if (fd >= 0 && type == SOCK_STREAM) {
        static_cast<void>(loop.may_take_long());
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    }
    return fd;
}

ssize_t receive_for_query(Loop& loop, int fd, void* buffer, std::size_t size, sockaddr* from,
                          socklen_t* from_size) noexcept {
    if (loop.is_brief()) {
        // One byte more than a brief run takes tells what is too long for it.
        std::array<char, brief_run_bytes + 1> peeked;  // NOLINT(*-member-init): written first
        const ssize_t bytes = recv(fd, peeked.data(), peeked.size(), MSG_PEEK);
        if (bytes < 0) {
            return bytes;
        }
        if (!loop.may_receive(static_cast<std::size_t>(bytes))) {
            errno = EWOULDBLOCK;
            return -1;
        }
    }
    return recvfrom(fd, buffer, size, 0, from, from_size);
}

ssize_t send_for_query(int fd, const iovec* parts, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);  // sendmsg(2) doesn't write to it
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
#ifdef MSG_NOSIGNAL
    return sendmsg(fd, &message, MSG_NOSIGNAL);
#else
    return sendmsg(fd, &message, 0);
#endif
}

}  // namespace barnacle
