// SPDX-License-Identifier: Apache-2.0
//
// What is read from resolv.conf(5) and its environment variables, and what comes of it. The table
// of docs/resolver.md names these test cases.
#include <string>
#include <vector>

#include "../resolv_conf.hpp"
#include "../resolver_configuration.hpp"
#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

Texts nameservers_in(const std::string& text) {
    return resolver_configuration({}, TemporaryFile(text).path()).nameservers;
}

// A lookup with the options of a resolv.conf, at a server of the test.
LookupResult look_up_with(Loop& loop, const std::string& resolv_conf, const DnsServer& server,
                          Families families = Families::both) {
    auto options = options_for("app.example.", {});
    options.families = families;
    options.configuration =
        resolver_configuration({server.nameserver()}, TemporaryFile(resolv_conf).path());
    return look_up(loop, std::move(options));
}

DnsScript both_families() {
    return zone(
        {address_record("app.example", "10.0.0.1"), address_record("app.example", "fd00::1")});
}

}  // namespace

TEST_CASE("resolv.conf: search, domain and ndots; the later of search and domain wins") {
    const ResolvConf pod = parse_resolv_conf(
        "# a comment\n"
        "nameserver 10.96.0.10\n"
        "search shop.svc.cluster.local\tsvc.cluster.local  cluster.local\n"
        "options timeout:2 ndots:5 edns0\n");
    CHECK(pod.search.domains ==
          Texts{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"});
    CHECK(pod.search.ndots == 5);
    CHECK(parse_resolv_conf("search a b\ndomain c\n").search.domains == Texts{"c"});
    CHECK(parse_resolv_conf("domain c d\nsearch a b").search.domains == Texts{"a", "b"});
    CHECK(parse_resolv_conf("search .\n").search.domains == Texts{"."});
}

TEST_CASE("resolv.conf: what makes no sense is passed over") {
    const ResolvConf conf = parse_resolv_conf(
        "search\nsearching a\n search b\noptions\noptions ndots: ndots:x ndots:-1 ndots\n\n\n"
        "lookup file bind\nfamily inet6\n");
    CHECK(conf == ResolvConf{});
    CHECK(parse_resolv_conf("") == ResolvConf{});
    std::string many = "search";
    for (int i = 0; i < 100; ++i) {
        many += " d" + std::to_string(i);
    }
    CHECK(parse_resolv_conf(many).search.domains.size() == 32);
}

TEST_CASE("resolv.conf: ndots as the C library reads numbers, 15 at most") {
    const auto ndots = [](const std::string& value) {
        return parse_resolv_conf("options ndots:" + value).search.ndots;
    };
    CHECK(ndots("0") == 0);
    CHECK(ndots("3x") == 3);
    CHECK(ndots("400") == 15);
    CHECK(ndots("99999999999999999999999") == 15);
    CHECK(parse_resolv_conf("options ndots:2 ndots:3\noptions ndots:4").search.ndots == 4);
}

TEST_CASE("resolv.conf: comments in the first column, tabs, trailing blanks and CRLF") {
    const std::string text =
        "; search a\r\n# search b\r\n#nameserver 192.0.2.9\r\n"
        "nameserver\t192.0.2.1 \t \r\nnameserver  192.0.2.2\r\n"
        "search \t a.example\tb.example \t\r\noptions\tndots:2\tuse-vc \r\n";
    const ResolvConf conf = parse_resolv_conf(text);
    CHECK(conf.search.domains == Texts{"a.example", "b.example"});
    CHECK(conf.search.ndots == 2);
    CHECK(conf.over_tcp);
    CHECK(nameservers_in(text) == Texts{"192.0.2.1:53", "192.0.2.2:53"});
}

TEST_CASE("resolv.conf: use-vc, no-aaaa and no-tld-query") {
    CHECK(parse_resolv_conf("options use-vc\n").over_tcp);
    CHECK(parse_resolv_conf("options edns0 no-aaaa\n").no_aaaa);
    CHECK(parse_resolv_conf("options no-tld-query\n").search.no_tld_query);
    CHECK(parse_resolv_conf("options no_tld_query\n").search.no_tld_query);
    CHECK(parse_resolv_conf("options use-vcs no-aaaaa use vc usevc -no-aaaa\n") == ResolvConf{});
    const TemporaryFile file("nameserver 192.0.2.1\noptions use-vc no-aaaa no-tld-query\n");
    for (const Texts& nameservers : {Texts{}, Texts{"192.0.2.2"}}) {
        const auto configuration = resolver_configuration(nameservers, file.path());
        CHECK(configuration.over_tcp);
        CHECK(configuration.no_aaaa);
        CHECK(configuration.search.no_tld_query);
    }
}

TEST_CASE("resolv.conf: keywords and options that are not honoured change nothing") {
    CHECK(parse_resolv_conf("sortlist 130.155.160.0/255.255.240.0\n"
                            "options debug timeout:30 attempts:5 rotate no-check-names inet6\n"
                            "options ip6-bytestring ip6-dotint no-ip6-dotint edns0\n"
                            "options single-request single-request-reopen no-reload trust-ad\n"
                            "options strict-error unknown-option\n") == ResolvConf{});
}

TEST_CASE("the environment overrides resolv.conf: LOCALDOMAIN and RES_OPTIONS") {
    const TemporaryFile file("search from.file\noptions ndots:2\n");
    CHECK(system_resolv_conf(file.path()).search == SearchList{{"from.file"}, 2});
    const Variable domains("LOCALDOMAIN", "from.environment second.environment");
    const Variable options("RES_OPTIONS", "ndots:7 use-vc no-aaaa");
    const ResolvConf conf = system_resolv_conf(file.path());
    CHECK(conf.search == SearchList{{"from.environment", "second.environment"}, 7});
    CHECK(conf.over_tcp);
    CHECK(conf.no_aaaa);
    CHECK(system_resolv_conf("/nonexistent/resolv.conf").search.ndots == 7);
}

TEST_CASE("the environment: an empty LOCALDOMAIN searches nothing") {
    const TemporaryFile file("search from.file\n");
    const Variable domains("LOCALDOMAIN", "");
    CHECK(system_resolv_conf(file.path()).search.domains.empty());
}

TEST_CASE("the domain of a host is what follows the first dot of its name") {
    CHECK(domain_of_host("host.a.example") == Texts{"a.example"});
    CHECK(domain_of_host("host.example.") == Texts{"example."});
    CHECK(domain_of_host(".a") == Texts{"a"});
    for (const auto* const name : {"", "host", "host.", "."}) {
        CAPTURE(name);
        CHECK(domain_of_host(name).empty());
    }
}

TEST_CASE("the configuration: given name servers replace those of the system, the search stays") {
    const TemporaryFile file(
        "nameserver 192.0.2.1\nnameserver 2001:db8::53\nsearch a.example\noptions ndots:3\n");
    const auto system = resolver_configuration({}, file.path());
    CHECK(system.nameservers == Texts{"192.0.2.1:53", "[2001:db8::53]:53"});
    CHECK(system.search.domains == Texts{"a.example"});
    CHECK(system.search.ndots == 3);
    const auto given = resolver_configuration({"10.0.0.1", "::1", "[::1]:5353"}, file.path());
    CHECK(given.nameservers == Texts{"10.0.0.1:53", "[::1]:53", "[::1]:5353"});
    CHECK(given.search.domains == Texts{"a.example"});
}

TEST_CASE("name servers: in their order, more than three, and each once") {
    CHECK(
        nameservers_in("nameserver 192.0.2.5\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n"
                       "nameserver 192.0.2.5\nnameserver 2001:db8::53\nnameserver 192.0.2.3\n"
                       "nameserver 192.0.2.1\nnameserver 2001:db8:0::53\n") ==
        Texts{"192.0.2.5:53", "192.0.2.1:53", "192.0.2.2:53", "[2001:db8::53]:53", "192.0.2.3:53"});
    CHECK(resolver_configuration({"192.0.2.2", "192.0.2.1:53", "192.0.2.2:53"}).nameservers ==
          Texts{"192.0.2.2:53", "192.0.2.1:53"});
}

TEST_CASE("name servers: what is none is passed over") {
    CHECK(nameservers_in("nameserver\nnameserver ns.example\nnameserver 192.0.2.256\n"
                         "nameservers 192.0.2.8\nnameserver 192.0.2.1 # the first one\n") ==
          Texts{"192.0.2.1:53"});
}

TEST_CASE("with no name server configured, this machine is asked") {
    CHECK(nameservers_in("search a.example\n") == Texts{"127.0.0.1:53"});
    CHECK(nameservers_in("") == Texts{"127.0.0.1:53"});
    CHECK(resolver_configuration({}, "/nonexistent/resolv.conf").nameservers ==
          Texts{"127.0.0.1:53"});
}

TEST_CASE("use-vc: every query goes over TCP") {
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto result = look_up_with(loop, "options use-vc\n", server);
    CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(server.requests().size() == 2);
    for (const DnsRequest& request : server.requests()) {
        CHECK(request.tcp);
    }
}

TEST_CASE("use-vc: errors and missing names are told as over UDP") {
    for (const Rcode rcode : {Rcode::servfail, Rcode::refused, Rcode::nxdomain}) {
        Loop loop;
        const DnsServer server(loop, always(rcode));
        const auto over_tcp = look_up_with(loop, "options use-vc\n", server);
        const auto over_udp = look_up_with(loop, "", server);
        CHECK(error_in(over_tcp.outcomes.a) == error_in(over_udp.outcomes.a));
        CHECK(error_in(over_tcp.outcomes.a).has_value());
    }
}

TEST_CASE("no-aaaa: A alone is queried, unless IPv6 alone is wanted") {
    for (const Families families : {Families::both, Families::ipv4, Families::prefer_ipv4}) {
        Loop loop;
        const DnsServer server(loop, by_type(type_a, both_families(), silence));
        const auto result = look_up_with(loop, "options no-aaaa\n", server, families);
        CHECK(texts(result.outcomes.a) == Texts{"10.0.0.1"});
        CHECK(is_not_wanted(result.outcomes.aaaa));
        CHECK(server.requests_for("app.example", type_aaaa) == 0);
    }
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto result = look_up_with(loop, "options no-aaaa\n", server, Families::ipv6);
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
    CHECK(server.requests_for("app.example", type_a) == 0);
}

TEST_CASE("no-aaaa: a node named by an IPv6 address has its own family all the same") {
    Loop loop;
    const DnsServer server(loop, both_families());
    const auto result = look_up_with(loop, "options no-aaaa\n", server, Families::prefer_ipv6);
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::1"});
}
