//// What became of asking departed nodes to leave, for `barnacle/status`.

// SPDX-License-Identifier: Apache-2.0

import barnacle/setting
import gleam/erlang/atom

/// A departed node that is still connected.
pub type Departure {
  /// `with_disconnect` is `setting.Report`.
  NotAsked
  /// The node was asked to leave, and has not responded yet.
  Asked
  /// The node has not responded, and is asked again at growing intervals.
  NoAnswer
  /// The node declined, or it has no barnacle and a condition to disconnect it does not hold.
  Stays(Stay)
  /// Anything else, as a text for people.
  OtherDeparture(String)
}

/// Why a departed node stays connected.
pub type Stay {
  /// Its own discovery names it.
  Named
  /// Its own discovery has never named it.
  NeverNamed
  /// Its own last discovery is not complete.
  NoCompleteAnswer
  /// Too many nodes are absent at once in its own discovery.
  Suspect
  /// It has connections to these nodes, which its discovery does not know.
  ForeignLinks(List(atom.Atom))
  /// Another barnacle there wants connections to these nodes.
  WantedByOthers(List(atom.Atom))
  /// Its own `with_disconnect` has this value.
  Disconnect(setting.Disconnect)
  /// Its barnacle is paused.
  Paused
  /// It has no barnacle for this source, and is being looked at.
  NoBarnacle
  /// It has no barnacle, and the barnacles on these nodes want it.
  WantedBy(List(atom.Atom))
  /// It has no barnacle, and the barnacles on these nodes did not say whether they want it.
  NoReply(List(atom.Atom))
  /// It has no barnacle, was made to leave, and has not left yet.
  NotDisconnected
  /// It has no barnacle, was made to leave, and is connected again. It will be made to leave again.
  Returned
  /// Anything else, as a text for people.
  OtherStay(String)
}
