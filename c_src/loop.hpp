// SPDX-License-Identifier: Apache-2.0
//
// The event loop and its handles, owned (libuv, https://docs.libuv.org).
//
// Life-cycle rules:
//  1. A Loop outlives the handles made on it. Declare it first.
//  2. libuv reads a handle's memory until its close callback has run. Here that memory is a block
//  on
//     the heap, apart from the owner: destroying an owner starts the closing, and the block goes
//     when the loop has closed it. An owner may be destroyed at any time, also in its own callback.
//  3. After an owner's destruction its callback isn't called any more. A request on a handle
//  (connect,
//     write) is the exception: libuv reports it once more, with UV_ECANCELED.
//  4. Every callback libuv calls runs inside Loop::guard: an exception stops at the C frame, and
//     run_nowait throws it on.
//  5. ~Loop runs the close callbacks. It doesn't wait for anything.
//  6. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <uv.h>

namespace barnacle {

// Throws std::system_error with the errno that a libuv call gave (a negative code).
[[noreturn]] void throw_uv_error(int code, const char* what);

// Throws as above when `code` says that a libuv call failed.
inline void check_uv(int code, const char* what) {
    if (code < 0) {
        throw_uv_error(code, what);
    }
}

// The name of an errno as OTP writes it: ECONNREFUSED is "econnrefused", an unknown one "unknown".
std::string posix_name(int error_number);

// The version of the libuv in use, such as "1.44.2".
std::string libuv_version();

// Lets libuv make what it has once in a process. Without descriptors for it libuv aborts the
// process at the first loop, so this looks first whether there are any: the errno if not, else 0.
[[nodiscard]] int prepare_libuv() noexcept;

// How many bytes from the network a brief run works on: what a DNS message over UDP has at most
// (RFC 1035 section 4.2.1; more only with EDNS). The time that c-ares takes for an answer made to
// cost time grows with the square of its size. The longest of some thousand runs on a busy machine:
// for 512 bytes 0.16 ms with 1.18 and 0.38 ms with 1.34, for 1,232 bytes 1 ms, for 64 kB a second.
inline constexpr std::size_t brief_run_bytes = 512;

// What a piece of them counts as at least, so that many small ones don't take long either.
inline constexpr std::size_t min_received_bytes = 128;

// For a timer that is to fire in the next run. With 0, libuv before 1.45 lets a timer that is
// started in a timer's callback fire in the same run, again and again.
inline constexpr std::uint64_t next_run_ms = 1;

// One event loop. Throws std::system_error when the system has no descriptors left.
class Loop {
 public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    Loop(Loop&&) = delete;
    Loop& operator=(Loop&&) = delete;

    // The Loop that owns a uv_loop_t.
    static Loop& of(uv_loop_t* loop) noexcept { return *static_cast<Loop*>(loop->data); }

    uv_loop_t* uv() noexcept { return &loop_; }

    // The descriptor that becomes readable when there is something to do; never to be read.
    int fd() const noexcept { return uv_backend_fd(&loop_); }

    // Handles what is ready and due, and returns at once. Throws what a callback threw.
    void run_nowait();

    // Waits until there is something to do, and handles it. Throws as run_nowait does.
    void run_once();

    // The same for a thread that has no time to lose: callbacks leave what may take long undone.
    // False when they did; the next run must then be a full one.
    [[nodiscard]] bool run_briefly();

    // For callbacks, before work that may take long, such as opening files. False in a brief run:
    // the work is to be left to the next run, for which the callback must see to be called.
    [[nodiscard]] bool may_take_long() noexcept {
        is_brief_enough_ = is_brief_enough_ && !is_brief_;
        return !is_brief_;
    }

    // For callbacks, before they work on this many bytes from the network. False in a brief run
    // that has had its share: the bytes are to be left where they are.
    [[nodiscard]] bool may_receive(std::size_t bytes) noexcept;

    // Whether this is a brief run.
    [[nodiscard]] bool is_brief() const noexcept { return is_brief_; }

    // Milliseconds until run_nowait has something to do with no event on fd(): 0 is now, -1 never.
    int next_timeout_ms() noexcept;

    // Whether there is anything left that could call back.
    [[nodiscard]] bool alive() const noexcept { return uv_loop_alive(&loop_) != 0; }

    // A monotonic clock in milliseconds, read now.
    std::uint64_t now_ms() noexcept;

    // Calls `function`; what it throws is kept for run_nowait, the first of several.
    template <typename Function>
    void guard(Function&& function) noexcept {
        try {
            std::forward<Function>(function)();
        } catch (...) {
            keep(std::current_exception());
        }
    }

 private:
    void keep(std::exception_ptr failure) noexcept;
    void throw_kept();

    uv_loop_t loop_{};
    std::exception_ptr failure_;
    bool is_brief_ = false;        // during a brief run
    bool is_brief_enough_ = true;  // nothing was refused in it that every brief run would refuse
    std::size_t brief_bytes_left_ = 0;
};

// Starts the closing of a block's handle; the block is deleted when the loop has closed it.
// A handle that ~Loop had to close (rule 1 broken) is deleted at once.
template <typename Block>
struct CloseHandle {
    void operator()(Block* block) const noexcept {
        auto* handle = reinterpret_cast<uv_handle_t*>(&block->handle);
        if (uv_is_closing(handle) != 0) {
            std::default_delete<Block>{}(block);
            return;
        }
        uv_close(handle, [](uv_handle_t* closed) {
            std::default_delete<Block>{}(static_cast<Block*>(closed->data));
        });
    }
};

// Owns a block: any struct with a libuv handle named `handle`, whose `data` points to the block.
template <typename Block>
using HandlePtr = std::unique_ptr<Block, CloseHandle<Block>>;

// Makes a block from `arguments` and its handle with `initialise(&block->handle)`, a libuv call.
template <typename Block, typename Initialise, typename... Arguments>
HandlePtr<Block> make_handle(Initialise initialise, Arguments&&... arguments) {
    auto block = std::make_unique<Block>(std::forward<Arguments>(arguments)...);
    check_uv(initialise(&block->handle), "libuv handle");
    block->handle.data = block.get();
    return HandlePtr<Block>(block.release());
}

// Calls a function once, some time after start.
class Timer {
 public:
    Timer(Loop& loop, std::function<void()> on_timeout);

    // (Re)starts the clock: the function is called `after_ms` from now, by run_nowait.
    void start(std::uint64_t after_ms);
    void stop() noexcept;
    bool active() const noexcept;

    // How long it still runs; 0 if it does not.
    [[nodiscard]] std::uint64_t due_in_ms() const noexcept;

 private:
    struct Block {
        explicit Block(std::function<void()> function) : on_timeout(std::move(function)) {}
        uv_timer_t handle{};
        std::function<void()> on_timeout;
    };
    HandlePtr<Block> block_;
};

// What a polled descriptor is ready for. An error makes it ready for both, so that the next read
// or write reports it.
struct Readiness {
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // the other end of a pipe is closed; what it wrote may still be there
};

// Watches a descriptor that somebody else owns. Destroy the Poll before closing the descriptor.
class Poll {
 public:
    Poll(Loop& loop, int fd, std::function<void(Readiness)> on_ready);

    // Says what to wait for, in place of what was said before; nothing at all stops the watching.
    void watch(Readiness wanted);

 private:
    struct Block {
        explicit Block(std::function<void(Readiness)> function) : on_ready(std::move(function)) {}
        uv_poll_t handle{};
        std::function<void(Readiness)> on_ready;
    };
    HandlePtr<Block> block_;
};

}  // namespace barnacle
