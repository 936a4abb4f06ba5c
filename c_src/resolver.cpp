// SPDX-License-Identifier: Apache-2.0
#include "resolver.hpp"

#include <ares.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include "host_name.hpp"
#include "nameserver.hpp"
#include "query_socket.hpp"
#include "resolv_conf.hpp"

namespace barnacle {

namespace {

constexpr int edns_payload_bytes = 1232;      // fits an IPv6 packet of minimal MTU: no fragments
constexpr unsigned max_named_rcode = 5;       // c-ares takes the others for success
constexpr unsigned rcode_badvers = 16;        // RFC 6891
constexpr int no_timeout_ms = 2'000'000'000;  // 23 days: when to ask again is not left to c-ares

struct StatusError {
    int status;
    LookupError error;
};

// Statuses that have no row are ARES_SUCCESS and ARES_ENODATA, which are no errors, and those that
// only wrong use of c-ares brings about; they are `unknown`.
constexpr std::array<StatusError, 18> status_errors{{
    {ARES_EFORMERR, {LookupErrorCode::formerr}},
    {ARES_ESERVFAIL, {LookupErrorCode::servfail}},
    {ARES_ENOTFOUND, {LookupErrorCode::nxdomain}},
    {ARES_ENOTIMP, {LookupErrorCode::notimp}},
    {ARES_EREFUSED, {LookupErrorCode::refused}},
    {ARES_EBADQUERY, {LookupErrorCode::qfmterror}},
    {ARES_EBADNAME, {LookupErrorCode::qfmterror}},
    {ARES_EBADSTR, {LookupErrorCode::qfmterror}},
    {ARES_EBADFAMILY, posix_error(EAFNOSUPPORT)},
    {ARES_EBADRESP, {LookupErrorCode::formerr}},
    {ARES_ECONNREFUSED, posix_error(ECONNREFUSED)},
    {ARES_ETIMEOUT, {LookupErrorCode::timeout}},
    {ARES_EOF, posix_error(ECONNRESET)},
    {ARES_EFILE, posix_error(EIO)},
    {ARES_ENOMEM, posix_error(ENOMEM)},
    {ARES_EDESTRUCTION, posix_error(ECANCELED)},
    {ARES_ECANCELLED, posix_error(ECANCELED)},
    {ARES_ENONAME, {LookupErrorCode::nxdomain}},
}};

LookupError error_of(int status) {
    for (const StatusError& row : status_errors) {
        if (row.status == status) {
            return row.error;
        }
    }
    return {LookupErrorCode::unknown};
}

void check(int status, const char* what) {
    if (status == ARES_SUCCESS) {
        return;
    }
    const LookupError error = error_of(status);
    const int code = error.code == LookupErrorCode::posix ? error.posix_errno : EINVAL;
    throw std::system_error(code, std::generic_category(),
                            std::string{what} + ": " + ares_strerror(status));
}

// For a file that is there and was not read. 1.18 then goes on as if it weren't there.
void check_scarcity(int error_number, const std::string& path) {
    if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM) {
        throw std::system_error(error_number, std::generic_category(), path);
    }
}

struct FreeAddrinfo {
    void operator()(ares_addrinfo* result) const noexcept { ares_freeaddrinfo(result); }
};
using Addrinfo = std::unique_ptr<ares_addrinfo, FreeAddrinfo>;

// An answer may hold records of other types than the one asked for.
Addresses addresses_of(const ares_addrinfo& result, int family) {
    Addresses addresses;
    for (const ares_addrinfo_node* node = result.nodes; node != nullptr; node = node->ai_next) {
        if (node->ai_family == family) {
            if (auto address = ip_address_from_sockaddr(*node->ai_addr)) {
                addresses.push_back(*address);
            }
        }
    }
    return addresses;
}

Outcome outcome_of(int status, const ares_addrinfo* result, const QueryOptions& options) {
    if (status == ARES_ENODATA) {
        return NoData{};
    }
    if (status != ARES_SUCCESS || result == nullptr) {
        return error_of(status);
    }
    Addresses addresses = addresses_of(*result, options.family);
    if (addresses.empty()) {
        return NoData{};
    }
    if (addresses.size() > options.max_addresses) {
        return posix_error(EMSGSIZE);
    }
    return addresses;
}

ares_addrinfo_hints hints_for(int family, int flags) {
    ares_addrinfo_hints hints{};
    hints.ai_family = family;
    hints.ai_flags = ARES_AI_NOSORT | flags;
    return hints;
}

// A channel's options with everything set that c-ares would otherwise read from the system: 1.18
// takes the options for it, later ones read the files all the same, so they get an empty one.
struct ChannelOptions {
    explicit ChannelOptions(char lookup) : lookups{lookup, '\0'} {
        options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
        options.tries = 2;  // c-ares 1.34 counts an undecodable datagram as one
        options.timeout = 1;
        options.lookups = lookups.data();
        options.resolvconf_path = no_resolv_conf.data();
    }
    ChannelOptions(const ChannelOptions&) = delete;  // options points into this object
    ChannelOptions& operator=(const ChannelOptions&) = delete;

