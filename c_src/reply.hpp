// SPDX-License-Identifier: Apache-2.0
//
// Results and errors as the bytes of a reply; include/barnacle_core.hpp has their grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "epmd.hpp"
#include "hosts.hpp"
#include "lookup.hpp"
#include "probe_error.hpp"

namespace barnacle {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] Bytes encode_reply(const LookupResult& result);
[[nodiscard]] Bytes encode_reply(const std::vector<HostResult>& results);

// `hosts` are those of the request, `outcomes` theirs in the same order.
[[nodiscard]] Bytes encode_reply(const std::vector<std::string>& hosts,
                                 const EpmdNames::Result& outcomes);

[[nodiscard]] Bytes encode_reply(const std::vector<ProbeOutcome>& outcomes);

// What became known meanwhile: addresses of hosts, none where a name has no address so far, and
// outcomes of some targets, each with its place among the targets.
struct Part {
    std::vector<std::pair<std::string, Addresses>> hosts;
    std::vector<std::pair<std::size_t, ProbeOutcome>> outcomes;
};

// {part, [{Host, Addresses} | {Position, Probed}]}
[[nodiscard]] Bytes encode_part(const Part& part);

// {error, Reason} and {error, {Reason, Text}}
[[nodiscard]] Bytes encode_error(std::string_view reason);
[[nodiscard]] Bytes encode_error(std::string_view reason, std::string_view text);

// {error, {posix, Errno}}
[[nodiscard]] Bytes encode_posix_error(int posix_errno);

// {error, {posix, enomem}}, without needing memory.
[[nodiscard]] std::span<const std::uint8_t> out_of_memory_reply() noexcept;

}  // namespace barnacle
