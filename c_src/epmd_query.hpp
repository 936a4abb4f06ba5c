// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "connector.hpp"
#include "epmd_names_reply.hpp"
#include "lookup_error.hpp"
#include "loop.hpp"
#include "outcome.hpp"

namespace barnacle {

// A failure of the system, such as ECONNREFUSED, while talking to an EPMD.
struct EpmdConnectionError {
    int posix_errno = 0;  // positive

    friend bool operator==(const EpmdConnectionError&, const EpmdConnectionError&) = default;
};

// The deadline came first.
struct EpmdTimeout {
    friend bool operator==(const EpmdTimeout&, const EpmdTimeout&) = default;
};

// What came of asking one host: its names, why it could not be resolved, or why its EPMD could not
// be asked or understood.
using EpmdOutcome = std::variant<std::vector<EpmdName>, LookupError, EpmdConnectionError,
                                 EpmdTimeout, EpmdReplyError>;

// NAMES_REQ to the EPMD of one host, which may have several addresses: the first that connects is
// asked, as Connector has it.
//
//  1. `on_outcome` is called once, by the loop, never from within the constructor. The EpmdQuery
//     may be destroyed in it.
//  2. There is no deadline here: an EPMD that says nothing is waited for until the EpmdQuery is
//     destroyed, which is allowed at any time and ends all connections at once.
//  3. When no address connects the outcome is the first one's error.
class EpmdQuery {
 public:
    using OnOutcome = std::function<void(EpmdOutcome)>;

    // `addresses` has one at least; of more than 8 the first 8 are tried. Throws std::system_error
    // when the loop cannot take more handles; so may the loop's run.
    EpmdQuery(Loop& loop, Addresses addresses, std::uint16_t port, EpmdReplyLimits limits,
              OnOutcome on_outcome);
    EpmdQuery(const EpmdQuery&) = delete;
    EpmdQuery& operator=(const EpmdQuery&) = delete;

 private:
    void on_connected();
    void on_bytes(std::string_view bytes);
    void on_end(int error_number);
    void finish(EpmdOutcome outcome);

    EpmdNamesReply reply_;
    OnOutcome on_outcome_;
    std::optional<Connector> connector_;
};

}  // namespace barnacle
