// SPDX-License-Identifier: Apache-2.0
//
// The search list: which names are asked for, and whose answer counts.
#include <vector>

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

TEST_CASE("no-tld-query: a name without a dot is not queried as it is after the search domains") {
    CHECK(search_candidates("a", {{"example"}, 1, true}) == Texts{"a.example"});
    CHECK(search_candidates("a", {{"example"}, 0, true}) == Texts{"a", "a.example"});
    CHECK(search_candidates("a.b", {{"example"}, 2, true}) == Texts{"a.b.example", "a.b"});
    CHECK(search_candidates("a.", {{"example"}, 1, true}) == Texts{"a"});
    CHECK(search_candidates("a", {{}, 1, true}) == Texts{"a"});
    Loop loop;
    const DnsServer server(loop, always(Rcode::refused));
    const auto result = look_up(loop, searching("a", server, {{"one", "two"}, 1, true}));
    CHECK(result.candidate == "a.two");
    CHECK(error_in(result.outcomes.a) == refused);
}

TEST_CASE("a search domain that ends in two dots made a candidate with a trailing dot") {
    CHECK(search_candidates("a", {{"example..", "example."}, 1}) == Texts{"a.example", "a"});
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
    for (const std::size_t ndots : {1, 0}) {
        Loop loop;
        const DnsServer server(loop, by_name("web.one.example", always(Rcode::servfail), zone({})));
        const auto result =
            look_up(loop, searching("web", server, {{"one.example", "two.example"}, ndots}));
        CHECK(result.candidate == "web.one.example");
        CHECK(error_in(result.outcomes.a) == servfail);
        CHECK(error_in(result.outcomes.aaaa) == servfail);
    }
}

TEST_CASE("REFUSED for a name of the search list does not hide NXDOMAIN of the name as given") {
    for (const std::size_t ndots : {1, 2}) {
        CAPTURE(ndots);
        Loop loop;
        const DnsServer server(loop, by_name("no.internal", zone({}), always(Rcode::refused)));
        const auto result = look_up(loop, searching("no.internal", server, {{"corp"}, ndots}));
        CHECK(result.candidate == "no.internal");
        CHECK(error_in(result.outcomes.a) == nxdomain);
        CHECK(error_in(result.outcomes.aaaa) == nxdomain);
    }
}

TEST_CASE("REFUSED for a name of the search list hides no error of another one") {
    Loop loop;
    const DnsServer server(loop,
                           by_name("web.one.example", always(Rcode::refused),
                                   by_name("web.two.example", always(Rcode::servfail), zone({}))));
    const auto result =
        look_up(loop, searching("web", server, {{"one.example", "two.example"}, 1}));
    CHECK(result.candidate == "web.two.example");
    CHECK(error_in(result.outcomes.a) == servfail);
}

TEST_CASE("REFUSED for the name as given is told") {
    Loop loop;
    const DnsServer server(loop, by_name("web.example", always(Rcode::refused), zone({})));
    const auto result = look_up(loop, searching("web.example", server, {{"corp"}, 1}));
    CHECK(result.candidate == "web.example");
    CHECK(error_in(result.outcomes.a) == refused);
}

TEST_CASE("each query without addresses is told: its full name, its server and its outcome") {
    Loop loop;
    const DnsServer broken(loop, always(Rcode::servfail));
    const DnsServer server(loop, by_name("web.corp", always(Rcode::refused),
                                         by_name("web.net", always(Rcode::noerror), zone({}))));
    auto options = searching("web", broken, {{"corp", "net"}, 1});
    options.configuration.nameservers.push_back(server.nameserver());
    const auto result = look_up(loop, std::move(options));
    CHECK(result.queried == std::vector<Queried>{{"web.corp", broken.nameserver(), servfail},
                                                 {"web.corp", server.nameserver(), refused},
                                                 {"web.net", broken.nameserver(), servfail},
                                                 {"web.net", server.nameserver(), NoData{}},
                                                 {"web", broken.nameserver(), servfail},
                                                 {"web", server.nameserver(), nxdomain}});
}

TEST_CASE("of a name with addresses, errors alone are told; of the names before it, all") {
    Loop loop;
    const DnsServer server(loop,
                           by_type(type_aaaa, by_name("web.net", always(Rcode::servfail), zone({})),
                                   zone({address_record("web.net", "10.1.0.1")})));
    const auto result = look_up(loop, searching("web", server, {{"corp", "net"}, 1}));
    CHECK(result.candidate == "web.net");
    CHECK(result.queried == std::vector<Queried>{{"web.corp", server.nameserver(), nxdomain},
                                                 {"web.net", server.nameserver(), servfail}});
}

TEST_CASE("of very many queries without addresses, the first ones are told") {
    Loop loop;
    const DnsServer servers[]{
        {loop, always(Rcode::servfail)}, {loop, always(Rcode::servfail)}, {loop, zone({})}};
    std::vector<std::string> domains;
    for (int i = 0; i < 32; ++i) {
        domains.push_back("d" + std::to_string(i));
    }
    auto options = searching("web", servers[0], {std::move(domains), 1});
    options.configuration.nameservers.push_back(servers[1].nameserver());
    options.configuration.nameservers.push_back(servers[2].nameserver());
    const auto result = look_up(loop, std::move(options));
    CHECK(result.queried.size() == max_queried_told);
    CHECK(result.queried.front().name == "web.d0");
}

TEST_CASE("with no addresses and no error anywhere, the name as given is told") {
    for (const std::size_t ndots : {1, 0}) {
        Loop loop;
        const DnsServer server(loop, zone({}));
        const auto result = look_up(loop, searching("web", server, {{"one.example"}, ndots}));
        CHECK(result.candidate == "web");
        CHECK(error_in(result.outcomes.a) == nxdomain);
        CHECK(error_in(result.outcomes.aaaa) == nxdomain);
    }
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
