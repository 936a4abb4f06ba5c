// SPDX-License-Identifier: Apache-2.0
#include "reply.hpp"

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <string>
#include <variant>

#include "codec.hpp"

namespace barnacle {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

void encode(Encoder& encoder, const IpAddress& address) {
    if (address.family == AF_INET) {
        encoder.tuple(4);
        for (std::size_t i = 0; i < 4; ++i) {
            encoder.integer(address.bytes[i]);
        }
        return;
    }
    encoder.tuple(8);
    for (std::size_t i = 0; i < address.bytes.size(); i += 2) {
        encoder.integer(address.bytes[i] * 256 + address.bytes[i + 1]);
    }
}

void encode(Encoder& encoder, const Addresses& addresses) {
    encoder.list(addresses, [&](const IpAddress& address) { encode(encoder, address); });
}

void encode(Encoder& encoder, const LookupError& error) {
    if (error.code == LookupErrorCode::posix) {
        encoder.tuple(2).atom("posix").atom(posix_name(error.posix_errno));
    } else {
        encoder.atom(lookup_error_atom(error.code));
    }
}

void encode(Encoder& encoder, const NoAddresses& outcome) {
    std::visit(Overloaded{[&](NoData) { encoder.atom("no_data"); },
                          [&](const LookupError& error) { encode(encoder, error); }},
               outcome);
}

void encode(Encoder& encoder, const Outcome& outcome) {
    std::visit(Overloaded{[&](const Addresses& addresses) {
                              encoder.tuple(2).atom("addresses");
                              encode(encoder, addresses);
                          },
                          [&](NoData) { encoder.atom("no_data"); },
                          [&](NotWanted) { encoder.atom("not_wanted"); },
                          [&](const LookupError& error) {
                              encoder.tuple(2).atom("error");
                              encode(encoder, error);
                          }},
               outcome);
}

void encode(Encoder& encoder, Doubts doubts) {
    std::vector<std::string_view> atoms;
    for (const DoubtName& name : doubt_names) {
        if (doubts.has(name.doubt)) {
            atoms.push_back(name.atom);
        }
    }
    encoder.list(atoms, [&](std::string_view atom) { encoder.atom(atom); });
}

void encode(Encoder& encoder, const HostOutcome& outcome) {
    std::visit(Overloaded{[&](const Addresses& addresses) {
                              encoder.tuple(2).atom("ok");
                              encode(encoder, addresses);
                          },
                          [&](const LookupError& error) {
                              encoder.tuple(2).atom("error");
                              encode(encoder, error);
                          }},
               outcome);
}

void encode(Encoder& encoder, const EpmdOutcome& outcome) {
    const auto error = [&]() -> Encoder& { return encoder.tuple(2).atom("error"); };
    std::visit(
        Overloaded{[&](const std::vector<EpmdName>& names) {
                       encoder.tuple(2).atom("ok").list(names, [&](const EpmdName& name) {
                           encoder.tuple(2).binary(name.name).integer(name.port);
                       });
                   },
                   [&](const LookupError& lookup_error) {
                       error();
                       encode(encoder, lookup_error);
                   },
                   [&](const EpmdConnectionError& failed) {
                       error().atom(posix_name(failed.posix_errno));
                   },
                   [&](EpmdTimeout) { error().atom(lookup_error_atom(LookupErrorCode::timeout)); },
                   [&](EpmdReplyError wrong) { error().atom(epmd_reply_error_atom(wrong)); }},
        outcome);
}

void encode(Encoder& encoder, const ProbeOutcome& outcome) {
    if (!outcome) {
        encoder.atom("ok");
        return;
    }
    const std::string_view atom = probe_error_atom(outcome->code);
    encoder.tuple(2).atom("error");
    switch (outcome->code) {
        case ProbeErrorCode::lookup_failed:
            encoder.tuple(2).atom(atom);
            encode(encoder, outcome->lookup);
            return;
        case ProbeErrorCode::not_registered:
            encoder.tuple(2).atom(atom).list(
                outcome->names, [&](const std::string& name) { encoder.binary(name); });
            return;
        case ProbeErrorCode::posix:
            encoder.tuple(2).atom(atom).atom(posix_name(outcome->posix_errno));
            return;
        default:
            encoder.atom(atom);
    }
}

// {error, {posix, enomem}} in the External Term Format: two tuples of two, three atoms in UTF-8.
constexpr std::array<std::uint8_t, 27> out_of_memory_bytes{
    131, 104, 2,   119, 5,   'e', 'r', 'r', 'o', 'r', 104, 2,   119, 5,
    'p', 'o', 's', 'i', 'x', 119, 6,   'e', 'n', 'o', 'm', 'e', 'm'};

}  // namespace

