// SPDX-License-Identifier: Apache-2.0
//
// The native core's one entry: the bytes of a request open an operation, the operation is stepped
// until it has the bytes of a reply. Shells (NIF, port program), tests and fuzzers use this header
// and nothing else of the core. Bytes are the External Term Format
// (https://www.erlang.org/doc/apps/erts/erl_ext_dist.html) with its version byte.
//
//   Request = {dns, #{name := binary(), timeout_ms := 1..86400000, grace_ms := 0..86400000,
//                     families := both | inet | inet6 | prefer_inet | prefer_inet6,
//                     nameservers := [binary()], max_addresses := Count,
//                     truncated := [binary()]}}
//             A family that is not in `families` is not queried. With prefer_inet and prefer_inet6
//             both are; once the one that is named has addresses, the other one is not waited for.
//             `truncated` has names whose responses are known to be long: `truncated` of an earlier
//             reply. They are also queried with EDNS.
//           | {resolve, #{hosts := [binary()], family := inet | inet6,
//                         timeout_ms := 1..86400000, nameservers := [binary()],
//                         concurrency := Count}}
//           | {epmd_names, #{hosts := [binary()], port := 1..65535, timeout_ms := 1..86400000,
//                            nameservers := [binary()], concurrency := Count,
//                            max_names := Count, max_bytes := Count}}
//           | {probe, #{targets := [{Name :: binary(), Host :: binary()}],
//                       epmd_port := 1..65535, port := 0..65535, family := inet | inet6 | any,
//                       source := binary(), depth := lookup | epmd | port,
//                       timeout_ms := 1..86400000, node_timeout_ms := 1..86400000,
//                       nameservers := [binary()], concurrency := Count, max_names := Count}}
//             A target's Name is the part of a node's name before the @, of 1 to 255 bytes. `port`
//             is the distribution port of all nodes; 0 asks each host's EPMD. `source` is the
//             address from which the distribution ports are connected to, <<>> any. `depth` is how
//             far the probe goes: c_src/probe_options.hpp. `node_timeout_ms` is each
//             node's from its turn on, once its host is resolved.
//   Count   = 1..2147483647. All keys must be there, and no others. A name server is an address
//             with or without a port: "10.0.0.2", "10.0.0.2:53", "[::1]:53"; none of them means
//             those of the system. An address of fe80::/10 may have a zone: "[fe80::1%eth0]:53".
//
//   Reply   = {ok, Result} | {error, Reason}
//   Result  of dns        = #{candidate := binary(), a := Outcome, aaaa := Outcome,
//                             queried := [{Name, Nameserver, no_data | LookupError}],
//                             doubts := [Doubt], truncated := [Name]}
//                           `queried`: the queries of wanted families without addresses, by search
//                           candidate, 64 at most; of a candidate with addresses only its errors.
//                           `truncated` has the candidates whose responses had no room without EDNS
//           of resolve    = [{Host, {ok, [Address]} | {error, LookupError}}]
//           of epmd_names = [{Host, {ok, [{Name :: binary(), Port}]} | {error, EpmdError}}]
//           of probe      = [Probed]
//                           lists are in the order of the request's hosts or targets
//   Part    of probe      = {part, [{Position :: 0.., Probed} | {Host, [Address]}]}, see part()
//           of epmd_names = {part, [{Host, [Address]}]}
//             A host whose name has several addresses has them here. A host without addresses has
//             none so far: its lookup has failed, or is not over 300 ms after the opening.
//   Outcome = {addresses, [Address]} | no_data | not_wanted | {error, LookupError}
//             not_wanted: the family was not queried, or not waited for
//   Doubt   = several_cnames | foreign_owner | garbled | truncated
//             why the addresses may not be all: c_src/dns_response.hpp
//   Address = inet:ip_address()
//   LookupError = formerr | qfmterror | servfail | nxdomain | timeout | notimp | refused | badvers
//               | {posix, Errno} | unknown
//   EpmdError   = LookupError | Errno | bad_reply | too_long
//   Probed  = ok | {error, ProbeError}
//   ProbeError = nxdomain | {lookup_failed, LookupError} | host_silent | host_unreachable
//              | epmd_refused | epmd_timeout | epmd_bad_reply | {not_registered, [Name]}
//              | port_refused | port_silent | not_probed | {posix, Errno}
//             what each means: c_src/probe_error.hpp
//   Errno   = atom(), the errno's name in lower case: econnrefused
//   Reason  = {bad_request, Text}      not a request as above; the text names the key and the value
//           | {bad_name, Text}         the name can't be one of a host; nothing was sent
//           | {bad_nameserver, Text}   a name server isn't an address; nothing was sent
//           | {posix, Errno}           out of memory (enomem), out of descriptors (emfile), ...
//           | {internal, Text}         a defect of the core
//           | cancelled
//
// Life-cycle rules of an operation:
//  1. Operation::open gives an operation for any bytes. What is wrong with them is its reply, which
//     it has at once. Nothing but a lack of memory gives none.
//  2. step() does what can be done now and never waits. After {done = false, wait_ms} the caller
//     waits until fd() is readable or wait_ms have passed, whichever is first, and steps again: 0
//     means at once, -1 that only fd() counts. Stepping early or too often does no harm.
//     brief_step() is a step for a thread that has only part of a millisecond: it opens no files
//     and works on 512 bytes from the network at most. It gives nothing where more is to be done,
//     and is_brief() is false from then on: what there is, is left to step(), now and for the rest
//     of the operation. Only a lookup in the DNS begins with brief steps, and mostly it has no
//     others.
//  3. An operation keeps its own deadline, timeout_ms from its opening: while it is stepped as it
//     asks to be, it is done by then, give or take the time of a step.
//  4. After {done = true} reply() holds the reply, and every further step() says so again. By then
//     the operation has closed its sockets and timers.
//     Operations that have many results (probe, epmd_names) give some out also as they become
//     known: what a step has found is in part() until the next step. The reply has all results,
//     and nothing of hosts' addresses, which always come in a part.
//  5. cancel() ends the work: the next step() is done. An operation that was done keeps its reply,
//     any other has {error, cancelled}. It may be called at any time between steps, repeatedly.
//  6. fd() stays the same, and open, until the operation is destroyed, so that a shell which polls
//     it can stop polling first; -1 if the operation has none since it was done from the beginning.
//  7. It may be destroyed at any time between steps, without cancel(), done or not. That closes all
//     descriptors and doesn't wait.
//  8. An operation isn't for two threads at once; from one step to the next the thread may change.
//     Different operations share nothing.
//  9. Nothing here throws.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace barnacle {

