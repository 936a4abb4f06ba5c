//// Addresses and nodes of a host name, from DNS ([RFC 1034](https://www.rfc-editor.org/rfc/rfc1034),
//// [RFC 1035](https://www.rfc-editor.org/rfc/rfc1035),
//// [RFC 3596](https://www.rfc-editor.org/rfc/rfc3596)).
////
//// A and AAAA records are queried at once, from the system's name servers and with its search list.
//// A lookup succeeds if one family has addresses.

// SPDX-License-Identifier: Apache-2.0

import gleam/erlang/atom

/// Why a lookup returned no address. The names follow the response codes of
/// [RFC 1035](https://www.rfc-editor.org/rfc/rfc1035) and
/// [RFC 6895](https://www.rfc-editor.org/rfc/rfc6895).
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

/// All addresses of a host name, IPv4 first. `timeout` is the time limit of the whole lookup, in ms. A
/// `timeout` of 0 or less is a `Timeout`.
///
/// ```gleam
/// dns.dns_lookup(hostname: "app.internal", timeout: 5000)
/// ```
@external(erlang, "barnacle_gleam", "dns_lookup")
pub fn dns_lookup(
  hostname hostname: String,
  timeout timeout: Int,
) -> Result(List(IpAddress), LookupError)

/// The node `basename@address` for each address that `dns_lookup` returns.
///
/// ```gleam
/// dns.discover_nodes("app", hostname_query: "app.internal", timeout: 5000)
/// ```
@external(erlang, "barnacle_gleam", "dns_discover_nodes")
pub fn discover_nodes(
  basename basename: String,
  hostname_query hostname_query: String,
  timeout timeout: Int,
) -> Result(List(atom.Atom), LookupError)
