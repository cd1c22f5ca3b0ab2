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

struct NftTable {
  FirewallTable told;
  bool reroutes = false;            // it has a chain in which another mark is another route
  std::set<std::string> elsewhere;  // chains at other hooks; what is at no hook may be jumped to from that one
};

NftTable& TableOf(std::vector<NftTable>& tables, uint8_t family, const std::string& name) {
  auto found = std::find_if(tables.begin(), tables.end(), [&](const NftTable& table) {
    return table.told.family == Family(family) && table.told.name == name;
  });
  if (found != tables.end()) return *found;
  return tables.emplace_back(NftTable{.told = {.family = Family(family), .name = name}});
}

uint32_t Number(const std::vector<NetlinkAttribute>& attributes, uint16_t type) {
  const NetlinkAttribute* found = Find(attributes, type);
  return found ? ntohl(found->As<uint32_t>().value_or(~0u)) : ~0u;
}

// nft's own expression, or iptables' extension inside nf_tables.
struct Expression {
  std::string name;
  std::vector<NetlinkAttribute> values;

  explicit Expression(const NetlinkAttribute& attribute) {
    std::vector<NetlinkAttribute> parts = Nested(attribute);
    name = Text(parts, NFTA_EXPR_NAME);
    if (const NetlinkAttribute* data = Find(parts, NFTA_EXPR_DATA)) values = Nested(*data);
  }

  bool Translates() const {
    if (name == "target") return Text(values, NFTA_TARGET_NAME) == "DNAT";
    return name == "nat" && Number(values, NFTA_NAT_TYPE) == NFT_NAT_DNAT;
  }

  uint32_t Marks() const {
    if (name == "target") {
      const NetlinkAttribute* info = Find(values, NFTA_TARGET_INFO);
      return info ? MarksOf(Text(values, NFTA_TARGET_NAME), Number(values, NFTA_TARGET_REV), info->data) : 0;
    }
    bool sets = name == "meta" && Find(values, NFTA_META_SREG);
    return sets && Number(values, NFTA_META_KEY) == NFT_META_MARK ? ~0u : 0;
  }
};

void AddChain(NftTable& table, const std::vector<NetlinkAttribute>& chain) {
  std::string name = Text(chain, NFTA_CHAIN_NAME);
  table.told.chains.insert(name);
  const NetlinkAttribute* hook = Find(chain, NFTA_CHAIN_HOOK);
  if (!hook) return;
  bool out = Number(Nested(*hook), NFTA_HOOK_HOOKNUM) == NF_INET_LOCAL_OUT;
  if (out && Text(chain, NFTA_CHAIN_TYPE) == "route") table.reroutes = true;
  else table.elsewhere.insert(name);
}

void AddRule(NftTable& table, const std::vector<NetlinkAttribute>& rule) {
  const NetlinkAttribute* list = Find(rule, NFTA_RULE_EXPRESSIONS);
  if (!list) return;
  bool counts = table.reroutes && !table.elsewhere.contains(Text(rule, NFTA_RULE_CHAIN));
  for (const NetlinkAttribute& attribute : Nested(*list)) {
    Expression expression(attribute);
    table.told.translates = table.told.translates || expression.Translates();
    if (counts) table.told.marks |= expression.Marks();
  }
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
  std::vector<NftTable> tables;
  NetlinkRequest ask_chains = Ask(NFT_MSG_GETCHAIN);
  std::vector<uint8_t> chains = netfilter.Dump(ask_chains, "NFT_MSG_GETCHAIN");
  for (const NetlinkMessage& message : NetlinkMessages(chains)) {
    if (message.type() != Type(NFT_MSG_NEWCHAIN)) continue;
    std::vector<NetlinkAttribute> chain = message.Attributes(sizeof(nfgenmsg));
    AddChain(TableOf(tables, message.Body<nfgenmsg>().nfgen_family, Text(chain, NFTA_CHAIN_TABLE)), chain);
  }
  NetlinkRequest ask_rules = Ask(NFT_MSG_GETRULE);
  std::vector<uint8_t> rules = netfilter.Dump(ask_rules, "NFT_MSG_GETRULE");
  for (const NetlinkMessage& message : NetlinkMessages(rules)) {
    if (message.type() != Type(NFT_MSG_NEWRULE)) continue;
    std::vector<NetlinkAttribute> rule = message.Attributes(sizeof(nfgenmsg));
    AddRule(TableOf(tables, message.Body<nfgenmsg>().nfgen_family, Text(rule, NFTA_RULE_TABLE)), rule);
  }
  std::vector<FirewallTable> told;
  for (NftTable& table : tables) told.push_back(std::move(table.told));
  return told;
}
