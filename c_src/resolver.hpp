// SPDX-License-Identifier: Apache-2.0
//
// Everything that calls c-ares (https://c-ares.org), versions 1.18 to 1.34.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop.hpp"
#include "outcome.hpp"
#include "response_observer.hpp"

struct ares_channeldata;

namespace barnacle {

struct DestroyChannel {
    void operator()(ares_channeldata* channel) const noexcept;
};
using Channel = std::unique_ptr<ares_channeldata, DestroyChannel>;

// The version of the c-ares in use, such as "1.18.1".
[[nodiscard]] std::string cares_version();

// The name servers of resolv.conf, "127.0.0.1:53" if there are none, each as QueryOptions takes it.
// They are read here, because c-ares before 1.24 passes over those with a zone. Throws as
// read_file() does.
[[nodiscard]] std::vector<std::string> system_nameservers(const std::string& resolv_conf_path);

// The addresses that the hosts file has for names: /etc/hosts, or the file that the environment's
// CARES_HOSTS names (ares_getaddrinfo(3), ARES_AI_ENVHOSTS).
class HostsFile {
 public:
    // Throws std::system_error when c-ares cannot be set up.
    HostsFile();

    // Reads the file at once. `family` is AF_INET or AF_INET6. A missing file has no names.
    [[nodiscard]] Addresses lookup(const std::string& name, int family) const;

 private:
    Channel channel_;
};

struct QueryOptions {
    std::string nameserver;         // "10.0.0.2:53", "[::1]:53", "[fe80::1%eth0]:53"
    std::string name;               // fully qualified, with or without a trailing dot
    int family = 0;                 // AF_INET asks for A records, AF_INET6 for AAAA
    std::size_t max_addresses = 0;  // an answer with more is the error {posix, EMSGSIZE}
    bool over_tcp = false;          // over TCP alone
    bool with_edns = false;         // with EDNS (RFC 6891), over UDP alone: see rule 4
};

// One question to one name server: over UDP without EDNS, and over TCP if the response was
// truncated. A server or a firewall that does not know EDNS so has nothing to reject.
//
//  1. Nothing is sent before send(); calling it again sends the question once more, while answers
//     to the earlier ones still count.
//  2. `on_outcome` is called once, by the loop, never from within send(); with the first outcome of
//     all questions sent. The Query may be destroyed in it.
//  3. It has no deadline. Destroying it ends it at any time, and `on_outcome` is not called any
//     more.
//  4. With EDNS, only an outcome with addresses has a meaning. An error can be that of a server
//     that does not know EDNS, and c-ares reads an extended RCODE as another one.
//  5. `on_truncated` is called by the loop, once at most, if a response over UDP was truncated and
//     there is no outcome yet. The Query must not be destroyed in it.
//
// Each Query has a c-ares channel and so a source port of its own. One channel for both families
// would not do: c-ares 1.18 loses the second one when the server does not know EDNS, and from 1.32
// on it shortens its timeouts to a multiple of the earlier answers' times.
class Query {
 public:
    using OnOutcome = std::function<void(Outcome)>;
    using OnTruncated = std::function<void()>;

    // Throws std::system_error when c-ares cannot be set up.
    Query(Loop& loop, QueryOptions options, OnOutcome on_outcome, OnTruncated on_truncated);
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    void send();

    // Why the addresses of the outcome may not be all.
    [[nodiscard]] Doubts doubts() const { return doubts_; }

    // Whether a response over UDP had no room for what there is, without EDNS.
    [[nodiscard]] bool was_truncated() const { return observer_.was_truncated(); }

 private:
    friend struct QuerySockets;

    [[nodiscard]] Outcome judged(Outcome outcome);
    static void on_socket_state(void* query, int fd, int readable, int writable);

    void process(int readable_fd, int writable_fd);
    void settle();
    void watch(int fd, Readiness wanted);

    Loop& loop_;
    QueryOptions options_;
    OnOutcome on_outcome_;
    OnTruncated on_truncated_;
    ResponseObserver observer_;
    std::string zone_;
    unsigned scope_id_ = 0;  // of the zone; 0 for none
    std::optional<Outcome> outcome_;
    Doubts doubts_;
    std::map<int, Poll> polls_;
    Timer timer_;
    Channel channel_;  // last, for its end calls on_socket_state
};

}  // namespace barnacle
