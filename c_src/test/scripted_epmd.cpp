// SPDX-License-Identifier: Apache-2.0
#include "scripted_epmd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "../ip_address.hpp"

namespace barnacle::test {

// One accepted connection, run through the script.
class ScriptedEpmd::Peer {
 public:
    Peer(ScriptedEpmd& server, uv_stream_t* listener)
        : server_(server),
          script_(server.script_),
          block_(make_handle<Block>(
              [&server](uv_tcp_t* tcp) { return uv_tcp_init(server.loop_.uv(), tcp); }, this)),
          pause_(server.loop_, [this] { send_piece(); }) {
        check_uv(uv_accept(listener, stream()), "uv_accept");
        uv_tcp_nodelay(&block_->handle, 1);
        check_uv(uv_read_start(
                     stream(),
                     [](uv_handle_t* handle, std::size_t, uv_buf_t* into) {
                         auto& buffer = static_cast<Block*>(handle->data)->buffer;
                         *into = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
                     },
                     [](uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
                         static_cast<Block*>(from->data)->owner->on_read(count, buffer->base);
                     }),
                 "uv_read_start");
        if (!script_.waits_for_request) {
            next();
        }
    }
    ~Peer() { block_->owner = nullptr; }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

 private:
    struct Block {
        explicit Block(Peer* peer) : owner(peer) {}
        uv_tcp_t handle{};
        uv_write_t request{};
        std::array<char, 256> buffer{};
        Peer* owner;
    };

    uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&block_->handle); }

    void on_read(ssize_t count, const char* bytes) {
        if (count < 0) {
            server_.remove(this);
            return;
        }
        const bool first = !std::exchange(asked_, true);
        server_.received_.append(bytes, static_cast<std::size_t>(count));
        if (first && script_.waits_for_request) {
            if (script_.answer) {
                script_.pieces = {script_.answer({bytes, static_cast<std::size_t>(count)})};
            }
            next();
        }
    }

    void next() {
        if (script_.endless && piece_ == script_.pieces.size()) {
            piece_ = 0;
        }
        if (piece_ < script_.pieces.size()) {
            pause_.start(script_.pause_ms);
        } else if (script_.end == EpmdScript::End::close) {
            server_.remove(this);
        } else if (script_.end == EpmdScript::End::reset) {
            int descriptor = -1;
            uv_fileno(reinterpret_cast<uv_handle_t*>(&block_->handle), &descriptor);
            const linger at_once{.l_onoff = 1, .l_linger = 0};
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            server_.remove(this);
        }
    }

    void send_piece() {
        const std::string& piece = script_.pieces[piece_++];
        const uv_buf_t buffer =
            uv_buf_init(const_cast<char*>(piece.data()), static_cast<unsigned>(piece.size()));
        uv_write(&block_->request, stream(), &buffer, 1, [](uv_write_t* request, int status) {
            auto* owner = static_cast<Block*>(request->handle->data)->owner;
            if (owner == nullptr) {
                return;
            }
            if (status < 0) {
                owner->server_.remove(owner);
            } else {
                owner->next();
            }
        });
    }

    ScriptedEpmd& server_;
    EpmdScript script_;
    HandlePtr<Block> block_;
    Timer pause_;
    std::size_t piece_ = 0;
    bool asked_ = false;
};

ScriptedEpmd::ScriptedEpmd(Loop& loop, const std::string& address, std::uint16_t port,
                           EpmdScript script)
    : loop_(loop),
      script_(std::move(script)),
      listener_(make_handle<Block>([&loop](uv_tcp_t* tcp) { return uv_tcp_init(loop.uv(), tcp); },
                                   this)) {
    const sockaddr_storage at = to_sockaddr(parse_ip_address(address).value(), port);
    check_uv(uv_tcp_bind(&listener_->handle, reinterpret_cast<const sockaddr*>(&at), 0), "bind");
    check_uv(uv_listen(reinterpret_cast<uv_stream_t*>(&listener_->handle), 128,
                       [](uv_stream_t* listener, int) {
                           static_cast<Block*>(listener->data)->owner->accept();
                       }),
             "listen");
}

ScriptedEpmd::~ScriptedEpmd() = default;

std::uint16_t ScriptedEpmd::port() const {
    sockaddr_in name{};
    int size = sizeof name;
    check_uv(uv_tcp_getsockname(&listener_->handle, reinterpret_cast<sockaddr*>(&name), &size),
             "getsockname");
    return ntohs(name.sin_port);
}

void ScriptedEpmd::accept() {
    ++accepted_;
    peers_.push_back(
        std::make_unique<Peer>(*this, reinterpret_cast<uv_stream_t*>(&listener_->handle)));
    most_open_ = std::max(most_open_, peers_.size());
    on_change();
}

void ScriptedEpmd::remove(const Peer* peer) {
    peers_.remove_if([peer](const auto& candidate) { return candidate.get() == peer; });
    on_change();
}

EpmdFarm::EpmdFarm(Loop& loop, const std::vector<EpmdScript>& scripts) {
    // A port that is free on the first address may be taken on another: then all over again.
    for (int attempts = 0; servers_.size() < scripts.size(); ++attempts) {
        hosts_.clear();
        servers_.clear();
        try {
            std::uint16_t port = 0;
            for (const EpmdScript& script : scripts) {
                const std::size_t number = servers_.size() + 1;
                hosts_.push_back("127.0." + std::to_string(10 + number / 250) + "." +
                                 std::to_string(1 + number % 250));
                servers_.push_back(
                    std::make_unique<ScriptedEpmd>(loop, hosts_.back(), port, script));
                port = servers_.front()->port();
            }
        } catch (const std::system_error& error) {
            if (error.code().value() != EADDRINUSE || attempts == 20) {
                throw;
            }
        }
    }
    for (const auto& server : servers_) {
        server->on_change = [this] {
            std::size_t open = 0;
            for (const auto& each : servers_) {
                open += each->open();
            }
            most_open_ = std::max(most_open_, open);
        };
    }
}

EpmdFarm::~EpmdFarm() = default;

}  // namespace barnacle::test
