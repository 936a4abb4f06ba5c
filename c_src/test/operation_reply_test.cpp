// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "operation_support.hpp"
#include "probe_support.hpp"
#include "scripted_epmd.hpp"

using barnacle::Encoder;
using barnacle::Loop;
using barnacle::Operation;
using namespace barnacle::test;

namespace {

// Neither doubts nor names whose responses are long.
void nothing_else(Encoder& encoder) {
    const std::vector<int> none;
    encoder.atom("doubts").list(none, [](int) {});
    encoder.atom("truncated").list(none, [](int) {});
}

}  // namespace

TEST_CASE("dns: addresses of both families, and what a missing name has") {
    Loop servers;
    DnsServer server(servers, zone({address_record("service.example", "10.0.0.1"),
                                    address_record("service.example", "fd00::1:2"),
                                    address_record("four.example", "10.0.0.4")}));
    const auto ask = [&](const std::string& name) {
        const auto operation =
            Operation::open(dns_request()
                                .with("name", binary(name))
                                .with("timeout_ms", integer(generous_ms))
                                .with("grace_ms", integer(generous_ms))
                                .with("nameservers", binaries({server.nameserver()}))
                                .bytes());
        return drive(*operation, servers);
    };
    Encoder both;
    both.tuple(2).atom("ok").map(6).atom("candidate").binary("service.example");
    both.atom("a").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        both.tuple(4).integer(10).integer(0).integer(0).integer(1);
    });
    both.atom("aaaa").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        both.tuple(8).integer(0xfd00);
        for (const int part : {0, 0, 0, 0, 0, 1, 2}) {
            both.integer(part);
        }
    });
    both.atom("queried").list(std::vector<int>{}, [](int) {});
    nothing_else(both);
    CHECK(ask("service.example.") == text(both));

    Encoder one;
    one.tuple(2).atom("ok").map(6).atom("candidate").binary("four.example");
    one.atom("a").tuple(2).atom("addresses").list(std::vector{1}, [&](int) {
        one.tuple(4).integer(10).integer(0).integer(0).integer(4);
    });
    one.atom("aaaa").atom("no_data");
    one.atom("queried").list(std::vector<int>{}, [](int) {});
    nothing_else(one);
    CHECK(ask("four.example.") == text(one));

    Encoder none;
    none.tuple(2).atom("ok").map(6).atom("candidate").binary("none.example");
    none.atom("a").tuple(2).atom("error").atom("nxdomain");
    none.atom("aaaa").tuple(2).atom("error").atom("nxdomain");
    none.atom("queried").list(std::vector{1}, [&](int) {
        none.tuple(3).binary("none.example").binary(server.nameserver()).atom("nxdomain");
    });
    nothing_else(none);
    CHECK(ask("none.example.") == text(none));
}

TEST_CASE("dns: a reply has the doubts, and the names whose responses are long") {
    Loop servers;
    DnsServer server(servers, [](const DnsRequest& request) -> std::vector<DnsReply> {
        if (!request.tcp) {
            return {{encode_reply(request, {.truncated = true})}};
        }
        return {{encode_reply(
            request, {},
            {cname_record(request.name, "one.example"), cname_record(request.name, "two.example"),
             address_record("two.example", "10.0.0.1"),
             address_record("two.example", "fd00::1")})}};
    });
    const auto operation = Operation::open(dns_request()
                                               .with("name", binary("service.example."))
                                               .with("timeout_ms", integer(generous_ms))
                                               .with("grace_ms", integer(generous_ms))
                                               .with("nameservers", binaries({server.nameserver()}))
                                               .bytes());
    const std::string reply = drive(*operation, servers);
    Encoder ends;
    ends.atom("several_cnames");
    CHECK(reply.find(text(ends).substr(1)) != std::string::npos);
    Encoder names;
    names.list(std::vector{1}, [&](int) { names.binary("service.example"); });
    CHECK(reply.ends_with(text(names).substr(1)));
}

