// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

#include "netlink.hpp"

// A policy routing rule that selects by mark alone.
struct Rule {
  int family = 0;
  uint32_t priority = 0;
  std::optional<uint32_t> mark;
  std::optional<uint32_t> mask;
  uint32_t table = 0;  // 0: none
  uint8_t action = 0;  // FR_ACT_*
  std::optional<uint8_t> protocol;
  bool foreign = false;     // selects or does something that the members above cannot say
  std::string description;  // one line, as `ip rule` prints it; only of rules that were read

  std::string Text() const;  // "priority 1 fwmark 0x51c/0xfff lookup 5151"
  // The same selector and action, and the same protocol where both say one.
  bool Matches(const Rule& other) const;
};

Rule ReadRule(const NetlinkMessage& message);
Rule RuleArgument(const Napi::Value& value, const char* name);
Napi::Object RuleObject(Napi::Env env, const Rule& rule);

// "fwmark 0x51c/0xfff"
std::string MarkText(uint32_t mark, uint32_t mask);
