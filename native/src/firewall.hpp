// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "netlink.hpp"

// A table of nf_tables or of the legacy iptables.
struct FirewallTable {
  bool legacy = false;
  int family = 0;  // AF_INET, AF_INET6, or AF_UNSPEC for both and others
  std::string name;
  std::set<std::string> chains;
  bool translates = false;  // some rule changes destinations (DNAT)
  uint32_t marks = 0;       // bits of marks that rules change where a packet is routed again because of it
};

// The bits of a packet's mark that a target of iptables changes. `info` is what the rule says to it.
uint32_t MarksOf(const std::string& target, uint32_t revision, std::span<const uint8_t> info);

// Changes with every transaction of nf_tables.
std::string NftGeneration(Netlink& netfilter);

// Changes with the number of rules and with their size: the kernel counts no changes of these tables.
std::string LegacyGeneration();

std::vector<FirewallTable> NftTables(Netlink& netfilter);
std::vector<FirewallTable> LegacyTables();
