// SPDX-License-Identifier: Apache-2.0
#include "netns_operation.hpp"

#include <linux/sock_diag.h>
#include <linux/netlink.h>

#include "argument.hpp"

Netlink& NetnsSession::route() {
  if (!route_) route_.emplace(NETLINK_ROUTE);
  return *route_;
}

Netlink& NetnsSession::diag() {
  if (!diag_) diag_.emplace(NETLINK_SOCK_DIAG);
  return *diag_;
}

Netlink& NetnsSession::netfilter() {
  if (!netfilter_) netfilter_.emplace(NETLINK_NETFILTER);
  return *netfilter_;
}

OperationPointer ParseOperation(const Napi::Object& object) {
  Napi::Value name = object.Get("op");
  std::string op = StringArgument(name, "op");
  for (auto parse : {ParseAddressOperation, ParseRuleOperation, ParseRouteOperation, ParseSysctlOperation,
                     ParseSocketOperation, ParseDestruction, ParseMuteListener, ParseFirewallOperation, ParseForwarded})
    if (OperationPointer operation = parse(op, object)) return operation;
  if (OperationPointer operation = ParseSubscription(op)) return operation;
  FailArgument("the name of an operation", "op", name);
}
