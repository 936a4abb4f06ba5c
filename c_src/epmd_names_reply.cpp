// SPDX-License-Identifier: Apache-2.0
#include "epmd_names_reply.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace barnacle {

namespace {

constexpr std::string_view before_name = "name ";
constexpr std::string_view before_port = " at port ";
constexpr std::size_t header_size_bytes = 4;
constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t max_port_digits = 5;
constexpr std::uint32_t max_port = 65535;
constexpr std::size_t max_line_bytes =
    before_name.size() + max_name_bytes + before_port.size() + max_port_digits;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= max_name_bytes &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return c > ' ' && c <= '~' && c != '@'; });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    // from_chars would take leading zeros.
    if (text.empty() || text.size() > max_port_digits || text.front() < '1' || text.front() > '9') {
        return std::nullopt;
    }
    std::uint32_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, port);
    if (failure != std::errc{} || stop != end || port > max_port) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(port);
}

// A line without its newline.
std::optional<EpmdName> parse_line(std::string_view line) {
    if (!line.starts_with(before_name)) {
        return std::nullopt;
    }
    line.remove_prefix(before_name.size());
    // A name has no spaces, so the first match is the only one that can be right.
    const std::size_t name_end = line.find(before_port);
    if (name_end == std::string_view::npos || !is_name(line.substr(0, name_end))) {
        return std::nullopt;
    }
    const auto port = parse_port(line.substr(name_end + before_port.size()));
    if (!port) {
        return std::nullopt;
    }
    return EpmdName{.name = std::string(line.substr(0, name_end)), .port = *port};
}

}  // namespace

bool EpmdNamesReply::feed(std::string_view bytes) {
    const std::size_t allowed = std::min(bytes.size(), limits_.max_bytes - seen_bytes_);
    const bool over_limit = allowed < bytes.size();
    bytes = bytes.substr(0, allowed);
    seen_bytes_ += allowed;
    if (!error_) {
        read_header(bytes);
    }
    if (!error_) {
        read_lines(bytes);
    }
    if (!error_ && over_limit) {
        error_ = EpmdReplyError::too_long;
    }
    return !error_;
}

void EpmdNamesReply::read_header(std::string_view& bytes) {
    while (header_bytes_ < header_size_bytes && !bytes.empty()) {
        epmd_port_ = epmd_port_ << 8U | static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (++header_bytes_ == header_size_bytes && (epmd_port_ == 0 || epmd_port_ > max_port)) {
            error_ = EpmdReplyError::bad_reply;
        }
    }
}

void EpmdNamesReply::read_lines(std::string_view bytes) {
    while (!error_) {
        const std::size_t length = bytes.find('\n');
        if (length == std::string_view::npos) {
            break;
        }
        if (partial_line_.empty()) {
            read_line(bytes.substr(0, length));
        } else {
            partial_line_.append(bytes.substr(0, length));
            read_line(partial_line_);
            partial_line_.clear();
        }
        bytes.remove_prefix(length + 1);
    }
    if (error_) {
        return;
    }
    if (partial_line_.size() + bytes.size() > max_line_bytes) {
        error_ = EpmdReplyError::bad_reply;
        return;
    }
    partial_line_.append(bytes);
}

void EpmdNamesReply::read_line(std::string_view line) {
    auto name = parse_line(line);
    if (!name) {
        error_ = EpmdReplyError::bad_reply;
    } else if (names_.size() == limits_.max_names) {
        error_ = EpmdReplyError::too_long;
    } else {
        names_.push_back(*std::move(name));
    }
}

EpmdNamesReply::Outcome EpmdNamesReply::finish() {
    if (error_) {
        return *error_;
    }
    if (header_bytes_ < header_size_bytes || !partial_line_.empty() || has_duplicates()) {
        return EpmdReplyError::bad_reply;
    }
    return std::move(names_);
}

bool EpmdNamesReply::has_duplicates() const {
    // Sorted, not hashed: whoever answers chooses the names, and could choose colliding ones.
    std::vector<std::string_view> sorted(names_.size());
    std::transform(names_.begin(), names_.end(), sorted.begin(),
                   [](const EpmdName& entry) { return std::string_view(entry.name); });
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

}  // namespace barnacle
