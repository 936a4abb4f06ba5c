// SPDX-License-Identifier: Apache-2.0
#include "hosts.hpp"

#include <utility>

namespace barnacle {

Hosts::Hosts(Loop& loop, std::vector<std::string> hosts, HostResolverOptions options,
             OnResults on_results)
    : resolver_(loop, std::move(options)),
      on_results_(std::move(on_results)),
      missing_(hosts.size()),
      no_hosts_(loop, [this] { finish(); }) {
    results_.reserve(hosts.size());
    for (std::string& host : hosts) {
        results_.push_back({std::move(host), LookupError{}});
    }
}

void Hosts::start() {
    if (results_.empty()) {
        no_hosts_.start(0);
    }
    for (HostResult& result : results_) {
        resolver_.resolve(result.host, [this, &result](HostOutcome outcome) {
            result.outcome = std::move(outcome);
            if (--missing_ == 0) {
                finish();
            }
        });
    }
}

void Hosts::finish() {
    if (auto report = std::exchange(on_results_, nullptr)) {
        report(std::move(results_));  // may end this object
    }
}

}  // namespace barnacle
