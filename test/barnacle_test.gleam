//// What `gleam test` runs in the root of the package: checks that need no native library, no network
//// and no other package. `make test` runs all tests of the Gleam modules, from test/facade.

// SPDX-License-Identifier: Apache-2.0

import barnacle
import barnacle/dns
import barnacle/setting
import gleam/erlang/node
import gleam/option

pub fn main() -> Nil {
  let good = barnacle.dns("app", "app.internal", option.None)
  let assert Ok(Nil) = barnacle.validate(good)

  let assert Error([problem]) =
    barnacle.validate(barnacle.with_poll_interval(good, 0))
  let assert setting.Problem(setting: "poll_interval", value: "0", problem: _) =
    problem

  let assert Error(barnacle.StrategyError(dns.QueryFormatError)) =
    barnacle.run_once(barnacle.dns("app", "not a name", option.None))
  let assert Error(barnacle.StrategyError(dns.Timeout)) =
    barnacle.run_once(barnacle.dns("app", "app.internal", option.Some(0)))
  let assert Error(dns.Timeout) = dns.dns_lookup("app.internal", 0)

  let assert Ok(_) = barnacle.get_node_basename(node.self())
  Nil
}
