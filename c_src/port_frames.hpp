// SPDX-License-Identifier: Apache-2.0
//
// The protocol of the port program, spoken with src/barnacle_port.erl. Every frame follows its
// length, four bytes in network order: {packet, 4} of erlang:open_port/2. Ids are eight bytes in
// network order, terms are in the External Term Format, text is in UTF-8.
//
//   To the program, on standard input:
//     Frame = "o" Id Request   opens an operation; Request as in include/barnacle_core.hpp
//           | "c" Id           ends it: no reply comes any more, if none is on its way already
//           | "d" Id Names     wants what keeps two lists apart:
//                              Names = {Wanted :: [binary()], Listed :: [binary()], Self ::
//                              binary()}
//           | "i" Id           wants to know what runs here
//
//   From the program, on standard output:
//     Frame = Id Reply         one for each "o", "d" and "i"; in no order
//           | Id Part          before the reply of an "o", any number; Part as in
//                              include/barnacle_core.hpp, {part, Results}
//     Reply of "o" = Reply of include/barnacle_core.hpp
//     Reply of "d" = {ok, {[Position], [Position]}}   in Wanted and in Listed, counted from 0
//     Reply of "i" = {ok, #{protocol := 2, operations := integer(), cares := binary(),
//                           libuv := binary()}}
//     any Reply    = {error, {bad_request, Text}} | {error, {posix, Errno}}
//
// An id is the sender's choice: any but 0 that no running operation has. The first frame from the
// program, before any other, is a reply of "i" with the id 0: it says that the program is ready.
// Id 0 then stands in errors that have no other: of frames too short for an id, and of frames with
// the id of a running operation, which goes on.
//
// A frame longer than max_frame_bytes is skipped, and its error says so. While max_queued_bytes of
// replies wait to be read the program takes no frames and runs no operation. It exits with 0 when
// its standard input is closed or nobody reads its output, whatever it is doing, and with 1 and a
// line on standard error when it cannot go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "codec.hpp"

namespace barnacle {

inline constexpr int port_protocol = 2;

enum class FrameKind : std::uint8_t { open = 'o', cancel = 'c', diff = 'd', info = 'i' };

// Length and head of a frame: its kind and id.
inline constexpr std::size_t length_bytes = 4;
inline constexpr std::size_t id_bytes = 8;
inline constexpr std::size_t frame_head_bytes = 1 + id_bytes;
inline constexpr std::size_t max_frame_bytes = frame_head_bytes + max_term_bytes;
inline constexpr std::size_t max_queued_bytes = 64UL * 1024 * 1024;

struct Frame {
    std::uint8_t kind = 0;               // a FrameKind, or anything
    std::uint64_t id = 0;                // 0 also for a frame too short to have one
    std::size_t bytes = 0;               // how long the frame is, or claims to be
    std::span<const std::uint8_t> body;  // empty unless the frame was taken whole
    [[nodiscard]] bool has_head() const { return bytes >= frame_head_bytes; }
    [[nodiscard]] bool fits() const { return bytes <= max_frame_bytes; }
};

// Cuts a stream of bytes into frames. It keeps what there is of a frame and no more than that: a
// frame that claims to be long costs nothing before it comes.
class FrameReader {
 public:
    explicit FrameReader(std::function<void(const Frame&)> on_frame)
        : on_frame_(std::move(on_frame)) {}

    // Calls on_frame for every frame that is complete with these bytes, and once for each that is
    // too long, as soon as its head is there. A frame is valid during the call.
    void take(std::span<const std::uint8_t> bytes);

 private:
    std::span<const std::uint8_t> take_frame(std::span<const std::uint8_t> bytes);
    std::size_t skip(std::size_t available);

    std::function<void(const Frame&)> on_frame_;
    std::vector<std::uint8_t> held_;  // the beginning of a frame, with its length
    std::size_t to_skip_ = 0;         // of the rest of a frame that is too long
};

// Frames on their way out, each whole behind the one before it.
class FrameQueue {
 public:
    void push(std::uint64_t id, std::span<const std::uint8_t> reply);

    // Writes as much as the descriptor takes without waiting. False when it is a pipe that nobody
    // reads any more. Throws std::system_error for other errors.
    [[nodiscard]] bool write_to(int fd);

    [[nodiscard]] bool empty() const { return frames_.empty(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
    std::deque<std::vector<std::uint8_t>> frames_;
    std::size_t written_ = 0;  // of the first frame
    std::size_t bytes_ = 0;    // of all frames, but what is written
};

}  // namespace barnacle
