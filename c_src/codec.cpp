// SPDX-License-Identifier: Apache-2.0
#include "codec.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <new>
#include <utility>

#include <ei.h>

#include "host_name.hpp"

namespace barnacle {
namespace {

// The longest head of a term: a tag and four bytes of length.
constexpr std::size_t head_bytes = 5;

// ei takes char where the rest of the world takes bytes.
const char* chars(std::span<const std::uint8_t> bytes) {
    return reinterpret_cast<const char*>(bytes.data());
}

// The readers have checked kind and length, so ei can only fail on a contradiction inside the term,
// such as an atom that isn't UTF-8.
void accept(int result) {
    if (result != 0) {
        throw MalformedTerm("a term contradicts itself");
    }
}

std::string counted(std::string_view thing, std::size_t count, std::string_view of) {
    return std::string(thing) + " of " + std::to_string(count) + " " + std::string(of) +
           (count == 1 ? "" : "s");
}

}  // namespace

Decoder::Decoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    if (bytes.size() > max_term_bytes) {
        throw MalformedTerm("longer than " + std::to_string(max_term_bytes) + " bytes");
    }
    require(1);
    int version = 0;
    if (ei_decode_version(chars(bytes_), &index_, &version) != 0) {
        throw MalformedTerm("no External Term Format: its first byte is 131");
    }
}

bool Decoder::at_end() const {
    return static_cast<std::size_t>(index_) == bytes_.size();
}

void Decoder::require(std::size_t bytes) const {
    if (bytes > bytes_.size() - static_cast<std::size_t>(index_)) {
        throw MalformedTerm("the bytes end inside a term");
    }
}

// A big-endian number of `width` bytes, `offset` bytes into the next term.
std::size_t Decoder::size_at(std::size_t offset, std::size_t width) const {
    require(offset + width);
    std::size_t size = 0;
    for (std::size_t i = 0; i < width; ++i) {
        size = size << CHAR_BIT | bytes_[static_cast<std::size_t>(index_) + offset + i];
    }
    return size;
}

// Also sees to it that the term is there: the whole of it, or of a tuple, map or list its head and
// at least as many bytes as it claims to have elements, so that no claim makes anyone reserve more
// memory than a request has bytes.
Decoder::Kind Decoder::peek() const {
    require(1);
    const std::uint8_t tag = bytes_[static_cast<std::size_t>(index_)];
    switch (tag) {
        case ERL_SMALL_INTEGER_EXT:
            require(2);
            return Kind::integer;
        case ERL_INTEGER_EXT:
            require(1 + 4);
            return Kind::integer;
        case ERL_SMALL_BIG_EXT: {
            const std::size_t digits = size_at(1, 1);
            require(1 + 1 + 1 + digits);
            return digits <= sizeof(std::int64_t) ? Kind::integer : Kind::big;
        }
        case ERL_LARGE_BIG_EXT:
            require(1 + 4 + 1 + size_at(1, 4));
            return Kind::big;
        case ERL_SMALL_ATOM_EXT:
        case ERL_SMALL_ATOM_UTF8_EXT:
            require(1 + 1 + size_at(1, 1));
            return Kind::atom;
        case ERL_ATOM_EXT:
        case ERL_ATOM_UTF8_EXT:
            require(1 + 2 + size_at(1, 2));
            return Kind::atom;
        case ERL_BINARY_EXT:
            require(1 + 4 + size_at(1, 4));
            return Kind::binary;
        case ERL_STRING_EXT:
            require(1 + 2 + size_at(1, 2));
            return Kind::string;
        case ERL_NIL_EXT:
            return Kind::nil;
        case ERL_LIST_EXT:
            require(1 + 4 + size_at(1, 4) + 1);
            return Kind::list;
        case ERL_SMALL_TUPLE_EXT:
            require(1 + 1 + size_at(1, 1));
            return Kind::tuple;
        case ERL_LARGE_TUPLE_EXT:
            require(1 + 4 + size_at(1, 4));
            return Kind::tuple;
        case ERL_MAP_EXT:
            require(1 + 4 + 2 * size_at(1, 4));
            return Kind::map;
        default:
            throw MalformedTerm("a term of tag " + std::to_string(tag) + ", which no request has");
    }
}

std::optional<std::size_t> Decoder::tuple() {
    if (peek() != Kind::tuple) {
        return std::nullopt;
    }
    int arity = 0;
    accept(ei_decode_tuple_header(chars(bytes_), &index_, &arity));
    return static_cast<std::size_t>(arity);
}

std::optional<std::size_t> Decoder::map() {
    if (peek() != Kind::map) {
        return std::nullopt;
    }
    int pairs = 0;
    accept(ei_decode_map_header(chars(bytes_), &index_, &pairs));
    return static_cast<std::size_t>(pairs);
}

std::optional<std::size_t> Decoder::list() {
    const Kind kind = peek();
    if (kind != Kind::list && kind != Kind::nil) {
        return std::nullopt;
    }
    // An end would have to follow, which nobody asks for after no elements.
    if (kind == Kind::list && size_at(1, 4) == 0) {
        throw MalformedTerm("a list of no elements that isn't nil");
    }
    int length = 0;
    accept(ei_decode_list_header(chars(bytes_), &index_, &length));
    return static_cast<std::size_t>(length);
}

