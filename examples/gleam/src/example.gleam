//// An application whose nodes on one host find each other. In two terminals, here:
////
//// ```sh
//// epmd -daemon
//// gleam run -m barnacle/install
//// ERL_FLAGS="-name one@127.0.0.1 -setcookie example" gleam run
//// ERL_FLAGS="-name two@127.0.0.1 -setcookie example" gleam run
//// ```

// SPDX-License-Identifier: Apache-2.0

import barnacle
import example/peers_file
import example/roster
import gleam/erlang/atom
import gleam/erlang/node
import gleam/erlang/process
import gleam/int
import gleam/io
import gleam/list
import gleam/otp/static_supervisor
import gleam/string

pub fn main() -> Nil {
  let self = atom.to_string(node.name(node.self()))

  // Nodes that an operator has written into a file, joined once before anything else runs.
  case barnacle.run_once(barnacle.custom(peers_file.strategy("peers.txt"))) {
    Ok(nodes) -> say(self, "after the file of peers: " <> roster.names(nodes))
    Error(error) -> say(self, "the file of peers: " <> describe(error))
  }

  // From then on the nodes of this host, under a supervisor. Both children have names, which are valid
  // again after a restart: the barnacle reports to the roster, and this process calls the barnacle.
  let roster_name = process.new_name("roster")
  let peers_name = process.new_name("peers")
  let barnacle =
    barnacle.local_epmd()
    |> barnacle.named(peers_name)
    |> barnacle.with_poll_interval(1000)
    |> barnacle.with_listener(process.named_subject(roster_name))
  let assert Ok(_supervisor) =
    static_supervisor.new(static_supervisor.OneForOne)
    |> static_supervisor.add(roster.child_spec(roster_name, self))
    |> static_supervisor.add(barnacle.supervised(barnacle))
    |> static_supervisor.start

  case barnacle.refresh(process.named_subject(peers_name), timeout: 10_000) {
    Ok(nodes) -> say(self, "after a refresh: " <> roster.names(nodes))
    Error(error) -> say(self, "a refresh: " <> describe(error))
  }
  process.sleep_forever()
}

fn describe(error: barnacle.RefreshError(a)) -> String {
  case error {
    barnacle.StrategyError(why) -> "nobody was found, " <> string.inspect(why)
    barnacle.ConnectError(nodes) -> failures(nodes) <> " could not be linked"
    barnacle.DisconnectError(nodes) ->
      failures(nodes) <> " could not be unlinked"
  }
}

fn failures(nodes: List(#(atom.Atom, why))) -> String {
  case nodes {
    [#(node, _)] -> atom.to_string(node)
    _ -> int.to_string(list.length(nodes)) <> " nodes"
  }
}

fn say(self: String, text: String) -> Nil {
  io.println(self <> ": " <> text)
}
