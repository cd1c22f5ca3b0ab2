// SPDX-License-Identifier: Apache-2.0
// Extensions of iptables are the same structures in legacy tables and, wrapped, in those of nf_tables.

#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_mark.h>

#include <algorithm>
#include <cstring>

#include "firewall.hpp"

namespace {
template <class Info>
Info InfoOf(std::span<const uint8_t> bytes) {
  Info info{};
  memcpy(&info, bytes.data(), std::min(sizeof info, bytes.size()));
  return info;
}
}  // namespace

uint32_t MarksOf(const std::string& target, uint32_t revision, std::span<const uint8_t> info) {
  if (target == "MARK") {
    auto mark = InfoOf<xt_mark_tginfo2>(info);
    return mark.mark | mark.mask;
  }
  if (target != "CONNMARK") return 0;
  // The second revision has its mode further back.
  auto first = InfoOf<xt_connmark_tginfo1>(info);
  uint8_t mode = revision < 2 ? first.mode : InfoOf<xt_connmark_tginfo2>(info).mode;
  return mode == XT_CONNMARK_RESTORE ? first.nfmask : 0;
}
