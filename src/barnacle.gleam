//// Finds the nodes that this node should be connected to, and keeps them connected.
////
//// Choose where nodes are discovered (`dns`, `epmd`, `local_epmd`, `hosts` or `custom`), change settings
//// with the `with_…` functions, then run the barnacle under a supervisor with `supervised`, alone with
//// `start`, or for one refresh with `run_once`.
////
//// ```gleam
//// let assert Ok(basename) = barnacle.get_node_basename(node.self())
//// let assert Ok(peers) =
////   barnacle.dns(basename, "app.internal", option.None)
////   |> barnacle.with_poll_interval(10_000)
////   |> barnacle.start
//// ```
////
//// All times are whole milliseconds. `start` validates all settings together. Its `InitFailed` has a
//// text that lists every refused value and what is permitted; `validate` returns them as values.
//// The native library has to be built first: `gleam run -m barnacle/install`.

// SPDX-License-Identifier: Apache-2.0

import barnacle/dns
import barnacle/hosts
import barnacle/setting
import barnacle/status
import gleam/erlang/atom
import gleam/erlang/node
import gleam/erlang/process
import gleam/option
import gleam/otp/actor
import gleam/otp/supervision

/// Where nodes are discovered, and all settings; nothing runs yet. `error` is the error of discovery.
pub type Barnacle(error)

/// A message to a running barnacle. Functions such as `refresh` and `pause` send it.
pub type Message(error)

/// Your own functions in place of a built-in strategy: see `new_strategy`.
pub type Strategy(error)

type Dns =
  Barnacle(dns.LookupError)