// To be called once, before the first operation: makes what the libraries have once in a process,
// for which they abort it if the descriptors have run out by then. Gives the errno when they have
// already, else 0.
[[nodiscard]] int prepare_process() noexcept;

// What a step came to. `wait_ms` has a meaning (rule 2) only when the operation isn't done.
struct Step {
    bool done = false;
    int wait_ms = 0;
};

class Operation {
 public:
    // Starts what the request asks for. A null pointer when there is no memory for that.
    [[nodiscard]] static std::unique_ptr<Operation> open(
        std::span<const std::uint8_t> request) noexcept;

    class Work;
    explicit Operation(std::unique_ptr<Work> work) noexcept;  // for open
    ~Operation();
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    [[nodiscard]] Step step() noexcept;
    [[nodiscard]] std::optional<Step> brief_step() noexcept;
    [[nodiscard]] bool is_brief() const noexcept;
    void cancel() noexcept;
    [[nodiscard]] int fd() const noexcept;

    // What became known in the last step, when it wasn't done; empty for nothing.
    [[nodiscard]] std::span<const std::uint8_t> part() const noexcept;

    // The reply's bytes, valid until the operation is destroyed; none before it is done.
    [[nodiscard]] std::span<const std::uint8_t> reply() const noexcept;

 private:
    std::unique_ptr<Work> work_;
};

// The libraries in use, as they name their versions: "1.18.1".
struct LibraryVersions {
    std::string cares;
    std::string libuv;
};
[[nodiscard]] LibraryVersions library_versions();

}  // namespace barnacle
