// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ip_address.hpp"

namespace barnacle {

// How far a probe goes. A dial takes the same steps: the host's addresses, the port that the host's
// EPMD tells, a connection to it, and then the handshake, which no probe begins.
enum class ProbeDepth : std::uint8_t {
    lookup,  // does the host's name resolve
    epmd,    // and does the host's EPMD answer and know the node
    port,    // and does the node's distribution port accept
};

// A node to be probed, NAME@HOST.
struct ProbeTarget {
    std::string name;
    std::string host;  // an IP address as text, or a name
};

struct ProbeOptions {
    std::vector<ProbeTarget> targets;
    std::uint16_t epmd_port = 0;  // of every EPMD
    std::uint16_t port = 0;       // the distribution port of every node; 0 asks the EPMDs
    int family = 0;               // what the distribution speaks; AF_UNSPEC: both may do
    std::optional<IpAddress> source;
    ProbeDepth depth = ProbeDepth::port;
    std::uint64_t timeout_ms = 0;       // from the construction on, for all targets together
    std::uint64_t node_timeout_ms = 0;  // for each target, from its turn on, once it is resolved
    std::size_t concurrency = 1;        // nodes at one time, at least 1 (0 counts as 1)
    std::size_t max_names = 0;          // that not_registered names
};

}  // namespace barnacle