TEST_CASE("resolve: one result for each host, in their order") {
    Loop servers;
    DnsServer server(servers, zone({address_record("a.example", "10.0.0.7")}));
    const auto operation = Operation::open(
        resolve_request()
            .with("hosts", binaries({"a.example.", "127.0.0.9", "none.example.", "not a name"}))
            .with("family", atom("inet"))
            .with("timeout_ms", integer(generous_ms))
            .with("nameservers", binaries({server.nameserver()}))
            .bytes());
    Encoder wanted;
    const auto address = [&wanted](int a, int b, int c, int d) {
        wanted.tuple(2).atom("ok").list(std::vector{1}, [&](int) {
            wanted.tuple(4).integer(a).integer(b).integer(c).integer(d);
        });
    };
    wanted.tuple(2).atom("ok").list(std::vector{0, 1, 2, 3}, [&](int host) {
        wanted.tuple(2);
        if (host == 0) {
            wanted.binary("a.example.");
            address(10, 0, 0, 7);
        } else if (host == 1) {
            wanted.binary("127.0.0.9");
            address(127, 0, 0, 9);
        } else if (host == 2) {
            wanted.binary("none.example.").tuple(2).atom("error").atom("nxdomain");
        } else {
            wanted.binary("not a name").tuple(2).atom("error").atom("qfmterror");
        }
    });
    CHECK(drive(*operation, servers) == text(wanted));
}

TEST_CASE("no hosts, and no targets, have an empty result") {
    Loop servers;
    Encoder empty;
    empty.tuple(2).atom("ok").list(std::vector<int>(), [](int) {});
    const std::string wanted = text(empty);
    for (const auto& request : {resolve_request().with("hosts", binaries({})),
                                epmd_names_request().with("hosts", binaries({})),
                                probe_request().with("targets", targets({}))}) {
        const auto operation = Operation::open(request.bytes());
        CHECK(drive(*operation, servers) == wanted);
    }
}

