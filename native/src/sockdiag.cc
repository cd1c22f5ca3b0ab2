// SPDX-License-Identifier: Apache-2.0
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <limits>

#include "argument.hpp"
#include "netns_operation.hpp"
#include "rule.hpp"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // 5.14
#endif

namespace {
// Every state of tcp_states.h from ESTABLISHED to NEW_SYN_RECV but the three that carry no connection.
constexpr uint32_t kConnected =
    ((1u << (TCP_CLOSING + 2)) - 2) & ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE);

// A program for the kernel's filter: one condition; a jump to its end accepts, past its end refuses.
struct MarkFilter {
  inet_diag_bc_op op;
  inet_diag_markcond condition;
};

class CountSockets : public NetnsOperation {
 public:
  CountSockets(uint32_t mark, uint32_t mask) : mark_(mark), mask_(mask) {}
  std::string Describe() const override { return "count-sockets " + MarkText(mark_, mask_); }
  void Perform(NetnsSession& session) override {
    for (uint8_t family : {AF_INET, AF_INET6}) Count(session.diag(), family);
  }
  Napi::Value Result(Napi::Env env) override { return Napi::Number::New(env, count_); }

 private:
  void Count(Netlink& netlink, uint8_t family) {
    inet_diag_req_v2 body{.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = kConnected};
    NetlinkRequest request(SOCK_DIAG_BY_FAMILY, 0, body);
    MarkFilter filter{.op = {.code = INET_DIAG_BC_MARK_COND, .yes = sizeof filter, .no = sizeof filter + 4},
                      .condition = {.mark = mark_, .mask = mask_}};
    request.Add(INET_DIAG_REQ_BYTECODE, &filter, sizeof filter);  // INET_DIAG_BC_MARK_COND: 4.16
    try {
      std::vector<uint8_t> reply = netlink.Dump(request, "SOCK_DIAG_BY_FAMILY");
      for (const NetlinkMessage& message : NetlinkMessages(reply))
        count_ += message.type() == SOCK_DIAG_BY_FAMILY;
    } catch (KernelError& error) {
      if (error.error == ENOENT) error.reason = "the kernel has no tcp_diag (CONFIG_INET_TCP_DIAG)";
      throw;
    }
  }

  uint32_t mark_;
  uint32_t mask_;
  uint32_t count_ = 0;
};

class ReadCookie : public NetnsOperation {
 public:
  std::string Describe() const override { return "cookie"; }
  void Perform(NetnsSession& session) override {
    socklen_t size = sizeof cookie_;
    if (getsockopt(session.route().fd(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie_, &size) < 0)
      throw KernelError{"getsockopt(SO_NETNS_COOKIE)", errno,
                        errno == ENOPROTOOPT ? "Linux 5.14 has it" : ""};
  }
  Napi::Value Result(Napi::Env env) override { return Napi::BigInt::New(env, cookie_); }

 private:
  uint64_t cookie_ = 0;
};
}  // namespace

OperationPointer ParseSocketOperation(const std::string& op, const Napi::Object& object) {
  constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
  if (op == "cookie") return std::make_unique<ReadCookie>();
  if (op == "count-sockets")
    return std::make_unique<CountSockets>(
        static_cast<uint32_t>(IntegerArgument(object.Get("mark"), "mark", 0, kMax)),
        static_cast<uint32_t>(IntegerArgument(object.Get("mask"), "mask", 0, kMax)));
  return nullptr;
}
