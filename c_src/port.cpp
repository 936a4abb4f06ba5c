// SPDX-License-Identifier: Apache-2.0
//
// The port program: the core in an operating system process of its own, for Erlang VMs that want no
// native code inside. port_frames.hpp says what it speaks.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "barnacle_core.hpp"
#include "loop.hpp"
#include "port_shell.hpp"

namespace {

// An operation takes a few descriptors, and this process has no other use for them. Where the
// limit can't be raised, operations past it have emfile as their reply.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

bool is_pipe(int fd) {
    struct stat status = {};
    return fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

// libuv wants these three descriptors for itself when it finds one free.
void check_standard_descriptors() {
    if (!is_pipe(STDIN_FILENO) || !is_pipe(STDOUT_FILENO)) {
        throw std::runtime_error("standard input and output must be pipes");
    }
    if (fcntl(STDERR_FILENO, F_GETFD) < 0 && open("/dev/null", O_WRONLY) < 0) {
        throw std::system_error(errno, std::generic_category(), "/dev/null");
    }
}

void run() {
    check_standard_descriptors();
    // A reader that is gone is an error of the write.
    if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        throw std::system_error(errno, std::generic_category(), "SIGPIPE");
    }
    raise_descriptor_limit();
    if (const int error = barnacle::prepare_process(); error != 0) {
        throw std::system_error(error, std::generic_category(), "the event loop");
    }
    barnacle::Loop loop;
    barnacle::PortShell(loop).run();
}

}  // namespace

int main() {
    try {
        run();
        return 0;
    } catch (const std::exception& failure) {
        const std::string line = std::string("barnacle_port: ") + failure.what() +
                                 " (it is started by barnacle and speaks to it alone)\n";
        static_cast<void>(std::fputs(line.c_str(), stderr));
        return 1;
    }
}
