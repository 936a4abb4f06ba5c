// SPDX-License-Identifier: Apache-2.0
#include "resolv_conf.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace barnacle {

namespace {

constexpr std::size_t max_ndots = 15;           // as the C library has it
constexpr std::size_t max_search_domains = 32;  // as many as Kubernetes allows in a pod
constexpr std::string_view blanks = " \t\r";

std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> result;
    std::istringstream stream{std::string{line}};
    stream.exceptions(std::ios::badbit);  // want of memory is no end of the line
    for (std::string word; stream >> word;) {
        result.push_back(std::move(word));
    }
    return result;
}

void set_domains(SearchList& search, std::vector<std::string> domains) {
    if (domains.size() > max_search_domains) {
        domains.resize(max_search_domains);
    }
    search.domains = std::move(domains);
}

void set_options(SearchList& search, std::string_view options) {
    constexpr std::string_view key = "ndots:";
    for (const std::string& option : words(options)) {
        if (!option.starts_with(key)) {
            continue;
        }
        const char* const first = option.data() + key.size();
        const char* const last = option.data() + option.size();
        std::size_t ndots = 0;
        const auto [end, error] = std::from_chars(first, last, ndots);
        if (error == std::errc{} && end == last) {
            search.ndots = std::min(ndots, max_ndots);
        }
    }
}

// Read while the program has one thread or never changes its environment; so does c-ares.
std::optional<std::string> environment(const char* variable) {
    const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

std::vector<std::string> local_domain() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) {
        return {};
    }
    return domain_of_host(host.data());
}

}  // namespace

std::string read_file(const std::string& path) {
    errno = 0;
    std::ifstream file{path};
    if (!file && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        throw std::system_error(errno, std::generic_category(), path);
    }
    std::string text;
    std::array<char, 4096> buffer;  // NOLINT(*-member-init): written first
    while (file.read(buffer.data(), buffer.size()) || file.gcount() > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(file.gcount()));
    }
    return text;
}

SearchList parse_resolv_conf(std::string_view text) {
    SearchList search;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t keyword_bytes = std::min(line.find_first_of(blanks), line.size());
        const std::string_view keyword = line.substr(0, keyword_bytes);
        const std::string_view value = line.substr(keyword_bytes);
        std::vector<std::string> values = words(value);
        if (values.empty()) {
            continue;
        }
        if (keyword == "search") {
            set_domains(search, std::move(values));
        } else if (keyword == "domain") {
            set_domains(search, {values.front()});
        } else if (keyword == "options") {
            set_options(search, value);
        }
    }
    return search;
}

std::vector<std::string> domain_of_host(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || dot + 1 == name.size()) {
        return {};
    }
    return {std::string{name.substr(dot + 1)}};
}

SearchList system_search_list(const std::string& resolv_conf_path) {
    SearchList search = parse_resolv_conf(read_file(resolv_conf_path));
    if (const auto domains = environment("LOCALDOMAIN")) {
        set_domains(search, words(*domains));
    } else if (search.domains.empty()) {
        search.domains = local_domain();
    }
    if (const auto options = environment("RES_OPTIONS")) {
        set_options(search, *options);
    }
    return search;
}

}  // namespace barnacle
