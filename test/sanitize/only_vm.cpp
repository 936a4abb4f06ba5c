// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a VM beside a sanitizer's library, which must be there before all others: programs
// that the VM starts get neither. Shells don't run under ThreadSanitizer, and whether name servers
// leak is not asked here.
//
// Also writes down what UndefinedBehaviorSanitizer says, which beside AddressSanitizer knows of no
// file to write to, and which a VM that dies takes along.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include <cerrno>  // program_invocation_short_name

namespace {

struct OnlyVm {
    OnlyVm() noexcept {
        // erlexec, which comes before, is to hand it on.
        if (std::strcmp(program_invocation_short_name, "beam.smp") == 0) {
            unsetenv("LD_PRELOAD");  // NOLINT(concurrency-mt-unsafe): before there are threads
        }
    }
} only_vm;

}  // namespace

// What GCC's and LLVM's runtime libraries have for this.
extern "C" {
__attribute__((weak)) void
__ubsan_get_current_report_data(  // NOLINT(*-reserved-identifier,cert-dcl*,*-identifier-naming)
    const char** kind, const char** message, const char** file, unsigned* line, unsigned* column,
    char** address);

__attribute__((visibility("default"))) void
__ubsan_on_report() {  // NOLINT(*-reserved-identifier,cert-dcl*,*-identifier-naming)
    const char* directory = std::getenv("REPORTS");  // NOLINT(concurrency-mt-unsafe)
    if (directory == nullptr || __ubsan_get_current_report_data == nullptr) {
        return;
    }
    const char* kind = nullptr;
    const char* message = nullptr;
    const char* source = nullptr;
    unsigned line = 0;
    unsigned column = 0;
    char* address = nullptr;
    __ubsan_get_current_report_data(&kind, &message, &source, &line, &column, &address);
    char path[4096];
    static_cast<void>(
        std::snprintf(path, sizeof path, "%s/ubsan.%d", directory, static_cast<int>(getpid())));
    if (std::FILE* file = std::fopen(path, "a"); file != nullptr) {
        static_cast<void>(std::fprintf(file, "%s:%u: %s: %s\n", source, line, kind, message));
        static_cast<void>(std::fclose(file));
    }
}
}
