// SPDX-License-Identifier: Apache-2.0
#include "tcp.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace barnacle {

namespace {

// How a connection ended, as a positive errno or 0. Where a reset is seen together with the bytes
// before it, libuv calls it an end in order (uv__stream_io, POLLHUP after a partial read); the
// socket knows better.
int end_error(uv_stream_t* stream, ssize_t count) {
    if (count != UV_EOF) {
        return static_cast<int>(-count);
    }
    int descriptor = -1;
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (uv_fileno(reinterpret_cast<uv_handle_t*>(stream), &descriptor) != 0 ||
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) {
        return EIO;
    }
    return error_number;
}

}  // namespace

TcpConnection::TcpConnection(Loop& loop, Callbacks callbacks)
    : block_(make_handle<Block>([&loop](uv_tcp_t* tcp) { return uv_tcp_init(loop.uv(), tcp); },
                                std::move(callbacks))) {}

int TcpConnection::connect(const IpAddress& address, std::uint16_t port,
                           const std::optional<IpAddress>& source) {
    if (source) {
        const sockaddr_storage from = to_sockaddr(*source, 0);
        if (const int code =
                uv_tcp_bind(&block_->handle, reinterpret_cast<const sockaddr*>(&from), 0);
            code < 0) {
            return -code;
        }
    }
    const sockaddr_storage to = to_sockaddr(address, port);
    return -uv_tcp_connect(&block_->request, &block_->handle,
                           reinterpret_cast<const sockaddr*>(&to), on_connect);
}

void TcpConnection::on_connect(uv_connect_t* request, int status) {
    auto* block = static_cast<Block*>(request->handle->data);
    if (uv_is_closing(reinterpret_cast<const uv_handle_t*>(&block->handle)) != 0) {
        return;  // cancelled: the owner is gone
    }
    Loop::of(block->handle.loop).guard([block, status] { block->callbacks.on_connected(-status); });
}

int TcpConnection::send_and_read(std::string_view bytes) {
    auto* stream = reinterpret_cast<uv_stream_t*>(&block_->handle);
    // libuv writes from this buffer and doesn't write to it.
    const uv_buf_t buffer =
        uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
    const int sent = uv_try_write(stream, &buffer, 1);
    if (sent < 0) {
        return -sent;
    }
    if (static_cast<std::size_t>(sent) != bytes.size()) {
        return ENOBUFS;
    }
    return -uv_read_start(
        stream,
        [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
            auto* block = static_cast<Block*>(handle->data);
            *into = uv_buf_init(block->buffer.data(), static_cast<unsigned>(block->buffer.size()));
        },
        on_read);
}

void TcpConnection::on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    if (count == 0) {
        return;  // libuv's word for: nothing yet
    }
    auto* block = static_cast<Block*>(stream->data);
    if (count < 0) {
        uv_read_stop(stream);
    }
    Loop::of(stream->loop).guard([block, stream, count, buffer] {
        if (count > 0) {
            block->callbacks.on_bytes({buffer->base, static_cast<std::size_t>(count)});
        } else {
            block->callbacks.on_end(end_error(stream, count));
        }
    });
}

}  // namespace barnacle
