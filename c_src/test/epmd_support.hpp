// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the EPMD client share.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../epmd.hpp"
#include "scripted_epmd.hpp"
#include "support.hpp"

namespace barnacle::epmd_test {

using namespace test;

using Names = std::vector<EpmdName>;
using Result = EpmdNames::Result;

// For what a silent host costs; long enough for the others' answers on a busy machine.
inline constexpr std::uint64_t short_ms = 1'000;

inline const Names one_name{{"a", 4000}};
inline const EpmdScript one_name_reply = replies("name a at port 4000\n");
inline const EpmdScript silent{.pieces = {}, .end = EpmdScript::End::hang};

inline const EpmdOutcome bad_reply = EpmdReplyError::bad_reply;
inline const EpmdOutcome too_long = EpmdReplyError::too_long;
inline const EpmdOutcome timed_out = EpmdTimeout{};

inline EpmdOutcome connection_error(int posix_errno) {
    return EpmdConnectionError{posix_errno};
}

// Every host is a literal in most tests.
inline void no_resolver(const std::string& host, const std::function<void(ResolvedHost)>&) {
    FAIL("asked to resolve " << host);
}

inline EpmdNamesOptions options_for(std::vector<std::string> hosts, std::uint16_t port,
                                    std::uint64_t timeout_ms = generous_ms) {
    return {.hosts = std::move(hosts),
            .port = port,
            .timeout_ms = timeout_ms,
            .concurrency = 64,
            .limits = {.max_names = 1000, .max_bytes = 100'000}};
}

inline Result ask(Loop& loop, EpmdNamesOptions options, ResolveHost resolve = no_resolver) {
    std::optional<Result> result;
    EpmdNames names(loop, std::move(options), std::move(resolve), [&result](Result outcomes) {
        REQUIRE_FALSE(result);
        result = std::move(outcomes);
    });
    CHECK_FALSE(result);  // never from within the constructor
    const auto is_there = [&result] { return result.has_value(); };
    REQUIRE(run_until(loop, is_there, 2 * generous_ms));
    return *result;
}

// What one host that follows `script` comes to.
inline EpmdOutcome ask_one(EpmdScript script, std::uint64_t timeout_ms = generous_ms) {
    Loop loop;
    ScriptedEpmd epmd(loop, "127.0.0.2", 0, std::move(script));
    return ask(loop, options_for({"127.0.0.2"}, epmd.port(), timeout_ms)).at(0);
}

// A port of 127.0.0.2 that nobody listens on, for as long as this lives.
class ClosedPort {
 public:
    ClosedPort() : ClosedPort(-1) {}
    ~ClosedPort() { close(descriptor_); }
    ClosedPort(const ClosedPort&) = delete;
    ClosedPort& operator=(const ClosedPort&) = delete;

    [[nodiscard]] std::uint16_t port() const { return ntohs(name_.sin_port); }

 protected:
    // Listens with that backlog, unless it is negative.
    explicit ClosedPort(int backlog) : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        name_.sin_family = AF_INET;
        inet_pton(AF_INET, "127.0.0.2", &name_.sin_addr);
        socklen_t size = sizeof name_;
        REQUIRE(bind(descriptor_, reinterpret_cast<const sockaddr*>(&name_), size) == 0);
        REQUIRE(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&name_), &size) == 0);
        if (backlog >= 0) {
            REQUIRE(listen(descriptor_, backlog) == 0);
        }
    }
    sockaddr_in name_{};

 private:
    int descriptor_;
};

// A host that accepts nobody: with its queue full, connects to it hang as if it were dead.
class DeadHost : public ClosedPort {
 public:
    DeadHost() : ClosedPort(0) {
        while (fillers_.size() < 3) {
            fillers_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            (void)connect(fillers_.back(), reinterpret_cast<const sockaddr*>(&name_), sizeof name_);
        }
    }
    ~DeadHost() {
        for (const int descriptor : fillers_) {
            close(descriptor);
        }
    }

 private:
    std::vector<int> fillers_;
};

// A resolver by a table; names that it lacks are never answered.
class TableResolver {
 public:
    TableResolver(Loop& loop, std::map<std::string, ResolvedHost> table)
        : loop_(loop), table_(std::move(table)) {}

    void resolve(const std::string& host, std::function<void(ResolvedHost)> on_resolved) {
        asked.push_back(host);
        const auto found = table_.find(host);
        if (found == table_.end()) {
            unanswered.push_back(std::move(on_resolved));
            return;
        }
        timers_.push_back(std::make_unique<Timer>(
            loop_, [on_resolved, answer = found->second] { on_resolved(answer); }));
        timers_.back()->start(0);
    }

    ResolveHost function() {
        return [this](const std::string& host, std::function<void(ResolvedHost)> on_resolved) {
            resolve(host, std::move(on_resolved));
        };
    }

    std::vector<std::string> asked;
    std::vector<std::function<void(ResolvedHost)>> unanswered;

 private:
    Loop& loop_;
    std::map<std::string, ResolvedHost> table_;
    std::vector<std::unique_ptr<Timer>> timers_;
};

inline Addresses addresses(std::initializer_list<const char*> texts) {
    Addresses result;
    for (const char* text : texts) {
        result.push_back(parse_ip_address(text).value());
    }
    return result;
}

}  // namespace barnacle::epmd_test
