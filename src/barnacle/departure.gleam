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
  /// The node did not respond for three refreshes. It may run no barnacle.
  NoAnswer
  /// The node decided to stay.
  Stays(Stay)
  /// Anything else, as a text for people.
  OtherDeparture(String)
}

/// Why a node that was asked to leave stays.
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
  /// Anything else, as a text for people.
  OtherStay(String)
}