Bytes encode_reply(const LookupResult& result) {
    Encoder encoder;
    encoder.tuple(2).atom("ok").map(6);
    encoder.atom("candidate").binary(result.candidate);
    encoder.atom("a");
    encode(encoder, result.outcomes.a);
    encoder.atom("aaaa");
    encode(encoder, result.outcomes.aaaa);
    encoder.atom("queried").list(result.queried, [&](const Queried& queried) {
        encoder.tuple(3).binary(queried.name).binary(queried.nameserver);
        encode(encoder, queried.outcome);
    });
    encoder.atom("doubts");
    encode(encoder, result.doubts);
    encoder.atom("truncated").list(result.truncated, [&](const std::string& name) {
        encoder.binary(name);
    });
    return encoder.take();
}

Bytes encode_reply(const std::vector<HostResult>& results) {
    Encoder encoder;
    encoder.tuple(2).atom("ok").list(results, [&](const HostResult& result) {
        encoder.tuple(2).binary(result.host);
        encode(encoder, result.outcome);
    });
    return encoder.take();
}

Bytes encode_reply(const std::vector<std::string>& hosts, const EpmdNames::Result& outcomes) {
    Encoder encoder;
    std::size_t position = 0;
    encoder.tuple(2).atom("ok").list(hosts, [&](const std::string& host) {
        encoder.tuple(2).binary(host);
        encode(encoder, outcomes.at(position++));
    });
    return encoder.take();
}

Bytes encode_reply(const std::vector<ProbeOutcome>& outcomes) {
    Encoder encoder;
    encoder.tuple(2).atom("ok").list(
        outcomes, [&](const ProbeOutcome& outcome) { encode(encoder, outcome); });
    return encoder.take();
}

Bytes encode_part(const Part& part) {
    using Item = std::variant<const std::pair<std::string, Addresses>*,
                              const std::pair<std::size_t, ProbeOutcome>*>;
    std::vector<Item> items;
    items.reserve(part.hosts.size() + part.outcomes.size());
    for (const auto& host : part.hosts) {
        items.emplace_back(&host);
    }
    for (const auto& target : part.outcomes) {
        items.emplace_back(&target);
    }
    Encoder encoder;
    encoder.tuple(2).atom("part").list(items, [&](const Item& item) {
        encoder.tuple(2);
        std::visit(Overloaded{[&](const std::pair<std::string, Addresses>* host) {
                                  encoder.binary(host->first);
                                  encode(encoder, host->second);
                              },
                              [&](const std::pair<std::size_t, ProbeOutcome>* target) {
                                  encoder.integer(static_cast<std::int64_t>(target->first));
                                  encode(encoder, target->second);
                              }},
                   item);
    });
    return encoder.take();
}

Bytes encode_error(std::string_view reason) {
    Encoder encoder;
    encoder.tuple(2).atom("error").atom(reason);
    return encoder.take();
}

Bytes encode_error(std::string_view reason, std::string_view text) {
    Encoder encoder;
    encoder.tuple(2).atom("error").tuple(2).atom(reason).binary(text);
    return encoder.take();
}

Bytes encode_posix_error(int posix_errno) {
    Encoder encoder;
    encoder.tuple(2).atom("error").tuple(2).atom("posix").atom(posix_name(posix_errno));
    return encoder.take();
}

std::span<const std::uint8_t> out_of_memory_reply() noexcept {
    return out_of_memory_bytes;
}

}  // namespace barnacle
