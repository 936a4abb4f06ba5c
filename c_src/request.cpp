// SPDX-License-Identifier: Apache-2.0
#include "request.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "codec.hpp"
#include "host_name.hpp"
#include "nameserver.hpp"

namespace barnacle {
namespace {

constexpr std::int64_t max_timeout_ms = 86'400'000;  // a day
constexpr std::int64_t max_port = 65'535;
constexpr std::size_t max_node_name_bytes = 255;
constexpr std::int64_t max_count = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void refuse(std::string text) {
    throw Refusal{"bad_request", std::move(text)};
}

[[noreturn]] void refuse_value(std::string_view key, const std::string& wanted,
                               const Decoder& decoder) {
    refuse(std::string(key) + " must be " + wanted + ", not " + decoder.describe());
}

// One key of a request's map: its name, and how its value is read.
struct Field {
    std::string_view key;
    std::function<void(Decoder&, std::string_view key)> read;
    bool seen = false;
};

using Fields = std::vector<Field>;

template <typename Integer>
Field integer(std::string_view key, Integer& value, std::int64_t low, std::int64_t high) {
    return {key, [&value, low, high](Decoder& decoder, std::string_view name) {
                const Decoder before = decoder;
                const auto read = decoder.integer();
                if (!read || *read < low || *read > high) {
                    refuse_value(
                        name,
                        "an integer from " + std::to_string(low) + " to " + std::to_string(high),
                        before);
                }
                value = static_cast<Integer>(*read);
            }};
}

Field timeout(std::uint64_t& value) {
    return integer("timeout_ms", value, 1, max_timeout_ms);
}

Field count(std::string_view key, std::size_t& value) {
    return integer(key, value, 1, max_count);
}

Field binary(std::string_view key, std::string& value) {
    return {key, [&value](Decoder& decoder, std::string_view name) {
                auto read = decoder.binary();
                if (!read) {
                    refuse_value(name, "a binary", decoder);
                }
                value = std::move(*read);
            }};
}

Field binaries(std::string_view key, std::vector<std::string>& values) {
    return {key, [&values](Decoder& decoder, std::string_view name) {
                const auto length = decoder.list();
                if (!length) {
                    refuse_value(name, "a list of binaries", decoder);
                }
                for (std::size_t i = 0; i < *length; ++i) {
                    auto element = decoder.binary();
                    if (!element) {
                        refuse_value(name, "a list of binaries; an element of it is", decoder);
                    }
                    values.push_back(std::move(*element));
                }
                if (*length > 0 && !decoder.list_end()) {
                    refuse_value(name, "a proper list; it ends in", decoder);
                }
            }};
}

// One of the atoms of `words`, each with the value that it stands for.
template <typename Value>
Field one_of(std::string_view key, Value& value,
             std::vector<std::pair<std::string_view, Value>> words) {
    return {key, [&value, words = std::move(words)](Decoder& decoder, std::string_view name) {
                const Decoder before = decoder;
                const auto read = decoder.atom();
                std::string wanted;
                for (const auto& [word, meaning] : words) {
                    if (read == word) {
                        value = meaning;
                        return;
                    }
                    wanted += (wanted.empty() ? "" : " or ") + std::string(word);
                }
                refuse_value(name, wanted, before);
            }};
}

Field depth(ProbeDepth& value) {
    return one_of<ProbeDepth>(
        "depth", value,
        {{"lookup", ProbeDepth::lookup}, {"epmd", ProbeDepth::epmd}, {"port", ProbeDepth::port}});
}

Field families(Families& value) {
    return one_of<Families>("families", value,
                            {{"both", Families::both},
                             {"inet", Families::ipv4},
                             {"inet6", Families::ipv6},
                             {"prefer_inet", Families::prefer_ipv4},
                             {"prefer_inet6", Families::prefer_ipv6}});
}

// An IP address, or nothing for the empty binary.
Field address(std::string_view key, std::optional<IpAddress>& value) {
    return {key, [&value](Decoder& decoder, std::string_view name) {
                const Decoder before = decoder;
                const auto read = decoder.binary();
                value = parse_ip_address(read.value_or(""));
                if (!read || (!value && !read->empty())) {
                    refuse_value(name, "an IP address or empty, as a binary", before);
                }
            }};
}

ProbeTarget read_target(Decoder& decoder, std::string_view key) {
    const Decoder before = decoder;
    if (decoder.tuple() == 2U) {
        auto name = decoder.binary();
        auto host = name ? decoder.binary() : std::nullopt;
        if (host && !name->empty() && name->size() <= max_node_name_bytes) {
            return {.name = *std::move(name), .host = *std::move(host)};
        }
    }
    refuse_value(key, "a list of {Name, Host}, each a binary, Name of 1 to 255 bytes; one is",
                 before);
}

Field targets(std::vector<ProbeTarget>& values) {
    return {"targets", [&values](Decoder& decoder, std::string_view name) {
                const auto length = decoder.list();
                if (!length) {
                    refuse_value(name, "a list of {Name, Host}", decoder);
                }
                for (std::size_t i = 0; i < *length; ++i) {
                    values.push_back(read_target(decoder, name));
                }
                if (*length > 0 && !decoder.list_end()) {
                    refuse_value(name, "a proper list; it ends in", decoder);
                }
            }};
}

std::string keys_of(const Fields& fields) {
    std::string keys;
    for (const Field& field : fields) {
        keys += (keys.empty() ? "" : ", ") + std::string(field.key);
    }
    return keys;
}

void read_fields(Decoder& decoder, Fields fields) {
    const auto pairs = decoder.map();
    if (!pairs) {
        refuse_value("the second element of a request", "a map", decoder);
    }
    for (std::size_t i = 0; i < *pairs; ++i) {
        const Decoder before = decoder;
        const auto key = decoder.atom();
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [&key](const Field& known) { return known.key == key; });
        if (field == fields.end()) {
            refuse_value("a key", "one of " + keys_of(fields), before);
        }
        if (std::exchange(field->seen, true)) {
            refuse(std::string(field->key) + " is there twice");
        }
        field->read(decoder, field->key);
    }
    for (const Field& field : fields) {
        if (!field.seen) {
            refuse(std::string(field.key) + " is missing");
        }
    }
}

DnsRequest read_dns(Decoder& decoder) {
    DnsRequest request;
    read_fields(decoder, {binary("name", request.name), timeout(request.timeout_ms),
                          integer("grace_ms", request.grace_ms, 0, max_timeout_ms),
                          families(request.families), binaries("nameservers", request.nameservers),
                          count("max_addresses", request.max_addresses)});
    return request;
}

ResolveRequest read_resolve(Decoder& decoder) {
    ResolveRequest request;
    read_fields(decoder,
                {binaries("hosts", request.hosts),
                 one_of<InetFamily>("family", request.family,
                                    {{"inet", InetFamily::inet}, {"inet6", InetFamily::inet6}}),
                 timeout(request.timeout_ms), binaries("nameservers", request.nameservers),
                 count("concurrency", request.concurrency)});
    return request;
}

EpmdNamesRequest read_epmd_names(Decoder& decoder) {
    EpmdNamesRequest request;
    read_fields(decoder,
                {binaries("hosts", request.hosts), integer("port", request.port, 1, max_port),
                 timeout(request.timeout_ms), binaries("nameservers", request.nameservers),
                 count("concurrency", request.concurrency), count("max_names", request.max_names),
                 count("max_bytes", request.max_bytes)});
    return request;
}

ProbeRequest read_probe(Decoder& decoder) {
    ProbeRequest request;
    ProbeOptions& options = request.options;
    read_fields(
        decoder,
        {targets(options.targets), integer("epmd_port", options.epmd_port, 1, max_port),
         integer("port", options.port, 0, max_port),
         one_of<int>("family", options.family,
                     {{"inet", AF_INET}, {"inet6", AF_INET6}, {"any", AF_UNSPEC}}),
         address("source", options.source), depth(options.depth), timeout(options.timeout_ms),
         integer("node_timeout_ms", options.node_timeout_ms, 1, max_timeout_ms),
         binaries("nameservers", request.nameservers), count("concurrency", options.concurrency),
         count("max_names", options.max_names)});
    return request;
}

Request read_request(Decoder& decoder) {
    const Decoder before = decoder;
    if (decoder.tuple() != 2U) {
        refuse_value("a request", "a tuple of an operation's name and a map", before);
    }
    const Decoder before_operation = decoder;
    const auto operation = decoder.atom();
    if (operation == "dns") {
        return read_dns(decoder);
    }
    if (operation == "resolve") {
        return read_resolve(decoder);
    }
    if (operation == "epmd_names") {
        return read_epmd_names(decoder);
    }
    if (operation == "probe") {
        return read_probe(decoder);
    }
    refuse_value("the operation", "dns, resolve, epmd_names or probe", before_operation);
}

void check_names(const Request& request) {
    if (const auto* const dns = std::get_if<DnsRequest>(&request)) {
        if (auto wrong = check_host_name(dns->name)) {
            throw Refusal{"bad_name", std::move(*wrong)};
        }
    }
    std::visit(
        [](const auto& any) {
            for (const std::string& nameserver : any.nameservers) {
                if (auto wrong = check_nameserver(nameserver)) {
                    throw Refusal{"bad_nameserver", std::move(*wrong)};
                }
            }
        },
        request);
}

}  // namespace

Request decode_request(std::span<const std::uint8_t> bytes) {
    try {
        Decoder decoder(bytes);
        Request request = read_request(decoder);
        if (!decoder.at_end()) {
            refuse("there are bytes after the request");
        }
        check_names(request);
        return request;
    } catch (const MalformedTerm& malformed) {
        refuse(std::string("the request can't be decoded: ") + malformed.what());
    }
}

}  // namespace barnacle
