// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "connector.hpp"
#include "epmd_port_reply.hpp"
#include "ip_address.hpp"
#include "loop.hpp"
#include "outcome.hpp"
#include "probe_error.hpp"
#include "probe_options.hpp"

namespace barnacle {

struct NodeProbeOptions {
    std::string name;                 // the part of the node's name before the @
    Addresses addresses;              // of its host, at least one
    std::uint16_t epmd_port = 0;      // of the host's EPMD
    std::uint16_t port = 0;           // the distribution port of every node; 0 asks the EPMD
    std::optional<IpAddress> source;  // from where the distribution port is connected to
    ProbeDepth depth = ProbeDepth::port;
};

// Whether one node of a host whose addresses are known can be dialled.
//
//  1. `on_outcome` is called once, by the loop, never from within the constructor. The NodeProbe
//  may
//     be destroyed in it.
//  2. There is no deadline here: who ends the NodeProbe, which is allowed at any time, asks
//     overdue() first.
//  3. PORT_PLEASE2_REQ takes a connection of its own for each node: the EPMD closes it after one
//     reply (Erlang's "Distribution Protocol"). The distribution port is looked for at the address
//     whose EPMD answered.
//  4. The distribution port's connection is closed as soon as it is made, without a byte. What is
//     there to be seen of it at the node: nothing. Tried on OTP 25 and 27 with inet_tcp, inet6_tcp
//     and inet_tls, neither has a line in the log for it, and no process or port is left.
class NodeProbe {
 public:
    using OnOutcome = std::function<void(ProbeOutcome)>;

    // Throws std::system_error when the loop cannot take more handles; so may the loop's run.
    NodeProbe(Loop& loop, NodeProbeOptions options, OnOutcome on_outcome);
    NodeProbe(const NodeProbe&) = delete;
    NodeProbe& operator=(const NodeProbe&) = delete;

    // What the time that has passed without an outcome means.
    [[nodiscard]] ProbeError overdue() const;

    // The host's addresses; once its EPMD has answered, the one where it did.
    [[nodiscard]] const Addresses& addresses() const { return options_.addresses; }

 private:
    // What is being waited for.
    enum class Stage : std::uint8_t { epmd_connect, epmd_reply, port_connect };

    void ask_epmd();
    void on_epmd_connected(const IpAddress& address);
    void on_epmd_bytes(std::string_view bytes);
    void connect_to_port(std::uint16_t port);
    void finish(ProbeOutcome outcome);

    Loop& loop_;
    NodeProbeOptions options_;
    OnOutcome on_outcome_;
    EpmdPortReply reply_;
    Stage stage_ = Stage::epmd_connect;
    std::optional<Connector> connector_;
};

}  // namespace barnacle