    Channel open() {
        ares_channeldata* channel = nullptr;
        check(ares_init_options(&channel, &options, mask), "ares_init_options");
        return Channel{channel};
    }

    std::array<char, 2> lookups;
    std::string no_resolv_conf{"/dev/null"};
    ares_options options{};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_NDOTS |
               ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST |
               ARES_OPT_NOROTATE | ARES_OPT_RESOLVCONF;
};

}  // namespace

void DestroyChannel::operator()(ares_channeldata* channel) const noexcept {
    ares_destroy(channel);
}

std::string cares_version() {
    return ares_version(nullptr);
}

std::vector<std::string> system_nameservers(const std::string& resolv_conf_path) {
    auto nameservers = nameservers_in(read_file(resolv_conf_path));
    return nameservers.empty() ? std::vector<std::string>{"127.0.0.1:53"} : nameservers;
}

HostsFile::HostsFile() : channel_(ChannelOptions{'f'}.open()) {}

Addresses HostsFile::lookup(const std::string& name, int family) const {
    struct Found {
        int family;
        int status = ARES_SUCCESS;
        Addresses addresses{};
        std::exception_ptr failure{};
    } found{.family = family};
    // With the flag and without the variable, c-ares 1.34 reads no file at all.
    const bool is_named = std::getenv("CARES_HOSTS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    const ares_addrinfo_hints hints = hints_for(family, is_named ? ARES_AI_ENVHOSTS : 0);
    errno = 0;
    ares_getaddrinfo(
        channel_.get(), name.c_str(), nullptr, &hints,
        [](void* argument, int status, int /*timeouts*/, ares_addrinfo* result) {
            const Addrinfo owner{result};
            auto* const into = static_cast<Found*>(argument);
            into->status = status;
            try {
                into->addresses =
                    result == nullptr ? Addresses{} : addresses_of(*result, into->family);
            } catch (...) {
                into->failure = std::current_exception();
            }
        },
        &found);
    const int failed_errno = errno;
    if (found.failure) {
        std::rethrow_exception(found.failure);
    }
    if (found.status != ARES_SUCCESS) {
        check_scarcity(found.status == ARES_ENOMEM ? ENOMEM : failed_errno, "hosts file");
    }
    return std::move(found.addresses);
}

// What c-ares calls in place of the system's socket functions, for a Query.
struct QuerySockets {
    static Query& of(void* query) { return *static_cast<Query*>(query); }

    static ares_socket_t open(int domain, int type, int /*protocol*/, void* query) {
        Query& self = of(query);
        const int fd = open_query_socket(self.loop_, domain, type);
        if (fd >= 0 && type == SOCK_STREAM) {
            self.loop_.guard([&] { self.observer_.stream_opened(fd); });
        }
        return fd;
    }

    static int close(ares_socket_t fd, void* query) {
        of(query).observer_.closed(fd);
        return ::close(fd);
    }

    static int connect(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void* query) {
        if (of(query).scope_id_ == 0 || to->sa_family != AF_INET6) {
            return ::connect(fd, to, size);
        }
        sockaddr_in6 with_zone{};  // which 1.18 does not know
        std::memcpy(&with_zone, to, sizeof with_zone);
        with_zone.sin6_scope_id = of(query).scope_id_;
        return ::connect(fd, reinterpret_cast<const sockaddr*>(&with_zone), sizeof with_zone);
    }

    static ares_ssize_t receive(ares_socket_t fd, void* buffer, std::size_t size, int /*flags*/,
                                sockaddr* from, ares_socklen_t* from_size, void* query) {
        Query& self = of(query);
        const ares_ssize_t bytes = receive_for_query(self.loop_, fd, buffer, size, from, from_size);
        if (bytes > 0) {
            const std::span received{static_cast<const std::uint8_t*>(buffer),
                                     static_cast<std::size_t>(bytes)};
            const int received_errno = errno;
            self.loop_.guard([&] { self.observer_.received(fd, received); });
            errno = received_errno;
        }
        return bytes;
    }

    static ares_ssize_t send(ares_socket_t fd, const iovec* parts, int count, void* query) {
        Query& self = of(query);
        self.loop_.guard([&] {
            if (count > 0) {
                self.observer_.sent(
                    fd, {static_cast<const std::uint8_t*>(parts->iov_base), parts->iov_len});
            }
        });
        return send_for_query(fd, parts, static_cast<std::size_t>(count));
    }
};

namespace {

#if ARES_VERSION < 0x012200  // the first with ares_set_socket_functions_ex

void use_query_sockets(ares_channeldata* channel, Query& query) {
    static const ares_socket_functions functions{.asocket = QuerySockets::open,
                                                 .aclose = QuerySockets::close,
                                                 .aconnect = QuerySockets::connect,
                                                 .arecvfrom = QuerySockets::receive,
                                                 .asendv = QuerySockets::send};
    ares_set_socket_functions(channel, &functions, &query);
}

#else

// Of the options that c-ares would set, none is one that it is asked for here.
int refuse_option(ares_socket_t /*fd*/, ares_socket_opt_t /*option*/, const void* /*value*/,
                  ares_socklen_t /*size*/, void* /*query*/) {
    errno = ENOSYS;
    return -1;
}

void use_query_sockets(ares_channeldata* channel, Query& query) {
    ares_socket_functions_ex functions{};
    functions.version = 1;
    functions.flags = ARES_SOCKFUNC_FLAG_NONBLOCKING;
    functions.asocket = QuerySockets::open;
    functions.aclose = QuerySockets::close;
    functions.asetsockopt = refuse_option;
    functions.aconnect = [](ares_socket_t fd, const sockaddr* to, ares_socklen_t size, unsigned,
                            void* user) { return QuerySockets::connect(fd, to, size, user); };
    functions.arecvfrom = QuerySockets::receive;
    functions.asendto = [](ares_socket_t fd, const void* bytes, std::size_t size, int,
                           const sockaddr*, ares_socklen_t, void* user) -> ares_ssize_t {
        const iovec part{const_cast<void*>(bytes), size};
        return QuerySockets::send(fd, &part, 1, user);
    };
    // For name servers of a link: fe80::1%eth0.
    functions.aif_nametoindex = [](const char* name, void*) { return if_nametoindex(name); };
    functions.aif_indextoname = [](unsigned index, char* name, std::size_t, void*) -> const char* {
        return if_indextoname(index, name);
    };
    check(ares_set_socket_functions_ex(channel, &functions, &query),
          "ares_set_socket_functions_ex");
}

#endif

// The name server as the c-ares in use takes it. Before 1.24 it refuses a zone; from then on it
// passes over an address of a link without one, and has the zone behind the port.
std::string server_for_cares(Nameserver nameserver) {
    int version = 0;
    ares_version(&version);
    const std::string zone = std::exchange(nameserver.zone, {});
    const bool takes_zone = version >= 0x011800 && !zone.empty();
    return to_text(nameserver) + (takes_zone ? '%' + zone : "");
}

// The number of a zone, which is the name of an interface or its number; 0 if there is none.
unsigned scope_id(const std::string& zone) {
    std::array<char, IF_NAMESIZE> name{};
    unsigned number = 0;
    const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
    if (error != std::errc{} || end != zone.data() + zone.size()) {
        return if_nametoindex(zone.c_str());
    }
    return if_indextoname(number, name.data()) == nullptr ? 0 : number;
}

}  // namespace

Query::Query(Loop& loop, QueryOptions options, OnOutcome on_outcome, OnTruncated on_truncated)
    : loop_(loop),
      options_(std::move(options)),
      on_outcome_(std::move(on_outcome)),
      on_truncated_(std::move(on_truncated)),
      observer_(options_.name, options_.family),
      timer_(loop, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }) {
    ChannelOptions channel{'b'};
    // NOCHECKRESP: else 1.18 reports SERVFAIL, NOTIMP and REFUSED all as "connection refused".
    channel.options.flags |= ARES_FLAG_NOCHECKRESP;
    if (options_.with_edns) {
        channel.options.flags |= ARES_FLAG_EDNS | ARES_FLAG_IGNTC;
        channel.options.ednspsz = edns_payload_bytes;
        channel.mask |= ARES_OPT_EDNSPSZ;
    }
    if (options_.over_tcp) {
        channel.options.flags |= ARES_FLAG_USEVC;
    }
    channel.options.timeout = no_timeout_ms;
    channel.options.sock_state_cb = on_socket_state;
    channel.options.sock_state_cb_data = this;
    channel.mask |= ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_MAXTIMEOUTMS  // from 1.22 on; without it, waiting ends after 5 s
    channel.options.maxtimeout = channel.options.timeout;
    channel.mask |= ARES_OPT_MAXTIMEOUTMS;
#endif
    channel_ = channel.open();
    use_query_sockets(channel_.get(), *this);
    std::string server = options_.nameserver;
    if (auto nameserver = parse_nameserver(server)) {
        zone_ = nameserver->zone;
        scope_id_ = zone_.empty() ? 0 : scope_id(zone_);
        server = server_for_cares(*std::move(nameserver));
    }
    if (zone_.empty() || scope_id_ != 0) {  // else send() says that there is no such zone
        check(ares_set_servers_ports_csv(channel_.get(), server.c_str()),
              "ares_set_servers_ports_csv");
    }
    // The trailing dot keeps c-ares from completing the name.
    if (!options_.name.ends_with('.')) {
        options_.name += '.';
    }
}

