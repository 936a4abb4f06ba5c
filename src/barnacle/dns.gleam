//// Addresses and nodes of a host name, from DNS (RFC 1034, RFC 1035, RFC 3596).
////
//// A and AAAA records are asked for at once, of the system's name servers and with its search list.
//// One family with addresses is enough for an answer.

// SPDX-License-Identifier: Apache-2.0

import gleam/erlang/atom

/// Why a lookup brought no address. Names follow the response codes of RFC 1035 and RFC 6895.
pub type LookupError {
  /// FORMERR: a name server could not read the question.
  FormatError
  /// The question cannot be asked: the name is no valid host name, or no valid basename.
  QueryFormatError
  /// SERVFAIL: a name server failed to find out.
  ServerFailure
  /// NXDOMAIN, or a name that has neither A nor AAAA records.
  NoSuchDomain
  /// No answer in time.
  Timeout
  /// NOTIMP: a name server does not do such questions.
  NotImplemented
  /// REFUSED: a name server will not answer us.
  Refused
  /// BADVERS: a name server does not speak this version of EDNS.
  BadVersion
  /// The operating system's error, by its POSIX name in lower case: `"econnrefused"`.
  PosixError(String)
  /// Anything else.
  Unknown
}

/// An address, as four bytes or as eight groups of 16 bits.
pub type IpAddress {
  IpV4(Int, Int, Int, Int)
  IpV6(Int, Int, Int, Int, Int, Int, Int, Int)
}

/// All addresses of a host name, IPv4 first. `timeout` bounds the whole lookup, in ms; one that is
/// not positive is a `Timeout`.
@external(erlang, "barnacle_gleam", "dns_lookup")
pub fn dns_lookup(
  hostname: String,
  timeout: Int,
) -> Result(List(IpAddress), LookupError)

/// The node `basename@address` for each address that `dns_lookup` gives.
@external(erlang, "barnacle_gleam", "dns_discover_nodes")
pub fn discover_nodes(
  basename: String,
  hostname_query: String,
  timeout: Int,
) -> Result(List(atom.Atom), LookupError)
