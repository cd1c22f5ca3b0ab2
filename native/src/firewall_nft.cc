// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "firewall.hpp"

namespace {
constexpr uint16_t Type(uint16_t message) { return NFNL_SUBSYS_NFTABLES << 8 | message; }

NetlinkRequest Ask(uint16_t message) {
  return NetlinkRequest(Type(message), 0, nfgenmsg{.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0});
}

std::vector<NetlinkAttribute> Nested(const NetlinkAttribute& attribute) {
  return NetlinkAttributes(attribute.data);
}

const NetlinkAttribute* Find(const std::vector<NetlinkAttribute>& attributes, uint16_t type) {
  auto found = std::find_if(attributes.begin(), attributes.end(),
                            [type](const NetlinkAttribute& each) { return each.type == type; });
  return found == attributes.end() ? nullptr : &*found;
}

std::string Text(const std::vector<NetlinkAttribute>& attributes, uint16_t type) {
  const NetlinkAttribute* found = Find(attributes, type);
  return found ? found->Text() : "";
}

int Family(uint8_t family) {
  return family == NFPROTO_IPV4 ? AF_INET : family == NFPROTO_IPV6 ? AF_INET6 : AF_UNSPEC;
}

FirewallTable& TableOf(std::vector<FirewallTable>& tables, uint8_t family, const std::string& name) {
  auto found = std::find_if(tables.begin(), tables.end(), [&](const FirewallTable& table) {
    return table.family == Family(family) && table.name == name;
  });
  if (found != tables.end()) return *found;
  return tables.emplace_back(FirewallTable{.family = Family(family), .name = name});
}

// nft's own expression, and iptables' extension inside nf_tables.
bool Translates(const NetlinkAttribute& expression) {
  std::vector<NetlinkAttribute> parts = Nested(expression);
  std::string name = Text(parts, NFTA_EXPR_NAME);
  const NetlinkAttribute* data = Find(parts, NFTA_EXPR_DATA);
  if (!data) return false;
  std::vector<NetlinkAttribute> values = Nested(*data);
  if (name == "target") return Text(values, NFTA_TARGET_NAME) == "DNAT";
  const NetlinkAttribute* type = Find(values, NFTA_NAT_TYPE);
  return name == "nat" && type && ntohl(type->As<uint32_t>().value_or(~0u)) == NFT_NAT_DNAT;
}
}  // namespace

std::string NftGeneration(Netlink& netfilter) {
  NetlinkRequest request = Ask(NFT_MSG_GETGEN);
  std::vector<uint8_t> reply = netfilter.Query(request, "NFT_MSG_GETGEN");
  for (const NetlinkMessage& message : NetlinkMessages(reply)) {
    std::vector<NetlinkAttribute> attributes = message.Attributes(sizeof(nfgenmsg));
    const NetlinkAttribute* id = Find(attributes, NFTA_GEN_ID);
    if (id) return std::to_string(ntohl(id->As<uint32_t>().value_or(0)));
  }
  return "";
}

std::vector<FirewallTable> NftTables(Netlink& netfilter) {
  std::vector<FirewallTable> tables;
  NetlinkRequest ask_chains = Ask(NFT_MSG_GETCHAIN);
  std::vector<uint8_t> chains = netfilter.Dump(ask_chains, "NFT_MSG_GETCHAIN");
  for (const NetlinkMessage& message : NetlinkMessages(chains)) {
    if (message.type() != Type(NFT_MSG_NEWCHAIN)) continue;
    std::vector<NetlinkAttribute> attributes = message.Attributes(sizeof(nfgenmsg));
    FirewallTable& table = TableOf(tables, message.Body<nfgenmsg>().nfgen_family, Text(attributes, NFTA_CHAIN_TABLE));
    table.chains.insert(Text(attributes, NFTA_CHAIN_NAME));
  }
  NetlinkRequest ask_rules = Ask(NFT_MSG_GETRULE);
  std::vector<uint8_t> rules = netfilter.Dump(ask_rules, "NFT_MSG_GETRULE");
  for (const NetlinkMessage& message : NetlinkMessages(rules)) {
    if (message.type() != Type(NFT_MSG_NEWRULE)) continue;
    std::vector<NetlinkAttribute> attributes = message.Attributes(sizeof(nfgenmsg));
    const NetlinkAttribute* list = Find(attributes, NFTA_RULE_EXPRESSIONS);
    if (!list) continue;
    std::vector<NetlinkAttribute> expressions = Nested(*list);
    FirewallTable& table = TableOf(tables, message.Body<nfgenmsg>().nfgen_family, Text(attributes, NFTA_RULE_TABLE));
    table.translates = table.translates || std::any_of(expressions.begin(), expressions.end(), Translates);
  }
  return tables;
}
