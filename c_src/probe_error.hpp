// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lookup_error.hpp"

namespace barnacle {

// Why a node can't be dialled, or would be dialled in vain.
enum class ProbeErrorCode : std::uint8_t {
    nxdomain,          // its host's name doesn't exist, or has no address of the wanted family
    lookup_failed,     // whether its host's name exists is not known; see ProbeError::lookup
    host_silent,       // nothing came back from the host
    host_unreachable,  // there is no way to the host, says the network (EHOSTUNREACH and the like)
    epmd_refused,      // nobody listens on the port of the host's EPMD
    epmd_timeout,      // somebody listens there, and doesn't answer
    epmd_bad_reply,    // who listens there isn't an EPMD, by its answer or its hanging up
    not_registered,    // the EPMD doesn't know the node, but see ProbeError::names
    port_refused,      // nobody listens on the node's distribution port
    port_silent,       // the EPMD answered, and nothing comes back from the distribution port
    not_probed,        // the time was over before its turn
    posix,             // any other failure of the system, see ProbeError::posix_errno
};

struct ProbeError {
    ProbeErrorCode code = ProbeErrorCode::not_probed;
    LookupError lookup{};              // of lookup_failed
    std::vector<std::string> names{};  // of not_registered: what the EPMD knows, some of it
    int posix_errno = 0;               // of posix, positive

    friend bool operator==(const ProbeError&, const ProbeError&) = default;
};

// Nothing when the node can be dialled.
using ProbeOutcome = std::optional<ProbeError>;

// The one list of these errors and the atoms that name them in replies.
struct ProbeErrorName {
    ProbeErrorCode code;
    std::string_view atom;
};

inline constexpr std::array<ProbeErrorName, 12> probe_error_names{{
    {ProbeErrorCode::nxdomain, "nxdomain"},
    {ProbeErrorCode::lookup_failed, "lookup_failed"},
    {ProbeErrorCode::host_silent, "host_silent"},
    {ProbeErrorCode::host_unreachable, "host_unreachable"},
    {ProbeErrorCode::epmd_refused, "epmd_refused"},
    {ProbeErrorCode::epmd_timeout, "epmd_timeout"},
    {ProbeErrorCode::epmd_bad_reply, "epmd_bad_reply"},
    {ProbeErrorCode::not_registered, "not_registered"},
    {ProbeErrorCode::port_refused, "port_refused"},
    {ProbeErrorCode::port_silent, "port_silent"},
    {ProbeErrorCode::not_probed, "not_probed"},
    {ProbeErrorCode::posix, "posix"},
}};

[[nodiscard]] constexpr std::string_view probe_error_atom(ProbeErrorCode code) {
    return probe_error_names[static_cast<std::size_t>(code)].atom;
}

static_assert(
    [] {
        for (std::size_t i = 0; i < probe_error_names.size(); ++i) {
            if (static_cast<std::size_t>(probe_error_names[i].code) != i) {
                return false;
            }
        }
        return true;
    }(),
    "probe_error_names must list the codes in their own order");

}  // namespace barnacle
