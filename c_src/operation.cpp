// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "barnacle_core.hpp"
#include "epmd.hpp"
#include "hosts.hpp"
#include "lookup.hpp"
#include "loop.hpp"
#include "probe.hpp"
#include "reply.hpp"
#include "request.hpp"
#include "resolver.hpp"

namespace barnacle {
namespace {

// A host has a handful of addresses. More than this in one family's answer is an error.
constexpr std::size_t max_addresses_of_host = 4096;

// How long the slower family is waited for when a host of either family would do: the Resolution
// Delay of RFC 8305 section 3.
constexpr std::uint64_t resolution_delay_ms = 50;

// When a part says that a host's name has no address yet, so that others can be asked for it.
constexpr std::uint64_t unresolved_after_ms = 300;

// How often a step runs the loop before it gives the thread back, when there is always more to do.
constexpr int max_runs_per_step = 16;

Families families_of(int family) {
    switch (family) {
        case AF_INET:
            return Families::ipv4;
        case AF_INET6:
            return Families::ipv6;
        default:
            return Families::both;
    }
}

}  // namespace

// The loop and what runs on it. The worker is started, reports once from within the loop, and is
// destroyed between two runs of it.
class Operation::Work {
 public:
    explicit Work(std::span<const std::uint8_t> request) noexcept {
        attempt([&] {
            std::visit([this](auto any) { start(std::move(any)); }, decode_request(request));
        });
    }

    [[nodiscard]] Step step() noexcept {
        if (loop_ && !reply_) {
            attempt([this, &loop = *loop_] { run(loop); });
        }
        part_ = {};
        if (has_news()) {
            attempt([this] { part_ = encode_part(std::exchange(news_, {})); });
        }
        if (loop_ && (!reply_ || !part_.empty())) {
            return {.done = false, .wait_ms = reply_ ? 0 : loop_->next_timeout_ms()};
        }
        end_worker();
        return {.done = true, .wait_ms = 0};
    }

    [[nodiscard]] std::optional<Step> brief_step() noexcept {
        if (is_brief_ && !reply_) {
            attempt([this] { is_brief_ = loop_->run_briefly() && (reply_ || loop_->alive()); });
        }
        if (reply_) {
            end_worker();
            return Step{.done = true, .wait_ms = 0};
        }
        if (!is_brief_) {
            return std::nullopt;
        }
        return Step{.done = false, .wait_ms = loop_->next_timeout_ms()};
    }

    [[nodiscard]] bool is_brief() const noexcept { return is_brief_; }

    void cancel() noexcept {
        end_worker();
        news_ = {};
        part_ = {};
        if (!reply_) {
            attempt([this] { finish(encode_error("cancelled")); });
        }
    }

    [[nodiscard]] int fd() const noexcept { return loop_ ? loop_->fd() : -1; }

    [[nodiscard]] std::span<const std::uint8_t> part() const noexcept { return part_; }

    [[nodiscard]] std::span<const std::uint8_t> reply() const noexcept {
        // A part that came with the last result goes first.
        return part_.empty() ? reply_.value_or(std::span<const std::uint8_t>{})
                             : std::span<const std::uint8_t>{};
    }

 private:
    void start(DnsRequest request) {
        Loop& loop = loop_.emplace();
        LookupOptions options{.name = std::move(request.name),
                              .families = request.families,
                              .timeout_ms = request.timeout_ms,
                              .grace_ms = request.grace_ms,
                              .max_addresses = request.max_addresses,
                              .configuration = resolver_configuration(request.nameservers)};
        worker_
            .emplace<Lookup>(loop, std::move(options),
                             [this](const LookupResult& result) { finish(encode_reply(result)); })
            .start();
        is_brief_ = true;
    }

    void start(ResolveRequest request) {
        Loop& loop = loop_.emplace();
        const Families families =
            request.family == InetFamily::inet ? Families::ipv4 : Families::ipv6;
        worker_
            .emplace<Hosts>(
                loop, std::move(request.hosts),
                HostResolverOptions{.families = families,
                                    .timeout_ms = request.timeout_ms,
                                    .grace_ms = 0,
                                    .concurrency = request.concurrency,
                                    .max_addresses = max_addresses_of_host,
                                    .configuration = resolver_configuration(request.nameservers)},
                [this](const std::vector<HostResult>& results) { finish(encode_reply(results)); })
            .start();
    }

    void start(EpmdNamesRequest request) {
        Loop& loop = loop_.emplace();
        HostResolver& resolver = resolver_.emplace(
            loop,
            HostResolverOptions{.families = Families::both,
                                .timeout_ms = request.timeout_ms,
                                .grace_ms = resolution_delay_ms,
                                .concurrency = request.concurrency,
                                .max_addresses = max_addresses_of_host,
                                .unresolved_after_ms = unresolved_after_ms,
                                .configuration = resolver_configuration(request.nameservers)},
            host_news());
        EpmdNamesOptions options{
            .hosts = request.hosts,
            .port = request.port,
            .timeout_ms = request.timeout_ms,
            .concurrency = request.concurrency,
            .limits = {.max_names = request.max_names, .max_bytes = request.max_bytes}};
        worker_.emplace<EpmdNames>(
            loop, std::move(options),
            [&resolver](std::string host, HostResolver::OnOutcome on_outcome) {
                resolver.resolve(std::move(host), std::move(on_outcome));
            },
            [this, hosts = std::move(request.hosts)](const EpmdNames::Result& outcomes) {
                finish(encode_reply(hosts, outcomes));
            });
    }

