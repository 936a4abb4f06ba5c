//// A strategy of one's own: the nodes are the lines of a file.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import gleam/erlang/atom
import gleam/list
import gleam/string

pub type Error {
  /// The file cannot be read, by the POSIX name of the reason.
  Unreadable(path: String, reason: String)
}

pub fn strategy(path: String) -> barnacle.Strategy(Error) {
  barnacle.new_strategy(fn() {
    case read_file(path) {
      Ok(text) -> Ok(nodes(text))
      Error(reason) -> Error(Unreadable(path, atom.to_string(reason)))
    }
  })
}

fn nodes(text: String) -> List(atom.Atom) {
  text
  |> string.split("\n")
  |> list.map(string.trim)
  |> list.filter(fn(line) { line != "" })
  |> list.map(atom.create)
}

@external(erlang, "file", "read_file")
fn read_file(path: String) -> Result(String, atom.Atom)
