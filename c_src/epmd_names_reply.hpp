// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace barnacle {

// A node as its EPMD knows it.
struct EpmdName {
    std::string name;        // the part of the node's name before the @
    std::uint16_t port = 0;  // where its distribution listens

    friend bool operator==(const EpmdName&, const EpmdName&) = default;
};

enum class EpmdReplyError : std::uint8_t {
    bad_reply,  // not what an EPMD answers, or only a part of it
    too_long,   // more bytes or names than allowed
};

struct EpmdReplyLimits {
    std::size_t max_names = 0;
    std::size_t max_bytes = 0;  // of the whole reply, its header included
};

// The reply to NAMES_REQ of the EPMD protocol, read as it arrives:
//
//     Reply = EPMDPortNo (4 bytes, the highest first) Line*
//     Line  = "name " Name " at port " Port "\n"
//
// (Erlang's "Distribution Protocol", "Get All Registered Names from the EPMD"). The connection's
// end is the reply's end.
//
//  1. A reply is taken whole or not at all: with one byte out of place nothing of it is believed,
//     for what cannot be told from garbage must neither be dialled nor pass for "no nodes".
//  2. EPMDPortNo and Port are from 1 to 65535, Port without sign or leading zero. EPMDPortNo may
//     differ from the port that was asked, as it does behind a port mapping.
//  3. Name has 1 to 255 bytes, printable ASCII without space and @, and comes once. That is wider
//     than what OTP takes for a node's name: a C node's odd name does not hide the others.
//  4. A line without its newline, or less than a header, is a cut reply and so a bad one. A reply
//     that ends in order after one of its lines is whole: the protocol says no length.
//  5. The outcome depends on the bytes alone, not on how they were cut into pieces. It holds at
//     most a line of what is not yet understood.
class EpmdNamesReply {
 public:
    using Outcome = std::variant<std::vector<EpmdName>, EpmdReplyError>;

    explicit EpmdNamesReply(EpmdReplyLimits limits) : limits_(limits) {}

    // Takes the next bytes. False when the reply has failed, whatever else may come.
    bool feed(std::string_view bytes);

    // Why the reply has failed, if it has.
    [[nodiscard]] std::optional<EpmdReplyError> error() const { return error_; }

    // The names in the order of the reply, after its last byte. Called once.
    [[nodiscard]] Outcome finish();

 private:
    void read_header(std::string_view& bytes);
    void read_lines(std::string_view bytes);
    void read_line(std::string_view line);
    [[nodiscard]] bool has_duplicates() const;

    EpmdReplyLimits limits_;
    std::size_t seen_bytes_ = 0;
    std::size_t header_bytes_ = 0;
    std::uint32_t epmd_port_ = 0;
    std::string partial_line_;
    std::vector<EpmdName> names_;
    std::optional<EpmdReplyError> error_;
};

}  // namespace barnacle
