//// Who is in the cluster: an actor that listens to a barnacle and says what has changed.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import gleam/erlang/atom
import gleam/erlang/process
import gleam/io
import gleam/list
import gleam/otp/actor
import gleam/otp/supervision
import gleam/string

pub type Message =
  barnacle.BarnacleResponse(Nil)

type State {
  State(self: String, nodes: List(atom.Atom))
}

pub fn child_spec(
  name: process.Name(Message),
  self: String,
) -> supervision.ChildSpecification(process.Subject(Message)) {
  supervision.worker(fn() {
    actor.new(State(self, []))
    |> actor.named(name)
    |> actor.on_message(handle)
    |> actor.start
  })
}

fn handle(state: State, message: Message) -> actor.Next(State, Message) {
  case message {
    barnacle.RefreshResponse(Ok(nodes)) -> {
      let came = missing(nodes, state.nodes)
      let left = missing(state.nodes, nodes)
      list.each(came, fn(node) { say(state, node, " is here") })
      list.each(left, fn(node) { say(state, node, " is gone") })
      actor.continue(State(..state, nodes: nodes))
    }
    // What failed now is tried again in the next round.
    barnacle.RefreshResponse(Error(_)) -> actor.continue(state)
    barnacle.PauseResponse(Nil) -> actor.continue(state)
    barnacle.ShutdownResponse(Nil) -> actor.stop()
  }
}

/// Those of the first that the second has not.
fn missing(from: List(atom.Atom), in: List(atom.Atom)) -> List(atom.Atom) {
  list.filter(from, fn(node) { !list.contains(in, node) })
}

pub fn names(nodes: List(atom.Atom)) -> String {
  nodes
  |> list.map(atom.to_string)
  |> list.sort(string.compare)
  |> string.join(", ")
}

fn say(state: State, node: atom.Atom, text: String) -> Nil {
  io.println(state.self <> ": " <> atom.to_string(node) <> text)
}
