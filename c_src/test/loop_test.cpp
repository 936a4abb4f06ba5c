// SPDX-License-Identifier: Apache-2.0
#include "../loop.hpp"

#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "support.hpp"

using namespace barnacle;
using test::open_descriptors;
using test::run_until;

TEST_CASE("a timer calls its function once, after its time") {
    Loop loop;
    int calls = 0;
    Timer timer(loop, [&calls] { ++calls; });
    const auto start = loop.now_ms();
    timer.start(20);
    CHECK(timer.active());
    REQUIRE(run_until(loop, [&] { return calls > 0; }));
    CHECK(loop.now_ms() - start >= 20);
    CHECK_FALSE(timer.active());
    loop.run_nowait();
    CHECK(calls == 1);
}

TEST_CASE("a timer counts from its start, not from when the loop last ran") {
    using Clock = std::chrono::steady_clock;
    Loop loop;
    loop.run_nowait();
    std::this_thread::sleep_for(std::chrono::milliseconds(40));  // the loop's time stands still
    bool done = false;
    Timer timer(loop, [&done] { done = true; });
    const auto start = Clock::now();
    timer.start(30);
    REQUIRE(run_until(loop, [&] { return done; }));
    // libuv's clock has whole milliseconds.
    CHECK(Clock::now() - start >= std::chrono::milliseconds(29));
}

TEST_CASE("a timer that is stopped or destroyed is silent") {
    Loop loop;
    int calls = 0;
    bool late = false;
    Timer stopped(loop, [&calls] { ++calls; });
    stopped.start(0);
    stopped.stop();
    std::optional<Timer> destroyed(std::in_place, loop, [&calls] { ++calls; });
    destroyed->start(0);
    destroyed.reset();
    Timer after(loop, [&late] { late = true; });
    after.start(10);
    REQUIRE(run_until(loop, [&] { return late; }));
    CHECK(calls == 0);
}

TEST_CASE("a timer may be destroyed in its own callback") {
    Loop loop;
    std::optional<Timer> timer;
    bool done = false;
    timer.emplace(loop, [&timer, &done] {
        timer.reset();
        done = true;
    });
    timer->start(0);
    CHECK(run_until(loop, [&] { return done; }));
}

TEST_CASE("the loop says when it wants to run next") {
    Loop loop;
    CHECK(loop.next_timeout_ms() == 0);  // with no handle there is nothing to wait for
    int descriptors[2];
    REQUIRE(pipe(descriptors) == 0);
    {
        Poll poll(loop, descriptors[0], [](Readiness) {});
        poll.watch({.readable = true});
        CHECK(loop.next_timeout_ms() == 0);  // the kernel hasn't been told yet
        loop.run_nowait();
        CHECK(loop.next_timeout_ms() == -1);
        Timer timer(loop, [] {});
        timer.start(10'000);
        CHECK(loop.next_timeout_ms() > 9'000);
        CHECK(loop.next_timeout_ms() <= 10'000);
    }
    close(descriptors[0]);
    close(descriptors[1]);
}

TEST_CASE("a poll reports what its descriptor is ready for") {
    Loop loop;
    int descriptors[2];
    REQUIRE(pipe(descriptors) == 0);
    {
        int readable = 0;
        int writable = 0;
        Poll reader(loop, descriptors[0], [&](Readiness ready) {
            readable += ready.readable ? 1 : 0;
            reader.watch({});
        });
        Poll writer(loop, descriptors[1], [&](Readiness ready) {
            writable += ready.writable ? 1 : 0;
            writer.watch({});
        });
        reader.watch({.readable = true});
        loop.run_nowait();
        CHECK(readable == 0);
        writer.watch({.writable = true});
        REQUIRE(run_until(loop, [&] { return writable == 1; }));
        REQUIRE(write(descriptors[1], "x", 1) == 1);
        REQUIRE(run_until(loop, [&] { return readable == 1; }));
        loop.run_nowait();
        CHECK(readable == 1);  // watches nothing now
    }
    close(descriptors[0]);
    close(descriptors[1]);
}

TEST_CASE("what a callback throws comes out of run_nowait, once") {
    Loop loop;
    Timer timer(loop, [] { throw std::runtime_error("seen"); });
    Timer second(loop, [] { throw std::runtime_error("second"); });
    timer.start(0);
    second.start(0);
    CHECK_THROWS_WITH_AS(run_until(loop, [&] { return !second.active(); }), "seen",
                         std::runtime_error);
    CHECK_NOTHROW(loop.run_nowait());
}

TEST_CASE("a handle that can't be made throws its errno") {
    Loop loop;
    try {
        Poll poll(loop, -1, [](Readiness) {});
        FAIL("a poll on descriptor -1");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == EBADF);
    }
}

TEST_CASE("loops and handles leave no descriptor behind") {
    { Loop first; }  // libuv opens what a process needs once
    const auto before = open_descriptors();
    for (int i = 0; i < 100; ++i) {
        Loop loop;
        Timer timer(loop, [] {});
        timer.start(1'000);
        if (i % 2 == 0) {
            loop.run_nowait();
        }
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a handle that outlives its loop is closed with it") {
    const auto before = open_descriptors();
    std::optional<Timer> timer;
    {
        Loop loop;
        timer.emplace(loop, [] {});
        timer->start(1'000);
    }
    timer.reset();
    CHECK(open_descriptors() == before);
}

TEST_CASE("errno names are OTP's") {
    CHECK(posix_name(ECONNREFUSED) == "econnrefused");
    CHECK(posix_name(EHOSTUNREACH) == "ehostunreach");
    CHECK(posix_name(EMFILE) == "emfile");
    CHECK(posix_name(ENOMEM) == "enomem");
    CHECK(posix_name(123'456) == "unknown");
}
