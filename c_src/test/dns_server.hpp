// SPDX-License-Identifier: Apache-2.0
//
// A DNS server for tests that does as a script says, over UDP and TCP, on the loop of the test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../loop.hpp"

namespace barnacle::test {

using Bytes = std::vector<std::uint8_t>;

// RFC 1035 section 3.2.2, RFC 3596.
inline constexpr std::uint16_t type_a = 1;
inline constexpr std::uint16_t type_cname = 5;
inline constexpr std::uint16_t type_aaaa = 28;

// RFC 1035 section 4.1.1.
enum class Rcode : std::uint8_t {
    noerror = 0,
    formerr = 1,
    servfail = 2,
    nxdomain = 3,
    notimp = 4,
    refused = 5,
};

struct DnsRequest {
    std::uint16_t id = 0;
    std::string name;  // without a trailing dot
    std::uint16_t type = 0;
    bool tcp = false;
    bool edns = false;
    Bytes question;  // as received
};

struct DnsRecord {
    std::string owner;
    std::uint16_t type = 0;
    Bytes data;
};

// A record of type A or AAAA, by the form of `address`.
DnsRecord address_record(std::string_view owner, std::string_view address);
DnsRecord cname_record(std::string_view owner, std::string_view target);

struct DnsReply {
    Bytes message;
    std::uint64_t after_ms = 0;
    bool close = false;  // TCP: close the connection after the message
};

struct ReplyHeader {
    Rcode rcode = Rcode::noerror;
    bool truncated = false;
};

Bytes encode_reply(const DnsRequest& request, ReplyHeader header,
                   const std::vector<DnsRecord>& records = {});

// No replies: silence.
using DnsScript = std::function<std::vector<DnsReply>(const DnsRequest&)>;

// Replies with the records that the owner and type asked for have, follows CNAMEs, says NXDOMAIN
// for owners that have none.
DnsScript zone(std::vector<DnsRecord> records);

class DnsServer {
 public:
    // Listens on a free port of `address`, which may have a zone: "fe80::1%eth0".
    DnsServer(Loop& loop, DnsScript script, const std::string& address = "127.0.0.1");
    ~DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;

    // "127.0.0.1:40000"
    [[nodiscard]] const std::string& nameserver() const { return nameserver_; }

    // In the order of arrival.
    [[nodiscard]] const std::vector<DnsRequest>& requests() const { return requests_; }
    [[nodiscard]] std::size_t requests_for(std::string_view name, std::uint16_t type) const;

    void set_script(DnsScript script) { script_ = std::move(script); }

 private:
    struct Connection;

    void on_datagram();
    void on_connection();
    void on_stream(Connection& connection);
    void drop(Connection& connection);
    void handle(const Bytes& message, bool tcp, const std::function<void(const DnsReply&)>& reply);

    Loop& loop_;
    DnsScript script_;
    std::string nameserver_;
    int udp_ = -1;
    int tcp_ = -1;
    std::vector<DnsRequest> requests_;
    std::list<std::shared_ptr<Connection>> connections_;
    std::list<Timer> timers_;
    std::unique_ptr<Poll> udp_poll_;
    std::unique_ptr<Poll> tcp_poll_;
};

}  // namespace barnacle::test
