// SPDX-License-Identifier: Apache-2.0
#include "../ip_address.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <vector>

using barnacle::ip_address_from_bytes;
using barnacle::ip_address_from_sockaddr;
using barnacle::IpAddress;
using barnacle::parse_ip_address;
using barnacle::to_sockaddr;
using barnacle::to_text;

TEST_SUITE("ip_address") {
    TEST_CASE("IPv4 text is read and written back") {
        for (const char* text : {"0.0.0.0", "127.0.0.1", "10.2.30.254", "255.255.255.255"}) {
            CAPTURE(text);
            const auto address = parse_ip_address(text);
            REQUIRE(address);
            CHECK(address->family == AF_INET);
            CHECK(address->size_bytes() == 4);
            CHECK(to_text(*address) == text);
        }
        CHECK(parse_ip_address("1.2.3.4")->bytes[3] == 4);
    }

    TEST_CASE("IPv6 text is written in the form of RFC 5952") {
        struct Case {
            std::string given, canonical;
        };
        const std::vector<Case> cases = {
            {"::1", "::1"},
            {"::", "::"},
            {"2001:DB8::A", "2001:db8::a"},
            {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
            {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one zero group is not shortened
            {"0:0:1::", "0:0:1::"},
            {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
        };
        for (const Case& c : cases) {
            const std::string& given = c.given;
            CAPTURE(given);
            const auto address = parse_ip_address(given);
            REQUIRE(address);
            CHECK(address->family == AF_INET6);
            CHECK(address->size_bytes() == 16);
            CHECK(to_text(*address) == c.canonical);
        }
    }

    TEST_CASE("what is no address is refused") {
        const std::vector<std::string> cases = {
            "",
            " ",
            "127.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.4 ",
            " 1.2.3.4",
            "0x7f.0.0.1",
            "-1.2.3.4",
            "+1.2.3.4",
            "[::1]",
            "::1%lo",
            "fe80::1%2",
            "1::2::3",
            ":::",
            "12345::",
            "g::",
            "localhost",
            "1.2.3.4:80",
            "1:2:3:4:5:6:7:8:9",
            ":",
            "1.2.3.4\n",
            std::string("1.2.3.4\0", 8),
            std::string("::1\0x", 5),
            std::string(4096, '1'),
        };
        for (const std::string& text : cases) {
            CAPTURE(text);
            CHECK_FALSE(parse_ip_address(text));
        }
    }

    TEST_CASE("bytes become an address by their number") {
        const std::vector<std::uint8_t> bytes = {192, 0,  2,  1,  5,  6,  7,  8,
                                                 9,   10, 11, 12, 13, 14, 15, 16};
        CHECK(to_text(*ip_address_from_bytes({bytes.data(), 4})) == "192.0.2.1");
        CHECK(to_text(*ip_address_from_bytes(bytes)) == "c000:201:506:708:90a:b0c:d0e:f10");
        for (const std::size_t count : {0, 1, 3, 5, 15}) {
            CAPTURE(count);
            CHECK_FALSE(ip_address_from_bytes({bytes.data(), count}));
        }
    }

    TEST_CASE("a socket address carries address and port, and gives the address back") {
        for (const char* text : {"127.0.0.2", "2001:db8::7"}) {
            CAPTURE(text);
            const IpAddress address = *parse_ip_address(text);
            const sockaddr_storage storage = to_sockaddr(address, 4370);
            CHECK(storage.ss_family == address.family);
            sockaddr_in ipv4{};
            std::memcpy(&ipv4, &storage, sizeof ipv4);  // the port lies at the same place in both
            CHECK(ntohs(ipv4.sin_port) == 4370);
            CHECK(ip_address_from_sockaddr(reinterpret_cast<const sockaddr&>(storage)) == address);
        }
    }

    TEST_CASE("no family, no address") {
        const sockaddr_storage storage = to_sockaddr(IpAddress{}, 1);
        CHECK(storage.ss_family == AF_UNSPEC);
        CHECK_FALSE(ip_address_from_sockaddr(reinterpret_cast<const sockaddr&>(storage)));
        CHECK(to_text(IpAddress{}).empty());
    }

    TEST_CASE("addresses compare by family, then by bytes") {
        CHECK(*parse_ip_address("9.9.9.9") == *parse_ip_address("9.9.9.9"));
        CHECK(*parse_ip_address("9.9.9.9") < *parse_ip_address("10.0.0.0"));
        CHECK(*parse_ip_address("255.0.0.0") < *parse_ip_address("::"));
        CHECK(*parse_ip_address("0.0.0.0") != *parse_ip_address("::"));
    }
}
