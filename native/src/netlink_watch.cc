// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>

#include "argument.hpp"
#include "netlink_watch.hpp"
#include "netns_operation.hpp"

namespace {
constexpr int kDatagramsPerWake = 256;  // then other work of the loop gets its turn
constexpr std::array kGroups = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
                                RTNLGRP_IPV6_RULE};

uint32_t KindOf(uint16_t type) {
  switch (type) {
    case RTM_NEWADDR:
    case RTM_DELADDR: return kAddressChanged;
    case RTM_NEWRULE:
    case RTM_DELRULE: return kRuleChanged;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: return kRouteChanged;
    case RTM_NEWLINK:
    case RTM_DELLINK: return kLinkChanged;
    default: return 0;
  }
}

// Made on the run's thread; what was queued before the watch starts is kept by the socket.
class Subscribe : public NetnsOperation {
 public:
  std::string Describe() const override { return "watch"; }
  void Perform(NetnsSession&) override {
    UniqueFd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!socket_fd) throw KernelError{"socket(AF_NETLINK)", errno, ""};
    // Without a port id of its own a socket is taken for the sender and left out of every broadcast.
    sockaddr_nl own{.nl_family = AF_NETLINK};
    if (bind(socket_fd.Get(), reinterpret_cast<sockaddr*>(&own), sizeof own) < 0)
      throw KernelError{"bind(AF_NETLINK)", errno, ""};
    for (int group : kGroups) {
      if (setsockopt(socket_fd.Get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        throw KernelError{"setsockopt(NETLINK_ADD_MEMBERSHIP)", errno, ""};
    }
    socket_ = std::move(socket_fd);
  }
  Napi::Value Result(Napi::Env env) override {
    return WrapHandle(env, std::make_unique<NetlinkWatch>(env, std::move(socket_)));
  }

 private:
  UniqueFd socket_;
};
}  // namespace

void NetlinkWatch::Start(Napi::Object self, Napi::Function on_change) {
  if (watch_.started()) Fail("EINVALID_ARGUMENT", "the netns watch has started already");
  on_change_ = Napi::Persistent(on_change);
  watch_.Start(shared_environment(), socket_.Get(), [this] { Drain(); });
  KeepReachable(self);
}

void NetlinkWatch::Drain() {
  alignas(nlmsghdr) std::array<uint8_t, 16 * 1024> buffer;
  uint32_t kinds = 0;
  for (int i = 0; i < kDatagramsPerWake; i++) {
    ssize_t size = recv(socket_.Get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      kinds = kAllChanged;  // the kernel dropped messages, and nobody knows which
      continue;
    }
    if (size <= 0) break;
    if (static_cast<size_t>(size) > buffer.size()) {
      kinds = kAllChanged;  // it is cut: a route may have thousands of next hops
      continue;
    }
    for (const NetlinkMessage& message : NetlinkMessages({buffer.data(), static_cast<size_t>(size)}))
      kinds |= KindOf(message.type());
  }
  if (!kinds) return;
  CallFromLoop(
      environment().env(), on_change_, 1,
      [](napi_env env, size_t, void* data) {
        napi_value number = nullptr;
        napi_create_uint32(env, *static_cast<uint32_t*>(data), &number);
        return number;
      },
      &kinds);
}

void NetlinkWatch::OnClose() {
  watch_.Stop();
  socket_.Reset();
  on_change_.Reset();
}

OperationPointer ParseSubscription(const std::string& op) {
  return op == "watch" ? std::make_unique<Subscribe>() : nullptr;
}
