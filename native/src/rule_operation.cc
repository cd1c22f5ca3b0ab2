// SPDX-License-Identifier: Apache-2.0
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "address.hpp"
#include "argument.hpp"
#include "netns_operation.hpp"
#include "rule.hpp"

namespace {
std::vector<Rule> DumpRules(Netlink& netlink, int family) {
  NetlinkRequest request(RTM_GETRULE, 0, fib_rule_hdr{.family = static_cast<uint8_t>(family)});
  std::vector<uint8_t> reply = netlink.Dump(request, "RTM_GETRULE");
  std::vector<Rule> rules;
  for (const NetlinkMessage& message : NetlinkMessages(reply))
    if (message.type() == RTM_NEWRULE && message.Body<fib_rule_hdr>().family == family)
      rules.push_back(ReadRule(message));
  return rules;
}

NetlinkRequest RuleRequest(uint16_t type, uint16_t flags, const Rule& rule) {
  fib_rule_hdr header{.family = static_cast<uint8_t>(rule.family), .action = rule.action};
  NetlinkRequest request(type, flags, header);
  request.Add(FRA_PRIORITY, rule.priority);
  if (rule.mark) request.Add(FRA_FWMARK, *rule.mark);
  if (rule.mask) request.Add(FRA_FWMASK, *rule.mask);
  if (rule.table) request.Add(FRA_TABLE, rule.table);
  if (rule.protocol) request.AddByte(FRA_PROTOCOL, *rule.protocol);
  return request;
}

class ListRules : public NetnsOperation {
 public:
  explicit ListRules(int family) : family_(family) {}
  int family() const override { return family_; }
  std::string Describe() const override { return std::string("rules (") + FamilyName(family_) + ")"; }
  void Perform(NetnsSession& session) override { rules_ = DumpRules(session.route(), family_); }
  Napi::Value Result(Napi::Env env) override {
    Napi::Array list = Napi::Array::New(env, rules_.size());
    for (uint32_t i = 0; i < rules_.size(); i++) list.Set(i, RuleObject(env, rules_[i]));
    return list;
  }

 private:
  int family_;
  std::vector<Rule> rules_;
};

class ChangeRule : public NetnsOperation {
 public:
  ChangeRule(bool add, Rule rule) : add_(add), rule_(std::move(rule)) {}
  int family() const override { return rule_.family; }
  std::string Describe() const override {
    return (add_ ? "add-rule " : "delete-rule ") + rule_.Text() + " (" + FamilyName(rule_.family) + ")";
  }
  void Perform(NetnsSession& session) override {
    changed_ = add_ ? Add(session.route()) : Delete(session.route());
  }
  Napi::Value Result(Napi::Env env) override { return Napi::Boolean::New(env, changed_); }

 private:
  bool Add(Netlink& netlink) {
    // With NLM_F_EXCL the kernel itself compares every selector.
    NetlinkRequest request = RuleRequest(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule_);
    int error = netlink.Acknowledge(request);
    if (error && error != EEXIST) throw KernelError{"netlink(RTM_NEWRULE)", error, netlink.reason()};
    return error == 0;
  }

  bool Delete(Netlink& netlink) {
    // A delete takes the first rule that has at least these selectors, so somebody's narrower one too: look
    // first.
    std::vector<Rule> rules = DumpRules(netlink, rule_.family);
    if (std::none_of(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.Matches(rule_); }))
      return false;
    NetlinkRequest request = RuleRequest(RTM_DELRULE, 0, rule_);
    int error = netlink.Acknowledge(request);
    if (error && error != ENOENT) throw KernelError{"netlink(RTM_DELRULE)", error, netlink.reason()};
    return error == 0;
  }

  bool add_;
  Rule rule_;
  bool changed_ = false;
};
}  // namespace

OperationPointer ParseRuleOperation(const std::string& op, const Napi::Object& object) {
  if (op == "rules") return std::make_unique<ListRules>(FamilyArgument(object.Get("family"), "family"));
  if (op == "add-rule" || op == "delete-rule")
    return std::make_unique<ChangeRule>(op == "add-rule", RuleArgument(object.Get("rule"), "rule"));
  return nullptr;
}
