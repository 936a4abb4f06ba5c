// SPDX-License-Identifier: Apache-2.0
// A whole operation, whose name server and EPMD answer what the input says: it ends, with one reply
// of the grammar, and leaves no descriptor open.
#include <fcntl.h>

#include "../codec.hpp"
#include "barnacle_core.hpp"
#include "cases.hpp"
#include "scripted_peers.hpp"
#include "virtual_clock.hpp"

namespace barnacle::fuzz {
namespace {

constexpr int max_rounds = 3000;

// The first descriptor that is free: one more is open when it isn't the same afterwards.
int free_descriptor() {
    const Socket probe(::fcntl(0, F_DUPFD_CLOEXEC, 3));
    return probe.fd();
}

// What an input chooses.
struct Choices {
    explicit Choices(Input& input)
        : kind(input.byte()),
          flags(input.byte()),
          hosts(input.byte()),
          cancel_after(input.byte()),
          limit(input.byte()) {}

    [[nodiscard]] bool has(unsigned bit) const { return (flags >> bit & 1U) != 0; }

    std::uint8_t kind;
    std::uint8_t flags;         // 0: an early deadline, 1: brief steps, 2 and on: see below
    std::uint8_t hosts;         // which of a list of hosts are asked
    std::uint8_t cancel_after;  // so many steps; 0 and 255 never
    std::uint8_t limit;         // of names, addresses, and all at a time
};

std::vector<std::string> chosen_hosts(std::uint8_t bits) {
    std::vector<std::string> hosts;
    for (const char* host :
         {"127.0.0.1", "h.test.", "no name", "short", "localhost", "i.test.", "127.0.0.1", "::1"}) {
        if ((bits & 1U) != 0) {
            hosts.emplace_back(host);
        }
        bits = static_cast<std::uint8_t>(bits >> 1U);
    }
    return hosts;
}

std::uint64_t timeout_ms(const Choices& choices) {
    return choices.has(0) ? 3 : 60'000;
}

Request make_request(const Choices& choices, const ScriptedPeers& peers) {
    const std::uint64_t deadline_ms = timeout_ms(choices);
    const std::vector<std::string> nameservers{peers.nameserver()};
    const std::size_t limit = choices.limit == 0 ? 1000 : choices.limit;
    const std::size_t concurrency = choices.has(7) ? 1 : 64;
    const std::vector<std::string> hosts = chosen_hosts(choices.hosts);
    switch (choices.kind % 4) {
        case 0:
            return DnsRequest{.name = choices.has(2) ? "service" : "service.test.",
                              .timeout_ms = deadline_ms,
                              .grace_ms = choices.has(3) ? 0U : 1U,
                              .families = static_cast<Families>(choices.kind / 4 % 5),
                              .nameservers = nameservers,
                              .max_addresses = limit,
                              .truncated = choices.has(4) ? std::vector<std::string>{"service.test"}
                                                          : std::vector<std::string>{}};
        case 1:
            return ResolveRequest{.hosts = hosts,
                                  .family = choices.has(2) ? InetFamily::inet6 : InetFamily::inet,
                                  .timeout_ms = deadline_ms,
                                  .nameservers = nameservers,
                                  .concurrency = concurrency};
        case 2:
            return EpmdNamesRequest{.hosts = hosts,
                                    .port = peers.epmd_port(),
                                    .timeout_ms = deadline_ms,
                                    .nameservers = nameservers,
                                    .concurrency = concurrency,
                                    .max_names = limit,
                                    .max_bytes = 10 * limit};
        default:
            break;
    }
    ProbeRequest probe{.options = {}, .nameservers = nameservers};
    for (const std::string& host : hosts) {
        probe.options.targets.push_back({.name = "app", .host = host});
    }
    probe.options.epmd_port = peers.epmd_port();
    constexpr std::uint16_t closed_port = 1;
    if (choices.has(2)) {
        probe.options.port = choices.has(3) ? closed_port : peers.epmd_port();
    }
    probe.options.family = choices.has(4) ? AF_INET6 : AF_INET;
    if (choices.has(5)) {
        probe.options.source = parse_ip_address(choices.has(4) ? "::1" : "127.0.0.1");
    }
    probe.options.depth = static_cast<ProbeDepth>(choices.kind / 4 % 3);
    probe.options.timeout_ms = deadline_ms;
    probe.options.node_timeout_ms = choices.has(6) ? 1 : deadline_ms;
    probe.options.concurrency = concurrency;
    probe.options.max_names = limit;
    return probe;
}

void check_part(const Operation& operation) {
    const Bytes part = operation.part();
    require(part.empty() || copy_term(part), "a part is a term");
}

void drive(Operation& operation, ScriptedPeers& peers, const Choices& choices) {
    std::uint64_t waited_ms = 0;
    for (int round = 1;; ++round) {
        require(round < max_rounds, "an operation ends");
        if (round == choices.cancel_after && round < UINT8_MAX) {
            operation.cancel();
        }
        std::optional<Step> step;
        if (choices.has(1) && operation.is_brief()) {
            step = operation.brief_step();
        }
        if (!step) {
            step = operation.step();
        }
        if (step->done) {
            return;
        }
        require(operation.reply().empty(), "there is no reply before the operation is done");
        check_part(operation);
        if (peers.serve(operation.fd())) {
            continue;
        }
        // Nothing comes by itself any more.
        require(step->wait_ms >= 0, "an operation knows how long it waits");
        const auto wait_ms = static_cast<std::uint64_t>(step->wait_ms);
        waited_ms += wait_ms;
        require(waited_ms <= timeout_ms(choices), "an operation ends at its deadline");
        put_clock_forward(wait_ms);
    }
}

void check_reply(Operation& operation) {
    const Bytes reply = operation.reply();
    require(copy_term(reply).has_value(), "a reply is one whole term");
    Decoder decoder(reply);
    require(decoder.tuple() == 2U, "a reply is a pair");
    const auto verdict = decoder.atom();
    require(verdict == "ok" || verdict == "error", "a reply is ok or an error");
    if (verdict == "error") {
        require(decoder.atom() == "cancelled", "nothing is wrong with these requests");
    }
    const std::vector<std::uint8_t> before(reply.begin(), reply.end());
    operation.cancel();
    require(operation.step().done, "what is done stays so");
    const Bytes after = operation.reply();
    require(before == std::vector<std::uint8_t>(after.begin(), after.end()),
            "a reply stays as it is");
}

}  // namespace

void run_operation(Bytes input) {
    static ScriptedPeers peers;
    static const int prepared = prepare_process();
    require(prepared == 0, "there are descriptors");
    Input left(input);
    const Choices choices(left);
    peers.end();
    peers.begin(left.rest(), choices.kind % 4 < 2 ? Answers::any : Answers::loopback);
    const int free = free_descriptor();
    {
        const auto operation = Operation::open(encode_request(make_request(choices, peers)));
        require(operation != nullptr, "there is memory");
        drive(*operation, peers, choices);
        check_reply(*operation);
    }
    put_clock_right();
    peers.end();
    require(free_descriptor() == free, "an operation leaves no descriptor open");
}

}  // namespace barnacle::fuzz
