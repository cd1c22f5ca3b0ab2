// SPDX-License-Identifier: Apache-2.0
// The kernel makes a legacy table for whoever asks for it by name: only those are asked for that it lists.

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "fd.hpp"
#include "firewall.hpp"

namespace {
struct Flavour {
  int family;
  const char* names;
  int level;
  int info;
  int entries;
};

constexpr Flavour kFlavours[] = {
    {AF_INET, "/proc/thread-self/net/ip_tables_names", IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES},
    {AF_INET6, "/proc/thread-self/net/ip6_tables_names", IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES}};

// Absent where the kernel has none of it.
std::vector<std::string> Names(const Flavour& flavour) {
  std::ifstream file(flavour.names);
  std::vector<std::string> names;
  for (std::string name; std::getline(file, name);) names.push_back(name);
  return names;
}

// Both families' structures begin alike: the name, and for the entries their size.
using Info = ipt_getinfo;
static_assert(sizeof(ipt_getinfo) == sizeof(ip6t_getinfo));
static_assert(offsetof(ipt_get_entries, entrytable) == offsetof(ip6t_get_entries, entrytable));

class LegacySocket {
 public:
  explicit LegacySocket(const Flavour& flavour)
      : flavour_(flavour), fd_(socket(flavour.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)) {
    if (!fd_) throw KernelError{"socket(SOCK_RAW)", errno, ""};
  }

  Info InfoOf(const std::string& name) const {
    Info info{};
    strncpy(info.name, name.c_str(), sizeof info.name - 1);
    socklen_t size = sizeof info;
    if (getsockopt(fd_.Get(), flavour_.level, flavour_.info, &info, &size) < 0)
      throw KernelError{"getsockopt(IPT_SO_GET_INFO)", errno, name};
    return info;
  }

  // Empty: it changed between the two questions.
  std::vector<uint8_t> EntriesOf(const Info& info) const {
    if (info.size > kMaxFirewallBytes) throw TooLarge{"getsockopt(IPT_SO_GET_ENTRIES)", kMaxFirewallBytes};
    constexpr size_t header = offsetof(ipt_get_entries, entrytable);
    std::vector<uint8_t> bytes(header + info.size);
    auto* asked = reinterpret_cast<ipt_get_entries*>(bytes.data());
    memcpy(asked->name, info.name, sizeof asked->name);
    asked->size = info.size;
    auto size = static_cast<socklen_t>(bytes.size());
    if (getsockopt(fd_.Get(), flavour_.level, flavour_.entries, asked, &size) < 0) {
      if (errno == EAGAIN) return {};
      throw KernelError{"getsockopt(IPT_SO_GET_ENTRIES)", errno, info.name};
    }
    bytes.erase(bytes.begin(), bytes.begin() + header);
    return bytes;
  }

 private:
  const Flavour& flavour_;
  UniqueFd fd_;
};

// Built-in chains come first, then users' chains, which may be jumped to from any.
bool MarksRoute(const Info& info, size_t at) {
  if (strncmp(info.name, "mangle", sizeof info.name) != 0) return false;
  bool out = at >= info.hook_entry[NF_INET_LOCAL_OUT] && at <= info.underflow[NF_INET_LOCAL_OUT];
  return out || at > *std::max_element(std::begin(info.underflow), std::end(info.underflow));
}

template <class Entry>
void ReadEntries(const std::vector<uint8_t>& bytes, const Info& info, FirewallTable& table) {
  for (size_t at = 0; at + sizeof(Entry) <= bytes.size();) {
    Entry entry;
    memcpy(&entry, bytes.data() + at, sizeof entry);
    size_t target = at + entry.target_offset;
    if (entry.next_offset < sizeof entry || target + sizeof(xt_entry_target) > bytes.size()) return;
    auto* named = reinterpret_cast<const xt_entry_target*>(bytes.data() + target);
    std::string name(named->u.user.name, strnlen(named->u.user.name, sizeof named->u.user.name));
    if (name == "DNAT") table.translates = true;
    if (MarksRoute(info, at))
      table.marks |=
          MarksOf(name, named->u.user.revision, std::span(bytes).subspan(target + sizeof(xt_entry_target)));
    // A chain of a user's begins with an entry that carries its name.
    if (name == XT_ERROR_TARGET && target + sizeof(xt_error_target) <= bytes.size()) {
      const char* chain = reinterpret_cast<const xt_error_target*>(named)->errorname;
      table.chains.insert(std::string(chain, strnlen(chain, XT_FUNCTION_MAXNAMELEN)));
    }
    at += entry.next_offset;
  }
}
}  // namespace

std::string LegacyGeneration() {
  std::string text;
  for (const Flavour& flavour : kFlavours) {
    std::vector<std::string> names = Names(flavour);
    if (names.empty()) continue;
    LegacySocket socket(flavour);
    for (const std::string& name : names) {
      Info info = socket.InfoOf(name);
      text += name + ":" + std::to_string(info.num_entries) + ":" + std::to_string(info.size) + ";";
    }
  }
  return text;
}

std::vector<FirewallTable> LegacyTables() {
  std::vector<FirewallTable> tables;
  for (const Flavour& flavour : kFlavours) {
    std::vector<std::string> names = Names(flavour);
    if (names.empty()) continue;
    LegacySocket socket(flavour);
    for (const std::string& name : names) {
      FirewallTable& table =
          tables.emplace_back(FirewallTable{.legacy = true, .family = flavour.family, .name = name});
      Info info = socket.InfoOf(name);
      std::vector<uint8_t> bytes = socket.EntriesOf(info);
      if (flavour.family == AF_INET) ReadEntries<ipt_entry>(bytes, info, table);
      else ReadEntries<ip6t_entry>(bytes, info, table);
    }
  }
  return tables;
}
