// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace barnacle::fuzz {

// A variable of the environment, for as long as the object lives. Targets and tests have one
// thread.
class Variable {
 public:
    Variable(const char* name, const char* value) : name_(name) {
        ::setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
    }
    ~Variable() {
        ::unsetenv(name_);  // NOLINT(concurrency-mt-unsafe)
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

 private:
    const char* name_;
};

}  // namespace barnacle::fuzz