    void start(ProbeRequest request) {
        Loop& loop = loop_.emplace();
        ProbeOptions& options = request.options;
        HostResolver& resolver = resolver_.emplace(
            loop,
            HostResolverOptions{.families = families_of(options.family),
                                .timeout_ms = options.timeout_ms,
                                .grace_ms = resolution_delay_ms,
                                .concurrency = options.concurrency,
                                .max_addresses = max_addresses_of_host,
                                .unresolved_after_ms = unresolved_after_ms,
                                .configuration = resolver_configuration(request.nameservers)},
            host_news());
        outcomes_.resize(options.targets.size());
        worker_.emplace<Probe>(
            loop, std::move(options),
            [&resolver](std::string host, HostResolver::OnOutcome on_outcome) {
                resolver.resolve(std::move(host), std::move(on_outcome));
            },
            [this](std::size_t target, const ProbeOutcome& outcome) {
                outcomes_[target] = outcome;
                news_.outcomes.emplace_back(target, outcome);
            },
            [this] { finish(encode_reply(outcomes_)); });
    }

    [[nodiscard]] HostResolver::OnAddresses host_news() {
        return [this](const std::string& name, const Addresses& addresses) {
            news_.hosts.emplace_back(name, addresses);
        };
    }

    // Outcomes are in the reply too, what is known of hosts is not.
    [[nodiscard]] bool has_news() const noexcept {
        return !news_.hosts.empty() || (!reply_ && !news_.outcomes.empty());
    }

    void run(Loop& loop) {
        for (int runs = 0; !reply_ && runs < max_runs_per_step; ++runs) {
            loop.run_nowait();
            if (loop.next_timeout_ms() != 0) {
                return;
            }
        }
        if (!reply_ && !loop.alive()) {
            fail(encode_error("internal", "nothing left to do, and no result"));
        }
    }

    void finish(Bytes bytes) {
        bytes_ = std::move(bytes);
        reply_ = bytes_;
    }

    // The worker's handles are closed by the loop's next run.
    void end_worker() noexcept {
        if (loop_ && !std::holds_alternative<std::monostate>(worker_)) {
            worker_.emplace<std::monostate>();
            resolver_.reset();
            attempt([&loop = *loop_] { loop.run_nowait(); });
        }
    }

    // Calls `function`; what it throws becomes the reply, unless there is one.
    template <typename Function>
    void attempt(Function&& function) noexcept {
        try {
            try {
                std::forward<Function>(function)();
            } catch (const Refusal& refusal) {
                fail(encode_error(refusal.reason, refusal.text));
            } catch (const std::system_error& error) {
                fail(encode_posix_error(error.code().value()));
            } catch (const std::bad_alloc&) {
                throw;
            } catch (const std::exception& error) {
                fail(encode_error("internal", error.what()));
            }
        } catch (const std::bad_alloc&) {
            if (!reply_) {
                reply_ = out_of_memory_reply();
            }
        }
    }

    void fail(Bytes bytes) {
        if (!reply_) {
            finish(std::move(bytes));
        }
    }

    std::optional<Loop> loop_;
    std::optional<HostResolver> resolver_;
    std::variant<std::monostate, Lookup, Hosts, EpmdNames, Probe> worker_;
    std::vector<ProbeOutcome> outcomes_;
    Part news_;  // what no part has had yet
    Bytes part_;
    bool is_brief_ = false;
    Bytes bytes_;
    std::optional<std::span<const std::uint8_t>> reply_;
};

Operation::Operation(std::unique_ptr<Work> work) noexcept : work_(std::move(work)) {}
Operation::~Operation() = default;

std::unique_ptr<Operation> Operation::open(std::span<const std::uint8_t> request) noexcept {
    try {
        return std::make_unique<Operation>(std::make_unique<Work>(request));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

Step Operation::step() noexcept {
    return work_->step();
}
std::optional<Step> Operation::brief_step() noexcept {
    return work_->brief_step();
}
bool Operation::is_brief() const noexcept {
    return work_->is_brief();
}
void Operation::cancel() noexcept {
    work_->cancel();
}
std::span<const std::uint8_t> Operation::part() const noexcept {
    return work_->part();
}
int Operation::fd() const noexcept {
    return work_->fd();
}
std::span<const std::uint8_t> Operation::reply() const noexcept {
    return work_->reply();
}

int prepare_process() noexcept {
    return prepare_libuv();
}

LibraryVersions library_versions() {
    return {.cares = cares_version(), .libuv = libuv_version()};
}

}  // namespace barnacle
