// SPDX-License-Identifier: Apache-2.0
// The port program's frames: the same in any pieces, as a plain reader cuts them; and on their way
// out through a pipe.
#include "../port_frames.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

#include "targets.hpp"

namespace barnacle::fuzz {
namespace {

struct Taken {
    std::uint8_t kind = 0;
    std::uint64_t id = 0;
    std::size_t bytes = 0;
    std::vector<std::uint8_t> body;

    friend bool operator==(const Taken&, const Taken&) = default;
};
using Frames = std::vector<Taken>;

Frames read_frames(Bytes stream, std::uint8_t way) {
    Frames frames;
    FrameReader reader([&frames](const Frame& frame) {
        require(frame.fits() || frame.body.empty(), "a frame that is too long has no body");
        require(frame.has_head() || (frame.kind == 0 && frame.id == 0),
                "a frame too short for a head has none");
        frames.push_back(
            {frame.kind, frame.id, frame.bytes, {frame.body.begin(), frame.body.end()}});
    });
    Cuts(way).each(stream, [&reader](Bytes piece) {
        reader.take(piece);
        return true;
    });
    return frames;
}

std::uint64_t number(Bytes bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) {
        value = value * 256 + byte;
    }
    return value;
}

Frames plainly(Bytes stream) {
    Frames frames;
    while (stream.size() >= 4) {
        const std::size_t length = number(stream.first(4));
        stream = stream.subspan(4);
        const bool fits = length <= 9 + 64UL * 1024 * 1024;
        if (stream.size() < (fits ? length : 9)) {
            break;
        }
        Taken frame;
        frame.bytes = length;
        if (length >= 9) {
            frame.kind = stream[0];
            frame.id = number(stream.subspan(1, 8));
            if (fits) {
                frame.body.assign(stream.begin() + 9,
                                  stream.begin() + static_cast<std::ptrdiff_t>(length));
            }
        }
        frames.push_back(std::move(frame));
        stream = stream.subspan(std::min(length, stream.size()));
    }
    return frames;
}

class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    void close() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
        fd_ = -1;
    }
    [[nodiscard]] int get() const { return fd_; }

 private:
    int fd_;
};

// More frames than a pipe holds, read from its other end; then with nobody there to read.
void check_queue(Bytes reply) {
    std::array<int, 2> ends{};
    require(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0, "there are pipes");
    Descriptor from(ends[0]);
    const Descriptor to(ends[1]);
    fcntl(to.get(), F_SETPIPE_SZ, 4096);
    FrameQueue queue;
    std::vector<std::uint8_t> wanted;
    for (std::uint8_t id = 1; wanted.size() < 10'000; ++id) {
        const std::size_t length = 8 + reply.size();
        for (const std::size_t byte : {length >> 24U, length >> 16U, length >> 8U, length}) {
            wanted.push_back(static_cast<std::uint8_t>(byte));
        }
        wanted.insert(wanted.end(), 7, 0);
        wanted.push_back(id);
        wanted.insert(wanted.end(), reply.begin(), reply.end());
        queue.push(id, reply);
        require(queue.bytes() == wanted.size(), "a queue counts its bytes");
    }
    std::vector<std::uint8_t> got;
    std::array<std::uint8_t, 1000> buffer{};
    while (got.size() < wanted.size()) {
        require(queue.write_to(to.get()), "a pipe with a reader takes frames");
        require(queue.empty() == (queue.bytes() == 0), "an empty queue has no bytes");
        const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
        require(count > 0, "what is written can be read");
        got.insert(got.end(), buffer.begin(), buffer.begin() + count);
    }
    require(got == wanted && queue.empty(), "frames leave whole and in order");

    queue.push(1, reply);
    try {
        (void)queue.write_to(-1);
        throw Broken("nobody can write to no descriptor");
    } catch (const std::system_error&) {}
    from.close();
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const bool written = queue.write_to(to.get());
    (void)std::signal(SIGPIPE, before);
    require(!written, "a pipe without a reader is noticed");
}

}  // namespace

void run_port_frames(Bytes input) {
    Input left(input);
    const std::uint8_t way = left.byte();
    const Bytes stream = left.rest();
    const Frames whole = read_frames(stream, 0);
    require(read_frames(stream, 1) == whole, "byte by byte the frames are the same");
    require(read_frames(stream, way) == whole, "in pieces the frames are the same");
    require(plainly(stream) == whole, "frames are what a plain reader cuts");
    // Seldom: it takes a thousand times as long.
    if (way == 0 && text(stream).starts_with("queue") && stream.size() < 1000) {
        check_queue(stream);
    }
}

}  // namespace barnacle::fuzz
