// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "argument.hpp"
#include "netns_operation.hpp"
#include "sockdiag.hpp"

namespace {
bool IsLoopback(const MappedAddress& bytes) {
  in6_addr address;
  memcpy(&address, bytes.data(), sizeof address);
  return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && bytes[12] == 127);
}

std::set<MappedAddress> OwnAddresses(Netlink& netlink) {
  std::set<MappedAddress> own;
  NetlinkRequest request(RTM_GETADDR, 0, ifaddrmsg{.ifa_family = AF_UNSPEC});
  std::vector<uint8_t> reply = netlink.Dump(request, "RTM_GETADDR");
  for (const NetlinkMessage& message : NetlinkMessages(reply)) {
    auto body = message.Body<ifaddrmsg>();
    size_t size = body.ifa_family == AF_INET ? 4 : 16;
    std::vector<NetlinkAttribute> attributes = message.Attributes(sizeof body);
    // On a point-to-point interface IFA_ADDRESS is the other end's; IPv6 has IFA_LOCAL only there.
    auto local = std::find_if(attributes.begin(), attributes.end(),
                              [](const NetlinkAttribute& each) { return each.type == IFA_LOCAL; });
    if (local == attributes.end())
      local = std::find_if(attributes.begin(), attributes.end(),
                           [](const NetlinkAttribute& each) { return each.type == IFA_ADDRESS; });
    if (local != attributes.end() && local->data.size() >= size)
      own.insert(MapAddress(body.ifa_family, local->data.data()));
  }
  return own;
}

class DestroySockets : public NetnsOperation {
 public:
  DestroySockets(std::vector<MarkSelection> marks, bool transparent)
      : spared_marks_(std::move(marks)), spare_transparent_(transparent) {}
  std::string Describe() const override { return "destroy-sockets"; }
  void Perform(NetnsSession& session) override {
    RequireSupport(session.diag());
    own_ = OwnAddresses(session.route());
    for (uint8_t family : {AF_INET, AF_INET6})
      for (const TcpSocket& socket : DumpTcpSockets(session.diag(), family, kConnected))
        if (!Spares(socket)) Destroy(session.diag(), socket);
  }
  Napi::Value Result(Napi::Env env) override { return Napi::Number::New(env, count_); }

 private:
  // Asked with a socket that there cannot be: later the same answer also means a socket that has gone to
  // TIME_WAIT.
  void RequireSupport(Netlink& netlink) {
    if (Ask(netlink, AF_INET, {}) == EOPNOTSUPP)
      throw KernelError{"netlink(SOCK_DESTROY)", EOPNOTSUPP,
                        "the kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"};
  }

  bool IsLocal(const MappedAddress& bytes) const { return IsLoopback(bytes) || own_.contains(bytes); }

  bool Spares(const TcpSocket& socket) const {
    const inet_diag_msg& message = socket.message;
    if (IsLocal(MapAddress(message.idiag_family, message.id.idiag_src)) &&
        IsLocal(MapAddress(message.idiag_family, message.id.idiag_dst)))
      return true;
    if (spare_transparent_ && socket.transparent.value_or(false)) return true;
    return std::any_of(spared_marks_.begin(), spared_marks_.end(),
                       [&](const MarkSelection& spared) { return spared.Takes(socket.mark); });
  }

  int Ask(Netlink& netlink, uint8_t family, const inet_diag_sockid& id) {
    inet_diag_req_v2 body{.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .id = id};
    NetlinkRequest request(SOCK_DESTROY, 0, body);
    return netlink.Acknowledge(request);
  }

  // The id has the socket's cookie: another one that has the same addresses by now is left alone.
  void Destroy(Netlink& netlink, const TcpSocket& socket) {
    int error = Ask(netlink, socket.message.idiag_family, socket.message.id);
    if (error == 0) count_++;
    if (error && error != ENOENT && error != ESTALE && error != EOPNOTSUPP)
      throw KernelError{"netlink(SOCK_DESTROY)", error, netlink.reason()};
  }

  std::vector<MarkSelection> spared_marks_;
  bool spare_transparent_;
  std::set<MappedAddress> own_;
  uint32_t count_ = 0;
};
}  // namespace

OperationPointer ParseDestruction(const std::string& op, const Napi::Object& object) {
  if (op != "destroy-sockets") return nullptr;
  Napi::Array array = ArrayArgument(object.Get("except"), "except");
  std::vector<MarkSelection> marks;
  bool transparent = false;
  for (uint32_t i = 0; i < array.Length(); i++) {
    std::string name = "except[" + std::to_string(i) + "]";
    Napi::Object exception = ObjectArgument(array.Get(i), name.c_str());
    if (exception.Has("transparent"))
      transparent |= BooleanArgument(exception.Get("transparent"), "transparent");
    else
      marks.push_back(MarkArgument(exception));
  }
  return std::make_unique<DestroySockets>(std::move(marks), transparent);
}
