// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "environment.hpp"
#include "fd.hpp"
#include "watch_fd.hpp"

// The bits that lib/netns.ts names.
constexpr uint32_t kAddressChanged = 1, kRuleChanged = 2, kRouteChanged = 4, kLinkChanged = 8,
                   kAllChanged = 15;

// A subscription to another network namespace's addresses, rules, routes and links. Keeps that namespace
// alive.
class NetlinkWatch : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x6a1f0d3e5b7c4892, 0x9e21c04d7a5b6f13};
  static constexpr const char* kName = "netns watch";

  NetlinkWatch(Napi::Env env, UniqueFd socket) : Handle(env), socket_(std::move(socket)) {}
  ~NetlinkWatch() override { Close(); }
  // Calls `on_change` with a set of bits, once for each wake-up of the loop.
  void Start(Napi::Object self, Napi::Function on_change);

 protected:
  void OnClose() override;

 private:
  void Drain();
  UniqueFd socket_;
  FdWatch watch_;
  Napi::FunctionReference on_change_;
};
