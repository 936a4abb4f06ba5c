// SPDX-License-Identifier: Apache-2.0
#include "port_frames.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

namespace barnacle {
namespace {

std::uint64_t read_number(std::span<const std::uint8_t> bytes) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes) {
        number = number << CHAR_BIT | byte;
    }
    return number;
}

void append_number(std::vector<std::uint8_t>& bytes, std::uint64_t number, std::size_t width) {
    for (std::size_t left = width; left > 0; --left) {
        bytes.push_back(static_cast<std::uint8_t>(number >> (left - 1) * CHAR_BIT));
    }
}

// The frame whose `frame` bytes are there, of the `bytes` that it claims to have.
Frame make_frame(std::span<const std::uint8_t> frame, std::size_t bytes) {
    if (bytes < frame_head_bytes) {
        return {.bytes = bytes, .body = {}};
    }
    return {.kind = frame[0],
            .id = read_number(frame.subspan(1, id_bytes)),
            .bytes = bytes,
            .body = frame.subspan(frame_head_bytes)};
}

}  // namespace

void FrameReader::take(std::span<const std::uint8_t> bytes) {
    if (!held_.empty()) {
        held_.insert(held_.end(), bytes.begin(), bytes.end());
        std::vector<std::uint8_t> all = std::move(held_);
        held_.clear();
        const auto rest = take_frame(all);
        if (rest.size() == all.size()) {
            held_ = std::move(all);
        } else {
            take(rest);
        }
        return;
    }
    for (auto rest = bytes.subspan(skip(bytes.size())); !rest.empty();) {
        const auto after = take_frame(rest);
        if (after.size() == rest.size()) {
            held_.assign(rest.begin(), rest.end());
            return;
        }
        rest = after;
    }
}

// Takes the first frame of the bytes and gives those behind it; all of them when it isn't complete.
std::span<const std::uint8_t> FrameReader::take_frame(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < length_bytes) {
        return bytes;
    }
    const std::size_t length = read_number(bytes.first(length_bytes));
    const auto frame = bytes.subspan(length_bytes);
    if (length > max_frame_bytes) {
        if (frame.size() < frame_head_bytes) {
            return bytes;
        }
        on_frame_(make_frame(frame.first(frame_head_bytes), length));
        to_skip_ = length;
        return frame.subspan(skip(frame.size()));
    }
    if (frame.size() < length) {
        return bytes;
    }
    on_frame_(make_frame(frame.first(length), length));
    return frame.subspan(length);
}

// How many of so many bytes belong to a frame that isn't wanted.
std::size_t FrameReader::skip(std::size_t available) {
    const std::size_t skipped = std::min(available, to_skip_);
    to_skip_ -= skipped;
    return skipped;
}

void FrameQueue::push(std::uint64_t id, std::span<const std::uint8_t> reply) {
    std::vector<std::uint8_t> frame;
    frame.reserve(length_bytes + id_bytes + reply.size());
    append_number(frame, id_bytes + reply.size(), length_bytes);
    append_number(frame, id, id_bytes);
    frame.insert(frame.end(), reply.begin(), reply.end());
    bytes_ += frame.size();
    frames_.push_back(std::move(frame));
}

bool FrameQueue::write_to(int fd) {
    while (!frames_.empty()) {
        const auto& frame = frames_.front();
        const ssize_t count = ::write(fd, frame.data() + written_, frame.size() - written_);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        }
        if (count < 0 && errno == EPIPE) {
            return false;
        }
        if (count < 0) {
            throw std::system_error(errno, std::generic_category(), "standard output");
        }
        written_ += static_cast<std::size_t>(count);
        bytes_ -= static_cast<std::size_t>(count);
        if (written_ == frame.size()) {
            frames_.pop_front();
            written_ = 0;
        }
    }
    return true;
}

}  // namespace barnacle
