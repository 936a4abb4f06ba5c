// SPDX-License-Identifier: Apache-2.0
//
// Tells for each process id that it reads how much CPU time that process has had so far, in
// nanoseconds, all its threads together (clock_getcpuclockid(3)).
#include <ctime>
#include <iostream>

int main() {
    for (int pid = 0; std::cin >> pid;) {
        clockid_t clock{};
        timespec time{};
        if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
            std::cerr << "cpu_clock: no process " << pid << "\n";
            return 1;
        }
        std::cout << time.tv_sec * 1'000'000'000LL + time.tv_nsec << std::endl;
    }
    return 0;
}
