// SPDX-License-Identifier: Apache-2.0
#include "argument.hpp"
#include "firewall.hpp"
#include "netns_operation.hpp"

namespace {
const char* FamilyText(int family) {
  return family == AF_INET ? "ipv4" : family == AF_INET6 ? "ipv6" : "other";
}

Napi::Object TableObject(Napi::Env env, const FirewallTable& table) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", table.legacy ? "legacy" : "nft");
  object.Set("family", FamilyText(table.family));
  object.Set("name", table.name);
  Napi::Array chains = Napi::Array::New(env, table.chains.size());
  uint32_t index = 0;
  for (const std::string& chain : table.chains) chains.Set(index++, chain);
  object.Set("chains", chains);
  object.Set("translates", table.translates);
  object.Set("marks", table.marks);
  return object;
}

class ListFirewall : public NetnsOperation {
 public:
  explicit ListFirewall(bool nft) : nft_(nft) {}
  std::string Describe() const override { return "firewall"; }
  void Perform(NetnsSession& session) override {
    tables_ = LegacyTables();
    if (!nft_) return;
    for (FirewallTable& table : NftTables(session.netfilter())) tables_.push_back(std::move(table));
  }
  Napi::Value Result(Napi::Env env) override {
    Napi::Array list = Napi::Array::New(env, tables_.size());
    for (uint32_t i = 0; i < tables_.size(); i++) list.Set(i, TableObject(env, tables_[i]));
    return list;
  }

 private:
  bool nft_;
  std::vector<FirewallTable> tables_;
};

class FirewallGeneration : public NetnsOperation {
 public:
  explicit FirewallGeneration(bool nft) : nft_(nft) {}
  std::string Describe() const override { return "firewall-generation"; }
  void Perform(NetnsSession& session) override {
    generation_ = LegacyGeneration();
    if (nft_) generation_ += "nft:" + NftGeneration(session.netfilter());
  }
  Napi::Value Result(Napi::Env env) override { return Napi::String::New(env, generation_); }

 private:
  bool nft_;
  std::string generation_;
};
}  // namespace

OperationPointer ParseFirewallOperation(const std::string& op, const Napi::Object& object) {
  if (op != "firewall" && op != "firewall-generation") return nullptr;
  bool nft = BooleanArgument(object.Get("nft"), "nft");
  if (op == "firewall") return std::make_unique<ListFirewall>(nft);
  return std::make_unique<FirewallGeneration>(nft);
}
