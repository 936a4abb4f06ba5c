// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "barnacle_core.hpp"
#include "requests.hpp"

using barnacle::Operation;
using namespace barnacle::test;

TEST_CASE("the steps of a lookup are short, those of many hosts are not") {
    const auto has_short_steps = [](const RequestBytes& request) {
        return Operation::open(request)->has_short_steps();
    };
    CHECK(has_short_steps(dns_request().bytes()));
    CHECK_FALSE(has_short_steps(resolve_request().bytes()));
    CHECK_FALSE(has_short_steps(epmd_names_request().bytes()));
}
