// SPDX-License-Identifier: Apache-2.0
#include "../host_name.hpp"

#include <doctest/doctest.h>

#include <string>

#include "../lookup_error.hpp"
#include "../nameserver.hpp"

using namespace barnacle;

namespace {

bool says(const std::optional<std::string>& error, const std::string& text) {
    return error.has_value() && error->find(text) != std::string::npos;
}

std::string repeated(const std::string& text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) {
        result += text;
    }
    return result;
}

}  // namespace

TEST_CASE("host names that can be looked up") {
    for (const std::string& name :
         {std::string{"a"}, std::string{"app.example"}, std::string{"app.example."},
          std::string{"_epmd._tcp.app-1.example"}, std::string{"1.2.3"}, std::string{"10.0.0.1"},
          std::string{"fd00::1"}, std::string(63, 'a'), repeated("abcdefg.", 31) + "abcde",
          repeated("abcdefg.", 31) + "abcde."}) {
        CAPTURE(name);
        CHECK(check_host_name(name) == std::nullopt);
    }
}

TEST_CASE("what is wrong with a host name is said, with the name") {
    CHECK(says(check_host_name(""), "empty"));
    CHECK(says(check_host_name("."), "empty label"));
    CHECK(says(check_host_name(".a"), "empty label"));
    CHECK(says(check_host_name("a..b"), "\"a..b\" has an empty label"));
    CHECK(says(check_host_name("a.."), "empty label"));
    CHECK(says(check_host_name(std::string(64, 'a') + ".b"), "label of 64 bytes"));
    CHECK(says(check_host_name(repeated("abcdefg.", 31) + "abcdef"), "254 bytes"));
    CHECK(says(check_host_name("app@example"), "contains '@'"));
    CHECK(says(check_host_name("app example"), "contains ' '"));
    CHECK(says(check_host_name("a\\.b"), "contains '\\'"));
    CHECK(says(check_host_name("fe80::1%eth0"), "contains ':'"));
    CHECK(says(check_host_name(std::string{"a\0b", 3}), "byte \\x00"));
    CHECK(says(check_host_name("a\nb"), "\"a\\x0ab\" contains byte \\x0a"));
    CHECK(says(check_host_name("m\xc3\xbc.example"), "byte \\xc3"));
}

TEST_CASE("of all bytes only letters, digits, '-', '_' and '.' are in a host name") {
    const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    for (int byte = 0; byte < 256; ++byte) {
        const std::string name{'a', static_cast<char>(byte), 'b'};
        CAPTURE(byte);
        CHECK(check_host_name(name).has_value() ==
              (allowed.find(static_cast<char>(byte)) == std::string::npos));
    }
}

TEST_CASE("a quoted text is printable and short") {
    CHECK(quoted("a\x1b[0m") == "\"a\\x1b[0m\"");
    CHECK(quoted(std::string(1000, 'x')) == '"' + std::string(80, 'x') + "...\"");
}

TEST_CASE("localhost and what is below it") {
    CHECK(is_localhost("localhost"));
    CHECK(is_localhost("LOCALHOST."));
    CHECK(is_localhost("a.b.localhost"));
    CHECK_FALSE(is_localhost("notlocalhost"));
    CHECK_FALSE(is_localhost("localhost.example"));
    CHECK_FALSE(is_localhost(""));
}

TEST_CASE("name servers, with a port and without") {
    const auto canonical = [](std::string_view text) {
        const auto nameserver = parse_nameserver(text);
        return nameserver ? to_text(*nameserver) : std::string{};
    };
    CHECK(canonical("10.0.0.2") == "10.0.0.2:53");
    CHECK(canonical("10.0.0.2:5353") == "10.0.0.2:5353");
    CHECK(canonical("::1") == "[::1]:53");
    CHECK(canonical("[::1]") == "[::1]:53");
    CHECK(canonical("[2001:db8::1]:5353") == "[2001:db8::1]:5353");
    CHECK(canonical("fe80::53%eth0") == "[fe80::53%eth0]:53");
    CHECK(canonical("[fe80::53%2]") == "[fe80::53%2]:53");
    CHECK(canonical("[febf::53%br-lan.7]:5353") == "[febf::53%br-lan.7]:5353");
    CHECK(check_nameserver("10.0.0.2:53") == std::nullopt);
}

TEST_CASE("the name servers of resolv.conf keep their order, ports and zones") {
    CHECK(barnacle::nameservers_in("# nameserver 192.0.2.9\n"
                                   "nameserver fe80::53%eth0\n"
                                   "nameserver\t192.0.2.1   # the old one\r\n"
                                   " nameserver 192.0.2.8\n"
                                   "nameservers 192.0.2.7\n"
                                   "nameserver ns.example\n"
                                   "nameserver [2001:db8::53]:5353 192.0.2.2;no\n"
                                   "nameserver 192.0.2.3") ==
          std::vector<std::string>{"[fe80::53%eth0]:53", "192.0.2.1:53", "[2001:db8::53]:5353",
                                   "192.0.2.3:53"});
    // The C library ignores a zone that means nothing.
    CHECK(barnacle::nameservers_in("nameserver ::1%lo\nnameserver fe80::1%\n") ==
          std::vector<std::string>{"[::1]:53"});
    CHECK(barnacle::nameservers_in("").empty());
}

TEST_CASE("what is no name server is quoted, with how to write one") {
    for (const auto* const text : {"",
                                   "ns.example",
                                   "10.0.0.2:",
                                   "10.0.0.2:0",
                                   "10.0.0.2:65536",
                                   "10.0.0.2:-1",
                                   "10.0.0.2:53x",
                                   "10.0.0.2: 53",
                                   "10.0.0",
                                   "[10.0.0.2]:53",
                                   "[::1",
                                   "[::1]53",
                                   "[]:53",
                                   "[",
                                   "10.0.0.2,10.0.0.3",
                                   "10.0.0.2:53,1.1.1.1",
                                   "fe80::53%",
                                   "fe80::53%eth 0",
                                   "fe80::53%eth0%eth1",
                                   "fe80::53%an-interface-too-long",
                                   "[fe80::53]%eth0",
                                   "fd00::1%eth0",
                                   "fec0::1%eth0",
                                   "10.0.0.2%eth0",
                                   "10.0.0.2%eth0:53",
                                   "%eth0"}) {
        CAPTURE(text);
        const auto error = check_nameserver(text);
        CHECK(says(error, quoted(text)));
        CHECK(says(error, "\"10.0.0.2:53\""));
    }
}

TEST_CASE("every lookup error has an atom") {
    CHECK(lookup_error_atom(LookupErrorCode::nxdomain) == "nxdomain");
    CHECK(lookup_error_atom(LookupErrorCode::unknown) == "unknown");
    CHECK(lookup_error_names.size() == 10);
}
