// SPDX-License-Identifier: Apache-2.0
//
// EPMDs that do what a test tells them, on 127.0.0.0/8.
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

/// The header that every EPMD's reply has: its port, here always 4369.
inline const std::string epmd_header("\x00\x00\x11\x11", 4);

/// What a scripted EPMD does with a connection.
struct EpmdScript {
    enum class End {
        close,  // in order, as an EPMD does
        reset,  // with a TCP RST
        hang,   // leaves the connection open and says nothing more
    };
    std::vector<std::string> pieces;  // sent one after another
    std::uint64_t pause_ms = 0;       // before each piece
    bool endless = false;             // starts anew with the first piece, for ever
    End end = End::close;             // after the last piece
    bool waits_for_request = true;    // or does all this as soon as somebody connects
    std::function<std::string(std::string_view request)> answer{};  // in the place of the pieces
};

/// A reply in one piece.
inline EpmdScript replies(std::string_view lines) {
    return {.pieces = {epmd_header + std::string(lines)}};
}

/// The loop that runs a client may run its servers too.
class ScriptedEpmd {
 public:
    /// Listens on `address` ("127.0.0.2"); port 0 takes a free one. Throws std::system_error.
    ScriptedEpmd(Loop& loop, const std::string& address, std::uint16_t port, EpmdScript script);
    ~ScriptedEpmd();
    ScriptedEpmd(const ScriptedEpmd&) = delete;
    ScriptedEpmd& operator=(const ScriptedEpmd&) = delete;

    [[nodiscard]] std::uint16_t port() const;

    /// How many connections there have been, how many there are, how many at one time at most.
    [[nodiscard]] std::size_t accepted() const { return accepted_; }
    [[nodiscard]] std::size_t open() const { return peers_.size(); }
    [[nodiscard]] std::size_t most_open() const { return most_open_; }

    /// What the clients have sent, all of them together.
    [[nodiscard]] const std::string& received() const { return received_; }

    /// Called after each connection that comes or goes.
    std::function<void()> on_change = [] {};

 private:
    class Peer;
    struct Block {
        explicit Block(ScriptedEpmd* server) : owner(server) {}
        uv_tcp_t handle{};
        ScriptedEpmd* owner;
    };

    void accept();
    void remove(const Peer* peer);

    Loop& loop_;
    EpmdScript script_;
    std::size_t accepted_ = 0;
    std::size_t most_open_ = 0;
    std::string received_;
    std::list<std::unique_ptr<Peer>> peers_;
    HandlePtr<Block> listener_;
};

/// One scripted EPMD a script, all on one port, on 127.0.10.1, 127.0.10.2 and so on.
class EpmdFarm {
 public:
    EpmdFarm(Loop& loop, const std::vector<EpmdScript>& scripts);
    ~EpmdFarm();

    [[nodiscard]] const std::vector<std::string>& hosts() const { return hosts_; }
    [[nodiscard]] std::uint16_t port() const { return servers_.front()->port(); }
    [[nodiscard]] ScriptedEpmd& at(std::size_t index) { return *servers_.at(index); }

    /// How many connections all servers have had at one time at most.
    [[nodiscard]] std::size_t most_open() const { return most_open_; }

 private:
    std::vector<std::string> hosts_;
    std::vector<std::unique_ptr<ScriptedEpmd>> servers_;
    std::size_t most_open_ = 0;
};

}  // namespace barnacle::test
