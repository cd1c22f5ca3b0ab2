// SPDX-License-Identifier: Apache-2.0
#include "rule.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstdio>
#include <limits>

#include "address.hpp"
#include "argument.hpp"

namespace {
constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();

const char* ActionName(uint8_t action) {
  switch (action) {
    case FR_ACT_TO_TBL: return "lookup";
    case FR_ACT_GOTO: return "goto";
    case FR_ACT_NOP: return "nop";
    case FR_ACT_BLACKHOLE: return "blackhole";
    case FR_ACT_UNREACHABLE: return "unreachable";
    case FR_ACT_PROHIBIT: return "prohibit";
    default: return "unknown-action";
  }
}

std::string TableName(uint32_t table) {
  switch (table) {
    case RT_TABLE_DEFAULT: return "default";
    case RT_TABLE_MAIN: return "main";
    case RT_TABLE_LOCAL: return "local";
    default: return std::to_string(table);
  }
}

std::string ActionText(const Rule& rule) {
  std::string text = ActionName(rule.action);
  return rule.action == FR_ACT_TO_TBL ? text + " " + TableName(rule.table) : text;
}

// The words of what only foreign rules have; "" for an attribute that every rule has.
std::string ForeignText(int family, const fib_rule_hdr& header, const NetlinkAttribute& attribute) {
  uint32_t number = attribute.As<uint32_t>().value_or(0);
  auto range = attribute.As<std::array<uint16_t, 2>>().value_or(std::array<uint16_t, 2>{});
  switch (attribute.type) {
    case FRA_PRIORITY:
    case FRA_FWMARK:
    case FRA_FWMASK:
    case FRA_TABLE:
    case FRA_PROTOCOL:
    case FRA_PAD: return "";
    case FRA_SUPPRESS_PREFIXLEN:
      return number == kMax ? "" : " suppress_prefixlength " + std::to_string(number);
    case FRA_SUPPRESS_IFGROUP: return number == kMax ? "" : " suppress_ifgroup " + std::to_string(number);
    case FRA_SRC:
      return " from " + FormatAddress(family, attribute.data) + "/" + std::to_string(header.src_len);
    case FRA_DST:
      return " to " + FormatAddress(family, attribute.data) + "/" + std::to_string(header.dst_len);
    case FRA_IIFNAME: return " iif " + attribute.Text();
    case FRA_OIFNAME: return " oif " + attribute.Text();
    case FRA_GOTO: return " target " + std::to_string(number);
    case FRA_TUN_ID: return " tun_id";
    case FRA_L3MDEV: return " l3mdev";
    case FRA_UID_RANGE: {
      auto users = attribute.As<fib_rule_uid_range>().value_or(fib_rule_uid_range{});
      return " uidrange " + std::to_string(users.start) + "-" + std::to_string(users.end);
    }
    case FRA_IP_PROTO: return " ipproto " + std::to_string(attribute.As<uint8_t>().value_or(0));
    case FRA_SPORT_RANGE: return " sport " + std::to_string(range[0]) + "-" + std::to_string(range[1]);
    case FRA_DPORT_RANGE: return " dport " + std::to_string(range[0]) + "-" + std::to_string(range[1]);
    default: return " attribute-" + std::to_string(attribute.type);  // of a later kernel
  }
}
}  // namespace

std::string MarkText(uint32_t mark, uint32_t mask) {
  char text[40];
  snprintf(text, sizeof text, mask == kMax ? "fwmark 0x%x" : "fwmark 0x%x/0x%x", mark, mask);
  return text;
}

std::string Rule::Text() const {
  std::string text = "priority " + std::to_string(priority);
  if (mark) text += " " + MarkText(*mark, mask.value_or(kMax));
  return text + " " + ActionText(*this);
}

bool Rule::Matches(const Rule& other) const {
  return family == other.family && priority == other.priority && mark == other.mark &&
         mask.value_or(kMax) == other.mask.value_or(kMax) && table == other.table && action == other.action &&
         foreign == other.foreign && (!protocol || !other.protocol || protocol == other.protocol);
}

