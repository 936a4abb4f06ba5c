// SPDX-License-Identifier: Apache-2.0
//
// Terms from bytes and to bytes (External Term Format). The only pair of files that calls ei, which
// trusts its input: every read here is checked against the end of the bytes before ei sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace barnacle {

// No decoder takes more bytes than this. ei counts them with an int.
inline constexpr std::size_t max_term_bytes = 64UL * 1024 * 1024;

// The bytes aren't a term, or one of a kind that no request has (float, pid, fun, compressed ...).
class MalformedTerm : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

// Reads one term from front to back. Each reader takes the next term (of a tuple, map or list: its
// head, the elements follow) or, when that has another type, gives nothing and leaves it there.
// All throw MalformedTerm for what isn't a term, and when the bytes end early. The bytes must
// outlive the decoder.
class Decoder {
 public:
    // Reads the version byte.
    explicit Decoder(std::span<const std::uint8_t> bytes);

    [[nodiscard]] std::optional<std::size_t> tuple();  // the number of elements
    [[nodiscard]] std::optional<std::size_t> map();    // the number of pairs
    // The number of elements; after the last one of a list that has any comes list_end(). What
    // Erlang sends as a string, a list of bytes, has integers in it: see string().
    [[nodiscard]] std::optional<std::size_t> list();
    // True at the end of a proper list.
    [[nodiscard]] bool list_end();
    [[nodiscard]] std::optional<std::string> string();  // a list of bytes, sent as a string
    [[nodiscard]] std::optional<std::string> atom();    // its name; UTF-8 if the bytes keep to it
    [[nodiscard]] std::optional<std::string> binary();
    // Nothing also for integers that don't fit.
    [[nodiscard]] std::optional<std::int64_t> integer();

    // Whether all bytes have been read.
    [[nodiscard]] bool at_end() const;

    // The next term, for an error message: `7`, `the atom "inet"`, `a list of 3 elements`.
    [[nodiscard]] std::string describe() const;

 private:
    enum class Kind : std::uint8_t { integer, big, atom, binary, string, nil, list, tuple, map };

    [[nodiscard]] Kind peek() const;
    [[nodiscard]] std::size_t size_at(std::size_t offset, std::size_t width) const;
    void require(std::size_t bytes) const;

    std::span<const std::uint8_t> bytes_;
    int index_ = 0;  // ei's type
};

// Writes one term from front to back: heads are followed by their elements. Throws std::bad_alloc
// when memory ends, or what ei can count.
class Encoder {
 public:
    Encoder();

    Encoder& tuple(std::size_t arity);
    Encoder& map(std::size_t pairs);
    Encoder& atom(std::string_view name);  // UTF-8, at most 255 characters
    Encoder& binary(std::string_view bytes);
    Encoder& integer(std::int64_t value);

    // A proper list: `encode_element(element)` writes each.
    template <typename Range, typename EncodeElement>
    Encoder& list(const Range& elements, EncodeElement encode_element) {
        if (!elements.empty()) {
            list_head(elements.size());
            for (const auto& element : elements) {
                encode_element(element);
            }
        }
        return nil();
    }

    [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
    void list_head(std::size_t length);
    Encoder& nil();
    template <typename Encode>
    Encoder& put(std::size_t at_most, Encode encode);

    std::vector<std::uint8_t> bytes_;
};

}  // namespace barnacle