TEST_CASE("epmd_names: hosts by address and by name, and what a dead one has") {
    Loop servers;
    DnsServer server(servers, zone({address_record("epmd.example", "127.0.0.2")}));
    const ScriptedEpmd epmd(servers, "127.0.0.2", 0,
                            replies("name a at port 4000\nname b at port 4001\n"));
    const auto operation = Operation::open(
        epmd_names_request()
            .with("hosts", binaries({"127.0.0.2", "epmd.example.", "127.0.0.3", "none.example."}))
            .with("port", integer(epmd.port()))
            .with("timeout_ms", integer(generous_ms))
            .with("concurrency", integer(256))
            .with("max_names", integer(100))
            .with("max_bytes", integer(100'000))
            .with("nameservers", binaries({server.nameserver()}))
            .bytes());
    Encoder wanted;
    const auto two_names = [&wanted] {
        wanted.tuple(2).atom("ok").list(std::vector{0, 1}, [&](int name) {
            wanted.tuple(2).binary(name == 0 ? "a" : "b").integer(4000 + name);
        });
    };
    wanted.tuple(2).atom("ok").list(std::vector{0, 1, 2, 3}, [&](int host) {
        wanted.tuple(2);
        if (host == 0) {
            wanted.binary("127.0.0.2");
            two_names();
        } else if (host == 1) {
            wanted.binary("epmd.example.");
            two_names();
        } else if (host == 2) {
            wanted.binary("127.0.0.3").tuple(2).atom("error").atom("econnrefused");
        } else {
            wanted.binary("none.example.").tuple(2).atom("error").atom("nxdomain");
        }
    });
    CHECK(drive(*operation, servers) == text(wanted));
}

TEST_CASE("probe: in parts as the outcomes become known, then all in the order of the targets") {
    Loop servers;
    DnsServer server(servers, silence);
    const ScriptedEpmd node(servers, "127.0.0.2", 0, {});
    const ScriptedEpmd epmd(servers, "127.0.0.2", 0,
                            knows({{"app", node.port()}, {"b", node.port()}}));
    const auto operation = Operation::open(probe_request()
                                               .with("targets", targets({{"app", "silent.example."},
                                                                         {"app", "127.0.0.2"},
                                                                         {"c", "127.0.0.2"},
                                                                         {"app", "127.0.0.4"},
                                                                         {"app", "::1"}}))
                                               .with("epmd_port", integer(epmd.port()))
                                               .with("source", binary(""))
                                               .with("depth", atom("port"))
                                               .with("timeout_ms", integer(1000))
                                               .with("node_timeout_ms", integer(1000))
                                               .with("concurrency", integer(256))
                                               .with("nameservers", binaries({server.nameserver()}))
                                               .bytes());
    std::vector<std::string> parts;
    const std::string reply = drive(*operation, servers, [&] {
        if (!operation->part().empty()) {
            parts.push_back(text(operation->part()));
        }
        return false;
    });
    const auto outcome = [](Encoder& encoder, int target) {
        if (target == 1) {
            encoder.atom("ok");
            return;
        }
        encoder.tuple(2).atom("error");
        if (target == 0) {
            encoder.tuple(2).atom("lookup_failed").atom("timeout");
        } else if (target == 2) {
            encoder.tuple(2)
                .atom("not_registered")
                .list(std::vector<std::string>{"app", "b"},
                      [&](const std::string& name) { encoder.binary(name); });
        } else if (target == 3) {
            encoder.atom("epmd_refused");
        } else {
            encoder.tuple(2).atom("lookup_failed").tuple(2).atom("posix").atom("eafnosupport");
        }
    };
    Encoder wanted;
    wanted.tuple(2).atom("ok").list(std::vector{0, 1, 2, 3, 4},
                                    [&](int target) { outcome(wanted, target); });
    CHECK(reply == text(wanted));
    for (int target = 0; target < 5; ++target) {
        Encoder probed;
        probed.tuple(2).integer(target);
        outcome(probed, target);
        const std::string bytes = text(bare(std::move(probed)));
        // What the deadline brings comes with the reply, all else before it, once.
        CAPTURE(target);
        CHECK(std::count_if(parts.begin(), parts.end(), [&bytes](const std::string& part) {
                  return part.find(bytes) != std::string::npos;
              }) == (target == 0 ? 0 : 1));
    }
    CHECK(operation->part().empty());
}

TEST_CASE("names without an address and with several are in a part, even of the last step") {
    Loop servers;
    DnsServer server(servers, [](const DnsRequest& request) {
        if (request.name == "silent.example") {
            return silence(request);
        }
        return zone({address_record("two.example", "127.0.0.2"),
                     address_record("two.example", "127.0.0.3"),
                     address_record("single.example", "127.0.0.2")})(request);
    });
    const auto hosts_of = [&](const RequestMap& request) {
        const auto operation =
            Operation::open(request.with("timeout_ms", integer(600))
                                .with("nameservers", binaries({server.nameserver()}))
                                .bytes());
        std::string parts;
        drive(*operation, servers, [&] {
            parts += text(operation->part());
            return false;
        });
        return parts;
    };
    const auto none = [](const std::string& host) {
        Encoder encoder;
        encoder.tuple(2).binary(host).list(std::vector<int>{}, [](int) {});
        return text(bare(std::move(encoder)));
    };
    Encoder encoder;
    encoder.tuple(2).binary("two.example.").list(std::vector{2, 3}, [&](int last) {
        encoder.tuple(4).integer(127).integer(0).integer(0).integer(last);
    });
    const std::string several = text(bare(std::move(encoder)));
    const auto count = [](const std::string& parts, const std::string& bytes) {
        int found = 0;
        for (std::size_t at = parts.find(bytes); at != std::string::npos;
             at = parts.find(bytes, at + 1)) {
            ++found;
        }
        return found;
    };
    const std::string probed = hosts_of(probe_request()
                                            .with("targets", targets({{"a", "silent.example."},
                                                                      {"a", "none.example."},
                                                                      {"a", "two.example."},
                                                                      {"a", "single.example."},
                                                                      {"b", "none.example."}}))
                                            .with("depth", atom("lookup")));
    CHECK(count(probed, several) == 1);
    CHECK(count(probed, none("none.example.")) == 1);
    CHECK(count(probed, none("silent.example.")) == 1);
    CHECK(probed.find("single.example") == std::string::npos);
    // Nothing else is to be waited for: the part comes before the reply all the same.
    CHECK(count(hosts_of(epmd_names_request().with("hosts", binaries({"none.example."}))),
                none("none.example.")) == 1);
}

TEST_CASE("an operation keeps its own deadline") {
    Loop servers;
    DnsServer server(servers, silence);
    const auto operation = Operation::open(silent_dns(server, 50));
    Encoder wanted;
    wanted.tuple(2).atom("ok").map(6).atom("candidate").binary("service.example");
    wanted.atom("a").tuple(2).atom("error").atom("timeout");
    wanted.atom("aaaa").tuple(2).atom("error").atom("timeout");
    wanted.atom("queried").list(std::vector{1}, [&](int) {
        wanted.tuple(3).binary("service.example").binary(server.nameserver()).atom("timeout");
    });
    nothing_else(wanted);
    CHECK(drive(*operation, servers) == text(wanted));
}

TEST_CASE("the reply for want of memory is what the codec would write") {
    CHECK(text(barnacle::out_of_memory_reply()) == text(barnacle::encode_posix_error(ENOMEM)));
}

TEST_CASE("the libraries say their versions") {
    const auto versions = barnacle::library_versions();
    CHECK(versions.cares.find('.') != std::string::npos);
    CHECK(versions.libuv.find('.') != std::string::npos);
}
