//// What can go wrong when the EPMDs of other hosts are asked for their nodes.

// SPDX-License-Identifier: Apache-2.0

import barnacle/dns

/// Why a host told no nodes.
pub type HostError {
  /// The host's name has no address.
  LookupFailed(dns.LookupError)
  /// No answer in time.
  TimedOut
  /// The connection failed, by its POSIX name in lower case: `"econnrefused"` where no EPMD runs.
  ConnectionFailed(String)
  /// What answered is no EPMD.
  BadReply
  /// More names or bytes than an EPMD has to tell.
  ReplyTooLong
}