Rule ReadRule(const NetlinkMessage& message) {
  auto header = message.Body<fib_rule_hdr>();
  Rule rule{.family = header.family, .action = header.action};
  std::string extras = header.flags & FIB_RULE_INVERT ? " not" : "";
  if (header.tos) extras += " tos " + std::to_string(header.tos);
  for (const NetlinkAttribute& attribute : message.Attributes(sizeof header)) {
    auto number = attribute.As<uint32_t>();
    if (attribute.type == FRA_PRIORITY) rule.priority = number.value_or(0);
    if (attribute.type == FRA_FWMARK) rule.mark = number;
    if (attribute.type == FRA_FWMASK) rule.mask = number;
    if (attribute.type == FRA_TABLE) rule.table = number.value_or(0);
    if (attribute.type == FRA_PROTOCOL) rule.protocol = attribute.As<uint8_t>();
    extras += ForeignText(header.family, header, attribute);
  }
  if (rule.mask && !rule.mark) rule.mark = 0;  // the kernel leaves a zero out
  rule.foreign = !extras.empty() || (rule.action != FR_ACT_TO_TBL && rule.action != FR_ACT_UNREACHABLE);
  std::string mark = rule.mark ? " " + MarkText(*rule.mark, rule.mask.value_or(kMax)) : "";
  const char* from = extras.find(" from ") == std::string::npos ? " from all" : "";
  rule.description = std::to_string(rule.priority) + ":" + from + extras + mark + " " + ActionText(rule);
  return rule;
}

Rule RuleArgument(const Napi::Value& value, const char* name) {
  Napi::Object object = ObjectArgument(value, name);
  Rule rule{.family = FamilyArgument(object.Get("family"), "rule.family")};
  auto number = [&](const char* member, const char* full, int64_t min, int64_t max) {
    return IntegerArgument(object.Get(member), full, min, max);
  };
  auto given = [&](const char* member) { return !object.Get(member).IsUndefined(); };
  rule.priority = static_cast<uint32_t>(number("priority", "rule.priority", 0, kMax));
  if (given("mark")) rule.mark = static_cast<uint32_t>(number("mark", "rule.mark", 0, kMax));
  if (given("mask")) rule.mask = static_cast<uint32_t>(number("mask", "rule.mask", 0, kMax));
  if (rule.mask && !rule.mark) FailArgument("a mark beside the mask", "rule.mark", object.Get("mark"));
  if (given("protocol")) rule.protocol = static_cast<uint8_t>(number("protocol", "rule.protocol", 0, 255));
  if (given("foreign") && object.Get("foreign").ToBoolean())
    FailArgument("a rule that is not foreign", "rule.foreign", object.Get("foreign"));
  std::string action = StringArgument(object.Get("action"), "rule.action");
  if (action == "lookup") {
    rule.action = FR_ACT_TO_TBL;
    rule.table = static_cast<uint32_t>(number("table", "rule.table", 1, kMax));
  } else if (action == "unreachable") {
    rule.action = FR_ACT_UNREACHABLE;
  } else {
    FailArgument("'lookup' or 'unreachable'", "rule.action", object.Get("action"));
  }
  return rule;
}

Napi::Object RuleObject(Napi::Env env, const Rule& rule) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", FamilyName(rule.family));
  object.Set("priority", Napi::Number::New(env, rule.priority));
  if (rule.mark) object.Set("mark", Napi::Number::New(env, *rule.mark));
  if (rule.mark) object.Set("mask", Napi::Number::New(env, rule.mask.value_or(kMax)));
  if (rule.table) object.Set("table", Napi::Number::New(env, rule.table));
  object.Set("action", rule.action == FR_ACT_TO_TBL        ? "lookup"
                       : rule.action == FR_ACT_UNREACHABLE ? "unreachable"
                                                           : "other");
  if (rule.protocol) object.Set("protocol", Napi::Number::New(env, *rule.protocol));
  if (rule.foreign) object.Set("foreign", Napi::Boolean::New(env, true));
  object.Set("description", rule.description);
  return object;
}
