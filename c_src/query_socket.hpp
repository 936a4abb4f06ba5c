// SPDX-License-Identifier: Apache-2.0
//
// The sockets of a Query, as functions that c-ares calls in place of the system's: with the results
// and errno of socket(2) and so on. With its own, c-ares reads and decodes whatever has arrived,
// however much that is; with these, a brief run of the loop reads no more than it may.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

#include "loop.hpp"

namespace barnacle {

// Without blocking, and closed by exec(2). A stream is nothing for brief runs.
[[nodiscard]] int open_query_socket(Loop& loop, int domain, int type) noexcept;

// EWOULDBLOCK also for a datagram that the loop has no time for now; it stays where it is.
[[nodiscard]] ssize_t receive_for_query(Loop& loop, int fd, void* buffer, std::size_t size,
                                        sockaddr* from, socklen_t* from_size) noexcept;

// A peer that is gone is EPIPE and no signal.
[[nodiscard]] ssize_t send_for_query(int fd, const iovec* parts, std::size_t count) noexcept;

}  // namespace barnacle
