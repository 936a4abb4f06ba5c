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

// A number as the C library reads it: what follows the digits is ignored. Nothing without digits.
std::optional<std::size_t> leading_number(std::string_view text, std::size_t max) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end == text.data()) {
        return std::nullopt;
    }
    return error == std::errc{} ? std::min(number, max) : max;
}

void set_options(ResolvConf& conf, std::string_view options) {
    constexpr std::string_view ndots = "ndots:";
    for (const std::string& option : words(options)) {
        if (option.starts_with(ndots)) {
            const auto number =
                leading_number(std::string_view{option}.substr(ndots.size()), max_ndots);
            conf.search.ndots = number.value_or(conf.search.ndots);
        }
        conf.search.no_tld_query |= option == "no-tld-query" || option == "no_tld_query";
        conf.over_tcp |= option == "use-vc";
        conf.no_aaaa |= option == "no-aaaa";
    }
}

// Read while the program has one thread or never changes its environment; so does c-ares.
std::optional<std::string> environment(const char* variable) {
    const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

// Empty where there is none. One that is there and could not be read for want of descriptors or
// memory is no empty one: throws std::system_error or std::bad_alloc.
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

std::vector<std::string> local_domain() {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) {
        return {};
    }
    return domain_of_host(host.data());
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf conf;
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
            set_domains(conf.search, std::move(values));
        } else if (keyword == "domain") {
            set_domains(conf.search, {values.front()});
        } else if (keyword == "options") {
            set_options(conf, value);
        }
    }
    return conf;
}

std::vector<std::string> domain_of_host(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || dot + 1 == name.size()) {
        return {};
    }
    return {std::string{name.substr(dot + 1)}};
}

ResolvConf system_resolv_conf(const std::string& path) {
    ResolvConf conf = parse_resolv_conf(read_file(path));
    if (const auto domains = environment("LOCALDOMAIN")) {
        set_domains(conf.search, words(*domains));
    } else if (conf.search.domains.empty()) {
        conf.search.domains = local_domain();
    }
    if (const auto options = environment("RES_OPTIONS")) {
        set_options(conf, *options);
    }
    return conf;
}

}  // namespace barnacle