bool Decoder::list_end() {
    if (peek() != Kind::nil) {
        return false;
    }
    int length = 0;
    accept(ei_decode_list_header(chars(bytes_), &index_, &length));
    return true;
}

std::optional<std::string> Decoder::string() {
    if (peek() != Kind::string) {
        return std::nullopt;
    }
    // ei ends what it copies with a zero.
    std::string bytes(size_at(1, 2) + 1, '\0');
    accept(ei_decode_string(chars(bytes_), &index_, bytes.data()));
    bytes.pop_back();
    return bytes;
}

std::optional<std::string> Decoder::atom() {
    if (peek() != Kind::atom) {
        return std::nullopt;
    }
    // ei gives the name as a C string and not its length.
    std::array<char, MAXATOMLEN_UTF8> name{};
    const int start = index_;
    accept(ei_decode_atom_as(chars(bytes_), &index_, name.data(), static_cast<int>(name.size()),
                             ERLANG_UTF8, nullptr, nullptr));
    const auto term =
        bytes_.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(index_ - start));
    const std::size_t length_bytes =
        term[0] == ERL_ATOM_EXT || term[0] == ERL_ATOM_UTF8_EXT ? 2 : 1;
    const auto characters = term.subspan(1 + length_bytes);
    if (std::find(characters.begin(), characters.end(), 0) != characters.end()) {
        throw MalformedTerm("an atom with a zero in it");
    }
    return std::string(name.data());
}

std::optional<std::string> Decoder::binary() {
    if (peek() != Kind::binary) {
        return std::nullopt;
    }
    std::string bytes(size_at(1, 4), '\0');
    long length = 0;
    accept(ei_decode_binary(chars(bytes_), &index_, bytes.data(), &length));
    return bytes;
}

std::optional<std::int64_t> Decoder::integer() {
    if (peek() != Kind::integer) {
        return std::nullopt;
    }
    long long value = 0;
    if (ei_decode_longlong(chars(bytes_), &index_, &value) != 0) {
        return std::nullopt;  // 64 bits, but too large for a signed number
    }
    return value;
}

std::string Decoder::describe() const {
    Decoder ahead(*this);
    switch (peek()) {
        case Kind::integer:
            if (const auto value = ahead.integer()) {
                return std::to_string(*value);
            }
            [[fallthrough]];
        case Kind::big:
            return "an integer of more than 64 bits";
        case Kind::atom:
            return "the atom " + quoted(ahead.atom().value_or(""));
        case Kind::binary:
            return quoted(ahead.binary().value_or(""));
        case Kind::string:
            return "the string " + quoted(ahead.string().value_or(""));
        case Kind::nil:
            return "an empty list";
        case Kind::list:
            return counted("a list", size_at(1, 4), "element");
        case Kind::tuple:
            return counted("a tuple", ahead.tuple().value_or(0), "element");
        case Kind::map:
            return counted("a map", ahead.map().value_or(0), "pair");
    }
    return "an unknown term";
}

Encoder::Encoder() {
    put(1, ei_encode_version);
}

// Makes room for `at_most` bytes and lets `encode` write into it.
template <typename Encode>
Encoder& Encoder::put(std::size_t at_most, Encode encode) {
    const std::size_t used = bytes_.size();
    if (at_most > static_cast<std::size_t>(INT_MAX) - used) {
        throw std::bad_alloc();
    }
    bytes_.resize(used + at_most);
    int index = static_cast<int>(used);
    accept(encode(reinterpret_cast<char*>(bytes_.data()), &index));
    bytes_.resize(static_cast<std::size_t>(index));
    return *this;
}

Encoder& Encoder::tuple(std::size_t arity) {
    return put(head_bytes, [arity](char* bytes, int* index) {
        return ei_encode_tuple_header(bytes, index, static_cast<int>(arity));
    });
}

Encoder& Encoder::map(std::size_t pairs) {
    return put(head_bytes, [pairs](char* bytes, int* index) {
        return ei_encode_map_header(bytes, index, static_cast<int>(pairs));
    });
}

void Encoder::list_head(std::size_t length) {
    put(head_bytes, [length](char* bytes, int* index) {
        return ei_encode_list_header(bytes, index, static_cast<int>(length));
    });
}

Encoder& Encoder::nil() {
    return put(head_bytes,
               [](char* bytes, int* index) { return ei_encode_list_header(bytes, index, 0); });
}

Encoder& Encoder::atom(std::string_view name) {
    return put(head_bytes + name.size(), [name](char* bytes, int* index) {
        return ei_encode_atom_len_as(bytes, index, name.data(), static_cast<int>(name.size()),
                                     ERLANG_UTF8, ERLANG_UTF8);
    });
}

Encoder& Encoder::binary(std::string_view bytes) {
    return put(head_bytes + bytes.size(), [bytes](char* buffer, int* index) {
        return ei_encode_binary(buffer, index, bytes.data(), static_cast<long>(bytes.size()));
    });
}

Encoder& Encoder::integer(std::int64_t value) {
    // At most a big number: tag, length, sign and eight bytes.
    constexpr std::size_t integer_bytes = 3 + sizeof value;
    return put(integer_bytes, [value](char* bytes, int* index) {
        return ei_encode_longlong(bytes, index, value);
    });
}

}  // namespace barnacle
