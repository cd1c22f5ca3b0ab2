// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netlink.hpp"

// A route without a gateway. Addresses are in network byte order.
struct Route {
  int family = 0;
  uint32_t table = 0;
  uint8_t type = 0;  // RTN_*
  std::vector<uint8_t> destination;
  uint8_t length = 0;           // 0: default
  std::vector<uint8_t> source;  // empty: the kernel chooses
  std::string interface_name;
  uint32_t interface_index = 0;
  std::optional<uint8_t> protocol;
  std::optional<uint8_t> scope;

  std::string Text() const;  // "local default dev lo src 10.0.0.1 table 5151 proto 51"
};

Route ReadRoute(const NetlinkMessage& message);  // leaves interface_name empty
Route RouteArgument(const Napi::Value& value, const char* name);
Napi::Object RouteObject(Napi::Env env, const Route& route);
