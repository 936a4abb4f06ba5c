// SPDX-License-Identifier: Apache-2.0
//
// Operations for which something runs out, at every point in turn: memory of the core, of libuv, of
// c-ares, and descriptors. The reply is then the one that it is with plenty, or an error; never
// a shorter or an empty one. Nothing is left behind, and the next operation works.
#include <sys/resource.h>

#include <ares.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "../host_name.hpp"
#include "operation_support.hpp"
#include "probe_support.hpp"
#include "scarce_memory.hpp"
#include "scripted_epmd.hpp"

using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

namespace {

// What an operation has that may lose a packet for want of memory.
constexpr int short_ms = 200;

#ifdef __SANITIZE_ADDRESS__
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

// c-ares 1.34 loses a few blocks of its own when it gets no memory; 1.18 loses none.
constexpr long lost_by_cares = ARES_VERSION < 0x011600 ? 0 : 9;

// Servers that answer at once, on a loop of their own.
struct World {
    World()
        : epmd(loop, {knows({{"app", 4370}, {"other", 4371}})}),
          dns(loop, zone({address_record("app.example", epmd.hosts()[0]),
                          address_record("app.example", "fd00::1")})) {}

    TemporaryFile hosts_file{"192.0.2.7 hosted.example\n"};
    Variable hosts_file_is{"CARES_HOSTS", hosts_file.path().c_str()};
    Loop loop;
    EpmdFarm epmd;
    DnsServer dns;
};

RequestBytes dns_found(const World& world, int timeout_ms) {
    return dns_request()
        .with("name", binary("app.example."))
        .with("timeout_ms", integer(timeout_ms))
        .with("grace_ms", integer(timeout_ms))
        .with("nameservers", binaries({world.dns.nameserver()}))
        .bytes();
}

RequestBytes resolve(const World& world, int timeout_ms) {
    return resolve_request()
        .with("hosts", binaries({"app.example."}))
        .with("family", atom("inet"))
        .with("timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({world.dns.nameserver()}))
        .bytes();
}

// The DNS knows no such name.
RequestBytes resolve_by_file(const World& world, int timeout_ms) {
    return resolve_request()
        .with("hosts", binaries({"hosted.example."}))
        .with("family", atom("inet"))
        .with("timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({world.dns.nameserver()}))
        .bytes();
}

RequestBytes epmd_names(const World& world, int timeout_ms) {
    return epmd_names_request()
        .with("hosts", binaries({world.epmd.hosts()[0]}))
        .with("port", integer(world.epmd.port()))
        .with("timeout_ms", integer(timeout_ms))
        .with("max_bytes", integer(1000))
        .bytes();
}

RequestBytes epmd_names_of_host(const World& world, int timeout_ms) {
    return epmd_names_request()
        .with("hosts", binaries({"app.example."}))
        .with("port", integer(world.epmd.port()))
        .with("timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({world.dns.nameserver()}))
        .with("max_bytes", integer(1000))
        .bytes();
}

// Up to the EPMD that knows the node; connecting to it is connecting to an EPMD once more.
RequestBytes probe(const World& world, int timeout_ms) {
    return probe_request()
        .with("targets", targets({{"app", "app.example."}}))
        .with("epmd_port", integer(world.epmd.port()))
        .with("source", binary(""))
        .with("timeout_ms", integer(timeout_ms))
        .with("node_timeout_ms", integer(timeout_ms))
        .with("nameservers", binaries({world.dns.nameserver()}))
        .bytes();
}

struct Kind {
    std::string name;
    RequestBytes (*request)(const World& world, int timeout_ms);
};

const Kind kinds[] = {{"dns", dns_found},
                      {"resolve", resolve},
                      {"resolve by file", resolve_by_file},
                      {"epmd_names", epmd_names},
                      {"epmd_names of a host name", epmd_names_of_host},
                      {"probe", probe}};

const std::string no_operation = "no operation";

// Runs an operation as drive() does; `scarce` is called with each of its own turns.
std::string run(const RequestBytes& request, World& world,
                const std::function<void(const std::function<void()>&)>& scarce) {
    std::unique_ptr<Operation> operation;
    scarce([&] { operation = Operation::open(request); });
    if (!operation) {
        return no_operation;
    }
    std::string reply = drive_with(
        [&] {
            barnacle::Step step;
            scarce([&] { step = operation->step(); });
            return std::optional{step};
        },
        *operation, world.loop, [] { return false; });
    scarce([&] { operation.reset(); });
    // The servers notice that their connections are gone.
    run_until(world.loop, [&] { return world.epmd.at(0).open() == 0; });
    return reply;
}

std::string run_with_plenty(const Kind& kind, World& world) {
    return run(kind.request(world, generous_ms), world, [](const auto& turn) { turn(); });
}

bool has(const std::string& reply, std::string_view word) {
    return reply.find(word) != std::string::npos;
}

// Whether a reply that is not the whole one says so.
bool is_error(const std::string& reply) {
    return reply == no_operation ||
           (has(reply, "error") && !has(reply, "no_data") && !has(reply, "nxdomain") &&
            !has(reply, "not_registered") && !has(reply, "internal"));
}

// Counts replies that are not the whole one.
void look(const std::string& reply, const std::string& whole, int& failed) {
    CAPTURE(barnacle::quoted(reply));
    CHECK((reply == whole || is_error(reply)));
    failed += reply == whole ? 0 : 1;
}

void without_memory(const Kind& kind, Allocator allocator, bool ever_after) {
    CAPTURE(kind.name);
    CAPTURE(static_cast<int>(allocator));
    CAPTURE(ever_after);
    World world;
    const RequestBytes request = kind.request(world, short_ms);
    const std::string whole = run_with_plenty(kind, world);
    CAPTURE(barnacle::quoted(whole));
    REQUIRE_FALSE(is_error(whole));
    const long lost = allocator == Allocator::cares ? lost_by_cares : 0;
    const auto descriptors = open_descriptors();
    int failed = 0;
    for (int refused = 1; refused < 5000; ++refused) {
        CAPTURE(refused);
        Watch watch{
            .allocator = allocator, .refused_from = refused, .refused_ever_after = ever_after};
        const long before = live_blocks(allocator);
        const std::string reply = run(request, world, [&](const auto& turn) {
            const Watched watched(watch);
            turn();
        });
        look(reply, whole, failed);
        // The servers take memory of the core's kind too: there AddressSanitizer looks for leaks.
        CHECK((allocator == Allocator::core || live_blocks(allocator) - before <= lost));
        if (watch.requests < refused) {
            break;  // every request was refused once
        }
    }
    CHECK(failed > 0);
    CHECK(open_descriptors() == descriptors);
    CHECK(run_with_plenty(kind, world) == whole);
}

}  // namespace

TEST_SUITE("what runs out") {
    TEST_CASE("memory of the core") {
        warm_up();
        for (const Kind& kind : kinds) {
            without_memory(kind, Allocator::core, false);
            without_memory(kind, Allocator::core, true);
        }
    }

    TEST_CASE("memory of libuv") {
        warm_up();
        for (const Kind& kind : kinds) {
            without_memory(kind, Allocator::libuv, false);
        }
    }

    TEST_CASE("memory of c-ares" * doctest::skip(is_sanitized && lost_by_cares > 0)) {
        warm_up();
        for (const Kind& kind : kinds) {
            if (kind.request != epmd_names) {  // that needs no c-ares
                without_memory(kind, Allocator::cares, false);
                without_memory(kind, Allocator::cares, true);
            }
        }
    }

    // UndefinedBehaviorSanitizer takes descriptors of its own.
    TEST_CASE("descriptors" * doctest::skip(is_sanitized)) {
        warm_up();
        for (const Kind& kind : kinds) {
            CAPTURE(kind.name);
            World world;
            const RequestBytes request = kind.request(world, short_ms);
            const std::string whole = run_with_plenty(kind, world);
            rlimit limit{};
            REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
            const auto before = open_descriptors();
            int failed = 0;
            std::string reply;
            for (rlim_t more = 0; more < 40 && reply != whole; ++more) {
                CAPTURE(more);
                const rlimit tight{.rlim_cur = before + more, .rlim_max = limit.rlim_max};
                reply = run(request, world, [&](const auto& turn) {
                    setrlimit(RLIMIT_NOFILE, &tight);
                    turn();
                    setrlimit(RLIMIT_NOFILE, &limit);
                });
                look(reply, whole, failed);
                CHECK((reply == whole || has(reply, "emfile")));
            }
            CHECK(reply == whole);
            CHECK(failed > 0);
            CHECK(open_descriptors() == before);
            CHECK(run_with_plenty(kind, world) == whole);
        }
    }
}