// What c-ares makes of a response, and what it does not tell. Takes the doubts on the way. An
// address of c-ares counts if its record belongs to the name.
Outcome Query::judged(Outcome outcome) {
    const auto& response = observer_.latest();
    if (response && response->rcode == rcode_badvers) {
        return LookupError{LookupErrorCode::badvers};
    }
    // c-ares knows the lower bits alone: an extended RCODE may look like NXDOMAIN there.
    if (response && response->rcode > max_named_rcode) {
        return LookupError{LookupErrorCode::unknown};
    }
    if (std::holds_alternative<LookupError>(outcome)) {
        return outcome;
    }
    if (!response) {  // c-ares takes for a response what is none
        return is_localhost(options_.name) ? std::move(outcome)
                                           : LookupError{LookupErrorCode::formerr};
    }
    if (options_.with_edns && response->truncated) {
        return LookupError{LookupErrorCode::unknown};
    }
    doubts_ = response->doubts;
    if (auto* const addresses = std::get_if<Addresses>(&outcome)) {
        const bool as_many = addresses->size() == response->addresses.size();
        const auto dropped = std::erase_if(*addresses, [this](const IpAddress& address) {
            return !observer_.has_address(address);
        });
        if ((!as_many || dropped > 0) && !doubts_.any()) {
            doubts_.add(Doubt::garbled);
        }
        return addresses->empty() ? LookupError{LookupErrorCode::formerr} : std::move(outcome);
    }
    if (response->referral) {
        return LookupError{LookupErrorCode::refused};
    }
    // c-ares 1.18 passes over addresses in front of their CNAME record, and over several CNAMEs.
    if (!response->addresses.empty()) {
        return response->addresses.size() > options_.max_addresses ? Outcome{posix_error(EMSGSIZE)}
                                                                   : response->addresses;
    }
    if (doubts_.any()) {
        return LookupError{LookupErrorCode::formerr};
    }
    return outcome;
}

