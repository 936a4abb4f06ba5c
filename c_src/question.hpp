// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop.hpp"
#include "outcome.hpp"
#include "resolver.hpp"

namespace barnacle {

inline constexpr std::uint64_t next_nameserver_after_ms = 250;
inline constexpr std::uint64_t first_retransmission_after_ms = 600;
inline constexpr std::uint64_t repeat_soon_after_ms = 250;

struct QuestionOptions {
    std::string name;                      // fully qualified
    int family = 0;                        // AF_INET or AF_INET6
    std::vector<std::string> nameservers;  // as QueryOptions takes them, at least one
    std::size_t max_addresses = 0;
    bool over_tcp = false;
    bool with_edns = false;       // also with EDNS: the response is known to be long
    std::uint64_t offset_ms = 0;  // by so much later than rule 1 says, for the first repeated query
};

// A name server without addresses for a question; `timeout` if it has not responded.
struct ServerOutcome {
    std::string nameserver;
    NoAddresses outcome;
};

// One question to all name servers, until the first answer.
//
//  1. The first name server is asked at once, each further one as soon as an earlier one fails, or
//     250 ms after the one before it was asked. With all of them asked, those that have not failed
//     are asked again after 0.6 s, then after 1.2 s, 2.4 s and so on (RFC 1035 section 4.2.1 leaves
//     the interval to the client; inet_res of OTP takes 0.67 s first).
//  2. Nobody is given up by being asked again or by another one being asked: an answer counts
//     whenever it comes. So a dead first server costs 250 ms, and a slow sole server is heard.
//  3. A server fails when it cannot be reached or says something that is not an answer (SERVFAIL,
//     REFUSED, ...). When all have failed, the outcome is the first error that a server sent, or
//     else the first one of any kind.
//  4. `on_outcome` is called once, by the loop, never from within start(). The Question may be
//     destroyed in it, and at any other time: that ends it. It has no deadline.
//  5. A server whose response is truncated, or with_edns any server, also gets a query with EDNS.
//  If
//     that brings addresses, they are the outcome. Nothing else of it counts: the query without
//     EDNS decides. If all servers have failed, it is waited for 250 ms more at most.
class Question {
 public:
    using OnOutcome = std::function<void(Outcome)>;

    Question(Loop& loop, QuestionOptions options, OnOutcome on_outcome);
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;

    void start();

    // The servers that were queried and gave no addresses: first those that responded, in the order
    // of their responses; then, unless there is an outcome, those that have not responded.
    [[nodiscard]] std::vector<ServerOutcome> without_addresses() const;

    // Repeats the question soon if no response comes, since one to another question has come: in
    // 250 ms, or when it is due if that is sooner. A middle box may drop the second of two queries.
    void repeat_soon();

    // Why the addresses of the outcome may not be all.
    [[nodiscard]] Doubts doubts() const { return doubts_; }

    // Whether a response had no room without EDNS.
    [[nodiscard]] bool was_truncated() const { return was_truncated_; }

 private:
    struct Server {
        std::unique_ptr<Query> query;  // once asked
        std::unique_ptr<Query> edns_query{};
        bool failed = false;
        LookupError failure;  // if failed
    };

    void ask_next();
    void ask(std::size_t position);
    void ask_with_edns(std::size_t position);
    [[nodiscard]] QueryOptions query_options(std::size_t position) const;
    [[nodiscard]] std::optional<std::size_t> next_server() const;
    [[nodiscard]] LookupError failure() const;
    void on_query_outcome(std::size_t position, Outcome outcome);
    void on_edns_outcome(std::size_t position, Outcome outcome);
    void on_truncated(std::size_t position);
    void on_all_failed();
    void finish(Outcome outcome);

    Loop& loop_;
    QuestionOptions options_;
    OnOutcome on_outcome_;
    std::vector<Server> servers_;           // in the order of options_.nameservers
    std::vector<ServerOutcome> responses_;  // those without addresses
    std::size_t next_ = 0;                  // the server to ask next in this round
    std::uint64_t next_round_after_ms_ = first_retransmission_after_ms;
    Doubts doubts_;
    bool was_truncated_ = false;
    Timer timer_;
    std::optional<Timer> edns_timer_;
};

}  // namespace barnacle
