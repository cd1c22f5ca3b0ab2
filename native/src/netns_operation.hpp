// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "netlink.hpp"

// What the operations of one run share: sockets of the network namespace, opened at first use.
class NetnsSession {
 public:
  Netlink& route();  // NETLINK_ROUTE
  Netlink& diag();   // NETLINK_SOCK_DIAG
  Netlink& netfilter();

 private:
  std::optional<Netlink> route_;
  std::optional<Netlink> diag_;
  std::optional<Netlink> netfilter_;
};

// One operation, made from JavaScript's object. Made and asked for its result on the event loop, performed on
// a thread that is inside the network namespace.
class NetnsOperation {
 public:
  virtual ~NetnsOperation() = default;
  // "add-rule priority 1 fwmark 0x51c/0xfff lookup 5151 (ipv4)"
  virtual std::string Describe() const = 0;
  // Throws KernelError, TooLarge.
  virtual void Perform(NetnsSession& session) = 0;
  virtual Napi::Value Result(Napi::Env env) = 0;
  // AF_INET, AF_INET6, or AF_UNSPEC when it concerns neither
  virtual int family() const { return 0; }
};

using OperationPointer = std::unique_ptr<NetnsOperation>;

// Throws EINVALID_ARGUMENT.
OperationPointer ParseOperation(const Napi::Object& object);

// Each returns nullptr when `op` is not one of its own.
OperationPointer ParseAddressOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseRuleOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseRouteOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseSysctlOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseSocketOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseDestruction(const std::string& op, const Napi::Object& object);
OperationPointer ParseMuteListener(const std::string& op, const Napi::Object& object);
OperationPointer ParseFirewallOperation(const std::string& op, const Napi::Object& object);
OperationPointer ParseForwarded(const std::string& op, const Napi::Object& object);
OperationPointer ParseSubscription(const std::string& op);