void Query::send() {
    if (!zone_.empty() && scope_id_ == 0) {
        outcome_ = posix_error(ENODEV);
        timer_.start(0);
        return;
    }
    const ares_addrinfo_hints hints = hints_for(options_.family, 0);
    errno = 0;
    ares_getaddrinfo(
        channel_.get(), options_.name.c_str(), nullptr, &hints,
        [](void* argument, int status, int /*timeouts*/, ares_addrinfo* result) {
            const Addrinfo owner{result};
            auto* const self = static_cast<Query*>(argument);
            if (!self->outcome_ && status != ARES_EDESTRUCTION) {
                self->loop_.guard([=] {
                    self->outcome_ = self->judged(outcome_of(status, result, self->options_));
                });
            }
        },
        this);
    const int send_errno = errno;
    if (outcome_) {
        // The question could not be sent: c-ares says "refused" whatever the system call said.
        if (send_errno != 0 && *outcome_ == Outcome{posix_error(ECONNREFUSED)}) {
            outcome_ = posix_error(send_errno);
        }
        timer_.start(0);
    } else {
        settle();
    }
}

void Query::process(int readable_fd, int writable_fd) {
    ares_process_fd(channel_.get(), readable_fd, writable_fd);
    settle();
}

// Runs after every call into c-ares, and so never inside one of its callbacks.
void Query::settle() {
    if (outcome_) {
        if (auto report = std::exchange(on_outcome_, nullptr)) {
            report(*std::move(outcome_));  // may end this object
        }
        return;
    }
    if (observer_.was_truncated()) {
        if (const auto report = std::exchange(on_truncated_, nullptr)) {
            report();
        }
    }
    timeval buffer{};
    const timeval* const next = ares_timeout(channel_.get(), nullptr, &buffer);
    if (next == nullptr) {
        timer_.stop();
        return;
    }
    timer_.start(static_cast<std::uint64_t>(next->tv_sec) * 1000 +
                 (static_cast<std::uint64_t>(next->tv_usec) + 999) / 1000);
}

void Query::on_socket_state(void* query, int fd, int readable, int writable) {
    auto* const self = static_cast<Query*>(query);
    self->loop_.guard([=] { self->watch(fd, {readable != 0, writable != 0}); });
}

void Query::watch(int fd, Readiness wanted) {
    if (!wanted.readable && !wanted.writable) {
        polls_.erase(fd);
        return;
    }
    auto [entry, is_new] = polls_.try_emplace(fd, loop_, fd, [this, fd](Readiness ready) {
        process(ready.readable ? fd : ARES_SOCKET_BAD, ready.writable ? fd : ARES_SOCKET_BAD);
    });
    entry->second.watch(wanted);
}

}  // namespace barnacle
