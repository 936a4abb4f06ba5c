// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "epmd.hpp"
#include "epmd_query.hpp"
#include "loop.hpp"
#include "node_probe.hpp"
#include "outcome.hpp"
#include "probe_error.hpp"
#include "probe_options.hpp"
#include "turns.hpp"

namespace barnacle {

// Whether nodes can be dialled, many at once.
//
//  1. `on_outcome` is called once for each target, as soon as its outcome is known, and `on_done`
//     once after the last of them; by the loop, never from within the constructor. The Probe may be
//     destroyed in on_done, and at any other time outside its callbacks: that ends everything.
//  2. What a host does is in the outcomes of its own nodes and nowhere else. Nodes wait neither for
//     names that others' resolving takes, nor for a slow host longer than its share, as Turns has
//     it, and than `node_timeout_ms`.
//  3. A host is resolved once, however many nodes it has, and its EPMD asked once for the names
//  that
//     it knows (NAMES_REQ), when it doesn't know one of them; if it doesn't tell, not_registered
//     names nobody.
//  4. At the deadline every target without an outcome gets the one that it has come to by then.
//  5. Of the addresses of a host one is enough: which of them a dial takes isn't known. An IPv4
//     address stays one where the distribution speaks IPv6, which reaches it in mapped form (RFC
//     4291, 2.5.5.2); the other way round it is lookup_failed with EAFNOSUPPORT.
//  6. The resolver may answer after the Probe is gone.
class Probe {
 public:
    using OnOutcome = std::function<void(std::size_t target, const ProbeOutcome& outcome)>;
    using OnDone = std::function<void()>;

    // Throws std::system_error when the loop cannot take more handles; so may the loop's run.
    Probe(Loop& loop, ProbeOptions options, ResolveHost resolve, OnOutcome on_outcome,
          OnDone on_done);
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

 private:
    struct Host {
        std::vector<std::size_t> targets;
        std::optional<Addresses> addresses;
        std::unique_ptr<EpmdQuery> names_query;
        std::optional<std::vector<std::string>> names;
    };
    struct Target {
        Host* host = nullptr;
        std::unique_ptr<NodeProbe> probe;  // while it is its turn
        bool unregistered = false;         // and waits for the names that its EPMD knows
        bool has_outcome = false;
    };

    void start();
    void on_resolved(Host& host, const ResolvedHost& resolved);
    void probe(std::size_t target);
    void on_probed(std::size_t target, const ProbeOutcome& outcome);
    void list_names(Host& host, const Addresses& addresses);
    void on_names(Host& host, EpmdOutcome outcome);
    void on_overdue(std::size_t target);
    void on_deadline();
    [[nodiscard]] ProbeError overdue(const Target& target) const;
    void settle(std::size_t target, const ProbeOutcome& outcome);
    void finish_if_done();

    Loop& loop_;
    ProbeOptions options_;
    ResolveHost resolve_;
    OnOutcome on_outcome_;
    OnDone on_done_;
    std::map<std::string, Host> hosts_;
    std::vector<Target> targets_;
    std::size_t missing_;  // outcomes
    Turns turns_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
    Timer start_;
    Timer deadline_;
};

}  // namespace barnacle
