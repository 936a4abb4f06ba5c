// SPDX-License-Identifier: Apache-2.0
#include "dns_response.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host_name.hpp"

namespace barnacle {

namespace {

// RFC 1035 sections 3.2.2, 3.2.4 and 4.1, RFC 3596.
constexpr unsigned type_a = 1;
constexpr unsigned type_cname = 5;
constexpr unsigned type_soa = 6;
constexpr unsigned type_opt = 41;
constexpr unsigned type_aaaa = 28;
constexpr unsigned class_in = 1;
constexpr std::size_t header_bytes = 12;
constexpr std::size_t max_name_bytes = 255;
constexpr unsigned flag_response = 0x8000;
constexpr unsigned flag_authoritative = 0x0400;
constexpr unsigned flag_truncated = 0x0200;
constexpr unsigned flag_recursion_available = 0x0080;
constexpr unsigned rcode_bits = 0x000f;
constexpr unsigned pointer_bits = 0xc0;

// The bytes contradict themselves, or end too early.
struct Garbled {};

char lower(std::uint8_t byte) {
    return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

// A name as labels with their lengths in front, in lower case, without the root's.
std::string to_labels(std::string_view name) {
    std::string labels;
    for (name = without_trailing_dot(name); !name.empty();) {
        const std::string_view label = name.substr(0, name.find('.'));
        labels += static_cast<char>(label.size());
        std::ranges::transform(label, std::back_inserter(labels),
                               [](char c) { return lower(static_cast<std::uint8_t>(c)); });
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return labels;
}

// Reads a message from front to back. Everything throws Garbled where the message ends too early.
class Reader {
 public:
    explicit Reader(std::span<const std::uint8_t> message) : message_(message) {}

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] bool at_end() const { return at_ == message_.size(); }
    [[nodiscard]] std::span<const std::uint8_t> latest(std::size_t bytes) const {
        return message_.subspan(at_ - bytes, bytes);
    }
    void go_to(std::size_t at) { at_ = at; }

    void skip(std::size_t bytes) {
        if (bytes > message_.size() - at_) {
            throw Garbled{};
        }
        at_ += bytes;
    }

    unsigned number16() {
        skip(2);
        return (static_cast<unsigned>(message_[at_ - 2]) << 8U) | message_[at_ - 1];
    }

    // The next name, as to_labels() has it. A pointer must lead to where this name has not been:
    // towards the front. So no name is read for ever.
    void name(std::string& labels) {
        labels.clear();
        std::size_t from = at_;    // where the labels are that are being read
        std::size_t behind = 0;    // the first pointer, where the reader goes on
        std::size_t limit = from;  // pointers lead to a place before it
        while (const unsigned length = byte(from)) {
            if ((length & pointer_bits) == pointer_bits) {
                const std::size_t target = ((length & ~pointer_bits) << 8U) | byte(from + 1);
                behind = behind == 0 ? from + 2 : behind;
                if (target >= limit) {
                    throw Garbled{};
                }
                limit = from = target;
                continue;
            }
            if ((length & pointer_bits) != 0 || labels.size() + length + 2 > max_name_bytes) {
                throw Garbled{};
            }
            labels += static_cast<char>(length);
            for (std::size_t i = from + 1; i <= from + length; ++i) {
                labels += lower(byte(i));
            }
            from += length + 1;
        }
        at_ = behind == 0 ? from + 1 : behind;
    }

 private:
    [[nodiscard]] std::uint8_t byte(std::size_t at) const {
        if (at >= message_.size()) {
            throw Garbled{};
        }
        return message_[at];
    }

    std::span<const std::uint8_t> message_;
    std::size_t at_ = 0;
};

struct Counts {
    unsigned answers = 0;
    unsigned authorities = 0;
    unsigned additionals = 0;
};

// The records of a response with RCODE 0.
class Records {
 public:
    Records(Reader reader, unsigned type) : reader_(reader), type_(type) {}

    // Throws Garbled; what is in front of that place is read then.
    void read(const Counts& counts) {
        for (unsigned i = 0; i < counts.answers; ++i) {
            answer();
        }
        for (unsigned i = 0; i < counts.authorities; ++i) {
            reader_.name(name_);
            has_soa_ = head().type == type_soa || has_soa_;
            reader_.skip(data_bytes_);
        }
        for (unsigned i = 0; i < counts.additionals; ++i) {
            reader_.name(name_);
            head();
            reader_.skip(data_bytes_);
        }
        if (!reader_.at_end()) {
            throw Garbled{};
        }
    }

    // Follows all CNAMEs from the name that was queried to the names that have none.
    void follow(std::string name, DnsResponse& response) {
        std::set<std::string> ends;
        std::set<std::string> reached{name};
        std::size_t followed = 0;
        for (std::vector<std::string> ahead{std::move(name)}; !ahead.empty();) {
            std::string next = std::move(ahead.back());
            ahead.pop_back();
            const auto cname = cnames_.find(next);
            if (cname == cnames_.end()) {
                ends.insert(std::move(next));
                continue;
            }
            ++followed;
            std::ranges::copy_if(cname->second, std::back_inserter(ahead),
                                 [&](const auto& target) { return reached.insert(target).second; });
        }
        bool has_foreign = followed < cnames_.size();
        for (const auto& [owner, address] : addresses_) {
            reader_.go_to(owner);
            reader_.name(name_);
            if (ends.contains(name_)) {
                response.addresses.push_back(address);
            } else {
                has_foreign = true;
            }
        }
        if (has_foreign) {
            response.doubts.add(Doubt::foreign_owner);
        }
        if (ends.empty()) {  // the CNAMEs lead round in a ring
            is_garbled_ = true;
        }
    }

    [[nodiscard]] bool has_soa() const { return has_soa_; }
    [[nodiscard]] bool has_cnames() const { return !cnames_.empty(); }
    [[nodiscard]] bool is_garbled() const { return is_garbled_; }
    [[nodiscard]] bool has_several_cnames() const {
        return std::ranges::any_of(cnames_,
                                   [](const auto& each) { return each.second.size() > 1; });
    }

 private:
    struct Head {
        unsigned type;
        unsigned record_class;
    };

    Head head() {
        const Head head{reader_.number16(), reader_.number16()};
        reader_.skip(4);  // the TTL
        data_bytes_ = reader_.number16();
        return head;
    }

    void answer() {
        const std::size_t owner = reader_.at();
        reader_.name(name_);
        const auto [type, record_class] = head();
        const std::size_t data = reader_.at();
        reader_.skip(data_bytes_);
        if (record_class != class_in) {
            return;
        }
        if (type == type_) {
            const auto address = ip_address_from_bytes(reader_.latest(data_bytes_));
            if (address && (address->family == AF_INET) == (type_ == type_a)) {
                addresses_.emplace_back(owner, *address);
            } else {
                is_garbled_ = true;
            }
        } else if (type == type_cname) {
            Reader target{reader_};
            target.go_to(data);
            target.name(target_);
            cnames_[name_].insert(target_);
            is_garbled_ = is_garbled_ || target.at() != data + data_bytes_;
        }
    }

    Reader reader_;
    unsigned type_;
    std::string name_;
    std::string target_;
    std::size_t data_bytes_ = 0;
    std::vector<std::pair<std::size_t, IpAddress>>
        addresses_;                                        // with where their owners' names are
    std::map<std::string, std::set<std::string>> cnames_;  // the targets of each name
    bool has_soa_ = false;
    bool is_garbled_ = false;
};

void judge(const Reader& reader, unsigned type, unsigned flags, const Counts& counts,
           const std::string& name, DnsResponse& response) {
    Records records{reader, type};
    bool is_garbled = false;
    try {
        records.read(counts);
    } catch (const Garbled&) {
        is_garbled = true;
    }
    records.follow(name, response);
    if ((is_garbled || records.is_garbled()) && !response.truncated) {
        response.doubts.add(Doubt::garbled);
    }
    if (records.has_several_cnames()) {
        response.doubts.add(Doubt::several_cnames);
    }
    const bool ends_nowhere = counts.answers == 0
                                  ? (flags & flag_authoritative) == 0
                                  : records.has_cnames() && response.addresses.empty();
    response.referral = ends_nowhere && (flags & flag_recursion_available) == 0 &&
                        !records.has_soa() && !response.truncated && !response.doubts.any();
}

// The upper bits of the RCODE, in the OPT record if there is one (RFC 6891 section 6.1.3).
unsigned extended_rcode(Reader reader, const Counts& counts) {
    const unsigned records = counts.answers + counts.authorities + counts.additionals;
    try {
        std::string owner;
        for (unsigned i = 0; counts.additionals > 0 && i < records; ++i) {
            reader.name(owner);
            const unsigned type = reader.number16();
            reader.skip(2);  // the class
            const unsigned upper = reader.number16() >> 8U;
            reader.skip(2);
            if (type == type_opt) {
                return upper << 4U;
            }
            reader.skip(reader.number16());
        }
    } catch (const Garbled&) {
        return 0;  // judge() reads the same once more, and tells
    }
    return 0;
}

}  // namespace

std::optional<DnsResponse> read_dns_response(std::span<const std::uint8_t> message,
                                             std::string_view name, int family) {
    const unsigned type = family == AF_INET ? type_a : type_aaaa;
    const std::string queried = to_labels(name);
    DnsResponse response;
    response.bytes = message.size();
    Reader reader{message};
    unsigned flags = 0;
    Counts counts;
    try {
        response.id = static_cast<std::uint16_t>(reader.number16());
        flags = reader.number16();
        const unsigned questions = reader.number16();
        counts.answers = reader.number16();
        counts.authorities = reader.number16();
        counts.additionals = reader.number16();
        std::string question;
        reader.name(question);
        if ((flags & flag_response) == 0 || questions != 1 || question != queried ||
            reader.number16() != type || reader.number16() != class_in) {
            return std::nullopt;
        }
    } catch (const Garbled&) {
        return std::nullopt;
    }
    response.rcode = (flags & rcode_bits) | extended_rcode(reader, counts);
    response.truncated = (flags & flag_truncated) != 0;
    if (response.rcode == 0) {
        judge(reader, type, flags, counts, queried, response);
    }
    return response;
}

}  // namespace barnacle