type Hosts =
  Barnacle(List(#(String, hosts.HostError)))

/// What the listener of a barnacle receives: see `with_listener`.
pub type BarnacleResponse(error) {
  /// A refresh has finished, after a poll or a call of `refresh`. If a function of your own crashed or
  /// exceeded its time limit, the result is `Error(ConnectError([]))`, which nothing else has:
  /// `status` has the reason.
  RefreshResponse(RefreshResult(error))
  /// `pause` was called.
  PauseResponse(Nil)
  /// `shutdown` was called, and the barnacle ends. If a supervisor ends it, nothing is sent.
  ShutdownResponse(Nil)
}

/// Why a node could not be disconnected.
pub type NodeDisconnectError {
  /// The node is still connected.
  FailedToDisconnect
  /// This node is not distributed, so it has no connections.
  LocalNodeIsNotAlive
}

/// Why a refresh failed. The first of the three that applies is returned. It lists every node that
/// failed in that way.
pub type RefreshError(error) {
  /// Discovery failed, or a strategy's own list function did.
  StrategyError(error)
  /// Nodes that should be connected and are not.
  ConnectError(List(#(atom.Atom, node.ConnectError)))
  /// Nodes that should be disconnected and are not. With the default of `with_disconnect` these are the
  /// departed nodes that stay: each was asked to leave and declined, or a condition did not hold.
  /// `barnacle/status` has the reason.
  DisconnectError(List(#(atom.Atom, NodeDisconnectError)))
}

/// The result of a refresh: this node and the visible nodes that it is connected to now, or why the
/// refresh failed. If the strategy has its own list function: what that function returns.
pub type RefreshResult(error) =
  Result(List(atom.Atom), RefreshError(error))

/// Discovers nodes with DNS: `basename@address` for each A ([RFC 1035](https://www.rfc-editor.org/rfc/rfc1035))
/// and AAAA ([RFC 3596](https://www.rfc-editor.org/rfc/rfc3596)) record of a host name. IPv6 addresses are
/// written as in [RFC 5952](https://www.rfc-editor.org/rfc/rfc5952). Both types are queried at once.
///
/// `basename` is the part of the peers' node names before the `@`; `get_node_basename` returns this
/// node's. The system's search list applies to `hostname_query`. `timeout` is the time limit of the whole
/// lookup, 5000 ms if it is `None`. The name servers are the system's, or those of `with_nameservers`.
///
/// ```gleam
/// barnacle.dns("app", hostname_query: "app.internal", timeout: option.None)
/// ```
///
/// A node that DNS no longer returns stays connected for at least `with_departed_after`. Then it is asked to
/// leave. `with_disconnect` changes this. A failed lookup disconnects no node.
@external(erlang, "barnacle_gleam", "dns")
pub fn dns(
  basename basename: String,
  hostname_query hostname_query: String,
  timeout timeout: option.Option(Int),
) -> Barnacle(dns.LookupError)

/// Connects to the nodes of a list, on this host or on others. Discovery cannot fail, and disconnects no
/// node: the list does not change, so none of its nodes ever departs. With
/// `with_disconnect(setting.Undiscovered)` every visible node that is not in the list is disconnected.
@external(erlang, "barnacle_gleam", "epmd")
pub fn epmd(nodes nodes: List(atom.Atom)) -> Barnacle(Nil)

/// Discovers the nodes that are registered with this host's EPMD (Erlang Port Mapper Daemon). Its port is
/// `ERL_EPMD_PORT` or 4369. After a restart of EPMD no node counts as absent until EPMD knows this node
/// again. The error `Nil` means that EPMD did not respond within 5000 ms.
@external(erlang, "barnacle_gleam", "local_epmd")
pub fn local_epmd() -> Barnacle(Nil)

/// Discovers the nodes that the EPMDs of several hosts know. All hosts are queried at once. `hosts` are names
/// or addresses, as in the peers' node names after the `@`. With a `basename`, only nodes of that basename
/// count. `timeout` is the time limit for all hosts together, 5000 ms if it is `None`. The port is
/// `ERL_EPMD_PORT` or 4369, or that of `with_epmd_port`.
///
/// ```gleam
/// barnacle.hosts(["10.0.0.2", "10.0.0.3"], basename: option.None, timeout: option.None)
/// ```
/// If only some hosts respond, their nodes are connected and no node is disconnected. If no host responds,
/// the strategy error lists every host.
@external(erlang, "barnacle_gleam", "hosts")
pub fn hosts(
  hosts hosts: List(String),
  basename basename: option.Option(String),
  timeout timeout: option.Option(Int),
) -> Barnacle(List(#(String, hosts.HostError)))

/// Discovers nodes with your own functions: see `new_strategy`.
@external(erlang, "barnacle_gleam", "custom")
pub fn custom(strategy strategy: Strategy(a)) -> Barnacle(a)

/// Creates a strategy from a function that discovers nodes. The function may return this node, which is
/// ignored. Its error becomes the `StrategyError` of the refresh.
///
/// ```gleam
/// barnacle.new_strategy(fn() { Ok([atom.create("app@10.0.0.2")]) })
/// |> barnacle.custom
/// |> barnacle.start
/// ```
///
/// Distributed Erlang connects, disconnects and lists nodes, unless `with_connect_nodes_function`,
/// `with_disconnect_nodes_function` and `with_list_nodes_function` replace it. If a function crashes, its
/// refresh does: callers of `refresh` exit, a listener receives `ConnectError([])`, and the barnacle goes on.
/// Time limits: `with_strategy_timeout`, and `with_connect_timeout` for those that connect and disconnect.
@external(erlang, "barnacle_gleam", "new_strategy")
pub fn new_strategy(
  discover_nodes discover_nodes: fn() -> Result(List(atom.Atom), a),
) -> Strategy(a)

/// Replaces how nodes are connected, for example by Partisan. The function is called for each node, with a list
/// of it. It returns this list, `[]` if the connection comes later and is listed then, or a `ConnectError`.
/// Example: `barnacle.with_connect_nodes_function(strategy, fn(nodes) { join(nodes) })`.
@external(erlang, "barnacle_gleam", "with_connect_nodes_function")
pub fn with_connect_nodes_function(
  strategy strategy: Strategy(a),
  connect_nodes connect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, node.ConnectError))),
) -> Strategy(a)

/// Replaces how nodes are disconnected. The function is called once for each node, with a list of it. It
/// returns that list, or the failure, which becomes part of a `DisconnectError`.
/// Example: `barnacle.with_disconnect_nodes_function(strategy, fn(nodes) { Ok(part(nodes)) })`.
@external(erlang, "barnacle_gleam", "with_disconnect_nodes_function")
pub fn with_disconnect_nodes_function(
  strategy strategy: Strategy(a),
  disconnect_nodes disconnect_nodes: fn(List(atom.Atom)) ->
    Result(List(atom.Atom), List(#(atom.Atom, NodeDisconnectError))),
) -> Strategy(a)

/// Replaces how connected nodes are listed. Nodes that are listed and not discovered are disconnected, unless
/// `with_disconnect` changes this. An error becomes the `StrategyError` of the refresh.
/// Example: `barnacle.with_list_nodes_function(strategy, fn() { Ok(members()) })`.
@external(erlang, "barnacle_gleam", "with_list_nodes_function")
pub fn with_list_nodes_function(
  strategy strategy: Strategy(a),
  list_nodes list_nodes: fn() -> Result(List(atom.Atom), a),
) -> Strategy(a)

/// Replaces this node's name. Example: `barnacle.with_own_name_function(strategy, fn() { partisan_name() })`.
@external(erlang, "barnacle_gleam", "with_own_name_function")
pub fn with_own_name_function(
  strategy strategy: Strategy(a),
  own_name own_name: fn() -> atom.Atom,
) -> Strategy(a)

/// Registers the barnacle's process under this name, for example for Erlang code. The subject that `start`
/// returns belongs to the process and ends with it; for one that outlives restarts see `named`. If the name
/// is taken, `start` returns `InitFailed`. Example: `barnacle.with_name(barnacle, "peers")`.
pub fn with_name(
  barnacle barnacle: Barnacle(a),
  name name: String,
) -> Barnacle(a) {
  put(barnacle, "name", name)
}

/// Registers the barnacle's process under a name of `process.new_name`. `start` returns the subject of the
/// name, `process.named_subject(name)`, which is valid again after each restart. Create the name once, at the
/// start of the program.
///
/// ```gleam
/// let name = process.new_name("peers")
/// let child = barnacle.local_epmd() |> barnacle.named(name) |> barnacle.supervised
/// ```
pub fn named(
  barnacle barnacle: Barnacle(a),
  name name: process.Name(Message(a)),
) -> Barnacle(a) {
  put(barnacle, "name", name)
}

/// Sends every refresh, pause and call of `shutdown` to this subject, if its process is alive.
/// Example: `barnacle.local_epmd() |> barnacle.with_listener(process.new_subject())`.
pub fn with_listener(
  barnacle barnacle: Barnacle(a),
  listener listener: process.Subject(BarnacleResponse(a)),
) -> Barnacle(a) {
  put(barnacle, "listener", listener)
}

/// Time from the end of a refresh to the next poll, in ms, up to 10 % less. 5000 by default.
pub fn with_poll_interval(
  barnacle barnacle: Barnacle(a),
  poll_interval poll_interval: Int,
) -> Barnacle(a) {
  put(barnacle, "poll_interval", poll_interval)
}

/// The poll interval in the first minute and after a refresh that failed, in ms. None by default.
pub fn with_eager_poll_interval(
  barnacle barnacle: Barnacle(a),
  poll_interval poll_interval: Int,
) -> Barnacle(a) {
  put(barnacle, "eager_poll_interval", poll_interval)
}

/// What happens to connected nodes that discovery no longer returns. `setting.Departed` by default;
/// `setting.Undiscovered` for a strategy with its own list function.
pub fn with_disconnect(
  barnacle barnacle: Barnacle(a),
  disconnect disconnect: setting.Disconnect,
) -> Barnacle(a) {
  put(barnacle, "disconnect", disconnect)
}

/// How long complete discoveries must omit a node until it is departed, in ms. 60000 by default.
pub fn with_departed_after(
  barnacle barnacle: Barnacle(a),
  departed_after departed_after: Int,
) -> Barnacle(a) {
  put(barnacle, "departed_after", departed_after)
}

/// The time limit of all connection attempts of a refresh together, in ms. 5000 by default.
pub fn with_connect_timeout(
  barnacle barnacle: Barnacle(a),
  connect_timeout connect_timeout: Int,
) -> Barnacle(a) {
  put(barnacle, "connect_timeout", connect_timeout)
}

/// How many connection attempts run at a time. 64 by default.
pub fn with_max_connects(
  barnacle barnacle: Barnacle(a),
  max_connects max_connects: Int,
) -> Barnacle(a) {
  put(barnacle, "max_connects", max_connects)
}

/// Whether nodes are probed before a connection attempt, for speed and for reasons. Yes by default.
pub fn with_probe(
  barnacle barnacle: Barnacle(a),
  probe probe: Bool,
) -> Barnacle(a) {
  put(barnacle, "probe", probe)
}

/// The time limit of probing one node, in ms: half the connect timeout at most. 1000 by default.
pub fn with_probe_timeout(
  barnacle barnacle: Barnacle(a),
  probe_timeout probe_timeout: Int,
) -> Barnacle(a) {
  put(barnacle, "probe_timeout", probe_timeout)
}

/// Which of the discovered nodes to connect, by default all. A node that does not pass is neither connected
/// nor absent, and never disconnected.
/// Example: `barnacle.with_filter(barnacle, setting.Patterns(["app@10.0.*"]))`.
pub fn with_filter(
  barnacle barnacle: Barnacle(a),
  filter filter: setting.Filter,
) -> Barnacle(a) {
  put(barnacle, "filter", filter)
}

/// How many names a discovery may return after the filter; more are refused. 10000 by default.
pub fn with_max_nodes(
  barnacle barnacle: Barnacle(a),
  max_nodes max_nodes: Int,
) -> Barnacle(a) {
  put(barnacle, "max_nodes", max_nodes)
}

/// The lowest level that is logged. `setting.Notices` by default.
pub fn with_log(
  barnacle barnacle: Barnacle(a),
  log log: setting.LogLevel,
) -> Barnacle(a) {
  put(barnacle, "log", log)
}

/// The first retry delay of a node whose connection attempt failed, in ms. 1000 by default. Each failure
/// doubles it, up to `with_retry_max`. A lost connection is retried sooner; `refresh` tries every node.
pub fn with_retry_min(
  barnacle barnacle: Barnacle(a),
  retry_min retry_min: Int,
) -> Barnacle(a) {
  put(barnacle, "retry_min", retry_min)
}

/// The longest retry delay of a node, in ms. 30000 by default.
pub fn with_retry_max(
  barnacle barnacle: Barnacle(a),
  retry_max retry_max: Int,
) -> Barnacle(a) {
  put(barnacle, "retry_max", retry_max)
}

/// The time limit of each call of a function of your own, in ms. 30000 by default.
pub fn with_strategy_timeout(
  barnacle barnacle: Barnacle(a),
  strategy_timeout strategy_timeout: Int,
) -> Barnacle(a) {
  put(barnacle, "strategy_timeout", strategy_timeout)
}

/// How many callers may wait for the barnacle at a time; one more exits. 10000 by default.
pub fn with_max_callers(
  barnacle barnacle: Barnacle(a),
  max_callers max_callers: Int,
) -> Barnacle(a) {
  put(barnacle, "max_callers", max_callers)
}

/// For `dns`: name servers in place of the system's: `"10.0.0.2"`, `"10.0.0.2:53"`, `"[::1]:5353"`.
pub fn with_nameservers(
  barnacle barnacle: Dns,
  nameservers nameservers: List(String),
) -> Dns {
  put(barnacle, "nameservers", nameservers)
}

/// For `dns`: the time limit for the second of A and AAAA once the first has addresses, in ms. 1000 by
/// default.
pub fn with_grace(barnacle barnacle: Dns, grace grace: Int) -> Dns {
  put(barnacle, "grace", grace)
}

/// For `dns`: addresses of which family name nodes. A family that is not wanted is not queried.
/// `setting.Own` by default.
pub fn with_families(
  barnacle barnacle: Dns,
  families families: setting.Families,
) -> Dns {
  put(barnacle, "families", families)
}

/// For `dns`: how many addresses of one family a response may have. 4096 by default.
pub fn with_max_addresses(
  barnacle barnacle: Dns,
  max_addresses max_addresses: Int,
) -> Dns {
  put(barnacle, "max_addresses", max_addresses)
}

/// For `hosts`: the port of the hosts' EPMDs, in place of `ERL_EPMD_PORT` or 4369.
pub fn with_epmd_port(barnacle barnacle: Hosts, port port: Int) -> Hosts {
  put(barnacle, "port", port)
}

/// For `hosts`: how many hosts are queried at a time. 256 by default.
pub fn with_concurrency(
  barnacle barnacle: Hosts,
  concurrency concurrency: Int,
) -> Hosts {
  put(barnacle, "concurrency", concurrency)
}

/// For `hosts`: how many names an EPMD may return; a longer reply is refused. 10000 by default.
pub fn with_max_names(
  barnacle barnacle: Hosts,
  max_names max_names: Int,
) -> Hosts {
  put(barnacle, "max_names", max_names)
}

/// For `hosts`: how many bytes an EPMD's reply may have. 1048576 by default.
pub fn with_max_bytes(
  barnacle barnacle: Hosts,
  max_bytes max_bytes: Int,
) -> Hosts {
  put(barnacle, "max_bytes", max_bytes)
}

@external(erlang, "barnacle_gleam", "put")
fn put(barnacle: Barnacle(a), setting: String, value: b) -> Barnacle(a)

/// Checks all settings, as `start` does, and returns every problem as a value. Nothing is started. A name
/// that is taken and a native library that is not built are no settings: only `start` reports them.
@external(erlang, "barnacle_gleam", "validate")
pub fn validate(
  barnacle barnacle: Barnacle(a),
) -> Result(Nil, List(setting.Problem))

/// Starts a barnacle that is linked to the calling process. Its first refresh begins at once. The caller
/// survives a failed start: `InitFailed` has a text that states what is wrong and what to do. The reasons are
/// settings (all problems at once), a name that is taken, and a native library that is not built.
@external(erlang, "barnacle_gleam", "start")
pub fn start(
  barnacle barnacle: Barnacle(a),
) -> Result(process.Subject(Message(a)), actor.StartError)

/// The child specification of a barnacle. Use it with `named`: the subject of the name is valid after each
/// restart. The child is transient: restarted after a crash, not after `shutdown`.
///
/// ```gleam
/// static_supervisor.new(static_supervisor.OneForOne)
/// |> static_supervisor.add(
///   barnacle.local_epmd() |> barnacle.named(name) |> barnacle.supervised,
/// )
/// |> static_supervisor.start
/// ```
pub fn supervised(
  barnacle barnacle: Barnacle(a),
) -> supervision.ChildSpecification(process.Subject(Message(a))) {
  supervision.restart(
    supervision.worker(fn() { start_supervised(barnacle) }),
    supervision.Transient,
  )
}

@external(erlang, "barnacle_gleam", "start_supervised")
fn start_supervised(
  barnacle: Barnacle(a),
) -> Result(actor.Started(process.Subject(Message(a))), actor.StartError)

/// The child specification of a barnacle that has no name. At each start and restart `parent` receives the
/// barnacle's subject before the supervisor goes on; if the process of `parent` has ended, nothing is sent.
/// The child is transient, as with `supervised`.
///
/// ```gleam
/// let parent = process.new_subject()
/// let assert Ok(_) =
///   static_supervisor.new(static_supervisor.OneForOne)
///   |> static_supervisor.add(barnacle.child_spec(barnacle.local_epmd(), parent))
///   |> static_supervisor.start
/// let assert Ok(peers) = process.receive(parent, 5000)
/// ```
pub fn child_spec(
  barnacle barnacle: Barnacle(a),
  parent parent: process.Subject(process.Subject(Message(a))),
) -> supervision.ChildSpecification(process.Subject(Message(a))) {
  supervision.restart(
    supervision.worker(fn() { start_child(barnacle, parent) }),
    supervision.Transient,
  )
}

@external(erlang, "barnacle_gleam", "start_child")
fn start_child(
  barnacle: Barnacle(a),
  parent: process.Subject(process.Subject(Message(a))),
) -> Result(actor.Started(process.Subject(Message(a))), actor.StartError)

/// Runs a refresh that begins after this call, and returns its result. Resets the poll timer, and resumes a
/// paused barnacle. Every wanted node is tried, also during its retry delay. Departed nodes are asked to
/// leave without the waiting time, and each still decides by its own discoveries (`with_disconnect`). The
/// refresh waits for them, for `with_connect_timeout` at most.
///
/// ```gleam
/// case barnacle.refresh(peers, 10_000) {
///   Ok(nodes) -> Ok(nodes)
///   Error(barnacle.StrategyError(dns.NoSuchDomain)) -> Ok([])
///   Error(other) -> Error(other)
/// }
/// ```
///
/// Exits the caller as `process.call` does if there is no result within `timeout` ms or the barnacle has
/// ended, and with the reason of a function of your own that crashed. A timeout of 0 or less never exits for
/// `dns` and `hosts`: it is a `Timeout`, or a `StrategyError([])`.
@external(erlang, "barnacle_gleam", "refresh")
pub fn refresh(
  subject subject: process.Subject(Message(a)),
  timeout timeout: Int,
) -> Result(List(atom.Atom), RefreshError(a))

/// Stops polling until the next `refresh`, also after a restart by a supervisor. After the return no node is
/// connected or disconnected; the listener may still receive the refresh that was running. Exits the caller
/// if there is no response within `timeout` ms or the barnacle has ended.
/// Example: `barnacle.pause(peers, 5000)`.
@external(erlang, "barnacle_gleam", "pause")
pub fn pause(
  subject subject: process.Subject(Message(a)),
  timeout timeout: Int,
) -> Nil

/// Leaves the cluster before a planned stop: tells the peers to make no connection attempts to this node,
/// pauses, and disconnects this node from all visible nodes. Returns those nodes. If one of them connects
/// again within 10 s, this node leaves again. The next `refresh` connects again; a restart after a crash does
/// not. Exits the caller as `pause` does.
/// Example: `barnacle.leave(peers, 10_000)`.
@external(erlang, "barnacle_gleam", "leave")
pub fn leave(
  subject subject: process.Subject(Message(a)),
  timeout timeout: Int,
) -> List(atom.Atom)

/// Ends the barnacle and a refresh that is running. No node is disconnected. Callers that wait in `refresh`
/// exit, and so does another caller of `shutdown`. Exits the caller as `pause` does.
/// Example: `barnacle.shutdown(peers, 5000)`.
@external(erlang, "barnacle_gleam", "shutdown")
pub fn shutdown(
  subject subject: process.Subject(Message(a)),
  timeout timeout: Int,
) -> Nil

/// What the barnacle knows and does now. Does not wait for a running refresh. Exits the caller if there is no
/// response within 5000 ms or the barnacle has ended.
/// Example: `barnacle.status(peers).refreshing`.
@external(erlang, "barnacle_gleam", "status")
pub fn status(subject subject: process.Subject(Message(a))) -> status.Status(a)

/// Prints `status` as a page for people: every node, why it is not connected, and what to do.
/// Example: `barnacle.print(peers)`.
@external(erlang, "barnacle_gleam", "print")
pub fn print(subject subject: process.Subject(Message(a))) -> Nil

/// What `await` waits for.
pub type Goal {
  /// The first refresh has finished, whatever its result.
  FirstRound
  /// At least this number of nodes is connected, this node included.
  Nodes(Int)
  /// The last discovery was complete, and all nodes that it returned are connected.
  All
}

/// Waits until the goal is reached. Returns at once if it is, and `Error(Nil)` after `timeout` ms. Exits the
/// caller if the barnacle has ended, and for a goal of less than one node.
/// Example: `barnacle.await(peers, goal: barnacle.Nodes(3), timeout: 30_000)`.
@external(erlang, "barnacle_gleam", "await")
pub fn await(
  subject subject: process.Subject(Message(a)),
  goal goal: Goal,
  timeout timeout: Int,
) -> Result(Nil, Nil)

/// Whether the goal is reached now, for a readiness probe. `False` if the barnacle has ended.
/// Example: `barnacle.ready(peers, barnacle.FirstRound)`.
@external(erlang, "barnacle_gleam", "ready")
pub fn ready(
  subject subject: process.Subject(Message(a)),
  goal goal: Goal,
) -> Bool

/// Runs one refresh without an actor and without polling. Settings that it does not use are ignored: names,
/// the listener, poll intervals, retry delays, `with_departed_after`, `with_max_callers` and `with_log`.
///
/// Wrong settings are errors, not exits. A name that cannot be queried is a `QueryFormatError`, and a timeout
/// of 0 or less is a `Timeout`; for `hosts` the error lists the hosts. Other wrong settings are `Unknown` for
/// `dns`, `[]` for `hosts` and `Nil` for the others; `validate` states what is wrong. Exits the caller if the
/// native library is not built, and if a setting or a function of a custom strategy is wrong.
@external(erlang, "barnacle_gleam", "run_once")
pub fn run_once(
  barnacle barnacle: Barnacle(a),
) -> Result(List(atom.Atom), RefreshError(a))

/// The part of a node's name before the `@`, for `dns`. `Error(Nil)` if the name is not of the form
/// `basename@host`.
/// Example: `let assert Ok(basename) = barnacle.get_node_basename(node.self())`.
@external(erlang, "barnacle_gleam", "get_node_basename")
pub fn get_node_basename(node node: node.Node) -> Result(String, Nil)
