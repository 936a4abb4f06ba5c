// SPDX-License-Identifier: Apache-2.0
//
// usage: outcomes CORPUS
// Prints what the core makes of the inputs of its parsers, as one term in the External Term Format,
// a list of
//
//   {codec, Term, {ok, Copy} | unwritable | malformed}     Copy is the term, written again
//   {request, Request, {ok, Copy} | {error, Reason}}
//   {epmd_names, MaxNames, MaxBytes, Reply, {ok, [{Name, Port}]} | {error, bad_reply | too_long}}
//   {epmd_port, Name, Reply, {ok, Port} | not_registered | unfinished | {error, bad_reply}}
//
// for test/bed_corpus.erl, which has parsers of its own.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "../codec.hpp"
#include "cases.hpp"

namespace {

using namespace barnacle;
using namespace barnacle::fuzz;

struct File {
    std::string_view target;
    std::vector<std::uint8_t> bytes;
};

std::vector<File> read_corpus(const std::filesystem::path& corpus) {
    std::vector<File> files;
    for (const std::string_view target : {"codec", "request", "epmd_names", "epmd_port"}) {
        for (const auto& entry : std::filesystem::directory_iterator(corpus / target)) {
            std::ifstream stream(entry.path(), std::ios::binary);
            files.push_back({target, {std::istreambuf_iterator<char>(stream), {}}});
        }
    }
    return files;
}

void put_copy(Encoder& encoder, const std::vector<std::uint8_t>& copy) {
    encoder.tuple(2).atom("ok").binary(text(copy));
}

void put_codec(Encoder& encoder, Bytes input) {
    encoder.tuple(3).atom("codec").binary(text(input));
    try {
        if (const auto copy = copy_term(input)) {
            put_copy(encoder, *copy);
        } else {
            encoder.atom("unwritable");
        }
    } catch (const MalformedTerm&) {
        encoder.atom("malformed");
    }
}

void put_request(Encoder& encoder, Bytes input) {
    encoder.tuple(3).atom("request").binary(text(input));
    try {
        put_copy(encoder, encode_request(decode_request(input)));
    } catch (const Refusal& refusal) {
        encoder.tuple(2).atom("error").atom(refusal.reason);
    }
}

void put_error(Encoder& encoder, EpmdReplyError error) {
    encoder.tuple(2).atom("error").atom(error == EpmdReplyError::too_long ? "too_long"
                                                                          : "bad_reply");
}

void put_epmd_names(Encoder& encoder, Bytes input) {
    const EpmdNamesCase given(input);
    encoder.tuple(5).atom("epmd_names");
    encoder.integer(static_cast<std::int64_t>(given.limits.max_names));
    encoder.integer(static_cast<std::int64_t>(given.limits.max_bytes)).binary(text(given.reply));
    const auto outcome = read_epmd_names(given, given.way);
    if (const auto* const names = std::get_if<std::vector<EpmdName>>(&outcome)) {
        encoder.tuple(2).atom("ok").list(*names, [&encoder](const EpmdName& name) {
            encoder.tuple(2).binary(name.name).integer(name.port);
        });
    } else {
        put_error(encoder, std::get<EpmdReplyError>(outcome));
    }
}

void put_epmd_port(Encoder& encoder, Bytes input) {
    const EpmdPortCase given(input);
    encoder.tuple(4).atom("epmd_port").binary(given.name).binary(text(given.reply));
    const auto outcome = read_epmd_port(given, given.way);
    if (const auto* const found = std::get_if<EpmdPort>(&outcome)) {
        encoder.tuple(2).atom("ok").integer(found->port);
    } else if (std::holds_alternative<EpmdNotRegistered>(outcome)) {
        encoder.atom("not_registered");
    } else if (const auto* const error = std::get_if<EpmdReplyError>(&outcome)) {
        put_error(encoder, *error);
    } else {
        encoder.atom("unfinished");
    }
}

void print(const std::filesystem::path& corpus) {
    Encoder encoder;
    encoder.list(read_corpus(corpus), [&encoder](const File& file) {
        if (file.target == "codec") {
            put_codec(encoder, file.bytes);
        } else if (file.target == "request") {
            put_request(encoder, file.bytes);
        } else if (file.target == "epmd_names") {
            put_epmd_names(encoder, file.bytes);
        } else {
            put_epmd_port(encoder, file.bytes);
        }
    });
    const std::vector<std::uint8_t> bytes = encoder.take();
    std::cout << text(bytes) << std::flush;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2) {
            throw std::runtime_error("usage: outcomes CORPUS");
        }
        print(argv[1]);
        return 0;
    } catch (const std::exception& failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
