// SPDX-License-Identifier: Apache-2.0
#include "port_shell.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include "barnacle_core.hpp"
#include "codec.hpp"
#include "port_diff.hpp"
#include "reply.hpp"

namespace barnacle {
namespace {

// As much as a pipe holds.
constexpr std::size_t read_bytes = 65'536;

Bytes info_reply(std::size_t operations) {
    const LibraryVersions versions = library_versions();
    Encoder encoder;
    encoder.tuple(2).atom("ok").map(4);
    encoder.atom("protocol").integer(port_protocol);
    encoder.atom("operations").integer(static_cast<std::int64_t>(operations));
    encoder.atom("cares").binary(versions.cares);
    encoder.atom("libuv").binary(versions.libuv);
    return encoder.take();
}

}  // namespace

PortShell::PortShell(Loop& loop)
    : loop_(loop),
      reader_([this](const Frame& frame) { on_frame(frame); }),
      operations_(
          loop, [this](std::uint64_t id, std::span<const std::uint8_t> bytes) { reply(id, bytes); },
          [this](std::uint64_t id, std::span<const std::uint8_t> bytes) { reply(id, bytes); }),
      input_(loop, STDIN_FILENO, [this](Readiness ready) { on_input(ready); }),
      output_(loop, STDOUT_FILENO, [this](Readiness) { write(); }) {}

void PortShell::run() {
    reply(0, info_reply(0));
    input_.watch({.readable = true});
    while (!ended_) {
        loop_.run_once();
    }
}

void PortShell::on_input(Readiness ready) {
    if (resting_) {
        ended_ = ended_ || ready.hung_up;
        return;
    }
    std::array<std::uint8_t, read_bytes> bytes{};
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count > 0) {
        reader_.take(std::span(bytes).first(static_cast<std::size_t>(count)));
    } else if (count == 0) {
        ended_ = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        throw std::system_error(errno, std::generic_category(), "standard input");
    }
}

void PortShell::on_frame(const Frame& frame) {
    if (!frame.has_head()) {
        return reply_bad_request(
            0, "a frame of " + std::to_string(frame.bytes) + " bytes has no room for kind and id");
    }
    if (!frame.fits()) {
        return reply_bad_request(frame.id, "a frame of " + std::to_string(frame.bytes) +
                                               " bytes is too long; " +
                                               std::to_string(max_frame_bytes) + " are allowed");
    }
    switch (static_cast<FrameKind>(frame.kind)) {
        case FrameKind::open:
            if (frame.id == 0 || operations_.has(frame.id)) {
                return reply_bad_request(0, "the id " + std::to_string(frame.id) + " is taken");
            }
            return operations_.open(frame.id, frame.body);
        case FrameKind::cancel:
            return operations_.cancel(frame.id);
        case FrameKind::diff:
            return reply(frame.id, diff_reply(frame.body));
        case FrameKind::info:
            return reply(frame.id, info_reply(operations_.size()));
    }
    reply_bad_request(frame.id, "no frame is of the kind " + std::to_string(frame.kind));
}

void PortShell::reply(std::uint64_t id, std::span<const std::uint8_t> reply) {
    queue_.push(id, reply);
    if (!writing_) {
        write();
    } else if (queue_.bytes() > max_queued_bytes) {
        rest();
    }
}

void PortShell::reply_bad_request(std::uint64_t id, const std::string& text) {
    reply(id, encode_error("bad_request", text));
}

void PortShell::write() {
    if (!queue_.write_to(STDOUT_FILENO)) {
        ended_ = true;
    }
    if (const bool writing = !queue_.empty(); writing != writing_) {
        writing_ = writing;
        output_.watch({.writable = writing});
    }
    if (queue_.bytes() > max_queued_bytes) {
        rest();
    } else if (queue_.bytes() <= max_queued_bytes / 2) {
        go_on();
    }
}

// Who doesn't read what it asked for is asked for nothing more, but may still go away.
void PortShell::rest() {
    if (!resting_) {
        resting_ = true;
        input_.watch({.hung_up = true});
        operations_.rest();
    }
}

void PortShell::go_on() {
    if (resting_) {
        resting_ = false;
        input_.watch({.readable = true});
        operations_.go_on();
    }
}

}  // namespace barnacle
