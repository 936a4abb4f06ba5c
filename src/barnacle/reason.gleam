//// Why something did not happen: reasons as values, for `barnacle/status`.
////
//// The Erlang side has the same reasons, in the table of `barnacle_errors`. A reason that is newer
//// than these types is a text: `Other`, `OtherGap`.

// SPDX-License-Identifier: Apache-2.0

import barnacle/dns
import barnacle/hosts

/// Why a node is not connected, not disconnected, or why a discovered name is not used.
pub type Reason {
  /// The number of new atoms for names is at its bound, `max_new_atoms`.
  AtomLimit
  /// The node ended, or closed the connection.
  ConnectionClosed
  /// This node closed the connection.
  Disconnect
  /// Another program than an EPMD has the EPMD's port.
  EpmdBadReply
  /// No EPMD runs on the host.
  EpmdRefused
  /// The host's EPMD does not respond.
  EpmdTimeout
  /// The connection attempt failed, and no more is known.
  FailedToConnect
  /// The node is still connected.
  FailedToDisconnect
  /// The connection attempt failed, and the probe could not look that far.
  FailedUnprobed
  /// The node refused the handshake: another cookie, for example.
  HandshakeFailed
  /// The host is dead, or behind a firewall.
  HostSilent
  /// The network has no route to the host.
  HostUnreachable
  /// This node is not distributed.
  LocalNodeIsNotAlive
  /// The node has a long name, and this node a short one.
  LongName
  /// The node was silent for the kernel's `net_ticktime`.
  NetTickTimeout
  /// This host has no network.
  NoNetwork
  /// The time limit passed before the attempt began.
  NotDialled
  /// The time limit passed before the node was probed.
  NotProbed
  /// The host's name does not exist.
  Nxdomain
  /// The barnacle was paused.
  Paused
  /// Nothing listens on the node's distribution port.
  PortRefused
  /// The node's distribution port does not respond, though its EPMD does.
  PortSilent
  /// The connection broke.
  SendNetTickFailed
  /// The node has a short name, and this node a long one.
  ShortName
  /// The name is another name of this node, so no connection is attempted.
  ThisNode
  /// The attempt did not end within the time limit.
  Timeout
  /// It is not known whether the host's name exists.
  LookupFailed(dns.LookupError)
  /// The host's EPMD knows these nodes only.
  NotRegistered(List(String))
  /// The host's name has several addresses. A connection attempt uses this one, and fails for this
  /// reason. Of the other addresses, one works.
  AtAddress(String, Reason, List(String))
  /// OTP would refuse the name. The text says what is wrong with it.
  InvalidNodeName(String)
  /// No host can have the address in the name. The text says why.
  UnusableAddress(String)
  /// The operating system's error, by its POSIX name in lower case.
  Posix(String)
  /// Anything else, as a text for people.
  Other(String)
}

/// Why the last discovery is not complete.
pub type Incomplete(error) {
  /// It failed, with the strategy's own error.
  DiscoveryFailed(error)
  /// It found more names than `with_max_nodes` permits: how many, and the maximum.
  NamesRefused(Int, Int)
  /// Some sources gave names, and others did not.
  Partial(List(Gap))
}

/// What is missing in a partial discovery.
pub type Gap {
  /// The query for the addresses of this family failed.
  FamilyFailed(Family, dns.LookupError)
  /// The name had addresses of this family before, and has none now.
  FamilyGone(Family)
  /// Another name of the search list responded than before: this one, and the one before.
  OtherCandidate(String, String)
  /// The addresses contain one that no host can have.
  Unusable(dns.IpAddress)
  /// A response may not have all addresses: `several_cnames`, `foreign_owner`, `garbled` or
  /// `truncated`.
  DoubtfulResponse(String)
  /// This host's EPMD gave no names.
  HostFailed(String, hosts.HostError)
  /// This host's EPMD was started again and does not know this node yet.
  LocalNodeIsNotRegistered
  /// Anything else, as a text for people.
  OtherGap(String)
}

/// A family of addresses.
pub type Family {
  Inet
  Inet6
}
