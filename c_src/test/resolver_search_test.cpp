// SPDX-License-Identifier: Apache-2.0
//
// The search list: which names are asked for, and whose answer counts.
#include <vector>

#include "../resolv_conf.hpp"
#include "../resolver_configuration.hpp"
#include "../search.hpp"
#include "resolver_support.hpp"

using namespace barnacle;
using namespace barnacle::test;

namespace {

// As Kubernetes writes it into a pod of the namespace `shop`, with a domain of the node's behind.
SearchList kubernetes() {
    return {{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"}, 5};
}

LookupOptions searching(std::string name, const DnsServer& server, SearchList search) {
    LookupOptions options = options_for(std::move(name), {server.nameserver()});
    options.configuration.search = std::move(search);
    return options;
}

// A record of both families for every name that ends in `suffix`.
DnsScript wildcard(std::string suffix, DnsScript others) {
    return [suffix = std::move(suffix),
            others = std::move(others)](const DnsRequest& request) -> std::vector<DnsReply> {
        if (!request.name.ends_with(suffix)) {
            return others(request);
        }
        const auto* const address = request.type == type_a ? "10.66.66.66" : "fd00::6666";
        return {{encode_reply(request, {}, {address_record(request.name, address)})}};
    };
}

DnsScript by_name(std::string name, DnsScript one, DnsScript others) {
    return [name = std::move(name), one = std::move(one),
            others = std::move(others)](const DnsRequest& request) {
        return request.name == name ? one(request) : others(request);
    };
}

Texts names_asked(const DnsServer& server, std::uint16_t type) {
    Texts names;
    for (const DnsRequest& request : server.requests()) {
        if (request.type == type) {
            names.push_back(request.name);
        }
    }
    return names;
}

}  // namespace

TEST_CASE("fewer dots than ndots: the search domains come first") {
    CHECK(search_candidates("web.shop", kubernetes()) ==
          Texts{"web.shop.shop.svc.cluster.local", "web.shop.svc.cluster.local",
                "web.shop.cluster.local", "web.shop.corp.example", "web.shop"});
}

TEST_CASE("as many dots as ndots: the name as it is comes first") {
    CHECK(search_candidates("a.b", {{"example"}, 1}) == Texts{"a.b", "a.b.example"});
    CHECK(search_candidates("a", {{"example"}, 0}) == Texts{"a", "a.example"});
}

TEST_CASE("a trailing dot: only the name as it is") {
    CHECK(search_candidates("a.", {{"example"}, 5}) == Texts{"a"});
    CHECK(search_candidates("a.b.", kubernetes()) == Texts{"a.b"});
}

TEST_CASE("the root as a search domain adds nothing, and no name is asked for twice") {
    CHECK(search_candidates("a", {{"."}, 1}) == Texts{"a"});
    CHECK(search_candidates("a", {{"example", ".", "example."}, 1}) == Texts{"a.example", "a"});
}

TEST_CASE("search domains that make no valid name are passed over") {
    CHECK(search_candidates("a", {{"bad domain", "x..y", std::string(252, 'x')}, 1}) == Texts{"a"});
}

TEST_CASE("a search domain that ends in two dots made a candidate with a trailing dot") {
    CHECK(search_candidates("a", {{"example..", "example."}, 1}) == Texts{"a.example", "a"});
}

TEST_CASE("resolv.conf: search, domain and ndots; the later of search and domain wins") {
    const SearchList pod = parse_resolv_conf(
        "# a comment\n"
        "nameserver 10.96.0.10\n"
        "search shop.svc.cluster.local\tsvc.cluster.local  cluster.local\n"
        "options timeout:2 ndots:5 edns0\n");
    CHECK(pod.domains == Texts{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"});
    CHECK(pod.ndots == 5);
    CHECK(parse_resolv_conf("search a b\ndomain c\n").domains == Texts{"c"});
    CHECK(parse_resolv_conf("domain c d\nsearch a b").domains == Texts{"a", "b"});
    CHECK(parse_resolv_conf("search .\n").domains == Texts{"."});
}

TEST_CASE("resolv.conf: what makes no sense is passed over") {
    const SearchList search = parse_resolv_conf(
        "search\nsearching a\n;search b\noptions\noptions ndots: ndots:x ndots:3x ndots:-1\n\n\n");
    CHECK(search.domains.empty());
    CHECK(search.ndots == 1);
    CHECK(parse_resolv_conf("options ndots:400").ndots == 15);
    CHECK(parse_resolv_conf("").domains.empty());
    std::string many = "search";
    for (int i = 0; i < 100; ++i) {
        many += " d" + std::to_string(i);
    }
    CHECK(parse_resolv_conf(many).domains.size() == 32);
}

TEST_CASE("the environment overrides resolv.conf") {
    const TemporaryFile file("search from.file\noptions ndots:2\n");
    CHECK(system_search_list(file.path()).domains == Texts{"from.file"});
    CHECK(system_search_list(file.path()).ndots == 2);
    const Variable domains("LOCALDOMAIN", "from.environment second.environment");
    const Variable options("RES_OPTIONS", "ndots:7");
    CHECK(system_search_list(file.path()).domains ==
          Texts{"from.environment", "second.environment"});
    CHECK(system_search_list(file.path()).ndots == 7);
    CHECK(system_search_list("/nonexistent/resolv.conf").ndots == 7);
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

TEST_CASE("with no name server configured, this machine is asked") {
    const TemporaryFile file("search a.example\n");
    CHECK(resolver_configuration({}, file.path()).nameservers == Texts{"127.0.0.1:53"});
}

TEST_CASE("a service of a namespace is found as a pod of Kubernetes searches for it") {
    Loop loop;
    const DnsServer server(loop, zone({address_record("web.store.svc.cluster.local", "10.1.0.1")}));
    const auto result = look_up(loop, searching("web.store", server, kubernetes()));
    CHECK(result.candidate == "web.store.svc.cluster.local");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
    CHECK(is_no_data(result.outcomes.aaaa));
    CHECK(names_asked(server, type_a) ==
          Texts{"web.store.shop.svc.cluster.local", "web.store.svc.cluster.local"});
    CHECK(names_asked(server, type_aaaa) == names_asked(server, type_a));
}

TEST_CASE("the addresses of both families come from one candidate, whatever a wildcard has") {
    Loop loop;
    const DnsServer server(
        loop, wildcard(".corp.example",
                       zone({address_record("web.store.svc.cluster.local", "10.1.0.1")})));
    const auto result = look_up(loop, searching("web.store", server, kubernetes()));
    CHECK(result.candidate == "web.store.svc.cluster.local");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
    CHECK(is_no_data(result.outcomes.aaaa));
}

TEST_CASE("a wildcard answers for a name that no other candidate has") {
    Loop loop;
    const DnsServer server(loop, wildcard(".corp.example", zone({})));
    const auto result = look_up(loop, searching("web.store", server, kubernetes()));
    CHECK(result.candidate == "web.store.corp.example");
    CHECK(texts(result.outcomes.a) == Texts{"10.66.66.66"});
    CHECK(texts(result.outcomes.aaaa) == Texts{"fd00::6666"});
}

TEST_CASE("a name of one label is found under `search .`") {
    Loop loop;
    const DnsServer server(loop, zone({address_record("web", "10.1.0.1")}));
    const auto result = look_up(loop, searching("web", server, {{"."}, 1}));
    CHECK(result.candidate == "web");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
}

TEST_CASE("an error of one candidate does not end the search") {
    for (const Rcode rcode : {Rcode::refused, Rcode::servfail}) {
        Loop loop;
        const DnsServer server(loop,
                               by_name("web.one.example", always(rcode),
                                       zone({address_record("web.two.example", "10.1.0.1")})));
        const auto result =
            look_up(loop, searching("web", server, {{"one.example", "two.example"}, 1}));
        CHECK(result.candidate == "web.two.example");
        CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
    }
}

TEST_CASE("with no addresses anywhere, an error is told rather than NXDOMAIN") {
    Loop loop;
    const DnsServer server(loop, by_name("web.one.example", always(Rcode::servfail), zone({})));
    const auto result =
        look_up(loop, searching("web", server, {{"one.example", "two.example"}, 1}));
    CHECK(result.candidate == "web.one.example");
    CHECK(error_in(result.outcomes.a) == servfail);
    CHECK(error_in(result.outcomes.aaaa) == servfail);
}

TEST_CASE("with no addresses and no error anywhere, the last candidate is told") {
    Loop loop;
    const DnsServer server(loop, zone({}));
    const auto result = look_up(loop, searching("web", server, {{"one.example"}, 1}));
    CHECK(result.candidate == "web");
    CHECK(error_in(result.outcomes.a) == nxdomain);
    CHECK(error_in(result.outcomes.aaaa) == nxdomain);
}

TEST_CASE("a silent candidate does not keep the next one from being asked") {
    Loop loop;
    const DnsServer server(loop, by_name("web.one.example", silence,
                                         zone({address_record("web.two.example", "10.1.0.1")})));
    auto options = searching("web", server, {{"one.example", "two.example"}, 1});
    options.timeout_ms = 2000;
    const auto result = look_up(loop, std::move(options));
    CHECK(result.candidate == "web.two.example");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
}

TEST_CASE("a candidate that answers after the next one was asked, and has failed, is heard") {
    Loop loop;
    const DnsServer server(
        loop, by_name("web.one.example",
                      late(zone({address_record("web.one.example", "10.1.0.1")}), 2500), zone({})));
    auto options = searching("web", server, {{"one.example"}, 1});
    options.timeout_ms = 4000;
    options.grace_ms = 0;
    const auto result = look_up(loop, std::move(options));
    CHECK(server.requests_for("web", type_a) == 1);
    CHECK(result.candidate == "web.one.example");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
}

TEST_CASE("at the deadline the candidate that has addresses is the result, not a silent one") {
    Loop loop;
    const DnsServer server(
        loop,
        by_name("web.two.example",
                by_type(type_a, zone({address_record("web.two.example", "10.1.0.1")}), silence),
                silence));
    auto options = searching("web", server, {{"one.example", "two.example"}, 1});
    options.timeout_ms = 2000;
    const auto result = look_up(loop, std::move(options));
    CHECK(result.candidate == "web.two.example");
    CHECK(texts(result.outcomes.a) == Texts{"10.1.0.1"});
    CHECK(error_in(result.outcomes.aaaa) == timeout);
}

TEST_CASE("silent candidates are all a timeout at the deadline") {
    Loop loop;
    const DnsServer server(loop, silence);
    auto options = searching("web", server, {{"one.example", "two.example"}, 1});
    options.timeout_ms = 200;
    const auto result = look_up(loop, std::move(options));
    CHECK(names_asked(server, type_a) == Texts{"web.one.example", "web.two.example", "web"});
    CHECK(result.candidate == "web.one.example");
    CHECK(error_in(result.outcomes.a) == timeout);
}
