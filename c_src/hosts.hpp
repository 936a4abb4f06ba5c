// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "host_resolver.hpp"
#include "loop.hpp"

namespace barnacle {

struct HostResult {
    std::string host;
    HostOutcome outcome;
};

// The addresses of many hosts: a HostResolver for all of them, and their outcomes in one list in
// the order of the hosts.
//
//  1. `on_results` is called once, by the loop, never from within start(); for no hosts too. The
//     Hosts may be destroyed in it, and at any other time: that ends all lookups.
class Hosts {
 public:
    using OnResults = std::function<void(std::vector<HostResult>)>;

    // Throws std::system_error when c-ares cannot be set up; so may start() and the loop's run.
    Hosts(Loop& loop, std::vector<std::string> hosts, HostResolverOptions options,
          OnResults on_results);
    Hosts(const Hosts&) = delete;
    Hosts& operator=(const Hosts&) = delete;

    void start();

 private:
    void finish();

    HostResolver resolver_;
    OnResults on_results_;
    std::vector<HostResult> results_;
    std::size_t missing_;
    Timer no_hosts_;
};

}  // namespace barnacle
