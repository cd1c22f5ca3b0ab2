// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <limits>

#include "address.hpp"
#include "argument.hpp"
#include "netns_operation.hpp"
#include "route.hpp"

namespace {
std::vector<uint8_t> DumpTable(Netlink& netlink, int family, uint32_t table) {
  NetlinkRequest request(RTM_GETROUTE, 0, rtmsg{.rtm_family = static_cast<uint8_t>(family)});
  request.Add(RTA_TABLE, table);
  try {
    return netlink.Dump(request, "RTM_GETROUTE");
  } catch (const KernelError& error) {
    if (error.error == ENOENT) return {};  // IPv4 makes a table with its first route
    throw;
  }
}

class ListRoutes : public NetnsOperation {
 public:
  ListRoutes(int family, uint32_t table) : family_(family), table_(table) {}
  int family() const override { return family_; }
  std::string Describe() const override {
    return "routes table " + std::to_string(table_) + " (" + FamilyName(family_) + ")";
  }
  void Perform(NetnsSession& session) override {
    std::vector<uint8_t> reply = DumpTable(session.route(), family_, table_);
    for (const NetlinkMessage& message : NetlinkMessages(reply)) {
      // Without strict checking, or without IPv6, the kernel dumps more than was asked for.
      if (message.type() != RTM_NEWROUTE || message.Body<rtmsg>().rtm_family != family_) continue;
      Route route = ReadRoute(message);
      if (route.table != table_) continue;
      if (route.interface_index) route.interface_name = InterfaceName(route.interface_index);
      routes_.push_back(std::move(route));
    }
  }
  Napi::Value Result(Napi::Env env) override {
    Napi::Array list = Napi::Array::New(env, routes_.size());
    for (uint32_t i = 0; i < routes_.size(); i++) list.Set(i, RouteObject(env, routes_[i]));
    return list;
  }

 private:
  int family_;
  uint32_t table_;
  std::vector<Route> routes_;
};

class ChangeRoute : public NetnsOperation {
 public:
  ChangeRoute(bool replace, Route route) : replace_(replace), route_(std::move(route)) {}
  int family() const override { return route_.family; }
  std::string Describe() const override {
    return (replace_ ? "replace-route " : "delete-route ") + route_.Text() + " (" +
           FamilyName(route_.family) + ")";
  }

  void Perform(NetnsSession& session) override {
    Netlink& netlink = session.route();
    if (!FindInterface()) return;
    NetlinkRequest request(replace_ ? RTM_NEWROUTE : RTM_DELROUTE,
                           replace_ ? NLM_F_CREATE | NLM_F_REPLACE : 0, Header());
    request.Add(RTA_TABLE, route_.table);
    if (route_.length) request.Add(RTA_DST, route_.destination.data(), route_.destination.size());
    if (!route_.source.empty()) request.Add(RTA_PREFSRC, route_.source.data(), route_.source.size());
    if (route_.interface_index) request.Add(RTA_OIF, route_.interface_index);
    int error = netlink.Acknowledge(request);
    bool absent = !replace_ && (error == ESRCH || error == ENOENT);
    if (error && !absent)
      throw KernelError{replace_ ? "netlink(RTM_NEWROUTE)" : "netlink(RTM_DELROUTE)", error,
                        netlink.reason()};
    deleted_ = !replace_ && !absent;
  }

  Napi::Value Result(Napi::Env env) override {
    return replace_ ? env.Undefined() : Napi::Boolean::New(env, deleted_).As<Napi::Value>();
  }

 private:
  // False: nothing to delete, the interface and so its routes are gone.
  bool FindInterface() {
    if (route_.interface_name.empty()) return true;
    route_.interface_index = if_nametoindex(route_.interface_name.c_str());
    if (route_.interface_index) return true;
    if (errno == ENODEV && !replace_) return false;
    throw KernelError{"if_nametoindex", errno, "interface " + route_.interface_name};
  }

  rtmsg Header() const {
    uint8_t natural = route_.type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
    return {.rtm_family = static_cast<uint8_t>(route_.family),
            .rtm_dst_len = route_.length,
            .rtm_table = static_cast<uint8_t>(route_.table < 256 ? route_.table : RT_TABLE_COMPAT),
            // a delete with 0 matches any protocol, with RT_SCOPE_NOWHERE any scope
            .rtm_protocol =
                route_.protocol.value_or(static_cast<uint8_t>(replace_ ? RTPROT_BOOT : RTPROT_UNSPEC)),
            .rtm_scope = route_.scope.value_or(replace_ ? natural : static_cast<uint8_t>(RT_SCOPE_NOWHERE)),
            .rtm_type = route_.type};
  }

  bool replace_;
  Route route_;
  bool deleted_ = false;
};
}  // namespace

OperationPointer ParseRouteOperation(const std::string& op, const Napi::Object& object) {
  if (op == "routes") {
    int64_t table = IntegerArgument(object.Get("table"), "table", 1, std::numeric_limits<uint32_t>::max());
    return std::make_unique<ListRoutes>(FamilyArgument(object.Get("family"), "family"),
                                        static_cast<uint32_t>(table));
  }
  if (op == "replace-route" || op == "delete-route")
    return std::make_unique<ChangeRoute>(op == "replace-route", RouteArgument(object.Get("route"), "route"));
  return nullptr;
}
