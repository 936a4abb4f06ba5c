// SPDX-License-Identifier: Apache-2.0
#include "loop.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>

namespace barnacle {

void throw_uv_error(int code, const char* what) {
    throw std::system_error(-code, std::generic_category(), what);
}

std::string posix_name(int error_number) {
    std::array<char, 64> buffer{};
    // Unlike uv_err_name it allocates nothing for an error that it does not know.
    std::string name =
        uv_err_name_r(uv_translate_sys_error(error_number), buffer.data(), buffer.size());
    if (name.starts_with("Unknown")) {
        return "unknown";
    }
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
}

std::string libuv_version() {
    return uv_version_string();
}

int prepare_libuv() noexcept {
    // As many as libuv takes for a process and a loop together, and some.
    std::array<int, 12> descriptors{};
    descriptors.fill(-1);
    int error_number = 0;
    for (int& descriptor : descriptors) {
        descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) {
            error_number = errno;
            break;
        }
    }
    for (const int descriptor : descriptors) {
        if (descriptor >= 0) {
            ::close(descriptor);
        }
    }
    if (error_number != 0) {
        return error_number;
    }
    try {
        const Loop loop;
        return 0;
    } catch (const std::system_error& error) {
        return error.code().value();
    }
}

Loop::Loop() {
    const int code = uv_loop_init(&loop_);
    if (code < 0) {
        // Before 1.51 libuv leaves the descriptor open when what comes after it fails; from then on
        // it says so. Standard input, output and error are never a loop's.
        const int left_open = code == UV_ENOMEM ? -1 : uv_backend_fd(&loop_);
        if (left_open > STDERR_FILENO) {
            ::close(left_open);
        }
        throw_uv_error(code, "uv_loop_init");
    }
    loop_.data = this;
}

Loop::~Loop() {
    // The first run calls the close callbacks of the handles whose owners are gone. What is still
    // open after it has an owner that outlives the loop; it is closed so that the loop can go all
    // the same.
    uv_run(&loop_, UV_RUN_NOWAIT);
    while (uv_loop_close(&loop_) == UV_EBUSY) {
        uv_walk(
            &loop_,
            [](uv_handle_t* handle, void*) {
                if (uv_is_closing(handle) == 0) {
                    uv_close(handle, nullptr);
                }
            },
            nullptr);
        uv_run(&loop_, UV_RUN_NOWAIT);
    }
}

void Loop::run_nowait() {
    uv_run(&loop_, UV_RUN_NOWAIT);
    throw_kept();
}

void Loop::run_once() {
    uv_run(&loop_, UV_RUN_ONCE);
    throw_kept();
}

bool Loop::run_briefly() {
    is_brief_ = true;
    is_brief_enough_ = true;
    brief_bytes_left_ = brief_run_bytes;
    uv_run(&loop_, UV_RUN_NOWAIT);
    is_brief_ = false;
    throw_kept();
    return is_brief_enough_;
}

void Loop::throw_kept() {
    if (failure_) {
        std::rethrow_exception(std::exchange(failure_, nullptr));
    }
}

bool Loop::may_receive(std::size_t bytes) noexcept {
    if (!is_brief_) {
        return true;
    }
    bytes = std::max(bytes, min_received_bytes);
    if (bytes > brief_run_bytes) {
        is_brief_enough_ = false;
        return false;
    }
    if (bytes > brief_bytes_left_) {
        return false;
    }
    brief_bytes_left_ -= bytes;
    return true;
}

int Loop::next_timeout_ms() noexcept {
    uv_update_time(&loop_);
    return uv_backend_timeout(&loop_);
}

std::uint64_t Loop::now_ms() noexcept {
    uv_update_time(&loop_);
    return uv_now(&loop_);
}

void Loop::keep(std::exception_ptr failure) noexcept {
    if (!failure_) {
        failure_ = std::move(failure);
    }
}

Timer::Timer(Loop& loop, std::function<void()> on_timeout)
    : block_(
          make_handle<Block>([&loop](uv_timer_t* timer) { return uv_timer_init(loop.uv(), timer); },
                             std::move(on_timeout))) {}

void Timer::start(std::uint64_t after_ms) {
    // libuv counts from the time the loop last looked at the clock, which may be long ago.
    uv_update_time(block_->handle.loop);
    check_uv(uv_timer_start(
                 &block_->handle,
                 [](uv_timer_t* timer) {
                     auto* block = static_cast<Block*>(timer->data);
                     Loop::of(timer->loop).guard([block] { block->on_timeout(); });
                 },
                 after_ms, 0),
             "uv_timer_start");
}

void Timer::stop() noexcept {
    uv_timer_stop(&block_->handle);
}

bool Timer::active() const noexcept {
    return uv_is_active(reinterpret_cast<const uv_handle_t*>(&block_->handle)) != 0;
}

std::uint64_t Timer::due_in_ms() const noexcept {
    return active() ? uv_timer_get_due_in(&block_->handle) : 0;
}

Poll::Poll(Loop& loop, int fd, std::function<void(Readiness)> on_ready)
    : block_(make_handle<Block>(
          [&loop, fd](uv_poll_t* poll) { return uv_poll_init(loop.uv(), poll, fd); },
          std::move(on_ready))) {}

void Poll::watch(Readiness wanted) {
    const int events = (wanted.readable ? UV_READABLE : 0) | (wanted.writable ? UV_WRITABLE : 0) |
                       (wanted.hung_up ? UV_DISCONNECT : 0);
    if (events == 0) {
        uv_poll_stop(&block_->handle);
        return;
    }
    check_uv(uv_poll_start(
                 &block_->handle, events,
                 [](uv_poll_t* poll, int status, int ready) {
                     auto* block = static_cast<Block*>(poll->data);
                     const Readiness readiness{.readable = status < 0 || (ready & UV_READABLE) != 0,
                                               .writable = status < 0 || (ready & UV_WRITABLE) != 0,
                                               .hung_up = (ready & UV_DISCONNECT) != 0};
                     Loop::of(poll->loop).guard([block, readiness] { block->on_ready(readiness); });
                 }),
             "uv_poll_start");
}

}  // namespace barnacle
